"""What elegan's own restorers are asked to undo where a person says nothing, photo by photo."""

from dataclasses import replace

import numpy as np

from elegan.models.damage import DAMAGES, Diagnosis, diagnose
from elegan.models.experts import Experts
from elegan.models.inference import InferenceOptions, white
from elegan.models.measured import measured_noise, measured_rain
from elegan.models.restoring import AUTO
from elegan.models.translation import TranslationModel

UNASKED = ("denoise", "deblur")
"""Families that are undone without being named: found with certainty, and undone without harm."""
_CERTAIN = {"blur": 1.0}  # pixels: what looks less blurred may have moved, which is not undone
_WEAK = 20.0  # of 255: noise below it is measured, for the look at a photo tells it badly
_TEXTURE = 8.0  # of 255: what looks like less noise, and is not everywhere alike, may be fur
_EVEN = 0.03  # deviation of a frame in which there is nothing to see, of a range of 1


def diagnosed(
    model: TranslationModel,
    image: np.ndarray,
    use: InferenceOptions,
    *,
    masked: bool,
    quality: int | None = None,
) -> tuple[InferenceOptions | None, tuple[str, ...]]:
    """Looks at a photo for what is wrong with it, and how much; tells the model, and asks it.

    A model that a person names is asked as they ask it.

    Args:
        model: elegan's own restorers choose by what is found; others that can be told are told.
        masked: whether a mask says what to undo.
        quality: of the JPEG file that the photo was read from.

    Returns:
        The options with the families that were found, None where there is nothing to undo; and
        what a person should know.
    """
    ours = isinstance(model, Experts)
    if masked and use.task == AUTO and ours:
        return replace(use, task="inpaint"), (f"mask -> {model.expert('inpaint').name}",)
    if not ours and not set(model.told) & set(DAMAGES):
        return use, ()
    values, certain = dict(diagnose(image, quality=quality).values), _CERTAIN
    weak = 0 < values.get("noise", 0) < _WEAK and "jpeg" not in values
    if ours and weak and (use.task == AUTO or "denoise" in use.task):
        measured = measured_noise(image, model.expert("denoise"))
        certain = certain | {"noise": 0.0 if measured else _TEXTURE}
        values["noise"] = measured or values["noise"]
    if ours and "derain" in use.task and model.share:
        values["rain"] = measured_rain(image, values.get("rain", 0.0), model.expert("derain"))
    use = replace(use, found=values)
    if not ours or use.task != AUTO:
        return use, ()
    undone = {
        name: value
        for name, value in values.items()
        if DAMAGES[name].family in UNASKED and value >= certain.get(name, 0)
    }
    notes = tuple(
        f"{Diagnosis(values={name: value})}: --task {DAMAGES[name].family} takes it away"
        for name, value in values.items()
        if name not in undone
    )
    if not undone:
        nothing = "nothing found that is undone unasked: unchanged; name what you see with --task"
        return None, (nothing, *notes)
    task = ",".join(Diagnosis(values=undone).families)
    names = " and ".join(step.name for _, step in model.steps(task))
    said = f"{Diagnosis(values=undone)} -> {names}"
    return replace(use, task=task), (said, *notes)


def cleaning(
    cleaner: Experts | None, image: np.ndarray, use: InferenceOptions, *, quality: int | None = None
) -> tuple[InferenceOptions | None, tuple[str, ...]]:
    """Looks for what should be undone before a photo is made larger, and it with the photo.

    Args:
        cleaner: None where a person names the model that makes it larger.
        quality: as for `diagnosed`.

    Returns:
        What the cleaner is asked for, None for nothing; and what a person should know.
    """
    if cleaner is None:
        return None, ()
    alone = InferenceOptions(tile=use.tile, memory=use.memory, on_window=use.on_window)
    settled, notes = diagnosed(cleaner, image, alone, masked=False, quality=quality)
    return (None, ()) if settled is None else (settled, (f"{notes[0]} first",))


def whole(
    model: TranslationModel | None, image: np.ndarray, use: InferenceOptions | None
) -> np.ndarray:
    """Returns what a model makes of a photo, the photo where there is nothing to do."""
    if model is None or use is None:
        return image
    return np.concatenate(list(model.strips(image, use=use)))


class Frames:
    """Puts a model to frames one after the other: what is found in one is undone in all later ones.

    Frames that are even, as where a film fades in, say nothing and are not looked at.

    Attributes:
        model, cleaner, use: what is done to each.
        notes: what a person should know.
    """

    def __init__(
        self, model: TranslationModel, cleaner: Experts | None, use: InferenceOptions
    ) -> None:
        self.model, self.cleaner, self.use = model, cleaner, use
        self.notes: tuple[str, ...] = ()
        self._before, self._settled = None, use
        self._seen = False

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """A frame [H, W, C] -> what the model makes of it."""
        if not self._seen and frame.std() > _EVEN * white(frame.dtype):
            self._before, first = cleaning(self.cleaner, frame, self.use)
            self._settled, found = diagnosed(self.model, frame, self.use, masked=False)
            self.notes, self._seen = (*first, *found), True
        return whole(self.model, whole(self.cleaner, frame, self._before), self._settled)
