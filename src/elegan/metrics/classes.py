"""Class by class: are samples what was asked for, is the class covered, which classes are hard?

Each figure of a class stands beside that of unseen real images of it, taken at equal counts, so
that a class that is hard to judge or widely spread is not mistaken for one that is badly made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elegan.metrics.distances import coverage_score
from elegan.metrics.features import draw

MAX_COMPARED = 500  # images of each side that the coverage of a class is taken on
FEWEST = 10  # samples or real images without which a class is not judged
RIGHT_AT_LEAST = 0.5  # a judge that is right on fewer real images says nothing of any class
GOOD_AT_LEAST = 0.5  # where the middle class has less of what real images have, none is easy
STANDARD_ERRORS = 3.0  # by which a class must differ from the others to be called hard


@dataclass(frozen=True, kw_only=True)
class LabelledFeatures:
    """Images with what is known of their classes."""

    features: NDArray[np.float32]  # float32 [N, D]
    # int64 [N]; of samples the class asked for, of real images the true one
    labels: NDArray[np.int64]
    called: NDArray[np.int64]  # int64 [N]; the class that the judge takes each for
    # float32 [N], the discriminator's, NaN where it was not asked; or None
    logits: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.labels)


def class_scores(
    samples: LabelledFeatures,
    unseen: LabelledFeatures,
    training: LabelledFeatures,
    names: Sequence[str],
    *,
    asked: bool,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Returns, for each class by name, JSON values; what cannot be measured is None.

    - `samples`, `real`: how many samples and unseen real images of it were looked at.
    - `accuracy`: share of the samples asked for it that the judge takes for it; `accuracy_real`
      the same of unseen real images; `taken_for`: the class most often seen instead, or None.
    - `coverage`: share of its training images with a sample beside them (Naeem et al. 2020, eq. 5,
      among images of this class only); `coverage_real` with unseen real images in their place.
    - `fooling_rate`: share of pairs in which a sample scores above an unseen real image of it.

    Args:
        unseen: real images that stand for what could be had.
        training: real images to be covered.
        asked: whether `samples.labels` were asked for. If not they are the judge's own, and
            `coverage` falls for a class that is made too rarely.
    """
    random = np.random.default_rng(seed)
    scores: dict[str, dict[str, Any]] = {}
    for label, name in enumerate(names):
        made, real, seen = (
            np.flatnonzero(group.labels == label) for group in (samples, unseen, training)
        )
        of_it, of_real = samples.called[made] == label, unseen.called[real] == label
        wrong = np.bincount(samples.called[made][~of_it], minlength=1)
        instead = int(wrong.argmax()) if wrong.any() else len(names)
        scores[name] = {
            "samples": len(made),
            "real": len(real),
            "accuracy": float(of_it.mean()) if asked and len(made) else None,
            "accuracy_real": float(of_real.mean()) if len(real) else None,
            "taken_for": names[instead] if instead < len(names) else None,
            "coverage": None,
            "coverage_real": None,
            "fooling_rate": None,
        }
        # What was asked for can be had in any number; else as many as the class has of the data.
        due = len(made) if asked else round(len(samples) * len(real) / max(1, len(unseen)))
        count = min(MAX_COMPARED, due, len(real))
        if count >= 2 and len(seen) >= 2:
            balls = training.features[seen[draw(len(seen), MAX_COMPARED, random)]]
            own, other = (rows[draw(len(rows), count, random)] for rows in (made, real))
            covered = coverage_score(samples.features[own], balls) if len(own) else 0.0
            scores[name]["coverage"] = covered
            scores[name]["coverage_real"] = coverage_score(unseen.features[other], balls)
        if samples.logits is not None and unseen.logits is not None:
            fake, held = samples.logits[made], unseen.logits[real]
            fake, held = fake[~np.isnan(fake)], held[~np.isnan(held)]
            if len(fake) and len(held):
                scores[name]["fooling_rate"] = fooling_rate(fake, held)
    return scores


def fooling_rate(fake: NDArray[np.floating], real: NDArray[np.floating]) -> float:
    """Returns the share of pairs of logits [N], [M] in which the fake one is higher; ties halve."""
    ordered = np.sort(real)
    below = np.searchsorted(ordered, fake, "left") + np.searchsorted(ordered, fake, "right")
    return float(below.mean() / (2 * len(ordered)))


class _Aspect(NamedTuple):
    """A figure by which classes are compared."""

    # Of a class beside its own real images, higher being better; or None.
    value: Callable[[Mapping[str, Any]], float | None]
    images: Callable[[Mapping[str, Any]], int]  # images that the figure rests on
    least: float  # a smaller difference from the median class is never called hard
    # For a person, on the figures of a class and the median of the others.
    words: Callable[[Mapping[str, Any], float], str]


