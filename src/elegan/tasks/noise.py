"""From noise to images: what a step of both players is, and what is shown and measured of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from elegan.augmentation import for_images
from elegan.common import distributed
from elegan.common.errors import UsageError
from elegan.common.pixels import to_tensor, to_uint8
from elegan.common.precision import Precision
from elegan.common.randomness import normal, seed_default
from elegan.data import ImageData, batch_indices
from elegan.data.batches import Batch, Batches
from elegan.data.pictures import contact_sheet, save_png
from elegan.losses import (
    class_cross_entropy,
    flip_labels,
    path_length_penalty,
)
from elegan.metrics.capacity import capacity
from elegan.models import save_model
from elegan.networks import ImageShape
from elegan.networks.clusters import described, find_centres
from elegan.settings import TrainSettings
from elegan.tasks.discriminator_input import DiscriminatorInput, Past
from elegan.tasks.drawing import SHOWN, Drawing, save_sheet
from elegan.tasks.penalties import Penalties, is_due
from elegan.tasks.signals import SampleMonitor
from elegan.training.ema import Ema
from elegan.training.players import adversarial_loss, begin_from, build_players, network_sizes
from elegan.training.task import Losses

# Of the discriminator's loss by a logit. Adam's epsilon (1e-8) is 12 orders of magnitude above it,
# and the smallest float32 and bfloat16, to which a network may shrink it further, 18 below.
_LEAST_SLOPE = 1e-20
_OF_A_CLUSTER = 200  # images at least, in the mean
_SAMPLE, _AT_ONCE = 20_000, 2_000  # images that clusters are found on, and read at a time


FROM_NOISE = (
    ("elegan generate {run} -n 10000 --out samples.npz", "10,000 images as one array"),
    ("elegan interpolate {run} --out walk.gif", "A walk through the latent space"),
    ("elegan evaluate {run} {data}", "Scores, with real against real beside each"),
)
"""What else to type for a model that draws from noise."""


class NoiseTask:
    """A generator and a discriminator of one registered pair, unconditional or conditional.

    Implements `training.task.Task`. A task names itself and changes what is its own.
    """

    name: str
    takes_loss_flags = False

    def __init__(
        self, settings: TrainSettings, data: ImageData, batches: Batches, precision: Precision
    ) -> None:
        kinds = for_images(settings.augment.kinds, batches.training_count, data.channels)
        self.settings = replace(settings, augment=replace(settings.augment, kinds=kinds))
        self.data, self.batches, self.precision = data, batches, precision
        self.classes = data.classes if settings.conditional else ()
        self.shape = ImageShape(
            resolution=data.resolution,
            channels=data.channels,
            classes=len(self.classes),
            clusters=0 if self.classes else self._clusters(),
        )
        shape, condition = self._discriminator_shape()
        self.sizes = network_sizes(settings, self.shape, condition)
        shapes = self.shape, shape
        self.generator, self.discriminator = build_players(settings, shapes, self.sizes, precision)
        self._check_networks()
        self.ema = Ema(
            self.generator.network, half_life=settings.ema.half_life, ramp=settings.ema.ramp
        )
        self.loss = adversarial_loss(settings)
        self._begin_state()
        self._drawing = Drawing(
            self.ema.network,
            latent=cast(int, self.generator.network.latent),
            classes=len(self.classes),
            seed=settings.seed,
            precision=precision,
        )
        self._monitor = SampleMonitor(batches, seed=settings.seed)

    def _clusters(self) -> int:
        count = min(self.settings.network.clusters, self.batches.training_count // _OF_A_CLUSTER)
        return count if count > 1 else 0

    def _discriminator_shape(self) -> tuple[ImageShape, str | None]:
        """What the discriminator is built for, and its condition where it is not the settings'."""
        return self.shape, None

    @property
    def _classifies(self) -> bool:
        """Whether both players also minimise the class losses of an auxiliary classifier."""
        return self.sizes[1].get("condition") == "classifier"

    def _begin_state(self) -> None:
        """Makes what stands before the discriminator, the penalties, and the state of both."""
        self._penalties = Penalties(self.settings.loss, self.precision.device)
        self.state: dict[str, Tensor] = dict(self._penalties.initial_state)
        if self.settings.loss.path_length:  # the mean length of paths (StyleGAN2)
            self.state["mean_length"] = torch.zeros((), device=self.precision.device)
        self.shown = DiscriminatorInput(self.settings, self.loss, self.precision.device, self.state)

    def _check_networks(self) -> None:
        loss, name = self.settings.loss, self.settings.network.name
        if loss.path_length and not hasattr(self.generator.network, "synthesise"):
            raise UsageError(
                f"--loss.path-length needs a generator with styles, and '{name}' has none."
                " Type --network.name style."
            )

    @property
    def simultaneous(self) -> bool:
        """Whether one pass can serve both players.

        It cannot where the generator minimises more than the adversarial loss, nor where smoothing
        makes the slope of a compared loss cross zero.
        """
        loss = self.settings.loss
        blocked = (
            self._classifies or loss.path_length or (self.loss.relativistic and loss.smoothing)
        )
        return self.settings.simultaneous and not blocked

    def phase(self, progress: float) -> tuple[float, float]:
        """The run is one phase."""
        return progress, 1.0

    def begin(self, say: Callable[[str], None]) -> None:
        """Takes weights from a trained model, where one is named, and settles what data decide."""
        if kinds := self.settings.augment.kinds:
            say(f"the discriminator sees images augmented: {kinds}, {self.settings.augment.mode}")
        if self.shape.clusters:
            say(f"images are put into {self.shape.clusters} clusters by what they look like")
        if self.settings.transfer.source is not None:
            networks = self.generator.network, self.discriminator.network
            begin_from(self.settings.transfer.source, *networks, say, self.classes)
        if self.shape.clusters:
            self._find_clusters()
        self.ema.network.load_state_dict(self.generator.network.state_dict())

    @torch.no_grad()
    def _find_clusters(self) -> None:
        """Finds clusters of the training images, beginning with those of a model that is named.

        So they keep their numbers where it is a model of the same images.
        """
        generator: Any = self.generator.network
        discriminator: Any = self.discriminator.network
        training = self.batches.training_indices
        count = min(_SAMPLE, len(training))
        chosen = training[batch_indices(self.settings.seed, 0, count, len(training))]
        rows = torch.cat([described(part) for part in self._parts(chosen)])
        known = bool(discriminator.centres.any())
        begin = discriminator.centres if known else rows[: self.shape.clusters]
        discriminator.centres.copy_(find_centres(rows, begin, self.settings.seed))
        self._sort()
        assert self.batches.kinds is not None
        sizes = np.bincount(self.batches.kinds[training], minlength=self.shape.clusters)
        generator.shares.copy_(torch.from_numpy(sizes / len(training)))

    @torch.no_grad()
    def _sort(self) -> None:
        """Puts every image into its cluster."""
        discriminator: Any = self.discriminator.network
        parts = self._parts(np.arange(len(self.data)))
        self.batches.kinds = torch.cat([discriminator.kinds(part) for part in parts]).cpu().numpy()

    def _parts(self, indices: np.ndarray) -> Iterator[Tensor]:
        for start in range(0, len(indices), _AT_ONCE):
            part = self.data.images[indices[start : start + _AT_ONCE]]
            yield to_tensor(part, self.precision.device)

    def capacity(self) -> dict[str, Any]:
        """See `metrics.capacity`."""
        return capacity(self.generator.network, self.discriminator.network, self.shape)

    # --- one step ---------------------------------------------------------------------------

    def generate(self, batch: Batch) -> Tensor:
        """Draws noise for the whole batch, takes this process's share, generates."""
        return self._generated(batch, "noise")

    def _generated(self, batch: Batch, stream: str) -> Tensor:
        shape = (batch.whole, cast(int, self.generator.network.latent))
        noise = normal(shape, self.settings.seed, stream, batch.position)[batch.share]
        labels = batch.labels if self.classes or self.shape.clusters else None
        return self.generator.network(noise.to(self.precision.device), labels)

    def discriminator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses:
        """The adversarial loss on one forward of real and generated images, plus penalties."""
        return self._discriminator_loss(batch, fakes, progress)[0]

    def simultaneous_losses(
        self, batch: Batch, fakes: Tensor, progress: float
    ) -> tuple[Losses, Losses, Tensor]:
        """Both losses from one pass; see `training.task.Task`.

        No layer of the discriminators mixes the images of a batch, so by the chain rule the two
        gradients of an image differ by the ratio of the losses' derivatives by its logit. A sure
        discriminator's own derivative vanishes while the generator's does not (from about -50 on,
        and from -88 on in float32 as well), so it is kept at `_LEAST_SLOPE` at least: nothing
        beside any other gradient of the discriminator's, and enough to be turned into another's.
        """
        losses, real, fake = self._discriminator_loss(batch, fakes, progress)
        generator = self.loss.generator(real.detach(), fake)
        (by_discriminator,) = torch.autograd.grad(losses["loss"], fake, retain_graph=True)
        (by_generator,) = torch.autograd.grad(generator, fake, retain_graph=True)
        small = by_discriminator.abs() < _LEAST_SLOPE
        slope = by_discriminator.masked_fill(small, _LEAST_SLOPE)
        kept = ((slope - by_discriminator) * fake).sum()
        losses["loss"] = losses["loss"] + kept
        ratio = (by_generator / slope).view(-1, 1, 1, 1)
        return losses, Losses({"loss": generator.detach()}), ratio

    def _discriminator_loss(
        self, batch: Batch, fakes: Tensor, progress: float
    ) -> tuple[Losses, Tensor, Tensor]:
        """Returns the losses and the logits [N] of real and generated images."""
        real_images = self.shown.real_stream(batch, lambda: self._other_fakes(batch))
        shown = self.shown.show(real_images, progress), self.shown.show(fakes, progress)
        labels = None if batch.labels is None else batch.labels.repeat(2)
        logits, class_logits = self._judge(torch.cat(shown), labels)
        real, fake = logits.chunk(2)
        observed = self.shown.observed(
            real,
            fake,
            Past(fakes, batch.labels),
            lambda: self._unseen_logits(batch, progress),
            batch.whole,
        )
        adversarial = self._adversarial(real, fake)
        losses = Losses({"loss": self._with_past(batch, real, adversarial, progress)})
        record = adversarial.detach()
        seen = shown[0], shown[1].detach()  # penalties move the discriminator only
        extras = self._penalties(
            self._score(batch.labels), batch, seen, (real, fake), progress, self.state
        )
        losses.state = {**observed, **extras.state}
        if class_logits is not None and batch.labels is not None:
            own = class_cross_entropy(class_logits.chunk(2)[0], batch.labels)
            extras["classification"] = self.settings.loss.classification * own
        for name, extra in extras.items():
            losses["loss"] = losses["loss"] + extra
            losses[name] = extra.detach()
        losses["adversarial"] = record
        losses["fooled"] = (fake > real).float().mean().detach()
        return losses, real, fake

    def _judge(self, images: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Returns logits [N] and, from an auxiliary classifier, class logits [N, K], float32."""
        network: Any = self.discriminator.network
        with self.precision.autocast():
            if not self._classifies:
                return network(images, labels).float(), None
            features = network.features(images, labels)
            logits, class_logits = network.head(features, labels), network.head.classify(features)
        return logits.float(), class_logits.float()

    @torch.no_grad()
    def _unseen_logits(self, batch: Batch, progress: float) -> Tensor | None:
        """Logits of held-out images, shown as the training images of this step are."""
        unseen = self.batches.unseen(len(batch.images), batch.position)
        if unseen is None:
            return None
        images, labels = unseen
        return self._judge(self.shown.show(images, progress), labels)[0]

    def _adversarial(self, real: Tensor, fake: Tensor) -> Tensor:
        loss = self.settings.loss
        if loss.flip:
            real, fake = flip_labels(real, fake, loss.flip)
        return self.loss.discriminator(real, fake, smoothing=loss.smoothing)

    def _with_past(self, batch: Batch, real: Tensor, loss: Tensor, progress: float) -> Tensor:
        """Mixes in the loss against generated images of earlier steps (Shrivastava et al. 2017)."""
        past = self.shown.past(len(real))
        if past is None:
            return loss
        weight = self.settings.mixing.replay
        fake, _ = self._judge(self.shown.show(past.images, progress), past.labels)
        return (1 - weight) * loss + weight * self._adversarial(real, fake)

    @torch.no_grad()
    def _other_fakes(self, batch: Batch) -> Tensor:
        """Generated images to pass off as real: not those that this step judges as generated."""
        with self.precision.autocast():
            return self._generated(batch, "passed off as real").float()

    def generator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses:
        """The generator's side; a relativistic loss looks at the real images again."""
        fake, class_logits = self._judge(self.shown.show(fakes, progress), batch.labels)
        real = fake.detach()
        if self.loss.relativistic:
            with torch.no_grad():
                real, _ = self._judge(self.shown.show(batch.images, progress), batch.labels)
        losses = Losses({"loss": self.loss.generator(real, fake)})
        extras = {}
        if class_logits is not None and batch.labels is not None:
            own = class_cross_entropy(class_logits, batch.labels)
            extras["generator_classification"] = self.settings.loss.classification * own
        every = self.settings.loss.penalty_every
        if self.settings.loss.path_length and is_due(batch, every):
            penalty, mean = self._path(batch)
            losses.state = {"mean_length": mean}
            extras["path_length"] = self.settings.loss.path_length * every * penalty
        for name, extra in extras.items():
            losses["loss"] = losses["loss"] + extra
            losses[name] = extra.detach()
        return losses

    def _path(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Path length regularisation on half a batch of new latents, and the mean length.

        Source: Karras et al. 2020.
        """
        network: Any = self.generator.network
        count = max(2, len(batch.images) // 2)
        latents = torch.randn(count, self.sizes[0]["latent"]).to(self.precision.device)
        labels = batch.labels[:count] if self.classes and batch.labels is not None else None
        with self.precision.autocast():
            styles = network.map(latents, labels)
            images = network.synthesise(styles)
        penalty, mean = path_length_penalty(images, styles, self.state["mean_length"])
        distributed.average([mean])
        return penalty, mean

    def after_discriminator_step(self, batch: Batch) -> None:
        """Clips the weights where the loss asks for it (Arjovsky et al. 2017)."""
        clip = self.settings.loss.clip
        if clip > 0:
            with torch.no_grad():
                for parameter in self.discriminator.parameters:
                    parameter.clamp_(-clip, clip)

    def _score(self, labels: Tensor | None) -> Callable[[Tensor], Tensor]:
        def score(images: Tensor) -> Tensor:
            with self.precision.autocast():
                return self.discriminator.network(images, labels).float()

        return score

    # --- state ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Tensor]:
        return dict(self.state)

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        self.state.clear()
        kept = ("augment.", "replay")  # on the CPU, wherever the run computes
        for name, value in tensors.items():
            on_cpu = name.startswith(kept)
            self.state[name] = value if on_cpu else value.to(self.precision.device)
        if self.shape.clusters:
            self._sort()

    def save_model(self, folder: Path, training: Mapping[str, Any]) -> None:
        save_model(
            folder,
            self.ema.network,
            name=self.settings.network.name,
            shape=self.shape,
            sizes=self.sizes[0],
            classes=self.classes,
            task=self.name,
            training=training,
            **self._delivered_discriminator(),
        )

    def _delivered_discriminator(self) -> dict[str, Any]:
        """What `save_model` is told of the discriminator."""
        return {"discriminator": self.discriminator.network, "discriminator_sizes": self.sizes[1]}

    # --- pictures and measurements ----------------------------------------------------------

    def real_sheet(self, path: Path) -> None:
        sheet = contact_sheet(self.data.images, self.data.labels, seed=self.settings.seed)
        save_png(sheet, path)

    def first_batch(self, batch: Batch, path: Path) -> None:
        seed_default(self.settings.seed, "first batch")
        save_sheet(to_uint8(self.shown.show(batch.images[:SHOWN], 0.0)), path)

    def preview(self, path: Path) -> None:
        self._drawing.preview(path, self.settings.shown)

    def signals(self) -> dict[str, float]:
        """See `SampleMonitor.signals`."""
        measured = self._monitor.signals(
            self._logits, self._drawing.draw("probe", SampleMonitor.PROBE)
        )
        return {**measured, **self.shown.signals()}

    def score(self) -> dict[str, float]:
        """See `SampleMonitor.score`."""
        return self._monitor.score(lambda count: self._drawing.draw("score", count))

    @torch.inference_mode()
    def _logits(self, images: np.ndarray, labels: Tensor | None) -> Tensor:
        network = self.discriminator.network.eval()
        with self.precision.autocast():
            logits = network(to_tensor(images, self.precision.device), labels).float().cpu()
        network.train()
        return logits
