"""From settings to a finished run, and what a run folder holds."""

import dataclasses
import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from PIL import Image
from safetensors.torch import load_file

import elegan
from elegan.applications import TASKS
from elegan.applications.runs import plan, train
from elegan.common import distributed
from elegan.common.errors import EleganError, UsageError
from elegan.common.interruption import InterruptedRun
from elegan.common.precision import choose
from elegan.data.batches import Batch
from elegan.data.pictures import save_png
from elegan.settings import from_json, preset_settings
from elegan.training.loop import TrainingLoop
from elegan.training.pace import Pace, measure_speed, settle_threads
from elegan.training.run import headline


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.arrays(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with one subfolder a class, of different sizes."""
    folder = tmp_path_factory.mktemp("labelled") / "shapes"
    for index, (name, count) in enumerate({"round": 20, "ñandú": 12}.items()):
        (folder / name).mkdir(parents=True)
        for number, image in enumerate(tiny.pixels(count, 18, 3, seed=index)):
            Image.fromarray(image).save(folder / name / f"{number}.png")
    return str(folder)


@pytest.fixture(scope="module")
def run(data: str, tmp_path_factory: pytest.TempPathFactory) -> elegan.Run:
    return train(tiny.settings(data, out=str(tmp_path_factory.mktemp("runs") / "run")))


def test_a_run_folder_holds_what_the_contract_names(run: elegan.Run) -> None:
    names = {one.name for one in run.path.iterdir()}
    assert names >= {
        "settings.json",
        "environment.json",
        "data.json",
        "events.jsonl",
        "log.txt",
        "real.png",
        "first-batch.png",
        "samples",
        "checkpoints",
        "model",
        "scores.json",
        "report.html",
    }
    assert "## Recipe" in (run.path / "model" / "README.md").read_text()
    assert len(list((run.path / "checkpoints").iterdir())) == 2
    data = json.loads((run.path / "data.json").read_text())
    assert data["images"] == 40
    environment = json.loads((run.path / "environment.json").read_text())
    assert environment["torch"] == torch.__version__
    assert environment["precision"] == "float32"


def test_events_are_in_order(run: elegan.Run) -> None:
    events = [(one["event"], one["images"]) for one in run.events]
    assert events == [
        ("start", 0),
        ("tick", 16),
        ("tick", 32),
        ("snapshot", 32),
        ("tick", 48),
        ("tick", 64),
        ("snapshot", 64),
        ("stop", 64),
    ]
    seconds = [one["seconds"] for one in run.events]
    assert seconds == sorted(seconds)


def test_what_is_delivered_is_the_average(run: elegan.Run) -> None:
    weights = next((run.path / "model").glob("generator-*.safetensors"))
    delivered = load_file(weights)
    parts = tiny.newest_checkpoint(run.path)
    for name, tensor in delivered.items():
        assert torch.equal(tensor, parts[f"ema.{name}"])
    assert any(not torch.equal(one, parts[f"generator.{name}"]) for name, one in delivered.items())
    assert run.model.config["training"]["images"] == 64
    assert run.scores["model_sha256"] == run.model.config["sha256"]


def test_samples_come_from_fixed_latents(run: elegan.Run) -> None:
    first, last = (
        np.asarray(Image.open(run.path / "samples" / name)).astype(int)
        for name in ("0000032.png", "0000064.png")
    )
    assert first.shape == last.shape
    assert (first != last).any()


def test_the_same_in_python(labelled: str, tmp_path: Path) -> None:
    run = elegan.train(
        labelled,
        preset="article",
        out=tmp_path / "run",
        images=32,
        batch=8,
        resolution=16,
        conditional=True,
        network={"width": 8},
        precision="bf16",
    )
    assert run.settings.network.width == 8
    assert run.model.classes == ("round", "ñandú")
    samples = run.model.generate(4, seed=0, label="ñandú")
    assert samples.images.shape == (4, 16, 16, 3)
    again = elegan.load(tmp_path / "run").generate(4, seed=0, label="ñandú")
    assert np.array_equal(samples.images, again.images)
    assert samples.save(tmp_path / "s.png").exists()
    assert elegan.evaluate(run, labelled, n=32)["images_seen"] == 32
    assert Path(elegan.report(run.path)["report"]).exists()
    assert elegan.inspect(labelled)["images"] == 32
    assert repr(run) == f"Run({str(tmp_path / 'run')!r})"


def test_an_odd_resolution_and_a_limit(labelled: str, tmp_path: Path) -> None:
    settings = tiny.settings(
        labelled, out=str(tmp_path / "run"), images=16, resolution=17, channels=1, limit=5
    )
    run = train(settings)
    assert json.loads((run.path / "data.json").read_text())["images"] == 10
    assert run.model.generate(1).images.shape == (1, 17, 17, 1)


def test_scores_are_taken_on_the_images_as_trained_on(tmp_path: Path) -> None:
    folder = tmp_path / "wide"
    folder.mkdir()
    for number, image in enumerate(tiny.pixels(8, 24)):
        Image.fromarray(image[:18, :, 0]).save(folder / f"{number}.png")
    settings = tiny.settings(
        str(folder), out=str(tmp_path / "run"), images=16, resolution=16, fit="pad"
    )
    run = train(settings)
    trained_on = json.loads((run.path / "data.json").read_text())["hash"]
    assert run.scores["data_hash"] == trained_on
    assert elegan.evaluate(run, folder, n=8, fit="pad")["data_hash"] == trained_on
    assert elegan.evaluate(run, folder, n=8)["data_hash"] != trained_on


def test_epochs_become_images_once(data: str, tmp_path: Path) -> None:
    settings = tiny.settings(data, out=str(tmp_path / "run"), images=None, epochs=0.5)
    train(settings)
    resolved = from_json(tmp_path / "run" / "settings.json")
    assert (resolved.images, resolved.epochs) == (18, None)  # four of the 40 are held out
    assert train(settings).events[-1]["images"] == 24  # whole batches


def _count_measurements(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Lets every image of a run take 50 ms; returns the goals that were measured for."""
    goals: list[int | None] = []

    def measure(*rest, goal: int | None, **more) -> Pace:
        goals.append(goal)
        return Pace(image=0.05)

    monkeypatch.setattr("elegan.training.run.measure_pace", measure)
    return goals


def test_minutes_become_images_once(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goals = _count_measurements(monkeypatch)
    settings = tiny.settings(data, out=str(tmp_path / "run"), images=None, minutes=0.2)
    first = train(settings).settings
    # Twelve seconds are 240 images, less what it took to come so far.
    assert first.images is not None
    assert 60 <= first.images < 240
    assert (first.minutes, goals) == (None, [None])


def test_a_complete_run_goes_on_for_minutes_or_more_images(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goals = _count_measurements(monkeypatch)
    settings = tiny.settings(data, out=str(tmp_path / "run"))
    assert train(settings).events[-1]["images"] == 64
    assert train(settings).events[-1]["images"] == 64  # the same again: complete
    more = train(dataclasses.replace(settings, images=None, minutes=0.2))
    assert 120 <= more.events[-1]["images"] < 64 + 240 + 8
    last = train(dataclasses.replace(settings, images=400))
    assert (last.events[-1]["images"], last.settings.images) == (400, 400)
    assert goals[:2] == [64, None]
    assert len(goals) == 3


def test_an_interrupted_run_keeps_its_end(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _count_measurements(monkeypatch)
    settings = tiny.settings(data, out=str(tmp_path / "run"), images=None, minutes=0.2)
    at, step = 40, TrainingLoop.step
    monkeypatch.setattr(
        TrainingLoop, "step", lambda self, batch: _stop_at(at, batch) or step(self, batch)
    )
    with pytest.raises(InterruptedRun):
        train(settings)
    stop = from_json(tmp_path / "run" / "settings.json").images
    monkeypatch.setattr(TrainingLoop, "step", step)
    assert train(settings).settings.images == stop


def _stop_at(position: int, batch: Batch) -> None:
    if batch.position == position:
        signal.raise_signal(signal.SIGINT)


def test_a_pace_counts_ticks_snapshots_and_scores() -> None:
    settings = tiny.settings(ticks=4, snapshots=2)
    pace = Pace(image=0.05, tick=0.25, snapshot=1.0, rest=2.0)
    assert pace.seconds(100, settings) == pytest.approx(5 + 1 + 2 + 2)
    assert pace.images(60, settings) == 55 * 20
    assert pace.images(4, settings) == 20  # where all else takes longer, a quarter still trains


def test_ticks_and_snapshots_take_a_fifth_of_the_time_at_most() -> None:
    settings = tiny.settings(ticks=40, snapshots=10, minutes=10)
    pace = Pace(image=0.05, tick=5.0, snapshot=20.0)
    fewer = pace.lightened(settings, None)
    assert (fewer.ticks, fewer.snapshots) == (12, 3)  # 120 of 600 seconds, of 400 for all
    assert pace.lightened(settings, 40_000) == settings  # 400 of 2,000 seconds
    short = pace.lightened(settings, 1_000)
    assert (short.ticks, short.snapshots) == (8, 2)
    assert pace.lightened(tiny.settings(ticks=4, snapshots=0), 100).ticks == 4
    assert pace.lightened(tiny.settings(ticks=4, snapshots=0), 100).snapshots == 0


@pytest.mark.parametrize(
    ("speeds", "kept", "chosen"),
    [
        ({4: 600, 2: 400, 1: 200}, None, 4),
        ({4: 90, 2: 200, 1: 350}, None, 1),  # another process keeps a core busy
        ({4: 400, 1: 350}, 1, 1),  # not worth other last digits
        ({4: 600, 1: 350}, 1, 4),
    ],
)
def test_threads_are_chosen_by_measuring(
    speeds: dict[int, float], kept: int | None, chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", now.append)
    measured = lambda budget: speeds[now[-1]]  # noqa: E731
    speed, reason = settle_threads(measured, 1.0, kept=kept, among=tuple(speeds))
    assert now[-1] == chosen
    assert speed == speeds[chosen]
    assert f"{chosen} thread" in reason
    assert ("last digits" in reason) == (kept is not None and kept != chosen)


def test_a_run_chooses_its_threads_and_puts_them_back(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(
        "elegan.training.pace.measure_speed", lambda *_: 2 / torch.get_num_threads()
    )
    try:
        torch.set_num_threads(2)
        train(tiny.settings(data, out=str(tmp_path / "run")))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["threads"] == 1


def test_measuring_the_speed_leaves_no_trace(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = tiny.settings(data, loss={"r1": 1.0, "penalty_every": 2})
    images, clock = TASKS[settings.task].open_data(settings), iter(range(10_000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    seen: list[int] = []
    step = TrainingLoop.step

    def count(self: TrainingLoop, batch):
        seen.append(batch.position)
        return step(self, batch)

    monkeypatch.setattr(TrainingLoop, "step", count)
    task = tiny.task_of(settings, images)
    speed = measure_speed(
        settings, task.batches, lambda: tiny.task_of(settings, images), choose("cpu"), 0.1
    )
    # The clock ticks once from the start of a cycle of two steps to its end.
    assert speed == 2 * 8
    assert len(seen) >= 2
    assert list(tmp_path.iterdir()) == []


def test_a_plan_is_what_training_does(data: str, tmp_path: Path) -> None:
    settings = tiny.settings(data, out=str(tmp_path / "run"))
    facts = plan(settings)
    assert facts["images"] == 64
    assert not (tmp_path / "run").exists()
    run = train(settings)
    generator = sum(one.numel() for one in run.model.network.parameters())
    assert facts["capacity"]["generator"]["parameters"] == generator


@pytest.mark.parametrize(
    ("overrides", "kind"),
    [
        ({"task": "generat"}, UsageError),
        ({"network": {"name": "x"}}, UsageError),
        ({"loss": {"adversarial": "x"}}, UsageError),
        ({"conditional": True}, EleganError),
        ({"images": -1}, UsageError),
        ({"data": "nowhere"}, EleganError),
        ({"limit": 2}, EleganError),
    ],
)
def test_what_cannot_work_leaves_no_folder_behind(
    overrides: dict, kind: type, data: str, tmp_path: Path
) -> None:
    with pytest.raises(kind):
        train(tiny.settings(**{"data": data, **overrides, "out": str(tmp_path / "run")}))
    assert not (tmp_path / "run").exists()


def test_a_simultaneous_step_needs_a_loss_with_a_slope_everywhere(data: str) -> None:
    settings = tiny.settings(data, loss={"adversarial": "hinge"}, simultaneous=True)
    with pytest.raises(UsageError, match="non-saturating"):
        train(settings)


def test_a_beginning_that_was_killed_is_begun_anew(data: str, tmp_path: Path) -> None:
    settings = tiny.settings(data, out=str(tmp_path / "run"), images=16)
    train(settings)
    whole = tiny.model_sha256(tmp_path / "run")
    other = tmp_path / "other"
    other.mkdir()
    for name in ("lock", "log.txt", "real.png", "events.jsonl"):  # all before settings.json
        (other / name).write_bytes((tmp_path / "run" / name).read_bytes())
    run = train(dataclasses.replace(settings, out=str(other)))
    assert [one["event"] for one in run.events].count("start") == 1
    assert tiny.model_sha256(other) == whole


def test_a_folder_of_photos_is_not_made_a_run(tmp_path: Path) -> None:
    for index, image in enumerate(tiny.pixels(8)):
        save_png(image, tmp_path / "own" / "samples" / f"{index}.png")
    for name in (".notes.1", ".backup.2024/a.txt"):
        (tmp_path / "own" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "own" / name).write_text("mine")
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    data = str(tmp_path / "own" / "samples")
    for out in (tmp_path / "own", tmp_path / "own" / "samples" / "run"):
        with pytest.raises(UsageError, match="one lies within the other"):
            train(tiny.settings(data, out=str(out)))
    np.save(tmp_path / "data.npy", tiny.pixels(8))
    with pytest.raises(UsageError, match="holds other files"):
        train(tiny.settings(str(tmp_path / "data.npy"), out=str(tmp_path / "own")))
    (tmp_path / "data.npy").unlink()
    after = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    assert after == before


def test_a_locked_folder_names_the_reason(data: str, tmp_path: Path) -> None:
    from elegan.training.run_folder import RunFolder

    with (
        RunFolder(tmp_path / "run").lock(),
        pytest.raises(EleganError, match="Another process works"),
    ):
        train(tiny.settings(data, out=str(tmp_path / "run")))


def test_the_fewest_images_that_work(tmp_path: Path) -> None:
    for count in (3, 4):
        np.save(tmp_path / f"{count}.npy", tiny.pixels(count))
    out = str(tmp_path / "run")
    with pytest.raises(EleganError, match="needs at least 4"):
        train(tiny.settings(str(tmp_path / "3.npy"), out=out))
    assert train(tiny.settings(str(tmp_path / "4.npy"), out=out, images=16)).scores


def test_only_the_leading_process_prints_and_writes(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    follower = distributed.World(1, 2)
    monkeypatch.setattr(distributed, "join", lambda: follower)
    monkeypatch.setattr(distributed, "world", lambda: follower)
    monkeypatch.setattr(distributed, "average", lambda tensors: None)
    monkeypatch.setattr(distributed, "largest", lambda number: number)
    monkeypatch.setattr(distributed, "barrier", lambda: None)
    out = tmp_path / "run"
    with pytest.raises(EleganError, match="is no run"):  # what the leader would have written
        train(tiny.settings(data, out=str(out), images=16))
    assert not out.exists()
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_short_run_learns(tmp_path: Path) -> None:
    """Discs on noise: six hundred steps bring the samples nearer to the data."""
    data = tiny.arrays(tmp_path, count=500)
    settings = tiny.settings(
        data,
        out=str(tmp_path / "run"),
        network={"width": 16, "latent": 16},
        images=16 * 600,
        batch=16,
        snapshots=10,
        simultaneous=False,
        optimizer={"beta1": 0.0, "generator_rate": 1e-3, "discriminator_rate": 1e-3},
    )
    run = train(settings)
    distances = [
        value
        for one in run.events
        if one["event"] == "snapshot"
        for value in one["scores"].values()
    ]
    assert distances[-1] < 0.5 * distances[0]
    assert run.scores["precision"] > 0.3


def test_the_last_line_says_variety_before_the_distance() -> None:
    scores = {"FD-x": 5.2, "recall": 0.0, "floor": {"FD-x": 1.88, "recall": 0.81}}
    said = "recall 0%, real images 81%; FD-x 5.2, real images 1.88 (lower is better)"
    assert headline(scores) == said


def test_a_run_too_short_to_draw_shapes_says_so_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tiny.settings(str(tiny.arrays(tmp_path)), out=str(tmp_path / "run")))
    said = capsys.readouterr()
    assert "images are a first look" in said.out + said.err


def test_a_run_can_begin_with_the_shipped_icons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "few.npz", images=tiny.pixels(12, 64, 3))
    wanted = {"transfer": {"source": "icons"}, "batch": 4, "images": 4, "ticks": 1, "snapshots": 1}
    settings = preset_settings("robust", str(tmp_path / "few.npz"), wanted)
    train(dataclasses.replace(settings, out=str(tmp_path / "run")))
    said = "".join(capsys.readouterr())
    assert "from icons: generator: 21 of 21 tensors taken" in said
    assert "from icons: discriminator: 21 of 21 tensors taken" in said
