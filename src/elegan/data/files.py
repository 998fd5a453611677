"""Finding the image files of a folder or a zip, safely, and reading what their places mean."""

import os
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

from elegan.common.errors import EleganError
from elegan.data import label_files
from elegan.data.dataset import Verdict
from elegan.data.listing import (
    IMAGE_SUFFIXES,
    MAX_FILE_BYTES,
    MAX_ZIP_BYTES,
    MAX_ZIP_RATIO,
    FileEntry,
    Listing,
    class_order,
    printable,
    reader,
)

__all__ = ["IMAGE_SUFFIXES", "FileEntry", "Listing", "arrange", "reader", "walk_folder", "walk_zip"]

IGNORED_NAMES = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in IGNORED_NAMES


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
                raise EleganError(
                    f"The folder '{root}' cannot be read: {error.strerror}. "
                    "Give yourself the right to read it, or name another."
                ) from error
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
    """Returns an entry for a file, a verdict for what is not to be opened, None for a folder."""
    if _is_hidden(path.name):
        return Verdict(name, "skipped", "hidden or made by the system")
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


def _refusal(member: zipfile.ZipInfo, name: str) -> str:
    """Returns why a member of a zip is not to be read, or ''."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or ":" in parts[0]:
        return "its path leads out of the zip"
    if any(_is_hidden(part) for part in parts):
        return "hidden or made by the system"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link inside a zip"
    if member.flag_bits & 1:
        return "encrypted"
    if member.file_size > MAX_FILE_BYTES:
        return f"larger than {MAX_FILE_BYTES >> 20} MiB, the limit"
    return ""


def arrange(listing: Listing, split: str) -> tuple[Listing, bool]:
    """Reads what the folders of a listing mean.

    - A lone folder around everything is looked through.
    - `train/` beside `test/` (or `val/`): the split's own folder is taken.
    - `images/` beside other folders (masks, annotations): it alone is taken.
    - Two or more folders and no image beside them: each is a class (`class_order`).
    - Anything else is one set without classes.
    - A file of labels beside the images goes before all that (`label_files`).

    Returns:
        the arranged listing, and whether there is a test split. For split "test" without one the
        listing is that of the training images; the caller refuses.
    """
    images, tables = label_files.set_apart(listing)
    arranged, has_test = by_place(images, split)
    return label_files.apply(tables, arranged, images.entries), has_test


def by_place(listing: Listing, split: str) -> tuple[Listing, bool]:
    """Arranges by the folders alone, as `arrange` does, with no regard to files of labels."""
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
    if loose or len(groups) < 2:
        return replace(
            listing, entries=entries, skipped=tuple(skipped), notes=tuple(notes)
        ), has_test
    classes = tuple(sorted(groups, key=class_order))
    labelled, outside = _by_class(entries, classes, depth)
    skipped += outside
    found = replace(
        listing, entries=labelled, skipped=tuple(skipped), classes=classes, notes=tuple(notes)
    )
    return found, has_test


def image_groups(entries: tuple[FileEntry, ...], depth: int) -> tuple[dict[str, int], int]:
    """Returns ({folder at this depth: images in it}, images that lie beside those folders)."""
    groups: dict[str, int] = {}
    loose = 0
    for entry in entries:
        if not entry.looks_like_image:
            continue
        if len(entry.parts) > depth + 1:
            groups[entry.parts[depth]] = groups.get(entry.parts[depth], 0) + 1
        else:
            loose += 1
    return groups, loose


def split_folders(groups: dict[str, int]) -> tuple[str | None, str | None]:
    """Returns the names of the train and test folders where these groups are splits, else Nones."""
    lower = {name.lower(): name for name in groups}
    if not set(lower) <= {*TRAIN_NAMES, *TEST_NAMES}:
        return None, None
    train = next((lower[name] for name in TRAIN_NAMES if name in lower), None)
    test = next((lower[name] for name in TEST_NAMES if name in lower), None)
    return train, test


def _by_class(
    entries: tuple[FileEntry, ...], classes: tuple[str, ...], depth: int
) -> tuple[tuple[FileEntry, ...], list[Verdict]]:
    """Gives each entry its class; files outside the class folders get a verdict instead."""
    labels = {name: index for index, name in enumerate(classes)}
    labelled, outside = [], []
    for entry in entries:
        label = labels.get(entry.parts[depth]) if len(entry.parts) > depth + 1 else None
        if label is None:
            outside.append(Verdict(entry.name, "skipped", "outside the class folders"))
        else:
            labelled.append(replace(entry, label=label))
    return tuple(labelled), outside
