"""Feature extractors by name: our own shipped classifiers, and a fixed random network."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from elegan.common.errors import lookup
from elegan.common.pixels import luma
from elegan.common.weights import packaged_weights
from elegan.metrics.features import Extractor, batches, full_precision, resize

SIZE = 28  # height and width, in pixels, of the images an extractor network sees

FEATURES = 64  # dimensions of the penultimate layer


class ExtractorNetwork(nn.Module):
    """A residual classifier of 28x28 gray images, about 230,000 parameters.

    The penultimate layer is a batch-normalised linear map without an activation: dense, smooth
    and, over the training set, of variance 1 in each dimension. The total variance of
    the real data is therefore `FEATURES`, which fixes the scale of the distances measured on it.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            _convolution(1, 32, width=5, stride=2),
            _Residual(32),
            _convolution(32, 64, stride=2),
            _Residual(64),
            _Residual(64),
            # One weight for each place and channel: keeps position, which an average would lose.
            nn.Conv2d(64, 64, SIZE // 4, groups=64, bias=False),
            nn.Flatten(),
        )
        self.project = nn.Sequential(
            nn.Linear(64, FEATURES, bias=False), nn.BatchNorm1d(FEATURES, affine=False)
        )
        self.classify = nn.Linear(FEATURES, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (features [N, FEATURES], logits [N, K]) of images [N, 1, 28, 28] in [0, 1]."""
        features = self.project(self.trunk(images))
        return features, self.classify(F.silu(features))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolution(channels, channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.relu(inputs + self.body(inputs))


def _convolution(inputs: int, outputs: int, width: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, width, stride=stride, padding=width // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def load_network(name: str) -> tuple[ExtractorNetwork, dict]:
    """Returns a shipped extractor network in evaluation mode and its card.

    Args:
        name: `digits` or `fashion`.

    Raises:
        EleganError: the weights are missing or are not those that the card describes.
    """
    weights, card = packaged_weights(
        "elegan.metrics",
        f"weights/{name}",
        what=f"The judge network '{name}'",
        otherwise="Figures measured on it would mean nothing. Install elegan again.",
    )
    network = ExtractorNetwork(classes=len(card["classes"]))
    network.load_state_dict(weights, strict=False)
    return network.eval().requires_grad_(False), card


_MEASURED_WITH = {
    "mnist": "digits",
    "mnist-5k": "digits",
    "stacked-mnist": "stacked-digits",
    "fashion-mnist": "fashion",
}
"""Which extractor measures which known data set."""


class ClassifierExtractor(Extractor):
    """A shipped extractor network.

    Images of another size are brought to 28x28 by a bilinear filter, antialiased when it shrinks;
    colour becomes luminance (BT.601). At 28x28 in gray the pixels are taken as they are.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._network, self.card = load_network(name)
        self.sha256 = self.card["sha256"]
        self.classes = tuple(self.card["classes"])

    def measure(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        features, probabilities = [], []
        with full_precision():
            for batch in batches(images):
                gray = batch if batch.shape[1] == 1 else luma(batch)
                vectors, logits = self._network(resize(gray, SIZE))
                features.append(vectors)
                probabilities.append(logits.softmax(1))
        return torch.cat(features).numpy(), torch.cat(probabilities).numpy()


class StackedExtractor(Extractor):
    """The digits network on red, green and blue each: 192 features, 1,000 modes."""

    name = "stacked-digits"
    modes = 1000

    def __init__(self) -> None:
        self._digits = ClassifierExtractor("digits")
        self.sha256 = self._digits.sha256

    def measure(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], None]:
        features = [part for part, _ in self._measured(images)]
        return np.concatenate(features, axis=1), None

    def mode_of(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        digits = [probabilities.argmax(1) for _, probabilities in self._measured(images)]
        return np.stack(digits, axis=1) @ np.array([100, 10, 1])

    def _measured(
        self, images: NDArray[np.uint8]
    ) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        planes = (0, 1, 2) if images.shape[-1] == 3 else (0, 0, 0)
        return [self._digits.measure(images[..., [plane]]) for plane in planes]


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
    features is arbitrary, so compare figures only within one data set and beside real data's.

    A random network is a fair judge of images that no trained one knows: it favours no class and no
    texture (Naeem et al. 2020, section 5.1, measure on random embeddings for the same reason). It
    does not know what a face is.

    The weights come from NumPy's Philox generator, which gives the same numbers on every machine
    and in every version; `sha256` is of these weights. Each channel is standardised on made images
    whose spectrum falls as 1/f, as that of photographs does.
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
        weights = b"".join(array.astype("<f4").tobytes() for array in arrays)
        self.sha256 = hashlib.sha256(weights).hexdigest()
        tensors = [torch.from_numpy(array.astype(np.float32)) for array in arrays]
        self._filters, self._projections = tensors[:-1:2], tensors[1::2]
        self._layout = tensors[-1]
        self._scales: list[tuple[Tensor, Tensor]] = []
        with full_precision():
            maps = made_images(_MADE_IMAGES, LARGEST_SIDE, random)
            for filters in self._filters:
                answers = _convolve(maps, filters)
                mean = answers.mean((0, 2, 3), keepdim=True)
                deviation = answers.std((0, 2, 3), keepdim=True)
                self._scales.append((mean, deviation))
                maps = torch.relu((answers - mean) / deviation)

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


def made_images(count: int, side: int, random: np.random.Generator) -> Tensor:
    """Returns made images [count, 3, side, side] in [0, 1] whose amplitude falls as 1/f."""
    noise = np.fft.rfft2(random.standard_normal((count, 3, side, side)))
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1 / side
    images = np.fft.irfft2(noise / frequency, s=(side, side))
    images = 0.5 + 0.2 * images / images.std()
    return torch.from_numpy(images.clip(0, 1).astype(np.float32))


def _convolve(maps: Tensor, filters: Tensor) -> Tensor:
    # Repeating the border makes no edge where the image ends, at any size of map.
    padded = F.pad(maps, (filters.shape[-1] // 2,) * 4, mode="replicate")
    return F.conv2d(padded, filters, stride=2)


def _orthonormal(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    return np.linalg.qr(random.standard_normal((rows, columns)))[0]


EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    "digits": partial(ClassifierExtractor, "digits"),
    "fashion": partial(ClassifierExtractor, "fashion"),
    "stacked-digits": StackedExtractor,
    "random": RandomExtractor,
}
"""Every extractor by its name; `elegan list metrics` prints them."""


def extractor_for(known: str | None, name: str | None = None) -> Extractor:
    """Returns the extractor that a data set is measured with, loaded once a process.

    Args:
        known: the known data set that the images are of (`ImageData.known`), by which name they
            were asked for or as which they were recognised; anything else, or None, is measured
            with `random`. The name of a folder says nothing of what is in it.
        name: an extractor to take instead.

    Raises:
        UsageError: no extractor is called `name`.
    """
    return _shared(name or _MEASURED_WITH.get(known or "", "random"))


@lru_cache(maxsize=len(EXTRACTORS))
def _shared(name: str) -> Extractor:
    return lookup(EXTRACTORS, name, "extractor")()
