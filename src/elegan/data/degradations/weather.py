"""Rain and haze."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from elegan.data.degradations.resizing import resize_bicubic

OVERSAMPLING = 2  # streaks are drawn at twice the size, so that their edges are soft
# What a streak of full strength changes in a photo, squared: set so that the mean PSNR over crops
# of 30 photos is the one asked for. Never taken from the image at hand, whose bright parts hide
# rain as they do outdoors.
SCREENED = 0.25
ADDED = 0.74


def rain(
    image: np.ndarray, random: np.random.Generator, *, decibels: float, tilt: float
) -> np.ndarray:
    """Draws one to four layers of streaks, each with its own length, width and angle.

    Args:
        image: float32 [H, W, 3] in [0, 1].
        random: where the draws come from.
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


def _streaks(
    shape: tuple[int, int], random: np.random.Generator, angle: float, energy: float
) -> np.ndarray:
    """One layer: float32 [H, W] in [0, 1] of about that mean square.

    A streak is a drop's path while the shutter was open: near drops are long, wide and soft, far
    ones short and thin; it fades at both ends.
    """
    nearness = random.random()
    length = random.uniform(7, 20) + 40 * nearness * random.random()
    width = 0.8 + 1.6 * nearness * random.random()
    softness = random.uniform(0, 0.5 + 0.8 * nearness) * width
    # About the sum of squares of one streak, found by drawing many.
    one = 0.26 * length * width**1.2 / (1 + 0.9 * softness / width)
    slope = math.radians(angle)
    # How far beyond the border a streak may begin and still be seen.
    across = length * (abs(math.sin(slope)) + 0.1) / 2
    down = length * (abs(math.cos(slope)) + 0.1) / 2
    area = (shape[0] + 2 * down) * (shape[1] + 2 * across)
    number = int(random.poisson(min(energy / one, 1 / 30) * area))
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
    image: np.ndarray,
    random: np.random.Generator,
    *,
    veil: float,
    light: float,
    variation: float,
) -> np.ndarray:
    """Lays a veil of scattered light over the image: I = J t + A (1 - t).

    The atmospheric model of Koschmieder, as in He et al. 2009, "Single image haze removal using
    dark channel prior", equation 1; t = exp(-depth), depth smooth and growing to one side, mostly
    upwards.

    Args:
        image: float32 [H, W, 3] in [0, 1].
        random: where the draws come from.
        veil: mean of 1 - t.
        light: A, the brightness of the veil; its colour is near gray.
        variation: deviation of the depth, relative to its mean.
    """
    depth = -math.log(1 - veil)
    field = smooth_field(image.shape[:2], random, cells=4)
    across = random.normal(0, 0.4)
    height, width = image.shape[:2]
    slope = np.linspace(1, -1, height, dtype=np.float32)[:, None]
    slope = slope + np.float32(across) * np.linspace(-1, 1, width, dtype=np.float32)
    field = np.float32(0.6) * field + slope
    field /= max(float(field.std()), 1e-6)
    depths = np.float32(depth) * np.maximum(1 + np.float32(variation) * field, 0)
    transmission = np.exp(-depths)[:, :, None]
    colour = (light + random.normal(0, 0.025, 3)).clip(0, 1).astype(np.float32)
    return image * transmission + colour * (1 - transmission)


def smooth_field(shape: tuple[int, int], random: np.random.Generator, *, cells: int) -> np.ndarray:
    """Smooth noise, float32 [H, W] of deviation about 1, with `cells` knots along each side."""
    knots = random.standard_normal((cells, cells), np.float32)
    return resize_bicubic(knots, shape)
