"""What lies between the eye and the picture: rain, haze, stripes, lace and halftone dots.

Image and `random` are as in `camera`.
"""

import math

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from elegan.data.degradations.resizing import resize_bicubic

OVERSAMPLING = 2  # streaks are drawn at twice the size, so that their edges are soft

# What a streak of full strength changes in a photo, squared: set so that the mean PSNR over crops
# of 30 photos is the one asked for. Never taken from the image at hand, whose bright parts hide
# rain as they do outdoors.
SCREENED = 0.25
ADDED = 0.74
PATTERNS = ("stripes", "lace", "halftone")


def rain(image: np.ndarray, random: Generator, *, decibels: float, tilt: float) -> np.ndarray:
    """Draws one to four layers of streaks, each with its own length, width and angle.

    Args:
        decibels: PSNR between image and result, met on average over photos: 27 is light rain
            (sparse streaks), 13 to 18 heavy (dense, in several directions).
        tilt: angle of the first layer from the vertical, in degrees.
    """
    screened = random.random() < 0.6
    energy = 10 ** (-decibels / 10) / (SCREENED if screened else ADDED)
    heavy = float(np.clip((28 - decibels) / 15, 0, 1))
    # Far drops blend into a mist, which takes its part of the energy.
    mist = random.uniform(0, 0.7) * math.sqrt(energy) * heavy * (random.random() < 0.4)
    energy -= mist**2
    opacity = random.uniform(0.15 + 0.35 * heavy, 0.5 + 0.5 * heavy)
    layers = 1 + int(random.integers(0, 2 + round(2 * heavy)))
    spread = 25 * heavy if random.random() < 0.5 else 4
    streaks = np.zeros(image.shape[:2], np.float32)
    for share in random.dirichlet(np.full(layers, 2.0)):
        angle = tilt + random.uniform(-spread, spread)
        layer = _streaks(image.shape[:2], random, angle, share * energy / opacity**2)
        streaks += layer - streaks * layer
    # Opacity makes up for the chance in what was drawn, within what still looks like rain.
    found = float(np.mean(streaks**2))
    streaks *= np.float32(min(1.0, 2 * opacity, math.sqrt(energy / max(found, 1e-6))))
    cover = (mist + (1 - mist) * streaks)[:, :, None]
    tint = (random.uniform(0.8, 1) + random.uniform(-0.03, 0.03, 3)).clip(0, 1).astype(np.float32)
    if screened:
        return image + cover * (tint - image).clip(0, None)
    return np.minimum(image + cover * tint, 1)


def _streaks(shape: tuple[int, int], random: Generator, angle: float, energy: float) -> np.ndarray:
    """One layer: float32 [H, W] in [0, 1] of about that mean square.

    A streak is a drop's path while the shutter was open: near drops are long, wide and soft, far
    ones short and thin; it fades at both ends.
    """
    nearness = random.random()
    length = random.uniform(7, 20) + 40 * nearness * random.random()
    width = 0.8 + 1.6 * nearness * random.random()
    softness = random.uniform(0, 0.5 + 0.8 * nearness) * width
    # About the sum of squares of one streak, found by drawing many.
    each = 0.26 * length * width**1.2 / (1 + 0.9 * softness / width)
    slope = math.radians(angle)
    # How far beyond the border a streak may begin and still be seen.
    across = length * (abs(math.sin(slope)) + 0.1) / 2
    down = length * (abs(math.cos(slope)) + 0.1) / 2
    area = (shape[0] + 2 * down) * (shape[1] + 2 * across)
    number = int(random.poisson(min(energy / each, 1 / 30) * area))
    if not number:
        return np.zeros(shape, np.float32)
    middles = random.uniform((-across, -down), (shape[1] + across, shape[0] + down), (number, 2))
    slants = slope + random.normal(0, 0.02, number)
    halves = length * random.uniform(0.35, 0.65, number)
    ways = np.stack([np.sin(slants), np.cos(slants)], 1) * halves[:, None]
    lights = random.uniform(100, 255, number)
    canvas = Image.new("L", (shape[1] * OVERSAMPLING, shape[0] * OVERSAMPLING))
    draw = ImageDraw.Draw(canvas)
    thick = max(1, round(width * OVERSAMPLING))
    thin = max(1, thick - 1)
    # Faint whole streaks first, bright middles last: no end cuts a notch into a neighbour.
    for reach, light, pixels in ((1.0, 0.4, thin), (0.65, 1.0, thick)):
        ends = np.concatenate([middles - reach * ways, middles + reach * ways], 1) * OVERSAMPLING
        values = (lights * light).astype(int).tolist()
        for line, value in zip(ends.tolist(), values, strict=True):
            draw.line(line, fill=value, width=pixels)
    small = canvas.reduce(OVERSAMPLING)
    if softness > 0.3:
        small = small.filter(ImageFilter.GaussianBlur(softness))
    return np.asarray(small, np.float32) * np.float32(1 / 255)


