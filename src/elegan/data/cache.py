"""The cache of ingested images: entries named by content, each written whole or not at all.

An entry `images/<key>/` holds `images.npy`, `labels.npy` where there are labels, and `facts.json`.
The images are uint8 [N, R, R, C]; where they keep their sizes, they are uint8 [bytes], one after
another, and the facts hold their heights and widths. `stamps/<stamp>` remembers which key a source
had when its files last had these sizes and times, so that opening it again need not read them.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from elegan.common.errors import EleganError
from elegan.common.files import remove_temporaries, temporary_beside

STALE_SECONDS = 24 * 3600
_KEY = re.compile(r"[0-9a-f]{64}")
FORMAT = 2  # a change of how images are decoded or stored raises it


def content_key(*parts: object) -> str:
    """Returns the name of what these parts describe; their `repr` must say all that matters."""
    return hashlib.sha256(repr((FORMAT, *parts)).encode("utf-8", "replace")).hexdigest()


def cache_folder() -> Path:
    """Returns `$ELEGAN_CACHE`, else `$XDG_CACHE_HOME/elegan`, else `~/.cache/elegan`."""
    if named := os.environ.get("ELEGAN_CACHE"):
        return Path(named).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "elegan"


@contextlib.contextmanager
def explained_failures() -> Iterator[None]:
    """Turns a failure to write the cache into a message that says what to do.

    Raises:
        EleganError: the disk is full or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        folder = cache_folder()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why = "the disk is full"
        else:
            why = error.strerror or str(error)
        raise EleganError(
            f"Could not write the image cache '{folder}': {why}. Free some space there, or name "
            "another folder: export ELEGAN_CACHE=FOLDER"
        ) from error


