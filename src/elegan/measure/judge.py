"""The judge: a small classifier whose penultimate layer is where distances are measured.

Two trained judges ship with the package, `digits` (MNIST) and `fashion` (Fashion-MNIST);
`benchmarks/train_judges.py` is the recipe. Weights are stored in float16 and evaluated in float32:
the network that is measured, in its card too, is the one with the rounded weights.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources

import torch
from safetensors.torch import load
from torch import Tensor, nn

from elegan.errors import EleganError

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
    folder = resources.files("elegan.measure") / "weights"
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
