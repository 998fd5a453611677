"""From settings to a finished run: data, folder, task, duel, scores, report."""

import contextlib
import dataclasses
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elegan import __version__
from elegan.engine import checkpoints, distributed
from elegan.engine.batches import DataFacts, Stream
from elegan.engine.console import Console, duration
from elegan.engine.duel import Duel
from elegan.engine.run_folder import RunFolder, default_folder
from elegan.engine.task import Task
from elegan.errors import EleganError, UsageError, lookup
from elegan.machine.files import refuse_overlap
from elegan.machine.precision import Precision, choose
from elegan.models.use import TRANSLATING
from elegan.run import Run
from elegan.scoring import evaluate_run, headline
from elegan.settings import PRESETS, TrainSettings, from_json, validate
from elegan.stopping import from_epochs, measure_pace
from elegan.tasks import TASKS

_MAY_CHANGE = {"images", "epochs", "minutes", "out", "device"}  # between a run and its resumption


def train(settings: TrainSettings) -> Run:
    """Trains, or resumes what stands in the run folder, to the stop rule.

    Raises:
        EleganError: bad data, a folder that cannot be written or belongs to another run.
        InterruptedRun: Ctrl-C or SIGTERM, after saving.
    """
    began = time.perf_counter()
    check_names(settings)
    if TASKS[settings.task].stages is not None:
        return _train_stages(settings)
    world = distributed.join()
    if settings.batch % world.size:
        raise UsageError(f"--batch {settings.batch} must be a multiple of {world.size} processes.")
    data = load_data(settings)  # first, so that bad data leave no folder behind
    folder = _folder(settings)
    with folder.lock() if world.leads else contextlib.nullcontext():
        _train_in(folder, settings, data, world, began)
    return Run(folder.path)


def resume(path: Path | str) -> Run:
    """Continues a run from its newest checkpoint.

    Raises:
        EleganError: there is no run, or nothing to resume.
    """
    run = Run(path)
    staged = TASKS[run.settings.task].stages is not None
    if not staged and not any((run.path / "checkpoints").glob("[0-9]*")):
        raise EleganError(
            f"{run.path} has no checkpoint, so there is nothing to resume."
            " Begin anew with `elegan train` and another --out."
        )
    return train(dataclasses.replace(run.settings, out=str(run.path)))


def plan(settings: TrainSettings) -> dict[str, Any]:
    """Returns what `train` would do, without writing anything but the data cache (--dry-run).

    How long it would take is measured for some seconds, on networks that are thrown away.
    """
    check_names(settings)
    stages = TASKS[settings.task].stages
    if stages is not None:  # the first tells what can be told before anything is trained
        return plan(next(iter(stages(settings, Path(settings.out or _default(settings))).values())))
    data = load_data(settings)
    folder = _folder(settings)
    folder.refuse_strangers()
    precision = choose(settings.device, settings.precision)
    batches, make_task = prepare(settings, data, precision, distributed.World())
    asked, resumes = settings, folder.settings.exists()
    if resumes:
        settings = _agree(folder, settings, data, batches)
    task, goal = make_task(), _goal(settings, batches)
    seen = _images_seen(folder) if resumes else 0
    timed = goal is None or (goal <= seen and asked.minutes)
    left = None if timed else max(0, (goal or 0) - seen)
    with _threads_put_back():
        pace = measure_pace(asked, batches, make_task, precision, task, goal=left)
    if left is None:
        left = pace.images(60 * (asked.minutes or 0), settings)
    return {
        "settings": dataclasses.asdict(settings),
        "out": str(folder.path),
        "resumes_at": seen if resumes else None,
        "precision": precision.reason,
        "pace": pace.reason,
        "data": {key: value for key, value in data.facts().items() if key != "verdicts"},
        "data_summary": data.summary,
        "images": seen + left,
        "seconds": pace.seconds(left, settings),
        "capacity": task.capacity(),
    }


def _images_seen(folder: RunFolder) -> int:
    """Returns the images that the newest checkpoint of a run has seen."""
    found = checkpoints.load(folder.checkpoints, lambda line: None)
    return found[1]["images"] if found else 0


