"""What an image file says before it is decoded, and colours of 16 bits, which Pillow cuts to 8."""

import contextlib
import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from elegan.data.pictures import PNG_SIGNATURE, png_chunk

# No format that runs another program (EPS) or has no signature of its own (TGA).
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "HEIF")
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")  # brands of ISO/IEC 23008-12
_UNREAD = (
    (b"\xff\x0a", "JPEG XL is not read; export it as PNG"),
    (b"\0\0\0\x0cJXL ", "JPEG XL is not read; export it as PNG"),
    (b"8BPS", "files of Photoshop are not read; export it as PNG"),
)
MAX_PIXELS = 64_000_000  # decoded; about 256 MB as RGBA
GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F"})
ORIENTATION_TAG = 0x0112
NO_MEMORY = "too large for the memory that is free now"
_WHOLE = ((0, 0, 1, 1),)
# First column and row of each pass of an interlaced PNG, and the steps (PNG, 8.2).
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_PASSES += ((0, 1, 1, 2),)
# Height, compression, fill order; offsets, rows and bytes of strips; the same of tiles.
_TIFF_KEPT = (257, 259, 266, 273, 278, 279, 323, 324, 325)
_TIFF_WIDTHS = (256, 322)  # of the image, of a tile


class Unusable(Exception):
    """A file that cannot be used; the message is the reason, in plain words."""


class Hindered(Unusable):
    """A file that cannot be used now, which says nothing of its content: try it another time."""


@contextmanager
def reading(data: bytes = b"") -> Iterator[None]:
    """Turns what Pillow raises on a damaged file into `Unusable`; `data` are its bytes.

    Its readers raise errors of many kinds, some undocumented, and a file that somebody else made
    must never stop the pass over all the others. Nothing but calls of Pillow belongs in the block.
    """
    try:
        yield
    except Exception as error:
        hindered = isinstance(error, Hindered | MemoryError)
        raise (Hindered if hindered else Unusable)(_reason_of(error, data)) from error


def _reason_of(error: Exception, data: bytes) -> str:
    if isinstance(error, Unusable):
        return str(error)
    if isinstance(error, Image.DecompressionBombError):
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        return f"over the limit of {limit} million pixels for any image"
    if isinstance(error, UnidentifiedImageError):
        if why := unread_kind(data[:64]):
            return why
        text = data[:1024].decode("utf-8", "ignore")  # the cut may fall within a letter
        plain = len(text.encode()) > len(data[:1024]) - 4 and "\0" not in text
        return "a text file, not an image" if plain else "not an image of a known format"
    if isinstance(error, MemoryError):
        return NO_MEMORY
    if "truncated" in str(error):
        return "truncated: the file ends before its last pixels"
    return f"damaged: {error}"


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
    with reading(data):
        image = open_image(data)
        width, height = image.size
        # A PNG keeps its orientation where only decoding finds it; `decode` still applies it.
        # That of a TIFF is upright already.
        if image.format in ("JPEG", "WEBP", "MPO") and orientation_of(image) >= 5:
            width, height = height, width
        colourless = len(set(background)) == 1 or not image.has_transparency_data
        return Probe(width, height, is_gray(image) and colourless)


@cache
def formats() -> list[str]:
    """Returns those of `FORMATS` that this Pillow reads, by itself or with the extra for HEIC."""
    Image.init()
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    return [name for name in FORMATS if name in Image.OPEN]


def unread_kind(start: bytes) -> str:
    """Says of an image, by its first 64 bytes or more, that its format is not read; else ''."""
    brands = start[8 : int.from_bytes(start[:4])] if start[4:8] == b"ftyp" else b""
    if any(brand in brands for brand in _HEIC) and "HEIF" not in formats():
        return "HEIC needs a library: pip install 'elegan[heic]'"
    return next((why for first, why in _UNREAD if start.startswith(first)), "")


