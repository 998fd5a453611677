"""The classifier that says whether generated images help, and its classical augmentation."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from elegan.applications.synthetic.mixing import MixedSampler
from elegan.augmentation.kinds import warp
from elegan.common.pixels import to_tensor
from elegan.common.precision import Precision, choose
from elegan.common.randomness import key, seed_default

DEGREES = 12.0
SHEAR_DEGREES = 8.0
SCALES = (0.87, 1.15)
SHIFT = 1 / 10
"""Of the side: how far a crop of an image that was padded by its edges may lie off the middle."""
ERASED = 0.25
"""Share of the images with an erased rectangle; its area is 2 to 20 % (Zhong et al. 2020, less)."""
MIXUP = 0.2
"""Of the Beta distribution that pairs are mixed by (Zhang et al. 2018, section 3: 0.1 to 0.4)."""

_AREAS, _ASPECTS = (0.02, 0.2), (0.3, 3.3)


def distort(images: Tensor, random: np.random.Generator, *, flip: bool = False) -> Tensor:
    """Crops, turns, shears, scales and partly erases each image by draws of its own.

    Args:
        images: float32 [N, C, R, R] in [-1, 1].
        flip: also exchange left and right, evenly; wrong for letters, digits and hands.
    """
    return _erased(warp(images, _inverse(len(images), random, flip), "border"), random)


def _inverse(count: int, random: np.random.Generator, flip: bool) -> Tensor:
    """Returns float32 [N, 3, 3], from places in the result to places in the image."""
    angle = np.radians(random.uniform(-DEGREES, DEGREES, count))
    shear = np.tan(np.radians(random.uniform(-SHEAR_DEGREES, SHEAR_DEGREES, count)))
    low, high = np.log(SCALES)
    reach = np.exp(-random.uniform(low, high, (2, count)))
    shift = random.uniform(-2 * SHIFT, 2 * SHIFT, (2, count))  # the image spans 2
    sign = np.where(random.random(count) < 0.5, -1.0, 1.0) if flip else np.ones(count)
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.zeros((count, 3, 3))
    across, down = reach[0] * sign, reach[1]
    matrix[:, 0] = np.stack([cosine * across, (shear * cosine - sine) * down, shift[0]], 1)
    matrix[:, 1] = np.stack([sine * across, (shear * sine + cosine) * down, shift[1]], 1)
    matrix[:, 2, 2] = 1
    return torch.from_numpy(matrix.astype(np.float32))


def _erased(images: Tensor, random: np.random.Generator) -> Tensor:
    """Sets a rectangle to one random value in a share of the images."""
    side, count = images.shape[-1], len(images)
    chosen = np.flatnonzero(random.random(count) < ERASED)
    area = random.uniform(*_AREAS, len(chosen)) * side**2
    low, high = np.log(_ASPECTS)
    aspect = np.exp(random.uniform(low, high, len(chosen)))
    tall = np.rint(np.sqrt(area * aspect)).astype(int).clip(1, side)
    wide = np.rint(np.sqrt(area / aspect)).astype(int).clip(1, side)
    corners = random.random((2, len(chosen)))
    values = random.uniform(-1, 1, len(chosen))
    for row, index in enumerate(chosen.tolist()):
        top = int(corners[0, row] * (side - tall[row] + 1))
        left = int(corners[1, row] * (side - wide[row] + 1))
        images[index, :, top : top + tall[row], left : left + wide[row]] = float(values[row])
    return images


def mixup(images: Tensor, targets: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mixes each image and its target with those of another of the batch, all by one proportion.

    Args:
        images: float32 [N, C, R, R].
        targets: class probabilities float32 [N, K].

    Source: Zhang et al. 2018 (mixup), eq. 1.
    """
    own = float(random.beta(MIXUP, MIXUP))
    others = torch.from_numpy(random.permutation(len(images)))
    return own * images + (1 - own) * images[others], own * targets + (1 - own) * targets[others]


_STEM, _WIDTHS = 16, (32, 64, 96, 128)
_LAST_SIDE = 8
_PARTS = 3
_WARMUP = 0.1  # share of the steps in which the rate rises
_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a classifier is trained, the same for every arm."""

    steps: int = 200  # of the optimizer
    batch: int = 64  # images a step
    rate: float = 1e-2  # the highest learning rate
    decay: float = 0.02  # of the weights (Loshchilov and Hutter 2019)
    flip: bool = False  # whether classical augmentation exchanges left and right


class Classifier(nn.Module):
    """Convolutions with batch normalisation, of which the first halves the image; a linear map.

    About 30,000 parameters at 28x28, and as many stages more as bring a larger image to 8x8. The
    linear map sees means over 3x3 parts of the last one, so that it knows where things are. At full
    resolution nothing is computed but the first convolution: there all the rest would take longer
    than it does on the smaller maps together.

    Args:
        channels: 1 or 3.
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
        classical: whether images are distorted and mixed in pairs.

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
