"""Fréchet and kernel distances against closed forms and independent implementations."""

import numpy as np
import pytest

from elegan.common.errors import EleganError
from elegan.metrics.distances import (
    Gaussian,
    fit_gaussian,
    frechet_distance,
    kernel_distance,
    squared_discrepancy,
)


def gaussian(mean, covariance):
    return Gaussian(mean=np.array(mean, float), covariance=np.array(covariance, float), count=9)


def features(count, dimensions, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (count, dimensions)).astype(np.float32)


def test_frechet_distance_of_diagonal_gaussians_is_the_closed_form():
    first = gaussian([0, 1, 2], np.diag([1, 4, 9]))
    second = gaussian([1, 1, 0], np.diag([4, 4, 1]))
    expected = (1 + 0 + 4) + (1 - 2) ** 2 + 0 + (3 - 1) ** 2
    assert frechet_distance(first, second) == pytest.approx(expected, abs=1e-12)


def test_frechet_distance_of_gaussians_that_do_not_commute():
    # In two dimensions tr(M^(1/2)) = sqrt(tr M + 2 sqrt(det M)).
    a, b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0, -0.5], [-0.5, 2.0]])
    product = a @ b
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(a) + np.trace(b) - 2 * root
    assert frechet_distance(gaussian([0, 0], a), gaussian([0, 0], b)) == pytest.approx(expected)


def test_frechet_distance_is_symmetric_and_zero_on_itself():
    first, second = fit_gaussian(features(300, 16)), fit_gaussian(features(300, 16, 1, 0.3))
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first))
    assert frechet_distance(first, second) > 0.5
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-10)


def test_frechet_distance_bears_fewer_images_than_dimensions():
    few = fit_gaussian(features(10, 64))
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)
    constant = fit_gaussian(np.ones((10, 64), np.float32))
    expected = np.square(few.mean - 1).sum() + np.trace(few.covariance)
    assert frechet_distance(few, constant) == pytest.approx(expected)


def test_gaussian_has_the_mean_and_covariance_of_numpy():
    rows = features(50, 5) + 1000
    fitted = fit_gaussian(rows)
    np.testing.assert_allclose(fitted.mean, rows.astype(float).mean(0))
    np.testing.assert_allclose(fitted.covariance, np.cov(rows.astype(float).T), rtol=1e-9)


@pytest.mark.parametrize("rows", [np.ones((1, 3)), np.full((4, 3), np.nan)])
def test_gaussian_refuses_what_it_cannot_fit(rows):
    with pytest.raises(EleganError):
        fit_gaussian(rows)


def test_kernel_discrepancy_is_the_mean_over_pairs():
    first, second = features(5, 3).astype(float), features(4, 3, 1, 0.5).astype(float)

    def kernel(x, y):
        return (x @ y / 3 + 1) ** 3

    inside = [
        np.mean([kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j])
        for s in (first, second)
    ]
    across = np.mean([kernel(a, b) for a in first for b in second])
    expected = inside[0] + inside[1] - 2 * across
    assert squared_discrepancy(first, second) == pytest.approx(expected)


def test_kernel_distance_is_unbiased_where_the_plain_mean_is_not():
    values = [
        squared_discrepancy(
            features(40, 8, 2 * seed).astype(float), features(40, 8, 2 * seed + 1).astype(float)
        )
        for seed in range(400)
    ]
    error = np.std(values) / np.sqrt(len(values))
    # The plain mean over all pairs, an image with itself included, lies some 60 errors above.
    assert abs(np.mean(values)) < 4 * error


@pytest.mark.parametrize("count", [300, 1000])
def test_the_kernel_distance_of_few_images_has_a_deviation(count):
    """Whole sides drawn again and again would have none."""
    random = np.random.default_rng(0)
    first, second = (random.normal(0, 1, (count, 8)) for _ in range(2))
    halves = kernel_distance(first, second, subset_size=count // 2)
    assert kernel_distance(first, second) == halves
    assert halves[1] > 1e-3
    # What the distance really scatters by, between sets of half as many.
    sets = random.normal(0, 1, (40, 2, count // 2, 8))
    scatter = np.std([squared_discrepancy(*pair) for pair in sets])
    assert halves[1] == pytest.approx(scatter, rel=0.5)


def test_kernel_distance_sees_a_shift_and_repeats_with_its_seed():
    first, second = features(400, 8), features(300, 8, 1, 0.5)
    mean, deviation = kernel_distance(first, second, subsets=20, subset_size=200, seed=3)
    assert mean > 5 * deviation > 0
    assert kernel_distance(first, second, subsets=20, subset_size=200, seed=3) == (mean, deviation)
    assert kernel_distance(first, second, subsets=20, subset_size=200, seed=4)[0] != mean


def test_agreement_with_torchmetrics():
    torch = pytest.importorskip("torch")
    fid = pytest.importorskip("torchmetrics.image.fid")
    kid = pytest.importorskip("torchmetrics.image.kid")

    class Pixels(torch.nn.Module):
        num_features = 12

        def forward(self, images):
            return images.flatten(1).double() / 255

    random = np.random.default_rng(0)
    first = random.integers(0, 256, (500, 3, 2, 2), dtype=np.uint8)
    second = random.integers(40, 200, (500, 3, 2, 2), dtype=np.uint8)
    frechet = fid.FrechetInceptionDistance(feature=Pixels(), input_img_size=(3, 2, 2))
    kernel = kid.KernelInceptionDistance(feature=Pixels(), subsets=1, subset_size=500)
    for metric in (frechet, kernel):
        metric.update(torch.from_numpy(first), real=True)
        metric.update(torch.from_numpy(second), real=False)
    rows = [images.reshape(500, 12) / 255 for images in (first, second)]
    ours = frechet_distance(fit_gaussian(rows[0]), fit_gaussian(rows[1]))
    assert ours == pytest.approx(frechet.compute().item(), rel=1e-4)
    # One subset that is the whole set: both must give the same number whatever the order.
    mean, _ = kernel_distance(*rows, subsets=1, subset_size=500)
    assert mean == pytest.approx(kernel.compute()[0].item(), rel=1e-4)
