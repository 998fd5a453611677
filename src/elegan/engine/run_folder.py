"""The run folder: its paths, its lock and its text files. Never written by two processes."""

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

from elegan.errors import EleganError, UsageError
from elegan.machine.files import remove_temporaries, write_durably

# What a run may have written before its settings.json, which marks it as one.
_OWN = {
    "lock",
    "log.txt",
    "samples",
    "environment.json",
    "data.json",
    "events.jsonl",
    "real.png",
    "first-batch.png",
}


class RunFolder:
    """A folder that one training process owns while `lock` is held.

    Attributes:
        path: the folder itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

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
    def lock(self):
        """Creates the folder and holds its lock, which the system frees when the process dies.

        Raises:
            EleganError: the folder cannot be written, or another process trains in it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / "lock").open("a+")
        except OSError as error:
            raise EleganError(
                f"Cannot write to the run folder {self.path}: {error.strerror or error}."
                " Name another with --out."
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise EleganError(
                f"Another process is training in {self.path}. Wait for it, stop it, or name"
                " another folder with --out."
            ) from None
        try:
            yield self
        finally:
            file.close()

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

    def refuse_strangers(self) -> None:
        """Refuses a folder that holds other files and no run, before anything is written into it.

        Raises:
            UsageError: names some of them.
        """
        if self.settings.exists() or not self.path.is_dir():
            return
        strangers = [one.name for one in self.path.iterdir() if one.name not in _OWN]
        strangers = sorted(name for name in strangers if not name.startswith("."))
        if strangers:
            more = ", ..." if len(strangers) > 3 else ""
            raise UsageError(
                f"{self.path} holds no run but other files ({', '.join(strangers[:3])}{more})."
                " Name a new folder with --out."
            )

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
        return {key: _plain(one) for key, one in value.items()}
    return value


def default_folder(data: str, preset: str) -> Path:
    """Returns runs/DATA-PRESET in the working folder."""
    name = Path(data).name.split(".")[0] or "data"
    return Path("runs") / f"{name}-{preset}"


def is_run(path: Path) -> bool:
    """Whether a folder holds a run."""
    return os.path.isfile(path / "settings.json")
