"""Features of images, and the sets of them that distances compare."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from elegan.common.errors import UsageError

_BATCH = 500
_VALUES_AT_ONCE = 2**24
MAX_REMEMBERED = 4


class Extractor(ABC):
    """Turns uint8 images [N, H, W, C] into features, in float32 on the CPU, whatever the machine.

    Attributes:
        name: what follows `FD-` in a figure's name.
        sha256: of the weights; two figures compare only when it is the same.
        classes: names of the classes that `probabilities` speaks of, or ().
        modes: number of modes that `mode_of` tells apart, 0 where the extractor counts none.
        caution: a sentence on what its figures cannot tell, "" where they tell likeness.
    """

    name: str
    sha256: str
    classes: tuple[str, ...] = ()
    modes: int = 0
    caution: str = ""

    @abstractmethod
    def measure(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Returns `features` and `probabilities` of the images for the price of one."""

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns one feature vector an image, float32 [N, D]."""
        return self.measure(images)[0]

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Returns float32 [N, K], rows summing to 1, or None for an extractor without classes."""
        return self.measure(images)[1]

    def mode_of(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Returns each image's mode, int64 [N] in 0..modes-1; only where `modes` is above 0."""
        raise NotImplementedError(f"the extractor {self.name} counts no modes")


@contextmanager
def full_precision() -> Iterator[None]:
    """Runs its body in plain float32 without gradients, whatever a training loop has set.

    Neither an active autocast nor a lowered matmul precision may change a figure.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def batches(images: NDArray[np.uint8]) -> Iterator[Tensor]:
    """Yields float32 [n, C, H, W] in [0, 1], channels last in memory.

    Raises:
        UsageError: not uint8 [N, H, W, C] with 1 or 3 channels, or no image at all.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise UsageError(
            "Images to measure must be uint8 of shape [N, H, W, 1] or [N, H, W, 3], not "
            f"{images.dtype} of shape {list(images.shape)}."
        )
    if not len(images):
        raise UsageError("There is no image to measure. Generate some, or name a folder with some.")
    # 64 MB of float32 at a time: large images go through in smaller batches.
    size = min(_BATCH, max(1, _VALUES_AT_ONCE // images[0].size))
    for start in range(0, len(images), size):
        block = torch.from_numpy(np.array(images[start : start + size]))
        yield block.permute(0, 3, 1, 2).float().div_(255)


def resize(images: Tensor, size: int) -> Tensor:
    """Returns [N, C, size, size] by a bilinear filter, antialiased where it shrinks."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """The features of a set of images."""

    features: NDArray[np.float32]  # float32 [N, D]
    # float32 [N, K], or None where the extractor knows no classes
    probabilities: NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: NDArray[np.int64]) -> FeatureSet:
        """Returns the chosen images."""
        chosen = None if self.probabilities is None else self.probabilities[rows]
        return FeatureSet(features=self.features[rows], probabilities=chosen)


@dataclass(frozen=True, kw_only=True)
class RealBaseline:
    """Real images in the place of the generated ones, and what they are compared with."""

    unseen: FeatureSet
    against: FeatureSet
    source: str


_memory: dict[tuple[str, bytes], FeatureSet] = {}


def extract(
    images: NDArray[np.uint8], extractor: Extractor, *, remember: bool = True
) -> FeatureSet:
    """Returns the images with their features.

    Args:
        images: uint8 [N, H, W, C].
        remember: keep the result in memory, with the last four, for the next call with the same
            pixels and the same extractor.
    """
    if not remember:
        features, probabilities = extractor.measure(images)
        return FeatureSet(features=features, probabilities=probabilities)
    pixels = hashlib.blake2b(np.ascontiguousarray(images).data, digest_size=16).digest()
    key = (extractor.sha256, pixels)
    if key not in _memory:
        found = extract(images, extractor, remember=False)
        while len(_memory) >= MAX_REMEMBERED:
            _memory.pop(next(iter(_memory)))
        _memory[key] = found
    return _memory[key]


def draw(count: int, limit: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Returns the rows of a random `limit` of `count` images in their order, or all of them."""
    if count <= limit:
        return np.arange(count)
    return np.sort(random.choice(count, limit, replace=False))


def real_baseline(
    real: FeatureSet,
    held_out: NDArray[np.uint8] | None,
    extractor: Extractor,
    generated: int,
    random: np.random.Generator,
) -> RealBaseline:
    """Returns real images in the place of as many generated ones.

    They are held-out images against the whole reference, or without any one random half of the
    reference against the other.
    """
    if held_out is not None:
        # As many as were generated: the Fréchet distance falls as images are added.
        held = extract(held_out, extractor)
        unseen = held.take(draw(len(held), generated, random))
        return RealBaseline(unseen=unseen, against=real, source=f"{len(unseen):,} held-out images")
    half, order = len(real) // 2, random.permutation(len(real))
    unseen = real.take(np.sort(order[:half][:generated]))
    against = real.take(np.sort(order[half:]))
    source = f"{len(unseen):,} reference images against {len(against):,} others"
    return RealBaseline(unseen=unseen, against=against, source=source)
