"""Trains the models that elegan ships, and writes them with their cards.

    python benchmarks/train_shipped.py upscale-x2 upscale-x4 restore-noise restore-all

Those for photos are trained through the command line on photos-cc0.zip (30 photos, CC0 or public
domain), or on photos-open.zip, which `more_photos.py` makes of it; they lie in `$ELEGAN_DATA`, or
where --photos says. A run that was cut off goes on. What is shipped are
the translator's weights in half precision, those from before the adversarial phase beside them, and
a card; the discriminator stays in the run. What takes two legs begins with the weights of a longer
run, trained before it, which is for an accelerator: on a CPU alone it takes a day. Scores are of
the 8 test photos of the same collection, which no training sees. Of characters, which need no data,
see `characters_shipped.py`.
"""

import csv
import json
import os
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import characters_shipped
import torch
from figures import commit, provenance, table
from runs import Trained, parser, train
from safetensors.torch import load_file
from torch import Tensor

from elegan.applications.runs import evaluate_model
from elegan.common.files import save_tensors, sha256, write_durably
from elegan.models.saving import SHIPPED

CHARACTERS = "characters"
SIDE = 512  # of the middle of each test photo
LICENCE = "CC0-1.0 or public domain, as the photos' collections state"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one shipped model is trained.

    Attributes:
        name: of the model, and of the run's folder with the number of crops.
        flags: of `elegan train`, after DATA.
        images: crops that it sees.
        about: what the network does.
        begin: what is trained before, and whose weights the run begins with.
        faithful: whether only the weights from before the adversarial phase are shipped, where it
            brought nothing.
        blend: where between the weights from before the adversarial phase, 0, and those of its end,
            1, what is shipped lies: between them sharpness comes before artefacts do.
        photos: the archive that it is trained on.
    """

    name: str
    flags: tuple[str, ...]
    images: int
    about: str
    begin: "Recipe | None" = None
    faithful: bool = False
    blend: float = 1.0
    photos: str = "photos-cc0.zip"


def _upscaling(scale: int, patch: int, images: int, rate: str, share: str, **more: Any) -> Recipe:
    """Of crops of so many pixels; `share` of the run is for fidelity alone."""
    return Recipe(
        name=f"upscale-x{scale}",
        flags=(
            *("--task", "upscale", "--scale", str(scale), "--translate.patch", str(patch)),
            *("--network.generator-width", "64", "--translate.depth", "10"),
            *("--optimizer.generator-rate", rate, "--translate.adversarial-from", share),
        ),
        images=images,
        about=f"makes photos {scale} times larger",
        **more,
    )


def _restoring(images: int, *flags: str, begin: Recipe | None = None) -> Recipe:
    return Recipe(
        name="restore-all",
        flags=(
            *("--task", "restore", "--network.name", "photo-restorer", "--translate.depth", "2"),
            *flags,
        ),
        images=images,
        about="undoes holes, scratches, rain, haze, stripes, blur, noise and what JPEG leaves",
        begin=begin,
    )


def _restoring_one(
    name: str, family: str, images: int, about: str, *, batch: int = 8, patch: int = 64, **more: Any
) -> Recipe:
    return Recipe(
        name=f"restore-{name}",
        flags=(
            *("--task", "restore", "--degradation", family, "--batch", str(batch)),
            *("--translate.patch", str(patch), "--translate.shrink", "0.8"),
            *("--optimizer.generator-rate", "1e-3", "--translate.adversarial-from", "1"),
        ),
        images=images,
        about=about,
        **more,
    )


TWICE = _upscaling(2, 96, 320_000, "1e-3", "0.85", faithful=True)
FOUR = _upscaling(4, 128, 16_000, "5e-4", "1", begin=TWICE)
DAMAGES = _restoring(185_000, "--batch", "16", "--translate.patch", "128")
RECIPES = {
    one.name: one
    for one in (
        TWICE,
        _upscaling(
            *(4, 128, 40_000, "5e-4", "0.1"), begin=FOUR, blend=0.6, photos="photos-open.zip"
        ),
        _restoring(
            18_000,
            *("--batch", "4", "--translate.patch", "96", "--translate.shrink", "0.8"),
            *("--optimizer.generator-rate", "3e-4", "--translate.adversarial-from", "1"),
            begin=DAMAGES,
        ),
        _restoring_one(
            *("noise", "denoise", 272_000, "takes away noise and what JPEG leaves"),
            batch=16,
            photos="photos-open.zip",
        ),
        _restoring_one(
            *("blur", "deblur", 40_000, "sharpens what is out of focus or moved"),
            patch=96,
            photos="photos-open.zip",
        ),
        _restoring_one(
            *("rain", "derain", 70_000, "takes away rain"),
            patch=96,
            photos="photos-open.zip",
        ),
    )
}
"""The first legs are for an accelerator; what follows takes about an hour of a CPU each."""


def ship(legs: list[Trained], recipe: Recipe, photos: Path) -> Path:
    """Writes the translator of the last of a recipe's runs as shipped and returns its folder."""
    run, folder = legs[-1], SHIPPED / recipe.name
    source = run.path / "model"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*"):
        old.unlink()
    facts = json.loads((source / "model.json").read_text(encoding="utf-8"))
    facts.pop("discriminator", None)
    if recipe.faithful:
        facts.update(facts.pop("fidelity"))
    before = facts.get("fidelity")
    weights = load_file(source / facts["tensors"])
    if before:
        faithful = load_file(source / before["tensors"])
        before.update(_saved(faithful, folder, "fidelity"))
        for name, one in weights.items():
            weights[name] = torch.lerp(faithful[name], one, recipe.blend)
    facts.update(_saved(weights, folder, "translator"))
    facts["training"] = {
        **facts["training"],
        "precision": run.facts["precision"],
        "device": _device(run),
        "licence": LICENCE,
    }
    if len(legs) > 1:
        first = legs[0]
        facts["training"]["begun_with"] = {
            "images": first.images,
            "seconds": first.seconds,
            "device": _device(first),
        }
    write_durably(folder / "model.json", json.dumps(facts, indent=2) + "\n")
    write_durably(folder / "README.md", card(legs, recipe, folder, photos))
    return folder


