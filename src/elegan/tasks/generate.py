"""The use `generate`: noise in, images out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elegan.data import ImageData
from elegan.data.pictures import grid, save_png
from elegan.engine import distributed
from elegan.engine.batches import Batch, Batches
from elegan.engine.ema import Ema
from elegan.engine.players import Player
from elegan.engine.task import Losses
from elegan.losses import (
    ADVERSARIAL,
    consistency_penalty,
    dragan_penalty,
    lecam_penalty,
    wasserstein_gradient_penalty,
    zero_centred_penalty,
)
from elegan.machine.pixels import to_tensor, to_uint8
from elegan.machine.precision import Precision
from elegan.machine.randomness import normal, seed_default
from elegan.models import save_model
from elegan.networks import PAIRS, ImageShape, build_discriminator, build_generator
from elegan.networks.layers import scaled_width
from elegan.settings import TrainSettings
from elegan.tasks.gauge import Gauge

_PREVIEW, _PREVIEW_COLUMNS = 64, 8
_LECAM_DECAY = 0.99  # Tseng et al. 2021, section 3.2


class Generate:
    """A generator and a discriminator of one registered pair, unconditional or conditional.

    Implements `engine.task.Task`.
    """

    def __init__(
        self, settings: TrainSettings, data: ImageData, batches: Batches, precision: Precision
    ) -> None:
        self.settings, self.data, self.batches, self.precision = settings, data, batches, precision
        self.classes = data.classes if settings.conditional else ()
        self.shape = ImageShape(
            resolution=data.resolution, channels=data.channels, classes=len(self.classes)
        )
        pair = PAIRS[settings.network.name]
        self.sizes = {
            "width": settings.network.width or scaled_width(pair.width, settings.size),
            "latent": settings.network.latent or pair.latent,
        }
        self.generator, self.discriminator = self._players()
        self.ema = Ema(
            self.generator.network, half_life=settings.ema.half_life, ramp=settings.ema.ramp
        )
        self.loss = ADVERSARIAL[settings.loss.adversarial]
        self._anchors = torch.zeros(2, device=precision.device)  # LeCam: mean real, fake logits
        self._next_anchors = self._anchors  # taken over once the step proves finite
        self._fixed = normal((_PREVIEW, self.sizes["latent"]), settings.seed, "preview")
        self._gauge = Gauge(batches, seed=settings.seed)

    def _players(self) -> tuple[Player, Player]:
        settings, optimizer = self.settings, self.settings.optimizer
        players = []
        for stream, build, rate in (
            ("generator", build_generator, optimizer.generator_rate),
            ("discriminator", build_discriminator, optimizer.discriminator_rate),
        ):
            seed_default(settings.seed, f"initial {stream}")
            network = build(settings.network.name, self.shape, **self.sizes)
            network.to(device=self.precision.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
            # Wider networks want smaller steps: the rate falls with the root of the width.
            rate /= settings.size**0.5
            players.append(Player(network.train(), rate=rate, settings=optimizer))
        return players[0], players[1]

    # --- one step ---------------------------------------------------------------------------

    def generate(self, batch: Batch) -> Tensor:
        """Draws noise for the whole batch, takes this process's share, generates."""
        noise = normal(
            (batch.whole, self.sizes["latent"]), self.settings.seed, "noise", batch.position
        )
        return self.generator.network(noise[batch.share].to(self.precision.device), batch.labels)

    def discriminator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses:
        """The adversarial loss on one forward of real and generated images, plus penalties."""
        return self._discriminator_loss(batch, fakes, progress)[0]

    def losses_at_once(
        self, batch: Batch, fakes: Tensor, progress: float
    ) -> tuple[Losses, Losses, Tensor]:
        """Both losses from one pass; see `engine.task.Task`.

        No layer of the discriminators mixes the images of a batch, so by the chain rule the two
        gradients of an image differ by the ratio of the losses' derivatives by its logit.
        """
        losses, real, fake = self._discriminator_loss(batch, fakes, progress)
        generator = self.loss.generator(real.detach(), fake)
        (by_discriminator,) = torch.autograd.grad(losses["loss"], fake, retain_graph=True)
        (by_generator,) = torch.autograd.grad(generator, fake, retain_graph=True)
        # A slope that has underflowed has left no gradient to turn either.
        slope = torch.where(by_discriminator == 0, 1.0, by_discriminator)
        ratio = (by_generator / slope).view(-1, 1, 1, 1)
        return losses, {"loss": generator.detach()}, ratio

    def _discriminator_loss(
        self, batch: Batch, fakes: Tensor, progress: float
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Returns the losses and the logits [N] of real and generated images."""
        with self.precision.autocast():
            real, fake = self._both(batch, fakes)
        fakes = fakes.detach()  # penalties move the discriminator only
        losses = {"loss": self.loss.discriminator(real, fake)}
        record = losses["loss"].detach()
        for name, penalty in self._penalties(batch, fakes, real, fake, progress).items():
            losses["loss"] = losses["loss"] + penalty
            losses[name] = penalty.detach()
        losses["adversarial"] = record
        losses["fooled"] = (fake > real).float().mean().detach()
        return losses, real, fake

    def generator_loss(self, batch: Batch, fakes: Tensor) -> Losses:
        """The generator's side; a relativistic loss looks at the real images again."""
        with self.precision.autocast():
            fake = self.discriminator.network(fakes, batch.labels).float()
            real = fake.detach()
            if self.loss.relativistic:
                with torch.no_grad():
                    real = self.discriminator.network(batch.images, batch.labels).float()
        return {"loss": self.loss.generator(real, fake)}

    def after_discriminator_step(self) -> None:
        """Clips the weights where the loss asks for it (Arjovsky et al. 2017), moves anchors."""
        self._anchors.copy_(self._next_anchors)
        clip = self.settings.loss.clip
        if clip > 0:
            with torch.no_grad():
                for parameter in self.discriminator.parameters:
                    parameter.clamp_(-clip, clip)

    def _both(self, batch: Batch, fakes: Tensor) -> tuple[Tensor, Tensor]:
        labels = None if batch.labels is None else batch.labels.repeat(2)
        logits = self.discriminator.network(torch.cat([batch.images, fakes.float()]), labels)
        real, fake = logits.float().chunk(2)
        return real, fake

    def _penalties(
        self, batch: Batch, fakes: Tensor, real: Tensor, fake: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Every penalty that is on, already weighted."""
        loss, penalties = self.settings.loss, {}
        if loss.lecam:
            self._next_anchors = self._moved_anchors(real, fake)
            penalties["lecam"] = loss.lecam * lecam_penalty(real, fake, *self._next_anchors)
        if loss.consistency:
            with self.precision.autocast():
                shifted = self.discriminator.network(_shift(batch.images), batch.labels).float()
            penalties["consistency"] = loss.consistency * consistency_penalty(real, shifted)
        if (batch.position // batch.whole) % loss.penalty_every:
            return penalties
        every = loss.penalty_every
        # Log-linear from 1 to penalty_decay over the first 30 % of the run.
        zero_centred = every * loss.penalty_decay ** min(1.0, progress / 0.3)
        score = self._score(batch.labels)
        if loss.r1:
            penalties["r1"] = loss.r1 * zero_centred * zero_centred_penalty(score, batch.images)
        if loss.r2:
            penalties["r2"] = loss.r2 * zero_centred * zero_centred_penalty(score, fakes.float())
        if loss.wasserstein_gp:
            penalty = wasserstein_gradient_penalty(score, batch.images, fakes)
            penalties["wasserstein_gp"] = loss.wasserstein_gp * every * penalty
        if loss.dragan:
            penalties["dragan"] = loss.dragan * every * dragan_penalty(score, batch.images)
        return penalties

    def _score(self, labels: Tensor | None):
        def score(images: Tensor) -> Tensor:
            with self.precision.autocast():
                return self.discriminator.network(images, labels).float()

        return score

    def _moved_anchors(self, real: Tensor, fake: Tensor) -> Tensor:
        means = torch.stack([real.detach().mean(), fake.detach().mean()])
        distributed.average([means])
        return self._anchors.lerp(means, 1 - _LECAM_DECAY)

    # --- state ------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        return {"lecam_anchors": self._anchors}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        self._anchors.copy_(tensors["lecam_anchors"])
        self._next_anchors = self._anchors

    def save_model(self, folder: Path, training: Mapping[str, Any]) -> None:
        save_model(
            folder,
            self.ema.network,
            name=self.settings.network.name,
            shape=self.shape,
            sizes=self.sizes,
            classes=self.classes,
            task="generate",
            training=training,
        )

    # --- pictures and measurements ----------------------------------------------------------

    def first_batch(self, batch: Batch, path: Path) -> None:
        images = to_uint8(batch.images[:_PREVIEW])
        save_png(grid(images, _PREVIEW_COLUMNS, scale=_scale(images)), path)

    def preview(self, path: Path) -> None:
        images = self._sample(self._fixed)
        save_png(grid(images, _PREVIEW_COLUMNS, scale=_scale(images)), path)

    def signals(self) -> dict[str, float]:
        """See `Gauge.signals`."""
        return self._gauge.signals(self._logits, self._draw("probe", Gauge.PROBE))

    def score(self) -> dict[str, float]:
        """See `Gauge.score`."""
        return self._gauge.score(lambda count: self._draw("score", count))

    def _draw(self, stream: str, count: int) -> tuple[np.ndarray, Tensor | None]:
        noise = normal((count, self.sizes["latent"]), self.settings.seed, stream)
        return self._sample(noise), self._labels(count)

    def _labels(self, count: int) -> Tensor | None:
        if not self.classes:
            return None
        return torch.arange(count, device=self.precision.device) % len(self.classes)

    @torch.inference_mode()
    def _logits(self, images: np.ndarray, labels: Tensor | None) -> Tensor:
        network = self.discriminator.network.eval()
        with self.precision.autocast():
            logits = network(to_tensor(images, self.precision.device), labels).float().cpu()
        network.train()
        return logits

    @torch.inference_mode()
    def _sample(self, latents: Tensor) -> np.ndarray:
        images = []
        for part in latents.split(500):
            with self.precision.autocast():
                labels = self._labels(len(part))
                images.append(to_uint8(self.ema.network(part.to(self.precision.device), labels)))
        return np.concatenate(images)


def _shift(images: Tensor) -> Tensor:
    """Moves the whole batch by -2..2 pixels each way, edges repeated."""
    right, down = torch.randint(0, 5, (2,)).tolist()
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2), mode="replicate")
    side = images.shape[-1]
    return padded[..., down : down + side, right : right + side]


def _scale(images: np.ndarray) -> int:
    return max(1, 56 // images.shape[1])
