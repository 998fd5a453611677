"""Antialiased bicubic resizing as the super-resolution literature does it (MATLAB's `imresize`).

Source: Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -1/2;
where an image shrinks, the kernel is stretched by the factor, which makes it a low-pass filter.
"""

import math
from functools import lru_cache

import numpy as np

REACH = 2.0  # the cubic kernel is zero from this distance on, in pixels of the coarser grid
BLOCK = 64  # output lines made by one matrix product: small enough to skip most zeros


def resize_bicubic(
    image: np.ndarray, size: tuple[int, int], *, scale: float | None = None
) -> np.ndarray:
    """Resizes an image to (height, width), antialiased where it shrinks.

    Args:
        image: [H, W] or [H, W, C]; uint8, uint16 or any float type.
        size: height and width of the result, at least 1 each.
        scale: the exact factor, where the size is that factor rounded; without it, each axis is
            scaled by the ratio of its sizes.

    Returns:
        The same dtype. Integers are rounded once, half up, and kept in range; floats may overshoot
        the range of their input by some percent beside edges, as any cubic does.
    """
    height, width = size
    plain = image.reshape(image.shape[0], -1).astype(np.float32)
    channels = math.prod(image.shape[2:])
    vertical = (image.shape[0], height, scale or height / image.shape[0])
    horizontal = (image.shape[1], width, scale or width / image.shape[1])
    # The axis that shrinks more goes first: less is left to do for the other.
    if vertical[2] <= horizontal[2]:
        result = _along_columns(_along_rows(plain, vertical), horizontal, channels)
    else:
        result = _along_rows(_along_columns(plain, horizontal, channels), vertical)
    result = result.reshape(height, width, *image.shape[2:])
    if np.issubdtype(image.dtype, np.integer):
        result += 0.5
        np.floor(result, out=result)
        np.clip(result, 0, np.iinfo(image.dtype).max, out=result)
    return result.astype(image.dtype, copy=False)


def downscale(image: np.ndarray, scale: float) -> np.ndarray:
    """Returns the image at 1/scale of its size, antialiased bicubic: [ceil(H/s), ceil(W/s), C].

    Where upscaling by `scale` must give back the very same size, cut the image with
    `crop_to_multiple` first.
    """
    # 1e-9 keeps a size that is a whole number but for float error from gaining a line.
    size = tuple(max(1, math.ceil(side / scale - 1e-9)) for side in image.shape[:2])
    return resize_bicubic(image, (size[0], size[1]), scale=1 / scale)


def upscale(image: np.ndarray, scale: float) -> np.ndarray:
    """Returns the image at `scale` times its size, bicubic: [ceil(H s), ceil(W s), C]."""
    return downscale(image, 1 / scale)


def crop_to_multiple(image: np.ndarray, multiple: int) -> np.ndarray:
    """Returns a view without the last rows and columns that do not fill a multiple."""
    height, width = (side - side % multiple for side in image.shape[:2])
    return image[:height, :width]


def cubic(distance: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -1/2 at distances in pixels (equation 15 of the paper)."""
    x = np.abs(distance)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < REACH, far, 0.0))


@lru_cache(maxsize=256)
def weights(length: int, wanted: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Which input lines make each output line, and how much of each.

    Returns:
        indices int64 [wanted, taps] within 0..length-1, mirrored about the image's border with the
        border line repeated, and weights float64 [wanted, taps] whose rows sum to 1.
    """
    stretch = max(1.0, 1 / scale)
    reach = REACH * stretch
    centre = (np.arange(wanted) + 0.5) / scale - 0.5
    first = np.floor(centre - reach).astype(np.int64)
    indices = first[:, None] + np.arange(math.ceil(2 * reach) + 2)
    values = cubic((centre[:, None] - indices) / stretch)
    values /= values.sum(axis=1, keepdims=True)
    phase = indices % (2 * length)
    return np.where(phase < length, phase, 2 * length - 1 - phase), values


@lru_cache(maxsize=256)
def _blocks(length: int, wanted: int, scale: float) -> tuple[tuple[slice, slice, np.ndarray], ...]:
    """The weights as small dense matrices: output lines, input lines, float32 [out, in]."""
    indices, values = weights(length, wanted, scale)
    blocks: list[tuple[slice, slice, np.ndarray]] = []
    for start in range(0, wanted, BLOCK):
        stop = min(start + BLOCK, wanted)
        rows = indices[start:stop]
        low, high = int(rows.min()), int(rows.max()) + 1
        matrix = np.zeros((stop - start, high - low))
        lines = np.arange(stop - start)[:, None]
        np.add.at(matrix, (np.broadcast_to(lines, rows.shape), rows - low), values[start:stop])
        blocks.append((slice(start, stop), slice(low, high), matrix.astype(np.float32)))
    return tuple(blocks)


def _along_rows(plain: np.ndarray, axis: tuple[int, int, float]) -> np.ndarray:
    """float32 [H, W C] -> [wanted, W C]."""
    result = np.empty((axis[1], plain.shape[1]), np.float32)
    for out, source, matrix in _blocks(*axis):
        np.matmul(matrix, plain[source], out=result[out])
    return result


def _along_columns(plain: np.ndarray, axis: tuple[int, int, float], channels: int) -> np.ndarray:
    """float32 [H, W C] -> [H, wanted C]."""
    lines = plain.reshape(len(plain), axis[0], channels).transpose(1, 0, 2)
    lines = np.ascontiguousarray(lines).reshape(axis[0], -1)
    result = _along_rows(lines, axis).reshape(axis[1], len(plain), channels)
    return np.ascontiguousarray(result.transpose(1, 0, 2)).reshape(len(plain), -1)
