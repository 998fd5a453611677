"""Turns `scores.json` into rows to show: every score beside what real data scores itself."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elegan.metrics.classes import describe_hard
from elegan.metrics.score_table import CLASS_COLUMNS, MAX_CLASSES, METRICS
from elegan.reports.report_data import ReportData, finite, mapping
from elegan.reports.words import compact, percent

# Numbers in scores.json that say how it was made.
PROTOCOL = ("seed", "images_seen")
DEVIATION = "_deviation"
HEADLINE = ("FD", "precision", "recall")

BY_CLASS = "fooling_rate_of_"
"""How the signals of one class begin; a table has them, for curves they would be too many."""

COMPARED = {
    "psnr_y": "PSNR of Y, dB",
    "ssim_y": "SSIM of Y",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "pd": "Perceptual distance",
    "kid": "Kernel distance",
    "deviation": "its deviation",
}
"""What is shown of a model from images to images, and under which heading."""


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """One score: `floor` is the same measured between real images and other real images.

    `deviation` is its standard deviation where one was measured; `meaning` says which way is
    better and what it is, "" for a score that the measures do not know.
    """

    name: str
    value: float
    floor: float | None
    deviation: float | None
    meaning: str


@dataclass(frozen=True, kw_only=True)
class ClassShare:
    """How often a class occurs among samples and, where known, among real images (0..1)."""

    name: str
    generated: float
    real: float | None


def score_rows(scores: Mapping[str, Any]) -> list[ScoreRow]:
    """Returns a row for every finite score at the top level of `scores`, in its order."""
    floor = mapping(scores, "floor")
    return [
        ScoreRow(
            name=name.replace("_", " "),
            value=value,
            floor=finite(floor.get(name)),
            deviation=finite(scores.get(f"{name}{DEVIATION}")),
            meaning=METRICS.get(name.split("-")[0], ""),
        )
        for name, raw in scores.items()
        if (value := finite(raw)) is not None
        and name not in PROTOCOL
        and not name.endswith(DEVIATION)
    ]


def headline(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    """Returns the few rows to show large: a distance, precision and recall; else the first."""
    chosen = [row for row in rows if row.name.split("-")[0] in HEADLINE]
    return chosen[:3] or list(rows[:3])


def in_plain_words(scores: Mapping[str, Any]) -> str:
    """Returns a sentence on how good samples are, from precision and coverage; "" without them."""
    floor = mapping(scores, "floor")
    found = {
        name: (finite(scores.get(name)), finite(floor.get(name)))
        for name in ("precision", "coverage")
    }
    if any(value is None for pair in found.values() for value in pair):
        return ""
    (like, real_like), (reached, real_reached) = (
        tuple(round(100 * min(1.0, value or 0.0)) for value in pair) for pair in found.values()
    )
    return (
        f"Of 100 samples {like} lie among real images, where of 100 real ones {real_like} do;"
        f" {reached} of 100 real images have a sample beside them (of real ones {real_reached})."
    )


def protocol(scores: Mapping[str, Any]) -> list[str]:
    """Returns sentences on how the scores were made: what makes them comparable."""
    counts, extractor = mapping(scores, "counts"), mapping(scores, "extractor")
    generated, reference = finite(counts.get("generated")), finite(counts.get("reference"))
    said = []
    if generated is not None and reference is not None:
        said.append(f"{generated:,.0f} generated images against {reference:,.0f} real ones.")
    if scores.get("floor_from"):
        said.append(f"Real against real: {scores['floor_from']}.")
    if extractor.get("name"):
        # The first digits of a hash are enough to see that two differ.
        digest = str(extractor.get("sha256", ""))[:12]
        said.append(f"Extractor: {extractor['name']}{f', SHA-256 {digest}' if digest else ''}.")
    if extractor.get("caution"):
        said.append(str(extractor["caution"]))
    if (seed := finite(scores.get("seed"))) is not None:
        said.append(f"Seed {seed:.0f}.")
    if (seen := finite(scores.get("images_seen"))) is not None:
        said.append(f"Taken after {seen:,.0f} training images.")
    notes = scores.get("notes")
    return said + ([str(note) for note in notes] if isinstance(notes, list) else [])


def class_shares(scores: Mapping[str, Any], classes: Sequence[str] = ()) -> list[ClassShare]:
    """Returns the share of each class among samples; empty when the scores do not hold it.

    Args:
        classes: the data's names, for scores that name classes by their index.
    """
    generated = mapping(scores, "class_frequencies")
    real = mapping(mapping(scores, "floor"), "class_frequencies")
    by_index = all(name.isdecimal() and int(name) < len(classes) for name in generated)
    return [
        ClassShare(
            name=classes[int(name)] if by_index else name,
            generated=share,
            real=finite(real.get(name)),
        )
        for name, value in generated.items()
        if (share := finite(value)) is not None
    ]


def comparison_cells(scores: Mapping[str, Any]) -> list[list[str]]:
    """Returns the table of a model from images to images, its head first; [] where there is none.

    Rows are input, weights before the adversarial phase, and model: what on, which row, figures.
    """
    found = scores.get("rows")
    rows = [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []
    columns = [name for name in COMPARED if any(finite(row.get(name)) is not None for row in rows)]
    cells = [["On", "Row", *(COMPARED[name] for name in columns)]]
    for row in rows:
        values = [finite(row.get(name)) for name in columns]
        figures = ["" if value is None else compact(value) for value in values]
        cells.append([str(row.get("on", "")), str(row.get("row", "")), *figures])
    return cells if columns else []


def class_table(report: ReportData) -> dict[str, Any] | None:
    """Returns what is known class by class: what was asked for and came, is covered, is hard.

    Returns:
        `table`, its head first, with the names of its `columns`, and how many classes are `more`
        than it shows; `hard`, what is said of the hard ones. None where nothing is known.
    """
    found, hard = mapping(report.scores, "per_class"), report.scores.get("hard_classes")
    detail = {str(name): row for name, row in found.items() if isinstance(row, Mapping)}
    live = live_fooling(report.ticks)
    names = list(detail) or list(live)
    if not names:
        return None
    columns = {
        key: head
        for key, head in CLASS_COLUMNS.items()
        if any(finite(row.get(key.removesuffix("_real"))) is not None for row in detail.values())
    }
    table = [["Class", *columns.values(), *(["fooling while training"] if live else [])]]
    for name in names[:MAX_CLASSES]:
        shares = [finite(detail.get(name, {}).get(key)) for key in columns]
        shares += [live.get(name)] if live else []
        table.append([name, *map(percent, shares)])
    said = None
    if detail and isinstance(hard, Mapping):
        with contextlib.suppress(KeyError, TypeError, ValueError):  # of a damaged file nothing
            said = describe_hard(detail, {str(name): str(why) for name, why in hard.items()})
    return {
        "table": table,
        "columns": columns,
        "more": max(0, len(names) - MAX_CLASSES),
        "hard": said,
    }


def live_fooling(ticks: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns the fooling rate of each class, the mean over the last quarter of the ticks."""
    found: dict[str, list[float]] = {}
    for tick in ticks[-max(1, len(ticks) // 4) :]:
        for name, raw in mapping(tick, "signals").items():
            value = finite(raw)
            if name.startswith(BY_CLASS) and value is not None:
                found.setdefault(name.removeprefix(BY_CLASS), []).append(value)
    return {name: sum(values) / len(values) for name, values in found.items()}


def copied_spaces(scores: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Returns what was found of copies in each space, such as pixels, where it is whole."""
    return {
        str(space): found
        for space, found in mapping(scores, "copies").items()
        if isinstance(found, Mapping)
        and all(finite(found.get(name)) is not None for name in ("count", "of", "expected"))
        and isinstance(found.get("copied"), Mapping)
        and isinstance(found.get("pairs"), list)
    }
