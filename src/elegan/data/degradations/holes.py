"""Pixels that are lost: rectangles, free strokes and lettering; scratches and dust on a print.

Image and `random` are as in `camera`.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

FILL = 128 / 255
"""What each channel of a lost pixel holds where a network is to fill it; in [-1, 1] almost 0."""

FORMS = ("rectangles", "strokes", "text")
LETTERS = "ABCDEFGHKLMNOPRSTUVWXYZabcdefghiklmnoprstuvwyz0123456789          "
MAX_ROUNDS = 60  # of drawing and counting: a guard, far more than are needed
OVERSAMPLING = 3


def holes(
    image: np.ndarray, random: Generator, *, share: float, form: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Loses about that share of the pixels, never more than a hundredth of the image above it.

    Args:
        share: of all pixels.
        form: one of `FORMS`; drawn, or several at once, where it is None.

    Returns:
        The image with `FILL` in the lost pixels, and float32 [H, W] with 1 where pixels are lost.
    """
    height, width = image.shape[:2]
    if form:
        forms = [form]
    else:
        order = [FORMS[index] for index in random.permutation(len(FORMS))]
        forms = order[: 1 if random.random() < 0.7 else 2]
    canvas = Image.new("L", (width, height))
    wanted = share * height * width
    lost = 0.0
    for round_ in range(MAX_ROUNDS):
        before = canvas.copy()
        _DRAW[forms[round_ % len(forms)]](canvas, random, wanted - lost)
        count = float(np.count_nonzero(np.asarray(canvas)))
        if count > wanted + 0.01 * height * width:
            canvas = before
            continue
        lost = count
        if lost >= 0.97 * wanted:
            break
    mask = (np.asarray(canvas) > 0).astype(np.float32)
    return hide(image, mask), mask


