"""Bicubic resizing of an image that comes strip by strip, in the memory of a few strips."""

from collections.abc import Iterable, Iterator

import numpy as np

from elegan.data.degradations import resize_bicubic
from elegan.data.degradations.resizing import weights

_BLOCK = 64  # output rows made at once


def resampled(
    strips: Iterable[np.ndarray], size: tuple[int, int], wanted: tuple[int, int]
) -> Iterator[np.ndarray]:
    """Yields the image at another size, antialiased where it shrinks, from top to bottom.

    The same as `resize_bicubic` of the whole, to the rounding of float32.

    Args:
        strips: [h, W, C] from top to bottom, uint8, uint16 or float32; together `size`.
        size, wanted: (height, width) before and after.
    """
    if size == wanted:
        yield from strips
        return
    indices, values = weights(size[0], wanted[0], wanted[0] / size[0])
    dtype, first, done = None, 0, 0
    held = np.empty((0, 0, 0), np.float32)
    for strip in strips:
        dtype = strip.dtype
        wide = resize_bicubic(strip.astype(np.float32), (len(strip), wanted[1]))
        held = wide if not len(held) else np.concatenate([held, wide])
        while done < wanted[0]:
            block = slice(done, min(done + _BLOCK, wanted[0]))
            if indices[block].max() >= first + len(held):
                break
            yield _rounded(_rows(held, indices[block] - first, values[block]), dtype)
            done = block.stop
        if done < wanted[0]:
            needed = int(indices[done : done + _BLOCK].min()) - first
            held, first = held[needed:].copy(), first + needed


def _rows(held: np.ndarray, indices: np.ndarray, values: np.ndarray) -> np.ndarray:
    total = np.zeros((len(indices), *held.shape[1:]), np.float32)
    for tap in range(indices.shape[1]):
        total += held[indices[:, tap]] * values[:, tap, None, None].astype(np.float32)
    return total


def _rounded(rows: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if not np.issubdtype(dtype, np.integer):
        return rows.astype(dtype, copy=False)
    return np.floor(rows + 0.5).clip(0, np.iinfo(dtype).max).astype(dtype)
