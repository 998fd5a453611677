"""How the results of photos are written."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from elegan.common.errors import EleganError, UsageError
from elegan.data.files import IMAGE_SUFFIXES
from elegan.data.metadata import png_chunks, resized
from elegan.data.photo_files import FORMATS, PhotoFile, cannot_hold, write_photo
from elegan.data.pictures import write_rows
from elegan.models.inference import resampled

STREAMED = 50_000_000
"""Pixels of a result beyond which it is written row by row, which only PNG allows."""
SUFFIX = {item.name: suffix for suffix, item in reversed(FORMATS.items())}
"""The suffix of files of each format that is written."""
_LOSSY = ("JPEG", "WEBP", "AVIF")
_SAME = {"MPO": "JPEG"}  # cameras put a preview behind the photo
_BLOCK = 256  # rows of an alpha channel that are resized at once


def refuse_file(out: Path) -> None:
    """Refuses an output folder that looks like an image file.

    Raises:
        UsageError: it does.
    """
    if out.suffix.lower() in IMAGE_SUFFIXES and not out.is_dir():
        raise UsageError(
            f"--out names a folder, in which every image keeps its name; '{out}' looks like a"
            f" file. Type --out {out.with_suffix('')}."
        )


def format_of(
    photo: PhotoFile,
    asked: str,
    quality: int | None,
    size: tuple[int, int],
    channels: int,
    masked: bool,
) -> tuple[str, tuple[str, ...]]:
    """Returns the format of a result, and what a person should know of it.

    Args:
        asked: a format, or "auto" for the photo's own where that can be.
        quality: that was asked for.
        channels: of the result, without alpha.
        masked: whether part of the photo must stay bit for bit.

    Raises:
        EleganError: the format that was asked for cannot hold the result.
    """
    channels += photo.alpha is not None
    own = _SAME.get(photo.format, photo.format) if asked == "auto" else asked.upper()
    why = cannot_hold(own, size=size, depth=photo.depth, channels=channels)
    loses = own in _LOSSY and not (own == "WEBP" and photo.lossless and quality is None)
    if asked != "auto":
        if why:
            raise EleganError(f"--format {asked}: {why}")
        return own, (f"{own} changes pixels outside the mask too",) * (masked and loses)
    if not why and masked and loses:
        why = f"{own} would change pixels outside the mask"
    if not why and own != "PNG" and size[0] * size[1] > STREAMED:
        why = f"over {STREAMED // 1_000_000} megapixels only PNG is written row by row"
    if own == "PNG" or not why:
        return own, ()
    return "PNG", (f"written as PNG: {why.partition(';')[0]}",)


def write_result(
    photo: PhotoFile,
    strips: Iterator[np.ndarray],
    target: Path,
    *,
    size: tuple[int, int],
    channels: int,
    chosen: str,
    quality: int | None,
) -> None:
    """Writes what became of a photo, with its transparency resized and its metadata; PNG by rows.

    Args:
        photo: as it was read.
        strips: [h, W, channels] from top to bottom, in all `size`.
        size: (height, width) of the result.
        channels: of the result, without alpha.
        chosen: Pillow's name of the format.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    alpha = None if photo.alpha is None else _alpha_strips(photo.alpha, size)
    # A profile of grays says nothing of the colours that a stylizer gave them.
    icc = photo.icc if channels == photo.pixels.shape[2] else None
    if chosen == "PNG":
        write_rows(
            target,
            strips if alpha is None else _joined(strips, alpha),
            width=size[1],
            height=size[0],
            channels=channels + (alpha is not None),
            depth=photo.depth,
            icc=icc,
            exif=resized(photo.exif, (size[1], size[0])),
            more=png_chunks(photo.about, icc, (size[1], size[0])),
        )
        return
    pixels = np.concatenate(list(strips))
    whole_alpha = None if alpha is None else np.concatenate(list(alpha))[..., 0]
    result = replace(photo, pixels=pixels, alpha=whole_alpha, icc=icc, format=chosen)
    write_photo(result, target, quality=quality)


def _alpha_strips(alpha: np.ndarray, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yields the alpha channel [H, W] at the size of the result, as [h, W, 1]."""
    blocks = (alpha[top : top + _BLOCK, :, None] for top in range(0, len(alpha), _BLOCK))
    yield from resampled(blocks, (alpha.shape[0], alpha.shape[1]), size)


def _joined(strips: Iterator[np.ndarray], alpha: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Puts alpha behind colours, both from top to bottom in strips of any heights."""
    held = np.empty((0, 0, 1), np.uint8)
    for strip in strips:
        parts = [held] if len(held) else []
        while sum(map(len, parts)) < len(strip):
            parts.append(next(alpha))
        held = np.concatenate(parts)
        yield np.concatenate([strip, held[: len(strip)]], axis=2)
        held = held[len(strip) :]
