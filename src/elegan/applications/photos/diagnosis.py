"""What a shipped restorer that is told nothing is asked to undo, photo by photo."""

from dataclasses import replace

import numpy as np

from elegan.models import saving
from elegan.models.damage import DAMAGES, Diagnosis, diagnose
from elegan.models.inference import InferenceOptions
from elegan.models.restoring import AUTO
from elegan.models.translation import TranslationModel


def diagnosed(
    model: TranslationModel,
    image: np.ndarray,
    use: InferenceOptions,
    *,
    masked: bool,
    quality: int | None = None,
) -> tuple[InferenceOptions | None, tuple[str, ...]]:
    """Looks at a photo where nobody says what is wrong with it, and asks the model for that.

    A model of a person's own is left to see for itself: what it was trained on is not known here.

    Args:
        model: a shipped restorer; any other is returned to as it was asked.
        masked: whether a mask says what to undo.
        quality: of the JPEG file that the photo was read from.

    Returns:
        The options with the families that were found, None where the model has nothing to undo;
        and what a person should know.
    """
    shipped = model.folder is not None and model.folder.parent == saving.SHIPPED
    if not (shipped and model.families) or use.task != AUTO or masked:
        return use, ()
    found = diagnose(image, quality=quality)
    asked = tuple(family for family in found.families if family in model.families)
    notes = tuple(
        f"{Diagnosis(values={name: value})}: --task {DAMAGES[name].family} takes it away"
        for name, value in found.values.items()
        if DAMAGES[name].family not in asked
    )
    if not asked:
        nothing = "nothing found that is undone unasked: unchanged; name what you see with --task"
        return None, (nothing, *notes)
    undone = {name: value for name, value in found.values.items() if DAMAGES[name].family in asked}
    said = f"{Diagnosis(values=undone)} -> {model.name}"
    return replace(use, task=",".join(asked)), (said, *notes)
