"""What a lens, a moving hand, a small sensor and a small file do to a photo.

In this package an image is float32 [H, W, 3] in [0, 1] and stays so; it is never changed in place,
and all draws come from `random`. Blurs are convolutions of the stored values with a kernel of sum
1; the image is mirrored about its border, its last line repeated. Grain is normal noise of that
deviation on the blurred image, as a sensor adds it; 0 or below is none.
"""

import io
import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image

from elegan.data.degradations.resizing import resize_bicubic

MAX_TAPS = 64  # above it one Fourier transform costs less than adding shifted images


def gaussian_blur(
    image: np.ndarray, random: Generator, *, sigma: float, grain: float = 0.0
) -> np.ndarray:
    """Blurs by a round Gaussian of deviation `sigma` in pixels, cut at 3.5 deviations."""
    line = gaussian_line(sigma)
    return _grained(convolve(convolve(image, line[:, None]), line[None, :]), random, grain)


def defocus(
    image: np.ndarray, random: Generator, *, radius: float, grain: float = 0.0
) -> np.ndarray:
    """Blurs by an even disc of that radius in pixels, as a lens out of focus does."""
    return _grained(convolve(image, disc(radius)), random, grain)


def motion_blur(
    image: np.ndarray, random: Generator, *, length: float, bend: float, grain: float = 0.0
) -> np.ndarray:
    """Blurs along a path of that length in pixels and of any direction.

    `bend` is the deviation, in radians, of the change of direction along the whole path: about 0
    for a panned shot or a passing car, 2 and more for a hand that shook.
    """
    return _grained(convolve(image, path_kernel(random, length, bend)), random, grain)


def _grained(image: np.ndarray, random: Generator, grain: float) -> np.ndarray:
    return noise(image, random, sigma=grain, gray=0, shot=0) if grain > 0 else image


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


def path_kernel(random: Generator, length: float, bend: float) -> np.ndarray:
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
    if len(rows) > MAX_TAPS:
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
    # Lengths that are a power of two times 1, 3, 5 or 9 are quick to transform.
    quick = [factor * 2**power for factor in (1, 3, 5, 9) for power in range(20)]
    size = tuple(min(value for value in quick if value >= side) for side in padded.shape[:2])
    spectrum = np.fft.rfft2(padded.transpose(2, 0, 1), size)
    spectrum *= np.fft.rfft2(kernel, size)
    whole = np.fft.irfft2(spectrum, size).astype(np.float32, copy=False)
    inside = whole[:, kernel.shape[0] - 1 :, kernel.shape[1] - 1 :]
    return np.ascontiguousarray(inside.transpose(1, 2, 0))


def noise(
    image: np.ndarray, random: Generator, *, sigma: float, gray: float, shot: float
) -> np.ndarray:
    """Adds normal noise, independent from pixel to pixel, and clips to [0, 1].

    Args:
        sigma: deviation, of a range of 1.
        gray: share of the variance that is the same in all channels; below 0 counts as 0.
        shot: share of the variance that grows with the light, as photons make it (Foi et al. 2008,
            "Practical Poissonian-Gaussian noise modeling"); below 0 counts as 0.
    """
    values = random.standard_normal(image.shape, np.float32)
    if gray > 0:
        shared = random.standard_normal(image.shape[:2], np.float32)[:, :, None]
        values = values * np.float32((1 - gray) ** 0.5) + shared * np.float32(gray**0.5)
    if shot > 0:
        # Twice the light, so that mid-gray keeps the deviation asked for.
        values *= np.sqrt((1 - shot) + np.float32(2 * shot) * image)
    values *= np.float32(sigma)
    values += image
    return np.clip(values, 0, 1, out=values)


def jpeg(image: np.ndarray, random: Generator, *, quality: float) -> np.ndarray:
    """Compresses as JPEG and back, with the 8x8 grid anywhere and colour at half size or whole.

    The quality is 1 (worst) to 95, as Pillow counts.
    """
    top, left = (int(value) for value in random.integers(0, 8, 2))
    subsampling = 2 if random.random() < 0.7 else 0
    padded = np.pad(to_bytes(image), ((top, 0), (left, 0), (0, 0)), mode="edge")
    file = io.BytesIO()
    Image.fromarray(padded).save(file, "JPEG", quality=round(quality), subsampling=subsampling)
    decoded = np.asarray(Image.open(file))[top:, left:]
    return from_bytes(decoded)


def impulse(image: np.ndarray, random: Generator, *, share: float) -> np.ndarray:
    """Turns that share of the pixels black or white, evenly ("salt and pepper")."""
    draws = random.random(image.shape[:2], np.float32)[:, :, None]
    result = np.where(draws < share / 2, np.float32(0), image)
    return np.where(draws > 1 - share / 2, np.float32(1), result)


def to_bytes(image: np.ndarray) -> np.ndarray:
    """float [0, 1] -> uint8, rounded and clipped."""
    return (image * np.float32(255) + np.float32(0.5)).clip(0, 255).astype(np.uint8)


def from_bytes(image: np.ndarray) -> np.ndarray:
    """uint8 -> float32 in [0, 1], each value the nearest to n / 255."""
    return image.astype(np.float32) / np.float32(255)


def blind(image: np.ndarray, scale: int, random: Generator) -> np.ndarray:
    """Blurs, shrinks, adds noise and compresses, in random order, each at a random strength.

    In the manner of Zhang et al. 2021, "Designing a practical degradation model for deep blind
    image super-resolution" (BSRGAN), section 3, at milder strengths: Gaussian blur of deviation
    0.2 to 0.5 + 0.35 scale, drawn for each axis; an in-between size of 1 to 1/scale;
    noise of deviation 0 to 15/255 in 6 of 10 draws; JPEG of quality 40 to 95 in 7 of 10.

    Args:
        image: H and W are multiples of `scale`.
        scale: the factor that an upscaler is to undo.

    Returns:
        float32 [H/scale, W/scale, 3] in [0, 1], in steps of 1/255.
    """
    size = (image.shape[0] // scale, image.shape[1] // scale)

    def blur(current: np.ndarray) -> np.ndarray:
        # The same blur takes fewer pixels once the image is small.
        ratio = current.shape[0] / image.shape[0]
        for axis in (0, 1):
            sigma = max(0.1, ratio * random.uniform(0.2, 0.5 + 0.35 * scale))
            current = convolve(current, np.expand_dims(gaussian_line(sigma), 1 - axis))
        return current

    def shrink(current: np.ndarray) -> np.ndarray:
        part = random.uniform(1 / scale, 1)
        between = [max(1, round(side * part)) for side in image.shape[:2]]
        return resize_bicubic(current, (between[0], between[1])).clip(0, 1)

    def roughen(current: np.ndarray) -> np.ndarray:
        if random.random() > 0.6:
            return current
        gray, shot = random.uniform(-1, 1, 2)
        return noise(current, random, sigma=random.uniform(0, 15 / 255), gray=gray, shot=shot)

    def compress(current: np.ndarray) -> np.ndarray:
        if random.random() > 0.7:
            return current
        return jpeg(current, random, quality=random.uniform(40, 95))

    steps: list[Callable[[np.ndarray], np.ndarray]] = [blur, shrink, roughen, compress]
    result = image
    for index in random.permutation(len(steps)):
        result = steps[index](result)
    return from_bytes(to_bytes(resize_bicubic(result, size)))
