"""From checked uint8 images to the batches of a run."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from elegan.common.distributed import World
from elegan.common.pixels import to_tensor
from elegan.common.randomness import key
from elegan.data import ImageData, batch_indices


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one step sees.

    Attributes:
        images: float32 [N, C, R, R] in [-1, 1], channels-last.
        labels: int64 [N], or None.
        position: real images seen by the run before this batch.
        share: this process's part of the whole batch, for draws made for the whole of it.
        whole: size of the batch over all processes.
        inputs: float32 [N, I, h, w], what a translating generator starts from; None where the
            generator starts from noise.
    """

    images: Tensor
    labels: Tensor | None
    position: int
    share: slice
    whole: int
    inputs: Tensor | None = None


class DataFacts(Protocol):
    """What a run says of its data, whatever these are."""

    @property
    def name(self) -> str: ...

    @property
    def hash(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how they were read."""
        ...

    @property
    def summary(self) -> str:
        """How many of what, for the log."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Returns the content of data.json."""
        ...


class Stream(Protocol):
    """An endless stream of batches in keyed order.

    Attributes:
        data: where the batches come from.
        world: the processes that share them.
    """

    data: Any  # DataFacts; the task knows more
    world: World

    @property
    def training_count(self) -> int:
        """How many images an epoch goes through, those held out not counted."""
        ...

    @property
    def countable(self) -> int | None:
        """How many different images there are to memorise; None where without number."""
        ...

    def at(self, position: int) -> Batch:
        """Returns the batch that follows `position` images seen."""
        ...


class Batches:
    """The run's endless stream of real images, in keyed order.

    A share of the images is held out, never trained on, to measure overfitting of the
    discriminator.

    Args:
        balance: each class is drawn equally often: of every K images in a row (K classes) each is
            of another class, in keyed order, and each class runs through its own images.
    """

    HELD_OUT_SHARE, HELD_OUT_MOST, HELD_OUT_FROM = 0.02, 512, 40
    HELD_OUT_LEAST, HELD_OUT_LEAST_SHARE = 10, 0.1  # of small sets

    def __init__(
        self,
        data: ImageData,
        *,
        batch: int,
        seed: int,
        device: torch.device,
        world: World,
        conditional: bool,
        balance: bool = False,
    ) -> None:
        self.data, self.batch, self.seed, self.device, self.world = data, batch, seed, device, world
        self.conditional = conditional
        self.kinds: np.ndarray | None = None  # int64 [N], clusters in the place of labels
        held = 0
        if len(data) >= self.HELD_OUT_FROM:
            least = min(self.HELD_OUT_LEAST, int(len(data) * self.HELD_OUT_LEAST_SHARE))
            held = max(least, min(self.HELD_OUT_MOST, int(len(data) * self.HELD_OUT_SHARE)))
        order = batch_indices(seed, 0, len(data), len(data))
        self.held_out_indices = np.sort(order[:held])
        self.training_indices = np.sort(order[held:])
        self._by_class: list[np.ndarray] = []
        if balance and data.labels is not None:
            labels = data.labels[self.training_indices]
            self._by_class = [self.training_indices[labels == item] for item in np.unique(labels)]

    @property
    def training_count(self) -> int:
        """How many images are trained on."""
        return len(self.training_indices)

    @property
    def countable(self) -> int:
        """How many different images there are to memorise."""
        return len(self.training_indices)

    def at(self, position: int) -> Batch:
        """Returns the batch that follows `position` images seen."""
        share = self.world.share(self.batch)
        indices = self._drawn(position)[share]
        return Batch(
            images=to_tensor(self.data.images[indices], self.device),
            labels=self.labels(indices),
            position=position,
            share=share,
            whole=self.batch,
        )

    def unseen(self, count: int, position: int) -> tuple[Tensor, Tensor | None] | None:
        """Returns at most `count` held-out images and their labels; None where none are held out.

        They are a function of the position too, and go through all held-out images in turn.
        """
        held = self.held_out_indices
        if not len(held):
            return None
        indices = held[batch_indices(self.seed, position, min(count, len(held)), len(held))]
        return to_tensor(self.data.images[indices], self.device), self.labels(indices)

    def _drawn(self, position: int) -> np.ndarray:
        """Indices of the whole batch at `position`."""
        if not self._by_class:
            order = batch_indices(self.seed, position, self.batch, len(self.training_indices))
            return self.training_indices[order]
        classes = len(self._by_class)
        whole = batch_indices(self.seed, position, self.batch, classes)
        drawn = np.empty(self.batch, np.int64)
        for row, label in enumerate(whole.tolist()):
            own, turn = self._by_class[label], (position + row) // classes
            # Each class has a stream of its own, and the round is the place in it.
            stream = key(self.seed, "class", label)
            drawn[row] = own[batch_indices(stream, turn, 1, len(own))[0]]
        return drawn

    def labels(self, indices: np.ndarray) -> Tensor | None:
        """Labels of the images at `indices`, int64, where the run is conditional, or clusters."""
        labels = self.data.labels if self.conditional else self.kinds
        if labels is None:
            return None
        return torch.from_numpy(labels[indices].astype(np.int64)).to(self.device)
