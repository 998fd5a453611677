"""Reads a run folder into one typed value; what is missing or damaged becomes a note.

A run may have been killed at any moment, may still be going on, or may have lost files on the way
to another disk. A report must come out of whatever is there, and say what was not.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from elegan.common.errors import EleganError
from elegan.training.task import TaskSpec

DOCUMENTS = ("settings", "environment", "data", "scores")


class Sample(NamedTuple):
    """One sheet of samples from the fixed latents: the images seen when drawn, and its file."""

    images: int
    path: Path


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """What a run folder says about its run.

    Attributes:
        run: the folder.
        settings, environment, data, scores: the JSON files of those names; empty where missing.
        events: every readable line of `events.jsonl`, in the order written.
        samples: the sample sheets, by images seen.
        has_model: whether `model/` holds weights to use.
        has_checkpoint: whether `elegan resume` has something to continue from.
        notes: sentences on what was missing or damaged.
        spec: the task's, None where it is not known.
    """

    run: Path
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    data: Mapping[str, Any]
    scores: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]
    samples: tuple[Sample, ...]
    has_model: bool
    has_checkpoint: bool
    notes: tuple[str, ...]
    spec: TaskSpec | None = None

    def of(self, *kinds: str) -> tuple[Mapping[str, Any], ...]:
        """Returns every event of the given kinds, in the order written."""
        return tuple(event for event in self.events if event["event"] in kinds)

    @cached_property
    def ticks(self) -> tuple[Mapping[str, Any], ...]:
        """The ticks that led to the present weights, by images seen."""
        return tuple(event for event in current_line(self.events) if event["event"] == "tick")

    @property
    def snapshots(self) -> tuple[Mapping[str, Any], ...]:
        """The snapshots that led to the present weights, by images seen."""
        return tuple(event for event in current_line(self.events) if event["event"] == "snapshot")

    @property
    def images(self) -> int:
        """Images seen by the latest event; the latest sample sheet's where there are no events."""
        if self.events:
            return int(self.events[-1]["images"])
        return self.samples[-1].images if self.samples else 0

    @property
    def seconds(self) -> float:
        """Training seconds so far, summed over resumes."""
        return max((finite(event.get("seconds")) or 0.0 for event in self.events), default=0.0)

    @property
    def stop(self) -> Mapping[str, Any] | None:
        """The event that ended the run; None while it goes on, and when it was killed."""
        life = self.of("start", "resume", "stop")
        return life[-1] if life and life[-1]["event"] == "stop" else None


def collect(run: Path, spec: TaskSpec | None = None, *, read_events: bool = True) -> ReportData:
    """Reads the run folder `run`.

    Args:
        read_events: whether to; a caller that has them already leaves them out here.

    Raises:
        EleganError: `run` is not a folder, or holds nothing that a run writes.
    """
    if not run.is_dir():
        raise EleganError(
            f"There is no run folder '{run}'. A run folder is what 'elegan train DATA --out RUN' "
            "writes; give its path."
        )
    notes: list[str] = []
    documents = {name: _read_json(run / f"{name}.json", notes) for name in DOCUMENTS}
    events = events_of(run / "events.jsonl", notes) if read_events else ()
    samples = sorted(
        Sample(images=int(path.stem), path=path)
        for path in (run / "samples").glob("*.png")
        if path.stem.isascii() and path.stem.isdigit()
    )
    if not (events or samples or any(documents.values())):
        raise EleganError(
            f"'{run}' is not a run folder: it has no settings.json, events.jsonl or samples. "
            "Give the folder that 'elegan train' wrote with --out."
        )
    if not samples:
        notes.append("No sample sheet was written yet.")
    return ReportData(
        run=run,
        spec=spec,
        **documents,
        events=events,
        samples=tuple(samples),
        has_model=_holds_model(run / "model"),
        has_checkpoint=any((run / "checkpoints").glob("*/*")),
        notes=tuple(notes),
    )


def events_of(path: Path, notes: list[str]) -> tuple[dict[str, Any], ...]:
    """Reads `events.jsonl`: one JSON object a line, each with `event` (str) and `images` (int).

    A line that is no such object is left out, and `notes` receives a sentence on it. A last line
    without its end is what a killed process leaves, and is told apart from damage elsewhere.
    """
    if not path.is_file():
        notes.append("events.jsonl is missing, so there are no curves.")
        return ()
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    events: list[dict[str, Any]] = []
    damaged = 0
    for position, line in enumerate(lines):
        event = _parse(line) or {}
        images = finite(event.get("images"))
        if images is not None and isinstance(event.get("event"), str):
            events.append({**event, "images": int(images)})
        elif position == len(lines) - 1 and line.strip():
            notes.append("The last line of events.jsonl was cut off in writing and is left out.")
        elif line.strip():
            damaged += 1
    if damaged:
        lines_were = "1 line" if damaged == 1 else f"{damaged} lines"
        notes.append(f"events.jsonl: {lines_were} could not be read and left out.")
    return tuple(events)


def current_line(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Returns ticks and snapshots without those that a resume or a rollback undid.

    A run killed at 120,000 images and resumed from its checkpoint at 100,000 wrote two ticks for
    each moment in between; only the later led to the present weights. The count of images seen
    going back is the sign of it. The result is ordered by images seen.
    """
    kept: dict[tuple[int, str], Mapping[str, Any]] = {}
    for event in events:
        while kept and next(reversed(kept))[0] > event["images"]:
            kept.popitem()
        if event["event"] in ("tick", "snapshot"):
            kept[event["images"], event["event"]] = event
    return list(kept.values())


def number(value: object) -> float | None:
    """Returns `value` as a float, NaN and infinities included; None when it is not a number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and value.strip().lower() in ("nan", "inf", "-inf", "infinity"):
        return float(value)
    return None


def finite(value: object) -> float | None:
    """Returns `value` as a float when it is a finite number, else None."""
    result = number(value)
    return result if result is not None and math.isfinite(result) else None


def mapping(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Returns the mapping that `document` holds under `name`; {} where it holds none."""
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}


def find(document: Mapping[str, Any], *names: str) -> Any:
    """Returns the value of the first of `names` in `document`, top level first, then nested.

    None when there is none. The report names no section of the settings, so that a setting that
    moves from one section to another still shows.
    """
    for name in names:
        level: list[Mapping[str, Any]] = [document]
        while level:
            for mapping in level:
                if mapping.get(name) is not None:
                    return mapping[name]
            level = [v for mapping in level for v in mapping.values() if isinstance(v, Mapping)]
    return None


def flatten(document: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Returns (dotted name, value) of every leaf, in the document's order; a list is a leaf."""
    rows: list[tuple[str, Any]] = []
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            rows += flatten(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", value))
    return rows


def _parse(text: str) -> dict[str, Any] | None:
    """Returns the JSON object that `text` holds; None where it holds none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _holds_model(folder: Path) -> bool:
    """Whether model.json names weights, of the model or of the stage it is, that are there."""
    weights = find(_read_json(folder / "model.json", []), "tensors")
    return isinstance(weights, str) and (folder / Path(weights).name).is_file()


def _read_json(path: Path, notes: list[str]) -> dict[str, Any]:
    if not path.is_file():
        # Scores come from a later `elegan evaluate`: a run without them lacks nothing.
        if path.name != "scores.json":
            notes.append(f"{path.name} is missing.")
        return {}
    document = _parse(path.read_text(encoding="utf-8", errors="replace"))
    if document is None:
        notes.append(f"{path.name} could not be read (not a JSON object).")
    return document or {}
