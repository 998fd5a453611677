"""How much generated data to use: intervals over draws, and the choice of a share."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from elegan.applications.synthetic.protocol import BOTH, CLASSICAL, HALF, Results
from elegan.options import Augment

CONFIDENCE = 0.95
MAX_ITERATIONS = 500
_TINY = 1e-300
SHARES = (0.1, 0.25, 0.5, 1.0)
MAX_WORTH = 10.0  # A gain worth more than so many times the given labels is not extrapolated to


def shares_of(asked: Augment) -> tuple[float, ...]:
    """Returns the shares of generated images that are tried, rising; 1 is these only."""
    return tuple(sorted({*SHARES, *((asked.share,) if asked.share else ())}))


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over draws and where it lies."""

    mean: float  # over the draws
    low: float | None  # the bounds of the 95 % interval; None for a single draw
    high: float | None
    # Probability of a mean so far from 0, either way, were it 0; None for a single draw
    p: float | None
    draws: int  # how many

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low is not None and self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.high is not None and self.high < 0

    def to_dict(self) -> dict[str, Any]:
        """Returns JSON values."""
        return asdict(self)


def interval(values: Sequence[float], *, overlap: float = 0.0, least: float = -1.0) -> Interval:
    """Returns the mean of some draws with its 95 % interval and the two-sided test against 0.

    Of differences between two arms, taken draw by draw, this is the paired t test.

    Args:
        values: one a draw.
        overlap: images judged over images trained on, where the draws are folds of one and the
            same set. Their training images overlap, so the variance of the mean is taken as
            (1/n + overlap) times that of the draws, in place of 1/n.
        least: the least value that there can be; the greatest is 1. No bound lies outside.

    Source: Nadeau and Bengio 2003, "Inference for the generalization error", eq. 9.
    """
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Interval(mean=mean, low=None, high=None, p=None, draws=count)
    error = float(np.std(values, ddof=1)) * math.sqrt(1 / count + overlap)
    reach = t_quantile((1 + CONFIDENCE) / 2, count - 1) * error
    t = abs(mean) / error if error > 0 else (math.inf if mean else 0.0)
    p = 2 * t_tail(t, count - 1)
    low, high = max(least, mean - reach), min(1.0, mean + reach)
    return Interval(mean=mean, low=low, high=high, p=p, draws=count)


def t_tail(t: float, freedom: int) -> float:
    """Returns the probability that Student's t exceeds `t` >= 0.

    Source: Abramowitz and Stegun 1964, 26.7.1 with 26.5.27.
    """
    return 0.5 * _incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


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
    fraction, upper, lower, term = 1.0, 1.0, 0.0, 1.0
    for step in range(1, MAX_ITERATIONS + 1):
        lower = 1 / ((1 + term * lower) or _TINY)
        upper = (1 + term / upper) or _TINY
        change = upper * lower
        fraction *= change
        if step > 1 and abs(change - 1) < 1e-14:
            break
        half = step // 2
        factor = half * (b - half) if step % 2 == 0 else -(a + half) * (a + b + half)
        term = factor * x / ((a + step - 1) * (a + step))
    return math.exp(logarithm) * (fraction - 1) / a


def t_quantile(probability: float, freedom: int) -> float:
    """Returns where Student's t reaches a probability of 0.5 and more, by bisection."""
    low, high = 0.0, 1.0
    while t_tail(high, freedom) > 1 - probability:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, freedom) > 1 - probability else (low, middle)
    return (low + high) / 2


def best_share(gains: Mapping[float, Sequence[float] | np.ndarray]) -> float:
    """Returns the share with the highest mean gain over draws; of equals the smallest."""
    return min(gains, key=lambda share: (-round(float(np.mean(gains[share])), 12), share))


def shares_by_others(gains: Mapping[float, Sequence[float]]) -> list[float]:
    """Returns for each draw the share that did best on the other draws.

    So no draw chooses what it is then judged by.
    """
    count = len(next(iter(gains.values())))
    return [
        best_share({share: np.delete(values, draw) for share, values in gains.items()})
        for draw in range(count)
    ]


