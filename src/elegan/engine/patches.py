"""From photos of any sizes to batches of crops: what a translating run sees, in keyed order."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elegan.data import batch_indices
from elegan.engine.batches import Batch
from elegan.engine.distributed import World
from elegan.machine.randomness import key

_HELD_OUT_SHARE, _HELD_OUT_MOST, _HELD_OUT_FROM = 0.1, 16, 10
_WORKERS = 2  # crops are small; more threads would only wait for each other


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """What the generator starts from and what it should arrive at.

    Attributes:
        inputs: float32 [h, w, I] in [-1, 1].
        target: float32 [H, W, C] in [-1, 1].
    """

    inputs: np.ndarray
    target: np.ndarray


Draw = Callable[[int, np.random.Generator], Example]
"""(index of an image, random) -> an example of it, always of one size; a pure function of both."""


def held_out(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of `count` images that are held out, and of those that are trained on.

    One in ten is held out, at most 16; of fewer than ten none.
    """
    held = 0
    if count >= _HELD_OUT_FROM:
        held = min(_HELD_OUT_MOST, int(count * _HELD_OUT_SHARE))
    order = batch_indices(seed, 0, count, count)
    return np.sort(order[:held]), np.sort(order[held:])


class Patches:
    """An endless stream of examples; some images are held out, never trained on.

    Every example is a function of (seed, images seen) alone, so the examples of the next step are
    made by other threads while this one is computed.

    Attributes:
        data: what `draw` takes its images from.
        held_out_indices: int64, the images that are kept for measuring; empty where there are few.
    """

    def __init__(
        self,
        data: Any,
        draw: Draw,
        *,
        count: int,
        batch: int,
        seed: int,
        device: torch.device,
        world: World,
    ) -> None:
        self.data, self.world = data, world
        self._draw, self._batch, self._seed, self._device = draw, batch, seed, device
        self.held_out_indices, self._trained = held_out(seed, count)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="examples")
        self._ahead: tuple[int, list[Future[Example]]] | None = None

    @property
    def training_count(self) -> int:
        """How many images are trained on."""
        return len(self._trained)

    @property
    def countable(self) -> None:
        """Crops are without number."""
        return None

    def at(self, position: int) -> Batch:
        """Returns the batch that follows `position` images seen."""
        ahead, self._ahead = self._ahead, None
        waiting = ahead[1] if ahead and ahead[0] == position else self._begin(position)
        examples = [one.result() for one in waiting]
        following = position + self._batch
        self._ahead = following, self._begin(following)
        return self._joined(examples, position, self.world.share(self._batch))

    def measured(self, count: int) -> Batch:
        """Returns `count` fixed examples of images held out, or of training images if none are."""
        chosen = self.held_out_indices if len(self.held_out_indices) else self._trained
        examples = [
            self._draw(
                int(chosen[row % len(chosen)]),
                np.random.default_rng(key(self._seed, "measured example", row)),
            )
            for row in range(count)
        ]
        return self._joined(examples, 0, slice(0, count))

    def _begin(self, position: int) -> list[Future[Example]]:
        share = self.world.share(self._batch)
        indices = self._trained[
            batch_indices(self._seed, position, self._batch, len(self._trained))
        ]
        places = range(position + share.start, position + share.stop)
        return [
            self._pool.submit(
                self._draw, int(index), np.random.default_rng(key(self._seed, "example", place))
            )
            for index, place in zip(indices[share], places, strict=True)
        ]

    def _joined(self, examples: list[Example], position: int, share: slice) -> Batch:
        return Batch(
            images=self._tensor([one.target for one in examples]),
            inputs=self._tensor([one.inputs for one in examples]),
            labels=None,
            position=position,
            share=share,
            whole=self._batch,
        )

    def _tensor(self, arrays: list[np.ndarray]) -> Tensor:
        """float32 [h, w, C] each -> [N, C, h, w] in channels-last memory."""
        return torch.from_numpy(np.stack(arrays)).to(self._device).permute(0, 3, 1, 2)
