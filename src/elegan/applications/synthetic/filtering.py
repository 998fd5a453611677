"""Which generated images are kept: those of the class asked for, well made, and no copies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from elegan.applications.synthetic.labelled_set import Given
from elegan.common.pixels import to_tensor
from elegan.common.randomness import key
from elegan.data.duplicates import image_hashes
from elegan.metrics.extractors import extractor_for
from elegan.metrics.neighbours import copy_threshold, nearest, small_pixels
from elegan.models import Model

Probabilities = Callable[[np.ndarray], np.ndarray]
"""Images uint8 [N, R, R, C] -> class probabilities float32 [N, K]."""

EXTRACTOR = "random"
"""Copies are looked for in pixels and in a fixed random network's features.

The judges that come with elegan know thousands of labels of their data, which are not given here.
"""

REASONS = ("class", "discriminator", "copy", "twice")
_ROUNDS = 4
_BATCH = 250


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """Generated images that passed.

    Attributes:
        images: uint8 [M, R, R, C].
        labels: int64 [M].
        drawn: images that were looked at, of each class.
        dropped: of these how many were dropped, by reason (`REASONS`) and class.
    """

    images: np.ndarray
    labels: np.ndarray
    drawn: np.ndarray
    dropped: dict[str, np.ndarray] = field(default_factory=dict)

    def facts(self, classes: Sequence[str]) -> dict[str, Any]:
        """Returns JSON values: of each class `kept`, `drawn` and what was dropped."""
        kept = np.bincount(self.labels, minlength=len(classes))
        return {
            name: {
                "kept": int(kept[label]),
                "drawn": int(self.drawn[label]),
                **{reason: int(self.dropped[reason][label]) for reason in REASONS},
            }
            for label, name in enumerate(classes)
        }

    @property
    def copy_rate(self) -> float:
        """Share of the images looked at for copying that were near-copies of given ones."""
        looked = self.drawn.sum() - sum(self.dropped[one].sum() for one in REASONS[:2])
        return float(self.dropped["copy"].sum() / max(1, looked))


class CopyCheck:
    """Tells near-copies: nearer to a given image than 99 % of given images are to another.

    Given images that repeat another one are left out of these; an exact copy is always told.

    Args:
        given: uint8 [N, R, R, C].
    """

    def __init__(self, given: np.ndarray) -> None:
        self._extractor = extractor_for(None, given.shape[1], given.shape[3], EXTRACTOR)
        self._spaces = [small_pixels(given), self._extractor.features(given)]
        own = np.arange(len(given))
        self._thresholds = [copy_threshold(nearest(one, one, own)[0]) for one in self._spaces]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Images uint8 [M, R, R, C] -> whether each is a near-copy, in either space, bool [M]."""
        seen = [small_pixels(images), self._extractor.features(images)]
        near = np.zeros(len(images), bool)
        for own, space, threshold in zip(seen, self._spaces, self._thresholds, strict=True):
            near |= nearest(own, space)[0] <= threshold
        return near


def draw_filtered(
    model: Model,
    given: Given,
    judge: Probabilities,
    counts: Sequence[int],
    *,
    band: tuple[float, float],
    reject: float,
    seed: int,
) -> Made:
    """Draws images of each class until so many have passed, or four rounds are over.

    An image passes if the judge's probability of the class asked for is within the band, if it is
    not among those of its class that the discriminator likes least, and if it copies nothing.

    Args:
        model: conditional on the classes of `given`, in their order.
        given: what it was trained on.
        judge: a classifier that knows nothing but the given labels and the pool.
        counts: how many to keep of each class.
        band: bounds of the probability, both included.
        reject: share of each class that the discriminator drops.
        seed: of the latents.
    """
    is_copy = CopyCheck(given.images)
    classes = len(counts)
    dropped = {reason: np.zeros(classes, np.int64) for reason in REASONS}
    drawn = np.zeros(classes, np.int64)
    images, labels = [], []
    for label, wanted in enumerate(counts):
        seen: set[bytes] = set()
        kept = 0
        for turn in range(_ROUNDS):
            if kept >= wanted:
                break
            count = max(32, 2 * (wanted - kept))
            latents = key(seed, "candidates", label, turn)
            made = model.generate(count, seed=latents, label=label).images
            drawn[label] += count
            for reason, passes in _tests(model, judge, is_copy, label, band, reject, seen):
                good = passes(made)
                dropped[reason][label] += int((~good).sum())
                made = made[good]
            images.append(made[: wanted - kept])
            labels.append(np.full(len(images[-1]), label))
            kept += len(images[-1])
    shape = given.images.shape[1:]
    return Made(
        images=np.concatenate([np.empty((0, *shape), np.uint8), *images]),
        labels=np.concatenate([np.empty(0, np.int64), *labels]),
        drawn=drawn,
        dropped=dropped,
    )


def _tests(
    model: Model,
    judge: Probabilities,
    is_copy: CopyCheck,
    label: int,
    band: tuple[float, float],
    reject: float,
    seen: set[bytes],
) -> list[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """Returns (reason, images -> bool that pass), in the order in which they are asked."""

    def of_class(images: np.ndarray) -> np.ndarray:
        asked = judge(images)[:, label]
        return (asked >= band[0]) & (asked <= band[1])

    def well_made(images: np.ndarray) -> np.ndarray:
        if not reject or not len(images) or not model.has_discriminator:
            return np.ones(len(images), bool)
        scores = discriminator_scores(model, images, label)
        return scores >= np.quantile(scores, reject)

    def no_copy(images: np.ndarray) -> np.ndarray:
        return ~is_copy(images) if len(images) else np.ones(0, bool)

    def first(images: np.ndarray) -> np.ndarray:
        passes = np.ones(len(images), bool)
        for row, digest in enumerate(image_hashes(images)):
            passes[row] = digest not in seen
            seen.add(digest)
        return passes

    return list(zip(REASONS, (of_class, well_made, no_copy, first), strict=True))


@torch.inference_mode()
def discriminator_scores(model: Model, images: np.ndarray, label: int) -> np.ndarray:
    """Images uint8 [N, R, R, C] of one class -> the discriminator's logits float32 [N]."""
    device, scores = model.precision.device, []
    for start in range(0, len(images), _BATCH):
        part = to_tensor(images[start : start + _BATCH], device)
        labels = torch.full((len(part),), label, device=device)
        with model.precision.autocast():
            scores.append(model.discriminator(part, labels).float().cpu().numpy())
    return np.concatenate(scores)
