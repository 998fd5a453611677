"""Scores of upscalers and restorers on photos whose truth is known."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from elegan.common.randomness import key
from elegan.data import PhotoSet, has_test_split, open_photos
from elegan.data.degradations import (
    ASKED,
    FAMILIES,
    POINTS,
    UNSEEN,
    blind,
    crop_to_multiple,
    damage,
    downscale,
    from_bytes,
    to_bytes,
    upscale,
)
from elegan.models import TranslationModel
from elegan.models.restoring import AUTO
from elegan.settings import TrainSettings
from elegan.tasks.translation_scores import (
    AT_RUNS_END,
    SIDE,
    Trial,
    compared,
    facts_of,
    format_rows,
    middle,
    unseen,
)
from elegan.training.run_folder import RunFolder


def score(
    model: TranslationModel,
    data: str,
    *,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    side: int | None = None,
) -> dict[str, Any]:
    """Translates photos whose truth is known, and compares.

    Rows are the baseline (bicubic upsampling, or the damaged image itself), the weights from before
    the adversarial phase where the model has them, and the model.

    Args:
        split: by default the test split where there is one.
        limit: so many photos only, chosen by `seed`.
        seed: of the damage, too.
        side: only the middle of each photo, at most so many pixels a side.

    Raises:
        UsageError: there is no such split.
        EleganError: the data cannot be read or hold no photo.
    """
    chosen = split or ("test" if has_test_split(data) else "train")
    photos = open_photos(data, split=chosen, limit=limit, seed=seed)
    return _score_photos(model, photos, seed, side)


def _score_photos(
    model: TranslationModel, photos: PhotoSet, seed: int, side: int | None
) -> dict[str, Any]:
    return {
        **facts_of(model, photos),
        **compared(model, list(trials_of(model, photos, seed, side))),
    }


def score_run(folder: RunFolder, settings: TrainSettings) -> str:
    """Scores a run's model on photos it was not trained on, keeps scores.json, returns the table.

    These are the test split where the data have one, else those that the run held out.
    """
    model, data, seed = TranslationModel.load(folder.path), settings.data, settings.seed
    if has_test_split(data):
        scores = score(model, data, limit=AT_RUNS_END, seed=seed, side=SIDE)
    else:
        photos = open_photos(data, limit=settings.limit, seed=seed)
        kept, notes = unseen(seed, len(photos))
        scores = _score_photos(model, photos.chosen(kept), seed, SIDE)
        scores["notes"] += notes
    folder.write_json("scores.json", scores)
    return format_rows(scores)


def trials_of(
    model: TranslationModel, photos: PhotoSet, seed: int, side: int | None
) -> Iterator[Trial]:
    """Yields what an upscaler or a restorer is tried on, of each photo.

    An upscaler gets each photo made smaller as its recipe says. A restorer gets it with each of
    the standard kinds of damage (`degradations.POINTS`) that it was trained on, and one kind that
    no training draws; it is told no family but where that must be asked for.
    """
    for index in range(len(photos)):
        photo = middle(photos.photo(index), side)
        random = np.random.default_rng(key(seed, "trial", index))
        if not model.families:
            yield smaller(photo, model.scale, model.recipe["degradation"], random)
            continue
        known = set(model.recipe["degradation"]) | set(UNSEEN)
        for name, (kind, _) in POINTS.items():
            if kind in known:
                yield damaged(photo, name, random)


def smaller(photo: np.ndarray, scale: int, degradation: str, random: np.random.Generator) -> Trial:
    """A photo made smaller; sides are cut to multiples, the border is as wide as the scale."""
    truth = np.ascontiguousarray(crop_to_multiple(photo, scale))
    if degradation == "blind":
        given = to_bytes(blind(from_bytes(truth), scale, random))
    else:
        given = downscale(truth, scale)
    return Trial(
        on=f"{degradation}, x{scale}",
        given=given,
        baseline=upscale(given, scale),
        truth=truth,
        border=scale,
    )


def damaged(photo: np.ndarray, point: str, random: np.random.Generator) -> Trial:
    """A photo with one of the standard kinds of damage (`degradations.POINTS`)."""
    return damaged_as(photo, *POINTS[point], random, point)


def damaged_as(
    photo: np.ndarray, kind: str, fixed: dict[str, Any], random: np.random.Generator, on: str
) -> Trial:
    """A photo with a kind of damage whose parameters are held where `fixed` names them."""
    done = damage(from_bytes(photo), kind, random, **fixed)
    given = to_bytes(done.image)
    # Scratches look as on a print, but where they are is known, as of holes.
    mask = done.mask if kind in ("holes", "scratches") else None
    asked = next((name for name in ASKED if kind in FAMILIES[name]), AUTO) if mask is None else AUTO
    return Trial(
        on=on if asked == AUTO else f"{on} (--task {asked})",
        given=given,
        baseline=given,
        truth=np.ascontiguousarray(photo),
        mask=mask,
        task=asked,
    )
