"""Which charts the report of a run shows: the rows of `templates/charts.toml`, scores, losses."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from elegan.engine.history import alarm_spans
from elegan.report.curves import COLOURS, Mark, Series, line_chart
from elegan.report.report_data import ReportData, finite, number
from elegan.report.scores import BY_CLASS
from elegan.report.words import images_text

PENALTY_WORDS = ("r1", "r2", "penalty", "drift", "lecam", "dragan", "consistency")


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart: the recorded names it draws, with their labels, and a sentence on reading it.

    `names` maps a recorded name ("signals.fooling_rate") to the label of its curve. `factor`
    multiplies every value, for percent.
    """

    title: str
    names: Mapping[str, str]
    y_label: str
    reading: str = ""
    log_y: bool = False
    y_range: Sequence[float] | None = None
    factor: float = 1.0


class Figure(NamedTuple):
    """A chart as drawn: an SVG element, its curves and the score of real against real."""

    chart: Chart
    drawing: str
    series: list[Series]
    floor: float | None


@cache
def listed_charts() -> list[Chart]:
    """Returns the rows of `templates/charts.toml`."""
    text = files("elegan.report").joinpath("templates/charts.toml").read_text(encoding="utf-8")
    return [Chart(**row) for row in tomllib.loads(text)["charts"]]


# What says how sure another figure is.
_BESIDE = ("signals.held_out_gap_error", "signals.held_out_low_chance")


def charts(report: ReportData) -> list[Figure]:
    """Returns a figure for each chart of which the run recorded anything.

    Scores come first, then losses, then the listed charts, then any other signal by its own
    name: what a task records shows without being listed here.
    """
    recorded = record(report.ticks)
    scored = record(report.snapshots)
    listed = {name for chart in listed_charts() for name in chart.names}
    others = [
        Chart(title=_label(name, title=True), names={name: _label(name)}, y_label="value")
        for name in recorded
        if name.startswith("signals.")
        and name not in listed
        and name not in _BESIDE
        and not name.startswith(f"signals.{BY_CLASS}")
    ]
    shown = [*_score_charts(scored), *_loss_charts(recorded, listed)]
    shown += [*listed_charts(), *others]
    marks = event_marks(report)
    floors = report.scores.get("floor")
    figures = []
    for chart in shown:
        series = [
            Series(label=label, x=found.x, y=tuple(y * chart.factor for y in found.y))
            for name, label in chart.names.items()
            if (found := scored.get(name) or recorded.get(name)) is not None
        ]
        score = next(iter(chart.names))
        floor = None
        if score.startswith("scores.") and isinstance(floors, Mapping):
            floor = finite(floors.get(score.removeprefix("scores.")))
        drawing = line_chart(
            series,
            title=chart.title,
            y_label=chart.y_label,
            log_y=chart.log_y,
            y_range=chart.y_range,
            floor=floor,
            marks=marks,
        )
        if drawing:
            figures.append(Figure(chart, drawing, series, floor))
    return figures


def record(events: Iterable[Mapping[str, Any]]) -> dict[str, Series]:
    """Returns every series that `events` hold, under "losses.NAME", "signals.NAME", "scores.NAME"
    and "images_per_second".

    Values that are not numbers are left out (null: not measured); NaN and infinities, which JSON
    holds by name, stay to be shown.
    """
    points: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        values: dict[str, Any] = {}
        for group in ("losses", "signals", "scores"):
            members = event.get(group)
            if isinstance(members, Mapping):
                values |= {f"{group}.{name}": value for name, value in members.items()}
        values["images_per_second"] = event.get("images_per_second")
        for name, value in values.items():
            y = number(value)
            if y is not None:
                points.setdefault(name, []).append((float(event["images"]), y))
    return {
        name: Series(label=name, x=tuple(x for x, _ in pairs), y=tuple(y for _, y in pairs))
        for name, pairs in points.items()
    }


def event_marks(report: ReportData) -> list[Mark]:
    """Returns a mark for every resume, every act of the guard and wherever a divergence began."""
    marks = []
    for event in report.of("resume", "guard"):
        kind, at = event["event"], images_text(event["images"])
        text = "resumed" if kind == "resume" else f"guard: {event.get('action', 'acted')}"
        marks.append(Mark(x=float(event["images"]), kind=kind, text=f"{text} at {at}"))
    for span in alarm_spans(report.ticks):
        if span.alarm.name == "divergence":
            text = f"divergence from {images_text(span.first)}"
            marks.append(Mark(x=float(span.first), kind="alarm", text=text))
    return marks


def is_distance(name: str) -> bool:
    """Whether a score is a distance between sets of images, so that lower is better."""
    return name.upper().startswith(("FD", "KID", "FID"))


def _loss_charts(recorded: Mapping[str, Series], listed: set[str]) -> list[Chart]:
    losses: list[str] = []
    for name, series in recorded.items():
        # Without penalties, a player's loss and its adversarial part are one curve.
        twin = any(recorded[other].y == series.y for other in losses)
        if name.startswith("losses.") and name not in listed and not twin:
            losses.append(name)
    penalties = [name for name in losses if any(word in name.lower() for word in PENALTY_WORDS)]
    players = [name for name in losses if name not in penalties]
    duel = (
        "In a duel neither loss need fall: level and steady is health. One running away while the "
        "other sinks is one player winning."
    )
    smooth = "What keeps the discriminator smooth. Large at first, then level."
    # No chart holds more curves than there are colours to tell them apart.
    return [
        Chart(
            title=title,
            names={name: _label(name) for name in names[first : first + COLOURS]},
            y_label="loss",
            log_y=title == "Penalties",
            reading=reading,
        )
        for names, title, reading in ((players, "Losses", duel), (penalties, "Penalties", smooth))
        for first in range(0, len(names), COLOURS)
    ]


def _score_charts(scored: Mapping[str, Series]) -> list[Chart]:
    reading = "How far samples are from real images as a set; lower is better."
    labels = {name: name.removeprefix("scores.") for name in scored}
    return [
        Chart(
            title=label,
            names={name: label},
            y_label="distance to real images" if is_distance(label) else "score",
            log_y=is_distance(label),
            reading=reading if is_distance(label) else "",
        )
        for name, label in labels.items()
    ]


def _label(name: str, *, title: bool = False) -> str:
    plain = name.split(".", 1)[-1].replace("_", " ")
    plain = plain.upper() if plain in ("r1", "r2") else plain
    return plain[:1].upper() + plain[1:] if title else plain
