"""The folder of a run: what lies in it, who owns it, and what may be written into it."""

import contextlib
import json
import os
import platform
import stat
import threading
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from elegan.common.errors import EleganError, UsageError
from elegan.common.files import flush, remove_temporaries, write_durably

_SETTINGS = {"data", "preset", "task", "batch", "seed", "network", "optimizer"}
"""Keys that the settings.json of every run has, and that of no other program."""

_HELD = ".lock"
"""Empty; the system's lock is on it."""

_PROCESS = ".process"
"""Who holds the lock, and how far it is: process, images seen, seconds left, machine."""

_LOOKING = threading.Lock()  # two who look at once would each take the other for the holder


class RunFolder:
    """A folder that one process owns while `lock` is held.

    Args:
        verb: that makes the folder; each takes only its own.

    Attributes:
        path: the folder itself.
    """

    def __init__(self, path: Path, verb: str = "train") -> None:
        self.path = path
        self._verb = verb
        self._mark = f"made by elegan {verb}, which replaces its own files here\n"

    @property
    def settings(self) -> Path:
        return self.path / "settings.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @contextlib.contextmanager
    def lock(self, *, ours: bool = False):
        """Creates the folder and holds its lock, which the system frees when the process dies.

        The file `lock` marks the folder: it is the first file written, into what was empty, and
        says whose the folder is.

        Args:
            ours: known as the verb's own, also without the mark.

        Raises:
            UsageError: the folder holds files and was not made by the verb; nothing is written.
            EleganError: the folder cannot be written, or another process works in it.
        """
        if not ours:
            self.refuse_strangers()
        # A file of its own: on Windows a locked one cannot be read, and some versions empty it.
        # The wait outlasts the moment that `holder` takes to look.
        held = FileLock(self.path / _HELD, timeout=1)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            held.acquire()
        except Timeout:
            raise EleganError(
                f"Another process works in {self.path}. Wait for it, stop it, or name"
                " another folder with --out."
            ) from None
        except OSError as error:
            raise EleganError(
                f"Cannot write to the folder {self.path}: {error.strerror or error}."
                " Name another with --out."
            ) from error
        try:
            if not self._is_marked():
                with self.explained("lock"):
                    self._lock_file.write_text(self._mark, encoding="utf-8")
                    flush(self._lock_file)
            self.note_progress()
            yield self
        finally:
            with contextlib.suppress(OSError):
                (self.path / _PROCESS).unlink(missing_ok=True)
            held.release()

    def holder(self) -> int | None:
        """Returns the number of the process that works in the folder; None where none does.

        0 where it is not known, as just after a process has begun, or where it is another
        machine's.
        """
        if not (self.path / _HELD).is_file():
            return None
        try:
            with _LOOKING, FileLock(self.path / _HELD, timeout=0):
                return None
        except Timeout:
            pass
        except OSError:  # a folder that may only be read
            return None
        process, *_, machine = self._noted()
        return process if machine == platform.node() else 0

    def note_progress(self, images: int = 0, left: float | None = None) -> None:
        """Writes how far the run is, for whoever watches; where it cannot, nobody sees it."""
        seconds = "" if left is None else f"{left:.1f}"
        with contextlib.suppress(OSError):
            lines = (os.getpid(), images, seconds, platform.node(), "")
            (self.path / _PROCESS).write_text("\n".join(map(str, lines)), encoding="utf-8")

    def progress(self) -> tuple[int, float | None]:
        """Returns the images seen when it was last noted, and the seconds left, where known."""
        return self._noted()[1:3]

    def _noted(self) -> tuple[int, int, float | None, str]:
        try:
            lines = (self.path / _PROCESS).read_text(encoding="utf-8").split("\n")
            left = float(lines[2]) if lines[2] else None
            return int(lines[0]), int(lines[1]), left, lines[3]
        except (OSError, ValueError, IndexError):
            return 0, 0, None, ""

    @property
    def _lock_file(self) -> Path:
        return self.path / "lock"

    def _is_marked(self) -> bool:
        try:
            return self._lock_file.read_text(encoding="utf-8") == self._mark
        except (OSError, ValueError):
            return False

    def refuse_strangers(self) -> None:
        """Refuses a folder that holds files, unless it is marked or holds a run of former times."""
        known = self._is_marked() or (self._verb == "train" and is_run(self.path))
        if known or not self.path.is_dir():
            return
        strangers = sorted(path.name for path in self.path.iterdir() if not self._is_new_lock(path))
        if strangers:
            more = ", ..." if len(strangers) > 3 else ""
            raise UsageError(
                f"{self.path} holds other files ({', '.join(strangers[:3])}{more}) and no run of"
                " this kind, and elegan touches only what it wrote. Name a new folder with --out."
            )

    def _is_new_lock(self, path: Path) -> bool:
        """Whether a file is the lock of a process that has not come to marking the folder yet."""
        status = path.lstat()
        ours = path.name in (_HELD, "lock")
        return ours and stat.S_ISREG(status.st_mode) and status.st_size == 0

    def write_json(self, name: str, values: Any) -> None:
        """Replaces a JSON file in one step."""
        with self.explained(name):
            write_durably(self.path / name, json.dumps(values, indent=2, ensure_ascii=False) + "\n")

    def append_event(self, event: dict[str, Any]) -> None:
        """Adds one line to events.jsonl; numbers that are not finite become their names."""
        line = json.dumps({key: _plain(value) for key, value in event.items()}, ensure_ascii=False)
        with self.explained("events.jsonl"), self.events.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def append_log(self, line: str) -> None:
        """Adds one line to log.txt."""
        with (
            self.explained("log.txt"),
            (self.path / "log.txt").open("a", encoding="utf-8") as file,
        ):
            file.write(line + "\n")

    def read_events(self) -> list[dict[str, Any]]:
        """Returns the events; a line torn by a kill is left out."""
        if not self.events.exists():
            return []
        events = []
        for line in self.events.read_text(encoding="utf-8", errors="replace").split("\n"):
            with contextlib.suppress(ValueError):
                events.append(json.loads(line))
        return events

    def forget_after(self, images: int) -> None:
        """Drops the ticks and snapshots beyond `images`: a resumed run writes them again."""
        kept = [
            event
            for event in self.read_events()
            if event["images"] <= images or event["event"] not in ("tick", "snapshot", "stop")
        ]
        text = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in kept)
        with self.explained("events.jsonl"):
            write_durably(self.events, text)

    def sweep(self) -> None:
        """Removes half-written files of a killed process; only for the owner of the lock."""
        for folder in (self.path, self.checkpoints, self.samples, self.model):
            if folder.is_dir():
                remove_temporaries(folder)

    @contextlib.contextmanager
    def explained(self, name: str):
        """Turns a failed write (a full disk, say) into a message that says what survives."""
        try:
            yield
        except OSError as error:
            raise EleganError(
                f"Cannot write {self.path / name}: {error.strerror or error}. The last checkpoint"
                " is whole. Free some space or mend the permissions, then run the same command"
                " again."
            ) from error


def _plain(value: Any) -> Any:
    # JSON has no NaN; its name keeps the line valid and the fault visible.
    if isinstance(value, float):
        return value if abs(value) != float("inf") and value == value else str(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def default_folder(data: str, preset: str) -> Path:
    """Returns runs/DATA-PRESET in the working folder."""
    name = Path(data).name.split(".")[0] or "data"
    return Path("runs") / f"{name}-{preset}"


def is_run(path: Path) -> bool:
    """Whether a folder holds a run that has begun: settings.json, and elegan wrote it."""
    try:
        found = json.loads((path / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.keys() >= _SETTINGS
