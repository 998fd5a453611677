"""How a report says numbers, states and next steps; shared by the HTML page and the model card."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elegan.report.collect import RunFacts, find, finite
from elegan.report.comparison import translates
from elegan.training.alarms import Alarm
from elegan.training.monitor import read_alarms


@dataclass(frozen=True, kw_only=True)
class Command:
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


def duration(seconds: float) -> str:
    """Returns "48 s", "4 min", "4 min 02 s" or "3 h 07 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60:02d} s" if whole % 60 else "")
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def data_name(facts: RunFacts) -> str:
    """Returns the data as the person typed it, or as its reader named it; "" when unknown."""
    typed = facts.settings.get("data")
    if isinstance(typed, Mapping):
        typed = typed.get("data") or typed.get("name") or typed.get("source")
    return str(typed or facts.data.get("name") or "")


def machine(facts: RunFacts) -> dict[str, str]:
    """Returns what the run computed on and with: device, threads, precision; what is known."""
    documents = (facts.environment, *reversed(facts.of("start", "resume")), facts.settings)
    found: dict[str, str] = {}
    for label, names in (
        ("Device", ("device",)),
        ("Threads", ("threads", "num_threads")),
        ("Precision", ("precision", "dtype")),
    ):
        value = next(
            (v for d in documents if (v := find(d, *names)) not in (None, "", "auto")), None
        )
        if value is not None and not isinstance(value, Mapping | list):
            found[label] = str(value)
    return found


def finished(facts: RunFacts) -> bool:
    """Whether training reached its goal, so that there is nothing left to resume."""
    return facts.stop is not None and facts.stop.get("reason", "done") == "done"


def state(facts: RunFacts) -> str:
    """Returns one sentence: whether and why training ended."""
    if not facts.events:
        return "No training event was recorded."
    goal = find(facts.settings, "images")
    of_goal = f" of {goal:,}" if isinstance(goal, int) and goal > facts.images else ""
    at = f"{facts.images:,}{of_goal} images, {duration(facts.seconds)} of training"
    if finished(facts):
        return f"Training reached its goal after {at}."
    if facts.stop is not None:
        return f"Training was stopped ({facts.stop.get('reason')}) after {at}; all is saved."
    if facts.events[-1].get("action") == "stop":
        return f"The guard stopped training after {at}."
    return f"No end was recorded after {at}: training still goes on, or it was interrupted."


def health(facts: RunFacts) -> str:
    """Returns the latest health line of the run; "" when none was written."""
    lines = (str(tick["health"]) for tick in reversed(facts.ticks) if tick.get("health"))
    line = next(lines, "")
    return line[:1].upper() + line[1:]


def alarms(facts: RunFacts) -> list[Alarm]:
    """Returns the alarms of the latest tick."""
    return read_alarms(facts.ticks[-1]) if facts.ticks else []


def speed(facts: RunFacts) -> float | None:
    """Returns images a second over the last quarter of the ticks, at least one; None if unknown.

    The first ticks are left out: they hold the warm-up.
    """
    values = [v for tick in facts.ticks if (v := finite(tick.get("images_per_second"))) is not None]
    tail = values[-max(1, len(values) // 4) :]
    return sum(tail) / len(tail) if tail else None


def verdict_counts(facts: RunFacts) -> dict[str, int]:
    """Returns how many files were used, converted and skipped."""
    counted = facts.data.get("files")
    if isinstance(counted, Mapping):
        return {
            str(name): int(count) for name, value in counted.items() if (count := finite(value))
        }
    counts: dict[str, int] = {}
    for verdict in verdicts(facts):
        action = str(verdict.get("action", "unknown"))
        counts[action] = counts.get(action, 0) + 1
    return counts


def class_names(facts: RunFacts) -> list[str]:
    """Returns the names of the data's classes, in the order of their labels."""
    classes = facts.data.get("classes")
    return [str(name) for name in classes] if isinstance(classes, Mapping | list) else []


def verdicts(facts: RunFacts) -> list[Mapping[str, Any]]:
    """Returns the verdict on each file of the data: file, action, reason."""
    found = facts.data.get("verdicts")
    if not isinstance(found, list):
        return []
    return [verdict for verdict in found if isinstance(verdict, Mapping)]


def commands(facts: RunFacts) -> list[Command]:
    """Returns what to type next, with this run's path, quoted for a shell."""
    run = shlex.quote(str(facts.run))
    data = shlex.quote(data_name(facts) or "DATA")
    found = []
    task, target = (
        find(facts.settings, "task"),
        find(facts.settings.get("translate") or {}, "target"),
    )
    beside = f" --target {shlex.quote(str(target))}" if target else ""
    if facts.has_model and translates(facts):
        found += [
            Command(text=f"elegan {task} photo.jpg --model {run} --out made", purpose="Use it"),
            Command(text=f"elegan evaluate {run} {data}{beside}", purpose="Scores on other photos"),
        ]
    elif facts.has_model and str(task).startswith("characters"):
        whole = shlex.quote(str(facts.run.parent))  # a stage draws together with the others
        drawing = f"elegan character --model {whole} --stages --out made"
        found.append(Command(text=drawing, purpose="Use it, once all stages are trained"))
    elif facts.has_model:
        found += [
            Command(text=f"elegan generate {run} -n 64 --out sheet.png", purpose="64 new images"),
            Command(
                text=f"elegan generate {run} -n 10000 --out samples.npz",
                purpose="10,000 images as one array",
            ),
            Command(
                text=f"elegan interpolate {run} --out walk.gif",
                purpose="A walk through the latent space",
            ),
            Command(
                text=f"elegan evaluate {run} {data}",
                purpose="Scores, with real against real beside each",
            ),
        ]
    if facts.has_checkpoint and not finished(facts):
        found.append(
            Command(text=f"elegan resume {run}", purpose="Go on from the latest checkpoint")
        )
    found.append(Command(text=f"elegan report {run}", purpose="Write this page again"))
    return found
