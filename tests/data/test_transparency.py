"""Colours that are spread below what is transparent."""

import numpy as np
import pytest

from elegan.data.transparency import spread_visible


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(1, 9), (37, 53), (600, 33)])
def test_one_visible_colour_is_everywhere(dtype: type, shape: tuple[int, int]) -> None:
    pixels = np.zeros((*shape, 3), dtype)
    alpha = np.zeros(shape, dtype)
    alpha[0, 3] = 1
    pixels[0, 3] = (1, 0.5, 0) if dtype is np.float32 else (200, 100, 7)
    spread = spread_visible(pixels, alpha)
    assert spread.dtype == dtype
    assert np.ptp(spread.reshape(-1, 3), axis=0).max() == 0
    np.testing.assert_array_equal(spread[0, 3], pixels[0, 3])


def test_visible_colours_stay_and_reach_to_where_others_are_nearer() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (300, 301, 3)).astype(np.uint8)
    alpha = np.zeros((300, 301), np.uint8)
    alpha[:, :40], alpha[:, 260:] = 255, 16  # of which the second is faint, but seen
    pixels[:, :40], pixels[:, 260:] = (250, 20, 20), (20, 20, 250)
    spread = spread_visible(pixels, alpha)
    np.testing.assert_array_equal(spread[alpha > 0], pixels[alpha > 0])
    assert np.abs(spread[:, 41].astype(int) - (250, 20, 20)).max() < 30
    assert np.abs(spread[:, 259].astype(int) - (20, 20, 250)).max() < 30
    steps = np.abs(np.diff(spread.astype(int), axis=1)).max()
    assert steps < 40  # no new edge arises


def test_a_picture_that_is_faint_all_over_is_left_as_it_is() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    for alpha in (0, 3, 255):
        assert spread_visible(pixels, np.full((20, 20), alpha, np.uint8)) is pixels
