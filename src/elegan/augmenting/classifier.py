"""The classifier that all arms are compared by: small, fast, the same steps for each."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from elegan.augmenting.classical import distort, mixup
from elegan.augmenting.mixing import MixedSampler
from elegan.machine.pixels import to_tensor
from elegan.machine.precision import Precision, choose
from elegan.machine.randomness import key, seed_default

_STEM, _WIDTHS = 16, (32, 64, 96, 128)
_LAST_SIDE = 8
_PARTS = 3
_WARMUP = 0.1  # share of the steps in which the rate rises
_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a classifier is trained, the same for every arm.

    Attributes:
        steps: of the optimizer.
        batch: images a step.
        rate: the highest learning rate.
        decay: of the weights (Loshchilov and Hutter 2019).
        flip: whether classical augmentation exchanges left and right.
    """

    steps: int = 200
    batch: int = 64
    rate: float = 1e-2
    decay: float = 0.02
    flip: bool = False


class Classifier(nn.Module):
    """Convolutions with batch normalisation, of which the first halves the image; a linear map.

    About 30,000 parameters at 28x28, and as many stages more as bring a larger image to 8x8. The
    linear map sees means over 3x3 parts of the last one, so that it knows where things are. At full
    resolution nothing is computed but the first convolution: there all the rest would take longer
    than it does on the smaller maps together.

    Args:
        channels: 1 or 3.
        resolution: side in pixels.
        classes: how many are told apart.
    """

    def __init__(self, channels: int, resolution: int, classes: int) -> None:
        super().__init__()
        layers, before, side = [*_stage(channels, _STEM, 5, stride=2)], _STEM, resolution // 2
        for width in _WIDTHS:
            layers += _stage(before, width, 3)
            before = width
            if side <= _LAST_SIDE:
                break
            layers.append(nn.MaxPool2d(2))
            side //= 2
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Linear(before * _PARTS**2, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images float32 [N, C, R, R] in [-1, 1] -> logits float32 [N, K]."""
        with precision().autocast():
            parts = nn.functional.adaptive_avg_pool2d(self.trunk(images), _PARTS)
            return self.head(parts.flatten(1)).float()


def _stage(before: int, width: int, kernel: int, *, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(before, width, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]


@cache
def precision() -> Precision:
    """The number format of all classifiers: bfloat16 where the CPU multiplies it."""
    return choose("cpu")


def train_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    sampler: MixedSampler,
    classes: int,
    *,
    recipe: Recipe,
    classical: bool,
    seed: int,
) -> Classifier:
    """Trains a classifier; equal arguments give equal weights.

    Initial weights and the draws of augmentation depend on the seed and the step alone, so that two
    arms of one seed differ only in what sets them apart.

    Args:
        images: uint8 [N, R, R, C], the real and then the generated ones, as the sampler counts.
        labels: int64 [N].
        sampler: which of them each step sees.
        classes: how many there are, K.
        recipe: steps and rates.
        classical: whether images are distorted and mixed in pairs.
        seed: of weights and augmentation.

    Returns:
        the network in evaluation mode, on the CPU.
    """
    seed_default(seed, "classifier")
    network = Classifier(images.shape[3], images.shape[1], classes)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.rate, weight_decay=recipe.decay, fused=True
    )
    known = torch.eye(classes)
    for step in range(recipe.steps):
        optimizer.param_groups[0]["lr"] = recipe.rate * _rate(step / recipe.steps)
        places = sampler.at(step * recipe.batch, recipe.batch)
        shown = to_tensor(images[places], torch.device("cpu"))
        targets = known[torch.from_numpy(labels[places])]
        if classical:
            random = np.random.default_rng(key(seed, "classical augmentation", step))
            shown = distort(shown, random, flip=recipe.flip)
            shown, targets = mixup(shown, targets, random)
        loss = nn.functional.cross_entropy(network(shown), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval().requires_grad_(False)


def _rate(progress: float) -> float:
    """Rises linearly, then falls by a cosine to 0."""
    if progress < _WARMUP:
        return (progress + 1e-3) / (_WARMUP + 1e-3)
    return 0.5 + 0.5 * float(np.cos(np.pi * (progress - _WARMUP) / (1 - _WARMUP)))


@torch.inference_mode()
def probabilities(network: Classifier, images: np.ndarray) -> np.ndarray:
    """Images uint8 [N, R, R, C] -> class probabilities float32 [N, K]."""
    found = [np.empty((0, network.head.out_features), np.float32)]
    for start in range(0, len(images), _BATCH):
        part = to_tensor(np.asarray(images[start : start + _BATCH]), torch.device("cpu"))
        found.append(network(part).softmax(dim=1).numpy())
    return np.concatenate(found)