@dataclass(frozen=True, kw_only=True)
class GainVerdict:
    """Whether generated images help."""

    use: bool  # whether the interval of the gain is above zero
    share: float  # of generated images that is advised, or was tried in vain
    gain: Interval  # in the metric, of real + classical + GAN over real + classical
    # About how many more given labels would have added as much; None where it cannot be told or
    # no gain is proven, infinity above ten times as many as there are
    worth: float | None
    words: str  # for the metric
    shares: tuple[float, ...] = ()  # the share that each draw was judged at

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        gain, between = self.gain, "one draw, so no interval"
        if gain.low is not None and gain.high is not None:
            between = f"95 % interval {100 * gain.low:+.1f} to {100 * gain.high:+.1f}"
            between += f", {gain.draws} draws, p {gain.p:.2g}"
        points = f"{100 * gain.mean:+.1f} points of {self.words}"
        if self.use:
            labels = ""
            if self.worth is not None:
                labels = f", worth about {self.worth:,.0f} more real labels"
                if not np.isfinite(self.worth):
                    labels = f", worth more than {MAX_WORTH:g} times as many real labels"
            return (
                f"Use them, at a share of {self.share:g}: they add {points} to real images with"
                f" classical augmentation ({between}){labels}."
            )
        if gain.below_zero:
            return f"Do not use them: they do harm, {points} ({between})."
        return f"Do not use them: no gain is proven, {points} ({between})."

    def to_dict(self) -> dict[str, Any]:
        """Returns JSON values."""
        worth = self.worth
        return {
            "use": self.use,
            "sentence": self.sentence,
            "share": self.share,
            "share_of_each_draw": list(self.shares),
            "gain": self.gain.to_dict(),
            "worth_labels": worth if worth is None or np.isfinite(worth) else f">{MAX_WORTH:g}x",
        }


def decide(
    results: Results,
    *,
    shares: Sequence[float],
    fixed: float | None,
    chosen_on: str,
    judged_on: str,
    overlap: float,
    labels: float,
    words: str,
) -> GainVerdict:
    """Chooses the share and says whether it helps.

    Where the folds that choose are also those that judge, each is judged at the share that the
    others chose; the share that is advised is that of all together.

    Args:
        fixed: a share that was asked for, in place of a choice from `shares`.
        chosen_on, judged_on: names of the judged sets.
        overlap: see `interval`.
        labels: given labels that a classifier was trained on.
        words: for the metric.
    """
    share, each = fixed, None
    if share is None:
        chosen = {share: results.gains(BOTH, share, chosen_on) for share in shares}
        share = best_share(chosen)
        each = shares_by_others(chosen) if chosen_on == judged_on else None
    each = each or [share] * len(results.gains(BOTH, share, judged_on))
    gains = [results.gains(BOTH, own, judged_on)[draw] for draw, own in enumerate(each)]
    gain = interval(gains, overlap=overlap)
    return GainVerdict(
        use=gain.above_zero,
        share=share,
        gain=gain,
        worth=worth(gain.mean, results, judged_on, labels) if gain.above_zero else None,
        words=words,
        shares=tuple(each),
    )


def worth(gain: float, results: Results, on: str, labels: float) -> float | None:
    """Returns how many more labels would have added as much as `gain`.

    What a doubling of the labels adds is taken from half of them to all of them, and is supposed to
    go on so: an extrapolation.

    Returns:
        None without a gain, or where all labels do no better than half of them; infinity above ten
        times as many.
    """
    if gain <= 0 or not results.has(HALF):
        return None
    of_all, of_half = (np.mean(results.values(arm, 0.0, on)) for arm in (CLASSICAL, HALF))
    doubling = float(of_all - of_half)
    if doubling <= 0:
        return None
    times = 2 ** min(gain / doubling, 60.0) - 1
    return labels * times if times <= MAX_WORTH else float("inf")
