"""The tasks `upscale` and `restore`: a small or damaged photo in, a better one out."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elegan.applications.photos.examples import Damaged, Smaller, families_of
from elegan.applications.photos.scoring import score, score_run
from elegan.common.distributed import World
from elegan.common.errors import UsageError, did_you_mean, lookup
from elegan.data import PhotoSet
from elegan.data.batches import Batch
from elegan.data.degradations import FAMILIES, KINDS
from elegan.data.patches import Patches
from elegan.losses import log_error, unevenness
from elegan.models import TranslationModel
from elegan.models.restoring import restorer_planes, told_kinds
from elegan.networks import TranslationShape
from elegan.networks.upscaler import BicubicUpsampling
from elegan.settings import TrainSettings
from elegan.tasks.checks import FIDELITY, check_translation
from elegan.tasks.crops import fitting_patch, open_clean_photos, stream_of
from elegan.tasks.translation import FROM_IMAGES, TranslationTask
from elegan.tasks.translation_scores import format_rows
from elegan.training.task import TaskSpec

_USUAL = "bicubic"
_DEGRADATIONS = {
    "bicubic": "made smaller by antialiased bicubic",
    "blind": "blurred, made smaller, noisy and compressed, in random order",
}


class Upscale(TranslationTask):
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

    def _judged_terms(self, batch: Batch, fakes: Tensor) -> dict[str, Tensor]:
        terms = super()._judged_terms(batch, fakes)
        if weight := self.settings.translate.evenness:
            terms["evenness"] = weight * unevenness(fakes, self.shape.scale)
        return terms


def _check_upscale(settings: TrainSettings) -> None:
    check_translation(settings, ("scale", "degradation", "shrink", "evenness", *FIDELITY))
    lookup(_DEGRADATIONS, settings.translate.degradation or _USUAL, "degradation")
    if settings.translate.scale < 2:
        raise UsageError("--task upscale needs --scale 2, 3 or 4.")
    if settings.network.name != "upscaler":
        raise UsageError(
            f"The network '{settings.network.name}' does not make images larger."
            " Leave --network.name out; --preset upscale names the one that does."
        )


def _stream_upscale(
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


def _load(path: Path, device: str, precision: str) -> TranslationModel:
    return TranslationModel.load(path, device=device, precision=precision)


UPSCALE = TaskSpec(
    about="a small photo in, a larger one out (--scale 2, 3 or 4)",
    check=_check_upscale,
    open_data=open_clean_photos,
    stream=_stream_upscale,
    build=Upscale,
    usage="elegan upscale photo.jpg --model {run} --out made",
    commands=FROM_IMAGES,
    from_images=True,
    score=score,
    format_scores=format_rows,
    score_run=score_run,
    load=_load,
    final_scores=32.0,
)


_MASK = 3  # the plane of lost pixels


class Restore(TranslationTask):
    """Undoes damage that is drawn anew for each crop of a clean photo."""

    name = "restore"

    def _shape(self) -> TranslationShape:
        return TranslationShape(inputs=restorer_planes(told_kinds(self._families())), outputs=3)

    def _families(self) -> tuple[str, ...]:
        return families_of(parse_degradations(self.settings.translate.degradation))

    def recipe(self) -> dict[str, Any]:
        return {
            "degradation": list(parse_degradations(self.settings.translate.degradation)),
            "families": list(self._families()),
            "told": list(told_kinds(self._families())),
            "colours": "RGB in [-1, 1]",
        }

    def _difference(self, batch: Batch, fakes: Tensor) -> Tensor:
        more, weights = self.settings.translate.holes, None
        if more and batch.inputs is not None:
            weights = 1 + more * batch.inputs[:, _MASK : _MASK + 1]
        return log_error(fakes, batch.images, weights=weights)


def parse_degradations(text: str) -> tuple[str, ...]:
    """Reads kinds and families, comma-separated, or "all"; "" is all too.

    Raises:
        UsageError: a name is neither.
    """
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names or names == ["all"]:
        return tuple(KINDS)
    chosen: set[str] = set()
    for name in names:
        if name not in FAMILIES and name not in KINDS:
            known = [*FAMILIES, *KINDS]
            raise UsageError(
                f"Unknown degradation '{name}'.{did_you_mean(name, known)} Known: all,"
                f" {', '.join(known)}."
            )
        chosen.update(FAMILIES.get(name, (name,)))
    return tuple(kind for kind in KINDS if kind in chosen)


def _check_restore(settings: TrainSettings) -> None:
    if settings.translate.scale != 1:
        raise UsageError("--task restore keeps the size of an image. Leave --scale out.")
    check_translation(settings, ("degradation", "shrink", "holes", *FIDELITY))
    parse_degradations(settings.translate.degradation)


def _stream_restore(
    settings: TrainSettings, photos: PhotoSet, device: torch.device, world: World
) -> Patches:
    chosen = settings.translate
    kinds = parse_degradations(chosen.degradation)
    draw = Damaged(
        photos=photos,
        patch=fitting_patch(photos, chosen.patch),
        kinds=kinds,
        families=families_of(kinds),
        shrink=chosen.shrink,
    )
    return stream_of(photos, draw, len(photos), settings, device, world)


RESTORE = TaskSpec(
    about="a damaged photo in, the photo as it was out: holes, rain, haze, stripes, blur, noise",
    check=_check_restore,
    open_data=open_clean_photos,
    stream=_stream_restore,
    build=Restore,
    usage="elegan restore photo.jpg --model {run} --out made",
    commands=FROM_IMAGES,
    from_images=True,
    score=score,
    format_scores=format_rows,
    score_run=score_run,
    load=_load,
    final_scores=140.0,  # every kind of damage on whole photos
)