def _train_stages(settings: TrainSettings) -> Run:
    """Trains the stages of a use in turn, each in a run folder within, and joins their models."""
    use = TASKS[settings.task]
    assert use.stages is not None
    assert use.join is not None
    world = distributed.join()
    folder = _folder(settings)
    with folder.lock() if world.leads else contextlib.nullcontext():
        if folder.settings.exists():
            _refuse_changes(folder, from_json(folder.settings), settings)
        if world.leads:
            folder.write_json("settings.json", dataclasses.asdict(settings))
        distributed.barrier()
        whole = folder.model.exists()
        for stage in use.stages(settings, folder.path).values():
            # A stage that is done goes on for --minutes only where all of them are done.
            begun = RunFolder(Path(stage.out or "")).settings.exists()
            train(dataclasses.replace(stage, minutes=None) if begun and not whole else stage)
        if world.leads:
            with folder.explained("model"):
                use.join(folder.path)
    return Run(folder.path)


def check_names(settings: TrainSettings) -> None:
    """Refuses unknown names and impossible values before anything is read or written."""
    lookup(PRESETS, settings.preset, "preset")
    lookup(TASKS, settings.task, "task").check(settings)
    validate(settings)
    refuse_overlap(_folder(settings).path, settings.data, settings.translate.target)


def load_data(settings: TrainSettings) -> Any:
    """Opens the data a run trains on; what they are is the task's affair.

    Raises:
        EleganError: too few images, or labels are asked for and there are none.
    """
    return TASKS[settings.task].open_data(settings)


def _train_in(
    folder: RunFolder,
    settings: TrainSettings,
    data: DataFacts,
    world: distributed.World,
    began: float,
) -> None:
    precision = choose(settings.device, settings.precision)
    batches, make_task = prepare(settings, data, precision, world)
    asked, found = settings, folder.settings.exists()
    if found:
        settings = _agree(folder, settings, data, batches)
    if world.leads:
        folder.sweep()
    with Console(folder, quiet=not world.leads) as console, _threads_put_back():
        duel = Duel(
            task=make_task(),
            batches=batches,
            folder=folder,
            settings=settings,
            precision=precision,
            console=console,
            stop=_goal(settings, batches) or 0,
            began=began,
        )
        restored = found and duel.restore()
        if restored and duel.images >= duel.stop and not asked.minutes:
            console.say(
                f"The run in {folder.path} is complete: {duel.images:,} images."
                " To go on, add --minutes 5, or a larger --images."
            )
            if world.leads and not _is_finished(folder, duel.images):
                duel.conclude()
                _finish(folder, duel)
            return
        if found and not restored and (folder.model / "model.json").exists():
            raise EleganError(
                f"The run in {folder.path} has lost its checkpoints, so it cannot go on."
                " Begin anew with another --out; its model is still there."
            )
        _settle(duel, asked, make_task, kept=_threads_of(folder) if restored else None)
        players = duel.task.generator.network, duel.task.discriminator.network
        if caution := distributed.caution(settings.batch, *players):
            console.say(caution)
        for note in () if restored else data.notes:
            console.say(f"  {note}")
        if world.leads:
            if restored:
                _go_on(duel)
            else:
                _begin(duel)
        distributed.barrier()
        duel.run()
        if world.leads:
            _finish(folder, duel)


def _goal(settings: TrainSettings, batches: Stream) -> int | None:
    """Returns the images at which a run is to end; None where minutes say when."""
    if settings.epochs:
        return from_epochs(settings, batches)
    return settings.images or (None if settings.minutes else PRESETS[settings.preset].images)


def _settle(duel: Duel, asked: TrainSettings, make_task: Callable[[], Task], *, kept: int | None):
    """Settles threads and stop, and says how long it will take.

    Args:
        asked: the settings of this command. Its minutes count for a run that begins or is complete;
            in between they were turned into images when it began.
        kept: the number of threads that a run began with which is now resumed.
    """
    settings, console = duel.settings, duel.console
    goal = duel.stop if duel.stop > duel.images else None
    console.doing("measuring the speed")
    pace = measure_pace(
        asked, duel.batches, make_task, duel.precision, duel.task, goal=goal, kept=kept
    )
    if goal is None:
        passed = time.perf_counter() - duel.began
        more = pace.images(60 * (asked.minutes or 0) - passed, settings)
        duel.stop = duel.images + more
    duel.settings = dataclasses.replace(settings, images=duel.stop, epochs=None, minutes=None)
    duel.rest = pace.rest
    expected = duration(pace.seconds(duel.stop - duel.images, settings))
    verb = f"resuming at {duel.images:,} of" if duel.images else "a new run of"
    data = duel.batches.data
    console.say(f"{verb} {duel.stop:,} images, about {expected} -> {duel.folder.path}")
    console.say(f"{data.name}: {data.summary}; {duel.precision.reason}")
    console.say(pace.reason)


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
    settings: TrainSettings, data: DataFacts, precision: Precision, world: distributed.World
) -> tuple[Stream, Callable[[], Task]]:
    """Returns the stream of real images, and what makes a fresh task over it."""
    use = TASKS[settings.task]
    batches = use.stream(settings, data, precision.device, world)
    return batches, lambda: use.build(settings, data, batches, precision)


