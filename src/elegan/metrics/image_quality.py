"""How near an image is to the true one: PSNR, SSIM and a perceptual distance."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from elegan.common.errors import UsageError
from elegan.common.pixels import LUMA
from elegan.metrics.features import full_precision

_PEAK = 255.0
_SSIM_WINDOW, _DEVIATION = 11, 1.5
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
    """Peak signal-to-noise ratio in dB, 10 log10(255^2 / mean squared error); infinite if equal.

    Args:
        produced, truth: [H, W] or [H, W, C], 0 to 255.
        border: pixels left out along each edge; the super-resolution literature leaves out as many
            as the scale.

    Raises:
        UsageError: the shapes differ, or nothing is left within the border.
    """
    one, other = _inner(produced, truth, border)
    error = np.square(one - other).mean()
    return math.inf if error == 0 else 10 * math.log10(_PEAK**2 / error)


def ssim(produced: Pixels, truth: Pixels, border: int = 0) -> float:
    """Structural similarity, 1 for equal images, averaged over places and planes.

    Args:
        produced, truth: [H, W] or [H, W, C], 0 to 255, 11 pixels a side or more within the border.

    Source: Wang et al. 2004, equation 13: an 11x11 Gaussian window of deviation 1.5, K1 = 0.01, K2
    = 0.03, only where the window lies within the image.

    Raises:
        UsageError: the shapes differ, or the images are smaller than the window.
    """
    one, other = _inner(produced, truth, border)
    if min(one.shape[:2]) < _SSIM_WINDOW:
        raise UsageError(
            f"SSIM looks through a window of {_SSIM_WINDOW}x{_SSIM_WINDOW} pixels, but within a"
            f" border of {border} there are {one.shape[1]}x{one.shape[0]}. Compare larger images."
        )
    mean_one, mean_other = _windowed(one), _windowed(other)
    squares = mean_one**2 + mean_other**2
    variances = _windowed(one * one) - mean_one**2 + (_windowed(other * other) - mean_other**2)
    covariance = _windowed(one * other) - mean_one * mean_other
    likeness = (2 * mean_one * mean_other + _SMALL_MEAN) / (squares + _SMALL_MEAN)
    structure = (2 * covariance + _SMALL_DEVIATION) / (variances + _SMALL_DEVIATION)
    return float((likeness * structure).mean())


def compare(
    produced: NDArray[np.uint8], truth: NDArray[np.uint8], border: int = 0
) -> dict[str, float]:
    """Returns `psnr_y`, `ssim_y` (of the luminance), `psnr` and `ssim` of all planes [H, W, C].

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
    places = np.arange(_SSIM_WINDOW) - _SSIM_WINDOW // 2
    weights = np.exp(-0.5 * (places / _DEVIATION) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        moved = np.moveaxis(image, axis, 0)
        length = len(moved) - _SSIM_WINDOW + 1
        total = np.zeros((length, *moved.shape[1:]))
        for at, weight in enumerate(weights):
            total += weight * moved[at : at + length]
        image = np.moveaxis(total, 0, axis)
    return image


NAME = "PD-bands"  # what a figure of this distance is called

_OCTAVES, _ORIENTATIONS = 4, 4
_WAVELENGTH, _ENVELOPE, _SIDE = 3.2, 1.6, 9  # of the Gabor filters, in pixels of their octave
_WINDOW, _WINDOW_STEP = 2.0, 2  # deviation of the window around a place, and of which places
_HALVING_BLUR = 1.0
_UNSEEN = 0.02**2  # energy under which a difference is not seen: that of noise of 2 % of the range
_COLOUR_UNSEEN, _BRIGHTNESS_UNSEEN = 0.03**2, 0.1**2
_WEIGHTS = {"strength": 0.5, "structure": 0.3, "colour": 0.12, "brightness": 0.08}
"""Sum to 1. Strength leads, so that lost texture counts more than misplaced texture."""
_PLANES = (LUMA, (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""Luminance and two differences of colours from red, green and blue (ITU-R BT.601, full range)."""


def perceptual_distance(
    produced: NDArray[np.uint8], truth: NDArray[np.uint8], border: int = 0
) -> float:
    """Returns the distance `PD-bands`, 0 for equal images and under 1 for any; symmetric.

    Args:
        produced, truth: uint8 [H, W, 1] or [H, W, 3].
        border: pixels left out along each edge.

    Raises:
        UsageError: not uint8, of other or different shapes, or nothing is left within the border.
    """
    with full_precision():
        one, other = _planes(produced, truth, border)
        likenesses: dict[str, list[Tensor]] = {"strength": [], "structure": [], "colour": []}
        filters = _gabor_filters()
        for _ in range(_OCTAVES):
            strength, structure = _compare_bands(one[:, :1], other[:, :1], filters)
            likenesses["strength"].append(strength)
            likenesses["structure"].append(structure)
            one, other = (_blurred(image, _HALVING_BLUR, step=2) for image in (one, other))
            likenesses["colour"].append(_compare_levels(one[:, 1:], other[:, 1:], _COLOUR_UNSEEN))
        means = {name: torch.stack(values).mean() for name, values in likenesses.items()}
        means["brightness"] = _compare_levels(one[:, :1], other[:, :1], _BRIGHTNESS_UNSEEN)
        return float(sum(_WEIGHTS[name] * (1 - means[name]) for name in _WEIGHTS))


def _compare_bands(one: Tensor, other: Tensor, filters: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance [1, 1, h, w] of two images -> likeness of strength and of structure, 0 to 1."""
    even_one, odd_one = _answers(one, filters)
    even_other, odd_other = _answers(other, filters)
    parts = [
        even_one.square() + odd_one.square(),
        even_other.square() + odd_other.square(),
        even_one * even_other + odd_one * odd_other,  # real and imaginary part of R1 R2*
        odd_one * even_other - even_one * odd_other,
    ]
    energy_one, energy_other, real, imaginary = _blurred(
        torch.cat(parts, 1), _WINDOW, step=_WINDOW_STEP
    ).chunk(4, 1)
    common = energy_one + energy_other + _UNSEEN
    strength = (2 * (energy_one * energy_other).sqrt() + _UNSEEN) / common
    structure = (2 * torch.hypot(real, imaginary) + _UNSEEN) / common
    return strength.mean(), structure.mean()


def _compare_levels(one: Tensor, other: Tensor, unseen: float) -> Tensor:
    """Maps of two images -> likeness 0 to 1: 1/2 where they differ by the root of `unseen`."""
    return (unseen / ((one - other).square() + unseen)).mean()


def _planes(produced: NDArray, truth: NDArray, border: int) -> tuple[Tensor, Tensor]:
    """The images as float32 [1, 3, h, w], luminance in [0, 1] and two colour differences."""
    for image in (produced, truth):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] not in (1, 3):
            raise UsageError(
                "Images to compare must be uint8 of shape [H, W, 1] or [H, W, 3], not"
                f" {image.dtype} of shape {list(image.shape)}."
            )
    if produced.shape != truth.shape or min(produced.shape[:2]) <= 2 * border:
        raise UsageError(
            f"Images of shapes {list(produced.shape)} and {list(truth.shape)} cannot be compared"
            f" within a border of {border}. Both must be of one size, and larger than that."
        )
    inside = slice(border, produced.shape[0] - border), slice(border, produced.shape[1] - border)
    matrix = torch.tensor(_PLANES)
    planes = []
    for image in (produced, truth):
        pixels = torch.from_numpy(image[inside].astype(np.float32) / 255).expand(-1, -1, 3)
        planes.append(torch.einsum("ij,hwj->ihw", matrix, pixels)[None])
    return planes[0], planes[1]


def _gabor_filters() -> Tensor:
    """Even and odd filters by turns, [2 * orientations, 1, side, side].

    A pair answers to white noise with its variance in mean energy; the even ones sum to 0, as the
    odd ones do by themselves.
    """
    places = torch.arange(_SIDE) - _SIDE // 2
    rows, columns = torch.meshgrid(places, places, indexing="ij")
    envelope = torch.exp(-(rows.square() + columns.square()) / (2 * _ENVELOPE**2))
    filters = []
    for index in range(_ORIENTATIONS):
        angle = math.pi * index / _ORIENTATIONS
        along = (columns * math.cos(angle) + rows * math.sin(angle)) * (2 * math.pi / _WAVELENGTH)
        even, odd = envelope * along.cos(), envelope * along.sin()
        even = even - envelope * even.sum() / envelope.sum()
        size = (even.square() + odd.square()).sum().sqrt()
        filters += [even / size, odd / size]
    return torch.stack(filters)[:, None]


def _answers(images: Tensor, filters: Tensor) -> tuple[Tensor, Tensor]:
    """[1, 1, h, w] -> even and odd answers [1, orientations, h, w] each."""
    answers = F.conv2d(_continued(images, _SIDE // 2), filters)
    return answers[:, 0::2], answers[:, 1::2]


def _blurred(maps: Tensor, deviation: float, *, step: int) -> Tensor:
    """Gaussian blur of every map at every `step`-th place, columns and rows; edges are continued.

    [1, C, h, w] -> [1, C, ceil(h / step), ceil(w / step)].
    """
    reach = math.ceil(3 * deviation)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation).square())
    weights = (weights / weights.sum()).expand(maps.shape[1], 1, 1, -1)
    groups = maps.shape[1]
    maps = _continued(maps, reach).contiguous(memory_format=torch.channels_last)
    maps = F.conv2d(maps, weights, stride=(1, step), groups=groups)
    return F.conv2d(maps, weights.transpose(2, 3), stride=(step, 1), groups=groups)


def _continued(maps: Tensor, places: int) -> Tensor:
    return F.pad(maps, (places,) * 4, mode="replicate")
