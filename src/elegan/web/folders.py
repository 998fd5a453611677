"""Which files the page may name: what lies within a few folders, however the path is written."""

import contextlib
import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elegan.common.errors import EleganError
from elegan.training.run_folder import is_run

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
ARCHIVES = (".zip", ".npz", ".npy")
MAX_LISTED = 2000
_MAX_NAME = 80  # bytes
_DEPTH = 3  # folders below that of the runs that are looked into
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]+")


@dataclass(frozen=True, kw_only=True)
class Folders:
    """The folders that the page works with.

    Attributes:
        runs: of the runs; those below it are known by their path from here.
        roots: in which images may be chosen.
        work: of what the page itself uploads and makes; emptied when a server starts.
    """

    runs: Path
    roots: tuple[Path, ...]
    work: Path

    def chosen(self, path: str) -> Path:
        """Returns a path that the page names, with links followed.

        Raises:
            EleganError: it leads out of `roots`, `runs` and `work`.
        """
        found = _resolved(Path(path))
        around = (*self.roots, self.runs, self.work)
        if found is None or not any(found.is_relative_to(root.resolve()) for root in around):
            known = ", ".join(str(root) for root in self.roots)
            raise EleganError(f"The studio looks only into {known}. Start it in another folder.")
        return found

    def run(self, name: str) -> Path:
        """Returns the folder of a run.

        Raises:
            EleganError: the name leads elsewhere, or no run is there.
        """
        folder = _resolved(self.runs / name)
        here = folder is not None and folder.is_relative_to(self.runs.resolve())
        if folder is None or not here or not is_run(folder):
            raise EleganError("There is no such run.")
        return folder

    def new_run(self, name: str) -> Path:
        """Makes an unused folder among the runs for a new one, its name made safe."""
        plain = safe_name(name) or "run"
        self.runs.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            folder = self.runs / (plain if number == 1 else f"{plain}-{number}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir()  # so that it is nobody else's
                return folder
        raise AssertionError("numbers have no end")

    def name_of(self, run: Path) -> str:
        """Returns how the page calls a run."""
        return run.relative_to(self.runs).as_posix()

    def all_runs(self) -> list[Path]:
        """Returns the folders of all runs, those last begun or resumed first."""
        found: list[Path] = []
        level = [self.runs] if self.runs.is_dir() else []
        for _ in range(_DEPTH):
            below: list[Path] = []
            for folder in level:
                below += [item for item in _folders(folder) if not _is_hidden(item)]
            found += [folder for folder in below if is_run(folder)]
            level = [folder for folder in below if folder not in found]
        return sorted(found, key=_begun, reverse=True)

    def listing(self, path: str | None) -> dict[str, Any]:
        """Returns what a folder holds: folders, archives and how many images; JSON values.

        Without a path: the folders that may be looked into.
        """
        if not path:
            return {
                "path": None,
                "parent": None,
                "folders": list(map(_row, self.roots)),
                "files": [],
            }
        folder = self.chosen(path)
        if not _is_there(folder):
            raise EleganError(f"{folder} is no folder.")
        files = [item for item in _files(folder) if item.suffix.lower() in ARCHIVES]
        parent = folder.parent
        above = any(parent.resolve().is_relative_to(root.resolve()) for root in self.roots)
        return {
            "path": str(folder),
            "parent": str(parent) if above else None,
            "folders": [_row(item) for item in _folders(folder) if not item.name.startswith(".")],
            "files": [{"name": item.name, "path": str(item)} for item in files],
            "images": sum(item.suffix.lower() in IMAGES for item in _files(folder)),
        }


def safe_name(name: str) -> str:
    """Returns a file name without what a path, a shell or another system reads as its own."""
    plain = _UNSAFE.sub("-", name.replace("..", "-")).strip(" .-")
    # A file system counts bytes.
    return plain.encode("utf-8", "ignore")[:_MAX_NAME].decode("utf-8", "ignore").strip(" .-")


def _resolved(path: Path) -> Path | None:
    """The path with links followed; None where it is none, as with a null byte in it."""
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):
        return None


def _is_there(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:  # a name that is too long, say
        return False


def _row(folder: Path) -> dict[str, Any]:
    return {"name": folder.name or str(folder), "path": str(folder)}


def _folders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(folder) if _is_folder(entry)]


def _files(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(folder) if not _is_folder(entry)]


def _is_hidden(folder: Path) -> bool:
    """Whether it is not looked into for runs; a link could lead anywhere, and round in circles."""
    return folder.name.startswith(".") or folder.is_symlink()


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name.lower())[:MAX_LISTED]
    except OSError:
        return []


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _begun(folder: Path) -> float:
    try:
        return (folder / "settings.json").stat().st_mtime
    except OSError:
        return 0.0
