"""Which photos are worked on, and where their results go."""

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from elegan.applications.photos.film import is_video
from elegan.common.errors import UsageError, did_you_mean
from elegan.data.files import HIDDEN, IMAGE_SUFFIXES, walk_folder
from elegan.data.photo_files import FORMATS
from elegan.data.recognizing import why_not_read

_DEEPEST = 30  # folders that are put before a name at most


@dataclass(frozen=True)
class Source:
    """One file to work on.

    Attributes:
        path: where it is.
        output: its path within the output folder, with the suffix of the source.
        inside: its path within the folder that was named, or its name.
        shares_stem: whether another source has that output but for the suffix.
    """

    path: Path
    output: Path
    inside: Path
    shares_stem: bool = False

    def output_as(self, suffix: str) -> Path:
        """Returns its path within the output folder in a format that files with `suffix` hold."""
        own = self.output.suffix.lower()
        if own == suffix or (own in FORMATS and FORMATS[own] == FORMATS.get(suffix)):
            return self.output
        stem = self.output.stem
        if self.shares_stem:  # a.bmp beside a.png becomes a-bmp.png
            stem = f"{stem}-{(own or suffix)[1:]}"
        return self.output.with_name(stem + suffix)


@dataclass(frozen=True)
class LeftOut:
    """A file that looks like an image and is not worked on."""

    source: str
    reason: str


@dataclass(frozen=True)
class Found:
    """What is behind the names that were given.

    Attributes:
        sources: to work on, each once, with distinct outputs.
        left_out: of folders and patterns, what looks like an image and cannot be read.
        others: number of other files there.
    """

    sources: list[Source]
    left_out: tuple[LeftOut, ...] = ()
    others: int = 0


def find_sources(inputs: Sequence[str], out: Path) -> Found:
    """Returns the files that are named; those of folders by what they hold, not by their suffix.

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
    left: dict[str, LeftOut] = {}
    others = 0
    for name in inputs:
        path = Path(name)
        if path.is_dir():
            part = _in_folder(path, out)
        elif path.exists():
            part = Found([_source(path, Path(path.name))])
        elif glob.has_magic(name):
            part = _matching(name, out)
        else:
            parent = path.parent if path.parent.is_dir() else Path()
            near = [item.name for item in parent.iterdir()]
            raise UsageError(f"There is no '{name}'.{did_you_mean(path.name, near)}")
        for source in part.sources:
            found.setdefault(source.path.resolve(), source)
        left |= {item.source: item for item in part.left_out}
        others += part.others
    return Found(_distinct(list(found.values())), tuple(left.values()), others)


def _source(path: Path, inside: Path) -> Source:
    return Source(path, inside, inside)


def _in_folder(folder: Path, out: Path) -> Found:
    if folder.resolve() == out.resolve():
        raise UsageError(
            f"'{folder}' is both input and --out: the results would lie among the photos, under"
            f" their names. Name another folder, such as --out {folder.resolve().name}-new."
        )
    listing = walk_folder(folder)
    files = [(Path(entry.location), Path(entry.name)) for entry in listing.entries]
    found = _recognized(files, out, videos=False)
    unread = tuple(
        LeftOut(str(folder / item.file), item.reason)
        for item in listing.skipped
        if item.reason != HIDDEN
        and Path(item.file).suffix.lower() in ("", *IMAGE_SUFFIXES)  # '': a folder
        and not _within(folder / item.file, out)
    )
    others = found.others + len(listing.skipped) - len(unread)
    found = replace(found, left_out=(*found.left_out, *unread), others=others)
    return _not_empty(found, f"There is no image in '{folder}'")


def _matching(pattern: str, out: Path) -> Found:
    anchor, rest = Path(), Path(pattern)
    while (anchor / rest.parts[0]).exists():  # what is there is no pattern, whatever its letters
        anchor, rest = anchor / rest.parts[0], Path(*rest.parts[1:])
    # Brackets may be letters of names further down.
    for words in (str(rest), str(rest).replace("[", "[[]")):
        names = [Path(name) for name in sorted(glob.glob(words, root_dir=anchor, recursive=True))]
        files = [(anchor / name, name) for name in names if (anchor / name).is_file()]
        if files:
            break
    found = _recognized(files, out, videos=True)
    outside = " outside of --out" if any(_within(path, out) for path, _ in files) else ""
    return _not_empty(found, f"No image matches '{pattern}'{outside}")


def _recognized(files: Iterable[tuple[Path, Path]], out: Path, *, videos: bool) -> Found:
    """Sorts (path, path within what was named) by what the files hold."""
    sources, left, others = [], [], 0
    for path, inside in files:
        if _within(path, out):
            continue
        video = is_video(path)
        why = ("" if videos else None) if video else why_not_read(path)
        if why is None:
            others += 1
        elif why:
            left.append(LeftOut(str(path), why))
        else:
            sources.append(_source(path, inside))
    return Found(sources, tuple(left), others)


def _not_empty(found: Found, otherwise: str) -> Found:
    if found.sources:
        return found
    reasons = "".join(f" {item.source}: {item.reason}." for item in found.left_out[:3])
    raise UsageError(f"{otherwise} that can be read.{reasons} Name a folder or files of photos.")


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
