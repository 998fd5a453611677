"""Before and after side by side, at 1:1, where most has changed."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from elegan.common.files import flush, written_whole
from elegan.data.degradations import resize_bicubic
from elegan.data.photo_files import read_photo
from elegan.models.inference import on_white, reduced

FOLDER = "compare"
"""Within the output folder."""
SIDE = 480  # of each half, in pixels of the result
_SEARCHED = 512  # longest side of the copies in which the change is looked for
_HEAD, _GAP = 18, 4
_MARK = b"elegan: before and after"  # a JPEG comment, by which our own files are known


def write_comparison(before: Path, after: Path, target: Path) -> str:
    """Writes a JPEG of both; returns what a person should know, or ''.

    Args:
        before: a photo.
        after: what was made of it, of any size.
        target: a file of somebody else's there is left alone.

    Raises:
        Unusable: a photo cannot be read.
        OSError: the file cannot be written.
    """
    if target.exists() and not _ours(target):
        return f"{FOLDER}/{target.name} is there already, and elegan did not write it: left"
    old, new = _shown(before), _shown(after)
    height, width = new.shape[:2]
    small = reduced(new, _SEARCHED)
    change = np.abs(small.astype(int) - resize_bicubic(old, (small.shape[0], small.shape[1])))
    top, left = _place(change.mean(axis=2), width / small.shape[1], (height, width))
    part = new[top : top + SIDE, left : left + SIDE]
    scale = old.shape[0] / height, old.shape[1] / width
    tall, wide = (max(1, round(part.shape[axis] * scale[axis])) for axis in (0, 1))
    first, beside = (min(round(top * scale[0]), len(old) - 1), round(left * scale[1]))
    was = resize_bicubic(old[first : first + tall, beside : beside + wide], part.shape[:2])
    sheet = Image.new("RGB", (2 * part.shape[1] + _GAP, _HEAD + part.shape[0]), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (word, half) in enumerate((("before", was), ("after", part))):
        across = place * (part.shape[1] + _GAP)
        draw.text((across + 2, 3), word, fill="black")
        sheet.paste(Image.fromarray(np.ascontiguousarray(half)), (across, _HEAD))
    target.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(target) as temporary:
        sheet.save(temporary, format="JPEG", quality=92, subsampling=0, comment=_MARK)
        flush(temporary)
    return f"{FOLDER}/{target.name} shows before and after"


def _ours(path: Path) -> bool:
    try:
        with Image.open(path, formats=["JPEG"]) as image:
            return image.info.get("comment") == _MARK
    except (OSError, ValueError, SyntaxError):
        return False


def _shown(path: Path) -> np.ndarray:
    """A photo as it is seen, uint8 [H, W, 3]."""
    photo = read_photo(path)
    pixels = photo.pixels if photo.alpha is None else on_white(photo.pixels, photo.alpha)
    if pixels.dtype == np.uint16:
        pixels = (pixels // 257).astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def _place(change: np.ndarray, factor: float, size: tuple[int, int]) -> tuple[int, int]:
    """Returns (top, left) of the window of most change, in pixels of the result.

    Args:
        change: [h, w] of a smaller copy.
        factor: pixels of the result along one of the copy.
        size: (height, width) of the result.
    """
    side = max(1, round(SIDE / factor))
    step = max(1, side // 4)
    places = [
        (float(change[top : top + side, left : left + side].mean()), top, left)
        for top in range(0, max(1, change.shape[0] - side + 1), step)
        for left in range(0, max(1, change.shape[1] - side + 1), step)
    ]
    _, top, left = max(places, key=lambda item: item[0])
    tall, wide = (max(0, length - SIDE) for length in size)
    return min(round(top * factor), tall), min(round(left * factor), wide)
