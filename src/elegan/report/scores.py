"""Turns `scores.json` into rows to show: every score beside what real data scores itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elegan.metrics.score_table import METRICS
from elegan.report.collect import finite

# Numbers in scores.json that say how it was made.
PROTOCOL = ("seed", "images_seen")
DEVIATION = "_deviation"
HEADLINE = ("FD", "precision", "recall")


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
    floor = _mapping(scores, "floor")
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


def protocol(scores: Mapping[str, Any]) -> list[str]:
    """Returns sentences on how the scores were made: what makes them comparable."""
    counts, extractor = _mapping(scores, "counts"), _mapping(scores, "extractor")
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
    generated = _mapping(scores, "class_frequencies")
    real = _mapping(_mapping(scores, "floor"), "class_frequencies")
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


def _mapping(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}
