"""PSNR and SSIM of an image against the one it should be, as in the literature on restoration.

All of it is computed in float64 on pixels 0 to 255. Figures compare only under one protocol: which
planes (Y or RGB) and how many border pixels were left out stand beside each.
"""

import math

import numpy as np
from numpy.typing import NDArray

from elegan.errors import UsageError

_PEAK = 255.0
_WINDOW, _DEVIATION = 11, 1.5
_SMALL_MEAN, _SMALL_DEVIATION = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
_LUMINANCE = np.array([65.481, 128.553, 24.966]) / 255

Pixels = NDArray[np.uint8] | NDArray[np.floating]


def luminance(image: Pixels) -> NDArray[np.float64]:
    """The Y of the super-resolution literature: [H, W, 3], [H, W, 1] or [H, W] -> [H, W], 16..235.

    Y of ITU-R BT.601 from pixels 0 to 255, as MATLAB's rgb2ycbcr, not rounded. A gray image counts
    as three equal planes.
    """
    planes = np.asarray(image, np.float64)
    if planes.ndim == 2 or planes.shape[2] == 1:
        return 16 + planes.reshape(planes.shape[:2]) * _LUMINANCE.sum()
    return 16 + planes @ _LUMINANCE


def psnr(produced: Pixels, truth: Pixels, border: int = 0) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(255^2 / mean squared error).

    Args:
        produced: [H, W] or [H, W, C], 0 to 255.
        truth: the same shape.
        border: pixels left out along each edge; the super-resolution literature leaves out as many
            as the scale.

    Returns:
        Infinity for equal images.

    Raises:
        UsageError: the shapes differ, or nothing is left within the border.
    """
    one, other = _inner(produced, truth, border)
    error = np.square(one - other).mean()
    return math.inf if error == 0 else 10 * math.log10(_PEAK**2 / error)


def ssim(produced: Pixels, truth: Pixels, border: int = 0) -> float:
    """Structural similarity, 1 for equal images, averaged over places and planes.

    Args:
        produced: [H, W] or [H, W, C], 0 to 255, at least 11 pixels a side within the border.
        truth: the same shape.

    Source: Wang et al. 2004, equation 13: an 11x11 Gaussian window of deviation 1.5, K1 = 0.01, K2
    = 0.03, only where the window lies within the image.

    Raises:
        UsageError: the shapes differ, or the images are smaller than the window.
    """
    one, other = _inner(produced, truth, border)
    if min(one.shape[:2]) < _WINDOW:
        raise UsageError(
            f"SSIM looks through a window of {_WINDOW}x{_WINDOW} pixels, but within a border of"
            f" {border} there are {one.shape[1]}x{one.shape[0]}. Compare larger images."
        )
    mean_one, mean_other = _windowed(one), _windowed(other)
    variance_one = _windowed(one * one) - mean_one**2
    variance_other = _windowed(other * other) - mean_other**2
    covariance = _windowed(one * other) - mean_one * mean_other
    likeness = (2 * mean_one * mean_other + _SMALL_MEAN) / (
        mean_one**2 + mean_other**2 + _SMALL_MEAN
    )
    structure = (2 * covariance + _SMALL_DEVIATION) / (
        variance_one + variance_other + _SMALL_DEVIATION
    )
    return float((likeness * structure).mean())


def compare(
    produced: NDArray[np.uint8], truth: NDArray[np.uint8], border: int = 0
) -> dict[str, float]:
    """Returns `psnr_y`, `ssim_y` (of the luminance), `psnr` and `ssim` (of all planes).

    Args:
        produced: uint8 [H, W, C].
        truth: the same shape.
        border: pixels left out along each edge.

    Raises:
        UsageError: not uint8, of different shapes, or under 11 pixels a side within the border.
    """
    for image in (produced, truth):
        if image.dtype != np.uint8:
            raise UsageError(f"Images to compare must be uint8, 0 to 255, not {image.dtype}.")
    _inner(produced, truth, border)
    gray = luminance(produced), luminance(truth)
    return {
        "psnr_y": psnr(*gray, border),
        "ssim_y": ssim(*gray, border),
        "psnr": psnr(produced, truth, border),
        "ssim": ssim(produced, truth, border),
    }


def _inner(
    produced: Pixels, truth: Pixels, border: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if produced.shape != truth.shape:
        raise UsageError(
            f"An image of shape {list(produced.shape)} cannot be compared with one of"
            f" {list(truth.shape)}. Bring them to the same size first."
        )
    height, width = produced.shape[:2]
    if min(height, width) <= 2 * border:
        raise UsageError(
            f"Of {width}x{height} pixels nothing is left within a border of {border}."
            " Compare larger images, or leave out less."
        )
    inside = np.s_[border : height - border, border : width - border]
    return produced[inside].astype(np.float64), truth[inside].astype(np.float64)


def _windowed(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian-weighted means, rows then columns, where the window lies within the image."""
    places = np.arange(_WINDOW) - _WINDOW // 2
    weights = np.exp(-0.5 * (places / _DEVIATION) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        moved = np.moveaxis(image, axis, 0)
        length = len(moved) - _WINDOW + 1
        total = np.zeros((length, *moved.shape[1:]))
        for at, weight in enumerate(weights):
            total += weight * moved[at : at + length]
        image = np.moveaxis(total, 0, axis)
    return image
