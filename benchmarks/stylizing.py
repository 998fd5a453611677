"""Stylizing: from pairs (facades, line art to colours) and without (apples and tomatoes, line art).

    python benchmarks/stylizing.py

Pairs are scored by PSNR, SSIM and PD-bands against the true image, beside a baseline that knows
nothing but the targets' mean colour. Line art is also learnt as if it were unpaired, and scored
with the truth that the training never used. Without a truth kernel distances are compared, beside
the images as they were, their colours matched, and real against real.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from figures import publish, table
from photo_sheets import sheet
from runs import Trained, parser, train, trained_with

import elegan
from elegan.data.pairs import PairSet, open_pairs
from elegan.measure.fidelity import compare
from elegan.measure.perceptual import perceptual_distance
from elegan.models import TranslationModel
from elegan.scoring.unpaired import score_unpaired

IMAGES = 40_000
_SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model to train: its data, the flags of `elegan train`, and whether a truth is known."""

    name: str
    what: str
    data: str
    flags: tuple[str, ...]
    truth: bool


LINES, FACADES, FRUITS = (
    "openmoji-line2color-1400.zip",
    "facades-cmp.zip",
    "fruits-apple-tomato.zip",
)
CASES = (
    Case(
        name="lines-paired",
        what="line art to colours, pairs",
        data=LINES,
        flags=("--preset", "stylize", "--batch", "8"),
        truth=True,
    ),
    Case(
        name="facades",
        what="label maps to facades, pairs",
        data=FACADES,
        flags=("--preset", "stylize", "--translate.reverse"),
        truth=True,
    ),
    Case(
        name="lines-contrastive",
        what="line art to colours, unpaired, contrastive",
        data=LINES,
        flags=(
            "--preset",
            "stylize-unpaired",
        ),
        truth=True,
    ),
    Case(
        name="lines-cycle",
        what="line art to colours, unpaired, there and back",
        data=LINES,
        flags=(
            "--preset",
            "stylize-cycle",
        ),
        truth=True,
    ),
    Case(
        name="fruits-contrastive",
        what="apples to tomatoes, contrastive",
        data=FRUITS,
        flags=(
            "--preset",
            "stylize-unpaired",
        ),
        truth=False,
    ),
    Case(
        name="fruits-cycle",
        what="apples to tomatoes, there and back",
        data=FRUITS,
        flags=(
            "--preset",
            "stylize-cycle",
        ),
        truth=False,
    ),
)


def test_pairs(case: Case, data: Path, limit: int | None) -> PairSet:
    """Opens the test split as the case reads it."""
    return open_pairs(
        str(data / case.data),
        split="test",
        paired=case.truth,
        reverse="--translate.reverse" in case.flags,
        limit=limit,
    )


def against_truth(case: Case, model: TranslationModel, pairs: PairSet) -> list[dict[str, Any]]:
    """Scores a model, the input itself and the mean colour against the true images."""
    truths = [np.ascontiguousarray(pairs.targets.photo(index)) for index in range(len(pairs))]
    mean = np.mean([one.mean(axis=(0, 1)) for one in truths], axis=0)
    found: dict[str, list[dict[str, float]]] = {}
    for index, truth in enumerate(truths):
        given = np.ascontiguousarray(pairs.sources.photo(index))
        made = {
            "input": given,
            "mean colour": np.broadcast_to(np.rint(mean).astype(np.uint8), truth.shape).copy(),
            "model": model.apply(given),
        }
        for name, image in made.items():
            values = {**compare(image, truth), "pd": perceptual_distance(image, truth)}
            found.setdefault(name, []).append(values)
    return [
        {
            "case": case.what,
            "row": name,
            "images": len(values),
            **{metric: float(np.mean([one[metric] for one in values])) for metric in values[0]},
        }
        for name, values in found.items()
    ]


def draw(case: Case, model: TranslationModel, pairs: PairSet, out: Path) -> None:
    """Writes a sheet: a row an image, what goes in, what comes out and, where known, the truth."""
    rows, step = [], max(1, len(pairs.sources) // _SHOWN)
    for index in range(0, len(pairs.sources), step)[:_SHOWN]:
        given = np.ascontiguousarray(pairs.sources.photo(index))
        row = [given, model.apply(given)]
        rows.append([*row, pairs.targets.photo(index)] if case.truth else row)
    heads = ["input", "model", "truth"][: len(rows[0])]
    sheet(rows, heads, out / f"stylizing-{case.name}.jpg", shown=112)


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=IMAGES)
    flags.add_argument("--only", nargs="*", default=[], help="names of cases; all if none")
    flags.add_argument("--limit", type=int, help="so many test images a case only")
    flags.add_argument("--data", type=Path, default=Path(os.environ.get("ELEGAN_DATA", ".")))
    options = flags.parse_args()
    chosen = [case for case in CASES if not options.only or case.name in options.only]
    if not chosen:
        sys.exit(f"No such case. Known: {', '.join(case.name for case in CASES)}.")
    rows: list[dict[str, Any]] = []
    runs: list[Trained] = []
    for case in chosen:
        place = str(options.data / case.data)
        run = train(options.runs, f"stylizing-{case.name}", place, options.images, case.flags)
        model, pairs = elegan.load(run.path), test_pairs(case, options.data, options.limit)
        runs.append(run)
        if case.truth:
            rows += against_truth(case, model, pairs)
        else:
            scored = score_unpaired(model, pairs.sources, pairs.targets)["rows"]
            rows += [{**row, "case": case.what} for row in scored]
        draw(case, model, pairs, options.out)
    publish("stylizing", describe(rows, options.images, runs), {"rows": rows}, options.out)


def describe(rows: list[dict[str, Any]], images: int, runs: list[Trained]) -> str:
    """Returns the table."""
    lines = [
        [
            row["case"],
            row["row"],
            str(row["images"]),
            *("" if row.get(name) is None else form.format(row[name]) for name, form in _FORMS),
        ]
        for row in rows
    ]
    head = ["case", "row", "images", "PSNR", "SSIM", "PD-bands", "KID-random", "deviation"]
    return (
        f"{table(head, lines)}\n\n{images:,} crops each, seed 0; the test split, whole images, RGB"
        f" in 8 bits. {trained_with(runs)}"
    )


_FORMS = (
    ("psnr", "{:.2f}"),
    ("ssim", "{:.3f}"),
    ("pd", "{:.3f}"),
    ("kid", "{:.4f}"),
    ("deviation", "{:.4f}"),
)


if __name__ == "__main__":
    main()
