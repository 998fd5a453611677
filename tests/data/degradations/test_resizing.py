"""Bicubic resizing against hand-computed values and the figures of the literature."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elegan.data.degradations import crop_to_multiple, downscale, resize_bicubic, upscale


def test_shrinking_by_two_weighs_eight_pixels_as_by_hand() -> None:
    # Distances .25, .75, 1.25, 1.75 on the coarse grid: 111/128, 29/128, -9/128, -3/128, halved.
    taps = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256
    line = np.zeros(16, np.float32)
    line[7] = 1
    shrunk = downscale(np.tile(line, (16, 1)), 2)
    assert shrunk.shape == (8, 8)
    # Output k has its centre between inputs 2 k and 2 k + 1.
    expected = np.array([taps[7 - (2 * k - 3)] if 0 <= 10 - 2 * k < 8 else 0 for k in range(8)])
    np.testing.assert_allclose(shrunk[4], expected, atol=1e-6)


def test_growing_by_two_weighs_four_pixels_as_by_hand() -> None:
    line = np.zeros((1, 9), np.float32)
    line[0, 4] = 1
    grown = upscale(line, 2)[0]
    # Keys' kernel at 1.75, 1.25, .75, .25 and mirrored.
    expected = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 128
    np.testing.assert_allclose(grown[5:13], expected, atol=1e-6)
    assert np.abs(grown[:5]).max() < 1e-6


def test_the_border_is_mirrored_with_its_own_line_repeated() -> None:
    image = np.random.default_rng(0).random((12, 10, 3)).astype(np.float32)
    mirrored = np.pad(image, ((12, 12), (10, 10), (0, 0)), mode="symmetric")
    np.testing.assert_allclose(downscale(mirrored, 2)[6:12, 5:10], downscale(image, 2), atol=1e-5)


def test_a_slope_stays_a_slope_inside() -> None:
    image = np.tile(np.arange(64, dtype=np.float32), (40, 1))
    shrunk = downscale(image, 4)
    np.testing.assert_allclose(shrunk[5, 2:-2], np.arange(16)[2:-2] * 4 + 1.5, atol=1e-4)


def test_large_images_made_in_blocks_equal_one_dense_product() -> None:
    image = np.random.default_rng(1).random((301, 5)).astype(np.float32)
    # Without blocks: every tap added by hand, as the definition reads.
    wanted, scale = 217, 217 / 301
    expected = np.zeros((wanted, 5))
    for row in range(wanted):
        centre = (row + 0.5) / scale - 0.5
        taps = np.arange(np.floor(centre - 2 / scale), np.ceil(centre + 2 / scale) + 1)
        x = np.abs(centre - taps) * scale
        near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        value = np.where(x <= 1, near, np.where(x < 2, far, 0))
        for tap, weight in zip(taps.astype(int), value / value.sum(), strict=True):
            inside = -1 - tap if tap < 0 else (601 - tap if tap > 300 else tap)
            expected[row] += weight * image[inside]
    np.testing.assert_allclose(resize_bicubic(image, (wanted, 5)), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_constants_and_dtypes_survive(dtype: type) -> None:
    image = np.full((13, 7, 3), 1 if np.issubdtype(dtype, np.floating) else 200, dtype)
    for size in ((13, 7), (5, 3), (40, 21), (1, 1), (3, 30)):
        resized = resize_bicubic(image, size)
        assert resized.dtype == dtype
        assert resized.shape == (*size, 3)
        np.testing.assert_allclose(resized, image[0, 0, 0], rtol=1e-5)


def test_integers_stay_in_range_beside_hard_edges() -> None:
    image = np.zeros((8, 8), np.uint8)
    image[:, 4:] = 255
    grown = upscale(image, 3)
    assert grown.min() == 0
    assert grown.max() == 255
    assert (np.diff(grown[4, 9:15].astype(int)) >= 0).all()


def test_the_same_size_is_the_same_image() -> None:
    image = np.random.default_rng(2).integers(0, 256, (17, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize_bicubic(image, (17, 9)), image)


def test_sizes_round_up_and_multiples_are_cut() -> None:
    image = np.zeros((11, 13, 3), np.uint8)
    assert downscale(image, 4).shape == (3, 4, 3)
    assert upscale(image, 1.5).shape == (17, 20, 3)
    assert crop_to_multiple(image, 4).shape == (8, 12, 3)
    assert downscale(np.zeros((1, 1, 3), np.uint8), 4).shape == (1, 1, 3)


@pytest.mark.data
@pytest.mark.parametrize(("scale", "published"), [(2, 33.66), (4, 28.42)])
def test_set5_gives_the_figure_of_the_literature(scale: int, published: float) -> None:
    archive = zipfile.ZipFile(Path(os.environ["ELEGAN_DATA"]) / "sr-test-classic.zip")
    values: list[float] = []
    for name in sorted(n for n in archive.namelist() if n.startswith("Set5/")):
        photo = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
        truth = crop_to_multiple(np.asarray(photo), scale)
        restored = upscale(downscale(truth, scale), scale)
        assert restored.shape == truth.shape
        difference = (_luminance(restored) - _luminance(truth))[scale:-scale, scale:-scale]
        values.append(10 * np.log10(255**2 / np.mean(difference**2)))
    assert np.mean(values) == pytest.approx(published, abs=0.05)


def _luminance(image: np.ndarray) -> np.ndarray:
    """BT.601 studio range, as MATLAB's rgb2ycbcr."""
    return 16 + image.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255
