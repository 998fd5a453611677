"""Means, intervals and the paired test of few draws, by Student's t."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

CONFIDENCE = 0.95
_TINY = 1e-300
_MOST_ITERATIONS = 500


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over draws and where it lies.

    Attributes:
        mean: over the draws.
        low, high: the bounds of the 95 % interval; None for a single draw.
        p: probability of a mean so far from 0, either way, were it 0; None for a single draw.
        draws: how many.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    draws: int

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low is not None and self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.high is not None and self.high < 0

    def facts(self) -> dict[str, Any]:
        """Returns JSON values."""
        return asdict(self)


def interval(values: Sequence[float], *, overlap: float = 0.0) -> Interval:
    """Returns the mean of some draws with its 95 % interval and the two-sided test against 0.

    Of differences between two arms, taken draw by draw, this is the paired t test.

    Args:
        values: one a draw.
        overlap: images judged over images trained on, where the draws are folds of one and the
            same set. Their training images overlap, so the variance of the mean is taken as
            (1/n + overlap) times that of the draws, in place of 1/n.

    Source: Nadeau and Bengio 2003, "Inference for the generalization error", eq. 9.
    """
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Interval(mean=mean, low=None, high=None, p=None, draws=count)
    error = float(np.std(values, ddof=1)) * math.sqrt(1 / count + overlap)
    reach = t_quantile((1 + CONFIDENCE) / 2, count - 1) * error
    t = abs(mean) / error if error > 0 else (math.inf if mean else 0.0)
    p = 2 * t_tail(t, count - 1)
    return Interval(mean=mean, low=mean - reach, high=mean + reach, p=p, draws=count)


def t_tail(t: float, freedom: int) -> float:
    """Returns the probability that Student's t exceeds `t` >= 0.

    Source: Abramowitz and Stegun 1964, 26.7.1 with 26.5.27.
    """
    return 0.5 * _incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def t_quantile(probability: float, freedom: int) -> float:
    """Returns where Student's t reaches a probability of 0.5 and more, by bisection."""
    low, high = 0.0, 1.0
    while t_tail(high, freedom) > 1 - probability:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        if t_tail(middle, freedom) > 1 - probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Returns the regularised incomplete beta function I_x(a, b), 0 <= x <= 1.

    Source: Abramowitz and Stegun 1964, 26.5.8, a continued fraction, evaluated from the front by
    the method of Lentz (1976).
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    logarithm = a * math.log(x) + b * math.log1p(-x)
    logarithm += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    fraction, upper, lower = 1.0, 1.0, 0.0
    for step in range(_MOST_ITERATIONS):
        half = step // 2
        if step == 0:
            term = 1.0
        elif step % 2 == 0:
            term = half * (b - half) * x / ((a + step - 1) * (a + step))
        else:
            term = -(a + half) * (a + b + half) * x / ((a + step - 1) * (a + step))
        lower = 1 / ((1 + term * lower) or _TINY)
        upper = (1 + term / upper) or _TINY
        change = upper * lower
        fraction *= change
        if step and abs(change - 1) < 1e-14:
            break
    return math.exp(logarithm) * (fraction - 1) / a
