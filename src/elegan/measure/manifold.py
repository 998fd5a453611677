"""Fidelity and diversity apart: precision, recall, density and coverage.

Each set of features is described by the balls around its points that reach to the k-th nearest
other point. Precision and recall: Kynkäänniemi et al. 2019, eq. 1-3, with k = 3. Density and
coverage: Naeem et al. 2020, eq. 4-5, with k = 5.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BALL_OF_PRECISION = 3
BALL_OF_DENSITY = 5

_BLOCK = 1000


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
    recalled = torch.zeros(len(reals), dtype=torch.bool)
    covered = torch.zeros(len(reals), dtype=torch.bool)
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
