"""Which images follow one another where real and generated ones are mixed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import Sampler

from elegan.data import batch_indices
from elegan.errors import UsageError
from elegan.machine.randomness import key

_BLOCK = 1024  # generated images are drawn for so many places at a time


class MixedSampler(Sampler[int]):
    """Places of images in real ones followed by generated ones, mixed at a stated share.

    The real images alone say which class is next: in natural order all of them once an epoch, or
    with `balance` every class equally often. Then of every 1/share places in a row one has a
    generated image of that class in place of the real one. So two shares differ in where images
    come from and in nothing else. What stands at a place is a function of the seed and the place.

    Args:
        real: class numbers int [N] of the real images, places 0..N-1.
        made: class numbers int [M] of the generated images, places N..N+M-1.
        share: of generated images, 0 to 1.
        length: images an epoch; by default as many as there are real ones.
        seed: of the order.
        balance: whether every class comes equally often.

    Raises:
        UsageError: the share is none, or there is no real image, or with a share no generated one.
    """

    def __init__(
        self,
        real: Any,
        made: Any = (),
        *,
        share: float,
        length: int | None = None,
        seed: int = 0,
        balance: bool = False,
    ) -> None:
        self._real, self._made = np.asarray(real, np.int64), np.asarray(made, np.int64)
        if not 0 <= share <= 1:
            raise UsageError(f"The share of generated images is 0 to 1, not {share}.")
        if not len(self._real):
            raise UsageError("There is no real image to mix generated ones with.")
        if share and not len(self._made):
            raise UsageError(f"A share of {share} needs generated images, and there are none.")
        self.share, self.seed, self.balance = share, seed, balance
        self.length = len(self._real) if length is None else length
        self.epoch = 0
        self._classes = np.unique(self._real)
        self._real_of = {one: np.flatnonzero(self._real == one) for one in self._classes.tolist()}
        self._made_of = {one: np.flatnonzero(self._made == one) for one in self._classes.tolist()}

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        """Yields the places of one epoch; the next call yields those of the next."""
        first = self.epoch * self.length
        self.epoch += 1
        for start in range(first, first + self.length, _BLOCK):
            yield from self.at(start, min(_BLOCK, first + self.length - start)).tolist()

    def at(self, position: int, count: int) -> np.ndarray:
        """Returns `count` places int64 from `position` of the endless stream on."""
        places = self._real_places(position, count)
        if not self.share:
            return places
        where = np.arange(position, position + count)
        # A whisker more, so that a tenth ten times over is one.
        reached = np.floor((where + 1) * self.share + 1e-9) > np.floor(where * self.share + 1e-9)
        uniform = self._uniform(position, count)
        for row in np.flatnonzero(reached):
            own = self._made_of[int(self._real[places[row]])]
            if len(own):
                places[row] = len(self._real) + own[int(uniform[row] * len(own))]
        return places

    def _real_places(self, position: int, count: int) -> np.ndarray:
        if not self.balance:
            return batch_indices(self.seed, position, count, len(self._real))
        number = len(self._classes)
        order = batch_indices(self.seed, position, count, number)
        places = np.empty(count, np.int64)
        for row, turn in enumerate(order.tolist()):
            label = int(self._classes[turn])
            own, stream = self._real_of[label], key(self.seed, "mixed class", label)
            places[row] = own[batch_indices(stream, (position + row) // number, 1, len(own))[0]]
        return places

    def _uniform(self, position: int, count: int) -> np.ndarray:
        """Returns numbers in [0, 1) that depend on the seed and the place."""
        first, last = position // _BLOCK, (position + count - 1) // _BLOCK
        blocks = [
            np.random.default_rng(key(self.seed, "generated", block)).random(_BLOCK)
            for block in range(first, last + 1)
        ]
        return np.concatenate(blocks)[position - first * _BLOCK :][:count]
