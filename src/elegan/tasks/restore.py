"""The use `restore`: a damaged photo in, the photo as it was out. One network for all damage."""

from typing import Any

import torch
from torch import Tensor

from elegan.data.degradations import FAMILIES, KINDS
from elegan.data.photos import PhotoSet
from elegan.engine.batches import Batch
from elegan.engine.distributed import World
from elegan.engine.patches import Patches
from elegan.errors import UsageError, did_you_mean
from elegan.models.restoring import restorer_planes
from elegan.networks import TranslationShape
from elegan.settings import TrainSettings
from elegan.tasks.examples import (
    Damaged,
    families_of,
    fitting_patch,
    open_clean_photos,
    stream_of,
)
from elegan.tasks.translate import Translate
from elegan.tasks.translate_checks import FIDELITY, check_translation
from elegan.tasks.use import Use

_MASK = 3  # the plane of lost pixels


class Restore(Translate):
    """Undoes damage that is drawn anew for each crop of a clean photo."""

    name = "restore"

    def _shape(self) -> TranslationShape:
        return TranslationShape(inputs=restorer_planes(self._families()), outputs=3)

    def _families(self) -> tuple[str, ...]:
        return families_of(parse_degradations(self.settings.translate.degradation))

    def recipe(self) -> dict[str, Any]:
        return {
            "degradation": list(parse_degradations(self.settings.translate.degradation)),
            "families": list(self._families()),
            "colours": "RGB in [-1, 1]",
        }

    def _pixel_weights(self, batch: Batch) -> Tensor | None:
        more = self.settings.translate.holes
        if not more or batch.inputs is None:
            return None
        return 1 + more * batch.inputs[:, _MASK : _MASK + 1]


def parse_degradations(text: str) -> tuple[str, ...]:
    """Reads kinds and families, comma-separated, or "all"; "" is all too.

    Raises:
        UsageError: a name is neither.
    """
    names = [one.strip() for one in text.split(",") if one.strip()]
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


def _check(settings: TrainSettings) -> None:
    if settings.translate.scale != 1:
        raise UsageError("--task restore keeps the size of an image. Leave --scale out.")
    check_translation(settings, ("degradation", "shrink", "holes", *FIDELITY))
    parse_degradations(settings.translate.degradation)


def _stream(
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


RESTORE = Use(
    about="a damaged photo in, the photo as it was out: holes, rain, haze, stripes, blur, noise",
    check=_check,
    open_data=open_clean_photos,
    stream=_stream,
    build=Restore,
    final_scores=140.0,  # every kind of damage on whole photos
)
