"""Finding the image files of a folder or a zip, safely, and reading what their places mean."""

import lzma
import os
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from elegan.common.errors import EleganError, UsageError, did_you_mean
from elegan.data.dataset import Verdict, class_order

IMAGE_SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".gif", ".bmp", ".webp", ".avif"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
)
MAX_FILE_BYTES = 512 << 20
MAX_ZIP_BYTES = 1 << 30  # what an archive may hold whatever its own size ...
MAX_ZIP_RATIO = 200  # ... and beyond that, how many times its own size

# RuntimeError: encrypted, or packed in a way that zipfile does not know.
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError)
_SHOWN = 12  # folders of a zip that are named where another was asked for
HIDDEN = "hidden or made by the system"
IGNORED_NAMES = ("__MACOSX", "Thumbs.db", "desktop.ini")
TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation")


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """One file that may be an image."""

    name: str  # path within the set, '/'-separated and printable
    location: str  # path on disk, or name of the member of the zip
    stamp: str  # changes whenever the file does, as far as size and times tell
    label: int = -1  # index of its class, -1 without

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.name.split("/"))

    @property
    def looks_like_image(self) -> bool:
        return os.path.splitext(self.name)[1].lower() in IMAGE_SUFFIXES


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What was found: files to read, and verdicts on those that are not even opened."""

    entries: tuple[FileEntry, ...]  # the files to read, in the order of their names
    skipped: tuple[Verdict, ...] = ()  # verdicts on what is not opened
    classes: tuple[str, ...] = ()  # names, in the order of the entries' labels
    notes: tuple[str, ...] = ()  # what a person should know of how places were understood
    archive: Path | None = None  # the zip that holds the entries, or None for a folder


def printable(name: str) -> str:
    """Returns a file name as text that can be written anywhere, whatever bytes it holds."""
    return os.fsencode(name).decode("utf-8", "replace")


@contextmanager
def reader(archive: Path | None) -> Iterator[Callable[[FileEntry], bytes]]:
    """Yields a thread-safe function that returns the bytes of an entry of a folder or a zip.

    It raises OSError where that fails, without a number for a damaged member of a zip.
    """
    if archive is None:
        yield _read_file
        return
    with zipfile.ZipFile(archive) as opened:

        def read(entry: FileEntry) -> bytes:
            try:
                with opened.open(entry.location) as member:
                    return member.read(MAX_FILE_BYTES)
            except _ZIP_ERRORS as error:
                raise OSError(str(error)) from error

        yield read


def _read_file(entry: FileEntry) -> bytes:
    with open(entry.location, "rb") as file:
        # Python reserves as much as is asked for, so not the limit.
        return file.read(min(os.fstat(file.fileno()).st_size, MAX_FILE_BYTES))


def unreadable_folder(folder: Path, error: OSError) -> EleganError:
    """Returns the error of a folder that cannot be listed."""
    return EleganError(
        f"The folder '{folder}' cannot be read: {error.strerror}. "
        "Give yourself the right to read it, or name another."
    )


def walk_folder(root: Path) -> Listing:
    """Lists a folder and all below it, in the order of names.

    Links are followed, but each folder is entered once, so a link that leads back ends there.

    Raises:
        EleganError: `root` itself cannot be listed.
    """
    entries: list[FileEntry] = []
    skipped: list[Verdict] = []
    visited: set[tuple[int, int]] = set()

    pending: list[tuple[Path, str]] = [(root, "")]
    while pending:
        folder, prefix = pending.pop()
        try:
            status = folder.stat()
            children = sorted(os.listdir(folder))
        except OSError as error:
            if folder == root:
                raise unreadable_folder(root, error) from error
            skipped.append(Verdict(prefix, "skipped", f"unreadable folder: {error.strerror}"))
            continue
        if (status.st_dev, status.st_ino) in visited:
            reason = "a link to a folder that is read already (perhaps a loop)"
            skipped.append(Verdict(prefix, "skipped", reason))
            continue
        visited.add((status.st_dev, status.st_ino))
        below = []
        for child in children:
            name = f"{prefix}/{printable(child)}".lstrip("/")
            found = _look(folder / child, name)
            if found is None:
                below.append((folder / child, name))
            elif isinstance(found, Verdict):
                skipped.append(found)
            else:
                entries.append(found)
        # Real folders first, so that of a folder and a link to it the link is the one skipped.
        below.sort(key=lambda item: item[0].is_symlink())
        pending.extend(reversed(below))
    return Listing(entries=tuple(sorted(entries, key=lambda e: e.parts)), skipped=tuple(skipped))


def _look(path: Path, name: str) -> FileEntry | Verdict | None:
    """Returns an entry for a file, a verdict on what is not to be opened, None for a folder."""
    if path.name[:1] == "." or path.name in IGNORED_NAMES:
        return Verdict(name, "skipped", HIDDEN)
    try:
        status = path.stat()
    except OSError as error:
        why = "a link that leads nowhere" if path.is_symlink() else f"unreadable: {error.strerror}"
        return Verdict(name, "skipped", why)
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        # Opening a pipe would wait for ever.
        return Verdict(name, "skipped", "not a regular file")
    if status.st_size > MAX_FILE_BYTES:
        return Verdict(name, "skipped", f"larger than {MAX_FILE_BYTES >> 20} MiB, the limit")
    stamp = f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
    return FileEntry(name=name, location=str(path), stamp=stamp)


def walk_zip(path: Path, inner: str = "") -> Listing:
    """Lists the files of a zip, or of its folder `inner`. Nothing is ever extracted to disk.

    Raises:
        UsageError: there is no such folder in it.
        EleganError: it is not a zip, or it would unpack to far more than an archive of images.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise EleganError(f"'{path}' cannot be read as a zip: {error}.") from error
    total = sum(member.file_size for member in members)
    if total > max(MAX_ZIP_BYTES, MAX_ZIP_RATIO * path.stat().st_size):
        raise EleganError(
            f"'{path}' would unpack to {total >> 20} MiB, over {MAX_ZIP_RATIO} times its size: it "
            "looks like a zip bomb. Unpack it yourself if you trust it, and name the folder."
        )
    prefix = f"{inner}/" if inner else ""
    names = [member.filename for member in members]
    if prefix and not any(name.startswith(prefix) for name in names):
        raise UsageError(_no_folder(path, inner, names))
    entries, skipped = [], []
    for member in members:
        if member.is_dir() or not member.filename.startswith(prefix):
            continue
        name = printable(member.filename.replace("\\", "/"))[len(prefix) :]
        if reason := _refusal(member, name):
            skipped.append(Verdict(name, "skipped", reason))
        else:
            stamp = f"{member.file_size}-{member.CRC}"
            entries.append(FileEntry(name=name, location=member.filename, stamp=stamp))
    found = tuple(sorted(entries, key=lambda e: e.parts))
    return Listing(entries=found, skipped=tuple(skipped), archive=path)


