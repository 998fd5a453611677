"""The third stage of characters: masks, lines and flat colours in, the complete picture out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from elegan.applications.characters.map_model import save_stage
from elegan.applications.characters.planes import (
    INPUTS,
    from_premultiplied,
    on_white,
    render_inputs,
    to_premultiplied,
)
from elegan.applications.characters.training_data import CharacterData, filled
from elegan.data.batches import Batch
from elegan.data.patches import Example
from elegan.data.pictures import grid, save_png
from elegan.networks import TranslationShape
from elegan.tasks.translation import TranslationTask

_TRUE_SHARE = 0.25  # of examples whose masks are the true ones, finer than 32 points tell
_SHOWN = 8


@dataclass(frozen=True, eq=False)
class RenderDraw:
    """Examples of what the renderer is given and should make of it; see `engine.patches.Draw`."""

    data: CharacterData

    @cached_property
    def _filled(self) -> tuple[np.ndarray, np.ndarray]:
        return filled(self.data.characters)

    def prepare(self) -> None:
        """Fills all outlines, or finds them in the cache, before several threads ask for them."""
        _ = self._filled

    def __call__(self, index: int, random: np.random.Generator) -> Example:
        characters, (seen, lines) = self.data.characters, self._filled
        masks = characters.maps if random.random() < _TRUE_SHARE else seen
        scale = np.float32(255)
        inputs = render_inputs(
            masks[index] / scale, lines[index] / scale, characters.palettes[index]
        )
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
        save_stage(
            folder,
            "render",
            self.ema.network,
            sizes=self.sizes,
            facts={
                "network": self.settings.network.name,
                "resolution": self.data.characters.resolution,
            },
            training=training,
        )

    def real_sheet(self, path: Path) -> None:
        save_png(grid(_pictures(self._measured.images), 8, scale=_scale(self._measured)), path)

    def first_batch(self, batch: Batch, path: Path) -> None:
        self._rows(batch, [batch.images], path)

    def preview(self, path: Path) -> None:
        """A row of flat colours, one of what is made of them, one of the true pictures."""
        batch = self._measured
        assert batch.inputs is not None
        self._rows(batch, [self._made(batch.inputs[:_SHOWN]), batch.images], path)

    def _rows(self, batch: Batch, rows: list[Tensor], path: Path) -> None:
        assert batch.inputs is not None
        shown = [_pictures(one[:_SHOWN]) for one in (batch.inputs[:, :4], *rows)]
        save_png(grid(np.concatenate(shown), len(shown[0]), scale=_scale(batch)), path)


def _pictures(images: Tensor) -> np.ndarray:
    """Premultiplied [N, 4, R, R] -> uint8 [N, R, R, 3] on white."""
    return on_white(from_premultiplied(images.float().cpu().permute(0, 2, 3, 1).numpy()))


def _scale(batch: Batch) -> int:
    return max(1, 128 // batch.images.shape[-1])