def open_image(data: bytes, limit: int | None = None) -> Image.Image:
    """Reads the header of an image of one of `FORMATS`.

    It has at most `limit` pixels; without a limit `MAX_PIXELS`, or more if decoding can shrink it.

    Raises:
        Unusable: it is empty or over the limit; and what Pillow raises: call it in `reading`.
    """
    if not data:
        raise Unusable("empty file (0 bytes)")
    image = Image.open(io.BytesIO(data), formats=formats())
    width, height = image.size
    # A JPEG is decoded at 1/8 scale in little memory, unless it is progressive.
    can_shrink = image.format == "JPEG" and not image.info.get("progressive")
    if width * height > (limit or MAX_PIXELS) and (limit or not can_shrink):
        limit = limit or MAX_PIXELS
        raise Unusable(f"{width}x{height} is over the limit of {limit // 1_000_000} million pixels")
    key = image.info.get("transparency")
    if isinstance(key, int) and image.format == "PNG" and image.mode == "L":
        # Pillow scales grays of 2 and 4 bits to 8, and not the one that stands for transparency.
        image.info["transparency"] = key * {2: 85, 4: 17}.get(data[24], 1)
    return image


def orientation_of(image: Image.Image) -> int:
    """Returns the EXIF orientation 1..8, 1 where there is none or it is damaged."""
    try:
        with reading():
            value: Any = image.getexif().get(ORIENTATION_TAG, 1)
    except Unusable:  # damaged metadata does not make a picture unusable
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def turned(values: np.ndarray, orientation: int) -> np.ndarray:
    """Turns and mirrors [H, W, ...] upright by its EXIF orientation 1..8."""
    values = values.swapaxes(0, 1) if orientation >= 5 else values
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return np.ascontiguousarray(values)


