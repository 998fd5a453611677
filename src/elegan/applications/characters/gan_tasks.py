"""The two stages of characters with a discriminator, the first and the third.

Maps: noise and attributes in, maps of parts and flat colours out. Render: masks, lines and flat
colours in, the complete picture out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elegan.applications.characters.character_set import CharacterData, filled
from elegan.applications.characters.fitting import fault_of_maps
from elegan.applications.characters.map_model import save_stage
from elegan.applications.characters.networks import MapDiscriminator, MapGenerator
from elegan.applications.characters.parts import PARTS
from elegan.applications.characters.planes import (
    GENERATED,
    INPUTS,
    PLANES,
    from_premultiplied,
    on_white,
    picture_of_planes,
    render_inputs,
    to_premultiplied,
)
from elegan.common.pixels import to_tensor, to_uint8
from elegan.common.precision import Precision
from elegan.common.randomness import key, normal
from elegan.data.batches import Batch, Batches
from elegan.data.patches import Example
from elegan.data.pictures import grid, save_png
from elegan.metrics.classes import fooling_rate
from elegan.metrics.quick import prepare_reference, quick_signals
from elegan.networks import ImageShape, TranslationShape
from elegan.networks.layers import scaled_width
from elegan.settings import TrainSettings
from elegan.tasks.noise import NoiseTask
from elegan.tasks.translation import TranslationTask
from elegan.training.ema import Ema
from elegan.training.players import adversarial_loss, make_player

WIDTH, LATENT = 24, 64
COMPONENTS = 24  # with more, the linear model draws some rare shapes by far too much
_PROBE, _SCORED, _MAX_SHOWN = 128, 256, 32
_FITTED = 1000  # characters that the linear model is fitted to


class CharacterMaps(NoiseTask):
    """A generator of maps, told some attributes, against a discriminator that knows them too.

    Everything of a step is as in `NoiseTask`; only the networks, pictures and measurements differ.
    """

    name = "characters-maps"
    takes_loss_flags = True
    takes_loss_flags = True

    def __init__(
        self, settings: TrainSettings, data: CharacterData, batches: Batches, precision: Precision
    ) -> None:
        self.settings, self.batches, self.precision = settings, batches, precision
        self.data = batches.data
        self.classes = self.data.classes
        self.conditions = data.conditions
        self.config, self.palettes = data.to_dict(), data.whole_palettes
        self.shape = ImageShape(resolution=data.side, channels=PLANES, classes=len(self.classes))
        width = settings.network.width or scaled_width(WIDTH, settings.size)
        sizes = {
            "width": settings.network.generator_width or width,
            "latent": settings.network.latent or LATENT,
            "attributes": [len(values) for values in self.conditions.values()],
        }
        self.sizes = {**sizes, **GENERATED, "components": COMPONENTS}, {**sizes, "width": width}
        builds = {
            "generator": lambda: MapGenerator(self.shape, **self.sizes[0]),
            "discriminator": lambda: MapDiscriminator(self.shape, **self.sizes[1]),
        }
        self.generator, self.discriminator = (
            make_player(settings, build, name, precision) for name, build in builds.items()
        )
        self.ema = Ema(
            self.generator.network, half_life=settings.ema.half_life, ramp=settings.ema.ramp
        )
        self.loss = adversarial_loss(settings)
        self._begin_state()
        held = batches.held_out_indices
        trained = batches.training_indices
        self._quick = prepare_reference(
            self.data.images[trained][..., -3:],
            self.data.images[held][..., -3:] if len(held) else None,
            seed=settings.seed,
        )
        self._real = np.resize(held if len(held) else trained, min(_PROBE, len(trained)))

    def begin(self, say: Callable[[str], None]) -> None:
        """Fits the generator's linear model to training characters."""
        super().begin(say)
        chosen = self.batches.training_indices[:_FITTED]
        device = self.precision.device
        maps = to_tensor(self.data.images[chosen], device)[:, : len(PARTS)]
        palettes = torch.from_numpy(self.palettes[chosen]).to(device).float() / 127.5 - 1
        network: Any = self.generator.network
        explained = network.set_linear(maps, palettes, self.batches.labels(chosen))
        self.ema.network.load_state_dict(network.state_dict())
        say(f"a linear model of the maps, the generator's beginning, explains {explained:.0%}")

    def save_model(self, folder: Path, training: Mapping[str, Any]) -> None:
        labels, sizes = self.data.labels, {**self.sizes[0], "resolution": self.shape.resolution}
        facts = {
            "attributes": {name: list(values) for name, values in self.conditions.items()},
            "codes": [] if labels is None else sorted(set(labels.tolist())),
            "data": {name: self.config[name] for name in ("name", "licence")},
        }
        save_stage(folder, "maps", self.ema.network, sizes, facts, training)

    # --- pictures and measurements ----------------------------------------------------------

    def real_sheet(self, path: Path) -> None:
        save_sheet(self.data.images[:_MAX_SHOWN], path)

    def first_batch(self, batch: Batch, path: Path) -> None:
        save_sheet(to_uint8(batch.images[:_MAX_SHOWN]), path)

    def preview(self, path: Path) -> None:
        save_sheet(self._drawn("preview", _MAX_SHOWN)[0], path)

    def signals(self) -> dict[str, float]:
        """How the duel stands.

        - `fooling_rate`: share of pairs in which drawn maps score above held-out ones.
        - `valid_maps`: share of drawn maps that have one face with two eyes and a mouth in it.
        - the signals of `metrics.quick`, on the flat colours.
        """
        images, codes = self._drawn("probe", _PROBE)
        fake = self._logits(images, codes).numpy()
        real = self._logits(self.data.images[self._real], self.batches.labels(self._real)).numpy()
        return {
            "fooling_rate": fooling_rate(fake, real),
            "valid_maps": valid_share(images),
            **quick_signals(images[..., -3:], self._quick, None),
        }

    def score(self) -> dict[str, float]:
        """The share of valid maps among `_SCORED` that were drawn."""
        share = valid_share(self._drawn("score", _SCORED)[0])
        return {f"valid maps ({_SCORED})": share}

    @torch.inference_mode()
    def _drawn(self, stream: str, count: int) -> tuple[np.ndarray, Tensor | None]:
        """Planes uint8 [count, M, M, 15] of fixed noise and attributes that occur, and these."""
        noise = normal((count, self.sizes[0]["latent"]), self.settings.seed, stream)
        codes = None
        if self.data.labels is not None:
            random = np.random.default_rng(key(self.settings.seed, stream))
            codes = torch.from_numpy(random.choice(self.data.labels, count))
            codes = codes.to(self.precision.device)
        with self.precision.autocast():
            made = self.ema.network(noise.to(self.precision.device), codes)
        return to_uint8(made), codes


