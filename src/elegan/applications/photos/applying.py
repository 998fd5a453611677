"""One call for arrays and for files: picks the model, sorts the options, applies it."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from elegan.applications.photos.batch import translate_files
from elegan.applications.photos.files import Writing, find_sources
from elegan.applications.photos.journal import Translated, Watch
from elegan.applications.photos.repair import Repair
from elegan.common.errors import UsageError, did_you_mean
from elegan.models.inference import Use, refuse_image
from elegan.models.restoring import AUTO
from elegan.models.translation import TranslationModel

OUT = {"upscale": "upscaled", "restore": "restored", "stylize": "stylized"}
"""The folder of the results where none is named."""


def translate(
    verb: str,
    images: Sequence[Any],
    *,
    model: TranslationModel | str | Path | None = None,
    out: str | Path | None = None,
    strength: float = 1.0,
    device: str = "auto",
    watch: Watch | None = None,
    **options: Any,
) -> np.ndarray | Translated:
    """Applies a model to one array, or to files and folders.

    Args:
        verb: upscale, restore or stylize: what the model must be for.
        images: one array as `TranslationModel.apply` takes it, or paths.
        model: a model, a run or model folder, the name of a shipped model; None for the shipped one
            of the verb, the scale and the damage.
        out: the folder of the results of files.
        strength: see `TranslationModel.with_strength`.
        options: fields of `Use`, `Repair` (verb restore) and, for files, `Writing`.

    Raises:
        UsageError: an option is unknown or does not fit.
        EleganError: the model cannot be read, or `out` cannot be written.
    """
    use = Use(**_taken(options, Use))
    masks = _taken(options, Repair) if verb == "restore" else {}
    array = images[0] if len(images) == 1 and isinstance(images[0], np.ndarray) else None
    writing = Writing(**_taken(options, Writing)) if array is None else Writing()
    if options:
        name = next(iter(options))
        known = [one.name for kind in (Use, Repair, Writing) for one in fields(kind)]
        raise UsageError(f"'{name}' is no option of {verb}.{did_you_mean(name, known)}")
    folder, sources = Path(out or OUT[verb]), []
    if array is None:
        writing.refuse(folder)
        sources = find_sources([str(one) for one in images], folder)
    if not isinstance(model, TranslationModel):
        masked = masks.get("mask") is not None
        family = "inpaint" if use.task == AUTO and masked else use.task
        model = TranslationModel.load(model, verb, use.scale, family=family, device=device)
    elif model.task != verb:
        raise UsageError(f"The model is for '{model.task}', not for '{verb}'.")
    model = model.with_strength(strength)
    if array is not None:
        return _apply(model, array, use, masks)
    return translate_files(
        model,
        sources,
        folder,
        use=use,
        repair=Repair(**masks),
        writing=writing,
        watch=watch,
    )


def _taken(options: dict[str, Any], kind: type) -> dict[str, Any]:
    """Takes out of `options` what are fields of a dataclass."""
    names = [one.name for one in fields(kind) if one.name in options]
    return {name: options.pop(name) for name in names}


def _apply(
    model: TranslationModel, image: np.ndarray, use: Use, masks: dict[str, Any]
) -> np.ndarray:
    mask = masks.pop("mask", None)
    plain = image[..., None] if image.ndim == 2 else image
    refuse_image(plain, None, model.scale)
    if (isinstance(mask, str) or masks.get("sky")) and plain.dtype.kind == "f":
        raise UsageError("Masks and skies that are found need an image of uint8 or uint16.")
    if isinstance(mask, np.ndarray):
        repair = Repair(**masks)
        weights = repair.grown(mask)
    else:
        repair = Repair(mask=mask, **masks)
        repair.refuse(model, use)
        weights = repair.weights_of(plain, None, None)
    whole = np.concatenate(list(repair.strips(model, plain, weights, use)))
    return whole[..., 0] if image.ndim == 2 and whole.shape[2] == 1 else whole
