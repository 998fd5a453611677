"""Sets of images as an extractor sees them, and real ones in the place of generated ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elegan.measure.features import Extractor

_REMEMBERED = 4


@dataclass(frozen=True, kw_only=True)
class Side:
    """A set of images as the extractor sees it.

    Attributes:
        features: float32 [N, D].
        probabilities: float32 [N, K], or None where the extractor knows no classes.
    """

    features: NDArray[np.float32]
    probabilities: NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: NDArray[np.int64]) -> Side:
        """Returns the chosen images."""
        chosen = None if self.probabilities is None else self.probabilities[rows]
        return Side(features=self.features[rows], probabilities=chosen)


@dataclass(frozen=True, kw_only=True)
class Floor:
    """Real images in the place of the generated ones, and what they are compared with."""

    unseen: Side
    against: Side
    source: str


_memory: dict[tuple[str, bytes], Side] = {}


def see(images: NDArray[np.uint8], extractor: Extractor, *, remember: bool = True) -> Side:
    """Returns the images with their features.

    Args:
        images: uint8 [N, H, W, C].
        extractor: what the features are taken from.
        remember: keep the result in memory, with the last four, for the next call with the same
            pixels and the same extractor.
    """
    if not remember:
        features, probabilities = extractor.measure(images)
        return Side(features=features, probabilities=probabilities)
    pixels = hashlib.blake2b(np.ascontiguousarray(images).data, digest_size=16).digest()
    key = (extractor.sha256, pixels)
    if key not in _memory:
        side = see(images, extractor, remember=False)
        while len(_memory) >= _REMEMBERED:
            _memory.pop(next(iter(_memory)))
        _memory[key] = side
    return _memory[key]


def draw(count: int, limit: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Returns the rows of a random `limit` of `count` images in their order, or all of them."""
    if count <= limit:
        return np.arange(count)
    return np.sort(random.choice(count, limit, replace=False))


def floor_of(
    real: Side,
    held_out: NDArray[np.uint8] | None,
    extractor: Extractor,
    generated: int,
    random: np.random.Generator,
) -> Floor:
    """Returns real images in the place of as many generated ones.

    They are held-out images against the whole reference, or without any one random half of the
    reference against the other.
    """
    if held_out is not None:
        # As many as were generated: the Fréchet distance falls as images are added.
        held = see(held_out, extractor)
        unseen = held.take(draw(len(held), generated, random))
        return Floor(unseen=unseen, against=real, source=f"{len(unseen):,} held-out images")
    order = random.permutation(len(real))
    half = len(real) // 2
    unseen = real.take(np.sort(order[:half][:generated]))
    against = real.take(np.sort(order[half:]))
    source = f"{len(unseen):,} reference images against {len(against):,} others"
    return Floor(unseen=unseen, against=against, source=source)
