"""Writes what a person reads about a run: `report.html` and, beside its model, the model card.

Here their contents are collected; `templates/run.html` and `templates/card.md` say them.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from elegan.engine.history import alarm_spans
from elegan.errors import EleganError
from elegan.machine.files import write_durably
from elegan.measure.copies import describe_copies
from elegan.report import words
from elegan.report.charts import charts, event_marks
from elegan.report.html import Picture, embed, fill
from elegan.report.report_data import ReportData, Sample, collect, find, finite, flatten
from elegan.report.scores import (
    class_shares,
    class_table,
    comparison_cells,
    copied_spaces,
    headline,
    protocol,
    score_rows,
)

MAX_STRIP = 8
MAX_ROWS = 200
MAX_PAIRS = 8  # of each space
MAX_MEMBERS = 24
SHEET_WIDTH, STRIP_WIDTH = 1120, 520
TABLED = ("verdicts", "files")  # in a table of their own
DATA_PICTURES = {
    "Real images, as read": "real.png",
    "The first batch, as the discriminator saw it": "first-batch.png",
}
CAPACITY = {
    "parameters": "Parameters",
    "macs": "Multiplications an image",
    "activations": "Activations an image",
    "receptive_field": "Sees, in pixels",
}
FEW_IMAGES = 1000
# A class this far from its share of the real images is named among the limits.
LEAST_SHARE, GREATEST_SHARE = 0.7, 1.3


def write_report(run: Path) -> Path:
    """Writes `run/report.html`, whole or not at all, and returns its path.

    The page holds its pictures, curves and style; it loads nothing. A run that was killed or has
    lost files still gets a page, which says what was missing. Beside a model its card is written,
    `run/model/README.md`.

    Raises:
        EleganError: `run` is no run folder, or a file cannot be written there.
    """
    run = Path(run)
    target = run / "model" / "README.md"
    report = collect(run)
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
    rows = score_rows(report.scores)
    shares = class_shares(report.scores, words.class_names(report))
    spaces = copied_spaces(report.scores)
    data_pictures = [
        (caption, embed(report.run / name, width=SHEET_WIDTH // 2))
        for caption, name in DATA_PICTURES.items()
    ]
    return fill(
        "run.html",
        report=report,
        title=report.run.resolve().name,
        lead=", ".join(lead),
        sheet=next(_sheets(reversed(report.samples), SHEET_WIDTH), None),
        headline=headline(rows),
        caution=find(report.scores.get("extractor") or {}, "caution"),
        find=find,
        comparison=comparison_cells(report.scores),
        scores=rows,
        protocol=" ".join(protocol(report.scores)),
        shares=shares,
        greatest_share=max((max(s.generated, s.real or 0.0) for s in shares), default=0.0) or 1.0,
        classes=class_table(report),
        copies={space: _pairs(found["pairs"]) for space, found in spaces.items()},
        said_of_copies=describe_copies(spaces),
        copies_sheet=embed(report.run / "copies.png", width=SHEET_WIDTH),
        progress=list(_sheets(spread(report.samples, MAX_STRIP), STRIP_WIDTH)),
        figures=charts(report),
        marks=event_marks(report),
        capacity=_capacity(report),
        overfitting=_overfitting(report),
        data_pictures=[(caption, picture) for caption, picture in data_pictures if picture],
        data=[
            (name, value)
            for name, value in report.data.items()
            if name not in TABLED and value not in (None, "", [], {})
        ],
        events=_events(report),
        settings=flatten(report.settings),
        environment=flatten(report.environment),
        max_rows=MAX_ROWS,
        max_members=MAX_MEMBERS,
    )


def model_card(report: ReportData) -> str:
    """Returns the model card of a run as Markdown.

    What the run folder does not say is left out or named as unknown; nothing is guessed.
    """
    data, classes = report.data, words.class_names(report)
    names = ("name", "split", "images", "resolution", "channels", "hash")
    rows = [(name, data[name]) for name in names if data.get(name) not in (None, "")]
    if classes:
        more = f" and {len(classes) - 20:,} more" if len(classes) > 20 else ""
        rows.append((f"{len(classes)} classes", ", ".join(classes[:20]) + more))
    recipe = [
        ("images seen", f"{report.images:,}"),
        ("training time", words.duration(report.seconds)),
        *((label.lower(), value) for label, value in words.machine(report).items()),
    ]
    taken = ("device", "precision", "threads", "data", "out")
    settings = flatten(report.settings)
    recipe += [(name, value) for name, value in settings if value is not None and name not in taken]
    count = finite(data.get("images"))
    commands = "\n".join(command.text for command in words.commands(report))
    fence = "```"
    while fence in commands:
        fence += "`"
    return fill(
        "card.md",
        report=report,
        title=report.run.resolve().name,
        data=rows,
        recipe=recipe,
        comparison=comparison_cells(report.scores),
        scores=score_rows(report.scores),
        protocol=" ".join(protocol(report.scores)),
        few=int(count) if count is not None and count < FEW_IMAGES else None,
        uneven=[
            share
            for share in class_shares(report.scores, classes)
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


def _pairs(found: Sequence[Any]) -> list[tuple[str, str, str, bool]]:
    """Returns sample, training image, distance and whether it is a near-copy, of nearest pairs."""
    rows = []
    for pair in found[:MAX_PAIRS]:
        if isinstance(pair, Mapping):
            relative = finite(pair.get("relative"))
            sample, file = (str(pair.get(name, "")) for name in ("sample", "file"))
            distance = "" if relative is None else f"{relative:.2f}"
            rows.append((sample, file, distance, bool(pair.get("copy"))))
    return rows


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


def _overfitting(report: ReportData) -> tuple[float, float | None] | None:
    """Returns how much higher training images score than held-out ones, and the error of it."""
    signals = report.ticks[-1].get("signals") if report.ticks else None
    if not isinstance(signals, Mapping):
        return None
    gap, error = (finite(signals.get(name)) for name in ("held_out_gap", "held_out_gap_error"))
    return None if gap is None else (gap, error)


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
