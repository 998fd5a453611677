"""What elegan's own restorers are asked to undo where a person says nothing, photo by photo."""

from dataclasses import replace

import numpy as np

from elegan.models.damage import DAMAGES, Diagnosis, diagnose
from elegan.models.experts import Experts
from elegan.models.inference import InferenceOptions
from elegan.models.restoring import AUTO
from elegan.models.translation import TranslationModel

UNASKED = ("denoise",)
"""Families that are undone without being named: found with certainty, and undone without harm."""


def diagnosed(
    model: TranslationModel,
    image: np.ndarray,
    use: InferenceOptions,
    *,
    masked: bool,
    quality: int | None = None,
) -> tuple[InferenceOptions | None, tuple[str, ...]]:
    """Looks at a photo where nobody says what is wrong with it, and asks the model for that.

    A model that a person names is used as it is.

    Args:
        model: elegan's own restorers; any other is returned to as it was asked.
        masked: whether a mask says what to undo.
        quality: of the JPEG file that the photo was read from.

    Returns:
        The options with the families that were found, None where there is nothing to undo; and
        what a person should know.
    """
    if not isinstance(model, Experts) or use.task != AUTO:
        return use, ()
    if masked:
        return replace(use, task="inpaint"), ()
    found = diagnose(image, quality=quality)
    asked = tuple(family for family in found.families if family in UNASKED)
    notes = tuple(
        f"{Diagnosis(values={name: value})}: --task {DAMAGES[name].family} takes it away"
        for name, value in found.values.items()
        if DAMAGES[name].family not in asked
    )
    if not asked:
        nothing = "nothing found that is undone unasked: unchanged; name what you see with --task"
        return None, (nothing, *notes)
    undone = {name: value for name, value in found.values.items() if DAMAGES[name].family in asked}
    task = ",".join(asked)
    names = " and ".join(step.name for _, step in model.steps(task))
    return replace(use, task=task), (f"{Diagnosis(values=undone)} -> {names}", *notes)


def cleaned(
    cleaner: Experts | None, image: np.ndarray, use: InferenceOptions, *, quality: int | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Takes noise and JPEG from a photo before it is made larger, and they with it.

    Args:
        cleaner: None where a person names the model that makes it larger.
        quality: as for `diagnosed`.

    Returns:
        The photo, as it was where nothing is found; and what a person should know.
    """
    if cleaner is None:
        return image, ()
    alone = InferenceOptions(tile=use.tile, memory=use.memory, on_window=use.on_window)
    settled, notes = diagnosed(cleaner, image, alone, masked=False, quality=quality)
    if settled is None:
        return image, ()
    return np.concatenate(list(cleaner.strips(image, use=settled))), (f"{notes[0]} first",)
