"""The use `upscale`: a small photo in, a larger one out."""

from typing import Any

import torch
from torch import Tensor

from elegan.data.photos import PhotoSet
from elegan.engine.distributed import World
from elegan.engine.patches import Patches
from elegan.errors import UsageError, lookup
from elegan.networks import TranslationShape
from elegan.networks.upscaler import BicubicUpsampling
from elegan.settings import TrainSettings
from elegan.tasks.examples import Smaller, fitting_patch, open_clean_photos, stream_of
from elegan.tasks.translate import Translate
from elegan.tasks.translate_checks import FIDELITY, check_translation
from elegan.tasks.use import Use

_USUAL = "bicubic"
_DEGRADATIONS = {
    "bicubic": "made smaller by antialiased bicubic",
    "blind": "blurred, made smaller, noisy and compressed, in random order",
}


class Upscale(Translate):
    """Learns what antialiased bicubic upsampling of a photo lacks."""

    name = "upscale"

    def _shape(self) -> TranslationShape:
        return TranslationShape(inputs=3, outputs=3, scale=self.settings.translate.scale)

    def recipe(self) -> dict[str, Any]:
        degradation = self.settings.translate.degradation or _USUAL
        return {"degradation": degradation, "colours": "RGB in [-1, 1]"}

    def baseline(self, inputs: Tensor) -> Tensor:
        return BicubicUpsampling(self.shape.scale).to(inputs.device)(inputs)

    def _enlarged(self, inputs: Tensor) -> Tensor:
        return self.baseline(inputs)


def _check(settings: TrainSettings) -> None:
    check_translation(settings, ("scale", "degradation", "shrink", *FIDELITY))
    lookup(_DEGRADATIONS, settings.translate.degradation or _USUAL, "degradation")
    if settings.translate.scale < 2:
        raise UsageError("--task upscale needs --scale 2, 3 or 4.")
    if settings.network.name != "upscaler":
        raise UsageError(
            f"The network '{settings.network.name}' does not make images larger."
            " Leave --network.name out; --preset upscale names the one that does."
        )


def _stream(
    settings: TrainSettings, photos: PhotoSet, device: torch.device, world: World
) -> Patches:
    chosen = settings.translate
    draw = Smaller(
        photos=photos,
        patch=fitting_patch(photos, chosen.patch, chosen.scale),
        scale=chosen.scale,
        unknown=chosen.degradation == "blind",
        shrink=chosen.shrink,
    )
    return stream_of(photos, draw, len(photos), settings, device, world)


UPSCALE = Use(
    about="a small photo in, a larger one out (--scale 2, 3 or 4)",
    check=_check,
    open_data=open_clean_photos,
    stream=_stream,
    build=Upscale,
    final_scores=32.0,
)
