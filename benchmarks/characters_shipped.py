"""Trains the model of characters that elegan ships, and writes it with its card.

    python benchmarks/train_shipped.py characters

It is trained from nothing on what elegan's renderer draws, by the one command that the card names.
What is shipped are the three generators in half precision; discriminators stay in the run.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from figures import commit, last_json, provenance, table
from runs import ELEGAN

from elegan.applications.characters.map_model import STAGES
from elegan.applications.characters.model import CharacterModel
from elegan.applications.characters.scoring import score
from elegan.models.saving import read_config, read_tensors, save_parts

DATA, IMAGES = "rendered", 14_400
RUNS = Path("runs/shipped")
LIMIT = 5_000_000  # bytes of the whole folder
_COUNT = 100  # true characters, and as many maps drawn, for the card


def train(runs: Path, images: int) -> Path:
    """Trains, goes on with a run that was cut off, or takes one that is complete; its folder."""
    path = runs / f"characters-{images}"
    note = path.with_name(f"{path.name}.commit")
    if not note.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{commit()}\n", encoding="utf-8")
    print(command(path, images), file=sys.stderr, flush=True)
    last_json([*ELEGAN, *command(path, images).split()[1:], "--json"])
    return path


def command(path: Path, images: int) -> str:
    """What a person types to train the same."""
    return f"elegan train {DATA} --images {images} --task characters --out {path}"


def ship(run: Path, folder: Path) -> None:
    """Writes a run's model, halved.

    Raises:
        ValueError: it is larger than what may be shipped.
    """
    source = run / "model"
    head = read_config(source)
    parts = {}
    for stage in STAGES:
        entry = head.pop(stage)
        halved = {
            name: one.half() if one.dtype == torch.float32 else one
            for name, one in read_tensors(source, entry).items()
        }
        parts[stage] = (halved, entry)
    save_parts(folder, head, parts)
    size = sum(one.stat().st_size for one in folder.iterdir())
    if size > LIMIT:
        raise ValueError(f"{folder} has {size:,} bytes, more than {LIMIT:,}.")


def card(run: Path, folder: Path, images: int, scores: Mapping[str, Any] | None = None) -> str:
    """Returns the model card: what it is for, its data, its making, its scores, its limits.

    Args:
        scores: of `scoring.characters.score`, where they have been taken already.
    """
    model = CharacterModel.load(folder)
    if scores is None:
        scores = score(model, DATA, n=_COUNT)
    maps, points = scores["maps"], scores["points"]
    rows = [
        ["valid maps, as drawn", f"{maps['valid']:.1%}"],
        ["key points, NME of the face's width", f"{points['nme']:.2%}"],
        ["key points, PCK@.05", f"{points['pck']:.1%}"],
        ["outlines, IoU of main parts", f"{points['iou_main']:.3f}"],
    ]
    rows += [[f"outlines, IoU, {name}", f"{value:.3f}"] for name, value in points["iou"].items()]
    done = [model.config[stage]["training"] for stage in STAGES]
    stages = [
        f"{stage} {one['images']:,} in {one['seconds'] / 60:.0f} minutes"
        for stage, one in zip(STAGES, done, strict=True)
    ]
    note = run.with_name(f"{run.name}.commit")
    begun = note.read_text(encoding="utf-8").strip() if note.is_file() else "not noted"
    size = sum(one.stat().st_size for one in folder.glob("*.safetensors")) / 1e6
    return "\n".join(
        [
            "# characters",
            "",
            "Draws anime-like characters: maps of parts, key points, outlines, the finished picture"
            f" at {model.resolution} pixels. Shipped with elegan: `elegan character --out made`.",
            "",
            f"- Trained from nothing with `{command(RUNS / run.name, images)}`, commit {begun}, on"
            f" {_device(run)}. Characters seen: {'; '.join(stages)}.",
            "- Data: characters that elegan's own renderer draws. No picture of anybody's.",
            f"- Weights: the same licence as elegan (MIT), half precision, {size:.1f} MB.",
            "- It knows the renderer's heads, seen from the front, and nothing else.",
            "",
            f"Scores on {scores['characters']} characters whose hair, eyes, mouths and clothes it"
            f" has not seen, and {scores['drawn']} maps that it drew; `elegan character` draws"
            " another map in place of one that is not valid.",
            "",
            table(["", "score"], rows),
            "",
        ]
    )


def _device(run: Path) -> str:
    path = run / STAGES[0] / "environment.json"
    environment: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if environment["device"] == "cuda":
        return environment["reason"]
    return f"{provenance()['cpu']}, {environment['threads']} thread(s), {environment['precision']}"
