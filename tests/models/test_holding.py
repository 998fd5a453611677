"""What a denoiser takes away is held to the noise that there is."""

import numpy as np
import pytest

from elegan.models.holding import held

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_more_than_the_noise_comes_back_and_less_stays_away(dtype: type) -> None:
    top = {np.uint8: 255, np.uint16: 65535}.get(dtype, 1)
    signs = RANDOM.choice([-1.0, 1.0], (1100, 90, 3))
    size = np.where(np.arange(90) < 45, 5, 20)[None, :, None] / 255  # removed left and right
    image = np.full((1100, 90, 3), 0.4)
    old, made = ((one * top).round(3 if top == 1 else 0) for one in (image, image + size * signs))
    if top > 1:
        old, made = old.astype(dtype), made.astype(dtype)
    else:
        old, made = old.astype(np.float32), made.astype(np.float32)
    result = held(old, made, noise=10)
    assert result.dtype == made.dtype
    removed = np.abs(result.astype(np.float64) - old) / top * 255
    np.testing.assert_allclose(removed[:, :37], 5, atol=0.6)
    np.testing.assert_allclose(removed[:, 53:], 10, atol=0.6)


def test_a_noise_told_too_small_is_not_left_in_smooth_parts() -> None:
    old = np.full((60, 60, 3), 100, np.uint8)
    made = (old + RANDOM.choice([-12, 12], old.shape)).astype(np.uint8)
    np.testing.assert_array_equal(held(old, made, noise=3), made)


def test_a_part_of_a_band_is_as_in_the_whole() -> None:
    old = RANDOM.integers(0, 255, (520, 12, 1), np.uint8)
    made = RANDOM.integers(0, 255, (520, 12, 1), np.uint8)
    result = held(old, made, noise=200)
    np.testing.assert_array_equal(result, made)
    np.testing.assert_array_equal(held(old, old, noise=4), old)
