"""Outcomes of all classifiers of an experiment, and what is read off them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from elegan.applications.synthetic.classifier import Recipe
from elegan.applications.synthetic.protocol import CLASSICAL, Kept, Outcome, Trial, measure

Metric = Callable[[Outcome], float]


@dataclass(frozen=True)
class Results:
    """Outcomes of all classifiers.

    Attributes:
        metric: what is compared, between 0 and 1, higher being better.
        outcomes: by (draw, arm, share, seed), of each set that was judged by its name.
    """

    metric: Metric
    outcomes: dict[tuple[int, str, float, int], Mapping[str, Outcome]] = field(default_factory=dict)

    def values(self, arm: str, share: float, on: str, metric: Metric | None = None) -> list[float]:
        """Returns the mean over the seeds of each draw, in the order of the draws."""
        metric = metric or self.metric
        of_draw: dict[int, list[float]] = {}
        for (draw, name, at, _), found in sorted(self.outcomes.items(), key=lambda one: one[0]):
            if name == arm and at == share:
                of_draw.setdefault(draw, []).append(metric(found[on]))
        return [float(np.nanmean(of_draw[draw])) for draw in sorted(of_draw)]

    def gains(
        self,
        arm: str,
        share: float,
        on: str,
        against: str = CLASSICAL,
        metric: Metric | None = None,
    ) -> list[float]:
        """Returns for each draw by how much an arm is above another, which mixes nothing."""
        ours, theirs = self.values(arm, share, on, metric), self.values(against, 0.0, on, metric)
        return [one - other for one, other in zip(ours, theirs, strict=True)]

    def has(self, arm: str, share: float = 0.0) -> bool:
        """Whether an arm was measured."""
        return any(name == arm and at == share for _, name, at, _ in self.outcomes)

    def measure(
        self,
        draw: int,
        trial: Trial,
        arms: Iterable[tuple[str, float]],
        *,
        seeds: int,
        recipe: Recipe,
        balance: bool,
        kept: Kept | None = None,
    ) -> None:
        """Trains and judges so many classifiers of each arm at its share, but those it has."""
        for arm, share in arms:
            for turn in range(seeds):
                if (draw, arm, share, turn) not in self.outcomes:
                    self.outcomes[draw, arm, share, turn] = measure(
                        trial, arm, share, turn, recipe=recipe, balance=balance, kept=kept
                    )
