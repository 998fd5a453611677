"""The small models that come with elegan, one folder each."""

from pathlib import Path
from typing import Any

from elegan.errors import EleganError
from elegan.models.saving import UNREADABLE, read_facts

SHIPPED = Path(__file__).parent / "shipped"


def shipped_models() -> dict[str, dict[str, Any]]:
    """Returns the content of model.json of every shipped model, by name."""
    found = {}
    for path in sorted(SHIPPED.glob("*/model.json")):
        try:
            found[path.parent.name] = read_facts(path.parent)
        except UNREADABLE:  # a damaged installation; whoever names the model is told so
            continue
    return found


def shipped_of(task: str) -> list[Path]:
    """Returns the folders of the models that are shipped for a task, in order of their names."""
    return [SHIPPED / name for name, facts in shipped_models().items() if facts.get("task") == task]


def shipped_folder(name: str) -> Path | None:
    """Returns the folder of a shipped model, or None where none has that name."""
    if "/" in name or "\\" in name or Path(name).exists():
        return None
    folder = SHIPPED / name
    return folder if (folder / "model.json").is_file() else None


def find_shipped(task: str, scale: float | None = None) -> Path:
    """Returns the folder of the model that serves a task by default.

    Of several the one with the next larger scale (by default the smallest), else the largest; of
    equals the one with the shortest name.

    Raises:
        EleganError: none is shipped for that task.
    """
    of_task = {
        name: facts["shape"]["scale"]
        for name, facts in shipped_models().items()
        if facts["task"] == task
    }
    if not of_task:
        raise EleganError(
            f"No model for '{task}' comes with this elegan. Train one with"
            f" `elegan train PHOTOS --task {task}`, then name its run: --model RUN."
        )
    wanted = 1.0 if scale is None else scale
    enough = {name: one for name, one in of_task.items() if one >= wanted}
    best = min(enough.values()) if enough else max(of_task.values())
    equals = [name for name, one in of_task.items() if one == best]
    return SHIPPED / min(equals, key=lambda name: (len(name), name))
