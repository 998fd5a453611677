"""Before and after, side by side: small pictures for the docs, cut where there is most to see."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from elegan.data.degradations import resize_bicubic

CUT = 144  # side of what is cut out of a photo
SHOWN = 160  # side of how an image is shown where it is not shown pixel by pixel
_HEAD = 16


def busiest(truth: np.ndarray, side: int = CUT) -> tuple[int, int]:
    """Returns (top, left) of the square with the most detail, on a grid of half its side."""
    gray = truth.astype(np.float32).mean(2)
    detail = np.zeros_like(gray)
    detail[:-1] += np.abs(np.diff(gray, axis=0))
    detail[:, :-1] += np.abs(np.diff(gray, axis=1))
    step = max(1, side // 2)
    places = [
        (detail[top : top + side, left : left + side].mean(), top, left)
        for top in range(0, max(1, gray.shape[0] - side + 1), step)
        for left in range(0, max(1, gray.shape[1] - side + 1), step)
    ]
    _, top, left = max(places)
    return top, left


def sheet(rows: list[list[np.ndarray]], heads: list[str], path: Path, shown: int = SHOWN) -> None:
    """Writes rows of images uint8 [H, W, 3], each at `shown` pixels a side, under their heads.

    A JPEG of high quality: photographs as PNG would be several times larger.
    """
    width = len(heads) * (shown + 4) - 4
    canvas = Image.new("RGB", (width, _HEAD + len(rows) * (shown + 4) - 4), "white")
    draw = ImageDraw.Draw(canvas)
    for column, head in enumerate(heads):
        draw.text((column * (shown + 4) + 2, 2), head, fill="black")
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            tile = Image.fromarray(resize_bicubic(image, (shown, shown)))
            canvas.paste(tile, (column * (shown + 4), _HEAD + row * (shown + 4)))
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path, quality=80, subsampling=0, optimize=True)


def cut(image: np.ndarray, place: tuple[int, int], side: int = CUT) -> np.ndarray:
    """Returns the square at `place`."""
    top, left = place
    return image[top : top + side, left : left + side]
