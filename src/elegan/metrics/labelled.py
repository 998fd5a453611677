"""What is known of the classes of generated and real images, and the figures that follow from it.

The judge is the extractor's own classifier where it knows these very classes; elsewhere an image is
taken for the class of its nearest training image in features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elegan.metrics.classes import Group, class_scores, fooling_rate, hard_classes
from elegan.metrics.features import Extractor, Side

Logits = Callable[[NDArray[np.uint8], "NDArray[np.int64] | None"], NDArray[np.float32]]
"""Images uint8 [N, H, W, C] (, labels [N]) -> the discriminator's logits float32 [N]."""


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """What is known of classes.

    Attributes:
        names: of the classes, in the order of the labels; () takes the extractor's.
        generated: int64 [N], the class that each sample was asked for; None when unconditional.
        reference: int64 [M], the true classes of the training images, or None.
        held_out: the same of the held-out images, or None.
        logits: the discriminator's judgement, or None.
    """

    names: tuple[str, ...] = ()
    generated: NDArray[np.int64] | None = None
    reference: NDArray[np.int64] | None = None
    held_out: NDArray[np.int64] | None = None
    logits: Logits | None = None

    def judged_by(self, extractor: Extractor) -> bool:
        """Whether the extractor's classifier knows these very classes."""
        if not extractor.classes or self.reference is None:
            return False
        if self.names:
            return self.names == extractor.classes
        return int(self.reference.max()) < len(extractor.classes)


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A set of images, and those of them whose nearest training image was looked up.

    Attributes:
        images: uint8 [N, H, W, C].
        side: their features.
        rows: int64 [n], the images that were looked at.
        nearest: int64 [n], the nearest training image of each of those, in features.
    """

    images: NDArray[np.uint8]
    side: Side
    rows: NDArray[np.int64]
    nearest: NDArray[np.int64]


def labelled_scores(
    samples: Looked,
    unseen: Looked,
    reference: Side,
    labelling: Labelling,
    extractor: Extractor,
    *,
    held_out: bool,
    seed: int = 0,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns (scores, their floor), ready for JSON; both {} where nothing is known of classes.

    `as_asked` is the share of the samples that are of the class asked for, `fooling_rate` that of
    pairs in which a sample scores above an unseen real image (of its class); `per_class` holds the
    same and coverage for each class (`classes.class_scores`), `hard_classes` why some are hard.

    Args:
        samples: the generated images.
        unseen: held-out images, or without any training images.
        reference: the training images.
        labelling: what is known.
        extractor: which made the features.
        held_out: whether `unseen` were kept from training.
        seed: of the subsamples.
    """
    fake, real = _logits(samples, unseen, labelling, held_out)
    scores: dict[str, Any] = {}
    floor: dict[str, Any] = {}
    if fake is not None and real is not None:
        scores["fooling_rate"] = fooling_rate(fake[samples.rows], real[unseen.rows])
        floor["fooling_rate"] = 0.5
    if labelling.reference is None or (held_out and labelling.held_out is None):
        return scores, floor
    judged = labelling.judged_by(extractor)
    made, seen, training = _groups(
        samples, unseen, reference, labelling, (fake, real), judged, held_out, seed
    )
    names = labelling.names or (extractor.classes if judged else ())
    names = names or tuple(str(label) for label in range(int(labelling.reference.max()) + 1))
    asked = labelling.generated is not None
    detail = class_scores(made, seen, training, names, asked=asked, seed=seed)
    if asked:
        # A conditional discriminator is free to score one class above another.
        rates = [(one["samples"], one["fooling_rate"]) for one in detail.values()]
        known = [(count, rate) for count, rate in rates if rate is not None]
        if known:
            total = sum(count for count, _ in known)
            scores["fooling_rate"] = sum(count * rate for count, rate in known) / total
        scores["as_asked"] = float((made.called == made.labels).mean())
        floor["as_asked"] = float((seen.called == seen.labels).mean())
    scores["class_judge"] = extractor.name if judged else "the nearest training image in features"
    scores["per_class"], scores["hard_classes"] = detail, hard_classes(detail)
    return scores, floor


def _groups(
    samples: Looked,
    unseen: Looked,
    reference: Side,
    labelling: Labelling,
    logits: tuple[NDArray[np.float32] | None, NDArray[np.float32] | None],
    judged: bool,
    held_out: bool,
    seed: int,
) -> tuple[Group, Group, Group]:
    """Returns samples, unseen real images and the training images to be covered."""
    truth = labelling.reference
    assert truth is not None
    every, held = np.arange(len(samples.side)), np.arange(len(unseen.side))
    made = _group(samples, every if judged else samples.rows, truth, judged, logits[0])
    if labelling.generated is not None:
        rows = every if judged else samples.rows
        made = Group(**{**vars(made), "labels": labelling.generated[rows]})
    if held_out:
        assert labelling.held_out is not None
        rows = held if judged else unseen.rows
        seen = _group(unseen, rows, truth, judged, logits[1])
        seen = Group(**{**vars(seen), "labels": labelling.held_out[rows]})
        left = np.arange(len(reference))
    else:
        # A part of the training images stands for unseen ones, at most half, the rest is covered.
        order = np.random.default_rng(seed).permutation(len(unseen.rows))
        half = np.sort(order[: len(reference) // 2])
        rows = unseen.rows[half]
        part = Looked(
            images=unseen.images, side=unseen.side, rows=rows, nearest=unseen.nearest[half]
        )
        seen = _group(part, rows, truth, judged, logits[1])
        seen = Group(**{**vars(seen), "labels": truth[rows]})
        left = np.setdiff1d(np.arange(len(reference)), rows)
    covered = Group(features=reference.features[left], labels=truth[left], called=truth[left])
    return made, seen, covered


def _group(
    looked: Looked,
    rows: NDArray[np.int64],
    truth: NDArray[np.int64],
    judged: bool,
    logits: NDArray[np.float32] | None,
) -> Group:
    """Returns the images at `rows`, labelled by the judge."""
    if judged:
        assert looked.side.probabilities is not None
        called = looked.side.probabilities[rows].argmax(1)
    else:
        called = truth[looked.nearest]
    return Group(
        features=looked.side.features[rows],
        labels=called,
        called=called,
        logits=None if logits is None else logits[rows],
    )


def _logits(
    samples: Looked, unseen: Looked, labelling: Labelling, held_out: bool
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Returns the logits of both sets, NaN for the images that are not looked at."""
    if labelling.logits is None:
        return None, None
    found = []
    real = labelling.held_out if held_out else labelling.reference
    asked = labelling.generated is not None
    if asked and real is None:
        return None, None
    for looked, labels in ((samples, labelling.generated), (unseen, real)):
        logits = np.full(len(looked.side), np.nan, np.float32)
        chosen = labels[looked.rows] if asked and labels is not None else None
        logits[looked.rows] = labelling.logits(looked.images[looked.rows], chosen)
        found.append(logits)
    return found[0], found[1]
