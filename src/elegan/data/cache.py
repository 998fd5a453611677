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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from elegan.common.errors import EleganError
from elegan.common.files import remove_temporaries, temporary_beside, written_whole
from elegan.data.dataset import Verdict

STALE_SECONDS = 24 * 3600
_KEY = re.compile(r"[0-9a-f]{64}")
FORMAT = 4  # a change of how images are sized, decoded or stored raises it


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
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else error.strerror or str(error)
        raise EleganError(
            f"Could not write the image cache '{folder}': {why}. Free some space there, or name "
            "another folder: export ELEGAN_CACHE=FOLDER"
        ) from error


class EntryWriter:
    """Writes an entry front to back, hashing the images on the way.

    Plain writes, not a memory map: on a full disk a write is an error that can be explained, while
    touching a map kills the process.

    Args:
        folder: an empty one, see `new_entry`.
        resolution: side of all images, or None for photos that keep their sizes; they are hashed
            one by one and have no labels.
        channels: 1 or 3.
    """

    def __init__(self, folder: Path, resolution: int | None, channels: int) -> None:
        self._folder = folder
        self._channels = channels
        self._shape = None if resolution is None else (resolution, resolution, channels)
        self._digest = hashlib.sha256(repr(self._shape).encode())
        self._count = 0
        self._sizes: list[tuple[int, int]] = []
        self._hashes: list[str] = []
        self._file = open(folder / "images.npy", "xb")  # noqa: SIM115
        self._header = self._write_header(0)

    def _write_header(self, rows: int) -> int:
        """Its length is the same for every count: numpy leaves room for the axis to grow."""
        header = {"descr": "|u1", "fortran_order": False, "shape": (rows, *(self._shape or ()))}
        npy_format.write_array_header_1_0(self._file, header)
        return self._file.tell()

    def append(self, images: np.ndarray) -> None:
        """Adds uint8 [n, R, R, C], or n photos of one size, uint8 [n, H, W, C]."""
        shape = self._shape or (*images.shape[1:3], self._channels)
        if images.shape[1:] != shape or images.dtype != np.uint8:
            raise ValueError(f"Expected uint8 [n, {shape}], got {images.dtype} {images.shape}.")
        self._count += len(images)
        if self._shape:
            data = np.ascontiguousarray(images).data
            self._digest.update(data)
            self._file.write(data)
            return
        for photo in images:
            data = np.ascontiguousarray(photo).data
            digest = hashlib.sha256(repr(photo.shape).encode())
            digest.update(data)
            self._file.write(data)
            self._sizes.append(photo.shape[:2])
            self._hashes.append(digest.hexdigest())

    def close(self) -> None:
        """Closes the file, whatever was written."""
        self._file.close()

    def discard(self) -> None:
        """Removes what was written, so that another writer can start in the same folder."""
        self._file.close()
        (self._folder / "images.npy").unlink()

    def finish(
        self,
        labels: np.ndarray | None,
        *,
        classes: Sequence[str],
        verdicts: Sequence[Verdict],
        notes: Sequence[str],
        sizes: dict[str, int],
        **more: Any,
    ) -> None:
        """Completes the entry; its facts are these, `more` JSON values, and what was written.

        That is "resolution", "channels", "count" and "bytes", and "hash", or of photos "photos"
        ([height, width] each) and "hashes".
        """
        size = self._file.tell()
        self._file.seek(0)
        self._write_header(self._count if self._shape else size - self._header)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        facts: dict[str, Any] = {
            "resolution": self._shape and self._shape[0],
            "channels": self._channels,
            "classes": classes,
            "verdicts": [(v.file, v.action, v.reason) for v in verdicts],
            "notes": notes,
            "sizes": sizes,
            **more,
            "count": self._count,
            "bytes": size,
        }
        if self._shape is None:
            facts |= {"photos": self._sizes, "hashes": self._hashes}
        else:
            if labels is not None:
                labels = labels.astype("<i8")
                self._digest.update(labels.tobytes())
                np.save(self._folder / "labels.npy", labels, allow_pickle=False)
            self._digest.update(json.dumps(classes).encode())
            facts["hash"] = self._digest.hexdigest()
        # What makes an entry whole.
        (self._folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


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
    facts["verdicts"] = tuple(Verdict(*verdict) for verdict in facts["verdicts"])
    facts["notes"] = tuple(facts["notes"])
    # An empty file region cannot be mapped.
    mode = "r" if facts["count"] else None
    images = np.load(folder / "images.npy", mmap_mode=mode, allow_pickle=False)
    labels = folder / "labels.npy"
    return images, np.load(labels, allow_pickle=False) if labels.exists() else None, facts


def remember(stamp: str, key: str) -> None:
    """Notes that the source with this stamp has the content `key`."""
    path = cache_folder() / "stamps" / stamp
    with explained_failures(), written_whole(path) as temporary:
        temporary.write_text(key, encoding="ascii")


def recall(stamp: str) -> Path | None:
    """Returns the entry of the source with this stamp, or None."""
    try:
        key = (cache_folder() / "stamps" / stamp).read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    # `find` removes what is damaged, so nothing but a key may become a path.
    return find(key) if _KEY.fullmatch(key) else None
