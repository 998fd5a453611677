"""The whole course of a run in plain words: which alarm stood when, whether it lasted, what to do.

Ticks are read as they were written, which may have been by an earlier version or not to the end.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from elegan.engine.alarms import Alarm

GAP = 2
"""Ticks without it after which an alarm counts as over; one that flickers is one alarm."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """An alarm from its first tick to its last.

    Attributes:
        alarm: as it was last worded.
        first, last: images seen at those ticks.
        ticks: at how many ticks it stood.
        stands: whether it still stood at the run's last tick.
    """

    alarm: Alarm
    first: int
    last: int
    ticks: int
    stands: bool

    def facts(self) -> dict[str, Any]:
        """Returns JSON values."""
        times = {"first": self.first, "last": self.last, "ticks": self.ticks, "stands": self.stands}
        return {**asdict(self.alarm), **times}


def read_alarms(tick: Mapping[str, Any]) -> list[Alarm]:
    """Returns the alarms of a tick; an old one, a plain sentence, is named by its words."""
    found = tick.get("alarms")
    alarms = []
    for one in found if isinstance(found, list) else []:
        if isinstance(one, Mapping):
            fields = {name: str(one.get(name, "")) for name in ("name", "text", "remedy")}
            alarms.append(Alarm(**fields))
        else:
            words = re.sub(r"[\d.,]+ ?%?", "", str(one)).strip()  # the same but for its figures
            alarms.append(Alarm(name=words[:40], text=str(one), remedy=""))
    return alarms


def alarm_spans(ticks: Sequence[Mapping[str, Any]]) -> list[Span]:
    """Returns every alarm of these ticks, by the time it was first raised."""
    open_: dict[str, tuple[int, list[int], Alarm]] = {}  # first place, places, last wording
    closed: list[tuple[list[int], Alarm]] = []
    for place, tick in enumerate(ticks):
        for alarm in read_alarms(tick):
            before = open_.get(alarm.name)
            if before is not None and place - before[1][-1] > GAP:
                closed.append((before[1], before[2]))
                before = None
            places = before[1] if before is not None else []
            open_[alarm.name] = (place, [*places, place], alarm)
    closed += [(places, alarm) for _, places, alarm in open_.values()]
    spans = [
        Span(
            alarm=alarm,
            first=int(ticks[places[0]]["images"]),
            last=int(ticks[places[-1]]["images"]),
            ticks=len(places),
            stands=places[-1] == len(ticks) - 1,
        )
        for places, alarm in closed
    ]
    return sorted(spans, key=lambda span: span.first)


def describe_course(ticks: Sequence[Mapping[str, Any]], guards: Iterable[Mapping[str, Any]]) -> str:
    """Returns lines for a terminal: the alarms that stand with their remedies, then those over."""
    spans = alarm_spans(ticks)
    lines = []
    for span in spans:
        if span.stands:
            since = f"since {span.first:,} images, at {span.ticks} of {len(ticks)} ticks"
            lines += [f"alarm{_name(span.alarm)} ({since}): {span.alarm.text}"]
            lines += [f"  what to do: {span.alarm.remedy}"] if span.alarm.remedy else []
    for span in spans:
        if not span.stands:
            until = "" if span.last == span.first else f" to {span.last:,}"
            lines.append(
                f"over:{_name(span.alarm)} (from {span.first:,}{until} images): {span.alarm.text}"
            )
    if not spans:
        lines.append(f"no alarm was raised at any of {len(ticks)} ticks")
    acts = list(guards)
    if acts:
        counts = {kind: sum(act.get("action") == kind for act in acts) for kind in _ACTS}
        said = ", ".join(f"{_ACTS[kind]} {count}" for kind, count in counts.items() if count)
        lines.append(f"guard: {said}; the last time: {acts[-1].get('reason')}")
    return "\n".join(lines)


def _name(alarm: Alarm) -> str:
    """An old sentence, which came without a remedy, has no name worth showing."""
    return f" {alarm.name}" if alarm.remedy else ""


_ACTS = {"skip": "steps skipped:", "rollback": "returns to a checkpoint:", "stop": "stops:"}
