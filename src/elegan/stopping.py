"""Stop rules: epochs and minutes become a count of images, once, when a run begins."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from elegan.engine import distributed
from elegan.engine.batches import Stream
from elegan.engine.console import Console
from elegan.engine.duel import Duel
from elegan.engine.run_folder import RunFolder
from elegan.engine.task import Task
from elegan.machine.precision import Precision
from elegan.settings import PRESETS, TrainSettings

_ENDLESS = 1 << 40  # images, of a run that is timed


def resolve_stop(
    settings: TrainSettings,
    batches: Stream,
    make_task: Callable[[], Task],
    precision: Precision,
    console: Console,
) -> TrainSettings:
    """Turns epochs or minutes into images, once; a resumed run reads the count."""
    images = settings.images
    if settings.epochs:
        images = from_epochs(settings, batches)
    elif settings.minutes:
        speed = measure_speed(settings, batches, make_task, precision, settings.minutes)
        images = distributed.largest(max(settings.batch, int(speed * settings.minutes * 60)))
        console.say(
            f"measured {speed:,.0f} images/s: {settings.minutes:g} minutes are {images:,} images"
        )
    images = images or PRESETS[settings.preset].images
    return dataclasses.replace(settings, images=images, epochs=None, minutes=None)


def from_epochs(settings: TrainSettings, batches: Stream) -> int:
    """Returns the images in so many passes over the training images, held-out ones not counted."""
    return max(settings.batch, math.ceil((settings.epochs or 0) * batches.training_count))


def measure_speed(
    settings: TrainSettings,
    batches: Stream,
    make_task: Callable[[], Task],
    precision: Precision,
    minutes: float,
) -> float:
    """Returns images per second of real steps on networks that are then thrown away.

    Whole cycles of the lazy penalties are timed, and the median cycle counts, so that neither
    warm-up nor another process's burst decides. Where the discriminator rests at first, both parts
    of the run are timed.
    """
    rests = settings.translate.adversarial_from
    both = ((0, rests), (math.ceil(rests * _ENDLESS), 1 - rests))
    parts = {first: share for first, share in both if share}
    duel = Duel(
        task=make_task(),
        batches=batches,
        folder=RunFolder(Path()),
        settings=settings,
        precision=precision,
        console=Console(RunFolder(Path()), quiet=True),
        stop=_ENDLESS,
    )
    budget = min(15.0, max(2.0, minutes * 60 * 0.05)) / len(parts)
    each = {first: _seconds_an_image(duel, first, budget) for first in parts}
    return 1 / sum(share * each[first] for first, share in parts.items())


def _seconds_an_image(duel: Duel, position: int, budget: float) -> float:
    """Times steps from `position` on, for about `budget` seconds."""
    settings, cycles = duel.settings, []
    cycle, began = settings.loss.penalty_every, time.perf_counter()
    while len(cycles) < 4 or distributed.largest(int(time.perf_counter() - began < budget)):
        start = time.perf_counter()
        for _ in range(cycle):
            duel.step(duel.batches.at(position))
            position += settings.batch
        cycles.append(time.perf_counter() - start)
    return statistics.median(cycles[1:]) / (cycle * settings.batch)
