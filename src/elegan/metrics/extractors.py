"""Feature extractors by name: our own shipped classifiers, and random ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import lru_cache, partial
from importlib import resources

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load
from torch import Tensor, nn

from elegan.common.errors import EleganError, lookup
from elegan.common.pixels import luma
from elegan.metrics.features import Extractor, batches, full_precision, resize
from elegan.metrics.random_features import RandomExtractor

SIZE = 28
"""Height and width, in pixels, of the images a judge sees."""

FEATURES = 64
"""Dimensions of the penultimate layer."""


class Judge(nn.Module):
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
        return features, self.classify(nn.functional.silu(features))


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


def load_judge(name: str) -> tuple[Judge, dict]:
    """Returns a shipped judge in evaluation mode and its card.

    Args:
        name: `digits` or `fashion`.

    Raises:
        EleganError: the weights are missing or are not those that the card describes.
    """
    folder = resources.files("elegan.metrics") / "weights"
    try:
        card = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        blob = (folder / f"{name}.safetensors").read_bytes()
    except FileNotFoundError as error:
        raise EleganError(
            f"The judge network '{name}' is missing from this installation ({error.filename}). "
            "Install elegan again."
        ) from error
    if hashlib.sha256(blob).hexdigest() != card["sha256"]:
        raise EleganError(
            f"The judge network '{name}' is damaged: its SHA-256 is not the one in its card. "
            "Figures measured on it would mean nothing. Install elegan again."
        )
    judge = Judge(classes=len(card["classes"]))
    judge.load_state_dict({key: value.float() for key, value in load(blob).items()}, strict=False)
    return judge.eval().requires_grad_(False), card


_JUDGES = {
    "mnist": "digits",
    "mnist-5k": "digits",
    "stacked-mnist": "stacked-digits",
    "fashion-mnist": "fashion",
}
"""Which judge measures which known data set."""


class JudgeExtractor(Extractor):
    """A shipped judge network (`elegan.metrics.extractors`).

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
    return luma(images)


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
