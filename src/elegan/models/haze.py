"""Haze taken away by the dark channel prior: no network, and better than those that were trained.

He et al. 2011, "Single image haze removal using dark channel prior": in every small patch of a
clear photo some pixel is dark in some channel, so that what is bright there is the veil. Its map is
laid along the photo's edges by a guided filter (He et al. 2013) whose coefficients are taken of a
smaller copy (He and Sun 2015, "Fast guided filter").
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from elegan.models.filters import Clearing, Filter
from elegan.models.inference import reduced, white

_LONGEST = 600  # of the smaller copy; the radii below are of its pixels, about those of the papers
_DARK, _GUIDED = 7, 30
_KEPT = 0.95  # of the veil: without any, what is far away looks wrong
_LEAST = 0.1  # of the light that comes through; below, noise is all there is
_SMOOTH = 1e-3  # of the guided filter, in squared brightness
_BRIGHTEST = 1000  # one in so many pixels is taken for pure veil


class HazeFilter(Filter):
    """A restorer of the family dehaze."""

    family, kinds = "dehaze", ("haze",)
    method, note = "dark-channel-1", "by the dark channel prior"

    def look(self, image: np.ndarray) -> Clearing:
        """See `Filter.look`."""
        light, slopes = veil(reduced(image, _LONGEST))

        def clearing(rows: slice, seen: np.ndarray) -> np.ndarray:
            slope, offset = (_enlarged(one, rows, image.shape[:2]) for one in slopes)
            through = np.clip(slope * seen.mean(axis=2) + offset, _LEAST, 1)[..., None]
            return ((seen - light) / through + light).clip(0, 1)

        return clearing


def veil(image: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Finds the light of the air and how much light comes through it.

    Args:
        image: [h, w, 1 or 3], of any depth.

    Returns:
        The veil's colour [C] in 0..1, and maps a, b [h, w]: a * brightness + b comes through.
    """
    seen = torch.from_numpy(image.astype(np.float32) / np.float32(white(image.dtype)))
    dark = _darkest(seen.amin(dim=2))
    count = max(1, dark.numel() // _BRIGHTEST)
    brightest = seen.flatten(0, 1)[dark.flatten().topk(count).indices]
    order = brightest.sum(dim=1).argsort(descending=True)
    light = brightest[order[: max(1, count // 2)]].median(dim=0).values.clamp_min(0.1)
    through = 1 - _KEPT * _darkest((seen / light).amin(dim=2).clamp(max=1))
    guide = seen.mean(dim=2)
    mean, through_mean = _mean(guide), _mean(through)
    spread = _mean(guide * guide) - mean * mean
    slope = (_mean(guide * through) - mean * through_mean) / (spread + _SMOOTH)
    maps = _mean(slope).numpy(), _mean(through_mean - slope * mean).numpy()
    return light.numpy(), maps


def _darkest(plane: Tensor) -> Tensor:
    """[h, w] -> the least of the square around each place."""
    return -functional.max_pool2d(-plane[None, None], 2 * _DARK + 1, 1, _DARK)[0, 0]


def _mean(plane: Tensor) -> Tensor:
    """[h, w] -> the mean of the square around each place, as far as there is."""
    radius = min(_GUIDED, min(plane.shape) - 1)
    side = 2 * radius + 1
    rows = functional.avg_pool2d(
        plane[None, None], (side, 1), 1, (radius, 0), count_include_pad=False
    )
    return functional.avg_pool2d(rows, (1, side), 1, (0, radius), count_include_pad=False)[0, 0]


def _enlarged(plane: np.ndarray, rows: slice, size: tuple[int, int]) -> np.ndarray:
    """Some rows of a map, bilinearly at the size of the photo."""

    def at(places: np.ndarray, before: int, after: int) -> tuple[Any, Any, Any]:
        wanted = ((places + 0.5) * before / after - 0.5).clip(0, before - 1)
        first = wanted.astype(np.int64)
        return first, np.minimum(first + 1, before - 1), (wanted - first).astype(np.float32)

    top, below, part = at(np.arange(*rows.indices(size[0])), plane.shape[0], size[0])
    left, right, across = at(np.arange(size[1]), plane.shape[1], size[1])
    lines = plane[top] + part[:, None] * (plane[below] - plane[top])
    return lines[:, left] + across * (lines[:, right] - lines[:, left])
