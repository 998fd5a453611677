"""The queue of photos to work on: one thread, whose jobs go on when the page is closed."""

import logging
import secrets
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elegan.applications.photos.journal import Outcome, Translated, Watch
from elegan.common.errors import EleganError

MAX_WAITING = 32
"""Jobs that wait or go on; a further one is refused."""
MAX_KEPT = 60
"""Jobs whose results are kept; of more, those that ended first are removed."""
MAX_BYTES = 16 << 30
"""Bytes of all results that are kept."""
_PATIENCE = 5.0  # seconds that a part of a photo may take when the server ends


@dataclass(kw_only=True, eq=False)
class Item:
    """One photo of a job.

    Attributes:
        state: waiting, running, done, failed or cancelled.
        parts, done: into how many parts it is cut, and how many are finished.
        output: the result.
        reason: why it failed, as the verb says it.
    """

    photo: str
    name: str
    state: str = "waiting"
    parts: int = 0
    done: int = 0
    output: Path | None = None
    size: tuple[int, int] | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def row(self) -> dict[str, Any]:
        """JSON values."""
        values = {name: value for name, value in vars(self).items() if name != "output"}
        output = None if self.output is None else self.output.name
        return values | {"output": output, "seconds": round(self.seconds, 2)}


Carry = Callable[[Item, Path, Watch], Translated]
"""Works on one photo, given the folder of its result and what is told of it."""


@dataclass(kw_only=True, eq=False)
class Job:
    """Photos that one request wants worked on.

    Attributes:
        carry: does the work on one of them.
        folder: of the results.
    """

    id: str
    verb: str
    items: Sequence[Item]
    carry: Carry = field(repr=False)
    folder: Path
    cancelled: bool = False

    @property
    def state(self) -> str:
        """waiting, running, done, failed or cancelled."""
        states = {item.state for item in self.items}
        if "running" in states:
            return "running"
        if "waiting" in states:
            return "waiting" if states == {"waiting"} else "running"
        return next((state for state in ("cancelled", "failed") if state in states), "done")

    @property
    def is_open(self) -> bool:
        return self.state in ("waiting", "running")

    def row(self, items: Sequence[Item] | None = None) -> dict[str, Any]:
        """JSON values, with all photos or some."""
        rows = [item.row() for item in (self.items if items is None else items)]
        return {"id": self.id, "verb": self.verb, "state": self.state, "items": rows}


class Queue:
    """Works on jobs one after the other.

    Args:
        folder: in which each job gets a folder for its results.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def jobs(self) -> list[Job]:
        """Returns all that are known, the newest first."""
        with self._changed:
            return list(reversed(self._jobs.values()))

    def job(self, name: str) -> Job:
        """Returns a job.

        Raises:
            EleganError: there is none of that name.
        """
        with self._changed:
            if name not in self._jobs:
                raise EleganError("There is no such job.")
            return self._jobs[name]

    def submit(self, verb: str, items: Sequence[Item], carry: Carry) -> Job:
        """Puts a job at the end.

        Raises:
            EleganError: the queue is full.
        """
        with self._changed:
            self._refuse_more()
            name = secrets.token_hex(6)
            job = Job(id=name, verb=verb, items=items, carry=carry, folder=self._folder / name)
            self._jobs[name] = job
            self._sweep()
            self._begin()
            return job

    def cancel(self, name: str) -> None:
        """Ends a job; what is finished of it stays."""
        job = self.job(name)
        with self._changed:
            job.cancelled = True
            for item in job.items:
                if item.state == "waiting":
                    item.state = "cancelled"

    def retry(self, name: str) -> None:
        """Tries again what failed or was cancelled, at the end of the queue.

        Raises:
            EleganError: the queue is full, or it goes on still.
        """
        job = self.job(name)
        with self._changed:
            if job.is_open:
                raise EleganError("It goes on still. Cancel it first.")
            self._refuse_more()
            job.cancelled = False
            for item in job.items:
                if item.state in ("failed", "cancelled"):
                    item.state, item.reason, item.done, item.parts = "waiting", "", 0, 0
            self._jobs[name] = self._jobs.pop(name)
            self._begin()

    def uses(self, photo: str) -> bool:
        """Whether a job that has not ended needs a photo."""
        return any(item.photo == photo for job in self.jobs() if job.is_open for item in job.items)

    def close(self) -> None:
        """Ends what goes on and removes all results."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(_PATIENCE)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _refuse_more(self) -> None:
        if sum(job.is_open for job in self._jobs.values()) >= MAX_WAITING:
            raise EleganError(
                f"The queue is full: {MAX_WAITING} jobs wait. Wait for one to end, or cancel one."
            )

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True, name="photos")
            self._thread.start()
        self._changed.notify_all()

    def _sweep(self) -> None:
        ended = [job for job in self._jobs.values() if not job.is_open]
        held = sum(map(_bytes_of, ended))
        while ended and (len(self._jobs) > MAX_KEPT or held > MAX_BYTES):
            held -= _bytes_of(ended[0])
            self._remove(ended.pop(0))

    def _remove(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def _next(self) -> tuple[Job, Item] | None:
        for job in self._jobs.values():
            for item in job.items:
                if item.state == "waiting":
                    return job, item
        return None

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._next() is not None)
                found = self._next()
                if self._closed or found is None:
                    return
                job, item = found
                item.state = "running"
            self._one(job, item)

    def _one(self, job: Job, item: Item) -> None:
        watch = _Watching(item, lambda: job.cancelled or self._closed)
        try:
            made = job.carry(item, job.folder / item.photo, watch)
            outcome = made.outcomes[0] if made.outcomes else None
            folder = made.out
        except EleganError as error:
            outcome, folder = Outcome(source=item.name, state="failed", reason=str(error)), None
        except Exception as error:  # the thread must live on for the others
            logging.getLogger(__name__).exception("A photo could not be worked on.")
            outcome, folder = Outcome(source=item.name, state="failed", reason=repr(error)), None
        with self._changed:
            if outcome is None:
                item.state = "cancelled"
                return
            item.state = "failed" if outcome.state == "failed" else "done"
            item.reason, item.notes = outcome.reason, outcome.notes
            item.seconds, item.size = outcome.seconds, outcome.size
            if folder is not None and outcome.output is not None:
                item.output = folder / outcome.output


def _bytes_of(job: Job) -> int:
    outputs = [item.output for item in job.items if item.output is not None]
    return sum(path.stat().st_size for path in outputs if path.is_file())


class _Watching(Watch):
    def __init__(self, item: Item, stops: Callable[[], bool]) -> None:
        self._item, self._stops = item, stops

    def begin_file(self, windows: int) -> None:
        self._item.parts, self._item.done = windows, 0

    def window(self) -> None:
        self._item.done += 1

    def stops(self) -> bool:
        return self._stops()
