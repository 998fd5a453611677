"""Trains the models that elegan ships, and writes them with their cards.

    python benchmarks/train_shipped.py upscale-x2 upscale-x4 restore characters

Those for photos are trained through the command line on photos-cc0.zip (30 photos, CC0 or public
domain), which `$ELEGAN_DATA` or --photos names; a run that was cut off goes on. What is shipped are
the translator's weights in half precision, those from before the adversarial phase beside them, and
a card; the discriminator stays in the run. Scores are of the 8 test photos of the same collection,
which no training sees. Of characters, which need no data, see `characters_shipped.py`.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import characters_shipped
import torch
from figures import commit, provenance, table
from runs import Trained, parser, train
from safetensors.torch import load_file

from elegan.machine.files import save_tensors, sha256, write_durably
from elegan.models.shipping import SHIPPED
from elegan.scoring import evaluate_model

CHARACTERS = "characters"
SIDE = 512  # of the middle of each test photo
LICENCE = "CC0-1.0 or public domain, as the photos' collections state"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one shipped model is trained.

    Attributes:
        flags: of `elegan train`, after DATA.
        images: crops that it sees.
        about: what the network does.
    """

    flags: tuple[str, ...]
    images: int
    about: str


RECIPES = {
    f"upscale-x{scale}": Recipe(
        flags=(
            *("--task", "upscale", "--scale", str(scale), "--batch", "8"),
            *("--translate.depth", "8", "--translate.patch", str(patch)),
        ),
        images=1_000_000,
        about=f"makes photos {scale} times larger",
    )
    for scale, patch in ((2, 96), (3, 120), (4, 128))
}
RECIPES["restore"] = Recipe(
    flags=(
        *("--task", "restore", "--degradation", "denoise"),
        *("--translate.adversarial-from", "1"),  # what an adversary adds to noise is more of it
    ),
    images=1_000_000,
    about="takes away noise and what JPEG leaves",
)


def ship(run: Trained, name: str, recipe: Recipe, photos: Path) -> Path:
    """Writes a run's translator as a shipped model and returns its folder."""
    source, folder = run.path / "model", SHIPPED / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*"):
        old.unlink()
    facts = json.loads((source / "model.json").read_text(encoding="utf-8"))
    facts.pop("discriminator", None)
    for part, kind in ((facts, "translator"), (facts.get("fidelity"), "fidelity")):
        if part is not None:
            part.update(_halved(source / part["tensors"], folder, kind))
    facts["training"] = {**facts["training"], "device": _device(run), "licence": LICENCE}
    write_durably(folder / "model.json", json.dumps(facts, indent=2) + "\n")
    write_durably(folder / "README.md", card(run, name, recipe, folder, photos))
    return folder


def _halved(weights: Path, folder: Path, kind: str) -> dict[str, str]:
    tensors = {
        name: one.half() if one.dtype == torch.float32 else one
        for name, one in load_file(weights).items()
    }
    target = folder / f"{kind}.safetensors"
    save_tensors(target, tensors)
    return {"tensors": target.name, "sha256": sha256(target)}


def _device(run: Trained) -> str:
    environment = json.loads((run.path / "environment.json").read_text(encoding="utf-8"))
    if environment["device"] == "cuda":
        return environment["reason"]
    return f"{provenance()['cpu']}, {environment['threads']} thread(s), {environment['precision']}"


def card(run: Trained, name: str, recipe: Recipe, folder: Path, photos: Path) -> str:
    """Returns the model card: what it is for, its data, its making, its scores, its limits."""
    scores = evaluate_model(folder, str(photos), split="test", side=SIDE)
    head = ["on", "row", "PSNR Y", "SSIM Y", "PSNR", "SSIM", "PD"]
    names = ("psnr_y", "ssim_y", "psnr", "ssim", "pd")
    rows = [
        [row["on"], row["row"], *(f"{row[one]:.4g}" for one in names if one in row)]
        for row in scores["rows"]
    ]
    return "\n".join(
        [
            f"# {name}",
            "",
            f"A network that {recipe.about}, shipped with elegan.",
            "",
            f"- Trained with `{_command(run, photos)}`, commit {run.facts['commit']}, on"
            f" {_device(run)}: {run.images:,} crops in {run.seconds / 60:.0f} minutes.",
            f"- Data: photos-cc0, 30 photos, {LICENCE}. Nothing else.",
            "- Weights: the same licence as elegan (MIT), half precision.",
            "- It has seen thirty photos: landscapes, cities and animals. Faces, text and drawings"
            " are rare among them.",
            "",
            f"Scores on the middle {SIDE} pixels of the 8 test photos of the collection."
            f" {scores['protocol']}",
            "",
            table(head[: 2 + sum(one in scores["rows"][0] for one in names)], rows),
            "",
        ]
    )


def _command(run: Trained, photos: Path) -> str:
    """The command without the folder that the photos lie in on this machine."""
    return run.facts["command"].replace(str(photos), photos.name)


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=0)
    flags.set_defaults(runs=Path("runs/shipped"))
    flags.add_argument("names", nargs="+", choices=sorted((*RECIPES, CHARACTERS)))
    flags.add_argument("--photos", type=Path, help="photos-cc0.zip")
    options: Any = flags.parse_args()
    photos = options.photos or Path(os.environ.get("ELEGAN_DATA", ".")) / "photos-cc0.zip"
    if not photos.exists() and options.names != [CHARACTERS]:
        sys.exit(f"There is no {photos}. Name it with --photos, or set ELEGAN_DATA.")
    for name in options.names:
        print(f"{name}: commit {commit()}", file=sys.stderr)
        if name == CHARACTERS:
            print(ship_characters(options.runs, options.images or characters_shipped.IMAGES))
            continue
        recipe = RECIPES[name]
        run = train(options.runs, name, str(photos), options.images or recipe.images, recipe.flags)
        print(ship(run, name, recipe, photos))


def ship_characters(runs: Path, images: int) -> Path:
    """Trains the model of characters, writes it as a shipped one and returns its folder."""
    run = characters_shipped.train(runs, images)
    folder = SHIPPED / CHARACTERS
    characters_shipped.ship(run, folder)
    text = characters_shipped.card(run, folder, images)
    write_durably(folder / "README.md", text)
    return folder


if __name__ == "__main__":
    main()
