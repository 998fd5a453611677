"""What an image file says before it is decoded: whether it is one, how large, gray or not."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

# No format that runs another program (EPS) or has no signature of its own (TGA).
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")
MAX_PIXELS = 64_000_000  # decoded; about 256 MB as RGBA
GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F"})
ORIENTATION_TAG = 0x0112
_SCALED = {"L;2": 85, "L;4": 17}


class Unusable(Exception):
    """A file that cannot be used; the message is the reason, in plain words."""


class Hindered(Unusable):
    """A file that cannot be used now, which says nothing of its content: try it another time."""


@dataclass(frozen=True)
class Probe:
    """What an image's header says: its size once upright, and whether it is gray."""

    width: int
    height: int
    gray: bool


def probe(data: bytes, background: tuple[int, int, int]) -> Probe:
    """Reads the header of an image file.

    Raises:
        Unusable: the file is not an image that can be read within the limits.
    """
    try:
        image = open_image(data)
        width, height = image.size
        # A PNG keeps its orientation where only decoding finds it; `decode` still applies it.
        # That of a TIFF is upright already.
        if image.format in ("JPEG", "WEBP", "MPO") and orientation_of(image) >= 5:
            width, height = height, width
        colourless = len(set(background)) == 1 or not image.has_transparency_data
        return Probe(width, height, is_gray(image) and colourless)
    except Exception as error:
        raise unusable(error, data) from error


def open_image(data: bytes, limit: int | None = None) -> Image.Image:
    """Reads the header of an image of one of `FORMATS`.

    It has at most `limit` pixels; without a limit `MAX_PIXELS`, or more if decoding can shrink it.

    Raises:
        Unusable: it is empty or over the limit; and what Pillow raises, for `reason_of`.
    """
    if not data:
        raise Unusable("empty file (0 bytes)")
    Image.init()
    formats = [name for name in FORMATS if name in Image.OPEN]
    image = Image.open(io.BytesIO(data), formats=formats)
    width, height = image.size
    if width * height > (limit or MAX_PIXELS) and (limit or not _can_shrink(image)):
        limit = limit or MAX_PIXELS
        raise Unusable(f"{width}x{height} is over the limit of {limit // 1_000_000} million pixels")
    key = image.info.get("transparency")
    if isinstance(key, int) and len(image.tile) == 1:
        # Pillow scales grays of 2 and 4 bits to 8, and not the one that stands for transparency.
        image.info["transparency"] = key * _SCALED.get(str(image.tile[0][3]), 1)
    return image


def _can_shrink(image: Image.Image) -> bool:
    """Whether decoding can be done at 1/8 scale in little memory (not so for progressive JPEG)."""
    return image.format == "JPEG" and not image.info.get("progressive")


def orientation_of(image: Image.Image) -> int:
    """Returns the EXIF orientation 1..8, 1 where there is none or it is damaged."""
    try:
        value: Any = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # damaged metadata does not make a picture unusable
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def is_gray(image: Image.Image) -> bool:
    """Returns whether an image holds grays only, as far as its mode and palette tell."""
    if image.mode == "P" and image.palette is not None:
        palette = np.array(image.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return image.mode in GRAY_MODES


def unusable(error: Exception, data: bytes) -> Unusable:
    """Returns what to raise for an error met in reading an image."""
    hindered = isinstance(error, Hindered | MemoryError)
    return (Hindered if hindered else Unusable)(reason_of(error, data))


def reason_of(error: Exception, data: bytes) -> str:
    """Says in plain words why a file cannot be used."""
    if isinstance(error, Unusable):
        return str(error)
    if isinstance(error, Image.DecompressionBombError):
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        return f"over the limit of {limit} million pixels for any image"
    if isinstance(error, UnidentifiedImageError):
        text = data[:1024].decode("utf-8", "ignore")  # the cut may fall within a letter
        plain = len(text.encode()) > len(data[:1024]) - 4 and "\0" not in text
        return "a text file, not an image" if plain else "not an image of a known format"
    if isinstance(error, MemoryError):
        return "too large for the memory that is free now"
    if "truncated" in str(error):
        return "truncated: the file ends before its last pixels"
    return f"damaged: {error}"