def is_gray(image: Image.Image) -> bool:
    """Returns whether an image holds grays only, as far as its mode and palette tell."""
    if image.mode == "P" and image.palette is not None:
        palette = np.array(image.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return image.mode in GRAY_MODES


def is_lossless_webp(data: bytes) -> bool:
    """Returns whether a WebP's pixels, of all its frames, are stored without loss (VP8L)."""
    place, kinds = 12, set()
    while data[:4] == b"RIFF" and data[8:12] == b"WEBP" and place + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        if kind in (b"VP8 ", b"VP8L"):
            kinds.add(kind)
        # A frame of an animation holds its own chunks.
        place += 8 + 16 if kind == b"ANMF" else 8 + length + length % 2
    return kinds == {b"VP8L"}


def is_lossless_avif(data: bytes) -> bool:
    """Returns whether an AVIF's colours are RGB as they are (matrix 0), as only lossless ones."""
    place = data.find(b"colrnclx", 0, 1 << 16)
    return data[4:8] == b"ftyp" and place >= 0 and data[place + 12 : place + 14] == b"\0\0"


def is_deep(image: Image.Image, data: bytes) -> bool:
    """Returns whether an opened PNG or TIFF has 16 bits a value."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return set(image.tag_v2.get(258, ())) == {16}
    return image.format == "PNG" and data[24] == 16


def deep_planes(
    image: Image.Image, data: bytes, page: int = 0
) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Reads colours of 16 bits, of which Pillow itself hands out the high bytes only.

    Args:
        image: opened, at that page of the file, not loaded yet; it is, afterwards.
        data: the bytes of the file.

    Returns:
        (uint16 [H, W, 1 or 3], uint16 [H, W] or None) of a PNG or TIFF of deep colours, upright;
        None for any other image, of which Pillow gives all there is.
    """
    if not is_deep(image, data) or image.mode not in ("RGB", "RGBA"):
        return None
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags, bands = image.tag_v2, len(image.mode)
        # Of several planes, or premultiplied by alpha: as Pillow reads it.
        if tags.get(277) != bands or tags.get(284, 1) != 1 or tags.get(338, ()) not in ((), (2,)):
            return None
        orientation = tags.get(274, 1)
        image.load()
        values = turned(_tiff_samples(image, data), orientation)
    elif page:
        return None
    else:
        image.load()
        values = np.asarray(image).astype(np.uint16)
        if data[25] == 4:  # gray and alpha, which Pillow makes RGBA
            values = values[..., 2:]
        values = turned((values << 8) | _low_bytes(data), orientation_of(image))
    if values.shape[2] in (2, 4):
        return np.ascontiguousarray(values[..., :-1]), np.ascontiguousarray(values[..., -1])
    key = image.info.get("transparency")
    if not isinstance(key, tuple) or len(key) != 3:
        return values, None
    hidden = (values == np.array(key, dtype=np.uint16)).all(axis=2)
    return values, np.where(hidden, 0, 65535).astype(np.uint16)


def _low_bytes(data: bytes) -> np.ndarray:
    """Decodes the second bytes of a PNG of 16 bits: uint8 [H, W, channels].

    The filters of PNG join bytes of one place in their pixels. So the second bytes, filtered as
    they are, make a PNG of 8 bits with the same filters.
    """
    packed, place = [], 8
    while place < len(data) - 8:
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"IDAT":
            packed.append(data[place + 8 : place + 8 + length])
        place += 12 + length
    width, height, _, colour = struct.unpack_from(">IIBB", data, 16)
    pixel = 2 * {2: 3, 4: 2, 6: 4}[colour]
    shapes = [
        (-(-(height - top) // down), 1 + pixel * -(-(width - left) // right))
        for left, top, right, down in (_PASSES if data[28] else _WHOLE)
        if left < width and top < height
    ]
    size = sum(rows * length for rows, length in shapes)
    whole = np.frombuffer(zlib.decompressobj().decompress(b"".join(packed), size), np.uint8)
    halves, first = [], 0
    for rows, length in shapes:
        block = whole[first : first + rows * length].reshape(rows, length)
        halves.append(np.concatenate([block[:, :1], block[:, 2::2]], axis=1).tobytes())
        first += rows * length
    half = PNG_SIGNATURE + png_chunk(b"IHDR", data[16:24] + b"\x08" + data[25:29])
    half += png_chunk(b"IDAT", zlib.compress(b"".join(halves), 0)) + png_chunk(b"IEND", b"")
    return np.asarray(Image.open(io.BytesIO(half), formats=["PNG"]))


def _tiff_samples(image: TiffImagePlugin.TiffImageFile, data: bytes) -> np.ndarray:
    """Decodes a TIFF of 16 bits, not turned: uint16 [H, W, bands].

    It gets another directory behind its end that calls each row of values a row of grays, which
    Pillow reads with all of their bits.
    """
    tags, bands, order = image.tag_v2, len(image.mode), {b"I": "<", b"M": ">"}[data[:1]]
    entries: dict[int, Any] = {tag: tags[tag] for tag in _TIFF_KEPT if tag in tags}
    entries |= {tag: tags[tag] * bands for tag in _TIFF_WIDTHS if tag in tags}
    entries |= {258: 16, 262: 1, 277: 1}  # bits, zero is black, one value a pixel
    start = len(data) + len(data) % 2
    directory, beyond = struct.pack(f"{order}H", len(entries)), b""
    for tag, entry in sorted(entries.items()):
        values = entry if isinstance(entry, tuple) else (entry,)
        stored = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            place = start + 2 + 12 * len(entries) + 4 + len(beyond)
            beyond, stored = beyond + stored, struct.pack(f"{order}I", place)
        directory += struct.pack(f"{order}HHI", tag, 4, len(values)) + stored
    head = data[:2] + struct.pack(f"{order}HI", 42, start)
    file = head + data[8:].ljust(start - 8, b"\0") + directory + bytes(4) + beyond
    grays = np.asarray(Image.open(io.BytesIO(file), formats=["TIFF"])).astype(np.uint16)
    values = grays.reshape(len(grays), -1, bands)
    if tags.get(317) == 2:  # each value less the one before it, from the left of each tile
        width = tags.get(322, values.shape[1])
        for left in range(0, values.shape[1], width):
            part = values[:, left : left + width]
            part[:] = np.cumsum(part, axis=1, dtype=np.uint16)
    return values


_FINE_AT_50 = 15.375
"""Mean of the 16 finest steps for brightness of the JPEG standard's proposal (T.81, table K.1)."""


def jpeg_quality(image: Image.Image) -> int | None:
    """Returns the quality 1..100 that a JPEG was written with; None for another format.

    Writers scale the standard's table by 5000 / quality below 50 and 200 - 2 quality from there on
    (Independent JPEG Group). The finest steps tell by how much, since coarse ones end at 255;
    tables of a writer's own are told by how coarse they are.
    """
    tables = getattr(image, "quantization", None)
    if not tables:
        return None
    scale = 100 * sum(sorted(tables[min(tables)])[:16]) / 16 / _FINE_AT_50
    return max(1, min(100, round((200 - scale) / 2 if scale <= 100 else 5000 / scale)))
