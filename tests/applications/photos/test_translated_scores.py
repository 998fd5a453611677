"""Rows of figures: what one has without a model and with it, under the protocol they name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_photos

from elegan.applications import load_model
from elegan.applications.photos.scoring import damaged, score, smaller, trials_of
from elegan.applications.runs import evaluate_model, format_any
from elegan.applications.styles.scoring import score as score_style
from elegan.common.errors import UsageError
from elegan.data.degradations import POINTS, UNSEEN, downscale, upscale
from elegan.metrics.image_quality import NAME, compare, perceptual_distance
from elegan.tasks.translation_scores import arms, measured, middle

FIGURES = {"psnr_y", "ssim_y", "psnr", "ssim", "pd"}


def _model(preset: str, folder: Path, data: Any = None, **overrides: Any) -> Any:
    task = tiny_photos.task_of(tiny_photos.settings(preset, **overrides), data)
    if "-" not in preset:
        weights = task.ema.network.state_dict()
        task.state |= {f"fidelity.{name}": one.clone() for name, one in weights.items()}
    task.save_model(folder / preset, {"images": 0})
    return load_model(folder / preset, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_photos.write_photos(tmp_path_factory.mktemp("data"), 3)


def test_figures_of_one_image_are_those_of_the_measures() -> None:
    truth, made = tiny_photos.waves(0), tiny_photos.waves(0) // 2 + 60
    trial = smaller(truth, 2, "bicubic", np.random.default_rng(0))
    found = measured(made, trial)
    expected = {**compare(made, truth, 2), "pd": perceptual_distance(made, truth, 2)}
    assert found == expected
    assert set(found) == FIGURES
    equal = measured(truth, trial)
    assert (equal["psnr"], equal["ssim"], equal["pd"]) == (100, 1, pytest.approx(0, abs=1e-6))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_photos_are_cut_to_multiples_and_the_border_is_the_scale(scale: int) -> None:
    photo = tiny_photos.waves(1, 47, 41)
    trial = smaller(photo, scale, "bicubic", np.random.default_rng(0))
    height, width = 47 // scale * scale, 41 // scale * scale
    assert np.array_equal(trial.truth, photo[:height, :width])
    assert np.array_equal(trial.given, downscale(trial.truth, scale))
    assert np.array_equal(trial.baseline, upscale(trial.given, scale))
    assert trial.baseline.shape == trial.truth.shape
    assert trial.border == scale


def test_masks_are_given_of_what_is_known_to_be_lost() -> None:
    photo = tiny_photos.waves(2)
    for point, (kind, _) in POINTS.items():
        trial = damaged(photo, point, np.random.default_rng(0))
        assert np.array_equal(trial.truth, photo)
        assert (trial.mask is not None) == (kind in ("holes", "scratches"))
        assert trial.baseline is trial.given
        assert (trial.given != photo).any()


def test_the_middle_of_a_photo() -> None:
    photo = tiny_photos.waves(0, 50, 30)
    assert np.array_equal(middle(photo, 20), photo[15:35, 5:25])
    assert np.array_equal(middle(photo, 40), photo[5:45])
    assert middle(photo, None) is photo


def test_an_untrained_upscaler_scores_as_bicubic_does(data: str, tmp_path: Path) -> None:
    scores = score(_model("upscale", tmp_path), data)
    assert [row["row"] for row in scores["rows"]] == ["input", "fidelity", "adversarial"]
    plain, faithful, whole = scores["rows"]
    assert set(plain) == {"on", "row", "images", *FIGURES}
    for name in FIGURES:
        assert faithful[name] == pytest.approx(plain[name], rel=2e-3)
        assert whole[name] == faithful[name]
    assert {row["on"] for row in scores["rows"]} == {"bicubic, x2"}
    assert plain["images"] == 3
    assert NAME in scores["protocol"]
    assert (scores["task"], scores["split"], scores["images_seen"]) == ("upscale", "train", 0)


def test_haze_is_asked_for_and_nothing_else_is() -> None:
    photo = tiny_photos.waves(0, 40, 40)
    asked = {point: damaged(photo, point, np.random.default_rng(0)).task for point in POINTS}
    assert asked == dict.fromkeys(POINTS, "auto") | {"haze-half": "dehaze"}


def test_a_restorer_is_tried_on_what_it_knows_and_on_what_nobody_trains_on(tmp_path: Path) -> None:
    model = _model("restore", tmp_path, translate={"degradation": "noise,holes"})
    trials = list(trials_of(model, tiny_photos.photos(2), 0, None))
    kinds = {point for point, (kind, _) in POINTS.items() if kind in ("noise", "holes", *UNSEEN)}
    assert [trial.on for trial in trials] == [*(p for p in POINTS if p in kinds)] * 2
    again = list(trials_of(model, tiny_photos.photos(2), 0, None))
    other = list(trials_of(model, tiny_photos.photos(2), 1, None))
    for one, same, another in zip(trials, again, other, strict=True):
        assert np.array_equal(one.given, same.given)
        assert not np.array_equal(one.given, another.given)


def test_limits_and_seeds_choose_photos(data: str, tmp_path: Path) -> None:
    model = _model("upscale", tmp_path)
    whole = score(model, data, side=32)
    few = score(model, data, limit=1, side=32)
    assert few["rows"][0]["images"] == 1
    assert few["rows"][0]["psnr"] != whole["rows"][0]["psnr"]
    assert score(model, data, limit=1, side=32) == few


def test_arms_are_the_weights_kept_and_the_final_ones(tmp_path: Path) -> None:
    model = _model("upscale", tmp_path)
    assert list(arms(model)) == ["fidelity", "adversarial"]
    assert list(arms(_model("stylize-cycle", tmp_path))) == ["model"]


def test_a_stylizer_of_pairs_is_scored_against_the_truth(tmp_path: Path) -> None:
    model = _model("stylize", tmp_path)
    folder = tiny_photos.write_pairs(tmp_path / "data", 3)
    scores = score_style(model, folder)
    assert [row["row"] for row in scores["rows"]] == ["input", "fidelity", "adversarial"]
    first = compare(tiny_photos.waves(0), 255 - tiny_photos.waves(0))["psnr"]
    assert scores["rows"][0]["psnr"] == pytest.approx(first, abs=3)
    apart = score_style(model, f"{folder}/A", target=f"{folder}/B")
    assert apart["rows"] == scores["rows"]
    backwards = tiny_photos.settings("stylize", translate={"reverse": True})
    task = tiny_photos.task_of(backwards)
    task.save_model(tmp_path / "reverse", {})
    turned = score_style(load_model(tmp_path / "reverse", device="cpu"), folder)
    assert turned["rows"][0]["ssim"] == pytest.approx(scores["rows"][0]["ssim"])
    assert turned["data_hash"] != scores["data_hash"]


def test_a_test_split_of_pairs_is_taken_where_there_is_one(tmp_path: Path) -> None:
    model = _model("stylize", tmp_path)
    for split, count in (("train", 3), ("test", 2)):
        tiny_photos.write_side(tmp_path / "data" / f"{split}A", count)
        tiny_photos.write_side(tmp_path / "data" / f"{split}B", count, negative=True)
    scores = score_style(model, str(tmp_path / "data"))
    assert (scores["split"], scores["rows"][0]["images"]) == ("test", 2)
    assert score_style(model, str(tmp_path / "data"), split="train")["rows"][0]["images"] == 3


def test_options_of_the_other_kind_of_model_are_refused(data: str, tmp_path: Path) -> None:
    model = _model("upscale", tmp_path)
    for name in ("n", "extractor", "fit"):
        with pytest.raises(UsageError, match=rf"'upscale' is not scored with --{name}"):
            evaluate_model(model, data, **{name: 2})
    with pytest.raises(UsageError, match="not scored with --target"):
        evaluate_model(model, data, target=data)
    scores = evaluate_model(tmp_path / "upscale", data)
    text = format_any(scores)
    assert "psnr_y" in text
    assert text.count("\n") == 1 + len(scores["rows"])
