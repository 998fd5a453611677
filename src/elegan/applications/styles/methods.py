"""Stylizing from pairs, by contrast of patches, and with cycle consistency."""

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elegan.applications.styles.scoring import features_of, set_distance, whole_images
from elegan.common.errors import UsageError
from elegan.common.pixels import luma, to_tensor, to_uint8
from elegan.data.batches import Batch
from elegan.losses import charbonnier, patch_contrastive
from elegan.metrics.extractors import extractor_for
from elegan.models import TranslationModel
from elegan.models.drawings import BETWEEN, DrawingModel, facts_of_drawings, share_between
from elegan.networks import TranslationShape, build_translator
from elegan.networks.patch_discriminator import (
    ContrastiveTranslator,
    CycleTranslator,
    TwoDiscriminators,
)
from elegan.settings import TrainSettings
from elegan.tasks.translation import TranslationTask, summed
from elegan.training.task import Losses

_COMPARED = 32  # images on each side of the quick kernel distance


class Paired(TranslationTask):
    """From pairs: a discriminator of (input, image), and fidelity (pix2pix, Isola et al. 2017)."""

    name = "stylize"
    inputs_are_judged = True

    def __init__(self, settings: TrainSettings, data: Any, *parts: Any) -> None:
        super().__init__(settings, data, *parts)
        self._drawings = {}
        if settings.translate.flat:
            shown = whole_images(data.sources, _COMPARED)
            others = sum(share_between(one) > BETWEEN for one in shown)
            if others > len(shown) / 2:
                raise UsageError(
                    f"--translate.flat is for line drawings, but {others} of {len(shown)} inputs"
                    " looked at are none. Leave it out, or turn the direction: --translate.reverse."
                )
            self._drawings = {"drawings": facts_of_drawings(shown)}

    def _shape(self) -> TranslationShape:
        return TranslationShape(inputs=3, outputs=3)

    def recipe(self) -> dict[str, Any]:
        chosen = self.settings.translate
        return {
            "method": chosen.method,
            "direction": "B to A" if chosen.reverse else "A to B",
            "colours": "RGB in [-1, 1]",
            **self._drawings,
        }

    @torch.inference_mode()
    def _made(self, inputs: Tensor) -> Tensor:
        if not self.settings.translate.flat:
            return super()._made(inputs)
        model: Any = self._model()
        made = [np.concatenate(list(model.coloured(one))) for one in to_uint8(inputs)]
        return to_tensor(np.stack(made), self.precision.device)

    def _model(self) -> TranslationModel:
        """What the averaged generator would be as a model."""
        network = self.translator(self.ema.network)
        facts = {"task": self.name, "shape": asdict(self.shape), "recipe": self.recipe()}
        kind = DrawingModel if self.settings.translate.flat else TranslationModel
        return kind(network, facts, self.precision)


class _Unpaired(Paired):
    """What both have in common: no true image, so likeness to the target's images is measured."""

    inputs_are_judged = False

    def translator(self, network: nn.Module) -> Any:
        return network.translator

    def _truths(self, images: Tensor) -> list[Tensor]:
        """None is known."""
        return []

    def signals(self) -> dict[str, float]:
        """What can be told without a truth.

        - `luminance_agreement`: correlation of the brightness of inputs and translations, pixel by
          pixel; below 0 dark has become bright.
        - `fooling_rate`: share of patches in which a translation scores above a target's image.
        """
        batch = self._measured
        assert batch.inputs is not None
        made = self._made(batch.inputs)
        self.discriminator.network.eval()  # or to measure would refine its spectral norms
        with torch.no_grad():
            fake, real = (self._judge(item)[0] for item in (made, batch.images))
        self.discriminator.network.train()
        return {
            "luminance_agreement": _correlation(_luminance(batch.inputs), _luminance(made)),
            "fooling_rate": (fake > real).float().mean().item(),
        }

    def score(self) -> dict[str, float]:
        """The kernel distance of whole images to those of the target, and that of the inputs."""
        extractor = extractor_for(None)
        sides = (self.data.sources, self.data.targets)
        given, wanted = (whole_images(side, _COMPARED) for side in sides)
        model = self._model()
        truth = features_of(wanted)
        made = set_distance(features_of([model.apply(image) for image in given]), truth)[0]
        inputs = set_distance(features_of(given), truth)[0]
        name = f"KID-{extractor.name} ({len(given)} whole images)"
        return {name: made, "of the inputs": inputs}


class Contrastive(_Unpaired):
    """One way (CUT): each patch of the translation is to be known by the input's at its place."""

    def _build_generator(self) -> nn.Module:
        translator: Any = super()._build_generator()
        return ContrastiveTranslator(translator)

    def generator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses:
        """The adversarial loss and the contrast of patches, of A and, as an identity, of B."""
        assert batch.inputs is not None
        chosen = self.settings.translate
        terms = self._judged_terms(batch, fakes.float())
        terms["contrastive"] = chosen.contrastive * self._contrast(fakes, batch.inputs)
        if chosen.identity:
            network = self.generator.network
            with self.precision.autocast():
                same = network(batch.images)
            terms["identity"] = chosen.identity * self._contrast(same, batch.images)
        return summed(terms)

    def _contrast(self, made: Tensor, images: Tensor) -> Tensor:
        network: Any = self.generator.network
        with self.precision.autocast():
            patches = network.patches(made, images)
        losses = [patch_contrastive(queries, keys) for queries, keys in patches]
        return torch.stack(losses).mean()


