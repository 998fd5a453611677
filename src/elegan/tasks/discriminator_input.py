"""What the discriminator is shown: mixed, augmented and noisy, real and generated alike."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from elegan.augmentation import (
    AdaptiveController,
    augment,
    pairwise_statistic,
    parse_kinds,
    pseudo,
    sign_statistic,
    validation_statistic,
)
from elegan.common import distributed
from elegan.common.errors import UsageError
from elegan.common.pixels import to_tensor
from elegan.data.batches import Batch
from elegan.losses import AdversarialLoss, instance_noise_deviation
from elegan.models import Model
from elegan.settings import TrainSettings

_POOL = 4096  # images that a model contributes to a mixed stream
_NOISE_SHARE = 0.5  # of the run, over which instance noise falls to 0


class Past(NamedTuple):
    """Generated images [N, C, R, R] and, of a conditional run, the labels [N] asked for."""

    images: Tensor
    labels: Tensor | None


class DiscriminatorInput:
    """Stands between the images and the discriminator.

    Whatever it does to an image depends on that image and on random draws alone, never on the
    other images of the batch, and gradients pass through it.

    Attributes:
        state: the task's, of which the probability and past images are read.
    """

    def __init__(
        self,
        settings: TrainSettings,
        loss: AdversarialLoss,
        device: torch.device,
        state: dict[str, Tensor],
    ) -> None:
        self.state = state
        self._settings, self._relativistic, self._device = settings, loss.relativistic, device
        chosen = settings.augment
        self._kinds = parse_kinds(chosen.kinds) if chosen.kinds else ()
        self.is_on = bool(self._kinds) or chosen.pseudo
        self._adapts = self.is_on and chosen.mode == "adaptive"
        if self._adapts:
            state.update(_named(self._controller().tensors()))
        mixing = settings.mixing
        if mixing.replay and distributed.world().size > 1:
            raise UsageError("--mixing.replay works in one process only. Leave out torchrun.")
        self._pool = self._drawn_pool() if mixing.generated and mixing.model else None

    @property
    def probability(self) -> float:
        """Of each augmentation now, 0..1."""
        if self._adapts:
            return self.state["augment.probability"].item()
        return self._settings.augment.first_probability

    def _controller(self) -> AdaptiveController:
        chosen = self._settings.augment
        return AdaptiveController(
            target=chosen.target, speed=chosen.images, initial=chosen.first_probability
        )

    # --- before the discriminator -----------------------------------------------------------

    def real_stream(self, batch: Batch, draw: Callable[[], Tensor]) -> Tensor:
        """Returns the batch's real images, some replaced by generated ones where asked.

        Args:
            draw: generates as many images with the batch's labels, without gradients.
        """
        real, share = batch.images, self._settings.mixing.generated
        if share:
            generated = draw() if self._pool is None else self._from_pool(len(real))
            real = pseudo(real, generated, share)
        if self._settings.augment.pseudo and self.probability > 0:
            real = pseudo(real, draw(), self.probability)
        return real

    def show(self, images: Tensor, progress: float) -> Tensor:
        """Returns the images [N, C, R, R] as the discriminator sees them, float32."""
        images = images.float()
        if self._kinds:
            padding = self._settings.augment.padding
            images = augment(images, self._kinds, self.probability, padding=padding)
        start = self._settings.loss.instance_noise
        deviation = instance_noise_deviation(start, progress, _NOISE_SHARE) if start else 0.0
        return images + deviation * torch.randn_like(images) if deviation else images

    def past(self, count: int) -> Past | None:
        """Returns `count` generated images of earlier steps, None while there are none."""
        if not self._settings.mixing.replay or "replay" not in self.state:
            return None
        rows = torch.randint(len(self.state["replay"]), (count,))
        labels = self.state.get("replay_labels")
        return Past(
            self.state["replay"][rows].to(self._device).float(),
            None if labels is None else labels[rows].to(self._device),
        )

    # --- after it ---------------------------------------------------------------------------

    def observed(
        self,
        real: Tensor,
        fake: Tensor,
        fakes: Past,
        held_out: Callable[[], Tensor | None],
        batch: int,
    ) -> dict[str, Tensor]:
        """Returns what a step makes of the state: the probability that it moves, past images.

        Args:
            real, fake: logits [N].
            fakes: the generated images.
            held_out: gives logits of unseen real images, or None where there are none; called only
                where the settings follow them.
            batch: images of the step, all processes together.
        """
        state: dict[str, Tensor] = {}
        if self._adapts:
            found = self._overfitting(real, fake, held_out)
            distributed.average([found])
            controller = self._controller()
            controller.restore(
                {name: self.state[f"augment.{name}"] for name in controller.tensors()}
            )
            controller.observe(found.item(), batch)
            state |= _named(controller.tensors())
        if self._settings.mixing.replay:
            state |= self._joined(fakes)
        return state

    def _overfitting(
        self, real: Tensor, fake: Tensor, held_out: Callable[[], Tensor | None]
    ) -> Tensor:
        if self._settings.augment.signal == "held-out" and (unseen := held_out()) is not None:
            return validation_statistic(real, unseen, fake)
        return pairwise_statistic(real, fake) if self._relativistic else sign_statistic(real)

    def _joined(self, new: Past) -> dict[str, Tensor]:
        """Returns the latest of past and new images, in half precision on the CPU."""
        most = self._settings.mixing.replay_size
        images = new.images.detach().to("cpu", torch.float16)
        labels = None if new.labels is None else new.labels.cpu()
        if "replay" in self.state:
            images = torch.cat([self.state["replay"], images])
            labels = None if labels is None else torch.cat([self.state["replay_labels"], labels])
        kept = {"replay": images[-most:]}
        return kept if labels is None else {**kept, "replay_labels": labels[-most:]}

    def signals(self) -> dict[str, float]:
        """Returns `augmentation`, the probability, where it is adaptive."""
        return {"augmentation": self.probability} if self._adapts else {}

    # --- generated images in the real stream ------------------------------------------------

    def _drawn_pool(self) -> Tensor:
        settings = self._settings
        model = Model.load(settings.mixing.model or "", device=str(self._device))
        if settings.conditional:
            raise UsageError(
                "--mixing.model gives images without labels, so the run must be unconditional."
                " Leave out --mixing.model to mix in the run's own images."
            )
        return to_tensor(model.generate(_POOL, seed=settings.seed).images, self._device)

    def _from_pool(self, count: int) -> Tensor:
        assert self._pool is not None
        return self._pool[torch.randint(len(self._pool), (count,))]


def _named(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"augment.{name}": value for name, value in state.items()}
