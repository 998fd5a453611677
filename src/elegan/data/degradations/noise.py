"""Noise and compression: what a small sensor and a small file do to a photo.

Everywhere in this package an image is float32 [H, W, 3] in [0, 1] and stays so.
"""

import io

import numpy as np
from PIL import Image


def noise(
    image: np.ndarray, random: np.random.Generator, *, sigma: float, gray: float, shot: float
) -> np.ndarray:
    """Adds normal noise, independent from pixel to pixel, and clips to [0, 1].

    Args:
        image: float32 [H, W, 3] in [0, 1].
        random: where the draws come from.
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


def jpeg(image: np.ndarray, random: np.random.Generator, *, quality: float) -> np.ndarray:
    """Compresses as JPEG and back, with the 8x8 grid anywhere and colour at half size or whole.

    Args:
        image: float32 [H, W, 3] in [0, 1].
        random: where the draws come from.
        quality: 1 (worst) to 95, as Pillow counts.
    """
    top, left = (int(value) for value in random.integers(0, 8, 2))
    subsampling = 2 if random.random() < 0.7 else 0
    padded = np.pad(to_bytes(image), ((top, 0), (left, 0), (0, 0)), mode="edge")
    file = io.BytesIO()
    Image.fromarray(padded).save(file, "JPEG", quality=round(quality), subsampling=subsampling)
    decoded = np.asarray(Image.open(file))[top:, left:]
    return from_bytes(decoded)


def impulse(image: np.ndarray, random: np.random.Generator, *, share: float) -> np.ndarray:
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
