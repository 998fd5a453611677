"""Writes what a person reads about a run: `report.html` and, beside its model, the model card.

Here their contents are collected; `templates/run.html` and `templates/card.md` say them.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from elegan.common.errors import EleganError
from elegan.common.files import write_durably
from elegan.metrics.neighbours import describe_copies
from elegan.reports import words
from elegan.reports.charts import event_marks, figures
from elegan.reports.html import Picture, embed, fill
from elegan.reports.report_data import ReportData, Sample, collect, find, finite, mapping
from elegan.reports.scores import class_shares, copied_spaces
from elegan.training.monitor import alarm_spans
from elegan.training.task import TaskSpec

MAX_STRIP = 8
SHEET_WIDTH, STRIP_WIDTH = 1120, 520
CAPACITY = {
    "parameters": "Parameters",
    "macs": "Multiplications an image",
    "activations": "Activations an image",
    "receptive_field": "Sees, in pixels",
}
# A class this far from its share of the real images is named among the limits.
LEAST_SHARE, GREATEST_SHARE = 0.7, 1.3


def write_report(run: Path, spec: TaskSpec | None = None) -> Path:
    """Writes `run/report.html`, whole or not at all, and returns its path.

    The page holds its pictures, curves and style; it loads nothing. A run that was killed or has
    lost files still gets a page, which says what was missing. Beside a model its card is written,
    `run/model/README.md`.

    Args:
        spec: of the run's task, which says how what it delivers is used.

    Raises:
        EleganError: `run` is no run folder, or a file cannot be written there.
    """
    run = Path(run)
    target = run / "model" / "README.md"
    report = collect(run, spec)
    try:
        if report.has_model:
            write_durably(target, model_card(report))
        target = run / "report.html"  # last: it tells that a run is finished
        write_durably(target, render(report))
    except OSError as error:
        raise EleganError(
            f"Could not write '{target}': {error.strerror}. Free some space or make the folder "
            f"writable, then type 'elegan report {run}'."
        ) from error
    return target


def render(report: ReportData) -> str:
    """Returns the whole page for `report`."""
    data, preset = words.data_name(report), find(report.settings, "preset")
    lead = [part for part in (data, preset) if isinstance(part, str) and part]
    lead += [words.images_text(report.images), f"{words.duration(report.seconds)} of training"]
    return fill(
        "run.html",
        report=report,
        title=report.run.resolve().name,
        lead=", ".join(lead),
        sheet=next(_sheets(reversed(report.samples), SHEET_WIDTH), None),
        said_of_copies=describe_copies(copied_spaces(report.scores)),
        progress=list(_sheets(spread(report.samples, MAX_STRIP), STRIP_WIDTH)),
        figures=figures(report),
        marks=event_marks(report),
        capacity=_capacity(report),
        signals=mapping(report.ticks[-1], "signals") if report.ticks else {},
        events=_events(report),
        sheet_width=SHEET_WIDTH,
    )


def model_card(report: ReportData) -> str:
    """Returns the model card of a run as Markdown.

    What the run folder does not say is left out or named as unknown; nothing is guessed.
    """
    commands = "\n".join(command.text for command in words.commands(report))
    fence = "```"
    while fence in commands:
        fence += "`"
    return fill(
        "card.md",
        report=report,
        title=report.run.resolve().name,
        uneven=[
            share
            for share in class_shares(report.scores, words.class_names(report))
            if share.real and not LEAST_SHARE <= share.generated / share.real <= GREATEST_SHARE
        ],
        commands=commands,
        fence=fence,
    )


def spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """Picks at most `count` samples, evenly in the logarithm of images seen, ends included.

    A generator changes most at the start: even steps would show one sketch and seven alike.
    """
    if len(samples) <= count:
        return list(samples)
    first, last = samples[0], samples[-1]
    low, high = math.log(max(first.images, 1)), math.log(max(last.images, 2))
    if first.images == 0:
        low = math.log(max(samples[1].images, 1))
    chosen = {first, last}
    for step in range(1, count - 1):
        target = math.exp(low + (high - low) * step / (count - 1))
        rest = [sample for sample in samples if sample not in chosen]
        chosen.add(min(rest, key=lambda sample: abs(sample.images - target)))
    return sorted(chosen, key=lambda sample: sample.images)


def _sheets(samples: Iterable[Sample], width: int) -> Iterator[tuple[int, Picture]]:
    """Yields the images seen and the sheet of each sample that can be read."""
    for sample in samples:
        picture = embed(sample.path, width=width)
        if picture is not None:
            yield sample.images, picture


def _capacity(report: ReportData) -> list[list[str]]:
    """Returns how large each player is, as the run noted it when it began, a head first; or []."""
    noted = (event.get("capacity") for event in reversed(report.of("start", "resume")))
    found = next((sizes for sizes in noted if isinstance(sizes, Mapping)), {})
    players = ("generator", "discriminator")
    sizes = {name: found[name] for name in players if isinstance(found.get(name), Mapping)}
    columns = {
        name: head
        for name, head in CAPACITY.items()
        if any(finite(size.get(name)) is not None for size in sizes.values())
    }
    rows = [[name, *(_count(size.get(key)) for key in columns)] for name, size in sizes.items()]
    return [["Player", *columns.values()], *rows] if rows else []


def _count(value: object) -> str:
    number = finite(value)
    if number is None:
        return ""
    return words.short_count(int(number)) if number >= 10_000 else f"{number:,.0f}"


def _events(report: ReportData) -> list[tuple[int, str, str, str]]:
    """Returns resumes, acts of the guard, the end and alarms: images seen, kind, label, text."""
    rows: list[tuple[int, str, str, str]] = []
    for event in report.of("guard", "resume", "stop"):
        kind = str(event["event"])
        said = [str(event[key]) for key in ("action", "reason") if event.get(key)]
        if kind == "resume" and not said:
            said = ["continued from a checkpoint"]
        rows.append((event["images"], kind, kind, ": ".join(said)))
    for span in alarm_spans(report.ticks):
        until = "" if span.first == span.last else f" (until {words.images_text(span.last)})"
        until = " (it stands)" if span.stands else until
        label = f"alarm: {span.alarm.name}" if span.alarm.remedy else "alarm"
        rows.append((span.first, "alarm", label, span.alarm.text + until))
    return sorted(rows, key=lambda row: row[0])
