"""Stacked digits: three random digits as red, green and blue, 1,000 classes in all.

Each combination of three digits is one mode, so that a generator's lost modes can be counted (Che
et al. 2017; Metz et al. 2017). 128,000 training images as in Lin et al. 2018 (PacGAN), and for the
test split 25,600 from the test digits.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from elegan.data.arrays import PixelArray

COUNTS = {"train": 128_000, "test": 25_600}
CLASSES = tuple(f"{number:03d}" for number in range(1000))
"""The digits of red, green and blue in this order."""

_SEED = 0
_CHUNK = 4096


def stack_digits(digits: PixelArray, split: str) -> PixelArray:
    """Returns `COUNTS[split]` triples of digits drawn at random, always the same ones.

    Args:
        digits: gray images [N, H, W] with labels 0..9.
        split: "train" or "test".
    """
    assert digits.labels is not None
    count, available = COUNTS[split], digits.shape[0]
    rows = np.random.default_rng(_SEED).integers(available, size=(count, 3))

    def chunks() -> Iterator[np.ndarray]:
        whole = np.concatenate([*digits.chunks()])
        for first in range(0, count, _CHUNK):
            yield np.moveaxis(whole[rows[first : first + _CHUNK]], 1, -1)

    labels = digits.labels.astype(np.int64)[rows] @ np.array([100, 10, 1])
    shape = (count, *digits.shape[1:], 3)
    return replace(digits, shape=shape, chunks=chunks, labels=labels)
