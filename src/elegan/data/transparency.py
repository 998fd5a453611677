"""What shows through where a picture is transparent."""

import numpy as np

_ROWS = 256  # worked on at once, so that floats stay few
_FAINT = 16  # a colour counts in full from this part of the largest alpha on


def spread_visible(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Spreads visible colours into what is transparent, so that hidden ones reach no rim.

    A pyramid of weighted means (push and pull; Gortler et al. 1996, The Lumigraph, section 3.6).
    Colours of a sixteenth of the largest alpha or more stay as they are; fainter ones are rounded
    coarsely in most files, and fade into the spread colours.

    Args:
        pixels: uint8, uint16 or float [H, W, C], not premultiplied by alpha.
        alpha: [H, W], 0 where nothing is seen.

    Returns:
        as `pixels`; `pixels` itself where all is visible, or nothing.
    """
    largest = float(alpha.max())
    if largest == 0 or float(alpha.min()) * _FAINT >= largest:
        return pixels
    weights = np.empty(alpha.shape, np.uint8)
    for top in range(0, len(alpha), _ROWS):
        rows = alpha[top : top + _ROWS].astype(np.float32)
        weights[top : top + _ROWS] = np.ceil(np.minimum(rows * (_FAINT / largest), 1) ** 2 * 255)
    return _spread(pixels, weights)


def _spread(pixels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns [H, W, C] by weights uint8 [H, W], of which at least one is above 0."""
    if weights.min() == 255 or weights.size == 1:
        return pixels
    coarse = np.pad(_spread(*_halved(pixels, weights)), ((1, 1), (1, 1), (0, 0)), mode="edge")
    result = np.empty_like(pixels)
    for top in range(0, len(pixels), _ROWS):
        rows = slice(top, top + _ROWS)
        part, known = pixels[rows], weights[rows, :, None].astype(np.float32) / 255
        around = _doubled(_doubled(coarse[top // 2 : (top + _ROWS) // 2 + 2], 0), 1)
        mixed = around[: len(part), : part.shape[1]] * (1 - known) + part * known
        whole = np.issubdtype(pixels.dtype, np.integer)
        result[rows] = np.where(known == 1, part, np.rint(mixed) if whole else mixed)
    return result


def _halved(pixels: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the weighted means of 2x2 pixels, and the sums of their weights, at most 255."""
    height, width = (-(-side // 2) for side in weights.shape)
    means = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
    sums = np.zeros((height, width), np.uint8)
    for top in range(0, len(pixels), _ROWS):
        known = weights[top : top + _ROWS].astype(np.float32)
        total = _pooled(known[..., None])
        mean = _pooled(pixels[top : top + _ROWS] * known[..., None]) / np.maximum(total, 1)
        whole = np.issubdtype(pixels.dtype, np.integer)
        rows = slice(top // 2, top // 2 + len(total))
        means[rows] = np.rint(mean) if whole else mean
        sums[rows] = np.minimum(total[..., 0], 255)
    return means, sums


def _pooled(values: np.ndarray) -> np.ndarray:
    """Adds up 2x2 values of [h, w, C]; odd sides are filled up with 0."""
    height, width, channels = values.shape
    padded = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    return padded.reshape(-(-height // 2), 2, -(-width // 2), 2, channels).sum(axis=(1, 3))


def _doubled(values: np.ndarray, axis: int) -> np.ndarray:
    """Makes twice as many linearly, without the first and the last, which only lend their value."""
    values = np.moveaxis(values, axis, 0).astype(np.float32)
    near, before, after = values[1:-1], values[:-2], values[2:]
    both = np.stack([near * 3 + before, near * 3 + after], axis=1) / 4
    return np.moveaxis(both.reshape(-1, *near.shape[1:]), 0, axis)
