"""Trains the models that elegan ships, and writes them with their cards.

    python benchmarks/train_shipped.py upscale-x2 upscale-x4 restore-noise restore-holes

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
from elegan.models import TranslationModel
from elegan.models.saving import SHIPPED

CHARACTERS, ICONS = "characters", "icons"
FONT_LICENCE = "SIL Open Font License 1.1"
FILLED_AT = 15 / 50  # of the full strength of noise: a filler takes photos for so noisy
SIDE = 512  # of the middle of each test photo
_TESTED = f"the middle {SIDE} pixels of the 8 test photos of the collection"
LICENCE = "CC0-1.0 or public domain, as the photos' collections state"
SHARE_ALIKE = "CC BY-SA 4.0"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one shipped model is trained.

    Attributes:
        name: of the model, and of the run's folder with the number of crops.
        flags: of `elegan train`, after DATA.
        images: crops that it sees.
        about: what the network does.
        begin: what is trained before, and whose weights the run begins with.
        filling: whether it begins with a denoiser made to fill; see `as_filler`.
        faithful: whether only the weights from before the adversarial phase are shipped, where it
            brought nothing.
        blend: where between the weights from before the adversarial phase, 0, and those of its end,
            1, what is shipped lies: between them sharpness comes before artefacts do.
        photos: the archive that it is trained on.
        drawn: what to say of data that are no photos: whose they are, and what the network knows.
    """

    name: str
    flags: tuple[str, ...]
    images: int
    about: str
    begin: "Recipe | None" = None
    filling: bool = False
    faithful: bool = False
    blend: float = 1.0
    photos: str = "photos-cc0.zip"
    drawn: tuple[str, ...] = ()


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


def _restoring(
    name: str,
    family: str,
    images: int,
    about: str,
    *flags: str,
    batch: int = 8,
    patch: int = 64,
    rate: str = "1e-3",
    **more: Any,
) -> Recipe:
    return Recipe(
        name=f"restore-{name}",
        flags=(
            *("--task", "restore", "--degradation", family, "--batch", str(batch)),
            *("--translate.patch", str(patch), "--translate.shrink", "0.8", *flags),
            *("--optimizer.generator-rate", rate, "--translate.adversarial-from", "1"),
        ),
        images=images,
        about=about,
        photos="photos-open.zip",
        **more,
    )


def _denoising(name: str, images: int, rate: str, begin: Recipe | None = None) -> Recipe:
    about = "takes away noise and what JPEG leaves"
    return _restoring(name, "denoise", images, about, batch=16, rate=rate, begin=begin)


def _drying(name: str, images: int, rate: str, begin: Recipe | None = None) -> Recipe:
    return _restoring(name, "derain", images, "takes away rain", patch=96, rate=rate, begin=begin)


TWICE = _upscaling(2, 96, 320_000, "1e-3", "0.85", faithful=True)
FOUR = _upscaling(4, 128, 16_000, "5e-4", "1", begin=TWICE)
PLAIN = _denoising("noise-plain", 200_000, "1e-3")
TEXTURED = _denoising("noise-textured", 80_000, "5e-4", PLAIN)
NOISE = _denoising("noise", 200_000, "7e-4", TEXTURED)
RECIPES = {
    one.name: one
    for one in (
        TWICE,
        _upscaling(
            *(4, 128, 40_000, "5e-4", "0.1"), begin=FOUR, blend=0.6, photos="photos-open.zip"
        ),
        NOISE,
        _restoring(
            *("holes", "inpaint", 54_000, "fills holes, scratches and lettering"),
            *("--translate.holes", "20"),
            patch=96,
            rate="5e-4",
            begin=NOISE,
            filling=True,
        ),
        _restoring(*("blur", "deblur", 40_000, "sharpens what is out of focus or moved"), patch=96),
        _drying("rain", 90_000, "7e-4", _drying("rain-first", 70_000, "1e-3")),
        Recipe(
            name="line-art",
            flags=("--task", "stylize", "--translate.flat"),
            images=60_000,
            about="colours line drawings, each area between lines flat",
            photos="openmoji-line2color-1400.zip",
            drawn=(
                "- Data: 1,200 line drawings and the same in colours, by OpenMoji"
                f" (https://openmoji.org), {SHARE_ALIKE}.",
                f"- Weights: {SHARE_ALIKE}, as the drawings; half precision.",
                "- It knows emoji of 72 pixels: faces, people, animals, food, things. Where a shape"
                " does not tell its colour, it guesses one.",
            ),
        ),
    )
}
"""TWICE is for an accelerator; each of the others takes one to two hours of a thread. Those of
noise were trained with the losses of their commits, the last with that of today."""


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
        "licence": SHARE_ALIKE if recipe.drawn else LICENCE,
    }
    if len(legs) > 1:
        facts["training"]["begun_with"] = [
            {"images": one.images, "seconds": one.seconds, "device": _device(one)}
            for one in legs[:-1]
        ]
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
            *(recipe.drawn or _data(photos)),
            "",
            f"Scores on {'the test images' if recipe.drawn else _TESTED}. {scores['protocol']}",
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
    limits = [
        "- Weights: the same licence as elegan (MIT), half precision.",
        "- Most are of landscapes, cities and animals; faces, text and drawings are rare.",
    ]
    if added:
        thanks = (f"{row['path']} by {row['author']} ({row['licence']})" for row in added)
        lines.append(f"- And {len(added)} more, made smaller: {'; '.join(thanks)}.")
    return lines + limits


