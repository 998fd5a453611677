"""Kernels against closed forms, and the convolution by taps against that by Fourier transform."""

import numpy as np
import pytest

from elegan.data.degradations import camera as blurs


def test_taps_and_fourier_agree_on_a_lopsided_kernel() -> None:
    random = np.random.default_rng(0)
    image = random.random((21, 34, 3), np.float32)
    kernel = random.random((5, 9)).astype(np.float32)
    by_taps = blurs.convolve(image, kernel)
    larger = np.zeros((11, 11), np.float32)
    larger[3:8, 1:10] = kernel
    larger += np.float32(1e-12)  # every entry counts now: too many taps
    np.testing.assert_allclose(blurs.convolve(image, larger), by_taps, atol=2e-5)


def test_convolution_turns_the_kernel_and_mirrors_the_border() -> None:
    image = np.arange(4, dtype=np.float32).reshape(1, 4, 1)
    kernel = np.array([[0, 0, 1]], np.float32)  # out[x] = in[x - 1]
    np.testing.assert_array_equal(blurs.convolve(image, kernel)[0, :, 0], [0, 0, 1, 2])


@pytest.mark.parametrize("sigma", [0.8, 1.6, 3.0])
def test_the_gaussian_has_the_deviation_asked_for(sigma: float) -> None:
    line = blurs.gaussian_line(sigma).astype(np.float64)
    places = np.arange(len(line)) - len(line) // 2
    assert line.sum() == pytest.approx(1, abs=1e-6)
    assert np.sqrt((line * places**2).sum()) == pytest.approx(sigma, rel=0.03)


def test_a_point_out_of_focus_is_an_even_disc() -> None:
    image = np.zeros((31, 31, 3), np.float32)
    image[15, 15] = 1
    spot = blurs.defocus(image, np.random.default_rng(0), radius=5)[:, :, 0]
    assert spot.sum() == pytest.approx(1, abs=1e-4)
    assert spot[15, 15] == pytest.approx(1 / (np.pi * 25), rel=0.05)
    assert spot[15, 19] == pytest.approx(spot[15, 15], rel=1e-3)
    assert abs(spot[15, 22]) < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_a_straight_path_is_as_long_as_asked_and_a_shaken_one_no_line(seed: int) -> None:
    straight = blurs.path_kernel(np.random.default_rng(seed), 12, 0)
    assert straight.sum() == pytest.approx(1, abs=1e-5)
    assert _spreads(straight)[0] == pytest.approx(12 / np.sqrt(12), rel=0.25)
    assert _spreads(straight)[1] < 0.6
    shaken = np.mean(
        [_spreads(blurs.path_kernel(np.random.default_rng(s), 18, 3))[1] for s in range(9)]
    )
    assert shaken > 1


def _spreads(kernel: np.ndarray) -> tuple[float, float]:
    """Deviations along and across the principal direction."""
    rows, columns = np.indices(kernel.shape)
    points = np.stack([rows.ravel(), columns.ravel()])
    values = np.linalg.eigvalsh(np.cov(points, aweights=kernel.ravel(), ddof=0))
    return float(np.sqrt(values[1])), float(np.sqrt(max(values[0], 0)))
