"""Scores without a truth: whether images are like those of the target."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_photos
import torch

from elegan.applications import load_model
from elegan.applications.styles.scoring import (
    SUBSET,
    matched,
    pieces,
    score,
    score_unpaired,
    set_distance,
)


class Applied:
    """A model that does as it is told."""

    def __init__(self, change: Any) -> None:
        self.apply = change


def _rows(found: dict[str, Any]) -> dict[str, float]:
    return {row["row"]: row["kid"] for row in found["rows"]}


def test_matched_colours_have_the_mean_and_deviation_asked_for() -> None:
    image = tiny_photos.waves(0) // 2 + 50
    mean, deviation = np.array([100.0, 120, 140]), np.array([10.0, 20, 30])
    found = matched(image, mean, deviation).astype(float)
    np.testing.assert_allclose(found.mean((0, 1)), mean, atol=0.5)
    np.testing.assert_allclose(found.std((0, 1)), deviation, atol=0.5)
    flat = np.full((4, 4, 3), 9, np.uint8)
    assert np.array_equal(np.unique(matched(flat, mean, deviation), axis=1)[0, 0], mean)


@pytest.mark.parametrize("whole", [True, False])
def test_a_model_that_makes_targets_scores_as_targets_do(whole: bool) -> None:
    sources = tiny_photos.photo_set([tiny_photos.waves(seed) // 4 for seed in range(16)])
    targets = tiny_photos.photo_set([255 - tiny_photos.waves(seed) // 4 for seed in range(16)])
    perfect: Any = Applied(lambda image: 255 - image)
    found = score_unpaired(perfect, sources, targets, whole=whole)
    rows = _rows(found)
    assert list(rows) == ["input", "colours matched", "model", "half of the targets"]
    assert rows["model"] < 0.1 * rows["input"]
    assert ("whole images" in found["protocol"]) == whole
    assert found["notes"] == []
    idle: Any = Applied(lambda image: image)
    again = _rows(score_unpaired(idle, sources, targets, whole=whole))
    assert again["model"] == pytest.approx(again["input"])
    worse: Any = Applied(lambda image: np.zeros_like(image))
    assert "farther from the target" in score_unpaired(worse, sources, targets)["notes"][0]


def test_one_image_on_a_side_is_enough() -> None:
    sources = tiny_photos.photo_set([tiny_photos.waves(0, 40, 33)])
    targets = tiny_photos.photos(3)
    idle: Any = Applied(lambda image: image)
    found = score_unpaired(idle, sources, targets)
    assert all(np.isfinite(row["kid"]) for row in found["rows"])
    assert min(row["images"] for row in found["rows"]) >= 2


def test_squares_are_spread_over_all_photos() -> None:
    photos = tiny_photos.photo_set([np.full((64, 80, 3), index, np.uint8) for index in range(3)])
    found = pieces(photos, 16)
    assert {one.shape for one in found} == {(16, 16, 3)}
    counts = np.bincount([one[0, 0, 0] for one in found])
    assert counts.tolist() == [20, 20, 20]
    many = tiny_photos.photo_set([np.full((64, 64, 3), index, np.uint8) for index in range(100)])
    assert [one[0, 0, 0] for one in pieces(many, 16)] == list(range(100))


def test_models_that_learnt_without_pairs_are_compared_with_the_target(tmp_path: Path) -> None:
    torch.manual_seed(0)
    task = tiny_photos.task_of(tiny_photos.settings("stylize-cycle"))
    task.save_model(tmp_path / "model", {})
    model: Any = load_model(tmp_path / "model", device="cpu", precision="float32")
    one = tiny_photos.write_side(tmp_path / "one", 2)
    other = tiny_photos.write_side(tmp_path / "other", 2, negative=True, first=50)
    scores = score(model, one, target=other, side=32)
    assert [row["on"] for row in scores["rows"]] == ["unpaired"] * 4
    assert "squares of 24 pixels" in scores["protocol"]
    # Where names match after all, there is a truth.
    pairs = score(model, tiny_photos.write_pairs(tmp_path / "pairs", 2), side=32)
    assert [row["row"] for row in pairs["rows"]] == ["input", "model"]


@pytest.mark.parametrize("count", [4, 30, 3 * SUBSET])
def test_a_deviation_tells_subsets_apart(count: int) -> None:
    first, second = np.random.default_rng(0).normal(size=(2, count, 8))
    distance, deviation = set_distance(first, second)
    assert deviation > 1e-4
    assert abs(distance) < 3 * deviation
