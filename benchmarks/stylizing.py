"""Stylizing: from pairs (facades, line art to colours) and without (apples and tomatoes, line art).

    python benchmarks/stylizing.py
    python benchmarks/stylizing.py --of stylizing-longer    three presets as they are, more crops
    python benchmarks/stylizing.py --of line-art            what is shipped

Where the true image is known, it is compared with the input, with the mean colour and the mean and
deviation of the colours of the training targets, and with what each model makes; of one that fills
areas also with what its network alone makes. Everywhere the kernel distance to the test targets
says how far the images are like them as a set, beside real images against real ones.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from figures import publish, table
from photo_sheets import sheet
from PIL import Image, ImageDraw
from runs import Trained, parser, train, trained_with
from style_sheets import progress

import elegan
from elegan.applications.styles.scoring import matched, set_distance
from elegan.data.degradations import resize_bicubic
from elegan.data.pairs import PairSet, open_pairs
from elegan.metrics.extractors import extractor_for
from elegan.metrics.image_quality import compare, perceptual_distance
from elegan.models import TranslationModel
from elegan.models.drawings import DrawingModel

_SHOWN = 8  # rows of a sheet
_SIDE = 64  # to which the extractor reduces larger images
_PAGES = (1200, 240), (1000, 255), (600, 255)  # side of a drawing in pixels, and its paper
_BLACK, _LIGHT = 40, 80  # of 255: below and above these a line is black, and has become light
_EXACT = 60.0  # dB that an image equal to the truth counts, as some drawings are their own colours


@dataclass(frozen=True, kw_only=True)
class Images:
    """What is turned into what: a zip under $ELEGAN_DATA.

    Attributes:
        what: in the table.
        truth: whether the two sides of its test split are pairs.
    """

    name: str
    what: str
    place: str
    truth: bool = True
    reverse: bool = False

    def open(self, data: Path, split: str, limit: int | None = None) -> PairSet:
        """Opens one split."""
        return open_pairs(
            str(data / self.place),
            split=split,
            paired=self.truth,
            reverse=self.reverse,
            limit=limit,
        )


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model to train.

    Attributes:
        row: what its row is called.
        crops: images seen, as many as fitted into about a quarter of an hour.
        flags: of `elegan train`.
        progress: whether its pictures at moments of the run are drawn.
    """

    name: str
    of: Images
    row: str
    crops: int
    flags: tuple[str, ...]
    progress: bool = False


LINES = Images(name="lines", what="line art to colours", place="openmoji-line2color-1400.zip")
FACADES = Images(
    name="facades", what="label maps to facades", place="facades-cmp.zip", reverse=True
)
FRUITS = Images(
    name="fruits", what="apples to tomatoes", place="fruits-apple-tomato.zip", truth=False
)
_PAIRS, _FILLED = "model, from pairs", "model, from pairs, areas filled"
_ONE_WAY, _BOTH_WAYS = "model, unpaired, contrastive", "model, unpaired, cycle-consistent"
_SMALL = ("--network.generator-width", "16", "--translate.depth", "4", "--translate.patch", "72")
_UNET = ("--network.name", "unet")
CASES = (
    Case(
        name="lines-contrastive",
        of=LINES,
        row=_ONE_WAY,
        crops=3500,
        flags=("--preset", "stylize-unpaired", *_UNET),
        progress=True,
    ),
    Case(
        name="lines-cycle",
        of=LINES,
        row=_BOTH_WAYS,
        crops=900,
        flags=("--preset", "stylize-cycle", *_UNET),
    ),
    Case(
        name="lines-paired",
        of=LINES,
        row=_PAIRS,
        crops=6000,
        flags=("--preset", "stylize"),
        progress=True,
    ),
    Case(
        name="facades",
        of=FACADES,
        row=_PAIRS,
        crops=2000,
        flags=("--preset", "stylize", "--translate.reverse"),
        progress=True,
    ),
    Case(
        name="fruits-contrastive",
        of=FRUITS,
        row=_ONE_WAY,
        crops=3000,
        flags=("--preset", "stylize-unpaired", *_SMALL),
        progress=True,
    ),
    Case(
        name="fruits-cycle",
        of=FRUITS,
        row=_BOTH_WAYS,
        crops=500,
        flags=("--preset", "stylize-cycle", *_SMALL),
    ),
)
LONGER = (
    Case(
        name="lines-paired",
        of=LINES,
        row=_PAIRS,
        crops=18_500,
        flags=("--preset", "stylize"),
    ),
    Case(
        name="fruits-contrastive",
        of=FRUITS,
        row=_ONE_WAY,
        crops=11_000,
        flags=("--preset", "stylize-unpaired"),
    ),
    Case(
        name="fruits-cycle",
        of=FRUITS,
        row=_BOTH_WAYS,
        crops=4000,
        flags=("--preset", "stylize-cycle"),
    ),
)
DRAWINGS = (
    Case(
        name="lines-flat",
        of=LINES,
        row=_FILLED,
        crops=60_000,
        flags=("--preset", "stylize", "--translate.flat"),
        progress=True,
    ),
)
FIGURES = {"stylizing": CASES, "stylizing-longer": LONGER, "line-art": DRAWINGS}


