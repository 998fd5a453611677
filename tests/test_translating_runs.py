"""Whole runs from images to images, through the command line: trained, stopped, resumed, used."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import tiny_photos
from PIL import Image
from processes import finish, start, train_until_killed

import elegan
from elegan.cli import PHOTOS as TRANSLATING
from elegan.cli import main
from elegan.settings import PRESETS, from_json
from elegan.training.loop import TrainingLoop

SMALL = ["--images", "12", "--batch", "2", "--ticks", "3", "--snapshots", "1", "--device", "cpu"]
SMALL += ["--precision", "float32", "--network.width", "8", "--translate.patch", "32"]
NAMED = {
    "upscale": ["--task", "upscale", "--scale", "2", "--translate.depth", "1"],
    "restore": [
        "--task",
        "restore",
        "--degradation",
        "noise,inpaint",
        "--translate.depth",
        "1",
        "--translate.adversarial-from",
        "0.8",
    ],
    "stylize": ["--task", "stylize", "--translate.depth", "2"],
    "stylize-unpaired": [
        *("--task", "stylize", "--method", "contrastive"),
        *("--translate.depth", "1", "--translate.identity", "0.5"),
    ],
    "stylize-cycle": ["--task", "stylize", "--method", "cycle", "--translate.depth", "1"],
}
TWO_PHASES = ("upscale", "restore")


def test_every_preset_from_images_to_images_is_run_here() -> None:
    tasks = {name: row.values.get("task") for name, row in PRESETS.items()}
    assert list(NAMED) == [name for name, task in tasks.items() if task in TRANSLATING]


def _words(preset: str, folder: Path) -> list[str]:
    if preset in TWO_PHASES:
        data = tiny_photos.write_photos(folder)
        return ["train", data, *NAMED[preset], *SMALL]
    if preset == "stylize-cycle":  # two folders
        one = tiny_photos.write_side(folder / "one", 11)
        other = tiny_photos.write_side(folder / "other", 5, negative=True)
        return ["train", one, "--target", other, *NAMED[preset], *SMALL]
    return ["train", tiny_photos.write_pairs(folder / "pairs"), *NAMED[preset], *SMALL]


def _train(words: list[str], run: Path) -> int:
    return main([*words, "--out", str(run)])


EVERY_DAY = ("upscale", "stylize", "stylize-cycle")  # a phase, pairs, and a pool


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=() if name in EVERY_DAY else pytest.mark.slow) for name in NAMED
    ],
)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(preset, words, a run that nothing disturbed)."""
    folder = tmp_path_factory.mktemp(request.param)
    words = _words(request.param, folder)
    assert _train(words, folder / "run") == 0
    return request.param, words, folder / "run"


def _assert_equal(run: Path, whole: Path) -> None:
    tensors = tiny.newest_checkpoint(run)
    assert tiny.differences(tensors, tiny.newest_checkpoint(whole)) == []
    models = [json.loads((one / "model" / "model.json").read_text()) for one in (run, whole)]
    for model in models:
        model["training"].pop("seconds")
    assert models[0] == models[1]
    scores = [json.loads((one / "scores.json").read_text()) for one in (run, whole)]
    assert scores[0] == scores[1]
    for sample in (whole / "samples").iterdir():
        assert (run / "samples" / sample.name).read_bytes() == sample.read_bytes()


def test_a_run_writes_what_it_should(trained: Any) -> None:
    preset, _, run = trained
    opened = elegan.Run(run)
    assert opened.settings.preset == preset
    assert opened.settings.task == preset.partition("-")[0]
    events = [one["event"] for one in opened.events]
    assert events == ["start", *["tick"] * 3, "snapshot", "stop"]
    assert [one.name for one in (run / "samples").iterdir()] == ["0000012.png"]
    for name in (
        "real.png",
        "first-batch.png",
        "report.html",
        "data.json",
        "environment.json",
        "model/README.md",
    ):
        assert (run / name).stat().st_size > 0
    model = json.loads((run / "model" / "model.json").read_text())
    assert model["task"] == opened.settings.task
    assert ("fidelity" in model) == (preset in TWO_PHASES)
    assert ("fidelity" in {one["row"] for one in opened.scores["rows"]}) == (preset in TWO_PHASES)
    assert opened.scores["images_seen"] == 12
    named = {name for event in opened.events for name in event.get("signals", {})}
    assert ("luminance_agreement" in named) == ("-" in preset)


def test_the_discriminator_is_still_while_it_rests(trained: Any) -> None:
    preset, _, run = trained
    ticks = [one["losses"] for one in elegan.Run(run).events if one["event"] == "tick"]
    if preset not in TWO_PHASES:
        assert all("discriminator" in one for one in ticks)
        return
    # It joins at 9 of 12 images for one preset, at 9.6 for the other: with the sixth batch of two.
    assert ["discriminator" in one for one in ticks] == [False, False, True]
    assert ["generator_adversarial" in one for one in ticks] == [False, False, True]
    tensors = tiny.newest_checkpoint(run)
    assert any(name.startswith("task.fidelity.") for name in tensors)


