"""From images to images: what upscaling, restoring and stylizing have in common."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, mse_loss

from elegan.common.pixels import to_uint8
from elegan.common.precision import Precision
from elegan.data.batches import Batch
from elegan.data.patches import Patches
from elegan.data.pictures import grid, save_png
from elegan.losses import charbonnier, gradient_difference, paired_feature_matching
from elegan.metrics.capacity import translation_capacity
from elegan.models.saving import save_translation
from elegan.networks import TRANSLATORS, PatchDiscriminator, TranslationShape, build_translator
from elegan.networks.layers import scaled_width
from elegan.settings import TrainSettings
from elegan.training.ema import Ema
from elegan.training.players import adversarial_loss, begin_from, make_player
from elegan.training.task import Losses

MEASURED = 16  # fixed crops that every tick is measured on
MAX_PICTURES = 8  # of them, in pictures
_PREFIX = "fidelity."  # of the kept weights' names in a checkpoint
_DISCRIMINATOR_WIDTH, _LEVELS = 32, 3
_JUDGED_RATE = 0.3  # of the rates, once a network trained for fidelity is judged: texture, not more


FROM_IMAGES = (("elegan evaluate {run} {data}", "Scores on other photos"),)
"""What else to type for a model from images to images."""


class TranslationTask:
    """A translator against a discriminator of patches, held to the true image as well.

    Up to `translate.adversarial_from` of the run the discriminator rests and the generator learns
    fidelity alone. The averaged weights of that moment are kept and delivered beside the final
    ones. Implements `training.task.Task`.
    """

    name: str
    takes_loss_flags = False
    inputs_are_judged = False
    """Whether the discriminator sees the input beside the image (Isola et al. 2017)."""

    def __init__(
        self, settings: TrainSettings, data: Any, batches: Patches, precision: Precision
    ) -> None:
        self.settings, self.data, self.batches, self.precision = settings, data, batches, precision
        self.shape, network = self._shape(), settings.network
        kind = TRANSLATORS[network.name]
        width = network.generator_width or network.width or scaled_width(kind.width, settings.size)
        self.sizes = {"width": width, "depth": settings.translate.depth or kind.depth}
        judged = self.shape.outputs + (self.shape.inputs if self.inputs_are_judged else 0)
        self.discriminator_sizes = {
            "channels": judged,
            "width": network.width or scaled_width(_DISCRIMINATOR_WIDTH, settings.size),
            "levels": _LEVELS,
        }
        self.generator = make_player(settings, self._build_generator, "generator", precision)
        self.discriminator = make_player(
            settings, self._build_discriminator, "discriminator", precision
        )
        self.ema = Ema(
            self.generator.network, half_life=settings.ema.half_life, ramp=settings.ema.ramp
        )
        self.loss = adversarial_loss(settings)
        self.state: dict[str, Tensor] = {}
        self._measured = batches.measured(MEASURED)

    def _shape(self) -> TranslationShape:
        """What the translator takes and gives."""
        raise NotImplementedError

    def recipe(self) -> dict[str, Any]:
        """What using the model depends on, as JSON values."""
        raise NotImplementedError

    def baseline(self, inputs: Tensor) -> Tensor:
        """What one would have without the model, [N, C, H, W] from inputs [N, I, h, w]."""
        return inputs[:, : self.shape.outputs]

    def _build_generator(self) -> torch.nn.Module:
        return build_translator(self.settings.network.name, self.shape, **self.sizes)

    def _build_discriminator(self) -> Any:
        sizes = dict(self.discriminator_sizes)
        return PatchDiscriminator(sizes.pop("channels"), **sizes)

    @property
    def simultaneous(self) -> bool:
        """Never: the generator minimises more than the adversarial loss."""
        return False

    def phase(self, progress: float) -> tuple[float, float]:
        """Fidelity alone is one phase, which ends with rates as low as those of the run itself."""
        begin = self.settings.translate.adversarial_from
        if self._rests(progress):
            return progress / begin, 1.0
        return (progress - begin) / (1 - begin), _JUDGED_RATE if begin > 0 else 1.0

    def begin(self, say: Callable[[str], None]) -> None:
        """Takes the weights that a new run begins with from a trained model, where one is named."""
        if self.settings.transfer.source is not None:
            network = self.translator(self.generator.network)
            begin_from(self.settings.transfer.source, network, self.discriminator.network, say)
            self.ema.network.load_state_dict(self.generator.network.state_dict())

    def capacity(self) -> dict[str, Any]:
        """See `metrics.capacity`; of one training crop."""
        one = self._measured
        assert one.inputs is not None
        network = self.translator(self.generator.network)
        return translation_capacity(network, self._judge_network(), one.inputs, one.images)

    def translator(self, network: torch.nn.Module) -> Any:
        """Returns the part of a generator's network that translates, which is what is delivered."""
        return network

    def _judge_network(self) -> Any:
        return self.discriminator.network

    # --- one step ---------------------------------------------------------------------------

    def generate(self, batch: Batch) -> Tensor:
        """Inputs [N, I, h, w] -> images [N, C, H, W]."""
        return self.generator.network(batch.inputs)

    def _rests(self, progress: float) -> bool:
        return progress < self.settings.translate.adversarial_from

    def discriminator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses | None:
        """The adversarial loss on patches of true and made images; None while it rests."""
        if self._rests(progress):
            return None
        state = {} if self._holds_fidelity else self._kept_weights()
        judged = torch.cat([self._seen(batch, batch.images), self._seen(batch, fakes)])
        real, fake = self._judge(judged)[0].chunk(2)
        loss = self._adversarial(real.flatten(), fake.flatten())
        fooled = (fake > real).float().mean().detach()
        return Losses({"loss": loss, "adversarial": loss.detach(), "fooled": fooled}, state)

    def simultaneous_losses(
        self, batch: Batch, fakes: Tensor, progress: float
    ) -> tuple[Losses, Losses, Tensor]:
        raise NotImplementedError("the players of a translation alternate")

    def _adversarial(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.loss.discriminator(real, fake, smoothing=self.settings.loss.smoothing)

    @property
    def fidelity(self) -> dict[str, Tensor] | None:
        """The averaged weights from before the adversarial phase, in the network's order."""
        names = self.translator(self.ema.network).state_dict()
        kept = {name: self.state[key] for name in names if (key := _PREFIX + name) in self.state}
        return kept or None

    @property
    def _holds_fidelity(self) -> bool:
        return any(name.startswith(_PREFIX) for name in self.state)

    def _kept_weights(self) -> dict[str, Tensor]:
        if self.settings.translate.adversarial_from == 0:
            return {}
        weights = self.translator(self.ema.network).state_dict()
        return {_PREFIX + name: weight.detach().clone() for name, weight in weights.items()}

    def generator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses:
        """Fidelity to the true image and, once it plays, the discriminator's judgement."""
        fakes, terms = fakes.float(), {}
        chosen = self.settings.translate
        if chosen.fidelity:
            terms["fidelity"] = chosen.fidelity * self._difference(batch, fakes)
        if chosen.gradient:
            terms["gradient"] = chosen.gradient * gradient_difference(fakes, batch.images)
        if not self._rests(progress):
            terms.update(self._judged_terms(batch, fakes))
        losses = summed(terms)
        if self._rests(progress) and self._holds_fidelity:  # a run that was made longer
            losses.state = dict.fromkeys(name for name in self.state if name.startswith(_PREFIX))
        return losses

    def _difference(self, batch: Batch, fakes: Tensor) -> Tensor:
        """How far images are from the true ones, a scalar."""
        return charbonnier(fakes, batch.images)

    def _judged_terms(self, batch: Batch, fakes: Tensor) -> dict[str, Tensor]:
        chosen = self.settings.translate
        fake, made = self._judge(self._seen(batch, fakes))
        real, true = fake.detach(), made
        if self.loss.relativistic or chosen.feature_matching:
            with torch.no_grad():
                real, true = self._judge(self._seen(batch, batch.images))
        adversarial = self.loss.generator(real.flatten(), fake.flatten())
        terms = {"generator_adversarial": chosen.adversarial * adversarial}
        if chosen.feature_matching:
            matching = paired_feature_matching(true, made)
            terms["feature_matching"] = chosen.feature_matching * matching
        return terms

    def _seen(self, batch: Batch, images: Tensor) -> Tensor:
        """What the discriminator is shown of images."""
        if not self.inputs_are_judged or batch.inputs is None:
            return images
        return torch.cat([batch.inputs.to(images.dtype), images], dim=1)

    def _judge(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Images -> logits float32 [N, h, w] and feature maps."""
        network: Any = self.discriminator.network
        with self.precision.autocast():
            logits, features = network.judge(images)
        return logits.float(), features

    def after_discriminator_step(self, batch: Batch) -> None:
        """Nothing to do."""

    # --- state ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Tensor]:
        return dict(self.state)

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        self.state = {name: tensor.to(self.precision.device) for name, tensor in tensors.items()}

    def save_model(self, folder: Path, training: Mapping[str, Any]) -> None:
        save_translation(
            folder,
            self.translator(self.ema.network),
            task=self.name,
            name=self.settings.network.name,
            shape=self.shape,
            sizes=self.sizes,
            recipe=self.recipe(),
            training=training,
            fidelity=self.fidelity,
            discriminator=self.discriminator.network,
            discriminator_sizes=self.discriminator_sizes,
        )

    # --- pictures and measurements ----------------------------------------------------------

    def real_sheet(self, path: Path) -> None:
        save_png(grid(to_uint8(self._measured.images), 8), path)

    def first_batch(self, batch: Batch, path: Path) -> None:
        """Inputs in the first column, the images to arrive at in the second."""
        assert batch.inputs is not None
        shown = slice(0, MAX_PICTURES)
        save_rows(path, self._enlarged(batch.inputs[shown]), batch.images[shown])

    def preview(self, path: Path) -> None:
        """A row an image: what goes in, what the averaged generator makes of it, the true one."""
        batch = self._measured
        assert batch.inputs is not None
        inputs = batch.inputs[:MAX_PICTURES]
        columns = [
            self._enlarged(inputs),
            self._made(inputs),
            *self._truths(batch.images[:MAX_PICTURES]),
        ]
        save_rows(path, *columns)

    def _truths(self, images: Tensor) -> list[Tensor]:
        """What a preview shows beside what was made."""
        return [images]

    def _enlarged(self, inputs: Tensor) -> Tensor:
        """The colours of inputs as they are, at the size of the outputs."""
        colours = inputs[:, : min(3, inputs.shape[1])]
        return interpolate(colours, scale_factor=float(self.shape.scale), mode="nearest")

    @torch.inference_mode()
    def _made(self, inputs: Tensor) -> Tensor:
        network = self.translator(self.ema.network)
        with self.precision.autocast():
            return network(inputs).float()

    def signals(self) -> dict[str, float]:
        """How near the averaged generator's crops of held-out photos come to the true ones.

        - `psnr`: in dB, of all planes, the mean error over all crops; `psnr_baseline`: the same of
          the input itself, resized bicubically where it is smaller.
        """
        batch = self._measured
        assert batch.inputs is not None
        return {
            "psnr": decibels(self._made(batch.inputs), batch.images),
            "psnr_baseline": decibels(self.baseline(batch.inputs).clamp(-1, 1), batch.images),
        }

    def score(self) -> dict[str, float]:
        """The PSNR of `signals`; `scores.json` has whole photos."""
        measured = self.signals()
        held = "held-out" if len(self.batches.held_out_indices) else "training"
        return {f"PSNR ({MEASURED} {held} crops)": measured["psnr"]}


def summed(terms: Mapping[str, Tensor]) -> Losses:
    """Returns the weighted terms, detached, and their sum as "loss"."""
    total = sum(terms.values(), start=torch.zeros(()))
    return Losses({"loss": total, **{name: term.detach() for name, term in terms.items()}})


def decibels(images: Tensor, truth: Tensor) -> float:
    """PSNR in dB of images in [-1, 1]."""
    error = mse_loss(images.float(), truth.float()).clamp_min(1e-10)
    return float(10 * torch.log10(4 / error))


def save_rows(path: Path, *columns: Tensor) -> None:
    """Writes images [N, C, H, W] in [-1, 1], a column each, side by side, two groups a row."""
    arrays = [to_uint8(column) for column in columns]
    colours = max(array.shape[-1] for array in arrays)
    arrays = [np.repeat(array, colours // array.shape[-1], axis=-1) for array in arrays]
    rows = np.stack(arrays, axis=1).reshape(-1, *arrays[0].shape[1:])
    groups = 2 if len(arrays[0]) % 2 == 0 else 1
    save_png(grid(rows, groups * len(arrays), scale=max(1, 128 // rows.shape[1])), path)