def _saved(weights: dict[str, Tensor], folder: Path, kind: str) -> dict[str, str]:
    target = folder / f"{kind}.safetensors"
    save_tensors(target, {name: one.half() for name, one in weights.items()})
    return {"tensors": target.name, "sha256": sha256(target)}


def _device(run: Trained) -> str:
    """The accelerator's name, or the CPU's and its threads, and the number format."""
    where = run.facts["accelerator"] or f"{provenance()['cpu']}, {run.facts['threads']} thread(s)"
    return f"{where}, {run.facts['precision']}"


def card(legs: list[Trained], recipe: Recipe, folder: Path, photos: Path) -> str:
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
            f"# {recipe.name}",
            "",
            f"A network that {recipe.about}, shipped with elegan.",
            "",
            *(
                f"- Trained with `{_command(run, photos)}`, commit {run.facts['commit']}, on"
                f" {_device(run)}: {run.images:,} crops in {run.seconds / 60:.0f} minutes."
                for run in legs
            ),
            *(
                ["- Shipped are the weights from before the adversarial phase; it brought nothing."]
                if recipe.faithful
                else []
            ),
            *(
                [f"- Shipped are {recipe.blend:.0%} of what the adversarial phase changed."]
                if recipe.blend < 1
                else []
            ),
            *_data(photos),
            "- Weights: the same licence as elegan (MIT), half precision.",
            "- Most are of landscapes, cities and animals; faces, text and drawings are rare.",
            "",
            f"Scores on the middle {SIDE} pixels of the 8 test photos of the collection."
            f" {scores['protocol']}",
            "",
            table(head[: 2 + sum(one in scores["rows"][0] for one in names)], rows),
            "",
        ]
    )


def _data(photos: Path) -> list[str]:
    """What a model was trained on, and whom to thank for it."""
    with zipfile.ZipFile(photos) as archive:
        count = sum(name.startswith("train/") for name in archive.namelist())
        added = []
        if "SOURCES-added.csv" in archive.namelist():
            text = archive.read("SOURCES-added.csv").decode()
            added = list(csv.DictReader(text.splitlines()))
    lines = [f"- Data: photos-cc0, {count - len(added)} photos, {LICENCE}."]
    if added:
        thanks = (f"{row['path']} by {row['author']} ({row['licence']})" for row in added)
        lines.append(f"- And {len(added)} more, made smaller: {'; '.join(thanks)}.")
    return lines


def _command(run: Trained, photos: Path) -> str:
    """The command without the folders of this machine."""
    command = run.facts["command"].replace(str(photos), photos.name)
    return command.replace(str(run.path), f"runs/shipped/{run.path.name}")


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=0)
    flags.set_defaults(runs=Path("runs/shipped"))
    flags.add_argument("names", nargs="+", choices=sorted((*RECIPES, CHARACTERS)))
    flags.add_argument("--photos", type=Path, help="the archive")
    options: Any = flags.parse_args()
    for name in options.names:
        print(f"{name}: commit {commit()}", file=sys.stderr)
        if name == CHARACTERS:
            print(ship_characters(options.runs, options.images or characters_shipped.IMAGES))
            continue
        recipe = RECIPES[name]
        photos = options.photos or Path(os.environ.get("ELEGAN_DATA", ".")) / recipe.photos
        if not photos.exists():
            sys.exit(f"There is no {photos}. Name it with --photos, or set ELEGAN_DATA.")
        print(ship(train_legs(options.runs, recipe, photos, options.images), recipe, photos))


def train_legs(runs: Path, recipe: Recipe, photos: Path, images: int = 0) -> list[Trained]:
    """Trains what a recipe begins with, then the recipe's own run, to `images` if that is given."""
    before = train_legs(runs, recipe.begin, photos) if recipe.begin else []
    words = [*recipe.flags, *(("--from", str(before[-1].path)) if before else ())]
    return [*before, train(runs, recipe.name, str(photos), images or recipe.images, words)]


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