def _stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    import signal

    real, taken = TrainingLoop.step, []

    def step_and_signal(self: TrainingLoop, batch):
        if self.folder.path != Path():  # which is nowhere, where only the speed is measured
            taken.append(batch.position)
        if len(taken) == step:
            signal.raise_signal(signal.SIGTERM)
        return real(self, batch)

    monkeypatch.setattr(TrainingLoop, "step", step_and_signal)
    return monkeypatch.undo


# After the fifth of six steps the discriminator joins, where it rests at first.
@pytest.mark.parametrize("step", [pytest.param(2, marks=pytest.mark.slow), 5])
def test_a_stopped_run_goes_on_as_if_it_had_not(
    trained: Any, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, words, whole = trained
    go_on = _stop_at(step, monkeypatch)
    assert _train(words, tmp_path / "run") == 143
    go_on()
    assert main(["resume", str(tmp_path / "run")]) == 0
    _assert_equal(tmp_path / "run", whole)


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_it_had_not(trained: Any, tmp_path: Path) -> None:
    _, _, whole = trained
    settings = dataclasses.replace(from_json(whole / "settings.json"), out=str(tmp_path / "run"))
    kills = 0
    for moment in (40, 60, 80, 100):
        kills += finish(start(train_until_killed, settings, moment)) == -9
    assert kills
    assert finish(start(train_until_killed, settings, -1)) == 0
    _assert_equal(tmp_path / "run", whole)


def test_the_same_command_again_says_that_the_run_is_complete(trained: Any, capsys) -> None:
    _, words, run = trained
    assert _train(words, run) == 0
    assert "is complete: 12 images" in capsys.readouterr().err


def test_the_model_is_evaluated_and_used(trained: Any, tmp_path: Path, capsys) -> None:
    preset, words, run = trained
    task, scale = preset.partition("-")[0], 2 if preset == "upscale" else 1
    extra = words[2:4] if "--target" in words else []
    assert main(["evaluate", str(run), words[1], *extra, "--limit", "2", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["task"] == task
    assert scores["rows"][0]["row"] == "input"
    photo = tmp_path / "photo.png"
    Image.fromarray(tiny_photos.waves(77, 30, 42)).save(photo)
    assert main([task, str(photo), "--model", str(run), "--out", str(tmp_path / "made")]) == 0
    with Image.open(tmp_path / "made" / "photo.png") as made:
        assert made.size == (42 * scale, 30 * scale)
        assert np.asarray(made).std() > 0
    assert main(["health", str(run)]) == 0
    capsys.readouterr()
    for verb in ("generate", "interpolate", "directions", "project", "classify", "prune"):
        photos = [] if verb in ("generate", "interpolate", "directions") else [str(photo)]
        assert main([verb, str(run), *photos, "--out", str(tmp_path / "x.png")]) == 2
        assert f"elegan {task} INPUT" in capsys.readouterr().err


def test_the_report_compares_with_the_input(trained: Any) -> None:
    _, _, run = trained
    assert main(["report", str(run)]) == 0
    page = (run / "report.html").read_text()
    for row in elegan.Run(run).scores["rows"]:
        assert f"<td>{row['row']}</td>" in page


def test_held_out_photos_are_what_a_run_is_scored_on(trained: Any) -> None:
    preset, _, run = trained
    images = elegan.Run(run).scores["rows"][0]["images"]
    if "-" in preset:
        assert images > 1  # squares of the one source that is held out
    else:
        assert images == 1
    assert not any("held out" in note for note in elegan.Run(run).scores["notes"])


def test_a_plan_writes_nothing(tmp_path: Path, capsys) -> None:
    words = _words("upscale", tmp_path / "data")
    assert main([*words, "--out", str(tmp_path / "run"), "--dry-run", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["capacity"]["generator"]["parameters"] > 0
    assert not (tmp_path / "run").exists()


def test_unused_flags_are_refused_before_anything_is_written(tmp_path: Path, capsys) -> None:
    words = _words("restore", tmp_path / "data")
    assert main([*words, "--loss.r1", "1", "--out", str(tmp_path / "run")]) == 2
    assert "--task restore does not use --loss.r1" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("preset", NAMED)
def test_one_image_is_a_batch_where_there_are_no_batch_statistics(
    preset: str, tmp_path: Path
) -> None:
    words = _words(preset, tmp_path / "data")
    words[words.index("--batch") + 1] = "1"
    assert main([*words, "--images", "3", "--out", str(tmp_path / "run")]) == 0
    facts = json.loads((tmp_path / "run" / "events.jsonl").read_text().splitlines()[-1])
    assert facts["images"] == 3


def test_of_noise_a_batch_has_two_images(tmp_path: Path, capsys) -> None:
    data = tiny_photos.write_photos(tmp_path / "data")
    assert main(["train", data, "--batch", "1", "--out", str(tmp_path / "run")]) == 2
    assert "--batch must be at least 2" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
