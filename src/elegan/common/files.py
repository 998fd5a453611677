"""Files that are whole or absent, whenever the process dies."""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from elegan.common.errors import UsageError

LEDGER = ".elegan-files.json"
# With the process that writes; nobody names a file of their own so.
_TEMPORARY = re.compile(r"\.elegan-(\d+)-[0-9a-f]{16}\.tmp")


def sha256(path: Path) -> str:
    """Returns the hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """Yields an unused path in the folder of `target`; what is still there at the end is removed.

    The name is private to this call, so that two writers of one target never meet, and says
    for certain that elegan made it, so that `remove_temporaries` takes nothing else.
    """
    temporary = target.parent / f".elegan-{os.getpid()}-{secrets.token_hex(8)}.tmp"
    try:
        yield temporary
    finally:
        _remove(temporary)


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a neighbour of `path` to write to, which takes its place if the block ends well.

    Its folder is made where it is missing.

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_beside(target) as temporary:
        yield temporary
        temporary.replace(target)


def write_durably(path: Path, content: str | bytes) -> None:
    """Replaces a file of a folder that is there in one step, forced to disk. Text is UTF-8."""
    with temporary_beside(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        flush(temporary)
        temporary.replace(path)


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Replaces a safetensors file in one step.

    Serialised in memory and written here: the library's own writer hides the system's error and
    makes files that only their owner can read.

    Raises:
        OSError: the disk is full, say.
    """
    write_durably(
        path, save({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
    )


def remove_temporaries(folder: Path, seconds: float = 0.0) -> None:
    """Removes what killed writers left in `folder`; a living process keeps its own.

    Args:
        seconds: age below which all is left, for folders that several machines may share.
    """
    for path in folder.glob(".elegan-*.tmp"):
        found = _TEMPORARY.fullmatch(path.name)
        if found and not lives(int(found[1])):
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime >= seconds:
                    _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def lives(process: int) -> bool:
    """Whether another process of that number is there, as far as the system says."""
    if os.name != "posix":  # where asking would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return process != os.getpid()


def json_object(text: str) -> dict[str, Any]:
    """Reads a JSON object, which anybody may have written.

    Raises:
        ValueError: the text is no JSON, or holds something else.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"it holds no JSON object but {type(found).__name__}")
    return found


def write_files(folder: Path, files: Mapping[str, Callable[[Path], object]]) -> list[Path]:
    """Writes files into a folder of the person's choosing, replacing only what it wrote before.

    `LEDGER` in the folder keeps size and time of each file that was written, so that a file of
    another origin, or one that was edited since, is known. Names are noted before the first file
    is begun: what a kill leaves is known too.

    Args:
        files: path within the folder, '/'-separated -> what writes the file at the path it gets.

    Returns:
        The paths, in order.

    Raises:
        UsageError: a file is in the way; nothing is written.
        OSError: the folder cannot be written.
    """
    ledger, paths = folder / LEDGER, {name: folder / name for name in files}
    try:
        noted = json_object(ledger.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        noted = {}
    for name, path in paths.items():
        if not os.path.lexists(path):
            continue
        if name not in noted or noted[name] not in (None, _stamp(path)):
            why = "was changed since elegan wrote it" if name in noted else "is not elegan's"
            raise UsageError(
                f"{path} is there already and {why}; it would be replaced."
                " Name another folder with --out, or move the file away."
            )
    folder.mkdir(parents=True, exist_ok=True)
    noted |= dict.fromkeys(files)
    write_durably(ledger, json.dumps(noted))
    for name, write in files.items():
        write(paths[name])
    noted |= {name: _stamp(path) for name, path in paths.items()}
    write_durably(ledger, json.dumps(noted))
    return list(paths.values())


def _stamp(path: Path) -> list[int]:
    """Size in bytes and time of the last change in nanoseconds, as JSON holds them."""
    status = path.lstat()
    return [status.st_size, status.st_mtime_ns]


def refuse_overlap(out: Path, *data: str | None) -> None:
    """Refuses results within the data or around them: they would become data of the next call.

    Args:
        out: the folder, or file, of results.
        data: as typed; what is no path on this disk is passed over.

    Raises:
        UsageError: one lies within the other.
    """
    for name in data:
        if not name or not os.path.exists(os.path.expanduser(name)):
            continue
        source, target = Path(name).expanduser().resolve(), out.expanduser().resolve()
        if source == target or source in target.parents or target in source.parents:
            raise UsageError(
                f"The results would go to {out}, and the data are {name}: one lies within the"
                " other, so that results would be taken for data. Name a place beside it with"
                " --out."
            )


def flush(path: Path) -> None:
    """Forces a file to disk, or a folder where the system can (Windows cannot)."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
