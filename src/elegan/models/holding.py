"""Taking away no more than there is: what a denoiser removes is held to the noise of the photo.

Where it removes more than that around a pixel, it takes texture for noise, and the photo comes back
in part. The discrepancy principle (Morozov 1966), applied to each pixel's surroundings.
"""

import numpy as np
import torch
from torch.nn.functional import avg_pool2d

from elegan.models.inference import white

_RADIUS = 7  # pixels: of the square whose removed energy is compared
_LEAST = 0.1  # this share of the photo shows the noise alone
_SPARSE = 5  # every so many rows and columns are enough for that
_ROWS = 512


def held(image: np.ndarray, made: np.ndarray, noise: float) -> np.ndarray:
    """Blends a photo with what a denoiser made of it, so that no more than its noise is removed.

    The noise is at least what is removed where least is: a deviation that was told too small leaves
    none behind.

    Args:
        image, made: [H, W, C] of the same type.
        noise: deviation, of a range of 255.

    Returns:
        As `made`.
    """
    top = white(image.dtype)
    removed = np.concatenate([_around(image, made, rows) for rows in _bands(image)]) / top
    least = float(np.quantile(removed[::_SPARSE, ::_SPARSE], _LEAST))
    allowed = max(noise / 255, least)
    parts = []
    for rows in _bands(image):
        share = np.minimum(1, allowed / np.maximum(removed[rows], 1e-6))[..., None]
        old = image[rows].astype(np.float32)
        part = old + share * (made[rows].astype(np.float32) - old)
        parts.append(np.rint(part) if image.dtype.kind == "u" else part)
    return np.concatenate(parts).astype(image.dtype)


def _bands(image: np.ndarray) -> list[slice]:
    return [slice(top, top + _ROWS) for top in range(0, len(image), _ROWS)]


def _around(image: np.ndarray, made: np.ndarray, rows: slice) -> np.ndarray:
    """Some rows of the root of the mean square removed around each pixel, [h, W]."""
    first = max(0, rows.start - _RADIUS)
    seen = slice(first, rows.stop + _RADIUS)
    difference = made[seen].astype(np.float32) - image[seen].astype(np.float32)
    energy = torch.from_numpy(np.square(difference).mean(axis=2))[None, None]
    side = 2 * _RADIUS + 1
    mean = avg_pool2d(energy, side, 1, _RADIUS, count_include_pad=False)[0, 0]
    kept = slice(rows.start - first, min(rows.stop, len(image)) - first)
    return mean[kept].sqrt().numpy()
