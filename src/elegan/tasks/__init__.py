"""One module per use. A task names networks, losses, a preview and a score; it never loops."""

from elegan.tasks.classify import Classify
from elegan.tasks.generate import Generate

TASKS = {"generate": Generate, "classify": Classify}
"""Every task by name; `elegan list tasks` prints it."""

__all__ = ["TASKS", "Classify", "Generate"]
