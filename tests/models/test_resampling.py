"""Resizing strip by strip equals resizing the whole."""

import numpy as np
import pytest

from elegan.data.degradations import resize_bicubic
from elegan.models.inference import resampled


@pytest.mark.parametrize("wanted", [(150, 210), (41, 33), (300, 101), (1, 1), (100, 140)])
@pytest.mark.parametrize("height", [1, 7, 64, 100])
def test_strips_equal_the_whole(wanted: tuple[int, int], height: int) -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 65536, (100, 140, 3)).astype(np.uint16)
    strips = [image[top : top + height] for top in range(0, 100, height)]
    found = np.concatenate(list(resampled(strips, (100, 140), wanted)))
    expected = resize_bicubic(image, wanted)
    assert found.dtype == image.dtype
    assert found.shape == expected.shape
    assert abs(found.astype(int) - expected.astype(int)).max() <= 1


def test_floats_stay_floats_and_one_pixel_is_enough() -> None:
    image = np.full((1, 1, 1), 0.25, np.float32)
    found = np.concatenate(list(resampled([image], (1, 1), (3, 5))))
    assert found.dtype == np.float32
    assert abs(found - 0.25).max() < 1e-6
    assert found.shape == (3, 5, 1)
