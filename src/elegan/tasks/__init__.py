"""One module per use. A task names networks, losses, a preview and a score; it never loops."""

from elegan.tasks.generate import Generate

TASKS = {"generate": Generate}
"""Every task by name; `elegan list tasks` prints it."""

__all__ = ["TASKS", "Generate"]
