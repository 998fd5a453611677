"""From checked uint8 images to the batches of a run."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elegan.data import ImageData, batch_indices
from elegan.engine.distributed import World
from elegan.machine.pixels import to_tensor


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one step sees.

    Attributes:
        images: float32 [N, C, R, R] in [-1, 1], channels-last.
        labels: int64 [N], or None.
        position: real images seen by the run before this batch.
        share: this process's part of the whole batch, for draws made for the whole of it.
        whole: size of the batch over all processes.
    """

    images: Tensor
    labels: Tensor | None
    position: int
    share: slice
    whole: int


class Batches:
    """The run's endless stream of real images, in keyed order.

    A share of the images is held out, never trained on, to measure overfitting of the
    discriminator.
    """

    HELD_OUT_SHARE, HELD_OUT_MOST, HELD_OUT_FROM = 0.02, 512, 500

    def __init__(
        self,
        data: ImageData,
        *,
        batch: int,
        seed: int,
        device: torch.device,
        world: World,
        conditional: bool,
    ) -> None:
        self.data, self.batch, self.seed, self.device, self.world = data, batch, seed, device, world
        self.conditional = conditional
        held = 0
        if len(data) >= self.HELD_OUT_FROM:
            held = min(self.HELD_OUT_MOST, int(len(data) * self.HELD_OUT_SHARE))
        order = batch_indices(seed, 0, len(data), len(data))
        self.held_out_indices = np.sort(order[:held])
        self.training_indices = np.sort(order[held:])

    def at(self, position: int) -> Batch:
        """Returns the batch that follows `position` images seen."""
        order = batch_indices(self.seed, position, self.batch, len(self.training_indices))
        share = self.world.share(self.batch)
        indices = self.training_indices[order[share]]
        return Batch(
            images=to_tensor(self.data.images[indices], self.device),
            labels=self.labels(indices),
            position=position,
            share=share,
            whole=self.batch,
        )

    def labels(self, indices: np.ndarray) -> Tensor | None:
        """Labels of the images at `indices`, int64, where the run is conditional."""
        if not self.conditional or self.data.labels is None:
            return None
        return torch.from_numpy(self.data.labels[indices].astype(np.int64)).to(self.device)
