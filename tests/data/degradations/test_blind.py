"""The unknown way down: size, range, seeds, and that it stays near the plain way."""

import numpy as np
import pytest

from elegan.data.degradations import blind, downscale, from_bytes, resize_bicubic, to_bytes


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_blind_gives_the_size_and_range_and_depends_on_the_seed_alone(scale: int) -> None:
    image = np.random.default_rng(0).random((24, 36, 3), np.float32)
    first, same, other = (blind(image, scale, np.random.default_rng(s)) for s in (5, 5, 6))
    assert first.shape == (24 // scale, 36 // scale, 3)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, from_bytes(to_bytes(first)))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_blind_neither_moves_nor_recolours_a_smooth_image() -> None:
    random = np.random.default_rng(1)
    image = resize_bicubic(random.random((5, 5, 3), np.float32), (96, 96)).clip(0, 1)
    plain = downscale(image, 2)
    mean = np.mean([blind(image, 2, random) for _ in range(40)], axis=0)
    assert np.abs(mean - plain).mean() < 0.012
    moved = np.abs(mean[:, 1:] - plain[:, :-1]).mean()
    assert np.abs(mean - plain).mean() < moved / 2


def test_blind_is_worse_than_plain_shrinking_in_different_ways() -> None:
    image = np.random.default_rng(2).random((64, 64, 3), np.float32)
    random = np.random.default_rng(3)
    spreads = [float(blind(image, 2, random).std()) for _ in range(30)]
    assert max(spreads) > 1.5 * min(spreads)
