"""Runs as Python sees them; what begins, continues, plans and scores one, whatever its task."""

import base64
import dataclasses
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from elegan.applications import TASKS, load_model
from elegan.common.errors import EleganError, UsageError, did_you_mean, lookup
from elegan.reports import write_report
from elegan.settings import TrainSettings, from_json
from elegan.training import run as training
from elegan.training.run_folder import RunFolder, is_run
from elegan.training.task import Hooks


class Run:
    """A run folder; everything is read from disk when asked for.

    Attributes:
        path: the folder.

    Raises:
        EleganError: the folder holds no run.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not is_run(self.path):
            parent = self.path.parent
            near = [item.name for item in parent.iterdir()] if parent.is_dir() else []
            raise EleganError(
                f"{self.path} is no run: it holds no settings.json of elegan's."
                f"{did_you_mean(self.path.name, near)} Begin one with `elegan train`."
            )

    @property
    def settings(self) -> TrainSettings:
        """What the run was told, resolved."""
        return from_json(self.path / "settings.json")

    @cached_property
    def model(self) -> Any:
        """The averaged generator of the newest snapshot: `Model`, or `TranslationModel`."""
        return load_model(self.path)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of events.jsonl."""
        return RunFolder(self.path).read_events()

    @property
    def scores(self) -> dict[str, Any]:
        """What `evaluate` last found, {} before."""
        try:
            return json.loads((self.path / "scores.json").read_text())
        except OSError:
            return {}

    @property
    def report(self) -> Path:
        """The HTML report, written at the end of training and by `elegan report`."""
        return self.path / "report.html"

    def text(self) -> str:
        return str(self.path)

    def to_dict(self) -> dict[str, Any]:
        """JSON values: where the run is, how far it came, and its scores."""
        last = self.events[-1] if self.events else {}
        return {
            "run": str(self.path),
            "images": last.get("images"),
            "seconds": last.get("seconds"),
            "report": str(self.report),
            "scores": self.scores,
        }

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _repr_html_(self) -> str:
        """In a notebook: how far it is, in words, and its last samples."""
        events = self.events
        images = events[-1]["images"] if events else 0
        ticks = [event for event in events if event["event"] == "tick"]
        words = escape(ticks[-1]["health"]) if ticks else "nothing measured yet"
        sheets = sorted((self.path / "samples").glob("*.png"))
        shown = base64.b64encode(sheets[-1].read_bytes()).decode() if sheets else ""
        picture = f'<img src="data:image/png;base64,{shown}">' if shown else ""
        return f"<b>{escape(str(self.path))}</b>: {images:,} images; {words}<br>{picture}"


def train(settings: TrainSettings, on_tick: Callable[[dict[str, Any]], None] | None = None) -> Run:
    """Trains, or resumes what stands in the run folder; see `training.run.train`."""
    spec = lookup(TASKS, settings.task, "task")
    hooks = Hooks(write_report=lambda run: write_report(run, TASKS[task_of(run)]), on_tick=on_tick)
    (spec.train or training.train)(settings, spec, hooks)
    return Run(training.run_folder(settings).path)


def resume(path: Path | str) -> Run:
    """Continues a run from its newest checkpoint.

    Raises:
        EleganError: there is no run, or nothing to resume.
    """
    run = Run(path)
    is_one_run = TASKS[run.settings.task].train is None
    if is_one_run and not any((run.path / "checkpoints").glob("[0-9]*")):
        raise EleganError(
            f"{run.path} has no checkpoint, so there is nothing to resume."
            " Begin anew with `elegan train` and another --out."
        )
    return train(dataclasses.replace(run.settings, out=str(run.path)))


def task_of(run: Path) -> str:
    """Returns the name of the task of the run in a folder."""
    return from_json(run / "settings.json").task


def plan(settings: TrainSettings) -> dict[str, Any]:
    """Returns what `train` would do, without writing anything; see `training.run.plan`."""
    spec = lookup(TASKS, settings.task, "task")
    return (spec.plan or training.plan)(settings, spec)


def evaluate_model(model: Any, data: str, **options: Any) -> dict[str, Any]:
    """Scores a model, a run or a path against `data`.

    Args:
        options: those of the task's `score`; others are refused.

    Raises:
        UsageError: an option does not belong to the model's task.
        EleganError: the data cannot be read, or do not fit the model.
    """
    if isinstance(model, Run):
        model = model.model
    elif isinstance(model, str | Path):
        model = load_model(model)
    score = TASKS[model.config["task"]].score
    if unknown := options.keys() - (score.__kwdefaults__ or {}).keys():
        raise UsageError(
            f"A model of task '{model.config['task']}' is not scored with"
            f" --{', --'.join(sorted(unknown))}. Leave that out."
        )
    return score(model, data, **options)


def format_any(scores: Mapping[str, Any]) -> str:
    """Returns scores of any task as text for a terminal."""
    return TASKS[scores["task"]].format_scores(scores)
