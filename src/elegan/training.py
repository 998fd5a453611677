"""From settings to a finished run: data, folder, task, duel, scores, report."""

import contextlib
import dataclasses
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elegan import __version__
from elegan.engine import distributed
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
from elegan.scoring import evaluate_run
from elegan.settings import PRESETS, TrainSettings, from_json, validate
from elegan.stopping import from_epochs, resolve_stop
from elegan.tasks import TASKS

_MAY_CHANGE = {"images", "epochs", "minutes", "out", "device"}  # between a run and its resumption


def train(settings: TrainSettings) -> Run:
    """Trains, or resumes what stands in the run folder, to the stop rule.

    Raises:
        EleganError: bad data, a folder that cannot be written or belongs to another run.
        InterruptedRun: Ctrl-C or SIGTERM, after saving.
    """
    check_names(settings)
    if TASKS[settings.task].stages is not None:
        return _train_stages(settings)
    world = distributed.join()
    if settings.batch % world.size:
        raise UsageError(f"--batch {settings.batch} must be a multiple of {world.size} processes.")
    data = load_data(settings)  # first, so that bad data leave no folder behind
    folder = _folder(settings)
    with folder.lock() if world.leads else contextlib.nullcontext():
        _train_in(folder, settings, data, world)
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
    """Returns what `train` would do, without writing anything but the data cache (--dry-run)."""
    check_names(settings)
    stages = TASKS[settings.task].stages
    if stages is not None:  # the first tells what can be told before anything is trained
        return plan(next(iter(stages(settings, Path(settings.out or _default(settings))).values())))
    data = load_data(settings)
    precision = choose(settings.device, settings.precision)
    batches, make_task = prepare(settings, data, precision, distributed.World())
    task = make_task()
    stop = settings.images or (settings.epochs and from_epochs(settings, batches))
    return {
        "settings": dataclasses.asdict(settings),
        "out": str(settings.out or _default(settings)),
        "precision": precision.reason,
        "data": {key: value for key, value in data.facts().items() if key != "verdicts"},
        "data_summary": data.summary,
        "images": stop or (None if settings.minutes else PRESETS[settings.preset].images),
        "capacity": task.capacity(),
    }


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
        for stage in use.stages(settings, folder.path).values():
            train(stage)
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
    folder: RunFolder, settings: TrainSettings, data: DataFacts, world: distributed.World
) -> None:
    precision = choose(settings.device, settings.precision)
    batches, make_task = prepare(settings, data, precision, world)
    found = folder.settings.exists()
    if found:
        settings = _agree(folder, settings, data, batches)
    if world.leads:
        folder.sweep()
    with Console(folder, quiet=not world.leads) as console:
        console.say(
            f"{data.name}: {data.summary}; {precision.reason}; {torch.get_num_threads()} threads"
        )
        if not found:
            for note in data.notes:
                console.say(f"  {note}")
        if not found or settings.images is None:
            settings = resolve_stop(settings, batches, make_task, precision, console)
        assert settings.images is not None
        duel = Duel(
            task=make_task(),
            batches=batches,
            folder=folder,
            settings=settings,
            precision=precision,
            console=console,
            stop=settings.images,
        )
        if found and duel.restore():
            _say_restored(duel)
            if duel.images >= duel.stop:
                if world.leads and not _is_finished(folder, duel.images):
                    duel.conclude()
                    _finish(folder, duel, console)
                return
        elif found and (folder.model / "model.json").exists():
            raise EleganError(
                f"The run in {folder.path} has lost its checkpoints, so it cannot go on."
                " Begin anew with another --out; its model is still there."
            )
        else:
            duel.task.begin(console.say)
            if world.leads:
                _begin(folder, settings, data, batches, duel.task, precision)
        distributed.barrier()
        duel.run()
        if world.leads:
            _finish(folder, duel, console)


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
    if stop and stop != before.images:
        before = dataclasses.replace(before, images=stop)
        if batches.world.leads:
            folder.write_json("settings.json", dataclasses.asdict(before))
    return before


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


def _say_restored(duel: Duel) -> None:
    if duel.world.leads:
        duel.folder.forget_after(duel.images)
    if duel.images >= duel.stop:
        duel.console.say(
            f"The run in {duel.folder.path} is complete: {duel.images:,} images."
            f" To go on, ask for more, such as --images {2 * duel.images}."
        )
        return
    duel.folder.append_event({"event": "resume", "images": duel.images, "seconds": duel.seconds})
    duel.console.say(
        f"resumed {duel.folder.path} at {duel.images:,} of {duel.stop:,} images: both networks,"
        f" the average, both optimizers, guard (rates x{duel.guard.rate_scale:g});"
        f" {duration(duel.seconds)} of training so far"
    )


def _begin(
    folder: RunFolder,
    settings: TrainSettings,
    data: DataFacts,
    batches: Stream,
    task: Task,
    precision: Precision,
) -> None:
    """Writes what a run folder holds before the first step; settings last, for they mark a run."""
    with folder.explained("samples"):
        folder.events.unlink(missing_ok=True)  # of a beginning that was killed
        folder.samples.mkdir(parents=True, exist_ok=True)
    folder.write_json("environment.json", environment(precision))
    folder.write_json("data.json", data.facts())
    task.real_sheet(folder.path / "real.png")
    task.first_batch(batches.at(0), folder.path / "first-batch.png")
    start = {"event": "start", "images": 0, "seconds": 0.0, "capacity": task.capacity()}
    folder.append_event(start)
    folder.write_json("settings.json", dataclasses.asdict(settings))


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


def _finish(folder: RunFolder, duel: Duel, console: Console) -> None:
    """Scores the model and writes the report."""
    from elegan.report import write_report

    console.say("scoring against real images ...")
    console.say(evaluate_run(Run(folder.path)))
    report = write_report(folder.path)
    console.say(
        f"done in {duration(duel.seconds)} of training. Samples: {folder.samples};"
        f" report: {report}\nNext: {_next(duel.settings.task, folder.path)}"
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
