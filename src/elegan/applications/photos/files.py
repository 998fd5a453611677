"""Which photos are worked on, and how their results are written."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from elegan.applications.photos.film import SUFFIXES as VIDEO_SUFFIXES
from elegan.common.errors import EleganError, UsageError, did_you_mean
from elegan.data.files import IMAGE_SUFFIXES, walk_folder
from elegan.data.metadata import resized
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
    photo: PhotoFile, asked: str, size: tuple[int, int], channels: int, masked: bool
) -> tuple[str, tuple[str, ...]]:
    """Returns the format of a result, and why it is another than the photo's.

    Args:
        channels: of the result, without alpha.
        masked: whether part of the photo must stay bit for bit.

    Raises:
        EleganError: the format that was asked for cannot hold the result.
    """
    channels += photo.alpha is not None
    own = _SAME.get(photo.format, photo.format) if asked == "auto" else asked.upper()
    why = cannot_hold(own, size=size, depth=photo.depth, channels=channels)
    if asked != "auto":
        if why:
            raise EleganError(f"--format {asked}: {why}")
        return own, ()
    if not why and masked and own in _LOSSY:
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
    quality: int,
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


_DEEPEST = 30  # folders that are put before a name at most


@dataclass(frozen=True)
class Source:
    """One file to work on.

    Attributes:
        path: where it is.
        output: its path within the output folder, with the suffix of the source.
        shares_stem: whether another source has that output but for the suffix.
    """

    path: Path
    output: Path
    shares_stem: bool = False

    def output_as(self, suffix: str) -> Path:
        """Returns its path within the output folder in a format that files with `suffix` hold."""
        own = self.output.suffix.lower()
        if own == suffix or (own in FORMATS and FORMATS[own] == FORMATS.get(suffix)):
            return self.output
        stem = self.output.stem
        if self.shares_stem:  # a.bmp beside a.png becomes a-bmp.png
            stem = f"{stem}-{self.output.suffix[1:].lower()}"
        return self.output.with_name(stem + suffix)


def find_sources(inputs: Sequence[str], out: Path) -> list[Source]:
    """Returns the files that are named, each once, with distinct output names.

    Files of a folder keep their places below it. Where two outputs would have one name, the names
    of their folders are put before them.

    Args:
        inputs: files, folders (with all below them), and patterns such as "photos/*.jpg".
        out: the output folder; what lies in it is left out of folders and patterns.

    Raises:
        UsageError: an input is not there, holds no image, or is the output folder itself.
    """
    if not inputs:
        raise UsageError("Name at least one image file or folder.")
    found: dict[Path, Source] = {}
    for name in inputs:
        path = Path(name)
        if path.is_dir():
            sources = _in_folder(path, out)
        elif path.exists():
            sources = [Source(path, Path(path.name))]
        elif glob.has_magic(name):
            sources = _matching(name, out)
        else:
            parent = path.parent if path.parent.is_dir() else Path()
            near = [item.name for item in parent.iterdir()]
            raise UsageError(f"There is no '{name}'.{did_you_mean(path.name, near)}")
        for source in sources:
            found.setdefault(source.path.resolve(), source)
    return _distinct(list(found.values()))


def _in_folder(folder: Path, out: Path) -> list[Source]:
    if folder.resolve() == out.resolve():
        raise UsageError(
            f"'{folder}' is both input and --out: the results would lie among the photos, under"
            f" their names. Name another folder, such as --out {folder.resolve().name}-new."
        )
    entries = [entry for entry in walk_folder(folder).entries if entry.looks_like_image]
    sources = [Source(Path(entry.location), Path(entry.name)) for entry in entries]
    outside = [source for source in sources if not _within(source.path, out)]
    if not outside:
        raise UsageError(
            f"There is no image in '{folder}'. Image files end in {', '.join(IMAGE_SUFFIXES[:6])}"
            " and so on; name a folder that holds some."
        )
    return outside


def _matching(pattern: str, out: Path) -> list[Source]:
    first = next(i for i, part in enumerate(Path(pattern).parts) if glob.has_magic(part))
    anchor = Path(*Path(pattern).parts[:first])
    paths = [Path(path) for path in sorted(glob.glob(pattern, recursive=True))]
    known = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
    images = [path for path in paths if path.is_file() and path.suffix.lower() in known]
    outside = [image for image in images if not _within(image, out)]
    if not outside:
        raise UsageError(
            f"No image matches '{pattern}'{' outside of --out' if images else ''}."
            " Name a folder or files that are there."
        )
    return [Source(item, item.relative_to(anchor)) for item in outside]


def _within(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.resolve().parents


def _distinct(sources: list[Source]) -> list[Source]:
    """Puts names of folders before outputs that would be alike, whatever their case."""
    for _ in range(_DEEPEST):
        alike = [group for group in _groups(sources, _name).values() if len(group) > 1]
        if not alike:
            break
        for index in (index for group in alike for index in group):
            source = sources[index]
            parts = Path(os.path.abspath(source.path)).parts
            known = len(source.output.parts)
            if known + 1 < len(parts):
                output = Path(parts[-known - 1]) / source.output
                sources[index] = replace(source, output=output)
    for group in _groups(sources, _name).values():
        for number, index in enumerate(group[1:], start=2):
            output = sources[index].output
            named = output.with_name(f"{output.stem}-{number}{output.suffix}")
            sources[index] = replace(sources[index], output=named)
    shared = [group for group in _groups(sources, _stem).values() if len(group) > 1]
    for index in (index for group in shared for index in group):
        sources[index] = replace(sources[index], shares_stem=True)
    return sources


def _groups(sources: list[Source], key: Callable[[Source], str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for index, source in enumerate(sources):
        groups.setdefault(key(source), []).append(index)
    return groups


def _name(source: Source) -> str:
    return source.output.as_posix().casefold()


def _stem(source: Source) -> str:
    return source.output.with_suffix("").as_posix().casefold()
