"""From settings to a finished run: data, folder, task, loop, scores, report."""

import contextlib
import dataclasses
import json
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

from elegan.common import VERSION, distributed
from elegan.common.errors import EleganError, UsageError, lookup
from elegan.common.files import refuse_overlap
from elegan.common.precision import Precision, choose
from elegan.data.batches import DataFacts, Stream
from elegan.networks.layers import FastDropout, PixelNoise
from elegan.settings import PRESETS, TrainSettings, from_json, validate
from elegan.training import checkpoints
from elegan.training.console import Console, duration
from elegan.training.loop import TrainingLoop
from elegan.training.pace import from_epochs, measure_pace
from elegan.training.run_folder import RunFolder, default_folder
from elegan.training.task import Hooks, Task, TaskSpec

# Between a run and its resumption; ticks and snapshots are settled when it begins.
_MAY_CHANGE = {"images", "epochs", "minutes", "out", "device", "ticks", "snapshots"}


def train(settings: TrainSettings, spec: TaskSpec, hooks: Hooks) -> None:
    """Trains, or resumes what stands in the run folder, to the stop rule.

    Raises:
        EleganError: bad data, a folder that cannot be written or belongs to another run.
        InterruptedRun: Ctrl-C or SIGTERM, after saving.
    """
    began = time.perf_counter()
    check(settings, spec)
    world = distributed.join()
    if settings.batch % world.size:
        raise UsageError(f"--batch {settings.batch} must be a multiple of {world.size} processes.")
    data = spec.open_data(settings)  # first, so that bad data leave no folder behind
    folder = run_folder(settings)
    with folder.lock() if world.leads else contextlib.nullcontext():
        _train_in(folder, settings, spec, data, world, began, hooks)


def plan(settings: TrainSettings, spec: TaskSpec) -> dict[str, Any]:
    """Returns what `train` would do, without writing anything but the data cache (--dry-run).

    How long it would take is measured for some seconds, on networks that are thrown away.
    """
    check(settings, spec)
    data = spec.open_data(settings)
    folder = run_folder(settings)
    folder.refuse_strangers()
    precision = choose(settings.device, settings.precision)
    batches, make_task = prepare(spec, settings, data, precision, distributed.World())
    asked, resumes = settings, folder.settings.exists()
    if resumes:
        settings = _agree(folder, settings, data, batches)
    task, goal = make_task(), _goal(settings, batches)
    seen = _images_seen(folder) if resumes else 0
    timed = goal is None or (goal <= seen and asked.minutes)
    left = None if timed else max(0, (goal or 0) - seen)
    with _threads_put_back():
        pace = measure_pace(
            asked, batches, make_task, precision, task, goal=left, final_scores=spec.final_scores
        )
    if not resumes:
        settings = pace.lightened(settings, left)
    if left is None:
        left = pace.images(60 * (asked.minutes or 0), settings)
    return {
        "settings": dataclasses.asdict(settings),
        "out": str(folder.path),
        "resumes_at": seen if resumes else None,
        "precision": precision.reason,
        "pace": pace.reason,
        "data": {key: value for key, value in data.to_dict().items() if key != "verdicts"},
        "data_summary": data.summary,
        "images": seen + left,
        "seconds": pace.seconds(left, settings),
        "capacity": task.capacity(),
    }


def _images_seen(folder: RunFolder) -> int:
    """Returns the images that the newest checkpoint of a run has seen."""
    found = checkpoints.load(folder.checkpoints, lambda line: None)
    return found[1]["images"] if found else 0


def check(settings: TrainSettings, spec: TaskSpec) -> None:
    """Refuses unknown names and impossible values before anything is read or written."""
    lookup(PRESETS, settings.preset, "preset")
    spec.check(settings)
    validate(settings)
    if settings.batch < 2 and not spec.from_images:
        raise UsageError(
            "--batch must be at least 2, not 1: batch statistics of one image are undefined."
        )
    refuse_overlap(run_folder(settings).path, settings.data, settings.translate.target)


