import dataclasses
import json
from pathlib import Path

import pytest

from elegan.common.errors import UsageError
from elegan.settings import (
    PRESETS,
    TrainSettings,
    from_json,
    override,
    parse_count,
    preset_for,
    preset_settings,
    validate,
)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid_and_says_what_it_is(preset: str) -> None:
    settings = preset_settings(preset, "mnist")
    validate(settings)
    assert settings.preset == preset
    assert PRESETS[preset].about
    assert PRESETS[preset].images > 0


@pytest.mark.parametrize("preset", PRESETS)
def test_settings_survive_json(preset: str, tmp_path: Path) -> None:
    overrides = {"images": 640, "loss": {"lecam": 0.3}, "data": "数字"}
    settings = preset_settings(preset, "", overrides)
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(dataclasses.asdict(settings), ensure_ascii=False), "utf-8")
    assert from_json(path) == settings


def test_a_task_takes_its_preset_and_a_method_its_own() -> None:
    assert preset_for("upscale") == "upscale"
    assert preset_for("stylize", "paired") == "stylize"
    assert preset_for("stylize", "contrastive") == "stylize-unpaired"
    assert preset_for("stylize", "cycle") == "stylize-cycle"
    assert preset_for("generate") == preset_for(None) == preset_for("upscal") == "robust"


def test_overrides_go_over_the_preset_and_leave_the_rest() -> None:
    settings = preset_settings("robust", "mnist", {"batch": 4, "optimizer": {"beta2": 0.5}})
    row = preset_settings("robust", "mnist")
    assert settings.batch == 4
    assert settings.optimizer.beta2 == 0.5
    assert settings.optimizer.generator_rate == row.optimizer.generator_rate
    assert settings.loss == row.loss


def test_a_settings_file_with_some_keys_begins_with_its_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"data": "x", "preset": "article", "loss": {"r1": 0.5}}')
    expected = preset_settings("article", "x", {"loss": {"r1": 0.5}})
    assert from_json(path) == expected
    assert expected.network.name == "article"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"bach": 3}, r"'bach'\. Did you mean 'batch'"),
        ({"loss": {"r3": 3}}, r"'loss\.r3'\. Did you mean"),
        ({"loss": 3}, "'loss' must be an object"),
        ({"batch": "8"}, "'batch' takes a whole number"),
        ({"batch": 8.5}, "'batch' takes a whole number"),
        ({"batch": True}, "'batch' takes"),
        ({"size": "large"}, "'size' takes a number"),
        ({"conditional": 1}, "'conditional' takes true or false"),
        ({"fit": "squash"}, "'fit' takes 'crop' or 'pad' or 'stretch'"),
        ({"channels": 2}, "'channels' takes 1 or 3 or null"),
        ({"optimizer": {"beta1": None}}, r"'optimizer\.beta1' takes a number"),
    ],
)
def test_unknown_keys_and_wrong_types_are_refused(values: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        preset_settings("robust", "mnist", values)


def test_a_run_from_before_a_setting_went_goes_on_where_it_was_off() -> None:
    plain = preset_settings("robust", "mnist")
    assert preset_settings("robust", "mnist", {"loss": {"reconstruction": 0.0}}) == plain
    with pytest.raises(UsageError, match=r"Unknown setting 'loss\.reconstruction'"):
        preset_settings("robust", "mnist", {"loss": {"reconstruction": 1.0}})


def test_whole_numbers_are_numbers_and_null_is_allowed_where_it_means_something() -> None:
    settings = override(TrainSettings(data="x"), {"size": 2, "limit": None, "channels": 3})
    assert (settings.size, settings.limit, settings.channels) == (2, None, 3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"images": 0}, "--images"),
        ({"epochs": -1.0}, "--epochs"),
        ({"minutes": float("nan")}, "--minutes"),
        ({"minutes": float("inf")}, "--minutes"),
        ({"images": 5, "minutes": 2.0}, "one stop rule"),
        ({"batch": 0}, "--batch"),
        ({"limit": 0}, "--limit"),
        ({"seed": -1}, "--seed"),
        ({"size": 0.0}, "--size"),
        ({"size": 64.0}, r"64 times is more than 16.*--resolution 64"),
        ({"ticks": 0}, "--ticks"),
        ({"resolution": 15}, "--resolution"),
        ({"resolution": 257}, "--resolution"),
        ({"network": {"width": 0}}, r"--network\.width"),
        ({"loss": {"r1": -1.0}}, r"--loss\.r1"),
        ({"loss": {"wasserstein_gp": float("nan")}}, r"--loss\.wasserstein-gp"),
        ({"loss": {"penalty_every": 0}}, r"--loss\.penalty-every"),
        ({"optimizer": {"beta1": 1.0}}, r"--optimizer\.beta1"),
        ({"optimizer": {"generator_rate": 0.0}}, r"--optimizer\.generator-rate"),
        ({"optimizer": {"warmup": 2.0}}, r"--optimizer\.warmup"),
        ({"ema": {"half_life": 0.0}}, r"--ema\.half-life"),
        ({"augment": {"probability": 1.5}}, r"--augment\.probability"),
        ({"augment": {"pseudo": True, "mode": "fixed"}}, "no real image"),
        ({"augment": {"pseudo": True, "mode": "fixed", "probability": 1.0}}, "no real image"),
    ],
)
def test_values_no_run_could_work_with_are_refused(values: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        validate(preset_settings("robust", "mnist", values))


@pytest.mark.parametrize(
    ("text", "count"), [("5000", 5000), ("200k", 200_000), ("2M", 2_000_000), ("1.5k", 1500)]
)
def test_counts(text: str, count: int) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "k", "0", "-5", "many", "nan", "inf", "1e999"])
def test_counts_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="200k"):
        parse_count(text)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"batch": 3}', "\xff"])
def test_files_that_hold_no_settings(text: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"settings\.json"):
        from_json(path)
    with pytest.raises(UsageError, match="no settings file"):
        from_json(tmp_path / "none.json")
