"""Class by class: are samples what was asked for, is the class covered, which classes are hard?

Each figure of a class stands beside that of unseen real images of it, taken at equal counts, so
that a class that is hard to judge or widely spread is not mistaken for one that is badly made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elegan.metrics.distances import coverage_score
from elegan.metrics.features import draw

MAX_COMPARED = 500
"""Coverage of a class is taken on at most so many images of each side."""

FEWEST = 10
"""A class with fewer samples or real images than this is not judged."""

RIGHT_AT_LEAST = 0.5
"""A judge that is right on fewer real images says nothing of any class."""

GOOD_AT_LEAST = 0.5
"""Where the middle class has less of what real images have, no class is called easy."""

STANDARD_ERRORS = 3.0
"""A class must differ from the others by so many standard errors to be called hard."""


@dataclass(frozen=True, kw_only=True)
class LabelledFeatures:
    """Images with what is known of their classes.

    Attributes:
        features: float32 [N, D].
        labels: int64 [N]; of samples the class asked for, of real images the true one.
        called: int64 [N]; the class that the judge takes each for.
        logits: float32 [N], the discriminator's, NaN where it was not asked; or None.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    called: NDArray[np.int64]
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
        samples: generated images.
        unseen: real images that stand for what could be had.
        training: real images to be covered.
        names: of the classes.
        asked: whether `samples.labels` were asked for. If not they are the judge's own, and
            `coverage` falls for a class that is made too rarely.
        seed: of the subsamples.
    """
    random = np.random.default_rng(seed)
    return {
        name: {
            "samples": int((samples.labels == label).sum()),
            "real": int((unseen.labels == label).sum()),
            **_accuracy(samples, unseen, label, names, asked),
            **_coverage(samples, unseen, training, label, asked, random),
            "fooling_rate": _fooling_rate(samples, unseen, label),
        }
        for label, name in enumerate(names)
    }


def _accuracy(
    samples: LabelledFeatures,
    unseen: LabelledFeatures,
    label: int,
    names: Sequence[str],
    asked: bool,
) -> dict[str, Any]:
    of_it, real = samples.called[samples.labels == label], unseen.called[unseen.labels == label]
    wrong = of_it[of_it != label]
    other = int(np.bincount(wrong).argmax()) if len(wrong) else None
    return {
        "accuracy": float((of_it == label).mean()) if asked and len(of_it) else None,
        "accuracy_real": float((real == label).mean()) if len(real) else None,
        "taken_for": names[other] if other is not None and other < len(names) else None,
    }


def _coverage(
    samples: LabelledFeatures,
    unseen: LabelledFeatures,
    training: LabelledFeatures,
    label: int,
    asked: bool,
    random: np.random.Generator,
) -> dict[str, Any]:
    made, held, seen = (
        np.flatnonzero(group.labels == label) for group in (samples, unseen, training)
    )
    # What was asked for can be had in any number; else as many as the class's share of the data.
    due = len(made) if asked else round(len(samples) * len(held) / max(1, len(unseen)))
    count = min(MAX_COMPARED, due, len(held))
    if count < 2 or len(seen) < 2:
        return {"coverage": None, "coverage_real": None}
    balls = training.features[seen[draw(len(seen), MAX_COMPARED, random)]]
    made, held = (rows[draw(len(rows), count, random)] for rows in (made, held))
    return {
        "coverage": coverage_score(samples.features[made], balls) if len(made) else 0.0,
        "coverage_real": coverage_score(unseen.features[held], balls),
    }


def _fooling_rate(samples: LabelledFeatures, unseen: LabelledFeatures, label: int) -> float | None:
    if samples.logits is None or unseen.logits is None:
        return None
    fake, real = samples.logits[samples.labels == label], unseen.logits[unseen.labels == label]
    fake, real = fake[~np.isnan(fake)], real[~np.isnan(real)]
    return fooling_rate(fake, real) if len(fake) and len(real) else None


def fooling_rate(fake: NDArray[np.floating], real: NDArray[np.floating]) -> float:
    """Returns the share of pairs of logits [N], [M] in which the fake one is higher; ties halve."""
    ordered = np.sort(real)
    below = np.searchsorted(ordered, fake, "left") + np.searchsorted(ordered, fake, "right")
    return float(below.mean() / (2 * len(ordered)))


@dataclass(frozen=True)
class _Aspect:
    """A figure by which classes are compared.

    Attributes:
        value: the figure of a class beside its own real images, higher being better; or None.
        count: images that the figure rests on.
        least: a difference from the median class smaller than this is never called hard.
        words: for a person, on the figures of one class and the median of the others.
    """

    value: Callable[[Mapping[str, Any]], float | None]
    count: Callable[[Mapping[str, Any]], int]
    least: float
    words: Callable[[Mapping[str, Any], float], str]


def _difference(one: Mapping[str, Any]) -> float | None:
    if one["accuracy"] is None or one["accuracy_real"] is None:
        return None
    return 1 + one["accuracy"] - one["accuracy_real"]


def _ratio(one: Mapping[str, Any]) -> float | None:
    return None if not one["coverage_real"] else one["coverage"] / one["coverage_real"]


def _on_accuracy(one: Mapping[str, Any], _: float) -> str:
    instead = f", most often for {one['taken_for']}" if one["taken_for"] else ""
    return (
        f"{1 - one['accuracy']:.1%} of its samples are taken for something else{instead}"
        f" (of real ones {1 - one['accuracy_real']:.1%})"
    )


def _on_coverage(one: Mapping[str, Any], usual: float) -> str:
    return (
        f"its coverage is {_ratio(one) or 0:.0%} of that of real images (other classes {usual:.0%})"
    )


def _on_fooling(one: Mapping[str, Any], usual: float) -> str:
    return f"{one['fooling_rate']:.0%} of its samples fool the discriminator (others {usual:.0%})"


def _both(one: Mapping[str, Any]) -> int:
    return min(one["samples"], one["real"], MAX_COMPARED)


def _due(one: Mapping[str, Any]) -> int:
    """Where nothing was asked for, that there are no samples of a class is the figure itself."""
    return _both(one) if one["accuracy"] is not None else min(one["real"], MAX_COMPARED)


_ASPECTS = (
    _Aspect(_difference, _both, 0.03, _on_accuracy),
    _Aspect(_ratio, _due, 0.15, _on_coverage),
    _Aspect(lambda one: one["fooling_rate"], _both, 0.15, _on_fooling),
)


def hard_classes(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Returns the classes that are clearly below the rest, the hardest first, each with its why.

    A class is hard where a figure of it lies below the median of the other classes by more than
    chance explains at its number of images (three standard errors), and by enough to matter: 3
    points of accuracy against real images, 15 of relative coverage or of the fooling rate. None is
    where the judge is wrong on most real images.

    Args:
        scores: what `class_scores` returned.
    """
    if _right(scores) < RIGHT_AT_LEAST:
        return {}
    found: dict[str, tuple[float, list[str]]] = {}
    for aspect in _ASPECTS:
        judged = {name: one for name, one in scores.items() if aspect.count(one) >= FEWEST}
        measured = {name: aspect.value(one) for name, one in judged.items()}
        values = {name: value for name, value in measured.items() if value is not None}
        for name, value in values.items():
            others = [other for rest, other in values.items() if rest != name]
            if not others:
                continue
            usual = float(np.median(others))
            share = min(max(usual, 0.05), 0.95)
            error = math.sqrt(share * (1 - share) / aspect.count(judged[name]))
            margin = STANDARD_ERRORS * error
            excess = (usual - value) / max(aspect.least, margin)
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
    counts = [aspect.count(one) for one in scores.values() for aspect in _ASPECTS]
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
        known = [value for one in scores.values() if (value := figure(one)) is not None]
        if known and (middle := float(np.median(known))) < GOOD_AT_LEAST:
            heading = f"All classes are hard: the {words} is {middle:.0%} of that of real images in"
            return f"{heading} the middle class{'; the hardest:' if named else '.'}", named
    return ("Hard classes:" if named else "No class is clearly harder than the rest."), named


def _right(scores: Mapping[str, Mapping[str, Any]]) -> float:
    """The share of real images of which the judge is right; 1 where it was not asked."""
    known = [one for one in scores.values() if one["accuracy_real"] is not None]
    total = sum(one["real"] for one in known)
    return sum(one["accuracy_real"] * one["real"] for one in known) / total if total else 1.0


def _as_asked(one: Mapping[str, Any]) -> float | None:
    if one["accuracy"] is None or not one["accuracy_real"]:
        return None
    return one["accuracy"] / one["accuracy_real"]
