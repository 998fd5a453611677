"""Feature extractors by name: what turns images into the vectors that distances are taken between.

A distance means nothing without the name of its extractor. `FD-digits` and `FD-fashion` are
measured on networks that the package ships, trained on the very kind of data; `FD-random` on a
fixed random network, for all other images.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elegan.errors import lookup
from elegan.measure.features import Extractor, batches, full_precision, resize
from elegan.measure.judge import SIZE, load_judge
from elegan.measure.random_features import RandomExtractor

_LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a gray value (ITU-R BT.601), as Pillow's mode L takes them."""

_JUDGES = {
    "mnist": "digits",
    "mnist-5k": "digits",
    "stacked-mnist": "stacked-digits",
    "fashion-mnist": "fashion",
}
"""Which judge measures which known data set."""


class JudgeExtractor(Extractor):
    """A shipped judge network (`elegan.measure.judge`).

    Images of another size are brought to 28x28 by a bilinear filter, antialiased when it shrinks;
    colour becomes luminance (BT.601). At 28x28 in gray the pixels are taken as they are.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._judge, self.card = load_judge(name)
        self.sha256 = self.card["sha256"]
        self.classes = tuple(self.card["classes"])

    def measure(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        features, probabilities = [], []
        with full_precision():
            for batch in batches(images):
                vectors, logits = self._judge(resize(_gray(batch), SIZE))
                features.append(vectors)
                probabilities.append(logits.softmax(1))
        return torch.cat(features).numpy(), torch.cat(probabilities).numpy()


class StackedExtractor(Extractor):
    """The digits judge on red, green and blue each: 192 features, 1,000 modes (stacked digits)."""

    name = "stacked-digits"
    modes = 1000

    def __init__(self) -> None:
        self._digits = _shared("digits")
        self.sha256 = self._digits.sha256

    def measure(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], None]:
        seen = [self._digits.features(images[..., [one]]) for one in self._planes(images)]
        return np.concatenate(seen, axis=1), None

    def mode_of(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        digits = []
        for one in self._planes(images):
            probabilities = self._digits.probabilities(images[..., [one]])
            assert probabilities is not None
            digits.append(probabilities.argmax(1))
        return np.stack(digits, axis=1) @ np.array([100, 10, 1])

    @staticmethod
    def _planes(images: NDArray[np.uint8]) -> tuple[int, ...]:
        return (0, 1, 2) if images.shape[-1] == 3 else (0, 0, 0)


def _gray(images: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    return (images * torch.tensor(_LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True)


EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    "digits": partial(JudgeExtractor, "digits"),
    "fashion": partial(JudgeExtractor, "fashion"),
    "stacked-digits": StackedExtractor,
    "random": RandomExtractor,
}
"""Every extractor by its name; `elegan list metrics` prints them."""


def extractor_for(
    known: str | None, resolution: int, channels: int, name: str | None = None
) -> Extractor:
    """Returns the extractor that a data set is measured with, loaded once a process.

    Args:
        known: the known data set that the images are of (`ImageData.known`), by which name they
            were asked for or as which they were recognised; anything else, or None, is measured
            with `random`. The name of a folder says nothing of what is in it.
        resolution: pixels a side of the images.
        channels: 1 or 3. Every extractor takes any resolution and either number of channels.
        name: an extractor to take instead.

    Raises:
        UsageError: no extractor is called `name`.
    """
    del resolution, channels
    return _shared(name or _JUDGES.get(known or "", "random"))


@lru_cache(maxsize=len(EXTRACTORS))
def _shared(name: str) -> Extractor:
    return lookup(EXTRACTORS, name, "extractor")()
