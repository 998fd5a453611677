"""What the discriminator is shown: mixed, augmented and noisy, real and generated alike."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

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


class View:
    """Stands between the images and the discriminator.

    Whatever it does to an image depends on that image and on random draws alone, never on the
    other images of the batch, and gradients pass through it.

    Attributes:
        probability: of each augmentation now, 0..1.
    """

    def __init__(
        self, settings: TrainSettings, loss: AdversarialLoss, device: torch.device
    ) -> None:
        self._settings, self._relativistic, self._device = settings, loss.relativistic, device
        chosen = settings.augment
        self._kinds = parse_kinds(chosen.kinds) if chosen.kinds else ()
        self.is_on = bool(self._kinds) or chosen.pseudo
        self._controller = None
        if self.is_on and chosen.mode == "adaptive":
            self._controller = AdaptiveController(
                target=chosen.target, speed=chosen.images, initial=chosen.first_probability
            )
        self._statistic: float | None = None
        mixing = settings.mixing
        self._replay: Past | None = None
        if mixing.replay:
            if distributed.world().size > 1:
                raise UsageError("--mixing.replay works in one process only. Leave out torchrun.")
            self._replay = Past(torch.empty(0), None)
        self._seen: Past | None = None  # of this step
        self._pool = self._drawn_pool() if mixing.generated and mixing.model else None

    @property
    def probability(self) -> float:
        if self._controller is not None:
            return self._controller.probability
        return self._settings.augment.first_probability

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
        if self._replay is None or not len(self._replay.images):
            return None
        rows = torch.randint(len(self._replay.images), (count,))
        labels = None if self._replay.labels is None else self._replay.labels[rows]
        return Past(
            self._replay.images[rows].to(self._device).float(),
            None if labels is None else labels.to(self._device),
        )

    # --- after it ---------------------------------------------------------------------------

    def observe(
        self, real: Tensor, fake: Tensor, fakes: Past, held_out: Callable[[], Tensor | None]
    ) -> None:
        """Notes what a step not yet known to be finite says of overfitting, and its images.

        Args:
            real, fake: logits [N].
            fakes: the generated images.
            held_out: gives logits of unseen real images, or None where there are none; called only
                where the settings follow them.
        """
        if self._controller is not None:
            found = self._overfitting(real, fake, held_out)
            distributed.average([found])
            self._statistic = found.item()
        self._seen = fakes

    def _overfitting(
        self, real: Tensor, fake: Tensor, held_out: Callable[[], Tensor | None]
    ) -> Tensor:
        if self._settings.augment.signal == "held-out" and (unseen := held_out()) is not None:
            return validation_statistic(real, unseen, fake)
        return pairwise_statistic(real, fake) if self._relativistic else sign_statistic(real)

    def commit(self, batch: int) -> None:
        """Takes over what was observed, once the step has proved finite.

        Args:
            batch: images of the step, all processes together.
        """
        if self._controller is not None and self._statistic is not None:
            self._controller.observe(self._statistic, batch)
        if self._replay is not None and self._seen is not None:
            self._replay = self._joined(self._replay, self._seen)
        self._seen = None

    def _joined(self, kept: Past, new: Past) -> Past:
        """Returns the latest of both, in half precision on the CPU."""
        most = self._settings.mixing.replay_size
        images = new.images.detach().to("cpu", torch.float16)
        labels = None if new.labels is None else new.labels.cpu()
        if len(kept.images):
            images = torch.cat([kept.images, images])
            labels = None if labels is None else torch.cat([cast(Tensor, kept.labels), labels])
        return Past(images[-most:], None if labels is None else labels[-most:])

    # --- state ------------------------------------------------------------------------------

    def signals(self) -> dict[str, float]:
        """Returns `augmentation`, the probability, where it is adaptive."""
        return {} if self._controller is None else {"augmentation": self.probability}

    def tensors(self) -> dict[str, Tensor]:
        state = {} if self._controller is None else self._controller.tensors()
        own = {f"augment.{name}": one for name, one in state.items()}
        if self._replay is not None and len(self._replay.images):
            own["replay"] = self._replay.images
            if self._replay.labels is not None:
                own["replay_labels"] = self._replay.labels
        return own

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        if self._controller is not None:
            prefix = "augment."
            state = {name.removeprefix(prefix): one for name, one in tensors.items()}
            self._controller.restore(state)
        if self._replay is not None:
            images = tensors.get("replay", torch.empty(0))
            self._replay = Past(images, tensors.get("replay_labels"))

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
