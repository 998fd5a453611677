"""How noisy a photo is, by what a denoiser takes away from it."""

import numpy as np

from elegan.models.inference import white
from elegan.models.translation import TranslationModel

_TOLD = 15.0  # of 255: more than weak noise has, so that all of it is taken away
_MOST = 20.0  # where more is taken than was told, it is no weak noise
_SIDE = 512  # of the middle of a photo, in pixels
_WINDOW = 16
_EVEN = 1.2  # times what is taken from calm windows may be taken from most


def measured_noise(image: np.ndarray, denoiser: TranslationModel) -> float | None:
    """Returns the deviation of weak noise, of a range of 255; None where none shows.

    A denoiser that is told of more noise than there is takes away the noise and some texture.
    Noise is as strong everywhere, texture is not: where most windows lose as much as the calmest,
    that is the noise.

    Args:
        image: [H, W, C] of any depth.
        denoiser: a restorer that is told how strong noise is.
    """
    height, width = image.shape[:2]
    if min(height, width) < 2 * _WINDOW or not denoiser.share:
        return None
    top, left = max(0, height - _SIDE) // 2, max(0, width - _SIDE) // 2
    part = image[top : top + _SIDE, left : left + _SIDE]
    made = denoiser.apply(part, task="denoise", found={"noise": _TOLD})
    rows, columns = (side // _WINDOW for side in part.shape[:2])
    inside = slice(rows * _WINDOW), slice(columns * _WINDOW)
    taken = (part[inside].astype(np.float32) - made[inside]) / denoiser.share
    squares = np.square(taken * (255 / white(image.dtype))).mean(axis=2)
    windows = squares.reshape(rows, _WINDOW, columns, _WINDOW).mean(axis=(1, 3))
    calmest, calm, most = np.quantile(np.sqrt(windows), (0.1, 0.25, 0.5))
    return float(calm) if most <= _EVEN * calmest and calm < _MOST else None