def translations(
    pairs: PairSet, training: PairSet, models: dict[str, Any]
) -> dict[str, list[np.ndarray]]:
    """What each row of the table makes of the sources, uint8 [H, W, 3] each."""
    given = _photos(pairs.sources)
    pixels = np.concatenate([one.reshape(-1, 3) for one in _photos(training.targets)])
    mean, deviation = pixels.mean(0), pixels.std(0)
    plain = np.rint(mean).astype(np.uint8)
    return {
        "input": given,
        "mean colour": [np.broadcast_to(plain, one.shape).copy() for one in given],
        "colours matched": [matched(one, mean, deviation) for one in given],
        **{
            name: [way.apply(one) for one in given]
            for row, model in models.items()
            for name, way in _ways(row, model).items()
        },
    }


def _ways(row: str, model: TranslationModel) -> dict[str, TranslationModel]:
    """A model, and before it its network alone, where more is done to what that paints."""
    if not isinstance(model, DrawingModel):
        return {row: model}
    plain = TranslationModel(model.network, model.config, model.precision)
    return {_PAIRS: plain, row: model}


def leaking(image: np.ndarray, given: np.ndarray, truth: np.ndarray) -> tuple[int, int]:
    """Returns how many pixels of lines are light in a coloured drawing, and how many there are."""
    line = (given.max(axis=2) < _BLACK) & (truth.max(axis=2) < _BLACK)
    light = line & (image.max(axis=2) > _LIGHT)
    return int(light.sum()), int(line.sum())


