"""Textures laid over a photo: stripes, lace and halftone dots, partly seen through."""

import math

import numpy as np

PATTERNS = ("stripes", "lace", "halftone")


def stripes(
    image: np.ndarray,
    random: np.random.Generator,
    *,
    period: float,
    opacity: float,
    pattern: str | None = None,
) -> np.ndarray:
    """Lays a periodic texture of one colour over the image, at any angle.

    Args:
        image: float32 [H, W, 3] in [0, 1].
        random: where the draws come from.
        period: pixels from one repetition to the next; lace repeats after twice as many.
        opacity: 0 is unseen, 1 hides what lies below.
        pattern: one of `PATTERNS`; drawn where it is None.
    """
    chosen = pattern or PATTERNS[int(random.integers(len(PATTERNS)))]
    angle = random.uniform(0, math.pi)
    if chosen == "stripes" and random.random() < 0.4:
        angle = math.pi / 2 * int(random.integers(2))  # blinds and fences are often upright
    if chosen == "lace":
        period *= 2  # one repetition of lace has several threads and holes
    first, second = _axes(image.shape[:2], random, angle, period)
    if chosen == "stripes":
        cover = _soft_step(np.cos(first) - random.uniform(-0.6, 0.6), period, random)
    elif chosen == "lace":
        cover = _lace(first, second, period, random)
    else:
        cover = _soft_step(
            np.cos(first) + np.cos(second) - random.uniform(-0.6, 1.0), period, random
        )
    colour = _colour(random)
    cover = (cover * np.float32(opacity))[:, :, None]
    return image + cover * (colour - image)


def _axes(
    shape: tuple[int, int], random: np.random.Generator, angle: float, period: float
) -> tuple[np.ndarray, np.ndarray]:
    """Phases in radians along and across the texture, float32 [H, W] each."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    columns = np.arange(shape[1], dtype=np.float32)[None, :]
    turn = np.float32(2 * math.pi / period)
    cosine, sine = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    starts = random.uniform(0, 2 * math.pi, 2).astype(np.float32)
    first = turn * (cosine * columns + sine * rows) + starts[0]
    second = turn * (cosine * rows - sine * columns) + starts[1]
    return first, second


def _lace(
    first: np.ndarray, second: np.ndarray, period: float, random: np.random.Generator
) -> np.ndarray:
    """A net of threads round holes, with rosettes: waves of several orders, mirrored both ways."""
    total = np.zeros_like(first)
    for across, along, weight in ((1, 0, 1.0), (0, 1, 1.0), (1, 1, 1.2), (2, 1, 0.8), (1, 2, 0.8)):
        strength = np.float32(weight * random.normal())
        total += strength * np.cos(across * first) * np.cos(along * second)
    total /= max(float(total.std()), 1e-6)
    # Threads run along two level lines, so that each hole has a rim.
    ring = np.cos(np.float32(random.uniform(1.5, 3)) * total)
    return _soft_step(ring - random.uniform(-0.3, 0.3), period / 3, random)


def _soft_step(values: np.ndarray, period: float, random: np.random.Generator) -> np.ndarray:
    """0 below zero and 1 above, with an edge of about a pixel or, at times, much softer."""
    slope = period / (2 * math.pi)
    if random.random() < 0.3:
        slope *= random.uniform(0.15, 0.5)
    return np.clip(np.float32(slope) * values + np.float32(0.5), 0, 1)


def _colour(random: np.random.Generator) -> np.ndarray:
    """White, black or any colour: float32 [3]."""
    draw = random.random()
    if draw < 0.3:
        return np.full(3, random.uniform(0.85, 1), np.float32)
    if draw < 0.5:
        return np.full(3, random.uniform(0, 0.15), np.float32)
    return random.random(3, np.float32)
