"""The model folder of characters: three parts, one model.json; and the folder of one stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from elegan.errors import EleganError
from elegan.models.saving import FORMAT, UNREADABLE, VERSION, read_facts, read_tensors, save_parts

STAGES = ("maps", "points", "render")
TASK = "characters"


def save_stage(
    folder: Path,
    stage: str,
    network: nn.Module,
    *,
    sizes: Mapping[str, Any],
    facts: Mapping[str, Any],
    training: Mapping[str, Any],
) -> None:
    """Writes one stage as a model folder of its own.

    Args:
        stage: one of `STAGES`.
        sizes: what builds the network again.
        facts: what using it depends on, as JSON values.
    """
    head = {"format": FORMAT, "version": VERSION, "task": f"{TASK}-{stage}", "stage": stage}
    entry = {"sizes": dict(sizes), **facts, "training": dict(training)}
    save_parts(folder, head, {stage: (network.state_dict(), entry)})


def read_stage(folder: Path, stage: str) -> dict[str, Any]:
    """Returns the entry of a stage in model.json of a stage's or a whole model's folder.

    Raises:
        EleganError: there is no such model, or it cannot be read.
    """
    try:
        facts = read_facts(folder)
        return facts[stage]
    except UNREADABLE as error:
        raise EleganError(
            f"The stage '{stage}' in {folder} cannot be read: {error}. Train it with"
            f" `elegan train DATA --task {TASK}-{stage}`."
        ) from error


def join_stages(folders: Mapping[str, Path], out: Path) -> None:
    """Writes one model folder from those of the three stages.

    Raises:
        EleganError: a stage is missing or damaged, or the stages do not fit together.
    """
    entries = {stage: read_stage(folders[stage], stage) for stage in STAGES}
    if entries["maps"]["sizes"]["resolution"] != entries["points"]["resolution"]:
        raise EleganError(
            "The stages do not fit together: maps are"
            f" {entries['maps']['sizes']['resolution']} pixels wide, the points were learnt on"
            f" {entries['points']['resolution']}. Train both with one --characters.maps."
        )
    parts = {}
    for stage, entry in entries.items():
        try:
            parts[stage] = (read_tensors(folders[stage], entry), entry)
        except UNREADABLE as error:
            raise EleganError(f"The stage in {folders[stage]} cannot be read: {error}.") from error
    head = {
        "format": FORMAT,
        "version": VERSION,
        "task": TASK,
        "resolution": entries["render"]["resolution"],
        "licence": entries["maps"]["data"]["licence"],
    }
    save_parts(out, head, parts)
