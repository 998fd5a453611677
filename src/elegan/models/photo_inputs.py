"""What a person names as INPUT of a verb on photos: files, folders, patterns; and output names."""

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from elegan.data.files import walk_folder
from elegan.data.listing import IMAGE_SUFFIXES
from elegan.data.photo_files import FORMATS
from elegan.errors import UsageError, did_you_mean
from elegan.models.videos import SUFFIXES as VIDEO_SUFFIXES

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
            near = [one.name for one in parent.iterdir()]
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
    entries = [one for one in walk_folder(folder).entries if one.looks_like_image]
    sources = [Source(Path(one.location), Path(one.name)) for one in entries]
    outside = [one for one in sources if not _within(one.path, out)]
    if not outside:
        raise UsageError(
            f"There is no image in '{folder}'. Image files end in {', '.join(IMAGE_SUFFIXES[:6])}"
            " and so on; name a folder that holds some."
        )
    return outside


def _matching(pattern: str, out: Path) -> list[Source]:
    first = next(i for i, part in enumerate(Path(pattern).parts) if glob.has_magic(part))
    anchor = Path(*Path(pattern).parts[:first])
    paths = [Path(one) for one in sorted(glob.glob(pattern, recursive=True))]
    known = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
    images = [one for one in paths if one.is_file() and one.suffix.lower() in known]
    outside = [one for one in images if not _within(one, out)]
    if not outside:
        raise UsageError(
            f"No image matches '{pattern}'{' outside of --out' if images else ''}."
            " Name a folder or files that are there."
        )
    return [Source(one, one.relative_to(anchor)) for one in outside]


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
