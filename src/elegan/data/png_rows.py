"""PNG files of 8 or 16 bits written row by row, so that the image never stands in memory whole.

Source: Portable Network Graphics, third edition (W3C): chunks (5), filters (9), eXIf (11.3.3).
"""

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from elegan.data.pictures import written_whole

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels: gray, gray and alpha, RGB, RGB and alpha
LEVEL = 3  # of zlib; higher ones cost several times as much for hardly a byte on photos
BLOCK_BYTES = 1 << 17  # of pixels filtered together, small enough for the cache of a core
_CHUNK_BYTES = 1 << 18
_EXIF_START = b"Exif\0\0"  # before EXIF in JPEG, not in PNG


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
) -> Path:
    """Writes a PNG that appears whole or not at all, holding a few megabytes of it at a time.

    Args:
        path: of the file; its folder is made where it is missing.
        rows: blocks of rows from top to bottom, uint8 (depth 8) or uint16 (depth 16)
            [any number, width, channels], in all `height` rows.
        width: in pixels.
        height: in pixels.
        channels: 1 (gray), 2 (gray and alpha), 3 (RGB) or 4 (RGB and alpha, not premultiplied).
        depth: 8 or 16 bits a value.
        icc: a colour profile to keep, as its file holds it.
        exif: EXIF to keep, with or without the "Exif" of JPEG before it.

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing is left behind.
        ValueError: the rows are not what was announced.
    """
    if channels not in COLOUR_TYPES or depth not in (8, 16) or width < 1 or height < 1:
        raise ValueError(f"No PNG of {width}x{height}x{channels} at {depth} bits.")
    header = struct.pack(">IIBBBBB", width, height, depth, COLOUR_TYPES[channels], 0, 0, 0)
    shape = (width, channels)
    with written_whole(path) as temporary, open(temporary, "xb") as file:
        file.write(SIGNATURE)
        _write_chunk(file, b"IHDR", header)
        if icc:
            _write_chunk(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
        if exif:
            _write_chunk(file, b"eXIf", exif.removeprefix(_EXIF_START))
        _write_pixels(file, _as_bytes(rows, shape, height, depth), channels * depth // 8)
        _write_chunk(file, b"IEND", b"")
        file.flush()
        os.fsync(file.fileno())
    return Path(path)


def _write_chunk(file: BinaryIO, kind: bytes, body: bytes) -> None:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    file.write(struct.pack(">I", len(body)) + kind)
    file.write(body)
    file.write(struct.pack(">I", checksum))


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
    """Compresses filtered rows into IDAT chunks; `pixel` is the number of bytes of one."""
    packer = zlib.compressobj(LEVEL)
    pending = bytearray()
    above: np.ndarray | None = None
    for block in blocks:
        above = np.zeros_like(block[:1]) if above is None else above
        pending += packer.compress(_filtered(block, above, pixel))
        above = block[-1:].copy()
        if len(pending) >= _CHUNK_BYTES:
            _write_chunk(file, b"IDAT", bytes(pending))
            pending.clear()
    _write_chunk(file, b"IDAT", bytes(pending + packer.flush()))


def _filtered(block: np.ndarray, above: np.ndarray, pixel: int) -> bytes:
    """Returns each row of a block with the filter whose differences are smallest, and its number.

    Args:
        block: uint8 [n, bytes a row].
        above: uint8 [1, bytes a row], the row before the block.
        pixel: bytes of one pixel.
    """
    up = np.concatenate([above, block[:-1]])
    left, up_left = _shifted(block, pixel), _shifted(up, pixel)
    candidates = {1: block - left, 2: block - up, 4: block - _paeth(left, up, up_left)}
    # The sum of absolute differences, taken as signed bytes (12.7), by way of min(d, -d).
    scores = [np.minimum(one, 0 - one).sum(axis=1, dtype=np.int64) for one in candidates.values()]
    best = np.argmin(scores, axis=0)
    rows = np.empty((len(block), block.shape[1] + 1), dtype=np.uint8)
    for index, (number, differences) in enumerate(candidates.items()):
        chosen = best == index
        rows[chosen, 0] = number
        rows[chosen, 1:] = differences[chosen]
    return rows.tobytes()


def _shifted(rows: np.ndarray, pixel: int) -> np.ndarray:
    """Returns the bytes of the pixel to the left of each, 0 at the rim."""
    shifted = np.zeros_like(rows)
    shifted[:, pixel:] = rows[:, :-pixel]
    return shifted


def _paeth(left: np.ndarray, up: np.ndarray, up_left: np.ndarray) -> np.ndarray:
    """Returns of three neighbours the one nearest to left + up - up_left (9.4)."""
    a, b, c = (one.astype(np.int16) for one in (left, up, up_left))
    to_a, to_b = np.abs(b - c), np.abs(a - c)
    to_c = np.abs(a + b - 2 * c)
    return np.where((to_a <= to_b) & (to_a <= to_c), left, np.where(to_b <= to_c, up, up_left))
