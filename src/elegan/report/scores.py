"""Turns `scores.json` into rows to show: every score beside what real data scores itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elegan.report.collect import find, finite, flatten

# What each score means to a person, and which way is better; by the start of its name, in order.
MEANINGS = (
    ("fd", "lower", "distance between samples and real images, as sets of features"),
    ("kid", "lower", "the same by a kernel; fair to small numbers of samples"),
    ("precision", "higher", "share of samples that lie among real images"),
    ("recall", "higher", "share of real images that lie among samples"),
    ("density", "higher", "how thickly real images surround the samples"),
    ("coverage", "higher", "share of real images with a sample next to them"),
    ("duplicate", "lower", "share of samples that nearly repeat another sample"),
    ("nearest", "", "distance to the most similar training image; near 0 is a copy"),
)
# Not scores: how the scores were made.
PROTOCOL = (
    "data",
    "extractor",
    "model_sha256",
    "images_seen",
    "generated",
    "reference",
    "held_out",
    "seed",
    "count",
    "dimension",
    "sha256",
)
HASH = re.compile("[0-9a-f]{40,}")


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """One score: `floor` is the same measured between real images and other real images.

    `better` is "lower", "higher" or "" where neither is.
    """

    name: str
    value: float
    floor: float | None
    better: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class ClassShare:
    """How often a class occurs among samples and, where known, among real images (0..1)."""

    name: str
    generated: float
    real: float | None


def score_rows(scores: Mapping[str, Any]) -> list[ScoreRow]:
    """Returns a row for every finite number in `scores` that is a score, in its order.

    Nested groups are shown under dotted names. What describes the protocol (counts, seeds,
    hashes) and the `floor` group itself are no rows.
    """
    floors = scores.get("floor")
    floor_values = dict(flatten(floors)) if isinstance(floors, Mapping) else {}
    rows = []
    for name, value in flatten(scores):
        parts = name.lower().split(".")
        if parts[0] in ("floor", "class_frequencies", "environment", "extractor"):
            continue
        if any(part == word or part.startswith(f"{word}_") for part in parts for word in PROTOCOL):
            continue
        number = finite(value)
        if number is None:
            continue
        better, meaning = _meaning(parts[-1])
        if not meaning and len(parts) > 1:
            better, meaning = _meaning(parts[0])
        rows.append(
            ScoreRow(
                name=name.replace("_", " ").replace(".", ", "),
                value=number,
                floor=finite(floor_values.get(name)),
                better=better,
                meaning=meaning,
            )
        )
    return rows


def protocol(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns what makes the scores comparable: extractor, counts, seed; (name, value) pairs."""
    shown = []
    for name, value in flatten(scores):
        parts = name.lower().split(".")
        if parts[0] in ("floor", "class_frequencies"):
            continue
        about = parts[0] == "extractor" or any(
            part == word or part.startswith(f"{word}_") for part in parts for word in PROTOCOL
        )
        if about and isinstance(value, str | int | float):
            text = f"{value:,}" if isinstance(value, int) else str(value)
            # The first digits of a hash are enough to see that two differ.
            text = f"{text[:12]}…" if HASH.fullmatch(text) else text
            shown.append((name.replace("_", " ").replace(".", ", "), text))
    return shown


def class_shares(scores: Mapping[str, Any], classes: Sequence[Any] = ()) -> list[ClassShare]:
    """Returns the share of each class among samples; empty when the scores do not hold it.

    Accepts a mapping of class name to share and a list by class index; `classes` names the
    latter.
    """
    generated = scores.get("class_frequencies")
    reference = find(scores, "reference_class_frequencies", "real_class_frequencies")
    floor = scores.get("floor")
    if reference is None and isinstance(floor, Mapping):
        reference = floor.get("class_frequencies")
    real = dict(_named(reference, classes))
    return [
        ClassShare(name=name, generated=share, real=real.get(name))
        for name, share in _named(generated, classes)
    ]


def _named(shares: object, classes: Sequence[Any]) -> list[tuple[str, float]]:
    if isinstance(shares, Mapping):
        pairs = [(str(name), finite(share)) for name, share in shares.items()]
    elif isinstance(shares, list):
        names = [str(name) for name in classes]
        if len(names) != len(shares):
            names = [str(index) for index in range(len(shares))]
        pairs = [(name, finite(share)) for name, share in zip(names, shares, strict=True)]
    else:
        pairs = []
    return [(name, share) for name, share in pairs if share is not None]


def _meaning(name: str) -> tuple[str, str]:
    for start, better, meaning in MEANINGS:
        if name.startswith(start):
            return better, meaning
    return "", ""
