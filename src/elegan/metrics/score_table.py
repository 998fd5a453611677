"""Scores in words: what each one means, and a table to read in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elegan.metrics.classes import describe_hard
from elegan.metrics.neighbours import describe_copies

METRICS: dict[str, str] = {
    "test_accuracy": "higher is better; share of test images that the discriminator names rightly",
    "FD": "lower is better; Fréchet distance of features, named after its extractor",
    "KID": "lower is better; kernel distance of features, unbiased at any count",
    "precision": "best near real data; share of samples that lie among real images",
    "recall": "higher is better; share of real images that lie among samples",
    "density": "best near real data; how thickly real images surround the samples",
    "coverage": "higher is better; share of real images with a sample beside them",
    "modes": "higher is better; kinds of image made, of those that the extractor tells apart",
    "reverse_kl": "lower is better; divergence of the modes' shares from the real ones, in nats",
    "as_asked": "higher is better; share of samples that are of the class asked for",
    "fooling_rate": "0.5 at best; share of samples that the discriminator scores above real ones",
    "confidence": "best near real data; how sure the judge is of a sample's class",
    "least_class": "best near real data; share of the rarest class among samples",
    "greatest_class": "best near real data; share of the most frequent class",
    "nearest_pixels": "best near real data; median distance to the nearest training image",
    "nearest_features": "best near real data; the same in the extractor's features",
    "near_copies_pixels": "near 0.01; share nearer to training than 99 % of unseen real images",
    "near_copies_features": "near 0.01; the same in the extractor's features",
}
"""What each score means, by the part of its name before a hyphen."""

MAX_CLASSES = 40  # with more classes than this their shares are left to scores.json


CLASS_COLUMNS = {
    "accuracy": "as asked",
    "accuracy_real": "real",
    "coverage": "coverage",
    "coverage_real": "real",
    "fooling_rate": "fooling",
}
"""What is shown of each class, and under which heading."""


def format_scores(scores: Mapping[str, Any]) -> str:
    """Returns the scores of `evaluate` as a table, those of real data beside, the notes below.

    Real images in the place of generated ones: no generator can be expected to do better.
    """
    counts, extractor, floor = scores["counts"], scores["extractor"], scores["floor"]
    lines = [
        f"{counts['generated']:,} generated images against {counts['reference']:,} real ones; "
        f"real data: {scores['floor_from']}.",
        f"Extractor: {extractor['name']}, {extractor['dimensions']} features, "
        f"SHA-256 {extractor['sha256'][:12]}.",
        *([extractor["caution"]] if extractor.get("caution") else []),
        "",
        f"{'':<22}{'generated':>12}{'real data':>12}",
    ]
    for name, value in scores.items():
        meaning = METRICS.get(name.split("-")[0])
        if meaning is None or name.endswith("_deviation"):
            continue
        real = _number(floor[name]) if name in floor else ""
        lines.append(f"{name:<22}{_number(value):>12}{real:>12}  {meaning}")
    if 0 < len(scores.get("class_frequencies", ())) <= MAX_CLASSES:
        lines += ["", f"{'class':<22}{'generated':>12}{'real data':>12}"]
        for name, share in scores["class_frequencies"].items():
            real = floor["class_frequencies"][name]
            lines.append(f"{name:<22}{f'{share:.1%}':>12}{f'{real:.1%}':>12}")
    lines += class_lines(scores)
    if "copies" in scores:
        lines += ["", *describe_copies(scores["copies"])]
    if scores["notes"]:
        lines += ["", *scores["notes"]]
    return "\n".join(lines)


def class_lines(scores: Mapping[str, Any]) -> list[str]:
    """Returns the lines on each class, real images beside it, and on the hard ones; or none."""
    detail, hard = scores.get("per_class", {}), scores.get("hard_classes", {})
    lines: list[str] = []
    if 0 < len(detail) <= MAX_CLASSES:
        heads = [head for name, head in CLASS_COLUMNS.items() if _known(detail, name)]
        lines += ["", f"{'class':<22}" + "".join(f"{head:>12}" for head in heads)]
        for name, found in detail.items():
            cells = [_share(found[key]) for key in CLASS_COLUMNS if _known(detail, key)]
            lines.append(f"{name:<22}" + "".join(f"{cell:>12}" for cell in cells))
        lines.append(f"(classes judged by: {scores['class_judge']})")
    if detail:
        heading, sentences = describe_hard(detail, hard)
        lines += ["", heading, *(f"  {sentence}" for sentence in sentences)]
    return lines


def _known(detail: Mapping[str, Mapping[str, Any]], key: str) -> bool:
    """Whether a figure is known of any class; the real ones only beside that of samples."""
    own = key.removesuffix("_real")
    return any(None not in (found.get(key), found.get(own)) for found in detail.values())


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.5f}" if abs(value) < 0.01 else f"{value:.4f}" if value < 10 else f"{value:.2f}"
