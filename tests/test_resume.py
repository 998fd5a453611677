"""A run that was stopped, or killed at any moment, ends as if it had never been."""

import dataclasses
import json
import random
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import tiny
from processes import finish, start, train_until_killed

import elegan
from elegan.applications.runs import train
from elegan.cli import PHOTOS as TRANSLATING
from elegan.common.errors import EleganError, UsageError
from elegan.common.interruption import InterruptedRun
from elegan.settings import PRESETS, TrainSettings, from_json, preset_settings
from elegan.training.loop import TrainingLoop

LOSS = {**tiny.EVERY_PENALTY, "wasserstein_gp": 0.0, "dragan": 0.0}


def _settings(folder: Path, data: str, **overrides) -> TrainSettings:
    return tiny.settings(data, out=str(folder), loss=LOSS, **overrides)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.arrays(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def whole(data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(_settings(folder, data))
    return folder


@pytest.fixture(scope="module", params=["float32", "bf16"])
def either(request: pytest.FixtureRequest, data: str, whole: Path, tmp_path_factory) -> Path:
    """The same in both precisions."""
    if request.param == "float32":
        return whole
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(_settings(folder, data, precision=request.param))
    return folder


def _again(whole: Path, folder: Path) -> TrainSettings:
    return dataclasses.replace(from_json(whole / "settings.json"), out=str(folder))


def _ticks(run: Path) -> list[dict]:
    lines = (run / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]  # a torn line fails here
    assert [one["event"] for one in events].count("start") == 1
    timed = ("seconds", "images_per_second")
    return [
        {key: value for key, value in one.items() if key not in timed}
        for one in events
        if one["event"] in ("tick", "snapshot")
    ]


def _assert_equal(run: Path, whole: Path, *, ticks: bool = True) -> None:
    tensors = tiny.newest_checkpoint(run)
    parts = {name.split(".")[0] for name in tensors}
    assert parts >= {"generator", "discriminator", "ema", "generator_optimizer", "task"}
    assert tiny.differences(tensors, tiny.newest_checkpoint(whole)) == []
    assert tiny.model_sha256(run) == tiny.model_sha256(whole)
    if ticks:
        assert _ticks(run) == _ticks(whole)
    assert (run / "report.html").exists()
    own, other = (json.loads((one / "scores.json").read_text()) for one in (run, whole))
    assert own == other
    names = [{one.name for one in (path / "samples").iterdir()} for path in (run, whole)]
    assert names[0] >= names[1]
    for name in names[1]:
        assert (run / "samples" / name).read_bytes() == (whole / "samples" / name).read_bytes()
    left = [path for path in run.rglob(".elegan-*") if path.is_file()]
    assert left == []


def test_a_run_repeats_itself_bit_for_bit(either: Path, tmp_path: Path) -> None:
    train(_again(either, tmp_path / "run"))
    _assert_equal(tmp_path / "run", either)


def test_another_seed_is_another_run(whole: Path, tmp_path: Path) -> None:
    train(dataclasses.replace(_again(whole, tmp_path / "run"), seed=1))
    assert tiny.model_sha256(tmp_path / "run") != tiny.model_sha256(whole)


def test_asking_for_less_first_and_then_for_more(either: Path, tmp_path: Path) -> None:
    settings = _again(either, tmp_path / "run")
    train(dataclasses.replace(settings, images=24))
    train(settings)
    _assert_equal(tmp_path / "run", either, ticks=False)
    assert elegan.Run(tmp_path / "run").settings.images == 64


def _signal_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, taken = TrainingLoop.step, []

    def step_and_signal(self: TrainingLoop, batch):
        if self.folder.path != Path():  # which is nowhere, where only the speed is measured
            taken.append(batch.position)
        if len(taken) == step:
            signal.raise_signal(signal.SIGTERM)
        return real(self, batch)

    monkeypatch.setattr(TrainingLoop, "step", step_and_signal)


@pytest.mark.parametrize("step", [1, 5])
def test_a_signal_between_checkpoints(
    either: Path, tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _signal_at(step, monkeypatch)
    with pytest.raises(InterruptedRun):
        train(_again(either, tmp_path / "run"))
    monkeypatch.undo()
    run = elegan.resume(tmp_path / "run")
    _assert_equal(tmp_path / "run", either, ticks=False)
    assert [one["images"] for one in run.events if one["event"] == "resume"] == [8 * step]


# Those from images to images stand in test_translating_runs, characters in their own tests.
DRAWING = [
    name
    for name, row in PRESETS.items()
    if row.values.get("task") not in TRANSLATING and not name.startswith("characters")
]

# What keeps a state of its own from step to step, and what draws in ways of its own.
WITH_STATE = {
    "augmented": {"augment": {"kinds": "digits", "images": 200.0, "target": 0.1}},
    "replayed": {"mixing": {"replay": 0.5, "generated": 0.2}, "loss": {"lecam": 0.1}},
    "noisy": {"loss": {"flip": 0.2, "instance_noise": 0.3}, "balance": True, "conditional": True},
}


@pytest.mark.parametrize(
    ("preset", "overrides"),
    [*((preset, {}) for preset in DRAWING), *(("robust", one) for one in WITH_STATE.values())],
    ids=[*DRAWING, *WITH_STATE],
)
def test_every_preset_goes_on_where_it_stopped(
    preset: str, overrides: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "labelled.npz"
    np.savez(data, images=tiny.pixels(40), labels=np.arange(40) % 4)
    network = {"width": 8, "latent": 16}
    small = {"images": 96, "batch": 8, "ticks": 2, "snapshots": 2, "network": network}
    for name in ("whole", "run"):
        values = {**small, **overrides, "out": str(tmp_path / name)}
        settings = preset_settings(preset, str(data), values)
        if name == "run":
            _signal_at(5, monkeypatch)
            with pytest.raises(InterruptedRun):
                train(settings)
            monkeypatch.undo()
        train(settings)
    _assert_equal(tmp_path / "run", tmp_path / "whole", ticks=False)


def _count_moments(whole: Path, tmp_path: Path) -> int:
    counted = tmp_path / "moments"
    process = start(train_until_killed, _again(whole, tmp_path / "counted"), -1, counted)
    assert finish(process) == 0
    return int(counted.read_text())


def _kill(settings: TrainSettings, moment: int) -> bool:
    """Returns whether the process was killed, rather than done before."""
    code = finish(start(train_until_killed, settings, moment))
    assert code in (0, -9)
    return code == -9


def _kill_and_go_on(whole: Path, run: Path, moment: int) -> None:
    settings = _again(whole, run)
    assert _kill(settings, moment)
    assert not _kill(settings, -1)
    _assert_equal(run, whole)


def test_killed_at_a_few_moments(whole: Path, tmp_path: Path) -> None:
    moments = _count_moments(whole, tmp_path)
    assert moments > 100
    for share in (0.3, 0.55, 0.9):
        moment = int(share * moments)
        _kill_and_go_on(whole, tmp_path / str(moment), moment)


@pytest.mark.slow
def test_killed_at_many_moments(either: Path, tmp_path: Path) -> None:
    """One in twelve of all steps and sides of flushes and renames: checkpoints, models, events."""
    for moment in range(1, _count_moments(either, tmp_path) + 1, 12):
        _kill_and_go_on(either, tmp_path / str(moment), moment)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_killed_again_and_again(either: Path, tmp_path: Path, seed: int) -> None:
    draw, settings = random.Random(seed), _again(either, tmp_path / "run")
    kills = 0
    while _kill(settings, draw.randrange(1, 160)):
        kills += 1
        assert kills < 100
    _assert_equal(tmp_path / "run", either)


def test_a_damaged_newest_checkpoint(whole: Path, tmp_path: Path) -> None:
    settings = _again(whole, tmp_path / "run")
    train(settings)
    newest = max((tmp_path / "run" / "checkpoints").iterdir())
    (newest / "generator.safetensors").write_bytes(b"damaged")
    train(settings)
    _assert_equal(tmp_path / "run", whole)
    assert "is damaged" in (tmp_path / "run" / "log.txt").read_text()


def test_a_complete_run_says_so_and_is_left_alone(whole: Path, capsys) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    train(from_json(whole / "settings.json"))
    said = capsys.readouterr().err
    assert "is complete: 64 images" in said
    assert "add --minutes 5, or a larger --images" in said
    after = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    changed = {path.name for path in after if before.get(path) != after[path]}
    assert changed <= {"log.txt", "events.jsonl"}
    assert json.loads((whole / "events.jsonl").read_text().splitlines()[-1])["event"] == "stop"


@pytest.mark.parametrize("lost", ["scores.json", "report.html", "model/model.json"])
def test_what_is_missing_at_the_end_is_made(whole: Path, tmp_path: Path, lost: str) -> None:
    settings = _again(whole, tmp_path / "run")
    train(settings)
    (tmp_path / "run" / lost).unlink()
    train(settings)
    _assert_equal(tmp_path / "run", whole)


def test_resuming_nothing_is_an_error(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(EleganError, match="is no run"):
        elegan.resume(tmp_path / "nothing")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "settings.json").write_bytes((whole / "settings.json").read_bytes())
    with pytest.raises(EleganError, match="nothing to resume"):
        elegan.resume(tmp_path / "run")


def test_lost_checkpoints_are_an_error_and_the_model_stays(tmp_path: Path, data: str) -> None:
    settings = _settings(tmp_path / "run", data, images=16)
    train(settings)
    before = tiny.model_sha256(tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(EleganError, match="lost its checkpoints"):
        train(settings)
    assert tiny.model_sha256(tmp_path / "run") == before


def test_other_settings_in_the_same_folder_are_refused_by_name(whole: Path) -> None:
    settings = from_json(whole / "settings.json")
    other = dataclasses.replace(settings, batch=16, seed=5)
    with pytest.raises(UsageError, match=r"batch: 8 there, 16 asked; seed: 0 there, 5 asked"):
        train(other)


def test_other_images_under_the_same_name_are_refused(tmp_path: Path) -> None:
    data = tiny.arrays(tmp_path / "data")
    settings = _settings(tmp_path / "run", data, images=16)
    train(settings)
    tiny.arrays(tmp_path / "data", count=44)
    with pytest.raises(UsageError, match="no longer holds the images"):
        train(dataclasses.replace(settings, images=32))


def test_settings_of_a_run_are_a_valid_input(whole: Path, tmp_path: Path) -> None:
    settings = from_json(whole / "settings.json")
    assert settings.out == str(whole)
    train(dataclasses.replace(settings, out=str(tmp_path / "run")))
    _assert_equal(tmp_path / "run", whole)
