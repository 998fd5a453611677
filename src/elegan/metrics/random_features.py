"""`FD-random`: features of any images from a fixed random network, with nothing to download.

A random network is a fair judge of images that no trained one knows: it favours no class and no
texture (Naeem et al. 2020, section 5.1, measure on random embeddings for the same reason). It sees
contrast, texture and layout at four scales, and colour; it does not know what a face is.

The weights come from NumPy's Philox generator, which gives the same numbers on every machine and in
every version; `sha256` is of these weights. Each channel is standardised on made images whose
spectrum falls as 1/f, as that of photographs does.
"""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from elegan.metrics.features import Extractor, batches, full_precision, resize

LARGEST_SIDE = 64
"""Larger images are reduced to this many pixels a side; smaller ones are never enlarged."""

_CHANNELS = (3, 24, 48, 64, 96)
_PROJECTED = 24
_LAYOUT = 32
_LAYOUT_WEIGHT = 1.5
"""Keeps brightness and colour from drowning the scales: about equal variance on photographs."""

_MADE_IMAGES = 128


class RandomExtractor(Extractor):
    """A random convolutional network of four scales; 128 features.

    Each scale is a strided convolution (5x5, then 3x3) with Gaussian filters of mean zero, a
    standardisation and a rectifier; its map, averaged over each quarter of the image, is projected
    to 24 features at random. 32 more are projections of the image itself at 4x4 pixels: its colours
    and layout. Gray images go through the same network as three equal channels. The scale of the
    features is arbitrary, so compare figures only within one data set and beside their floor.
    """

    name = "random"
    caution = (
        "These features come from a network that was never trained: the figures tell how contrast,"
        " texture, colours and layout are spread, and cannot judge likeness, that is whether a"
        " sample looks like what the data show. Look at the samples."
    )

    def __init__(self, seed: int = 0) -> None:
        random = np.random.Generator(np.random.Philox(seed))
        arrays = []
        for level, (inputs, outputs) in enumerate(itertools.pairwise(_CHANNELS)):
            width = 5 if level == 0 else 3
            filters = random.standard_normal((outputs, inputs * width * width))
            # A filter that sums to 0 in each channel answers to structure, not to brightness.
            filters = filters.reshape(outputs, inputs, width, width)
            filters -= filters.mean((2, 3), keepdims=True)
            arrays.append(filters)
            arrays.append(_orthonormal(random, 4 * outputs, _PROJECTED))
        arrays.append(_orthonormal(random, 3 * 4 * 4, _LAYOUT))
        self.sha256 = hashlib.sha256(
            b"".join(array.astype("<f4").tobytes() for array in arrays)
        ).hexdigest()
        weights = [torch.from_numpy(array.astype(np.float32)) for array in arrays]
        self._filters, self._projections = weights[:-1:2], weights[1::2]
        self._layout = weights[-1]
        self._scales: list[tuple[Tensor, Tensor]] = []
        with full_precision():
            self._standardise(made_images(_MADE_IMAGES, LARGEST_SIDE, random))

    def measure(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], None]:
        with full_precision():
            return torch.cat([self._features(batch) for batch in batches(images)]).numpy(), None

    def _features(self, images: Tensor) -> Tensor:
        if max(images.shape[-2:]) > LARGEST_SIDE:
            images = resize(images, LARGEST_SIDE)
        maps = images.expand(-1, 3, -1, -1)
        parts = [(F.adaptive_avg_pool2d(maps, 4).flatten(1) - 0.5) @ self._layout * _LAYOUT_WEIGHT]
        for filters, projection, (mean, deviation) in zip(
            self._filters, self._projections, self._scales, strict=True
        ):
            maps = torch.relu((_convolve(maps, filters) - mean) / deviation)
            parts.append(F.adaptive_avg_pool2d(maps, 2).flatten(1) @ projection)
        return torch.cat(parts, 1)

    def _standardise(self, maps: Tensor) -> None:
        for filters in self._filters:
            answers = _convolve(maps, filters)
            mean = answers.mean((0, 2, 3), keepdim=True)
            deviation = answers.std((0, 2, 3), keepdim=True)
            self._scales.append((mean, deviation))
            maps = torch.relu((answers - mean) / deviation)


def made_images(count: int, side: int, random: np.random.Generator) -> Tensor:
    """Returns made images [count, 3, side, side] in [0, 1] whose amplitude falls as 1/f."""
    noise = np.fft.rfft2(random.standard_normal((count, 3, side, side)))
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1 / side
    images = np.fft.irfft2(noise / frequency, s=(side, side))
    images = 0.5 + 0.2 * images / images.std()
    return torch.from_numpy(images.clip(0, 1).astype(np.float32))


def _convolve(maps: Tensor, filters: Tensor) -> Tensor:
    edge = filters.shape[-1] // 2
    # Repeating the border makes no edge where the image ends, at any size of map.
    padded = F.pad(maps, (edge, edge, edge, edge), mode="replicate")
    return F.conv2d(padded, filters, stride=2)


def _orthonormal(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    return np.linalg.qr(random.standard_normal((rows, columns)))[0]
