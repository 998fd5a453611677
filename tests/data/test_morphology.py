"""Running extremes and means against their definitions."""

import numpy as np
import pytest

from elegan.data.found_masks import box_mean, erosion_step, running

VALUES = np.random.default_rng(0).random((9, 13), np.float32)


@pytest.mark.parametrize("reach", [0, 1, 2, 3, 5, 8, 30])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("least", [True, False])
def test_running_extremes_are_those_of_the_window(reach: int, axis: int, least: bool) -> None:
    choose = np.min if least else np.max
    lines = np.moveaxis(VALUES, axis, 0)
    expected = np.stack(
        [choose(lines[max(0, i - reach) : i + reach + 1], axis=0) for i in range(len(lines))]
    )
    found = np.moveaxis(running(VALUES, reach, axis=axis, least=least), axis, 0)
    np.testing.assert_array_equal(found, expected)


def test_box_means_mirror_the_border() -> None:
    padded = np.pad(VALUES, 2, mode="symmetric")
    expected = np.lib.stride_tricks.sliding_window_view(padded, (5, 5)).mean(axis=(2, 3))
    np.testing.assert_allclose(box_mean(VALUES, 2), expected, atol=1e-6)


def test_erosion_takes_four_or_eight_neighbours_and_leaves_the_border() -> None:
    mask = np.ones((5, 5), bool)
    mask[2, 2] = False
    assert erosion_step(mask, square=False).sum() == 25 - 5
    assert erosion_step(mask, square=True).sum() == 25 - 9
