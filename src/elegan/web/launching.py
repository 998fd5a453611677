"""Trainings that the page begins: processes of their own, which the server's end does not touch."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elegan.common.errors import EleganError
from elegan.training.run_folder import RunFolder

_FINE = (None, 0, 130, 143, -signal.SIGINT, -signal.SIGTERM)
"""Ends that somebody wanted, and none yet."""
_TO_END = 5  # seconds
_MAX_KEPT = 50  # launches whose end can still be read


@dataclass(kw_only=True)
class Launch:
    """A command that was started.

    Attributes:
        run: the run folder that it works in.
        log: what it prints.
    """

    run: Path
    log: Path
    process: "subprocess.Popen[bytes]"
    begun: bool = False

    @property
    def fault(self) -> str | None:
        """What it said in the end, where it failed and nothing has happened in its run since."""
        code = self.process.poll()
        if code in _FINE or _changed(self.run / "events.jsonl") > _changed(self.log):
            return None
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            lines = []
        said = next((n for n, line in enumerate(lines) if line.startswith("elegan:")), -4)
        return "\n".join(lines[said:])[-2000:] or f"It ended with code {code}."

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    @property
    def waits(self) -> bool:
        """Whether it has been started and works in its run folder not yet."""
        self.begun = self.begun or RunFolder(self.run).holder() == self.process.pid
        return self.lives and not self.begun


class Launcher:
    """Starts commands, at most a few at once, and stops them gently.

    Args:
        logs: a folder for what they print.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._launches: list[Launch] = []
        self._lock = threading.Lock()

    def start(self, words: list[str], run: Path) -> Launch:
        """Starts `elegan WORDS`, which works in the folder `run`.

        Raises:
            EleganError: a process works there already, or the command cannot be started.
        """
        self._await_end(run)
        with self._lock:
            if RunFolder(run).holder() is not None or self._living(run) is not None:
                raise EleganError("A training already goes on in this run.")
            self.logs.mkdir(parents=True, exist_ok=True)
            log = self.logs / f"{time.time_ns()}.txt"
            try:
                with log.open("wb") as out:
                    process = subprocess.Popen(
                        [sys.executable, "-m", "elegan", *words],
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=out,
                        start_new_session=True,  # Ctrl-C at the server does not reach it
                        env={**os.environ, "PYTHONUNBUFFERED": "1"},
                    )
            except OSError as error:
                raise EleganError(f"It could not be started: {error.strerror}.") from error
            launch = Launch(run=run, log=log, process=process)
            self._launches = [*self._launches[-_MAX_KEPT:], launch]
            return launch

    def _await_end(self, run: Path) -> None:
        """Gives a command that has left its run folder the moment that it needs to end."""
        launch = self._living(run)
        if launch is not None and not launch.waits and RunFolder(run).holder() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                launch.process.wait(_TO_END)

    def _living(self, run: Path) -> Launch | None:
        return next((item for item in self._launches if item.run == run and item.lives), None)

    def forget(self, run: Path) -> None:
        """Forgets how the last command of a run ended."""
        with self._lock:
            self._launches = [item for item in self._launches if item.run != run or item.lives]

    def latest(self) -> dict[Path, Launch]:
        """Returns the last launch of each run."""
        with self._lock:
            return {launch.run: launch for launch in self._launches}

    def stop(self, run: Path) -> None:
        """Asks the training in a run folder to save everything and end.

        Raises:
            EleganError: none goes on there, or it belongs to somebody else.
        """
        process, launch = RunFolder(run).holder(), self._living(run)
        if not process and launch is not None:
            process = launch.process.pid
        if process is None:
            raise EleganError("No training goes on in this run.")
        if not process:
            raise EleganError("It goes on on another machine. Stop it there.")
        try:
            os.kill(process, signal.SIGTERM)
        except OSError as error:
            raise EleganError(f"It could not be asked to stop: {error.strerror}.") from error


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def facts(launch: Launch | None) -> dict[str, Any]:
    """Returns JSON values: whether a command is still beginning, and how it failed."""
    if launch is None:
        return {"starting": False, "fault": None}
    return {"starting": launch.waits, "fault": launch.fault}