def _agree(
    folder: RunFolder, settings: TrainSettings, data: DataFacts, batches: Stream
) -> TrainSettings:
    """Returns the settings of the run in the folder, its stop moved if another is asked for.

    Raises:
        UsageError: the folder belongs to a run with other settings, or on other images.
    """
    before = from_json(folder.settings)
    _refuse_changes(folder, before, settings)
    facts = folder.path / "data.json"
    if facts.exists() and json.loads(facts.read_text(encoding="utf-8"))["hash"] != data.hash:
        raise UsageError(
            f"{settings.data} no longer holds the images that the run in {folder.path} began with."
            " Put them back, or train on what there is now with another --out."
        )
    # Minutes were turned into images when the run began; only a count can move the stop.
    stop = from_epochs(settings, batches) if settings.epochs else settings.images
    return dataclasses.replace(before, images=stop) if stop else before


def _refuse_changes(folder: RunFolder, before: TrainSettings, settings: TrainSettings) -> None:
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


def _go_on(duel: Duel) -> None:
    """Says what was restored, and keeps where the run now ends."""
    folder = duel.folder
    folder.forget_after(duel.images)
    folder.write_json("environment.json", environment(duel.precision))
    folder.write_json("settings.json", dataclasses.asdict(duel.settings))
    threads = torch.get_num_threads()
    folder.append_event(
        {"event": "resume", "images": duel.images, "seconds": duel.elapsed, "threads": threads}
    )
    duel.console.say(
        "restored: both networks, the average, both optimizers,"
        f" guard (rates x{duel.guard.rate_scale:g}); {duration(duel.seconds)} of training so far"
    )


def _begin(duel: Duel) -> None:
    """Writes what a run folder holds before the first step; settings last, for they mark a run."""
    folder, task, data = duel.folder, duel.task, duel.batches.data
    task.begin(duel.console.say)
    with folder.explained("samples"):
        folder.events.unlink(missing_ok=True)  # of a beginning that was killed
        folder.samples.mkdir(parents=True, exist_ok=True)
    folder.write_json("environment.json", environment(duel.precision))
    folder.write_json("data.json", data.facts())
    task.real_sheet(folder.path / "real.png")
    task.first_batch(duel.batches.at(0), folder.path / "first-batch.png")
    start = {"event": "start", "images": 0, "seconds": 0.0, "capacity": task.capacity()}
    folder.append_event(start)
    folder.write_json("settings.json", dataclasses.asdict(duel.settings))


def environment(precision: Precision) -> dict[str, Any]:
    """Returns versions, device, threads and precision: what a figure must carry."""
    return {
        "elegan": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "device": str(precision.device),
        "precision": precision.name,
        "reason": precision.reason,
    }


def _finish(folder: RunFolder, duel: Duel) -> None:
    """Scores the model, writes the report and says in a few lines what came out."""
    from elegan.report import write_report

    console, run = duel.console, Run(folder.path)
    console.doing("scoring against real images")
    console.log(evaluate_run(run))
    console.doing("writing the report")
    report = write_report(folder.path)
    found = headline(run.scores)
    console.say(
        f"done: {duel.images:,} images in {duration(duel.elapsed)}{'; ' if found else ''}{found}\n"
        f"  samples: {folder.samples}\n"
        f"  report:  {report}, with every score\n"
        f"Next: {_next(duel.settings.task, folder.path)}",
        whole=True,
    )


def _next(task: str, path: Path) -> str:
    if task in TRANSLATING:
        return f"elegan {task} photo.jpg --model {path} --out made"
    if task.startswith("characters"):
        return f"elegan character --model {path.parent} --stages --out made, once all stages are"
    return f"elegan generate {path} -n 100 --out samples.png"


def _default(settings: TrainSettings) -> Path:
    return default_folder(settings.data, settings.preset)


def _folder(settings: TrainSettings) -> RunFolder:
    return RunFolder(Path(settings.out) if settings.out else _default(settings))