def scratches(
    image: np.ndarray, random: Generator, *, density: float, width: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scratches a print: thin long lines, lighter or darker than all round, and some dust.

    Args:
        density: pixels of scratch for each hundred pixels of image.
        width: of a scratch, in pixels.

    Returns:
        The image as the scratched print looks, and float32 [H, W] with 1 wherever it changed.
    """
    height, across = image.shape[:2]
    canvas = Image.new("L", (across * OVERSAMPLING, height * OVERSAMPLING))
    draw = ImageDraw.Draw(canvas)
    diagonal = math.hypot(height, across)
    remaining = density / 100 * height * across / max(width, 1)
    while remaining > 0:
        length = diagonal * random.uniform(0.3, 1.2)
        remaining -= _scratch(draw, canvas.size, random, length, width)
    for _ in range(int(random.poisson(height * across / 8000))):
        x, y = (random.uniform(0, side) for side in canvas.size)
        radius = random.uniform(0.5, 2.2) * OVERSAMPLING
        draw.ellipse((x - radius, y - radius * random.uniform(0.5, 1), x + radius, y + radius), 255)
    depth = random.uniform(0.6, 1) / 255
    cover = np.asarray(canvas.reduce(OVERSAMPLING), np.float32)[:, :, None] * np.float32(depth)
    light = random.uniform(0.8, 1) if random.random() < 0.7 else random.uniform(0, 0.15)
    tint = (light + random.normal(0, 0.03, 3)).clip(0, 1).astype(np.float32)
    return image + cover * (tint - image), (cover[:, :, 0] > 0).astype(np.float32)


def hide(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Puts `FILL` where the mask is 1: so a network never sees what a lost pixel looked like."""
    return np.where(mask[:, :, None] > 0, np.float32(FILL), image)


def _scratch(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    random: Generator,
    length: float,
    width: float,
) -> float:
    """Draws a line that wavers and breaks; returns its length in pixels of the image."""
    steps = max(3, round(length / 6))
    turns = np.cumsum(random.normal(0, 0.02, steps))
    angles = random.uniform(0, math.pi) + turns
    points = np.cumsum(np.stack([np.cos(angles), np.sin(angles)], 1), axis=0) * (length / steps)
    points += random.uniform(0, size, 2) / OVERSAMPLING - points[int(random.integers(steps))]
    points *= OVERSAMPLING
    if random.random() < 0.5:
        thick = max(1, round(width * OVERSAMPLING * random.uniform(0.6, 1)))
        draw.line(points.ravel().tolist(), fill=255, width=thick, joint="curve")
    else:
        # The needle's pressure comes and goes: width varies, and here and there it lifts.
        phases = np.linspace(0, random.uniform(2, 12), steps)[:, None] * (1, 1.7, 2.9)
        waves = np.sin(phases + random.uniform(0, 2 * math.pi, 3)).sum(axis=1)
        pressure = np.clip(0.75 + 0.3 * waves + random.normal(0, 0.06, steps), 0, 1.2)
        lines = np.concatenate([points[:-1], points[1:]], 1).tolist()
        for line, value in zip(lines, pressure.tolist(), strict=False):
            if value > 0.3:
                draw.line(line, fill=255, width=max(1, round(width * OVERSAMPLING * value)))
    inside = ((points >= 0) & (points < size)).all(axis=1)
    return max(1.0, length * float(inside.mean()))


def _rectangles(canvas: Image.Image, random: Generator, wanted: float) -> None:
    draw = ImageDraw.Draw(canvas)
    largest = max(2.0, min(48.0, min(canvas.size) / 2))
    area = 0.0
    while area < 0.6 * wanted:
        across, down = random.uniform(min(4.0, largest / 2), largest, 2)
        excess = math.sqrt(max(1.0, across * down / max(wanted - area, 1.0)))
        across, down = max(1.0, across / excess), max(1.0, down / excess)
        x, y = random.uniform(-across / 4, canvas.width), random.uniform(-down / 4, canvas.height)
        draw.rectangle((int(x), int(y), int(x + across - 1), int(y + down - 1)), fill=255)
        area += across * down


def _strokes(canvas: Image.Image, random: Generator, wanted: float) -> None:
    draw = ImageDraw.Draw(canvas)
    smaller = min(canvas.size)
    area = 0.0
    while area < 0.6 * wanted:
        widest = min(16.0, max(1.0, smaller / 5))
        width = random.uniform(min(2.0, widest), widest)
        length = min(random.uniform(0.3, 1.5) * min(smaller, 160), (wanted - area) / width + width)
        steps = max(2, round(length / 8))
        angles = random.uniform(0, 2 * math.pi) + np.cumsum(random.normal(0, 0.5, steps))
        points = np.cumsum(np.stack([np.cos(angles), np.sin(angles)], 1), 0) * (length / steps)
        points += random.uniform(0, canvas.size, 2)
        draw.line(points.ravel().tolist(), fill=255, width=round(width), joint="curve")
        radius = width / 2
        for x, y in points[[0, -1]].tolist():
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        area += width * length


def _text(canvas: Image.Image, random: Generator, wanted: float) -> None:
    """A few lines of lettering at one angle, as a caption or a stamp lies on a picture."""
    size = int(random.integers(8, max(9, min(40, min(canvas.size) // 3))))
    bold = int(random.integers(0, 2 + size // 14))
    letters = max(2, min(400, round(wanted / (0.25 * size * size * (1 + 0.4 * bold)))))
    per_line = max(2, min(letters, round(1.3 * canvas.width / (0.55 * size))))
    # A tile that covers the canvas however it is turned, the text somewhere about its middle.
    side = math.ceil(1.2 * math.hypot(*canvas.size))
    tile = Image.new("L", (side, side))
    rows = math.ceil(letters / per_line)
    left = side / 2 + canvas.width * random.uniform(-0.3, 0.3) - 0.28 * size * per_line
    top = side / 2 + canvas.height * random.uniform(-0.4, 0.4) - 0.65 * size * rows
    across = left
    for number, index in enumerate(random.integers(0, len(LETTERS), letters).tolist()):
        if number and number % per_line == 0:
            across, top = left, top + 1.25 * size
        glyph = _glyph(LETTERS[index], size, bold)
        tile.paste(255, (round(across), round(top)), glyph)
        across += glyph.width - 1
    angle = random.uniform(-90, 90) if random.random() < 0.3 else random.normal(0, 6)
    tile = tile.rotate(angle)
    canvas.paste(255, ((canvas.width - side) // 2, (canvas.height - side) // 2), tile)


_font = lru_cache(maxsize=64)(ImageFont.load_default)


@lru_cache(maxsize=8192)
def _glyph(letter: str, size: int, bold: int) -> Image.Image:
    """A letter in black and white, kept: drawing one costs more than all else here."""
    font = _font(size)
    width = math.ceil(font.getlength(letter)) + 1 + bold
    image = Image.new("L", (width, math.ceil(1.3 * size) + 2 * bold))
    ImageDraw.Draw(image).text((bold / 2, bold), letter, fill=255, font=font, stroke_width=bold)
    return image.point([255 if value > 100 else 0 for value in range(256)])


_DRAW = {"rectangles": _rectangles, "strokes": _strokes, "text": _text}