def haze(
    image: np.ndarray, random: Generator, *, veil: float, light: float, variation: float
) -> np.ndarray:
    """Lays a veil of scattered light over the image: I = J t + A (1 - t).

    The atmospheric model of Koschmieder, as in He et al. 2009, "Single image haze removal using
    dark channel prior", equation 1; t = exp(-depth), depth smooth and growing to one side, mostly
    upwards.

    Args:
        veil: mean of 1 - t.
        light: A, the brightness of the veil; its colour is near gray.
        variation: deviation of the depth, relative to its mean.
    """
    depth = -math.log(1 - veil)
    height, width = image.shape[:2]
    knots = random.standard_normal((4, 4), np.float32)
    field = resize_bicubic(knots, (height, width))
    across = random.normal(0, 0.4)
    slope = np.linspace(1, -1, height, dtype=np.float32)[:, None]
    slope = slope + np.float32(across) * np.linspace(-1, 1, width, dtype=np.float32)
    field = np.float32(0.6) * field + slope
    field /= max(float(field.std()), 1e-6)
    depths = np.float32(depth) * np.maximum(1 + np.float32(variation) * field, 0)
    transmission = np.exp(-depths)[:, :, None]
    colour = (light + random.normal(0, 0.025, 3)).clip(0, 1).astype(np.float32)
    return image * transmission + colour * (1 - transmission)


def stripes(
    image: np.ndarray,
    random: Generator,
    *,
    period: float,
    opacity: float,
    pattern: str | None = None,
) -> np.ndarray:
    """Lays a periodic texture of one colour over the image, at any angle.

    Args:
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
    rows = np.arange(image.shape[0], dtype=np.float32)[:, None]
    columns = np.arange(image.shape[1], dtype=np.float32)[None, :]
    turn = np.float32(2 * math.pi / period)
    cosine, sine = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    starts = random.uniform(0, 2 * math.pi, 2).astype(np.float32)
    # Phases in radians along and across the texture, [H, W] each.
    first = turn * (cosine * columns + sine * rows) + starts[0]
    second = turn * (cosine * rows - sine * columns) + starts[1]
    if chosen == "stripes":
        cover = _soft_step(np.cos(first) - random.uniform(-0.6, 0.6), period, random)
    elif chosen == "lace":
        cover = _lace(first, second, period, random)
    else:
        dots = np.cos(first) + np.cos(second)
        cover = _soft_step(dots - random.uniform(-0.6, 1.0), period, random)
    colour = _colour(random)
    cover = (cover * np.float32(opacity))[:, :, None]
    return image + cover * (colour - image)


def _lace(first: np.ndarray, second: np.ndarray, period: float, random: Generator) -> np.ndarray:
    """A net of threads round holes, with rosettes: waves of several orders, mirrored both ways."""
    total = np.zeros_like(first)
    for across, along, weight in ((1, 0, 1.0), (0, 1, 1.0), (1, 1, 1.2), (2, 1, 0.8), (1, 2, 0.8)):
        strength = np.float32(weight * random.normal())
        total += strength * np.cos(across * first) * np.cos(along * second)
    total /= max(float(total.std()), 1e-6)
    # Threads run along two level lines, so that each hole has a rim.
    ring = np.cos(np.float32(random.uniform(1.5, 3)) * total)
    return _soft_step(ring - random.uniform(-0.3, 0.3), period / 3, random)


def _soft_step(values: np.ndarray, period: float, random: Generator) -> np.ndarray:
    """0 below zero and 1 above, with an edge of about a pixel or, at times, much softer."""
    slope = period / (2 * math.pi)
    if random.random() < 0.3:
        slope *= random.uniform(0.15, 0.5)
    return np.clip(np.float32(slope) * values + np.float32(0.5), 0, 1)


def _colour(random: Generator) -> np.ndarray:
    """White, black or any colour: float32 [3]."""
    draw = random.random()
    if draw < 0.3:
        return np.full(3, random.uniform(0.85, 1), np.float32)
    if draw < 0.5:
        return np.full(3, random.uniform(0, 0.15), np.float32)
    return random.random(3, np.float32)