def _no_folder(path: Path, inner: str, names: Sequence[str]) -> str:
    """Says that a zip holds no such folder, and which there are where the name goes wrong."""
    above = ""
    for part in inner.split("/"):
        if not any(name.startswith(f"{above}{part}/") for name in names):
            break
        above += f"{part}/"
    below = (name.removeprefix(above) for name in names if name.startswith(above))
    folders = sorted({printable(name.split("/")[0]) for name in below if "/" in name})
    wrong = inner.removeprefix(above).split("/")[0]
    known = f" Folders there: {', '.join(folders[:_SHOWN])}." if folders else " It has no folders."
    more = f" (and {len(folders) - _SHOWN} more)" if len(folders) > _SHOWN else ""
    place = f"{path.name}/{above}".rstrip("/")
    return f"There is no folder '{wrong}' in {place}.{did_you_mean(wrong, folders)}{known}{more}"


def _refusal(member: zipfile.ZipInfo, name: str) -> str:
    """Returns why a member of a zip is not to be read, or ''."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or ":" in parts[0]:
        return "its path leads out of the zip"
    if any(part[:1] == "." or part in IGNORED_NAMES for part in parts):
        return HIDDEN
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link inside a zip"
    if member.flag_bits & 1:
        return "encrypted"
    if member.file_size > MAX_FILE_BYTES:
        return f"larger than {MAX_FILE_BYTES >> 20} MiB, the limit"
    return ""


def by_place(listing: Listing, split: str) -> tuple[Listing, bool]:
    """Reads what the folders of a listing mean; returns it so, and whether there is a test split.

    - A lone folder around everything is looked through.
    - `train/` beside `test/` (or `val/`): the split's own folder is taken.
    - `images/` beside other folders (masks, annotations): it alone is taken.
    - Two or more folders and no image beside them: each is a class (`class_order`).
    - Anything else is one set without classes.
    """
    notes: list[str] = []
    skipped = list(listing.skipped)
    depth, has_test = 0, False
    entries = listing.entries
    while True:
        groups, loose = image_groups(entries, depth)
        if loose or not groups:
            break
        train, test = split_folders(groups)
        if len(groups) == 1:
            chosen = next(iter(groups))
        elif train and test and not has_test:
            has_test = True
            chosen = test if split == "test" else train
            apart = {name: count for name, count in groups.items() if name != chosen}
            others = ", ".join(f"{name}/ ({count} images)" for name, count in apart.items())
            notes.append(f"{chosen}/ is the {split} split; kept apart: {others}.")
            entries = tuple(e for e in entries if e.parts[depth] not in apart)
        elif "images" in groups:
            chosen = "images"
            notes.append("Of several folders only images/ is read; name another to train on it.")
        else:
            break
        skipped += [
            Verdict(entry.name, "skipped", f"outside {chosen}/")
            for entry in entries
            if entry.parts[depth] != chosen or len(entry.parts) == depth + 1
        ]
        entries = tuple(e for e in entries if e.parts[depth] == chosen and len(e.parts) > depth + 1)
        depth += 1
    groups, loose = image_groups(entries, depth)
    if loose and groups:
        notes.append("Images lie beside and inside folders: read as one set without classes.")
    classes: tuple[str, ...] = ()
    if not loose and len(groups) >= 2:
        classes = tuple(sorted(groups, key=class_order))
        labels = {name: index for index, name in enumerate(classes)}
        labelled = []
        for entry in entries:
            if len(entry.parts) > depth + 1 and entry.parts[depth] in labels:
                labelled.append(replace(entry, label=labels[entry.parts[depth]]))
            else:
                skipped.append(Verdict(entry.name, "skipped", "outside the class folders"))
        entries = tuple(labelled)
    found = {"entries": entries, "skipped": tuple(skipped), "notes": tuple(notes)}
    return replace(listing, **found, classes=classes), has_test


def image_groups(entries: Iterable[FileEntry], depth: int) -> tuple[Counter[str], int]:
    """Returns ({folder at this depth: images in it}, images that lie beside those folders)."""
    images = [entry.parts for entry in entries if entry.looks_like_image]
    groups = Counter(parts[depth] for parts in images if len(parts) > depth + 1)
    return groups, len(images) - groups.total()


def split_folders(groups: dict[str, int]) -> tuple[str | None, str | None]:
    """Returns the names of the train and test folders where these groups are splits, else Nones."""
    lower = {name.lower(): name for name in groups}
    if not set(lower) <= {*TRAIN_NAMES, *TEST_NAMES}:
        return None, None
    train = next((lower[name] for name in TRAIN_NAMES if name in lower), None)
    test = next((lower[name] for name in TEST_NAMES if name in lower), None)
    return train, test
