"""Widening and narrowing of masks, and running extremes of images, by shifted copies."""

import math

import numpy as np


def disc_dilation(mask: np.ndarray, radius: int) -> np.ndarray:
    """Dilates bool [H, W] by a disc: True within `radius` pixels of a True pixel."""
    result = mask.copy()
    height = len(mask)
    for down in range(1, min(radius, height - 1) + 1):
        reach = math.isqrt(radius * radius - down * down)
        wide = running(mask, reach, axis=1, least=False)
        result[down:] |= wide[:-down]
        result[:-down] |= wide[down:]
    result |= running(mask, radius, axis=1, least=False)
    return result


def erosion_step(mask: np.ndarray, *, square: bool) -> np.ndarray:
    """Narrows bool [H, W] by one pixel: by the four neighbours, or all eight where `square`.

    Steps of both kinds in turn make nearly round steps. Beyond the border counts as True.
    """
    across = running(mask, 1, axis=1, least=True)
    if square:
        return running(across, 1, axis=0, least=True)
    return across & running(mask, 1, axis=0, least=True)


def running(values: np.ndarray, reach: int, *, axis: int, least: bool) -> np.ndarray:
    """Smallest (or largest) value within `reach` places each way, along an axis of [H, W].

    Places beyond the border do not count. Windows double, so the cost grows with log(reach).
    """
    choose = np.minimum if least else np.maximum
    reach = min(reach, values.shape[axis] - 1)
    result = np.moveaxis(values.copy(), axis, 0)
    width = 1  # result[i] covers i .. i + width - 1, and so looks forward only
    while width < reach + 1:
        step = min(width, reach + 1 - width)
        result[:-step] = choose(result[:-step], result[step:])
        width += step
    forward = result
    # What i - reach covers forward ends at i; near the start the window begins at 0.
    both = forward.copy()
    if reach:
        both[reach:] = choose(forward[reach:], forward[:-reach])
        first = choose.accumulate(np.moveaxis(values, axis, 0)[:reach], axis=0)
        both[:reach] = choose(forward[:reach], first)
    return np.moveaxis(both, 0, axis)


def box_mean(values: np.ndarray, reach: int) -> np.ndarray:
    """Mean of float [H, W] over squares of 2 reach + 1 pixels, the border mirrored."""
    size = 2 * reach + 1
    padded = np.pad(
        values.astype(np.float64), ((reach + 1, reach), (reach + 1, reach)), "symmetric"
    )
    sums = padded.cumsum(axis=0).cumsum(axis=1)
    total = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return (total / size**2).astype(np.float32)
