"""Classical augmentation of training images: shifted crops, affine maps, erasing, mixing of pairs.

Every draw comes from the generator that is handed in; nothing of it needs labels but `mixup`.
"""

import math

import numpy as np
import torch
from torch import Tensor

from elegan.augment.geometry import warp

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
        random: of the draws.
        flip: also exchange left and right, evenly; wrong for letters, digits and hands.
    """
    moved = warp(images, _inverse(len(images), random, flip), "border")
    return _erased(moved, random)


def _inverse(count: int, random: np.random.Generator, flip: bool) -> Tensor:
    """Returns float32 [N, 3, 3], from places in the result to places in the image."""
    angle = np.radians(random.uniform(-DEGREES, DEGREES, count))
    shear = np.tan(np.radians(random.uniform(-SHEAR_DEGREES, SHEAR_DEGREES, count)))
    low, high = (math.log(one) for one in SCALES)
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
    low, high = (math.log(one) for one in _ASPECTS)
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
        random: of the proportion and the pairs.

    Source: Zhang et al. 2018 (mixup), eq. 1.
    """
    own = float(random.beta(MIXUP, MIXUP))
    others = torch.from_numpy(random.permutation(len(images)))
    return own * images + (1 - own) * images[others], own * targets + (1 - own) * targets[others]
