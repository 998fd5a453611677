"""Feature extractors: what turns images into the vectors that distances are measured between.

A distance means nothing without the name of its extractor. `FD-digits` and `FD-fashion` are
measured on networks that the package ships, trained on the very kind of data.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from elegan.errors import UsageError, lookup
from elegan.measure.judge import SIZE, load_judge

_BATCH = 500

_LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a gray value (ITU-R BT.601), as Pillow's mode L takes them."""

_JUDGES = {"mnist": "digits", "mnist-5k": "digits", "fashion-mnist": "fashion"}
"""Which judge measures which known data set."""


class Extractor(ABC):
    """Turns uint8 images [N, H, W, C] into features, in float32 on the CPU, whatever the machine.

    Attributes:
        name: what follows `FD-` in a figure's name.
        sha256: of the weights; two figures compare only when it is the same.
        classes: names of the classes that `probabilities` speaks of, or ().
    """

    name: str
    sha256: str
    classes: tuple[str, ...] = ()

    @abstractmethod
    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns one feature vector an image, float32 [N, D]."""

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Returns float32 [N, K], rows summing to 1, or None for an extractor without classes."""
        return None


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

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.features_and_probabilities(images)[0]

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.features_and_probabilities(images)[1]

    def features_and_probabilities(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns both for the price of one."""
        features, probabilities = [], []
        with full_precision():
            for batch in batches(images):
                vectors, logits = self._judge(_resize(_gray(batch), SIZE))
                features.append(vectors)
                probabilities.append(logits.softmax(1))
        return torch.cat(features).numpy(), torch.cat(probabilities).numpy()


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
    for start in range(0, len(images), _BATCH):
        block = torch.from_numpy(np.array(images[start : start + _BATCH]))
        yield block.permute(0, 3, 1, 2).float().div_(255)


def _gray(images: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    return (images * torch.tensor(_LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _resize(images: Tensor, size: int) -> Tensor:
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(
        images, size=(size, size), mode="bilinear", align_corners=False, antialias=True
    )


@lru_cache(maxsize=4)
def _shared_judge(name: str) -> JudgeExtractor:
    return JudgeExtractor(name)


def extractor_for(
    data_name: str | None, resolution: int, channels: int, name: str | None = None
) -> Extractor:
    """Returns the extractor that a data set is measured with.

    Args:
        data_name: a known data set (`mnist`, `fashion-mnist`), or None or anything else for others.
        resolution: pixels a side of the images.
        channels: 1 or 3.
        name: an extractor to take instead.

    Raises:
        UsageError: no extractor is called `name`.
    """
    chosen = name or _JUDGES.get(data_name or "", "digits")
    return lookup({"digits": _shared_judge, "fashion": _shared_judge}, chosen, "extractor")(chosen)
