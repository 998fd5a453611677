"""One folder for each use of the engine, and the registry, which alone knows their names."""

from pathlib import Path
from typing import Any

from elegan.applications.characters.task import CHARACTERS
from elegan.applications.classify.task import CLASSIFY
from elegan.applications.generate.task import GENERATE
from elegan.applications.photos.task import RESTORE, UPSCALE
from elegan.applications.styles.task import STYLIZE
from elegan.models.saving import UNREADABLE, find_model, read_config, unreadable
from elegan.training.task import TaskSpec

TASKS: dict[str, TaskSpec] = {
    "generate": GENERATE,
    "classify": CLASSIFY,
    "upscale": UPSCALE,
    "restore": RESTORE,
    "stylize": STYLIZE,
    **CHARACTERS,
}
"""Every task by name; `elegan list tasks` prints it."""


def load_model(path: Path | str, *, device: str = "auto", precision: str = "auto") -> Any:
    """Loads the model of a run folder, a model folder or a file within, by the task it is for.

    Raises:
        EleganError: nothing there is a model, or its weights do not match their SHA-256.
    """
    folder = find_model(Path(path))
    try:
        task = read_config(folder)["task"]
    except UNREADABLE as error:
        raise unreadable(folder, error) from error
    return TASKS[task if task in TASKS else "generate"].load(Path(path), device, precision)
