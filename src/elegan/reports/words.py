"""How a report says numbers, states and next steps; shared by the HTML page and the model card."""

import json
import math
import re
import shlex
from collections import Counter
from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

from elegan.reports.report_data import ReportData, find, finite
from elegan.training.alarms import Alarm
from elegan.training.monitor import read_alarms

_STILL_FALLS = 0.9  # of the distance at the last snapshot but one


class Command(NamedTuple):
    """A command to type next, and what it does."""

    text: str
    purpose: str


def images_text(images: int) -> str:
    """Returns "1,250,000 images" or "1 image"."""
    return f"{images:,} image{'' if images == 1 else 's'}"


def short_count(images: int) -> str:
    """Returns a count for a narrow label: 950, 12.5k, 1.25M."""
    if images < 1000:
        return str(images)
    size, unit = (1e6, "M") if images >= 999_500 else (1e3, "k")
    return f"{float(f'{images / size:.3g}'):g}{unit}"


def compact(value: float) -> str:
    """Returns `value` in three digits: 0.00123, 4.56, 12.3k, 1.2M; very small ones as 1.2e-6."""
    if not math.isfinite(value):
        return "not finite"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999.6 would round to "1e+03" below: let it become 1k here.
        if abs(value) >= size * 0.9995:
            return f"{float(f'{value / size:.3g}'):g}{unit}"
    if value and abs(value) < 1e-4:
        digits, exponent = f"{value:.1e}".split("e")
        return f"{float(digits):g}e{int(exponent)}"
    return f"{float(f'{value:.3g}'):g}"


def percent(share: float | None) -> str:
    """Returns a share of 0..1 as "12.3 %"; "" where it is unknown."""
    return "" if share is None else f"{100 * share:.1f} %"


def leaf_text(value: object) -> str:
    """Returns a JSON value as a person reads it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(str(item) for item in value)
    return json.dumps(value, ensure_ascii=False)


def plain(value: object) -> str:
    """Escapes what Markdown or HTML would read as markup; a name may hold anything."""
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value)
    text = "" if isinstance(value, Mapping) and not value else str(value)
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", escape(" ".join(text.split()), quote=False))


def duration(seconds: float) -> str:
    """Returns "48 s", "4 min", "4 min 02 s" or "3 h 07 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60:02d} s" if whole % 60 else "")
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def data_name(report: ReportData) -> str:
    """Returns the data as the person typed it, or as its reader named it; "" when unknown."""
    typed = report.settings.get("data")
    if isinstance(typed, Mapping):
        typed = typed.get("data") or typed.get("name") or typed.get("source")
    return str(typed or report.data.get("name") or "")


def translates(report: ReportData) -> bool:
    """Whether the run's model takes images, so that its sheets show inputs too."""
    return report.spec is not None and report.spec.from_images


def machine(report: ReportData) -> dict[str, str]:
    """Returns what the run computed on and with: device, threads, precision; what is known."""
    documents = (report.environment, *reversed(report.of("start", "resume")), report.settings)
    found: dict[str, str] = {}
    for label, names in (
        ("Device", ("device",)),
        ("Threads", ("threads", "num_threads")),
        ("Precision", ("precision", "dtype")),
    ):
        values = (find(document, *names) for document in documents)
        value = next((value for value in values if value not in (None, "", "auto")), None)
        if value is not None and not isinstance(value, Mapping | list):
            found[label] = str(value)
    return found


def finished(report: ReportData) -> bool:
    """Whether training reached its goal, so that there is nothing left to resume."""
    return report.stop is not None and report.stop.get("reason", "done") == "done"


def state(report: ReportData) -> str:
    """Returns one sentence: whether and why training ended."""
    if not report.events:
        return "No training event was recorded."
    goal = find(report.settings, "images")
    of_goal = f" of {goal:,}" if isinstance(goal, int) and goal > report.images else ""
    at = f"{report.images:,}{of_goal} images, {duration(report.seconds)} of training"
    if finished(report):
        return f"Training reached its goal after {at}."
    if report.stop is not None:
        return f"Training was stopped ({report.stop.get('reason')}) after {at}; all is saved."
    if report.events[-1].get("action") == "stop":
        return f"The guard stopped training after {at}."
    return f"No end was recorded after {at}: training still goes on, or it was interrupted."


def health(report: ReportData) -> str:
    """Returns the latest health line of the run; "" when none was written."""
    lines = (str(tick["health"]) for tick in reversed(report.ticks) if tick.get("health"))
    line = next(lines, "")
    return line[:1].upper() + line[1:]


def alarms(report: ReportData) -> list[Alarm]:
    """Returns the alarms of the latest tick."""
    return read_alarms(report.ticks[-1]) if report.ticks else []


def speed(report: ReportData) -> float | None:
    """Returns images a second over the last quarter of the ticks, at least one; None if unknown.

    The first ticks are left out: they hold the warm-up.
    """
    found = (finite(tick.get("images_per_second")) for tick in report.ticks)
    values = [value for value in found if value is not None]
    tail = values[-max(1, len(values) // 4) :]
    return sum(tail) / len(tail) if tail else None


def class_names(report: ReportData) -> list[str]:
    """Returns the names of the data's classes, in the order of their labels."""
    classes = report.data.get("classes")
    return [str(name) for name in classes] if isinstance(classes, Mapping | list) else []


def verdicts(report: ReportData) -> list[Mapping[str, Any]]:
    """Returns the verdict on each file of the data: file, action, reason."""
    found = report.data.get("verdicts")
    listed = found if isinstance(found, list) else []
    return [verdict for verdict in listed if isinstance(verdict, Mapping)]


def verdict_counts(report: ReportData) -> dict[str, int]:
    """Returns how many files were used, converted and skipped."""
    counted = report.data.get("files")
    if isinstance(counted, Mapping):
        numbers = {str(name): finite(value) for name, value in counted.items()}
        return {name: int(number) for name, number in numbers.items() if number}
    return dict(Counter(str(verdict.get("action", "unknown")) for verdict in verdicts(report)))


def advice(report: ReportData) -> str:
    """Returns what to do next in a sentence: what an alarm asks for, or more training, or use."""
    if any(alarm.remedy for alarm in alarms(report)):
        return "Do first what the alarm above asks for."
    if not finished(report):
        return "It can go on from where it is." if report.has_checkpoint else ""
    distances = [
        value
        for snapshot in report.snapshots
        for name, raw in (snapshot.get("scores") or {}).items()
        if name.startswith("FD-") and (value := finite(raw)) is not None
    ]
    if len(distances) > 1 and distances[-1] < _STILL_FALLS * distances[-2]:
        return "The distance was still falling at the end, so that more images would help."
    return "It is ready for use." if report.has_model else ""


def commands(report: ReportData) -> list[Command]:
    """Returns what to type next, with this run's path, quoted for a shell."""
    target = find(report.settings.get("translate") or {}, "target")
    places = {
        "run": shlex.quote(str(report.run)),
        "whole": shlex.quote(str(report.run.parent)),
        "data": shlex.quote(data_name(report) or "DATA")
        + (f" --target {shlex.quote(str(target))}" if target else ""),
    }
    found: list[Command] = []
    if report.has_model and report.spec is not None:
        asked = [(report.spec.usage, "Use it"), *report.spec.commands]
        found = [Command(command.format(**places), purpose) for command, purpose in asked]
    if report.has_checkpoint and not finished(report):
        found.append(Command(f"elegan resume {places['run']}", "Go on from the latest checkpoint"))
    return [*found, Command(f"elegan report {places['run']}", "Write this page again")]
