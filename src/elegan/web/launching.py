"""Trainings that the page begins: processes of their own, which the server's end does not touch."""

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

_TO_END = 5  # seconds
_MAX_KEPT = 50  # launches whose end can still be read


@dataclass(kw_only=True)
class Launch:
    """A command that was started.

    Attributes:
        words: of the command, after `elegan`.
        run: the run folder that it works in.
        log: what it prints.
    """

    words: list[str]
    run: Path
    log: Path
    process: "subprocess.Popen[bytes]"
    begun: bool = False

    @property
    def fault(self) -> str | None:
        """What it said in the end, where it failed."""
        code = self.process.poll()
        if code in (None, 0, 130, 143):
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
        with self._lock:
            if RunFolder(run).holder() is not None or self._lasts(run):
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
            launch = Launch(words=words, run=run, log=log, process=process)
            self._launches = [*self._launches[-_MAX_KEPT:], launch]
            return launch

    def _lasts(self, run: Path) -> bool:
        """Whether a command for a run lives on, given the moment that an ended one needs to go."""
        for launch in self._launches:
            if launch.run == run and launch.lives:
                try:
                    launch.process.wait(0 if launch.waits else _TO_END)
                except subprocess.TimeoutExpired:
                    return True
        return False

    def latest(self) -> dict[Path, Launch]:
        """Returns the last launch of each run."""
        with self._lock:
            return {launch.run: launch for launch in self._launches}

    def stop(self, run: Path) -> None:
        """Asks the training in a run folder to save everything and end.

        Raises:
            EleganError: none goes on there, or it belongs to somebody else.
        """
        process = RunFolder(run).holder()
        launch = self.latest().get(run)
        if not process and launch is not None and launch.lives:
            process = launch.process.pid
        if not process:
            raise EleganError("No training goes on in this run.")
        try:
            os.kill(process, signal.SIGTERM)
        except OSError as error:
            raise EleganError(f"It could not be asked to stop: {error.strerror}.") from error


def facts(launch: Launch | None) -> dict[str, Any]:
    """Returns JSON values: whether a command is still beginning, and how it failed."""
    if launch is None:
        return {"starting": False, "fault": None}
    return {"starting": launch.waits, "fault": launch.fault}
