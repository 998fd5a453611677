"""Files that are whole or absent, whenever the process dies."""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

_TEMPORARY = re.compile(r"\..+\.\d+(\.[0-9a-f]{8})?")  # .NAME.PROCESS, here and in data.cache


def sha256(path: Path) -> str:
    """Returns the hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_durably(path: Path, content: str | bytes) -> None:
    """Replaces a file in one step: a temporary neighbour, flushed, then renamed. Text is UTF-8."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        flush(temporary)
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Replaces a safetensors file in one step.

    Serialised in memory and written here: the library's own writer hides the system's error and
    makes files that only their owner can read.

    Raises:
        OSError: the disk is full, say.
    """
    write_durably(
        path, save({key: one.detach().cpu().contiguous() for key, one in tensors.items()})
    )


def remove_temporaries(folder: Path) -> None:
    """Removes what killed writers left in `folder`; only for the one that may write there."""
    for path in folder.glob(".*"):
        if not _TEMPORARY.fullmatch(path.name):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Forces a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
