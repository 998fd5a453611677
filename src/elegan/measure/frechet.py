"""The Fréchet distance between two Gaussians fitted to features (Heusel et al. 2017, eq. 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elegan.errors import EleganError


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """A Gaussian fitted to features: all that the Fréchet distance knows of a set of images.

    Attributes:
        mean: float64 [D].
        covariance: float64 [D, D], with the n - 1 denominator.
        count: how many images it was fitted to.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    count: int


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
    cross = np.linalg.svd(
        _symmetric_root(first.covariance) @ _symmetric_root(second.covariance), compute_uv=False
    ).sum()
    shift = np.square(first.mean - second.mean).sum()
    spread = np.trace(first.covariance) + np.trace(second.covariance) - 2 * cross
    return max(0.0, float(shift + spread))


def _symmetric_root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T
