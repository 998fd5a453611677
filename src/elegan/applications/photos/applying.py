"""One call for pixels and for files: picks the model, and applies it as a verb's options say."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from elegan.applications.photos.batch import Asked, translate_files
from elegan.applications.photos.diagnosis import cleaning, diagnosed, whole
from elegan.applications.photos.files import refuse_file
from elegan.applications.photos.repair import Repair
from elegan.applications.photos.sources import find_sources
from elegan.common.errors import UsageError
from elegan.data.photo_files import planes_of
from elegan.data.pictures import to_pillow
from elegan.models.experts import Experts
from elegan.models.inference import InferenceOptions, refuse_image, shown
from elegan.models.translation import TranslationModel

OUT = {"upscale": "upscaled", "restore": "restored", "stylize": "stylized"}
"""The folder of the results where none is named."""


def translate(images: Any, asked: Asked) -> Any:
    """Applies a model to the pixels of one image, or to files and folders.

    Args:
        images: a path, or several; or an array [H, W(, 1 or 3)] as `TranslationModel.apply` takes
            it, a tensor [C, H, W] or [1, C, H, W] of the same types, or a Pillow image.

    Returns:
        `Translated` for paths; else pixels of the kind that was given.

    Raises:
        UsageError: an option does not fit.
        EleganError: the model cannot be read, or `out` cannot be written.
    """
    verb = type(asked).__name__.lower()
    use, mask = _taken(asked, InferenceOptions), getattr(asked, "mask", None)
    if isinstance(images, np.ndarray | torch.Tensor | Image.Image):
        model = _model(verb, asked, use)
        repair = _taken(asked, Repair)
        return _of_pixels(
            images,
            lambda array, alpha: _apply(model, array, alpha, use, repair, _cleaner(verb, asked)),
            opaque=model.opaque
            or getattr(asked, "flatten", False)
            or getattr(asked, "mask", None) == "alpha",
        )
    if isinstance(mask, np.ndarray):
        raise UsageError("A mask that is an array belongs to one image; for files name a file.")
    folder = Path(asked.out or OUT[verb])
    refuse_file(folder)
    paths = [images] if isinstance(images, str | Path) else images
    found = find_sources([str(path) for path in paths], folder)
    model, repair = _model(verb, asked, use), _taken(asked, Repair)
    made = translate_files(model, found.sources, folder, asked, use, repair, _cleaner(verb, asked))
    return replace(made, left_out=found.left_out, others=found.others)


def _model(verb: str, asked: Asked, use: InferenceOptions) -> TranslationModel:
    model: Any = getattr(asked.model, "path", asked.model)
    if not isinstance(model, TranslationModel):
        model = TranslationModel.load(model, verb, use.scale, device=asked.device)
    elif model.task != verb:
        raise UsageError(f"The model is for '{model.task}', not for '{verb}'.")
    return model.with_strength(asked.strength)


def _cleaner(verb: str, asked: Asked) -> Experts | None:
    return Experts(asked.device) if verb == "upscale" and asked.model is None else None


def _taken(asked: Any, kind: Callable[..., Any]) -> Any:
    """Returns a dataclass filled with the options of the same names."""
    names = [field.name for field in fields(kind) if hasattr(asked, field.name)]  # pyright: ignore[reportArgumentType]
    return kind(**{name: getattr(asked, name) for name in names})


def _of_pixels(
    image: Any, apply: Callable[[np.ndarray, np.ndarray | None], np.ndarray], opaque: bool
) -> Any:
    """Applies a function of arrays and alpha to pixels of any kind, and returns the same kind.

    Args:
        opaque: whether a Pillow image loses its transparency.
    """
    if isinstance(image, np.ndarray):
        return apply(image, None)
    if isinstance(image, Image.Image):
        (pixels, alpha), _, _ = planes_of(image, None)
        made = to_pillow(apply(pixels, alpha))
        if alpha is not None and alpha.dtype == np.uint8 and not opaque:
            made.putalpha(Image.fromarray(alpha).resize(made.size, Image.Resampling.BICUBIC))
        return made
    batched = image.ndim == 4
    if batched and len(image) != 1:
        raise UsageError(f"Give one image, [C, H, W], not {list(image.shape)}.")
    plain = image.detach().cpu().reshape(image.shape[-3:]).permute(1, 2, 0)
    made = apply(plain.contiguous().numpy(), None)
    made = torch.from_numpy(made).permute(2, 0, 1).to(image.device)
    return made[None] if batched else made


def _apply(
    model: TranslationModel,
    image: np.ndarray,
    alpha: np.ndarray | None,
    use: InferenceOptions,
    repair: Repair,
    cleaner: Experts | None,
) -> np.ndarray:
    plain = image[..., None] if image.ndim == 2 else image
    refuse_image(plain, None, model.scale)
    if isinstance(repair.mask, str | Path) and plain.dtype.kind == "f":
        raise UsageError("A mask that is found or named needs an image of uint8 or uint16.")
    if isinstance(repair.mask, np.ndarray):
        weights = repair.grown(repair.mask)
    else:
        repair.refuse(model, use)
        weights = repair.weights_of(plain, alpha, None)
    seen = plain if alpha is None else shown(plain, alpha, model.stylizes)
    settled, _ = diagnosed(model, seen, use, masked=weights is not None)
    if settled is None:
        return image.copy()
    seen = whole(cleaner, seen, cleaning(cleaner, seen, use)[0])
    made = np.concatenate(list(repair.strips(model, seen, weights, settled, old=plain)))
    return made[..., 0] if image.ndim == 2 and made.shape[2] == 1 else made
