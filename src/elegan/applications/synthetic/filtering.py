"""Which generated images are kept: those of the class asked for, well made, and no copies."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from elegan.applications.synthetic.labelled_set import LabelledSet
from elegan.applications.synthetic.protocol import Probabilities
from elegan.common.randomness import key
from elegan.data.duplicates import image_hashes
from elegan.metrics.extractors import extractor_for
from elegan.metrics.neighbours import copy_threshold, nearest, small_pixels
from elegan.models import Model

REASONS = ("class", "discriminator", "copy", "twice")
_ROUNDS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class FilteredImages:
    """Generated images that passed."""

    images: np.ndarray  # uint8 [M, R, R, C]
    labels: np.ndarray  # int64 [M]
    drawn: np.ndarray  # images that were looked at, of each class
    # Of these how many were dropped, by reason (`REASONS`) and class, int64 [4, K]
    dropped: np.ndarray

    def labelled(self, classes: tuple[str, ...]) -> LabelledSet:
        """Returns them as images to train on."""
        return LabelledSet(name="made", images=self.images, labels=self.labels, classes=classes)

    def to_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """Returns JSON values: of each class `kept`, `drawn` and what was dropped."""
        kept = np.bincount(self.labels, minlength=len(classes))
        heads = ("kept", "drawn", *REASONS)
        columns = np.stack([kept, self.drawn, *self.dropped], axis=1).tolist()
        return {
            name: dict(zip(heads, counts, strict=True))
            for name, counts in zip(classes, columns, strict=True)
        }

    @property
    def copy_rate(self) -> float:
        """Share of the images looked at for copying that were near-copies of given ones."""
        looked = self.drawn.sum() - self.dropped[:2].sum()
        return float(self.dropped[REASONS.index("copy")].sum() / max(1, looked))


class CopyCheck:
    """Tells near-copies: nearer to a given image than 99 % of given images are to another.

    Given images that repeat another one are left out of these; an exact copy is always told. Copies
    are looked for in pixels and in a fixed random network's features: the classifiers that come
    with elegan know thousands of labels of their data, which are not given here.

    Args:
        given: uint8 [N, R, R, C].
    """

    def __init__(self, given: np.ndarray) -> None:
        self._extractor = extractor_for(None, "random")
        self._spaces = [small_pixels(given), self._extractor.features(given)]
        own = np.arange(len(given))
        self._thresholds = [copy_threshold(nearest(rows, rows, own)[0]) for rows in self._spaces]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Images uint8 [M, R, R, C] -> whether each is a near-copy, in either space, bool [M]."""
        near = np.zeros(len(images), bool)
        if len(images):
            found = [small_pixels(images), self._extractor.features(images)]
            for own, space, threshold in zip(found, self._spaces, self._thresholds, strict=True):
                near |= nearest(own, space)[0] <= threshold
        return near


def draw_filtered(
    model: Model,
    given: LabelledSet,
    classify: Probabilities,
    counts: Sequence[int],
    *,
    band: tuple[float, float],
    reject: float,
    seed: int,
) -> FilteredImages:
    """Draws images of each class until so many have passed, or four rounds are over.

    An image passes if the probability of the class asked for is within the band, if it is not among
    those of its class that the discriminator likes least, and if it copies nothing.

    Args:
        model: conditional on the classes of `given`, in their order.
        classify: a classifier that knows nothing but the given labels and the pool.
        counts: how many to keep of each class.
        band: bounds of the probability, both included.
        reject: share of each class that the discriminator drops.
    """
    is_copy = CopyCheck(given.images)
    dropped = np.zeros((len(REASONS), len(counts)), np.int64)
    drawn = np.zeros(len(counts), np.int64)
    images, labels = [given.images[:0]], [given.labels[:0]]
    for label, wanted in enumerate(counts):
        seen: set[bytes] = set()
        tests = (
            partial(_in_band, classify, band, label),
            partial(_well_made, model, reject, label),
            lambda images: ~is_copy(images),
            partial(_unseen, seen),
        )
        kept = 0
        for turn in range(_ROUNDS):
            if kept >= wanted:
                break
            count = max(32, 2 * (wanted - kept))
            latents = key(seed, "candidates", label, turn)
            made = model.generate(count, seed=latents, label=label).images
            drawn[label] += count
            for reason, passes in enumerate(tests):  # in the order of REASONS
                good = passes(made)
                dropped[reason, label] += (~good).sum()
                made = made[good]
            images.append(made[: wanted - kept])
            labels.append(np.full(len(images[-1]), label))
            kept += len(images[-1])
    return FilteredImages(
        images=np.concatenate(images), labels=np.concatenate(labels), drawn=drawn, dropped=dropped
    )


def _in_band(
    classify: Probabilities, band: tuple[float, float], label: int, images: np.ndarray
) -> np.ndarray:
    asked = classify(images)[:, label]
    return (asked >= band[0]) & (asked <= band[1])


def _well_made(model: Model, reject: float, label: int, images: np.ndarray) -> np.ndarray:
    if not reject or not len(images) or not model.has_discriminator:
        return np.ones(len(images), bool)
    scores = model.judged(images, np.full(len(images), label))
    return scores >= np.quantile(scores, reject)


def _unseen(seen: set[bytes], images: np.ndarray) -> np.ndarray:
    passes = np.ones(len(images), bool)
    for row, digest in enumerate(image_hashes(images)):
        passes[row] = digest not in seen
        seen.add(digest)
    return passes