class Cycle(_Unpaired):
    """Both ways (CycleGAN): what is translated there and back is to be what it was.

    The translations of a step are those of A followed by those of B. The discriminators are also
    shown past ones (Shrivastava et al. 2017, section 2.3).
    """

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        if self.batches.world.size > 1:
            raise UsageError("--method cycle works in one process only. Leave out torchrun.")

    def _build_generator(self) -> nn.Module:
        back = TranslationShape(inputs=self.shape.outputs, outputs=self.shape.inputs)
        name = self.settings.network.name
        return CycleTranslator(
            super()._build_generator(), build_translator(name, back, **self.sizes)
        )

    def _build_discriminator(self) -> Any:
        there, back = (super(Cycle, self)._build_discriminator() for _ in range(2))
        return TwoDiscriminators(there, back)

    def _judge(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        return self._judged_by("there", images)

    def _judged_by(self, side: str, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        network = getattr(self.discriminator.network, side)
        with self.precision.autocast():
            logits, features = network.judge(images)
        return logits.float(), features

    def generate(self, batch: Batch) -> Tensor:
        """A and B -> [2N, C, H, W]: A as B, then B as A."""
        network: Any = self.generator.network
        return torch.cat([network.translator(batch.inputs), network.back(batch.images)])

    def discriminator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses | None:
        """The adversarial losses of both directions, on present and past translations."""
        assert batch.inputs is not None
        losses, fooled, state = [], [], {}
        sides = (("there", batch.images), ("back", batch.inputs))
        for (side, real_images), made in zip(sides, fakes.float().chunk(2), strict=True):
            past = self.state.get(f"pool.{side}", torch.empty(0))
            shown, state[f"pool.{side}"] = mixed_with_past(made, past, self.settings.translate.pool)
            judged = torch.cat([real_images, shown])
            real, fake = self._judged_by(side, judged)[0].chunk(2)
            losses.append(self._adversarial(real.flatten(), fake.flatten()))
            fooled.append((fake > real).float().mean().detach())
        loss = torch.stack(losses).mean()
        found = {"loss": loss, "adversarial": loss.detach(), "fooled": torch.stack(fooled).mean()}
        return Losses(found, state)

    def generator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses:
        """The adversarial losses, cycle consistency, and images of the target left alone."""
        assert batch.inputs is not None
        network: Any = self.generator.network
        chosen = self.settings.translate
        as_b, as_a = fakes.chunk(2)
        with self.precision.autocast():
            again = network.back(as_b), network.translator(as_a)
        terms = {}
        for side, made, true in (("there", as_b, batch.images), ("back", as_a, batch.inputs)):
            fake = self._judged_by(side, made.float())[0]
            real = fake.detach()
            if self.loss.relativistic:
                with torch.no_grad():
                    real = self._judged_by(side, true)[0]
            adversarial = self.loss.generator(real.flatten(), fake.flatten())
            terms[f"generator_adversarial_{side}"] = chosen.adversarial * adversarial
        returned = charbonnier(again[0], batch.inputs) + charbonnier(again[1], batch.images)
        terms["cycle"] = chosen.cycle * returned
        if chosen.identity:
            with self.precision.autocast():
                same = network.translator(batch.images), network.back(batch.inputs)
            alone = charbonnier(same[0], batch.images) + charbonnier(same[1], batch.inputs)
            terms["identity"] = chosen.identity * alone
        return summed(terms)


def mixed_with_past(made: Tensor, pool: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Shows past images in the place of some new ones, and keeps these in the pool.

    While the pool fills, all new ones are shown and kept. Then each is, in half the cases, kept in
    the place of a random past one, which is shown.

    Args:
        made: [N, C, H, W].
        pool: [P, C, H, W], or empty.
        most: images that the pool holds.

    Returns:
        What to show [N, C, H, W], and the pool that follows; nothing is changed in place.
    """
    shown, kept = made.clone(), pool.clone()
    for row, image in enumerate(made):
        if len(kept) < most:
            kept = torch.cat([kept, image[None]]) if len(kept) else image[None].clone()
        elif torch.rand(()) < 0.5:
            place = int(torch.randint(len(kept), ()))
            shown[row], kept[place] = kept[place].clone(), image
    return shown, kept


def _luminance(images: Tensor) -> Tensor:
    return luma(images[:, :3]).flatten()


def _correlation(one: Tensor, other: Tensor) -> float:
    return torch.corrcoef(torch.stack([one, other]))[0, 1].item()
