"""The run folder: its paths, its lock and its text files. Never written by two processes."""

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

from elegan.errors import EleganError
from elegan.machine.files import write_durably


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
        with self.explained("events.jsonl"), self.events.open("a") as file:
            file.write(line + "\n")

    def append_log(self, line: str) -> None:
        """Adds one line to log.txt."""
        with self.explained("log.txt"), (self.path / "log.txt").open("a") as file:
            file.write(line + "\n")

    def read_events(self) -> list[dict[str, Any]]:
        """Returns the events; a line torn by a kill is left out."""
        if not self.events.exists():
            return []
        events = []
        for line in self.events.read_text().splitlines():
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

    @contextlib.contextmanager
    def explained(self, name: str):
        """Turns a failed write (a full disk, say) into a message that says what survives."""
        try:
            yield
        except OSError as error:
            raise EleganError(
                f"Cannot write {self.path / name}: {error.strerror or error}. The last checkpoint"
                " is whole. Free some space or mend the permissions, then run the same command again."
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
