"""Runs: how each stands, its pictures and curves, and what can be done with it."""

import asyncio
import json
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, HTMLResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from elegan.applications import TASKS
from elegan.common.errors import EleganError
from elegan.metrics.neighbours import describe_copies
from elegan.reports import scores, words
from elegan.reports.charts import event_marks, figures
from elegan.reports.report_data import ReportData, collect, find, finite, mapping
from elegan.training.run_folder import RunFolder, is_run
from elegan.web.launching import facts

MAX_TICKS = 1500
"""Ticks kept of a run for its curves; of more, every second, fourth and so on is read."""
_MOST_BYTES = 256 << 20  # of a file of a run that is shown
_MAX_RUNS = 64  # whose events are kept
_EVERY = 0.4  # seconds between two looks at a run that is watched
_TICK = b'{"event": "tick"'
_PICTURES = ("real", "first-batch", "copies")
# A report is of a run, which may come from anywhere: it may draw, and do nothing else.
_REPORT_POLICY = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"

Name = Annotated[str, Query(alias="id", max_length=1000)]


class Events:
    """The events of a run, read on as they are written; of very many ticks only some."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._file: int | None = None
        self._read, self._stride, self._ticks, self._kept_ticks = 0, 1, 0, 0
        self._kept: list[dict[str, Any]] = []
        self._last: bytes = b""

    def read(self) -> tuple[Mapping[str, Any], ...]:
        """Returns the events in the order written, the last tick always among them."""
        with self._lock:
            try:
                with self._path.open("rb") as file:
                    status = os.fstat(file.fileno())
                    # A run begun anew, or ticks forgotten by one that goes on: another file.
                    if status.st_ino != self._file or status.st_size < self._read:
                        self._begin()
                    self._file = status.st_ino
                    file.seek(self._read)
                    text = file.read()
            except OSError:
                self._begin()
                return ()
            whole = text[: text.rfind(b"\n") + 1]
            self._read += len(whole)
            for line in whole.splitlines():
                self._take(line)
            last = _parse(self._last)
            after = [last] if last and self._kept and self._kept[-1] != last else []
            return (*self._kept, *after)

    def _take(self, line: bytes) -> None:
        is_tick = line.startswith(_TICK)
        if is_tick:
            self._ticks += 1
            self._last = line
            if self._ticks % self._stride:
                return
        event = _parse(line)
        if event is None:
            return
        self._kept.append(event)
        if not is_tick:
            self._last = b""
            return
        self._kept_ticks += 1
        if self._kept_ticks > MAX_TICKS:
            self._stride *= 2
            spared = {id(item) for item in self._of_ticks()[1::2]}
            self._kept = [
                item for item in self._kept if item["event"] != "tick" or id(item) in spared
            ]
            self._kept_ticks = len(spared)

    def _of_ticks(self) -> list[dict[str, Any]]:
        return [item for item in self._kept if item["event"] == "tick"]


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
        images = finite(event["images"])
        kind = event["event"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if images is None or not isinstance(kind, str):
        return None
    return {**event, "images": int(images)}


class Shelf:
    """All runs of the studio as values for the page; what was read of each is kept."""

    def __init__(self, studio: Any) -> None:
        self.studio = studio
        self._events: OrderedDict[Path, Events] = OrderedDict()
        self._lock = threading.Lock()

    def events(self, run: Path) -> tuple[Mapping[str, Any], ...]:
        with self._lock:
            kept = self._events.setdefault(run, Events(run / "events.jsonl"))
            self._events.move_to_end(run)
            while len(self._events) > _MAX_RUNS:
                self._events.popitem(last=False)
        return kept.read()

    def report(self, run: Path) -> ReportData:
        """Everything that a run folder says, the ticks thinned."""
        settings = _document(run, "settings.json")
        found = collect(run, TASKS.get(str(settings.get("task"))), read_events=False)
        return replace(found, events=self.events(run))

    def state(self, run: Path, events: tuple[Mapping[str, Any], ...]) -> str:
        """Returns "running", "done", "paused" or "cut off"."""
        if RunFolder(run).holder() is not None:
            return "running"
        life = [item for item in events if item["event"] in ("start", "resume", "stop")]
        if not life or life[-1]["event"] != "stop":
            return "cut off"
        return "done" if life[-1].get("reason", "done") == "done" else "paused"

    def card(self, run: Path) -> dict[str, Any]:
        """A run in short: what it is, how far, how well, and its newest picture."""
        events, settings = self.events(run), _document(run, "settings.json")
        state = self.state(run, events)
        seen, left = events[-1]["images"] if events else 0, None
        if state == "running":
            noted, left = RunFolder(run).progress()
            seen = max(seen, noted)
        goal = settings.get("images")
        goal = goal if isinstance(goal, int) and goal > 0 else None
        ticks = [item for item in events if item["event"] == "tick"]
        speed = next(
            (s for t in reversed(ticks) if (s := finite(t.get("images_per_second")))), None
        )
        pictures = _samples(run)
        return {
            "id": self.studio.folders.name_of(run),
            "path": str(run),
            "state": state,
            "data": str(settings.get("data", "")),
            "task": str(settings.get("task", "")),
            "preset": str(settings.get("preset", "")),
            "seen": min(seen, goal) if goal else seen,
            "goal": goal,
            "seconds": max((finite(item.get("seconds")) or 0.0 for item in events), default=0.0),
            "left": left,
            "speed": speed,
            "measured": ticks[-1]["images"] if ticks else 0,
            "health": str(ticks[-1].get("health", "")) if ticks else "",
            "picture": pictures[-1] if pictures else None,
            "headline": _headline(run, events),
            "has_model": (run / "model" / "model.json").is_file(),
            **facts(self.studio.launcher.latest().get(run)),
        }

    def safe_card(self, run: Path) -> dict[str, Any]:
        """The same; of a run that cannot be read what can be said, so that others still show."""
        try:
            return self.card(run)
        except Exception as error:
            logging.getLogger(__name__).exception("The run %s cannot be read.", run)
            nothing = dict.fromkeys(("goal", "left", "speed", "picture", "headline"))
            return {
                **nothing,
                **dict.fromkeys(("data", "task", "preset", "health"), ""),
                "id": self.studio.folders.name_of(run),
                "path": str(run),
                "state": "cut off",
                "seen": 0,
                "measured": 0,
                "seconds": 0.0,
                "has_model": False,
                "starting": False,
                "fault": f"It cannot be read: {type(error).__name__}.",
            }

    def detail(self, run: Path) -> dict[str, Any]:
        """All that the page of a run shows."""
        report = self.report(run)
        copies = describe_copies(scores.copied_spaces(report.scores))
        return {
            **self.card(run),
            "sentence": words.state(report),
            "alarms": [vars(a) for a in words.alarms(report)],
            "pictures": _samples(run),
            "others": [name for name in _PICTURES if (run / f"{name}.png").is_file()],
            "translates": words.translates(report),
            "facts": {**words.machine(report), "Seed": find(report.settings, "seed")},
            "scores": [vars(row) for row in scores.score_rows(report.scores)],
            "comparison": scores.comparison_cells(report.scores),
            "protocol": scores.protocol(report.scores),
            "classes": scores.class_table(report),
            "copies": copies,
            "commands": [command._asdict() for command in words.commands(report)],
            "has_report": (run / "report.html").is_file(),
        }

    def curves(self, run: Path) -> dict[str, Any]:
        """The charts of a run, each with its series."""
        report = self.report(run)
        return {
            "charts": [
                {
                    "title": figure.chart.title,
                    "unit": figure.chart.y_label,
                    "reading": figure.chart.reading,
                    "log": figure.chart.log_y,
                    "range": figure.chart.y_range,
                    "floor": figure.floor,
                    "series": [
                        {"label": one.label, "x": one.x, "y": [_short(y) for y in one.y]}
                        for one in figure.series
                    ],
                }
                for figure in figures(report)
            ],
            "marks": [vars(mark) for mark in event_marks(report)],
        }


def router(studio: Any) -> APIRouter:
    """The routes of runs."""
    shelf, folders = Shelf(studio), studio.folders
    routes = APIRouter(prefix="/api")

    @routes.get("/runs")
    def runs() -> dict[str, Any]:
        begun = studio.launcher.latest()
        found = folders.all_runs()
        new = [launch for run, launch in begun.items() if run not in found]
        return {
            "runs": [shelf.safe_card(run) for run in found],
            "beginning": [
                {"id": folders.name_of(item.run), **facts(item)} for item in reversed(new)
            ],
            "folder": str(folders.runs),
        }

    @routes.get("/run")
    def run(name: Name) -> dict[str, Any]:
        return shelf.detail(folders.run(name))

    @routes.get("/run/curves")
    def curves(name: Name) -> dict[str, Any]:
        return shelf.curves(folders.run(name))

    @routes.get("/run/stream")
    def stream(name: Name) -> StreamingResponse:
        return StreamingResponse(_changes(shelf, folders.run(name)), media_type="text/event-stream")

    @routes.get("/run/picture")
    def picture(name: Name, which: Annotated[str, Query(max_length=20)]) -> FileResponse:
        folder = folders.run(name)
        plain = which.isascii() and which.isdigit()
        if not plain and which not in _PICTURES:
            raise EleganError("There is no such picture.")
        path = folder / "samples" / f"{which}.png" if plain else folder / f"{which}.png"
        if not _is_own(folder, path):
            raise EleganError("There is no such picture.")
        return FileResponse(path, media_type="image/png")

    @routes.get("/run/report")
    def report(name: Name) -> HTMLResponse:
        folder = folders.run(name)
        path = folder / "report.html"
        if not _is_own(folder, path):
            raise EleganError("There is no report yet; it is written when a training ends.")
        text = path.read_text(encoding="utf-8", errors="replace")
        return HTMLResponse(text, headers={"content-security-policy": _REPORT_POLICY})

    @routes.post("/run/act")
    def act(asked: Act) -> dict[str, Any]:
        begun = {folders.name_of(run): run for run in studio.launcher.latest()}
        folder = begun.get(asked.id) or folders.run(asked.id)
        if asked.act == "stop":
            studio.launcher.stop(folder)
        elif asked.act == "forget":
            studio.launcher.forget(folder)
        else:
            studio.launcher.start(_words(folder, asked), folder)
        return {"done": True}

    return routes


class Act(BaseModel):
    """What is to be done with a run.

    End after saving, go on, train longer, score what is there, forget how a command failed.
    """

    id: str = Field(max_length=1000)
    act: Literal["stop", "resume", "more", "finish", "forget"]
    minutes: float = Field(default=5.0, gt=0, le=100_000)


def _words(run: Path, asked: Act) -> list[str]:
    if asked.act == "resume":
        return ["resume", str(run)]
    again = ["train", "--settings", str(run / "settings.json"), "--out", str(run)]
    if asked.act == "more":
        return [*again, "--minutes", f"{asked.minutes:g}"]
    training = _document(run, "model/model.json").get("training")
    seen = training.get("images") if isinstance(training, dict) else None
    if not isinstance(seen, int) or seen < 1:
        raise EleganError("There is nothing to score yet: the run has no model.")
    return [*again, "--images", str(seen)]


async def _changes(shelf: Shelf, run: Path) -> AsyncIterator[str]:
    """Yields the card of a run as a server-sent event whenever it has changed."""
    before, silent = None, 0.0
    while not shelf.studio.stopping.is_set():
        if not is_run(run):
            yield "event: gone\ndata: {}\n\n"
            return
        now = await run_in_threadpool(shelf.card, run)
        if now != before:
            before, silent = now, 0.0
            yield f"data: {json.dumps(now, ensure_ascii=False)}\n\n"
        elif silent > 15:  # so that a connection that is gone is noticed
            silent = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(_EVERY)
        silent += _EVERY


def _samples(run: Path) -> list[str]:
    """The names of the sample sheets, in order."""
    try:
        found = [item.stem for item in (run / "samples").iterdir() if item.suffix == ".png"]
    except OSError:
        return []
    return sorted((name for name in found if name.isascii() and name.isdigit()), key=int)


def _headline(run: Path, events: tuple[Mapping[str, Any], ...]) -> dict[str, Any] | None:
    """The first score of the run's end, or of its last snapshot, with that of real images."""
    found = _document(run, "scores.json")
    rows = scores.headline(scores.score_rows(found))
    if rows:
        return {"name": rows[0].name, "value": rows[0].value, "floor": rows[0].floor}
    for event in reversed(events):
        for name, value in mapping(event, "scores").items():
            if finite(value) is not None:
                return {"name": name, "value": finite(value), "floor": None}
    return None


def _is_own(run: Path, path: Path) -> bool:
    """Whether a file is there, in the run folder itself and not behind a link, and not huge."""
    try:
        own = path.resolve().is_relative_to(run)
        return own and path.is_file() and path.stat().st_size <= _MOST_BYTES
    except (OSError, RuntimeError):
        return False


def _document(run: Path, name: str) -> dict[str, Any]:
    path = run / name
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if _is_own(run, path) else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _short(value: float) -> float | None:
    return None if finite(value) is None else float(f"{value:.5g}")
