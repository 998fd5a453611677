"""The experiment: arms that differ in one thing, equal steps, draws times seeds, kept results.

A draw is a choice of the images that are trained on and of those that are judged. Every arm of a
draw is trained from the same initial weights, for the same number of steps, with classes in the
same order; what differs is whether images are classically augmented, and where a share of them
comes from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from elegan.applications.synthetic.classifier import (
    MixedSampler,
    Recipe,
    probabilities,
    train_classifier,
)
from elegan.applications.synthetic.labelled_set import Given
from elegan.common.randomness import key


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to train a classifier.

    Attributes:
        about: for the report.
        classical: whether images are cropped, turned, erased and mixed.
        mixed: what replaces a share of the real images: "made", "pool" or nothing.
        labels: part of the given labels that is used, or "more" for further ones.
    """

    about: str
    classical: bool
    mixed: str = ""
    labels: float | str = 1.0


REAL, CLASSICAL = "real", "real + classical"
GAN, BOTH = "real + GAN", "real + classical + GAN"
HALF, POOL, MORE = "half the labels", "real + classical + pool", "more labels"

ARMS: dict[str, Arm] = {
    REAL: Arm(about="the given images as they are", classical=False),
    CLASSICAL: Arm(about="cropped, turned, erased, mixed in pairs", classical=True),
    GAN: Arm(about="a share of generated images, nothing else", classical=False, mixed="made"),
    BOTH: Arm(about="a share of generated images, all augmented", classical=True, mixed="made"),
    HALF: Arm(about="real + classical, half as many of each class", classical=True, labels=0.5),
    POOL: Arm(
        about="a share of the pool itself, with the classes it was taken for",
        classical=True,
        mixed="pool",
    ),
    MORE: Arm(about="real + classical, more given labels", classical=True, labels="more"),
}
"""Every arm. The last is for benchmarks, which have labels that nobody was given."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """One draw.

    Attributes:
        name: under which its results are kept.
        given: images that classifiers are trained on.
        judged: images that they are judged on, by what these are.
        made: generated images for `given`.
        pool: images of the pool with the classes they were taken for, or None.
        more: other images with labels, further ones among them; or None.
        seed: of its classifiers.
    """

    name: str
    given: Given
    judged: Mapping[str, Given]
    made: Given
    pool: Given | None = None
    more: Given | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one classifier did on one set of images.

    Attributes:
        right, total: images named rightly, and all, of each class.
    """

    right: tuple[int, ...]
    total: tuple[int, ...]

    @property
    def accuracy(self) -> float:
        """Share of all images that are named rightly."""
        return sum(self.right) / max(1, sum(self.total))

    def recall(self, classes: Sequence[int] | None = None) -> float:
        """Returns the mean over (these) classes of the share that is named rightly."""
        chosen = range(len(self.total)) if classes is None else classes
        shares = [self.right[one] / self.total[one] for one in chosen if self.total[one]]
        return float(np.mean(shares)) if shares else float("nan")


class Kept(Protocol):
    """Where results are kept, so that none is measured twice."""

    def find(self, name: str) -> Any: ...

    def add(self, name: str, values: Any) -> None: ...


def measure(
    trial: Trial,
    arm: str,
    share: float,
    turn: int,
    *,
    recipe: Recipe,
    balance: bool,
    kept: Kept | None = None,
) -> dict[str, Outcome]:
    """Trains one classifier and judges it; takes over what is kept.

    Args:
        share: of generated (or pool) images, for the arms that mix.
        turn: which classifier of this arm; arms are compared at the same turns.
        balance: whether classes come equally often.
        kept: results by name.

    Returns:
        an outcome for each of `trial.judged`.
    """
    name = f"{trial.name}/{arm}/{share:g}/{turn}"
    found = kept.find(name) if kept else None
    if found is None:
        found = _measured(trial, ARMS[arm], share, turn, recipe, balance)
        if kept:
            kept.add(name, found)
    return {
        judged: Outcome(right=tuple(one["right"]), total=tuple(one["total"]))
        for judged, one in found.items()
    }


def _measured(
    trial: Trial, arm: Arm, share: float, turn: int, recipe: Recipe, balance: bool
) -> dict[str, dict[str, list[int]]]:
    given, own = trial.given, key(trial.seed, trial.name, turn)
    if arm.labels == "more":
        assert trial.more is not None
        given = trial.more
    elif isinstance(arm.labels, float) and arm.labels < 1:
        given = given.share_of_each(arm.labels, own)
    other = {"made": trial.made, "pool": trial.pool, "": None}[arm.mixed]
    images, labels, mixed = given.images, given.labels, given.labels[:0]
    if other is not None and share > 0:
        mixed = other.labels
        images = np.concatenate([images, other.images])
        labels = np.concatenate([labels, mixed])
    sampler = MixedSampler(
        given.labels,
        mixed,
        share=share if len(mixed) else 0.0,
        seed=own,
        balance=balance,
    )
    network = train_classifier(
        images,
        labels,
        sampler,
        len(given.classes),
        recipe=recipe,
        classical=arm.classical,
        seed=own,
    )
    return {
        name: judge(probabilities(network, judged.images), judged)
        for name, judged in trial.judged.items()
    }


def judge(found: np.ndarray, judged: Given) -> dict[str, list[int]]:
    """Class probabilities float [N, K] -> `right` and `total` of each class."""
    right = judged.labels[found.argmax(axis=1) == judged.labels]
    classes = len(judged.classes)
    return {
        "right": np.bincount(right, minlength=classes).tolist(),
        "total": judged.counts.tolist(),
    }
