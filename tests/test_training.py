"""From settings to a finished run, and what a run folder holds."""

import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from PIL import Image
from safetensors.torch import load_file

import elegan
from elegan.engine import distributed
from elegan.engine.duel import Duel
from elegan.errors import EleganError, UsageError
from elegan.machine.precision import choose
from elegan.settings import from_json
from elegan.stopping import measure_speed
from elegan.training import load_data, plan, train


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
    assert run.model.facts["training"]["images"] == 64
    assert run.scores["model_sha256"] == run.model.facts["sha256"]


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
    assert elegan.write_report(run.path).exists()
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


def test_minutes_become_images_by_the_measured_speed_once(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elegan.stopping.measure_speed", lambda *rest: 20.0)
    settings = tiny.settings(data, out=str(tmp_path / "run"), images=None, minutes=0.1)
    run = train(settings)
    assert (run.settings.images, run.settings.minutes) == (120, None)
    monkeypatch.setattr("elegan.stopping.measure_speed", lambda *rest: 1 / 0)
    train(settings)  # complete: nothing is measured again


def test_measuring_the_speed_leaves_no_trace(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = tiny.settings(data, loss={"r1": 1.0, "penalty_every": 2})
    images, clock = load_data(settings), iter(range(10_000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    seen: list[int] = []
    step = Duel.step

    def count(self: Duel, batch):
        seen.append(batch.position)
        return step(self, batch)

    monkeypatch.setattr(Duel, "step", count)
    task = tiny.task_of(settings, images)
    speed = measure_speed(
        settings, task.batches, lambda: tiny.task_of(settings, images), choose("cpu"), 0.1
    )
    # The clock ticks once from the start of a cycle of two steps to its end.
    assert speed == 2 * 8
    assert len(seen) >= 8
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
    for name in ("lock", "log.txt", "real.png", "events.jsonl"):
        (other / name).write_bytes((tmp_path / "run" / name).read_bytes())
    run = train(dataclasses.replace(settings, out=str(other)))
    assert [one["event"] for one in run.events].count("start") == 1
    assert tiny.model_sha256(other) == whole


def test_a_locked_folder_names_the_reason(data: str, tmp_path: Path) -> None:
    from elegan.engine.run_folder import RunFolder

    with (
        RunFolder(tmp_path / "run").lock(),
        pytest.raises(EleganError, match="Another process is training"),
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
        loss={"r1": 0.5, "penalty_every": 4},
        optimizer={"beta1": 0.5, "generator_rate": 1e-3, "discriminator_rate": 1e-3},
    )
    run = train(settings)
    distances = [
        value
        for one in run.events
        if one["event"] == "snapshot"
        for value in one["scores"].values()
    ]
    assert distances[-1] < 0.75 * distances[0]
    assert run.scores["precision"] > 0.3
