"""Distances between two sets of features: Fréchet, kernel, precision and recall, modes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elegan.common.errors import EleganError

SUBSETS, SUBSET_SIZE = 100, 1000
BALL_OF_PRECISION, BALL_OF_DENSITY = 3, 5
_BLOCK = 1000


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """A Gaussian fitted to features: all that the Fréchet distance knows of a set of images."""

    mean: NDArray[np.float64]  # float64 [D]
    covariance: NDArray[np.float64]  # float64 [D, D], with the n - 1 denominator
    count: int  # how many images it was fitted to


def fit_gaussian(features: NDArray[np.floating]) -> Gaussian:
    """Returns the Gaussian with the mean and covariance of features [N, D].

    Raises:
        EleganError: fewer than two images, or a feature that is not finite.
    """
    if len(features) < 2:
        raise EleganError(
            f"A distance needs at least two images on each side, and one has {len(features)}. "
            "Generate more, or give more data."
        )
    exact = np.asarray(features, np.float64)
    if not np.isfinite(exact).all():
        raise EleganError("Some features are not finite: the images cannot be measured.")
    centred = exact - (mean := exact.mean(0))
    return Gaussian(mean=mean, covariance=centred.T @ centred / (len(exact) - 1), count=len(exact))


def frechet_distance(first: Gaussian, second: Gaussian) -> float:
    """Returns |m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^(1/2)), never negative.

    The trace of the root is taken as the sum of the singular values of S1^(1/2) S2^(1/2). Both
    factors are symmetric, so singular covariances (fewer images than dimensions, a feature that
    never changes) need neither a ridge nor complex arithmetic, and the small values are not rooted
    a second time, which would turn a rounding error of 1e-16 into one of 1e-8.
    """
    one, other = (_symmetric_root(gaussian.covariance) for gaussian in (first, second))
    cross = np.linalg.svd(one @ other, compute_uv=False).sum()
    shift = np.square(first.mean - second.mean).sum()
    spread = np.trace(first.covariance) + np.trace(second.covariance) - 2 * cross
    return max(0.0, float(shift + spread))


def _symmetric_root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def kernel_distance(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    *,
    subsets: int = SUBSETS,
    subset_size: int | None = None,
    seed: int = 0,
) -> tuple[float, float]:
    """Returns the mean and the standard deviation of the distance over random subsets.

    Unlike the Fréchet distance it is unbiased at any number of images: between two samples of one
    distribution it scatters around 0 and may be negative.

    Args:
        first, second: features [N, D] and [M, D].
        subset_size: images in a subset; by default 1,000, or half of the smaller side where that
            is fewer, for a subset that is a whole side has no deviation.
    """
    smaller = min(len(first), len(second))
    size = min(subset_size or min(SUBSET_SIZE, max(2, smaller // 2)), smaller)
    random = np.random.default_rng(seed)

    def subset(features: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(features[random.choice(len(features), size, replace=False)], np.float64)

    values = [squared_discrepancy(subset(first), subset(second)) for _ in range(subsets)]
    return float(np.mean(values)), float(np.std(values))


def squared_discrepancy(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Returns the unbiased estimate of MMD² under the kernel (x·y / D + 1)³ (their eq. 4).

    Pairs of an image with itself are left out: they are what biases the plain mean.
    """
    return _mean_of_pairs(first) + _mean_of_pairs(second) - 2 * float(_kernel(first, second).mean())


def _mean_of_pairs(points: NDArray[np.float64]) -> float:
    values = _kernel(points, points)
    count = len(points)
    return float((values.sum() - np.trace(values)) / (count * (count - 1)))


def _kernel(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    # Two products are several times faster than NumPy's power of a float array.
    base = first @ second.T / first.shape[1] + 1
    return base * base * base


def manifold_scores(
    generated: NDArray[np.floating], reference: NDArray[np.floating]
) -> dict[str, float]:
    """Returns `precision`, `recall`, `density` and `coverage` of features [N, D] and [M, D].

    Precision is the share of generated images inside a ball of the reference, recall the share of
    reference images inside a generated ball; density counts how many reference balls hold a
    generated image (1 on average for equal distributions, and it may exceed 1); coverage is the
    share of reference balls that hold at least one. All four depend on N and M: compare figures
    taken at the same counts only. Memory is bounded by blocks of 1,000 rows.
    """
    fakes = torch.as_tensor(generated, dtype=torch.float64)
    reals = torch.as_tensor(reference, dtype=torch.float64)
    precision_radii, density_radii = _radii(reals)
    recall_radii, _ = _radii(fakes)
    inside_real, holding = 0, 0
    recalled, covered = torch.zeros(2, len(reals), dtype=torch.bool)
    for start in range(0, len(fakes), _BLOCK):
        block = squared_distances(fakes[start : start + _BLOCK], reals)
        inside_real += int((block <= precision_radii).any(1).sum())
        within = block <= density_radii
        holding += int(within.sum())
        covered |= within.any(0)
        recalled |= (block <= recall_radii[start : start + _BLOCK, None]).any(0)
    neighbours = min(BALL_OF_DENSITY, len(reals) - 1)
    return {
        "precision": inside_real / len(fakes),
        "recall": int(recalled.sum()) / len(reals),
        "density": holding / (neighbours * len(fakes)),
        "coverage": int(covered.sum()) / len(reals),
    }


def coverage_score(generated: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Returns `coverage` alone: for parts of a set, such as its classes."""
    fakes = torch.as_tensor(generated, dtype=torch.float64)
    reals = torch.as_tensor(reference, dtype=torch.float64)
    _, radii = _radii(reals)
    covered = torch.zeros(len(reals), dtype=torch.bool)
    for block in fakes.split(_BLOCK):
        covered |= (squared_distances(block, reals) <= radii).any(0)
    return float(covered.double().mean())


def squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """Returns the squared Euclidean distances [N, M] between the rows of [N, D] and [M, D]."""
    squares = first.square().sum(1)[:, None] + second.square().sum(1)
    return squares.addmm_(first, second.T, alpha=-2).clamp_(min=0)


def _radii(points: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the squared distances to the 3rd and to the 5th nearest other point, each [N]."""
    wanted = min(BALL_OF_DENSITY, len(points) - 1) + 1
    nearest = torch.cat(
        [
            # The point itself comes first, at distance 0.
            squared_distances(block, points).topk(wanted, largest=False).values
            for block in points.split(_BLOCK)
        ]
    )
    return nearest[:, min(BALL_OF_PRECISION, wanted - 1)], nearest[:, wanted - 1]


def mode_scores(labels: NDArray[np.int64], reference: NDArray[np.float64]) -> dict[str, Any]:
    """Returns the number of modes made and the reverse Kullback-Leibler divergence.

    The divergence is that of the shares of generated images from the shares of real ones,
    sum p log(p / q), in nats, as Metz et al. 2017 and Lin et al. 2018 report it for stacked digits.
    N samples drawn from q itself score about (K - 1) / 2N.

    Args:
        labels: the mode of each generated image, int64 [N] in 0..K-1.
        reference: share of each mode in the real data, float [K], all above 0.
    """
    counts = np.bincount(labels, minlength=len(reference))
    shares = counts / counts.sum()
    reached = shares > 0
    divergence = float((shares[reached] * np.log(shares[reached] / reference[reached])).sum())
    return {"modes": int(reached.sum()), "reverse_kl": divergence}
