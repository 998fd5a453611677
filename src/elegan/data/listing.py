"""What stands in a folder or a zip: entries, listings, and how the bytes of an entry are read."""

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from elegan.data.dataset import Verdict

IMAGE_SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".gif", ".bmp", ".webp", ".avif"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
)
MAX_FILE_BYTES = 512 << 20
MAX_ZIP_BYTES = 1 << 30  # what an archive may hold whatever its own size ...
MAX_ZIP_RATIO = 200  # ... and beyond that, how many times its own size

Read = Callable[["FileEntry"], bytes]


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """One file that may be an image.

    Attributes:
        name: path within the set, '/'-separated and printable.
        location: path on disk, or name of the member of the zip.
        stamp: changes whenever the file does, as far as size and times tell.
        label: index of its class, -1 without.
    """

    name: str
    location: str
    stamp: str
    label: int = -1

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.name.split("/"))

    @property
    def looks_like_image(self) -> bool:
        return os.path.splitext(self.name)[1].lower() in IMAGE_SUFFIXES


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What was found: files to read, and verdicts on those that are not even opened.

    Attributes:
        entries: the files to read, in the order of their names.
        skipped: verdicts on what is not opened.
        classes: names, in the order of the entries' labels.
        notes: what a person should know of how places were understood.
        archive: the zip that holds the entries, or None for a folder.
    """

    entries: tuple[FileEntry, ...]
    skipped: tuple[Verdict, ...] = ()
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    archive: Path | None = None


def class_order(name: str) -> tuple[int, int, str]:
    """Key that sorts names of classes, whatever they come from: whole numbers, then words."""
    digits = name.removeprefix("-")
    whole = digits.isascii() and digits.isdigit() and len(digits) < 19
    return (0, int(name), name) if whole else (1, 0, name)


def printable(name: str) -> str:
    """Returns a file name as text that can be written anywhere, whatever bytes it holds."""
    return os.fsencode(name).decode("utf-8", "replace")


@contextmanager
def reader(archive: Path | None) -> Iterator[Callable[[FileEntry], bytes]]:
    """Yields a thread-safe function that returns the bytes of an entry of a folder or a zip.

    It raises OSError (or what zipfile raises on a damaged member) where that fails.
    """
    if archive is None:
        yield _read_file
        return
    with zipfile.ZipFile(archive) as opened:

        def read(entry: FileEntry) -> bytes:
            with opened.open(entry.location) as member:
                return member.read(MAX_FILE_BYTES)

        yield read


def _read_file(entry: FileEntry) -> bytes:
    with open(entry.location, "rb") as file:
        # Python reserves as much as is asked for, so not the limit.
        return file.read(min(os.fstat(file.fileno()).st_size, MAX_FILE_BYTES))