def _difference(found: Mapping[str, Any]) -> float | None:
    if found["accuracy"] is None or found["accuracy_real"] is None:
        return None
    return 1 + found["accuracy"] - found["accuracy_real"]


def _ratio(found: Mapping[str, Any]) -> float | None:
    return None if not found["coverage_real"] else found["coverage"] / found["coverage_real"]


def _on_accuracy(found: Mapping[str, Any], _: float) -> str:
    instead = f", most often for {found['taken_for']}" if found["taken_for"] else ""
    return (
        f"{1 - found['accuracy']:.1%} of its samples are taken for something else{instead}"
        f" (of real ones {1 - found['accuracy_real']:.1%})"
    )


def _on_coverage(found: Mapping[str, Any], usual: float) -> str:
    share = _ratio(found) or 0
    return f"its coverage is {share:.0%} of that of real images (other classes {usual:.0%})"


def _on_fooling(found: Mapping[str, Any], usual: float) -> str:
    share = found["fooling_rate"]
    return f"{share:.0%} of its samples fool the discriminator (others {usual:.0%})"


def _both(found: Mapping[str, Any]) -> int:
    return min(found["samples"], found["real"], MAX_COMPARED)


def _due(found: Mapping[str, Any]) -> int:
    """Where nothing was asked for, that there are no samples of a class is the figure itself."""
    return _both(found) if found["accuracy"] is not None else min(found["real"], MAX_COMPARED)


_ASPECTS = (
    _Aspect(_difference, _both, 0.03, _on_accuracy),
    _Aspect(_ratio, _due, 0.15, _on_coverage),
    _Aspect(itemgetter("fooling_rate"), _both, 0.15, _on_fooling),
)


def hard_classes(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Returns the classes that are clearly below the rest, the hardest first, each with its why.

    A class is hard where a figure of it lies below the median of the other classes by more than
    chance explains at its number of images (three standard errors), and by enough to matter: 3
    points of accuracy against real images, 15 of relative coverage or of the fooling rate. None is
    where the judge is wrong on most real images.
    """
    if _right(scores) < RIGHT_AT_LEAST:
        return {}
    found: dict[str, tuple[float, list[str]]] = {}
    for aspect in _ASPECTS:
        judged = {name: own for name, own in scores.items() if aspect.images(own) >= FEWEST}
        measured = {name: aspect.value(own) for name, own in judged.items()}
        values = {name: value for name, value in measured.items() if value is not None}
        for name, value in values.items():
            others = [other for rest, other in values.items() if rest != name]
            if not others:
                continue
            usual = float(np.median(others))
            share = min(max(usual, 0.05), 0.95)
            error = math.sqrt(share * (1 - share) / aspect.images(judged[name]))
            excess = (usual - value) / max(aspect.least, STANDARD_ERRORS * error)
            if excess > 1:
                worst, words = found.get(name, (0.0, []))
                words = [*words, aspect.words(judged[name], usual)]
                found[name] = (max(worst, excess), words)
    ranked = sorted(found.items(), key=lambda item: -item[1][0])
    return {name: "; ".join(words) for name, (_, words) in ranked}


def describe_hard(
    scores: Mapping[str, Mapping[str, Any]], hard: Mapping[str, str]
) -> tuple[str, list[str]]:
    """Returns a heading on what `hard_classes` found, and a sentence on each hard class."""
    counts = [aspect.images(found) for found in scores.values() for aspect in _ASPECTS]
    if max(counts, default=0) < FEWEST:
        return "There are too few images of each class to tell which are hard.", []
    if (right := _right(scores)) < RIGHT_AT_LEAST:
        return (
            f"Which classes are hard cannot be judged: the judge is right on {right:.0%} of real"
            " images only.",
            [],
        )
    named = [f"{name}: {why}." for name, why in hard.items()]
    for words, figure in (("coverage", _ratio), ("share of samples as asked", _as_asked)):
        known = [value for found in scores.values() if (value := figure(found)) is not None]
        if known and (middle := float(np.median(known))) < GOOD_AT_LEAST:
            heading = f"All classes are hard: the {words} is {middle:.0%} of that of real images in"
            return f"{heading} the middle class{'; the hardest:' if named else '.'}", named
    return ("Hard classes:" if named else "No class is clearly harder than the rest."), named


def _right(scores: Mapping[str, Mapping[str, Any]]) -> float:
    """The share of real images of which the judge is right; 1 where it was not asked."""
    known = [found for found in scores.values() if found["accuracy_real"] is not None]
    total = sum(found["real"] for found in known)
    return sum(found["accuracy_real"] * found["real"] for found in known) / total if total else 1.0


def _as_asked(found: Mapping[str, Any]) -> float | None:
    if found["accuracy"] is None or not found["accuracy_real"]:
        return None
    return found["accuracy"] / found["accuracy_real"]
