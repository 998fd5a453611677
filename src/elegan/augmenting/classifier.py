"""The classifier that all arms are compared by: small, fast, the same steps for each."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from elegan.augmenting.classical import distort, mixup
from elegan.augmenting.mixing import MixedSampler
from elegan.machine.pixels import to_tensor
from elegan.machine.randomness import key, seed_default

_WIDTHS = (16, 32, 64, 96, 128)
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

    steps: int = 400
    batch: int = 64
    rate: float = 4e-3
    decay: float = 0.02
    flip: bool = False


class Classifier(nn.Module):
    """Convolutions with batch normalisation, each followed by halving, then a linear map.

    About 29,000 parameters at 28x28, and as many stages more as bring a larger image to 8x8. The
    linear map sees means over 3x3 parts of the last one, so that it knows where things are.

    Args:
        channels: 1 or 3.
        resolution: side in pixels.
        classes: how many are told apart.
    """

    def __init__(self, channels: int, resolution: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before, side = channels, resolution
        for width in _WIDTHS:
            layers += [
                nn.Conv2d(before, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            before = width
            if side <= _LAST_SIDE:
                break
            layers.append(nn.MaxPool2d(2))
            side //= 2
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Linear(before * _PARTS**2, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images float32 [N, C, R, R] in [-1, 1] -> logits float32 [N, K]."""
        parts = nn.functional.adaptive_avg_pool2d(self.trunk(images), _PARTS)
        return self.head(parts.flatten(1))


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
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
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
