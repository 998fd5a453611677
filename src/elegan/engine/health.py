"""One line in plain words about how the duel stands, and the alarms that the figures raise."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from elegan.engine.alarms import RULES, Alarm, Figures, Situation
from elegan.settings import TrainSettings

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
    """
    ticks = [event for event in history if event.get("event") == "tick"]
    if losses:  # where the discriminator has just begun, its gradients are compared with none
        plays = "discriminator" in losses
        ticks = [one for one in ticks if ("discriminator" in _mapping(one, "losses")) == plays]
    situation = Situation(
        signals=signals,
        losses=losses or {},
        progress=progress,
        ticks=[_mapping(tick, "signals") for tick in ticks],
        losses_before=[_mapping(tick, "losses") for tick in ticks],
        **_guard(history),
        images=images,
        settings=settings,
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
    return f"a fair duel: {fooling:.0%} of fakes pass for real"


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
