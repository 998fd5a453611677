"""Patterns that repeat: closed forms, every kind and angle, and photos that have none."""

import numpy as np
import pytest

from elegan.data.degradations import damage, from_bytes, resize_bicubic, to_bytes
from elegan.data.degradations.overlays import PATTERNS
from elegan.metrics.image_quality import psnr
from elegan.models import TranslationModel
from elegan.models.inference import InferenceOptions
from elegan.models.patterns import PatternFilter, find_pattern


def scene(height: int = 240, width: int = 300) -> np.ndarray:
    """Clouds with edges and some grain, uint8 [H, W, 3]."""
    random = np.random.default_rng(0)
    clouds = sum(
        resize_bicubic(random.random((size, size, 3), np.float32), (height, width)) / count
        for count, size in enumerate((4, 9, 20, 50), 1)
    )
    image = np.asarray(clouds) / np.max(clouds) * 0.8
    image[60:150, 80:200] *= 0.5
    return to_bytes(image + random.normal(0, 0.02, image.shape).astype(np.float32))


def lined(image: np.ndarray, period: float, angle: float) -> np.ndarray:
    """Red lines of half the period and half opacity."""
    down, right = np.mgrid[: image.shape[0], : image.shape[1]]
    wave = np.cos(2 * np.pi / period * (np.cos(angle) * right + np.sin(angle) * down) + 1)
    cover = 0.5 * np.clip(wave * period / 6 + 0.5, 0, 1)[..., None].astype(np.float32)
    return to_bytes(from_bytes(image) * (1 - cover) + cover * np.float32((0.9, 0.1, 0.1)))


@pytest.mark.parametrize(("period", "angle"), [(6.3, 0.4), (13.0, 0.0), (21.7, 2.1)])
def test_lines_are_measured_and_taken_off(period: float, angle: float) -> None:
    clean = scene()
    image = lined(clean, period, angle)
    found = find_pattern(from_bytes(image))
    assert found is not None
    assert 1 / abs(found.step) == pytest.approx(period, rel=2e-3)
    assert found.cover.shape[1] == 1
    assert found.opacity == pytest.approx(0.5, abs=0.08)
    assert found.ink / found.opacity == pytest.approx((0.9, 0.1, 0.1), abs=0.12)
    made = PatternFilter().apply(image, task="destripe")
    assert psnr(made, clean) > psnr(image, clean) + 10


@pytest.mark.parametrize("kind", PATTERNS)
def test_every_pattern_that_training_knows_is_taken_off(kind: str) -> None:
    clean = scene()
    random = np.random.default_rng(5)
    done = damage(from_bytes(clean), "stripes", random, opacity=0.5, period=11.0, pattern=kind)
    image = to_bytes(done.image)
    assert psnr(PatternFilter().apply(image), clean) > psnr(image, clean) + 6


def test_a_photo_in_which_nothing_repeats_stays_as_it_is() -> None:
    for image in (scene(), scene()[:40, :50], np.full((200, 200, 3), 9, np.uint8)):
        assert find_pattern(from_bytes(image)) is None
        np.testing.assert_array_equal(PatternFilter().apply(image), image)


def test_every_depth_gives_the_same_and_gray_stays_gray() -> None:
    image = lined(scene(), 13.0, 0.4)
    made = PatternFilter().apply(image)
    deep = PatternFilter().apply(image.astype(np.uint16) * 257)
    assert np.abs(deep / 257 - made.astype(float)).max() <= 1
    gray = np.repeat(image[..., 1:2], 3, axis=2)
    of_gray = PatternFilter().apply(gray)
    assert np.ptp(of_gray, axis=2).max() <= 1
    assert PatternFilter().apply(gray[..., 0]).shape == gray.shape[:2]


def test_what_is_measured_in_the_middle_is_taken_off_everywhere() -> None:
    """Of large photos the middle is measured; a mask holds, and strength blends."""
    clean = scene(1000, 900)
    image = lined(clean, 13.3, 0.4)
    made = PatternFilter().apply(image)
    corner = (slice(0, 100), slice(0, 100))
    assert psnr(made[corner], clean[corner]) > psnr(image[corner], clean[corner]) + 8
    half = PatternFilter().with_strength(0.5).apply(image).astype(float)
    assert np.abs((half - image) - (made.astype(float) - image) / 2).max() <= 1
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[50:100] = 255
    masked = PatternFilter().apply(image, mask=mask, task="destripe")
    np.testing.assert_array_equal(masked[mask == 0], image[mask == 0])
    np.testing.assert_array_equal(masked[mask > 0], made[mask > 0])


def test_it_is_what_destripe_takes_by_default_and_says_so() -> None:
    model = TranslationModel.load(None, "restore")
    destriping = InferenceOptions(task="destripe")
    assert model.notes(10, 10, destriping) == (
        "by folding; where nothing repeats, nothing changes",
    )
    image = lined(scene(), 13.0, 0.4)
    made = model.apply(image, task="destripe")
    np.testing.assert_array_equal(made, PatternFilter().apply(image, task="destripe"))
