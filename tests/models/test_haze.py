"""Haze by the dark channel prior: closed forms, and what every restorer promises."""

import numpy as np
import pytest

from elegan.common.errors import UsageError
from elegan.metrics.image_quality import psnr
from elegan.models import TranslationModel, filters
from elegan.models.haze import HazeFilter, veil
from elegan.models.inference import InferenceOptions

LIGHT = np.array([0.9, 0.85, 0.8], np.float32)


def clear(side: int = 240) -> np.ndarray:
    """A scene whose every patch has a dark pixel, and a bright sky, float32 [side, side, 3]."""
    random = np.random.default_rng(0)
    scene = random.random((side, side, 3)).astype(np.float32) ** 2 * 0.8
    scene[::4, ::4] = 0
    return scene


def hazy(scene: np.ndarray, through: float) -> np.ndarray:
    image = scene * through + LIGHT * (1 - through)
    image[:24] = LIGHT  # the horizon, where nothing but the air is seen
    return image.astype(np.float32)


def test_an_even_veil_over_a_scene_that_keeps_the_prior_is_found_and_taken_away() -> None:
    scene = clear()
    image = hazy(scene, 0.4)
    light, (slope, offset) = veil(image)
    np.testing.assert_allclose(light, LIGHT, atol=0.01)
    through = slope * image.mean(axis=2) + offset
    assert through[90:].mean() == pytest.approx(1 - 0.95 * 0.6, abs=0.02)
    made = HazeFilter().apply(image, task="dehaze")
    assert psnr(to_bytes(made[90:]), to_bytes(scene[90:])) > 25
    assert psnr(to_bytes(image[90:]), to_bytes(scene[90:])) < 11


def to_bytes(image: np.ndarray) -> np.ndarray:
    return np.rint(image.clip(0, 1) * 255).astype(np.uint8)


def test_every_depth_gives_the_same_and_gray_stays_gray() -> None:
    image = to_bytes(hazy(clear(), 0.5))
    made = HazeFilter().apply(image)
    deep = HazeFilter().apply(image.astype(np.uint16) * 257)
    assert np.abs(deep / 257 - made.astype(float)).max() <= 0.51
    gray = np.repeat(image[..., :1], 3, axis=2)
    of_gray = HazeFilter().apply(gray)
    assert np.ptp(of_gray, axis=2).max() == 0
    np.testing.assert_array_equal(HazeFilter().apply(image[..., :1])[..., 0], of_gray[..., 0])


def test_strips_of_any_height_give_the_same_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    image = hazy(clear(620), 0.5)
    made = HazeFilter().apply(image)
    assert HazeFilter().windows(620, 620, InferenceOptions()) == 3
    monkeypatch.setattr(filters, "ROWS", 70)
    np.testing.assert_allclose(HazeFilter().apply(image), made, atol=1e-6)


def test_strength_and_masks_are_those_of_every_restorer() -> None:
    image = to_bytes(hazy(clear(), 0.5))
    half = HazeFilter().with_strength(0.5).apply(image).astype(float)
    whole = HazeFilter().apply(image).astype(float)
    assert np.abs((half - image) - (whole - image) / 2).max() <= 1
    np.testing.assert_array_equal(HazeFilter().with_strength(0.0).apply(image), image)
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[50:100] = 255
    made = HazeFilter().apply(image, mask=mask, task="dehaze")
    np.testing.assert_array_equal(made[mask == 0], image[mask == 0])
    assert (made[mask > 0] != image[mask > 0]).any()
    with pytest.raises(UsageError, match="not trained to derain"):
        HazeFilter().apply(image, task="derain")


def test_it_is_what_dehaze_takes_by_default_and_says_so() -> None:
    model = TranslationModel.load(None, "restore")
    dehazing = InferenceOptions(task="dehaze")
    assert model.notes(10, 10, dehazing) == ("by the dark channel prior",)
    image = np.random.default_rng(0).integers(90, 200, (30, 40, 3), np.uint8)
    np.testing.assert_array_equal(
        model.apply(image, task="dehaze"), HazeFilter().apply(image, task="dehaze")
    )


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (17, 2)])
def test_the_smallest_images_come_back(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 120, np.uint8)
    assert HazeFilter().apply(image).shape == image.shape
