"""What is known of the classes of generated and real images, and the figures that follow from it.

The judge is the extractor's own classifier where it knows these very classes; elsewhere an image is
taken for the class of its nearest training image in features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elegan.metrics.classes import LabelledFeatures, class_scores, fooling_rate, hard_classes
from elegan.metrics.features import Extractor, FeatureSet

Logits = Callable[[NDArray[np.uint8], "NDArray[np.int64] | None"], NDArray[np.float32]]
"""Images uint8 [N, H, W, C] (, labels [N]) -> the discriminator's logits float32 [N]."""


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """What is known of classes."""

    # Of the classes, in the order of the labels; () takes the extractor's
    names: tuple[str, ...] = ()
    # int64 [N], the class that each sample was asked for; None when unconditional
    generated: NDArray[np.int64] | None = None
    # int64 [M], the true classes of the training images, or None
    reference: NDArray[np.int64] | None = None
    held_out: NDArray[np.int64] | None = None  # the same of the held-out images, or None
    logits: Logits | None = None  # the discriminator's judgement, or None

    def is_known_to(self, extractor: Extractor) -> bool:
        """Whether the extractor's classifier knows these very classes."""
        if not extractor.classes or self.reference is None:
            return False
        if self.names:
            return self.names == extractor.classes
        return int(self.reference.max()) < len(extractor.classes)


UNKNOWN = Labelling()


@dataclass(frozen=True, kw_only=True)
class MatchedSet:
    """A set of images, and those of them whose nearest training image was looked up."""

    images: NDArray[np.uint8]  # uint8 [N, H, W, C]
    found: FeatureSet  # their features
    rows: NDArray[np.int64]  # int64 [n], the images that were looked at
    # int64 [n], the nearest training image of each of those, in features
    nearest: NDArray[np.int64]


def labelled_scores(
    samples: MatchedSet,
    unseen: MatchedSet,
    reference: FeatureSet,
    labelling: Labelling,
    extractor: Extractor,
    *,
    held_out: bool,
    seed: int = 0,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns (scores, those of real data), ready for JSON; {} where nothing is known of classes.

    `as_asked` is the share of the samples that are of the class asked for, `fooling_rate` that of
    pairs in which a sample scores above an unseen real image (of its class); `per_class` holds the
    same and coverage for each class (`classes.class_scores`), `hard_classes` why some are hard.

    Args:
        unseen: held-out images, or without any training images.
        held_out: whether `unseen` were kept from training.
    """
    truth, asked = labelling.reference, labelling.generated is not None
    unseen_labels = labelling.held_out if held_out else truth
    fake = real = None
    scores: dict[str, Any] = {}
    baseline: dict[str, Any] = {}
    if labelling.logits is not None and not (asked and unseen_labels is None):
        fake = _logits(labelling.logits, samples, labelling.generated)
        real = _logits(labelling.logits, unseen, unseen_labels if asked else None)
        scores["fooling_rate"] = fooling_rate(fake[samples.rows], real[unseen.rows])
        baseline["fooling_rate"] = 0.5
    if truth is None or unseen_labels is None:
        return scores, baseline
    by_extractor, left = labelling.is_known_to(extractor), np.arange(len(reference))
    made = _classified(samples, labelling.generated, truth, by_extractor, fake)
    if held_out:
        seen = _classified(unseen, unseen_labels, truth, by_extractor, real)
    else:
        # A part of the training images stands for unseen ones, at most half, the rest is covered.
        order = np.random.default_rng(seed).permutation(len(unseen.rows))
        half = np.sort(order[: len(reference) // 2])
        part = replace(unseen, rows=unseen.rows[half], nearest=unseen.nearest[half])
        seen = _classified(part, truth, truth, by_extractor, real, whole=False)
        left = np.setdiff1d(left, part.rows)
    training = LabelledFeatures(
        features=reference.features[left], labels=truth[left], called=truth[left]
    )
    names = labelling.names or (extractor.classes if by_extractor else ())
    names = names or tuple(str(label) for label in range(int(truth.max()) + 1))
    detail = class_scores(made, seen, training, names, asked=asked, seed=seed)
    if asked:
        # A conditional discriminator is free to score one class above another.
        known = [
            (found["samples"], found["fooling_rate"])
            for found in detail.values()
            if found["fooling_rate"] is not None
        ]
        if known:
            total = sum(count for count, _ in known)
            scores["fooling_rate"] = sum(count * rate for count, rate in known) / total
        scores["as_asked"] = float((made.called == made.labels).mean())
        baseline["as_asked"] = float((seen.called == seen.labels).mean())
    nearest = "the nearest training image in features"
    scores["class_judge"] = extractor.name if by_extractor else nearest
    scores["per_class"], scores["hard_classes"] = detail, hard_classes(detail)
    return scores, baseline


def _classified(
    matched: MatchedSet,
    labels: NDArray[np.int64] | None,
    truth: NDArray[np.int64],
    by_extractor: bool,
    logits: NDArray[np.float32] | None,
    *,
    whole: bool = True,
) -> LabelledFeatures:
    """Returns images with the classes that they are taken for, which stand in for missing labels.

    They are those that were looked up, or where the extractor knows the classes the `whole` set.
    """
    rows = np.arange(len(matched.found)) if by_extractor and whole else matched.rows
    if by_extractor:
        assert matched.found.probabilities is not None
        called = matched.found.probabilities[rows].argmax(1)
    else:
        called = truth[matched.nearest]
    return LabelledFeatures(
        features=matched.found.features[rows],
        labels=called if labels is None else labels[rows],
        called=called,
        logits=None if logits is None else logits[rows],
    )


def _logits(
    score: Logits, matched: MatchedSet, labels: NDArray[np.int64] | None
) -> NDArray[np.float32]:
    """Returns the logits of a set, NaN for the images that are not looked at."""
    logits, rows = np.full(len(matched.found), np.nan, np.float32), matched.rows
    logits[rows] = score(matched.images[rows], None if labels is None else labels[rows])
    return logits
