"""Image files for the tests, the usual and the hostile."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def save_noise(
    path: Path, seed: int = 0, size: tuple[int, int] = (24, 24), channels: int = 3
) -> None:
    """Writes a picture of coarse noise, which survives resizing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, channels), dtype=np.uint8)
    image = Image.fromarray(coarse[..., 0] if channels == 1 else coarse)
    image.resize(size, Image.Resampling.BICUBIC).save(path)


def huge_png(side: int) -> bytes:
    """A whole black 1-bit PNG of side x side pixels, 900 million for 30,000, in about 100 kB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    packer = zlib.compressobj(1)
    row = b"\0" * (1 + side // 8)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
