"""Another sky: the region's own colours without what stands in it, or that of another photo."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from elegan.data.degradations import resize_bicubic
from elegan.data.photo_files import read_photo
from elegan.models.inference import composed, white

FILL = "fill"
_SAMPLES = 200_000  # pixels that the colours of a sky are fitted to
_ROUNDS = 5  # of fitting, each without what lay far from the last
_BLOCK = 256  # rows made at once
# Bayer's matrix: without it a smooth sky of 8 bits shows steps.
_DITHER = (np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) + 0.5) / 16


def sky_strips(image: np.ndarray, weights: np.ndarray, sky: str) -> Iterator[np.ndarray]:
    """Yields the image with another sky, from top to bottom; where a weight is 0 it stays as it is.

    Args:
        image: uint8 or uint16 [H, W, 1 or 3].
        weights: [H, W], bool, uint8 (of 255) or float, above 0 in the region of the sky.
        sky: "fill", for the colours of the region as smooth as they can be, or a photo's path.

    Raises:
        Unusable: the photo of the sky cannot be read.
    """
    if not weights.any():
        yield image
        return
    made = _smooth(image, weights) if sky == FILL else _replaced(image, weights, Path(sky))
    for top in range(0, len(image), _BLOCK):
        rows = slice(top, top + _BLOCK)
        old, soft = image[rows], weights[rows]
        yield composed(old, next(made), soft) if soft.any() else _passed(old, made)


def _passed(old: np.ndarray, made: Iterator[np.ndarray]) -> np.ndarray:
    next(made, None)
    return old


def _smooth(image: np.ndarray, weights: np.ndarray) -> Iterator[np.ndarray]:
    """Yields blocks of a sky whose colours are low polynomials of the place in the photo.

    Fitted by least squares to the pixels of the region, again and again without those that lie
    farther off than thrice the median: clouds, birds and wires.
    """
    rows, columns = np.nonzero(weights > 0)
    step = max(1, len(rows) // _SAMPLES)
    rows, columns = rows[::step], columns[::step]
    places = _basis(rows / image.shape[0], columns / image.shape[1])
    colours = image[rows, columns].astype(np.float64)
    kept = np.ones(len(rows), bool)
    factors = np.zeros((places.shape[1], image.shape[2]))
    for _ in range(_ROUNDS):
        factors = np.linalg.lstsq(places[kept], colours[kept], rcond=None)[0]
        distance = np.abs(colours - places @ factors).max(axis=1)
        near = distance <= 3 * max(float(np.median(distance[kept])), 1e-3 * white(image.dtype))
        if near.sum() < 20 * places.shape[1]:
            break
        kept = near
    across = np.arange(image.shape[1]) / image.shape[1]
    tiles = -(-image.shape[1] // 4)
    for top in range(0, len(image), _BLOCK):
        down = np.arange(top, min(top + _BLOCK, len(image)))
        basis = _basis(*np.broadcast_arrays(down[:, None] / image.shape[0], across[None, :]))
        block = basis @ factors
        dither = np.tile(_DITHER[down % 4], (1, tiles))[:, : image.shape[1], None]
        yield np.floor(block + dither).clip(0, white(image.dtype)).astype(image.dtype)


def _basis(down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """1, y, y^2, x, xy of places in 0..1: [..., 5]."""
    return np.stack([np.ones_like(down), down, down**2, across, across * down], axis=-1)


def _replaced(image: np.ndarray, weights: np.ndarray, path: Path) -> Iterator[np.ndarray]:
    """Yields blocks of another photo that covers the region, its lower edge on the horizon."""
    sky = read_photo(path).pixels
    height = int(np.flatnonzero((weights > 0).any(axis=1)).max()) + 1
    width = image.shape[1]
    scale = max(height / sky.shape[0], width / sky.shape[1])
    size = (max(height, round(sky.shape[0] * scale)), max(width, round(sky.shape[1] * scale)))
    large = resize_bicubic(sky, size)
    left = (large.shape[1] - width) // 2
    large = _like(large[-height:, left : left + width], image)
    for top in range(0, len(image), _BLOCK):
        block = large[top : top + _BLOCK]
        missing = min(_BLOCK, len(image) - top) - len(block)
        yield np.concatenate([block, np.zeros((missing, *large.shape[1:]), large.dtype)])


def _like(sky: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Gives a sky the depth and the channels of the image."""
    if sky.dtype != image.dtype:
        factor = white(image.dtype) / white(sky.dtype)
        sky = np.rint(sky.astype(np.float32) * factor).astype(image.dtype)
    if sky.shape[2] == image.shape[2]:
        return sky
    if image.shape[2] == 3:
        return np.repeat(sky, 3, axis=2)
    return np.rint(sky @ np.array([[0.299], [0.587], [0.114]])).astype(image.dtype)