def _train_in(
    folder: RunFolder,
    settings: TrainSettings,
    spec: TaskSpec,
    data: DataFacts,
    world: distributed.World,
    began: float,
    hooks: Hooks,
) -> None:
    precision = choose(settings.device, settings.precision)
    batches, make_task = prepare(spec, settings, data, precision, world)
    asked, found = settings, folder.settings.exists()
    if found:
        settings = _agree(folder, settings, data, batches)
    if world.leads:
        folder.sweep()
    with Console(folder, quiet=not world.leads) as console, _threads_put_back():
        loop = TrainingLoop(
            task=make_task(),
            batches=batches,
            folder=folder,
            settings=settings,
            precision=precision,
            console=console,
            stop=_goal(settings, batches) or 0,
            began=began,
            on_tick=hooks.on_tick,
        )
        restored = found and loop.restore()
        if restored and loop.images >= loop.stop and not asked.minutes:
            console.say(
                f"The run in {folder.path} is complete: {loop.images:,} images."
                " To go on, add --minutes 5, or a larger --images."
            )
            if world.leads and not _is_finished(folder, loop.images):
                loop.conclude()
                folder.write_json("settings.json", dataclasses.asdict(settings))
                _finish(loop, spec, hooks)
            return
        if found and not restored and (folder.model / "model.json").exists():
            raise EleganError(
                f"The run in {folder.path} has lost its checkpoints, so it cannot go on."
                " Begin anew with another --out; its model is still there."
            )
        kept = _threads_of(folder) if restored else None
        _settle(loop, asked, make_task, spec, kept=kept)
        players = loop.task.generator.network, loop.task.discriminator.network
        if warning := caution(settings.batch, *players):
            console.say(warning)
        for note in () if restored else data.notes:
            console.say(f"  {note}")
        if not restored:
            loop.task.begin(console.say)
        if world.leads:
            if restored:
                _go_on(loop)
            else:
                _begin(loop)
        distributed.barrier()
        loop.run()
        if world.leads:
            _finish(loop, spec, hooks)


def _goal(settings: TrainSettings, batches: Stream) -> int | None:
    """Returns the images at which a run is to end; None where minutes say when."""
    if settings.epochs:
        return from_epochs(settings, batches)
    return settings.images or (None if settings.minutes else PRESETS[settings.preset].images)


def _settle(
    loop: TrainingLoop,
    asked: TrainSettings,
    make_task: Callable[[], Task],
    spec: TaskSpec,
    *,
    kept: int | None,
) -> None:
    """Settles threads and stop, and says how long it will take.

    Args:
        asked: the settings of this command. Its minutes count for a run that begins or is complete;
            in between they were turned into images when it began.
        kept: the number of threads that a run began with which is now resumed.
    """
    settings, console = loop.settings, loop.console
    goal = loop.stop if loop.stop > loop.images else None
    console.doing("measuring the speed")
    pace = measure_pace(
        asked,
        loop.batches,
        make_task,
        loop.precision,
        loop.task,
        goal=goal,
        kept=kept,
        final_scores=spec.final_scores,
    )
    if not loop.images:
        settings = pace.lightened(settings, goal)
    if goal is None:
        passed = time.perf_counter() - loop.began
        more = pace.images(60 * (asked.minutes or 0) - passed, settings)
        loop.stop = loop.images + more
    loop.settings = dataclasses.replace(settings, images=loop.stop, epochs=None, minutes=None)
    loop.rest = pace.rest
    expected = duration(pace.seconds(loop.stop - loop.images, settings))
    verb = f"resuming at {loop.images:,} of" if loop.images else "a new run of"
    data = loop.batches.data
    console.say(f"{verb} {loop.stop:,} images, about {expected} -> {loop.folder.path}")
    console.say(f"{data.name}: {data.summary}; {loop.precision.reason}")
    console.say(pace.reason)
    enough = spec.enough(data) if spec.enough and not loop.images else 0
    if loop.stop < enough:
        console.say(
            f"{loop.stop:,} images are a first look: shapes that can be recognised come from about"
            f" {enough:,} on, {duration(pace.seconds(enough, settings))} here"
        )


