"""Counting modes: how many of a data set's known kinds of image a generator makes, how evenly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mode_scores(
    labels: NDArray[np.int64], reference: NDArray[np.float64], prefix: str = ""
) -> dict[str, Any]:
    """Returns the number of modes made and the reverse Kullback-Leibler divergence.

    The divergence is that of the shares of generated images from the shares of real ones,
    sum p log(p / q), in nats, as Metz et al. 2017 and Lin et al. 2018 report it for stacked digits.
    N samples drawn from q itself score about (K - 1) / 2N, which is the floor.

    Args:
        labels: the mode of each generated image, int64 [N] in 0..K-1.
        reference: share of each mode in the real data, float [K], all above 0.
        prefix: of the names.
    """
    counts = np.bincount(labels, minlength=len(reference))
    shares = counts / counts.sum()
    reached = shares > 0
    divergence = float((shares[reached] * np.log(shares[reached] / reference[reached])).sum())
    return {f"{prefix}modes": int(reached.sum()), f"{prefix}reverse_kl": divergence}
