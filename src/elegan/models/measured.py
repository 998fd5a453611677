"""How strong noise and rain in a photo are, by what a restorer takes away from it."""

import numpy as np

from elegan.models.damage import DAMAGES
from elegan.models.inference import white
from elegan.models.translation import TranslationModel

_TOLD = 15.0  # of 255: more than weak noise has, so that all of it is taken away
_MOST = 20.0  # where more is taken than was told, it is no weak noise
_RAIN = 12.0, 20.0  # of 255: what a derainer is told of light and of heavy rain
_LIGHT = 16.0  # of 255: where no more is taken for light rain, it is
_LEFT = 1.2  # times what a derainer takes away is what there was
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
    squares = _taken(image, denoiser, "denoise", "noise", _TOLD)
    rows, columns = (side // _WINDOW for side in squares.shape)
    inside = squares[: rows * _WINDOW, : columns * _WINDOW]
    windows = inside.reshape(rows, _WINDOW, columns, _WINDOW).mean(axis=(1, 3))
    calmest, calm, most = np.quantile(np.sqrt(windows), (0.1, 0.25, 0.5))
    return float(calm) if most <= _EVEN * calmest and calm < _MOST else None


def measured_rain(image: np.ndarray, found: float, derainer: TranslationModel) -> float:
    """Returns the mean square root of rain, of a range of 255, which a look at a photo tells badly.

    Told too little, a derainer leaves rain; told too much, it takes lines of the picture for it. So
    rain is light, the least that is told, unless much is taken away or found.

    Args:
        image: [H, W, C] of any depth.
        found: what the look found, 0 for none.
        derainer: a restorer that is told how strong rain is.
    """
    kind = DAMAGES["rain"]
    weak = _root(_taken(image, derainer, "derain", "rain", _RAIN[0])) <= _LIGHT
    if weak and found <= _RAIN[1]:
        return kind.least
    heavy = _root(_taken(image, derainer, "derain", "rain", _RAIN[1]))
    return min(max(_LEFT * heavy, found), kind.full)


def _root(squares: np.ndarray) -> float:
    return float(np.sqrt(squares.mean()))


def _taken(
    image: np.ndarray, model: TranslationModel, task: str, damage: str, told: float
) -> np.ndarray:
    """The mean square of what a restorer takes away in the middle of a photo: float32 [h, w]."""
    height, width = image.shape[:2]
    top, left = max(0, height - _SIDE) // 2, max(0, width - _SIDE) // 2
    part = image[top : top + _SIDE, left : left + _SIDE]
    made = model.apply(part, task=task, found={damage: told})
    taken = (part.astype(np.float32) - made) / model.share
    return np.square(taken * (255 / white(image.dtype))).mean(axis=2)