@contextlib.contextmanager
def _threads_put_back():
    """A run chooses its number of threads; what comes after it in this process has its own."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _threads_of(folder: RunFolder) -> int | None:
    """Returns the number of threads that a run computes with, where that is known."""
    try:
        return json.loads((folder.path / "environment.json").read_text(encoding="utf-8"))["threads"]
    except (OSError, ValueError, KeyError):
        return None


def prepare(
    spec: TaskSpec,
    settings: TrainSettings,
    data: DataFacts,
    precision: Precision,
    world: distributed.World,
) -> tuple[Stream, Callable[[], Task]]:
    """Returns the stream of real images, and what makes a fresh task over it."""
    batches = spec.stream(settings, data, precision.device, world)
    return batches, lambda: spec.build(settings, data, batches, precision)


def _agree(
    folder: RunFolder, settings: TrainSettings, data: DataFacts, batches: Stream
) -> TrainSettings:
    """Returns the settings of the run in the folder, its stop moved if another is asked for.

    Raises:
        UsageError: the folder belongs to a run with other settings, or on other images.
    """
    before = from_json(folder.settings)
    refuse_changes(folder, before, settings)
    facts = folder.path / "data.json"
    if facts.exists() and json.loads(facts.read_text(encoding="utf-8"))["hash"] != data.hash:
        raise UsageError(
            f"{settings.data} no longer holds the images that the run in {folder.path} began with."
            " Put them back, or train on what there is now with another --out."
        )
    # Minutes were turned into images when the run began; only a count can move the stop.
    stop = from_epochs(settings, batches) if settings.epochs else settings.images
    return dataclasses.replace(before, images=stop) if stop else before


def refuse_changes(folder: RunFolder, before: TrainSettings, settings: TrainSettings) -> None:
    """Refuses settings that differ from those that the run in the folder began with.

    Raises:
        UsageError: names them.
    """
    old, new = dataclasses.asdict(before), dataclasses.asdict(settings)
    different = [key for key in old if key not in _MAY_CHANGE and old[key] != new[key]]
    if different:
        changes = "; ".join(f"{key}: {old[key]} there, {new[key]} asked" for key in different)
        raise UsageError(
            f"{folder.path} holds a run with other settings ({changes})."
            " Ask for the same, or name another folder with --out."
        )


def _is_finished(folder: RunFolder, images: int) -> bool:
    """Whether model, scores and report, which come last, are those of the last checkpoint."""
    scores, report = folder.path / "scores.json", folder.path / "report.html"
    try:
        model = json.loads((folder.model / "model.json").read_text(encoding="utf-8"))
        if model["training"]["images"] != images:
            return False
        seen = json.loads(scores.read_text(encoding="utf-8"))["images_seen"]
        return seen == images and report.stat().st_mtime_ns >= scores.stat().st_mtime_ns
    except (OSError, ValueError, KeyError):
        return False


def _go_on(loop: TrainingLoop) -> None:
    """Says what was restored, and keeps where the run now ends."""
    folder = loop.folder
    folder.forget_after(loop.images)
    folder.write_json("environment.json", environment(loop.precision))
    folder.write_json("settings.json", dataclasses.asdict(loop.settings))
    threads = torch.get_num_threads()
    folder.append_event(
        {"event": "resume", "images": loop.images, "seconds": loop.elapsed, "threads": threads}
    )
    loop.console.say(
        "restored: both networks, the average, both optimizers,"
        f" guard (rates x{loop.guard.rate_scale:g}); {duration(loop.seconds)} of training so far"
    )


def _begin(loop: TrainingLoop) -> None:
    """Writes what a run folder holds before the first step; settings last, for they mark a run."""
    folder, task, data = loop.folder, loop.task, loop.batches.data
    with folder.explained("samples"):
        folder.events.unlink(missing_ok=True)  # of a beginning that was killed
        folder.samples.mkdir(parents=True, exist_ok=True)
    folder.write_json("environment.json", environment(loop.precision))
    folder.write_json("data.json", data.to_dict())
    task.real_sheet(folder.path / "real.png")
    task.first_batch(loop.batches.at(0), folder.path / "first-batch.png")
    start = {"event": "start", "images": 0, "seconds": 0.0, "capacity": task.capacity()}
    folder.append_event(start)
    folder.write_json("settings.json", dataclasses.asdict(loop.settings))


def environment(precision: Precision) -> dict[str, Any]:
    """Returns versions, device, threads and precision: what a figure must carry."""
    return {
        "elegan": VERSION,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "device": str(precision.device),
        "precision": precision.name,
        "reason": precision.reason,
    }


def _finish(loop: TrainingLoop, spec: TaskSpec, hooks: Hooks) -> None:
    """Scores the model, writes the report and says in a few lines what came out."""
    console, folder = loop.console, loop.folder
    console.doing("scoring against real images")
    console.log(spec.score_run(folder, loop.settings))
    console.doing("writing the report")
    report = hooks.write_report(folder.path)
    found = headline(json.loads((folder.path / "scores.json").read_text(encoding="utf-8")))
    console.say(
        f"done: {loop.images:,} images in {duration(loop.elapsed)}{'; ' if found else ''}{found}\n"
        f"  samples: {folder.samples}\n"
        f"  report:  {report}, with every score\n"
        f"Next: {spec.usage.format(run=folder.path, whole=folder.path.parent)}",
        whole=True,
    )


def headline(scores: Mapping[str, Any]) -> str:
    """Returns the figures to look at first beside what it is to be read against, or ""."""
    if "test_accuracy" in scores:
        return f"{scores['test_accuracy']:.1%} of the test images named rightly"
    floor = scores.get("floor", {})
    for distance in (name for name in floor if name.startswith("FD-")):
        variety = ""
        if "recall" in floor:
            variety = f"recall {scores['recall']:.0%}, real images {floor['recall']:.0%}; "
        real = f"{floor[distance]:.3g} (lower is better)"
        return f"{variety}{distance} {scores[distance]:.3g}, real images {real}"
    rows = scores.get("rows", [{}])
    metric = next((name for name in ("psnr", "kid") if name in rows[0]), None)
    if metric is None:
        return ""
    means = {
        name: sum(found) / len(found)
        for name in {row["row"]: None for row in rows}
        if (found := [row[metric] for row in rows if row["row"] == name])
    }
    unit = "PSNR, dB: " if metric == "psnr" else "kernel distance: "
    return unit + ", ".join(f"{name} {value:.3g}" for name, value in means.items())


def run_folder(settings: TrainSettings) -> RunFolder:
    """Returns the folder that a run with these settings is written to."""
    out = Path(settings.out) if settings.out else default_folder(settings.data, settings.preset)
    return RunFolder(out)


def caution(batch: int, *networks: nn.Module) -> str:
    """Returns in what several processes differ from one with the whole batch; "" where they do not.

    Args:
        batch: images of a step, all processes together.
        networks: that are trained.
    """
    size = distributed.world().size
    parts = [part for network in networks for part in network.modules()]
    said = []
    if any(isinstance(part, _BatchNorm) for part in parts):
        said.append(f"batch normalisation sees each process's own {batch // size} images")
    if any(isinstance(part, FastDropout | PixelNoise) for part in parts):
        said.append("each process draws its own dropout and noise")
    if size == 1 or not said:
        return ""
    return f"{size} processes do not make quite the run that one makes: {'; '.join(said)}."
