"""Which charts the report of a run shows: the rows of `templates/charts.toml`, scores, losses."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from elegan.reports.curves import COLOURS, Mark, Series, line_chart
from elegan.reports.report_data import ReportData, finite, mapping, number
from elegan.reports.scores import BY_CLASS
from elegan.reports.words import images_text
from elegan.training.monitor import alarm_spans

PENALTY_WORDS = ("r1", "r2", "penalty", "drift", "lecam", "dragan", "consistency")
# What says how sure another figure is.
_BESIDE = ("signals.held_out_gap_error", "signals.held_out_low_chance")


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
    """A chart, its curves and the score of real against real."""

    chart: Chart
    series: list[Series]
    floor: float | None

    def drawing(self, marks: Sequence[Mark]) -> str:
        """Returns an SVG element."""
        return line_chart(
            self.series,
            title=self.chart.title,
            y_label=self.chart.y_label,
            log_y=self.chart.log_y,
            y_range=self.chart.y_range,
            floor=self.floor,
            marks=marks,
        )


@cache
def _table() -> dict[str, Any]:
    text = files("elegan.reports").joinpath("templates/charts.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def figures(report: ReportData) -> list[Figure]:
    """Returns a figure for each chart of which the run recorded anything.

    Scores come first, then losses, then the listed charts, then any other signal by its own
    name: what a task records shows without being listed here.
    """
    recorded, scored = record(report.ticks), record(report.snapshots)
    charts = [Chart(**row) for row in _table()["charts"]]
    listed = {*_BESIDE, *(name for chart in charts for name in chart.names)}
    for name in recorded:
        group, _, own = name.partition(".")
        if group == "signals" and not own.startswith(BY_CLASS) and name not in listed:
            label = _label(name)
            title = label[:1].upper() + label[1:]
            charts.append(Chart(title=title, names={name: label}, **_table()["signal"]))
    charts = [*map(_score_chart, scored), *_loss_charts(recorded, listed), *charts]
    floors = mapping(report.scores, "floor")
    found_figures = []
    for chart in charts:
        series = [
            Series(label=label, x=found.x, y=tuple(y * chart.factor for y in found.y))
            for name, label in chart.names.items()
            if (found := scored.get(name) or recorded.get(name)) is not None
        ]
        group, _, score = next(iter(chart.names)).partition(".")
        floor = finite(floors.get(score)) if group == "scores" else None
        if any(curve.last is not None for curve in series):
            found_figures.append(Figure(chart, series, floor))
    return found_figures


def record(events: Iterable[Mapping[str, Any]]) -> dict[str, Series]:
    """Returns every series that `events` hold, under "losses.NAME", "signals.NAME", "scores.NAME"
    and "images_per_second".

    Values that are not numbers are left out (null: not measured); NaN and infinities, which JSON
    holds by name, stay to be shown.
    """
    points: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        values = {
            f"{group}.{name}": value
            for group in ("losses", "signals", "scores")
            for name, value in mapping(event, group).items()
        }
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
    # No chart holds more curves than there are colours to tell them apart.
    return [
        Chart(names={name: _label(name) for name in names[at : at + COLOURS]}, **_table()[kind])
        for kind, names in (("losses", players), ("penalties", penalties))
        for at in range(0, len(names), COLOURS)
    ]


def _score_chart(name: str) -> Chart:
    label = name.removeprefix("scores.")
    kind = "distance" if is_distance(label) else "score"
    return Chart(title=label, names={name: label}, **_table()[kind])


def _label(name: str) -> str:
    plain = name.split(".", 1)[-1].replace("_", " ")
    return plain.upper() if plain in ("r1", "r2") else plain
