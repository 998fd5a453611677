"""The small models that come with elegan, one folder each."""

from pathlib import Path
from typing import Any

from elegan.common.errors import EleganError
from elegan.models import saving
from elegan.models.saving import UNREADABLE, read_config


def shipped_models() -> dict[str, dict[str, Any]]:
    """Returns the content of model.json of every shipped model, by name."""
    found = {}
    for path in sorted(saving.SHIPPED.glob("*/model.json")):
        try:
            found[path.parent.name] = read_config(path.parent)
        except UNREADABLE:  # a damaged installation; whoever names the model is told so
            continue
    return found


def shipped_of(task: str) -> list[Path]:
    """Returns the folders of the models that are shipped for a task, in order of their names."""
    return [
        saving.SHIPPED / name
        for name, config in shipped_models().items()
        if config.get("task") == task
    ]


def find_shipped(task: str, scale: float | None = None, family: str = "") -> Path:
    """Returns the folder of the model that serves a task by default.

    Of several the one with the next larger scale (by default the smallest), else the largest. Of
    restorers the one that knows a family of damage. Of equals the one with the shortest name.

    Raises:
        EleganError: none is shipped for that task.
    """
    models = {name: model for name, model in shipped_models().items() if model["task"] == task}
    families = {name: model["recipe"].get("families", ()) for name, model in models.items()}
    knowing = [name for name, known in families.items() if family in known] or list(models)
    of_task = {name: models[name]["shape"]["scale"] for name in knowing}
    if not of_task:
        raise EleganError(
            f"No model for '{task}' comes with this elegan. Train one with"
            f" `elegan train PHOTOS --task {task}`, then name its run: --model RUN."
        )
    wanted = 1.0 if scale is None else scale
    enough = {name: item for name, item in of_task.items() if item >= wanted}
    best = min(enough.values()) if enough else max(of_task.values())
    equals = [name for name, item in of_task.items() if item == best]
    return saving.SHIPPED / min(equals, key=lambda name: (len(name), name))
