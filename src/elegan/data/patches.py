"""From photos of any sizes to batches of crops: what a translating run sees, in keyed order."""

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from elegan.common.distributed import World
from elegan.common.randomness import key
from elegan.data import batch_indices
from elegan.data.batches import Batch

_HELD_OUT_SHARE, _HELD_OUT_MOST, _HELD_OUT_FROM = 0.1, 16, 10
_THREADS = 2  # crops are small; more would only wait for each other
_PROCESSES, _AHEAD = 8, 4  # for an accelerator, which takes crops faster than threads make them


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

Stacked = tuple[Tensor, Tensor]
"""Inputs float32 [N, h, w, I] and targets float32 [N, H, W, C] of examples, on the CPU."""


def held_out(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of `count` images that are held out, and of those that are trained on.

    One in ten is held out, at most 16; of fewer than ten none.
    """
    held = 0
    if count >= _HELD_OUT_FROM:
        held = min(_HELD_OUT_MOST, int(count * _HELD_OUT_SHARE))
    order = batch_indices(seed, 0, count, count)
    return np.sort(order[:held]), np.sort(order[held:])


class Patches(Dataset[Stacked]):
    """An endless stream of examples; some images are held out, never trained on.

    Every example is a function of (seed, images seen) alone, so those of the next steps are made
    while this one is computed: by threads beside a CPU, by processes beside an accelerator.

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
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="examples")
        self._coming: tuple[int, Iterator[Stacked]] | None = None

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
        expected, coming = self._coming or (None, None)
        if coming is None or expected != position:
            begin = self._by_threads if self._device.type == "cpu" else self._by_processes
            coming = begin(position)
        inputs, images = next(coming)
        self._coming = position + self._batch, coming
        return self._placed(inputs, images, position, self.world.share(self._batch))

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
        return self._placed(*_stacked(examples), 0, slice(0, count))

    def __getstate__(self) -> dict[str, Any]:
        """For the processes that make examples, which need neither threads nor each other."""
        return {**self.__dict__, "_pool": None, "_coming": None}

    def __getitem__(self, position: int) -> Stacked:
        """Returns the examples of this process's share of the batch at `position`."""
        return _stacked([self._draw(*item) for item in self._asked(position)])

    def _asked(self, position: int) -> list[tuple[int, np.random.Generator]]:
        share = self.world.share(self._batch)
        indices = self._trained[
            batch_indices(self._seed, position, self._batch, len(self._trained))
        ]
        places = range(position + share.start, position + share.stop)
        return [
            (int(index), np.random.default_rng(key(self._seed, "example", place)))
            for index, place in zip(indices[share], places, strict=True)
        ]

    def _by_threads(self, position: int) -> Iterator[Stacked]:
        def begin(position: int) -> list[Future[Example]]:
            return [self._pool.submit(self._draw, *item) for item in self._asked(position)]

        waiting = begin(position)
        for following in itertools.count(position + self._batch, self._batch):
            examples, waiting = [item.result() for item in waiting], begin(following)
            yield _stacked(examples)

    def _by_processes(self, position: int) -> Iterator[Stacked]:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return iter(
            DataLoader(
                self,
                sampler=itertools.count(position, self._batch),  # pyright: ignore
                batch_size=None,
                num_workers=min(_PROCESSES, max(1, (cores or 1) // 2)),
                prefetch_factor=_AHEAD,
                pin_memory=self._device.type == "cuda",
            )
        )

    def _placed(self, inputs: Tensor, images: Tensor, position: int, share: slice) -> Batch:
        return Batch(
            images=self._on_device(images),
            inputs=self._on_device(inputs),
            labels=None,
            position=position,
            share=share,
            whole=self._batch,
        )

    def _on_device(self, stacked: Tensor) -> Tensor:
        """[N, h, w, C] -> [N, C, h, w] in channels-last memory."""
        return stacked.to(self._device, non_blocking=True).permute(0, 3, 1, 2)


def _stacked(examples: list[Example]) -> Stacked:
    inputs = np.stack([example.inputs for example in examples])
    return torch.from_numpy(inputs), torch.from_numpy(
        np.stack([example.target for example in examples])
    )
