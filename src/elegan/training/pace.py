"""How fast a run goes and where it ends: threads, epochs and minutes are settled when it begins."""

import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from elegan.common import distributed
from elegan.common.precision import Precision
from elegan.data.batches import Stream
from elegan.settings import TrainSettings
from elegan.training.console import Console
from elegan.training.loop import TrainingLoop
from elegan.training.run_folder import RunFolder
from elegan.training.task import Task

MakeTask = Callable[[], Task]
_ENDLESS = 1 << 40  # images, of a run that is timed
_TRIAL = 1.5  # seconds of steps at each number of threads
_WORTH_MORE = 20.0  # seconds of steps; of shorter runs one cycle of steps is all that is timed
_MEASURING = 0.2  # share of a run's time that ticks and snapshots may take
_LEAST = 8, 2  # ticks and snapshots of the shortest run
_CHANGE_FROM = 1.5  # times as fast as the number of threads that a resumed run began with


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What the parts of a run take, in seconds.

    Attributes:
        image: one image's share of a step.
        tick, snapshot: one of each.
        rest: after the last step, scoring and the report.
        reason: number of threads and speed, in words.
    """

    image: float
    tick: float = 0.0
    snapshot: float = 0.0
    rest: float = 0.0
    reason: str = ""

    def seconds(self, images: int, settings: TrainSettings) -> float:
        """Returns what so many images take, with their ticks, snapshots and scores."""
        return images * self.image + self._besides(settings)

    def images(self, seconds: float, settings: TrainSettings) -> int:
        """Returns how many images fit into the seconds; a quarter of these at least is training."""
        training = max(seconds - self._besides(settings), seconds / 4)
        return distributed.largest(max(settings.batch, int(training / self.image)))

    def lightened(self, settings: TrainSettings, goal: int | None) -> TrainSettings:
        """Returns settings with so few ticks and snapshots that they take a fifth of the time.

        Args:
            goal: images; None where the settings' minutes say when the run ends.
        """
        total = 60 * (settings.minutes or 0) if goal is None else goal * self.image
        measured = settings.ticks * self.tick + settings.snapshots * self.snapshot
        share = min(1.0, _MEASURING * total / measured) if measured else 1.0
        ticks, snapshots = (
            distributed.largest(max(min(most, least), int(most * share)))
            for most, least in ((settings.ticks, _LEAST[0]), (settings.snapshots, _LEAST[1]))
        )
        return replace(settings, ticks=ticks, snapshots=snapshots)

    def _besides(self, settings: TrainSettings) -> float:
        return settings.ticks * self.tick + settings.snapshots * self.snapshot + self.rest


def from_epochs(settings: TrainSettings, batches: Stream) -> int:
    """Returns the images in so many passes over the training images, held-out ones not counted."""
    return max(settings.batch, math.ceil((settings.epochs or 0) * batches.training_count))


def measure_pace(
    settings: TrainSettings,
    batches: Stream,
    make_task: MakeTask,
    precision: Precision,
    task: Task,
    *,
    goal: int | None,
    final_scores: float,
    kept: int | None = None,
) -> Pace:
    """Measures how fast a run will go, and sets the number of threads that make it fastest.

    Args:
        task: the run's own, whose scores are timed (they change nothing in it).
        goal: images that are to be seen; None where the minutes are given.
        final_scores: what the scores at the end take, in first quick scores of the run.
        kept: the threads that a resumed run began with. Other ones change the last digits of what
            it computes, so they are taken only where they are half as fast again.
    """

    def measure(trial: float) -> float:
        return measure_speed(settings, batches, make_task, precision, trial / 3)

    among = _candidates(precision, batches.world)
    if goal is not None:
        threads = kept if kept in among else among[0]
        torch.set_num_threads(threads)
        speed = measure(0.0)
        if not distributed.largest(int(goal >= speed * _WORTH_MORE)):  # all processes alike
            return Pace(image=1 / speed, reason=f"computing with {_threads(threads)}")
    seconds = 60 * settings.minutes if settings.minutes else math.inf
    trial = min(_TRIAL, max(0.2, 0.03 * seconds))
    speed, reason = settle_threads(measure, trial, kept=kept, among=among)
    tick = _timed(task.signals)
    first, later = _timed(task.score), _timed(task.score)  # the first measures real images too
    image = 1 / speed + (0 if settings.snapshots else later / batches.training_count)
    return Pace(image=image, tick=tick, snapshot=later, rest=final_scores * first, reason=reason)


def _candidates(precision: Precision, world: distributed.World) -> tuple[int, ...]:
    """All threads, half of them and so on to one; what the person or the launcher set stays."""
    most = torch.get_num_threads()
    if precision.device.type != "cpu" or world.size > 1 or "OMP_NUM_THREADS" in os.environ:
        return (most,)
    return tuple(most >> halved for halved in range(most.bit_length()))


def settle_threads(
    measure: Callable[[float], float], trial: float, *, kept: int | None, among: tuple[int, ...]
) -> tuple[float, str]:
    """Sets the fastest number of threads; returns its images a second, and words for it.

    Args:
        measure: seconds -> images a second with the threads that are set.
        trial: seconds for each number.
        kept: what a resumed run began with; it stays unless another is half as fast again.
        among: numbers to try, falling.

    Beside another busy process two threads on two cores can be slower than one: each waits for the
    other, which waits for the processor.
    """
    found: dict[int, float] = {}
    for count in among:
        torch.set_num_threads(count)
        found[count] = measure(trial)
        if kept is None and found[count] < 0.8 * max(found.values()):
            break  # fewer still will not be faster
    chosen = max(found, key=lambda count: found[count])
    if kept in found and found[chosen] < _CHANGE_FROM * found[kept]:
        chosen = kept
    torch.set_num_threads(chosen)
    speeds = "; ".join(f"{_threads(count)} {found[count]:,.0f} images/s" for count in found)
    why = " (OMP_NUM_THREADS)" if "OMP_NUM_THREADS" in os.environ else ""
    reason = f"computing with {_threads(chosen)}{why}: {speeds}"
    if kept is not None and chosen != kept:
        reason += (
            f". It began with {_threads(kept)}: from here on numbers may differ in their last"
            " digits from those of a run without a break"
        )
    return found[chosen], reason


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _timed(measure: Callable[[], object]) -> float:
    began = time.perf_counter()
    measure()
    return time.perf_counter() - began


def measure_speed(
    settings: TrainSettings,
    batches: Stream,
    make_task: MakeTask,
    precision: Precision,
    minutes: float,
) -> float:
    """Returns images per second of real steps on networks that are then thrown away.

    It takes a twentieth of `minutes`, at most 15 seconds; of networks so slow that four cycles of
    the lazy penalties do not fit, up to three times that. Whole cycles are timed, and the median
    cycle counts, so that neither warm-up nor another process's burst decides. Where the
    discriminator rests at first, both parts of the run are timed.
    """
    rests = settings.translate.adversarial_from
    both = ((0, rests), (math.ceil(rests * _ENDLESS), 1 - rests))
    parts = {first: share for first, share in both if share}
    loop = passing_loop(settings, batches, make_task, precision)
    budget = min(15.0, minutes * 60 * 0.05) / len(parts)
    each = {first: _seconds_an_image(loop, first, budget) for first in parts}
    return 1 / sum(share * each[first] for first, share in parts.items())


def passing_loop(
    settings: TrainSettings, batches: Stream, make_task: MakeTask, precision: Precision
) -> TrainingLoop:
    """Returns a loop whose steps are measured and whose networks are then thrown away."""
    return TrainingLoop(
        task=make_task(),
        batches=batches,
        folder=RunFolder(Path()),
        settings=settings,
        precision=precision,
        console=Console(RunFolder(Path()), quiet=True),
        stop=_ENDLESS,
    )


def _seconds_an_image(loop: TrainingLoop, position: int, budget: float) -> float:
    """Times steps from `position` on, for about `budget` seconds."""
    settings, cycles = loop.settings, []
    cycle, began = settings.loss.penalty_every, time.perf_counter()
    while distributed.largest(_goes_on(len(cycles), time.perf_counter() - began, budget)):
        start = time.perf_counter()
        for _ in range(cycle):
            loop.step(loop.batches.at(position))
            position += settings.batch
        cycles.append(time.perf_counter() - start)
    return statistics.median(cycles[1:] or cycles) / (cycle * settings.batch)


def _goes_on(cycles: int, passed: float, budget: float) -> int:
    return int(cycles < 1 or passed < budget or (cycles < 4 and passed < 3 * budget))
