"""Blurs: a Gaussian, a lens out of focus, a camera or thing that moved.

All are convolutions of the stored values with a kernel of sum 1; the image is mirrored about its
border, its last line repeated.
"""

import math

import numpy as np

MOST_TAPS = 64  # above it one Fourier transform costs less than adding shifted images


def gaussian_blur(image: np.ndarray, random: np.random.Generator, *, sigma: float) -> np.ndarray:
    """Blurs by a round Gaussian of deviation `sigma` in pixels, cut at 3.5 deviations."""
    del random  # the kernel has no direction; the signature is that of all kinds
    line = gaussian_line(sigma)
    return convolve(convolve(image, line[:, None]), line[None, :])


def defocus(image: np.ndarray, random: np.random.Generator, *, radius: float) -> np.ndarray:
    """Blurs by an even disc of that radius in pixels, as a lens out of focus does."""
    del random
    return convolve(image, disc(radius))


def motion_blur(
    image: np.ndarray, random: np.random.Generator, *, length: float, bend: float
) -> np.ndarray:
    """Blurs along a path of that length in pixels and of any direction.

    Args:
        image: float32 [H, W, 3] in [0, 1].
        random: where the draws come from.
        length: of the path, in pixels.
        bend: deviation, in radians, of the change of direction along the whole path: about 0 for
            a panned shot or a passing car, 2 and more for a hand that shook.
    """
    return convolve(image, path_kernel(random, length, bend))


def gaussian_line(sigma: float) -> np.ndarray:
    """float32 [2 R + 1], of sum 1."""
    radius = max(1, math.ceil(3.5 * sigma))
    values = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return (values / values.sum()).astype(np.float32)


def disc(radius: float) -> np.ndarray:
    """float32 [2 R + 1, 2 R + 1], of sum 1; pixels that the rim crosses count in part."""
    reach = math.ceil(radius + 0.5)
    line = np.arange(-reach, reach + 1, dtype=np.float32)
    distance = np.hypot(line[:, None], line[None, :])
    values = np.clip(radius + 0.5 - distance, 0, 1)
    return (values / values.sum()).astype(np.float32)


def path_kernel(random: np.random.Generator, length: float, bend: float) -> np.ndarray:
    """The trace of a point that moves with changing direction and speed: float32 [K, K], sum 1.

    In the manner of Boracchi and Foi 2012, "Modeling the performance of image restoration from
    motion blur".
    """
    steps = max(2, math.ceil(3 * length))
    turns = random.standard_normal(steps) * (bend / math.sqrt(steps))
    angles = random.uniform(0, 2 * math.pi) + np.cumsum(turns)
    points = np.cumsum(np.stack([np.sin(angles), np.cos(angles)], 1), axis=0) * (length / steps)
    points -= points.mean(axis=0)
    time = np.linspace(0, 2 * math.pi, steps)
    stay = 1 + 0.4 * np.sin(time + random.uniform(0, 2 * math.pi))  # longer here than there
    reach = math.ceil(float(np.abs(points).max())) + 1
    corner = np.floor(points).astype(np.int64)
    part = points - corner
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for down in (0, 1):
        for right in (0, 1):
            share = np.abs(1 - down - part[:, 0]) * np.abs(1 - right - part[:, 1]) * stay
            np.add.at(kernel, (corner[:, 0] + down + reach, corner[:, 1] + right + reach), share)
    return (kernel / kernel.sum()).astype(np.float32)


def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolves each channel of float32 [H, W, C] with a kernel of odd sides; same size."""
    down, right = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(image, ((down, down), (right, right), (0, 0)), mode="symmetric")
    turned = kernel[::-1, ::-1]
    rows, columns = np.nonzero(turned)
    height, width = image.shape[:2]
    if len(rows) > MOST_TAPS:
        return _convolve_by_fourier(padded, kernel)[:height, :width]
    result = np.zeros_like(image)
    share = np.empty_like(image)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        shifted = padded[row : row + height, column : column + width]
        np.multiply(shifted, turned[row, column], out=share)
        result += share
    return result


def _convolve_by_fourier(padded: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Returns the lines for which the kernel lay within `padded`, then lines of no meaning."""
    size = tuple(_quick_length(side) for side in padded.shape[:2])
    spectrum = np.fft.rfft2(padded.transpose(2, 0, 1), size)
    spectrum *= np.fft.rfft2(kernel, size)
    whole = np.fft.irfft2(spectrum, size).astype(np.float32, copy=False)
    inside = whole[:, kernel.shape[0] - 1 :, kernel.shape[1] - 1 :]
    return np.ascontiguousarray(inside.transpose(1, 2, 0))


def _quick_length(length: int) -> int:
    """The next length that is a power of two times 1, 3, 5 or 9: quick to transform."""
    powers = [factor * 2**power for factor in (1, 3, 5, 9) for power in range(20)]
    return min(value for value in powers if value >= length)
