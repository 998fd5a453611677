"""Weak noise is measured by what a denoiser takes away."""

import numpy as np
import pytest

from elegan.data.degradations import damage, resize_bicubic, to_bytes
from elegan.models import TranslationModel
from elegan.models.damage import DAMAGES
from elegan.models.measured import measured_noise, measured_rain

RANDOM = np.random.default_rng(3)
SMOOTH = resize_bicubic(RANDOM.uniform(0.3, 0.7, (6, 6, 3)).astype(np.float32), (160, 160))


@pytest.fixture(scope="module")
def denoiser() -> TranslationModel:
    return TranslationModel.load("restore-noise", device="cpu")


@pytest.mark.parametrize("sigma", [5, 10, 15])
def test_the_noise_of_a_smooth_photo_is_measured(denoiser, sigma: float) -> None:
    noisy = SMOOTH + RANDOM.normal(0, sigma / 255, SMOOTH.shape)
    deep = (noisy.clip(0, 1) * 65535).astype(np.uint16)
    for image, model in (
        (to_bytes(noisy), denoiser),
        (deep, denoiser),
        (deep, denoiser.with_strength(0.5)),
    ):
        assert measured_noise(image, model) == pytest.approx(sigma, rel=0.15)


def test_texture_in_places_is_not_measured(denoiser) -> None:
    textured = SMOOTH.copy()
    textured[::2, :80] += 0.1
    textured[:, :80] += RANDOM.normal(0, 0.04, (160, 80, 1))
    assert measured_noise(to_bytes(textured), denoiser) is None


def test_tiny_photos_and_no_strength_show_nothing(denoiser) -> None:
    noisy = to_bytes(SMOOTH + RANDOM.normal(0, 10 / 255, SMOOTH.shape))
    assert measured_noise(noisy[:20], denoiser) is None
    assert measured_noise(noisy, denoiser.with_strength(0)) is None


@pytest.mark.parametrize(("decibels", "found"), [(28, 0), (25, 15), (15, 45)])
def test_rain_is_light_unless_much_is_taken_away(decibels: float, found: float) -> None:
    derainer = TranslationModel.load("restore-rain", device="cpu")
    smooth = resize_bicubic(SMOOTH, (256, 256))
    rainy = damage(smooth, "rain", np.random.default_rng(1), decibels=decibels).image
    strength = measured_rain(to_bytes(rainy), found, derainer)
    true = 255 * 10 ** (-decibels / 20)
    assert strength == pytest.approx(true if decibels < 20 else DAMAGES["rain"].least, rel=0.3)
    half = derainer.with_strength(0.5)
    assert measured_rain(to_bytes(rainy), found, half) == pytest.approx(strength, rel=0.1)
