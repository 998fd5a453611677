"""Grids of images, and PNG files, also such as never stand in memory whole.

Source of the format: Portable Network Graphics, third edition (W3C): chunks (5), filters (9), eXIf
(11.3.3).
"""

import errno
import io
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from elegan.common.errors import EleganError
from elegan.common.files import written_whole

GAP_COLOUR = 255
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels: gray, gray and alpha, RGB, RGB and alpha
_LEVEL = 3  # of zlib; higher ones cost several times as much for hardly a byte on photos
BLOCK_BYTES = 1 << 17  # of pixels filtered together, small enough for the cache of a core
_CHUNK_BYTES = 1 << 18


def grid(images: np.ndarray, columns: int, gap: int = 2, scale: int = 1) -> np.ndarray:
    """Lays images out row by row.

    Args:
        images: uint8 [N, H, W, C], C 1 or 3.
        columns: images a row; the last row is filled up with white.
        gap: white pixels between neighbours (none at the rim).
        scale: each pixel becomes a square of this side, so that small digits can be seen.

    Returns:
        uint8 [rows * H * scale + ..., columns * W * scale + ..., C].
    """
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(f"A grid needs uint8 [N, H, W, C] with N > 0, not {images.shape}.")
    count, height, width, channels = images.shape
    columns = max(1, min(columns, count))
    rows = -(-count // columns)
    height, width = height * scale, width * scale
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    sheet = np.full(shape, GAP_COLOUR, dtype=np.uint8)
    for index, image in enumerate(images):
        top = (index // columns) * (height + gap)
        left = (index % columns) * (width + gap)
        enlarged = image.repeat(scale, axis=0).repeat(scale, axis=1)
        sheet[top : top + height, left : left + width] = enlarged
    return sheet


def to_pillow(image: np.ndarray) -> Image.Image:
    """Returns the Pillow image ("L" or "RGB") of a uint8 [H, W, 1 or 3] array."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def png_bytes(image: np.ndarray) -> bytes:
    """Returns uint8 [H, W, 1 or 3] as the content of a PNG file."""
    content = io.BytesIO()
    to_pillow(image).save(content, format="PNG")
    return content.getvalue()


def save_png(image: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Writes uint8 [H, W, 1 or 3] as a PNG that appears whole or not at all.

    Raises:
        EleganError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    try:
        with written_whole(path) as temporary:
            to_pillow(image).save(temporary, format="PNG")
    except OSError as error:
        why = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        raise EleganError(f"Could not write '{path}': {why}. Name another place.") from error


def save_gif(frames: Sequence[Image.Image], out: Path | BinaryIO, milliseconds: int = 60) -> None:
    """Writes an animated GIF that loops, each frame so many milliseconds long.

    Of frames with opacity, RGBA, what is less than half opaque is transparent.
    """
    more = {"save_all": True, "append_images": list(frames[1:]), "loop": 0, "disposal": 2}
    frames[0].save(out, format="GIF", duration=milliseconds, **more)


def contact_sheet(
    images: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    count: int = 120,
    columns: int = 12,
    seed: int = 0,
) -> np.ndarray:
    """Returns a grid of a seeded choice of `images` (uint8 [N, H, W, C]), up to 1000 pixels wide.

    With labels (int [N]) each row holds one class, in the order of the classes, and as many classes
    are shown as fit into `count`; without, the choice keeps the order of the set.
    """
    generator = np.random.default_rng(seed)
    scale = max(1, 1000 // (columns * images.shape[2]))
    if labels is None:
        chosen = np.sort(generator.permutation(len(images))[:count])
        return grid(images[chosen], columns, scale=scale)
    present = np.unique(labels)
    rows_each = max(1, count // (columns * len(present)))
    rows = []
    for label in present[: max(1, count // columns)]:
        members = generator.permutation(np.flatnonzero(labels == label))[: rows_each * columns]
        row = images[np.sort(members)]
        filling = (-len(row) % columns, *images.shape[1:])
        rows += [row, np.full(filling, GAP_COLOUR, dtype=np.uint8)]
    return grid(np.concatenate(rows), columns, scale=scale)


def write_rows(
    path: str | os.PathLike[str],
    rows: Iterable[np.ndarray],
    *,
    width: int,
    height: int,
    channels: int,
    depth: int = 8,
    icc: bytes | None = None,
    exif: bytes | None = None,
    more: Iterable[tuple[bytes, bytes]] = (),
) -> Path:
    """Writes a PNG that appears whole or not at all, holding a few megabytes of it at a time.

    Args:
        path: of the file; its folder is made where it is missing.
        rows: blocks of rows from top to bottom, uint8 (depth 8) or uint16 (depth 16)
            [any number, width, channels], in all `height` rows.
        width, height: in pixels.
        channels: 1 (gray), 2 (gray and alpha), 3 (RGB) or 4 (RGB and alpha, not premultiplied).
        depth: 8 or 16 bits a value.
        icc: a colour profile to keep, as its file holds it.
        exif: EXIF to keep, with or without the "Exif" of JPEG before it.
        more: (kind, body) of further chunks.

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing is left behind.
        ValueError: the rows are not what was announced.
    """
    if channels not in _COLOUR_TYPES or depth not in (8, 16) or width < 1 or height < 1:
        raise ValueError(f"No PNG of {width}x{height}x{channels} at {depth} bits.")
    header = struct.pack(">IIBBBBB", width, height, depth, _COLOUR_TYPES[channels], 0, 0, 0)
    shape = (width, channels)
    with written_whole(path) as temporary, open(temporary, "xb") as file:
        file.write(PNG_SIGNATURE)
        file.write(png_chunk(b"IHDR", header))
        if icc:
            file.write(png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)))
        if exif:
            file.write(png_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))  # as JPEG has
        for kind, body in more:
            file.write(png_chunk(kind, body))
        _write_pixels(file, _as_bytes(rows, shape, height, depth), channels * depth // 8)
        file.write(png_chunk(b"IEND", b""))
        file.flush()
        os.fsync(file.fileno())
    return Path(path)


def png_chunk(kind: bytes, body: bytes | bytearray) -> bytes:
    """Returns a chunk of a PNG: length, kind, body and checksum."""
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def _as_bytes(
    rows: Iterable[np.ndarray], shape: tuple[int, int], height: int, depth: int
) -> Iterator[np.ndarray]:
    """Yields the rows as uint8 [n, bytes a row], a bounded number at a time, and counts them."""
    dtype = np.dtype(np.uint8 if depth == 8 else np.uint16)
    step = max(1, BLOCK_BYTES // (shape[0] * shape[1] * dtype.itemsize))
    count = 0
    for block in rows:
        if block.ndim != 3 or block.shape[1:] != shape or block.dtype != dtype:
            raise ValueError(f"Expected {dtype} [n, {shape}], got {block.dtype} {block.shape}.")
        count += len(block)
        for first in range(0, len(block), step):
            part = np.ascontiguousarray(block[first : first + step], dtype.newbyteorder(">"))
            yield part.view(np.uint8).reshape(len(part), -1)
    if count != height:
        raise ValueError(f"Expected {height} rows, got {count}.")


def _write_pixels(file: BinaryIO, blocks: Iterator[np.ndarray], pixel: int) -> None:
    """Compresses filtered rows into IDAT chunks; a pixel has `pixel` bytes."""
    packer = zlib.compressobj(_LEVEL)
    pending = bytearray()
    above: np.ndarray | None = None
    for block in blocks:
        above = np.zeros_like(block[:1]) if above is None else above
        pending += packer.compress(_filtered(block, above, pixel))
        above = block[-1:].copy()
        if len(pending) >= _CHUNK_BYTES:
            file.write(png_chunk(b"IDAT", pending))
            pending.clear()
    file.write(png_chunk(b"IDAT", pending + packer.flush()))


def _filtered(block: np.ndarray, above: np.ndarray, pixel: int) -> bytes:
    """Returns each row of uint8 [n, bytes a row] with the filter whose differences are smallest.

    The filter's number stands before the row; `above` is the row before the block.
    """
    up = np.concatenate([above, block[:-1]])
    # The bytes of the pixel to the left of each, 0 at the rim.
    left, up_left = _shifted(block, pixel), _shifted(up, pixel)
    candidates = {1: block - left, 2: block - up, 4: block - _paeth(left, up, up_left)}
    # The sum of absolute differences, taken as signed bytes (12.7), by way of min(d, -d).
    scores = [
        np.minimum(lines, 0 - lines).sum(axis=1, dtype=np.int64) for lines in candidates.values()
    ]
    best = np.argmin(scores, axis=0)
    rows = np.empty((len(block), block.shape[1] + 1), dtype=np.uint8)
    for index, (number, differences) in enumerate(candidates.items()):
        chosen = best == index
        rows[chosen, 0] = number
        rows[chosen, 1:] = differences[chosen]
    return rows.tobytes()


def _shifted(rows: np.ndarray, pixel: int) -> np.ndarray:
    shifted = np.zeros_like(rows)
    shifted[:, pixel:] = rows[:, :-pixel]
    return shifted


def _paeth(left: np.ndarray, up: np.ndarray, up_left: np.ndarray) -> np.ndarray:
    """Returns of three neighbours the one nearest to left + up - up_left (9.4)."""
    a, b, c = (values.astype(np.int16) for values in (left, up, up_left))
    to_a, to_b = np.abs(b - c), np.abs(a - c)
    to_c = np.abs(a + b - 2 * c)
    return np.where((to_a <= to_b) & (to_a <= to_c), left, np.where(to_b <= to_c, up, up_left))