class _PixelFile:
    """The array file of an entry, written front to back.

    Plain writes, not a memory map: on a full disk a write is an error that can be explained, while
    touching a map kills the process.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        self._path = folder / "images.npy"
        self._shape = shape
        self._file = open(self._path, "xb")  # noqa: SIM115
        self._write_header(0)

    def _write_header(self, count: int) -> None:
        """Its length is the same for every count: numpy leaves room for the axis to grow."""
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *self._shape)}
        npy_format.write_array_header_1_0(self._file, header)

    def write(self, data: memoryview) -> None:
        self._file.write(data)

    def close(self) -> None:
        self._file.close()

    def discard(self) -> None:
        self._file.close()
        self._path.unlink()

    def finish(self, count: int) -> int:
        """Completes an array of `count` rows; returns the size of the file in bytes."""
        size = self._file.tell()
        self._file.seek(0)
        self._write_header(count)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return size


class EntryWriter:
    """Writes an entry of images of one shape front to back, hashing them on the way."""

    def __init__(self, folder: Path, resolution: int, channels: int) -> None:
        self._shape = (resolution, resolution, channels)
        self._pixels = _PixelFile(folder, self._shape)
        self._digest = hashlib.sha256(repr(self._shape).encode())
        self._folder = folder
        self.count = 0

    def append(self, images: np.ndarray) -> None:
        """Adds uint8 [n, R, R, C]."""
        if images.shape[1:] != self._shape or images.dtype != np.uint8:
            raise ValueError(
                f"Expected uint8 [n, {self._shape}], got {images.dtype} {images.shape}."
            )
        data = np.ascontiguousarray(images).data
        self._digest.update(data)
        self._pixels.write(data)
        self.count += len(images)

    def close(self) -> None:
        """Closes the file, whatever was written."""
        self._pixels.close()

    def discard(self) -> None:
        """Removes what was written, so that another writer can start in the same folder."""
        self._pixels.discard()

    def finish(self, labels: np.ndarray | None, facts: dict[str, Any]) -> None:
        """Completes the entry; `facts` (JSON) must hold "classes" and gets "count" and "hash"."""
        size = self._pixels.finish(self.count)
        if labels is not None:
            labels = labels.astype("<i8")
            self._digest.update(labels.tobytes())
            np.save(self._folder / "labels.npy", labels, allow_pickle=False)
        self._digest.update(json.dumps(facts["classes"]).encode())
        _write_facts(self._folder, facts, self.count, size, hash=self._digest.hexdigest())


class PhotoWriter:
    """Writes an entry of photos of any sizes front to back, hashing each; they have no labels."""

    def __init__(self, folder: Path, channels: int) -> None:
        self._channels = channels
        self._pixels = _PixelFile(folder, ())
        self._folder = folder
        self._sizes: list[tuple[int, int]] = []
        self._hashes: list[str] = []

    def append(self, images: np.ndarray) -> None:
        """Adds uint8 [n, H, W, C], n photos of one size."""
        if images.shape[3] != self._channels or images.dtype != np.uint8:
            raise ValueError(
                f"Expected uint8 [n, H, W, {self._channels}], got {images.dtype} {images.shape}."
            )
        for photo in images:
            data = np.ascontiguousarray(photo).data
            digest = hashlib.sha256(repr(photo.shape).encode())
            digest.update(data)
            self._pixels.write(data)
            self._sizes.append(photo.shape[:2])
            self._hashes.append(digest.hexdigest())

    def close(self) -> None:
        """Closes the file, whatever was written."""
        self._pixels.close()

    def discard(self) -> None:
        """Removes what was written, so that another writer can start in the same folder."""
        self._pixels.discard()

    def finish(self, labels: np.ndarray | None, facts: dict[str, Any]) -> None:
        """Completes the entry; `facts` gets "count", "photos" ([height, width] each), "hashes"."""
        if labels is not None:
            raise ValueError("Photos have no labels.")
        rows = self._channels * sum(height * width for height, width in self._sizes)
        size = self._pixels.finish(rows)
        _write_facts(
            self._folder, facts, len(self._sizes), size, photos=self._sizes, hashes=self._hashes
        )


Writer = EntryWriter | PhotoWriter


def new_writer(folder: Path, resolution: int | None, channels: int) -> Writer:
    """Returns the writer of images of one resolution, or of photos that keep their sizes (None)."""
    if resolution is None:
        return PhotoWriter(folder, channels)
    return EntryWriter(folder, resolution, channels)


def _write_facts(folder: Path, facts: dict[str, Any], count: int, size: int, **more: Any) -> None:
    """Writes facts.json, which makes an entry whole."""
    text = json.dumps({**facts, "count": count, "bytes": size, **more})
    (folder / "facts.json").write_text(text, encoding="utf-8")


def entry_path(key: str) -> Path:
    """Returns where the entry of that key lies, or will lie."""
    return cache_folder() / "images" / key


@contextlib.contextmanager
def new_entry(key: str | Callable[[], str]) -> Iterator[Path]:
    """Yields an empty folder that becomes the entry `key` when the block ends without an error.

    Where the key depends on what the block finds, a function gives it at the end. Where another
    process made the same entry meanwhile, that one stays: the two are equal.

    Raises:
        EleganError: the disk is full or the cache cannot be written; nothing is left behind.
    """
    place = entry_path("")
    with explained_failures():
        place.mkdir(parents=True, exist_ok=True)
        remove_temporaries(place, STALE_SECONDS)
        with temporary_beside(place / "entry") as temporary:
            temporary.mkdir()
            yield temporary
            target = entry_path(key if isinstance(key, str) else key())
            try:
                temporary.rename(target)
            except OSError:
                if not is_whole(target):
                    raise


def is_whole(folder: Path) -> bool:
    """Returns whether an entry is there with all of its images."""
    try:
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        return (folder / "images.npy").stat().st_size == facts["bytes"]
    except (OSError, ValueError, KeyError):
        return False


def find(key: str) -> Path | None:
    """Returns the entry's folder; one that is damaged is removed and None returned."""
    folder = entry_path(key)
    if is_whole(folder):
        return folder
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    return None


def load(folder: Path) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
    """Returns (read-only memory-mapped images, int64 labels or None, facts) of an entry.

    The images are uint8 [N, R, R, C], or one flat row of bytes where they keep their sizes.
    """
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    # An empty file region cannot be mapped.
    mode = "r" if facts["count"] else None
    images = np.load(folder / "images.npy", mmap_mode=mode, allow_pickle=False)
    labels = folder / "labels.npy"
    return images, np.load(labels, allow_pickle=False) if labels.exists() else None, facts


def remember(stamp: str, key: str) -> None:
    """Notes that the source with this stamp has the content `key`."""
    path = cache_folder() / "stamps" / stamp
    with explained_failures():
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_beside(path) as temporary:
            temporary.write_text(key, encoding="ascii")
            os.replace(temporary, path)


def recall(stamp: str) -> Path | None:
    """Returns the entry of the source with this stamp, or None."""
    try:
        key = (cache_folder() / "stamps" / stamp).read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    # `find` removes what is damaged, so nothing but a key may become a path.
    return find(key) if _KEY.fullmatch(key) else None
