"""What `elegan augment` can be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from elegan.augmentation import parse_kinds
from elegan.common.errors import UsageError

SHARES = (0.1, 0.25, 0.5, 1.0)
"""Shares of generated images that are tried; 1 is generated images only."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything that the result depends on.

    Attributes:
        data: what has the given labels.
        per_class: generated images of each class; with `balance` the size that each class is filled
            to, real images included, by default that of the largest class.
        limit: given images of each class, drawn by the seed.
        unlabelled: the pool: images of the same kind without labels.
        balance: fill up small classes only.
        share: of generated images among all that a classifier sees; None chooses it on folds.
        seed: of every draw.
        draws: folds of the given labels, each with a generator of its own.
        seeds: classifiers trained for every arm of every draw.
        images: real images that each generator is trained on, counted each time that one is seen.
        steps: of each classifier.
        resolution, fit: as in training.
        kinds: augmentation of what the discriminator sees; of a kind that leaves classes alone.
        flip: whether classical augmentation exchanges left and right.
        band: what a classifier's probability of the class asked for must lie within.
        reject: share of the images of each class that the discriminator likes least, dropped.
        gan: further settings of the generator's training, nested as in settings.json.
    """

    data: str
    per_class: int | None = None
    limit: int | None = None
    unlabelled: str | None = None
    balance: bool = False
    share: float | None = None
    seed: int = 0
    draws: int = 5
    seeds: int = 3
    images: int = 20_000
    steps: int = 200
    resolution: int | None = None
    fit: str = "crop"
    kinds: str = "digits"
    flip: bool = False
    band: tuple[float, float] = (0.5, 1.0)
    reject: float = 0.1
    gan: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Refuses what could not work, before anything is read or written.

        Raises:
            UsageError: names the flag, its value and what is accepted.
        """
        if self.per_class is None and not self.balance:
            raise UsageError(
                "Say how many images of each class to make: --per-class N."
                " Or fill up small classes with --balance."
            )
        counts = {"per-class": self.per_class, "limit": self.limit, "images": self.images}
        counts |= {"seeds": self.seeds, "steps": self.steps}
        for name, count in counts.items():
            if count is not None and count < 1:
                raise UsageError(f"--{name} must be at least 1, not {count}.")
        if self.draws < 2:
            raise UsageError(
                f"--draws must be at least 2, not {self.draws}: one tells no interval."
            )
        if self.share is not None and not 0 < self.share <= 1:
            raise UsageError(f"--share is above 0 and at most 1, not {self.share}.")
        low, high = self.band
        if not 0 <= low < high <= 1:
            raise UsageError(f"--band is two rising numbers within 0 and 1, not {low} {high}.")
        if not 0 <= self.reject < 1:
            raise UsageError(f"--reject is a share from 0 to below 1, not {self.reject}.")
        parse_kinds(self.kinds)

    @property
    def shares(self) -> tuple[float, ...]:
        """Those that are tried, rising."""
        return tuple(sorted({*SHARES, *((self.share,) if self.share else ())}))
