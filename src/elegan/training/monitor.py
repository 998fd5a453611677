"""How a run stands in plain words, at each tick and over its whole course."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from elegan.settings import TrainSettings
from elegan.training.alarms import RULES, Alarm, Figures, Situation

# The fooling rate is a share of pairs; at 0.5 the discriminator cannot tell.
DISCRIMINATOR_WINS, GENERATOR_WINS = 0.03, 0.9


def health(
    signals: Figures,
    progress: float,
    history: Sequence[Mapping[str, Any]] = (),
    *,
    losses: Figures | None = None,
    images: int | None = None,
    settings: TrainSettings | None = None,
    takes_loss_flags: bool = True,
) -> tuple[str, list[Alarm]]:
    """Returns (a sentence, the alarms).

    Alarms about variety wait until a tenth of the run is over: every generator begins with one
    blob. Those that need a trend are silent without a history.

    Args:
        signals: what the task measured; a missing signal is not judged.
        progress: share of the run done, 0..1.
        history: the run's events up to now, of which earlier ticks and the guard's acts count.
        losses: means since the last tick.
        images: training images.
        settings: of the run; without them a remedy may name what is on already.
        takes_loss_flags: whether a remedy may name those of losses and augmentation.
    """
    ticks = [event for event in history if event.get("event") == "tick"]
    if losses:  # where the discriminator has just begun, its gradients are compared with none
        plays = "discriminator" in losses
        ticks = [tick for tick in ticks if ("discriminator" in _mapping(tick, "losses")) == plays]
    situation = Situation(
        signals=signals,
        losses=losses or {},
        progress=progress,
        ticks=[_mapping(tick, "signals") for tick in ticks],
        losses_before=[_mapping(tick, "losses") for tick in ticks],
        **_guard(history),
        images=images,
        settings=settings,
        takes_loss_flags=takes_loss_flags,
    )
    alarms = [alarm for rule in RULES if (alarm := rule(situation)) is not None]
    sentence = _sentence(signals)
    if alarms:  # nothing that reassures beside them
        names = ", ".join(alarm.name for alarm in alarms)
        sentence = f"alarm {names}: {sentence.rpartition(': ')[2]}"
    elif signals.get("coverage") is not None:
        sentence += f"; coverage {signals['coverage']:.0%}"
    return sentence, alarms


def judge_again(
    events: Sequence[Mapping[str, Any]], *, stop: int, images: int | None = None
) -> list[dict[str, Any]]:
    """Returns the ticks of a kept run with the alarms that the present rules raise on its signals.

    Args:
        events: of the run, in the order written; each tick is judged by what came before it.
        stop: images at which the run was to end.
        images: training images; without them nothing is said of their number.
    """
    ticks = []
    for place, event in enumerate(events):
        if event.get("event") == "tick":
            _, alarms = health(
                _mapping(event, "signals"),
                event["images"] / stop,
                events[:place],
                losses=_mapping(event, "losses"),
                images=images,
            )
            ticks.append({**event, "alarms": [asdict(alarm) for alarm in alarms]})
    return ticks


def _sentence(signals: Figures) -> str:
    if "confident" in signals:
        return f"{signals['confident']:.0%} of real images checked are classified with confidence"
    if "psnr" in signals:
        gain = signals["psnr"] - signals.get("psnr_baseline", signals["psnr"])
        return f"{signals['psnr']:.2f} dB from the truth, {gain:+.2f} dB over the input"
    if "fooling_rate" not in signals:
        return "nothing is measured at this tick but the losses"
    fooling = signals["fooling_rate"]
    if fooling < DISCRIMINATOR_WINS:
        return f"the discriminator is ahead: {1 - fooling:.0%} of fakes caught"
    if fooling > GENERATOR_WINS:
        return f"the generator is ahead: {fooling:.0%} of fakes pass for real"
    return f"evenly matched: {fooling:.0%} of fakes pass for real"


def _mapping(event: Mapping[str, Any], name: str) -> Figures:
    found = event.get(name)
    return found if isinstance(found, Mapping) else {}


def _guard(history: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Counts what the guard did since the last tick."""
    acts: list[str] = []
    for event in history:
        if event.get("event") == "tick":
            acts = []
        elif event.get("event") == "guard":
            acts.append(str(event.get("action")))
    return {"skips": acts.count("skip"), "rollbacks": acts.count("rollback")}


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

    def to_dict(self) -> dict[str, Any]:
        """Returns JSON values."""
        times = {"first": self.first, "last": self.last, "ticks": self.ticks, "stands": self.stands}
        return {**asdict(self.alarm), **times}


def read_alarms(tick: Mapping[str, Any]) -> list[Alarm]:
    """Returns the alarms of a tick; an old one, a plain sentence, is named by its words."""
    found = tick.get("alarms")
    alarms = []
    for item in found if isinstance(found, list) else []:
        if isinstance(item, Mapping):
            fields = {name: str(item.get(name, "")) for name in ("name", "text", "remedy")}
            alarms.append(Alarm(**fields))
        else:
            words = re.sub(r"[\d.,]+ ?%?", "", str(item)).strip()  # the same but for its figures
            alarms.append(Alarm(name=words[:40], text=str(item), remedy=""))
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