def valid_share(planes: np.ndarray) -> float:
    """The share of planes uint8 [N, M, M, 15] whose maps are valid (`fault_of_maps`)."""
    maps = planes[..., : len(PARTS)].transpose(0, 3, 1, 2) / np.float32(255)
    return float(np.mean([fault_of_maps(amodal) is None for amodal in maps]))


def save_sheet(planes: np.ndarray, path: Path) -> None:
    """Writes planes uint8 [N, M, M, 15] as pictures of their maps in false colours."""
    pictures = np.stack([picture_of_planes(drawn / np.float32(255)) for drawn in planes])
    save_png(grid(pictures, 8, scale=max(1, 96 // pictures.shape[1])), path)


_TRUE_SHARE = 0.25  # of examples whose masks are the true ones, finer than 32 points tell
_MAX_ROWS = 8


@dataclass(frozen=True, eq=False)
class RenderDraw:
    """Examples of what the renderer is given and should make of it; see `data.patches.Draw`."""

    data: CharacterData

    @cached_property
    def _filled(self) -> tuple[np.ndarray, np.ndarray]:
        return filled(self.data)

    def prepare(self) -> None:
        """Fills all outlines, or finds them in the cache, before several threads ask for them."""
        _ = self._filled

    def __call__(self, index: int, random: np.random.Generator) -> Example:
        characters, (seen, lines), scale = self.data, self._filled, np.float32(255)
        masks = (characters.maps if random.random() < _TRUE_SHARE else seen)[index] / scale
        inputs = render_inputs(masks, lines[index] / scale, characters.palettes[index])
        return Example(
            inputs=np.ascontiguousarray(inputs.transpose(1, 2, 0)),
            target=to_premultiplied(characters.images[index]),
        )


class CharacterRender(TranslationTask):
    """The renderer against a discriminator of (what it is given, picture) patches.

    Pictures have four planes, colours premultiplied by the opacity. The network begins as the
    identity on the flat colours, so the baseline is flat filling.
    """

    name = "characters-render"
    inputs_are_judged = True

    def _shape(self) -> TranslationShape:
        return TranslationShape(inputs=INPUTS, outputs=4)

    def recipe(self) -> dict[str, Any]:
        return {"colours": "premultiplied RGBA in [-1, 1]"}

    def save_model(self, folder: Path, training: Mapping[str, Any]) -> None:
        resolution = self.data.resolution
        facts = {"network": self.settings.network.name, "resolution": resolution}
        save_stage(folder, "render", self.ema.network, self.sizes, facts, training)

    def real_sheet(self, path: Path) -> None:
        save_png(grid(_pictures(self._measured.images), 8, scale=_scale(self._measured)), path)

    def first_batch(self, batch: Batch, path: Path) -> None:
        self._rows(batch, [batch.images], path)

    def preview(self, path: Path) -> None:
        """A row of flat colours, one of what is made of them, one of the true pictures."""
        batch = self._measured
        assert batch.inputs is not None
        self._rows(batch, [self._made(batch.inputs[:_MAX_ROWS]), batch.images], path)

    def _rows(self, batch: Batch, rows: list[Tensor], path: Path) -> None:
        assert batch.inputs is not None
        shown = [_pictures(planes[:_MAX_ROWS]) for planes in (batch.inputs[:, :4], *rows)]
        save_png(grid(np.concatenate(shown), len(shown[0]), scale=_scale(batch)), path)


def _pictures(images: Tensor) -> np.ndarray:
    """Premultiplied [N, 4, R, R] -> uint8 [N, R, R, 3] on white."""
    return on_white(from_premultiplied(images.float().cpu().permute(0, 2, 3, 1).numpy()))


def _scale(batch: Batch) -> int:
    return max(1, 128 // batch.images.shape[-1])