def _command(run: Trained, photos: Path) -> str:
    """The command without the folders of this machine."""
    command = run.facts["command"].replace(str(photos), photos.name)
    return command.replace(str(run.path), f"runs/shipped/{run.path.name}")


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=0)
    flags.set_defaults(runs=Path("runs/shipped"))
    flags.add_argument("names", nargs="+", choices=sorted((*RECIPES, CHARACTERS, ICONS)))
    flags.add_argument("--photos", type=Path, help="the archive; of icons what icons.py writes")
    options: Any = flags.parse_args()
    for name in options.names:
        print(f"{name}: commit {commit()}", file=sys.stderr)
        if name == CHARACTERS:
            print(ship_characters(options.runs, options.images or characters_shipped.IMAGES))
            continue
        if name == ICONS:
            icons = options.photos or Path("icons.zip")
            print(ship_icons(options.runs, icons, options.images or 376_628))
            continue
        recipe = RECIPES[name]
        photos = options.photos or Path(os.environ.get("ELEGAN_DATA", ".")) / recipe.photos
        if not photos.exists():
            sys.exit(f"There is no {photos}. Name it with --photos, or set ELEGAN_DATA.")
        print(ship(train_legs(options.runs, recipe, photos, options.images), recipe, photos))


def train_legs(runs: Path, recipe: Recipe, photos: Path, images: int = 0) -> list[Trained]:
    """Trains what a recipe begins with, then the recipe's own run, to `images` if that is given."""
    before = train_legs(runs, recipe.begin, photos) if recipe.begin else []
    source = before[-1].path if before else None
    if source and recipe.filling:
        source = as_filler(source / "model", runs / f"{recipe.name}-begin")
    words = [*recipe.flags, *(("--from", str(source)) if source else ())]
    return [*before, train(runs, recipe.name, str(photos), images or recipe.images, words)]


def as_filler(source: Path, folder: Path) -> Path:
    """Writes a denoiser as a network that is told nothing but what is lost; returns its folder.

    It takes every photo for one with noise of `FILLED_AT`, and is a far better begin for filling
    than random weights: these were no better than smooth filling after 12,000 crops.
    """
    model = TranslationModel.load(source, device="cpu")
    told = torch.tensor([FILLED_AT if name == "noise" else 0.0 for name in model.told])
    kept = list(range(4)), list(range(4 + len(told), model.shape.inputs + 3))  # and details
    weights = {name: one.float() for name, one in model.network.state_dict().items()}
    patches = weights["from_patches.weight"].unflatten(1, (-1, 4))  # channels of 2x2 pixels
    even = patches[:, 4 : 4 + len(told)].sum(dim=(2, 3, 4)) @ told
    weights["from_patches.bias"] = weights["from_patches.bias"] + even
    weights["from_patches.weight"] = patches[:, kept[0] + kept[1]].flatten(1, 2)
    for name in [name for name in weights if name.endswith("gains.weight")]:
        block = name.removesuffix("gains.weight")
        gains = weights.pop(name)[:, :, 0, 0] @ told + weights.pop(f"{block}gains.bias")
        weights[f"{block}second.weight"] = (
            weights[f"{block}second.weight"] * (1 + gains)[None, :, None, None]
        )
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(folder / "translator.safetensors", {k: v.contiguous() for k, v in weights.items()})
    facts = model.config | {
        "shape": {**model.config["shape"], "inputs": 4},
        "recipe": {"families": ["inpaint"], "told": [], "colours": model.recipe["colours"]},
        "tensors": "translator.safetensors",
        "sha256": sha256(folder / "translator.safetensors"),
    }
    facts.pop("discriminator", None)
    write_durably(folder / "model.json", json.dumps(facts, indent=2) + "\n")
    return folder


def ship_icons(runs: Path, icons: Path, images: int) -> Path:
    """Trains a generator of icons, writes it and its discriminator; returns the folder."""
    flags = ("--resolution", "64", "--network.clusters", "0")
    run = train(runs, ICONS, str(icons), images, flags)
    source, folder = run.path / "model", SHIPPED / ICONS
    folder.mkdir(parents=True, exist_ok=True)
    facts = json.loads((source / "model.json").read_text(encoding="utf-8"))
    for part in (facts, facts["discriminator"]):
        kind = part["tensors"].partition("-")[0]
        part.update(_saved(load_file(source / part["tensors"]), folder, kind))
    facts["training"] = {**facts["training"], "device": _device(run), "licence": FONT_LICENCE}
    write_durably(folder / "model.json", json.dumps(facts, indent=2) + "\n")
    scores = run.scores
    rows = [
        [name, f"{scores[name]:.3g}", f"{scores['floor'][name]:.3g}"]
        for name in ("precision", "recall", "FD-random")
    ]
    text = [
        f"# {ICONS}",
        "",
        "Draws icons of 64 pixels. Short runs on few images in colour can begin with it: `--from"
        f" {ICONS}`.",
        "",
        f"- Trained with `{_command(run, icons)}`, commit {run.facts['commit']}, on"
        f" {_device(run)}: {run.images:,} images in {run.seconds / 60:.0f} minutes.",
        "- Data: the emoji of Debian's fonts-noto-color-emoji that are one code point, without"
        f" animals (`benchmarks/icons.py`): Noto Emoji by Google, {FONT_LICENCE}.",
        "- Weights: the same licence as elegan (MIT), half precision, generator and discriminator.",
        "- What it draws is made to begin with, not to be looked at.",
        "",
        f"Against {scores['counts']['reference']:,} training images, beside one half of these"
        " against the other.",
        "",
        table(["", ICONS, "real images"], rows),
        "",
    ]
    write_durably(folder / "README.md", "\n".join(text))
    return folder


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