def score(images: Images, pairs: PairSet, made: dict[str, list[np.ndarray]]) -> list[dict]:
    """Returns a row of the table for each way, and one for real images against real ones."""
    wanted = _photos(pairs.targets)
    extractor = extractor_for(None)
    truth = extractor.features(_stack(wanted))
    rows = []
    for name, ones in made.items():
        distance, spread = set_distance(extractor.features(_stack(ones)), truth)
        found = [_compared(*two) for two in zip(ones, wanted, strict=True)] if images.truth else []
        means = {key: float(np.mean([one[key] for one in found])) for key in (found or [{}])[0]}
        equal = sum(one["psnr"] == _EXACT for one in found)
        if images is LINES:
            leaks = [leaking(*three) for three in zip(ones, made["input"], wanted, strict=True)]
            means["leaks"] = float(np.divide(*np.sum(leaks, axis=0)))
        values = {"kid": distance, "deviation": spread, "equal": equal, **means}
        rows.append(_row(images, name, len(ones), **values))
    distance, spread = set_distance(truth[::2], truth[1::2])
    real = "half of the targets against the other"
    return [*rows, _row(images, real, len(truth) // 2, kid=distance, deviation=spread)]


def _compared(image: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    values = {**compare(image, truth), "pd": perceptual_distance(image, truth)}
    return {name: min(value, _EXACT) for name, value in values.items()}


def _row(images: Images, name: str, count: int, **values: float) -> dict[str, Any]:
    return {"what": images.what, "row": name, "images": count, **values}


def _photos(photos: Any) -> list[np.ndarray]:
    return [np.ascontiguousarray(photos.photo(index)) for index in range(len(photos))]


def _stack(images: list[np.ndarray]) -> np.ndarray:
    return np.stack([resize_bicubic(one, (_SIDE, _SIDE)) for one in images])


def draw(images: Images, pairs: PairSet, made: dict[str, list[np.ndarray]], out: Path) -> None:
    """Writes a sheet: a row an image; what goes in, what comes out and, where known, the truth."""
    count = len(pairs.sources)
    chosen = [(2 * row + 1) * count // (2 * _SHOWN) for row in range(_SHOWN)]
    ways = {name: ones for name, ones in made.items() if name != "mean colour"}
    ways["truth" if images.truth else "a target"] = _photos(pairs.targets)
    heads = [name.removeprefix("model, ").removeprefix("unpaired, ") for name in ways]
    rows = [[ones[index % len(ones)] for ones in ways.values()] for index in chosen]
    sheet(rows, heads, out, shown=112)


def drawings() -> list[np.ndarray]:
    """Returns a face, a house and a cat in lines, uint8 [S, S, 3], on paper and screen."""
    pages = [Image.new("L", (side, side), paper) for side, paper in _PAGES]
    face, house, cat = (ImageDraw.Draw(page) for page in pages)
    face.ellipse((200, 250, 1000, 1050), outline=40, width=9)
    for left in (400, 740):
        face.ellipse((left, 500, left + 60, 600), fill=40)
    face.arc((380, 550, 820, 900), 20, 160, fill=40, width=9)
    house.line((150, 900, 150, 500, 400, 250, 650, 500, 650, 900, 150, 900), fill=0, width=12)
    house.line((150, 500, 650, 500), fill=0, width=12)
    for box in ((340, 650, 460, 900), (210, 580, 300, 670), (850, 650, 890, 900)):
        house.rectangle(box, outline=0, width=12)
    for box in ((730, 80, 930, 280), (750, 440, 980, 690)):
        house.ellipse(box, outline=0, width=12)
    cat.ellipse((100, 150, 500, 550), outline=0, width=4)
    cat.line((130, 230, 110, 60, 230, 165), fill=0, width=4)
    cat.line((370, 165, 490, 60, 470, 230), fill=0, width=4)
    for left in (210, 360):
        cat.ellipse((left, 300, left + 30, 340), fill=0)
    cat.polygon((285, 390, 315, 390, 300, 410), outline=0)
    for left in (250, 300):
        cat.arc((left, 380, left + 50, 450), 0, 180, fill=0, width=4)
    return [np.asarray(page.convert("RGB")) for page in pages]


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__)
    flags.add_argument("--of", choices=list(FIGURES), default="stylizing", help="the figure")
    flags.add_argument("--images", type=int, help="crops that each run sees, for a trial")
    flags.add_argument("--only", nargs="*", default=[], help="train these cases only; no figure")
    flags.add_argument("--limit", type=int, help="so many test images only")
    flags.add_argument("--data", type=Path, default=Path(os.environ.get("ELEGAN_DATA", ".")))
    options = flags.parse_args()
    figure, cases = options.of, FIGURES[options.of]
    chosen = [case for case in cases if not options.only or case.name in options.only]
    if not chosen:
        sys.exit(f"No such case. Known: {', '.join(case.name for case in cases)}.")
    runs = {case.name: _trained(case, options) for case in chosen}
    if len(chosen) < len(cases):
        return
    rows: list[dict[str, Any]] = []
    for images in dict.fromkeys(case.of for case in cases):
        models = {
            case.row: elegan.load(runs[case.name].path) for case in cases if case.of is images
        }
        pairs = images.open(options.data, "test", options.limit)
        made = translations(pairs, images.open(options.data, "train"), models)
        rows += score(images, pairs, made)
        draw(images, pairs, made, options.out / f"{figure}-{images.name}.jpg")
    if cases is DRAWINGS:
        shipped = TranslationModel.load("line-art")
        rows_shown = [[page, shipped.apply(page)] for page in drawings()]
        sheet(rows_shown, ["drawing", "line-art"], options.out / "line-art.jpg", shown=240)
    for case in cases:
        if case.progress:
            progress(runs[case.name].path, options.out / f"{figure}-{case.name}-progress.jpg")
    ran = list(runs.values())
    commands = [one.facts["command"].replace(str(options.data), "$ELEGAN_DATA") for one in ran]
    facts = {"rows": rows, "commands": commands}
    publish(figure, describe(rows, runs), facts, options.out)


def _trained(case: Case, options: Any) -> Trained:
    place, crops = str(options.data / case.of.place), options.images or case.crops
    return train(options.runs, f"stylizing-{case.name}", place, crops, case.flags)


def describe(rows: list[dict[str, Any]], runs: dict[str, Trained]) -> str:
    """Returns the table."""
    lines = [
        [
            row["what"],
            row["row"],
            str(row["images"]),
            *("" if row.get(name) is None else form.format(row[name]) for name, form in _FORMS),
        ]
        for row in rows
    ]
    equal = sum(row["equal"] for row in rows if row["row"] == "input")
    head = ["images", "row", "count", "PSNR", "SSIM", "PD-bands", "KID-random", "deviation"]
    head.append("leaks")
    seen = "; ".join(
        f"{name} {run.images:,} in {run.seconds / 60:.0f} minutes" for name, run in runs.items()
    )
    return (
        f"{table(head, lines)}\n\nThe test split, whole images, RGB in 8 bits, border 0. Of the"
        f" inputs {equal} equal their truth and count {_EXACT:.0f} dB each, which lifts their mean"
        " PSNR. PD-bands and KID-random, to the test targets, are lower where nearer."
        f" Leaks: the share of pixels of black lines that became lighter than {_LIGHT} of 255."
        f" Crops seen: {seen}; seed 0."
        f" {trained_with(list(runs.values()))}"
    )


_FORMS = (
    ("psnr", "{:.2f}"),
    ("ssim", "{:.3f}"),
    ("pd", "{:.3f}"),
    ("kid", "{:.4f}"),
    ("deviation", "{:.4f}"),
    ("leaks", "{:.2%}"),
)


if __name__ == "__main__":
    main()
