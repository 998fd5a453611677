"""A task of a person's own, from an image to its negative: one file, and a line of the registry."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from elegan.common.distributed import World
from elegan.data import PhotoSet
from elegan.data.patches import Example, Patches
from elegan.models import TranslationModel
from elegan.networks import TranslationShape
from elegan.settings import TrainSettings
from elegan.tasks.checks import FIDELITY, check_translation
from elegan.tasks.crops import crop, open_clean_photos, spanned, stream_of
from elegan.tasks.translation import TranslationTask
from elegan.tasks.translation_scores import Trial, compared, facts_of, format_rows
from elegan.training.run_folder import RunFolder
from elegan.training.task import TaskSpec


class Negative(TranslationTask):
    name = "negative"

    def _shape(self) -> TranslationShape:
        return TranslationShape(inputs=3, outputs=3)

    def recipe(self) -> dict[str, Any]:
        return {"colours": "RGB in [-1, 1]"}


def _stream(
    settings: TrainSettings, photos: PhotoSet, device: torch.device, world: World
) -> Patches:
    def draw(index: int, random: np.random.Generator) -> Example:
        piece = crop(photos.photo(index), settings.translate.patch, random, 0.0)
        return Example(inputs=spanned(piece), target=spanned(255 - piece))

    return stream_of(photos, draw, len(photos), settings, device, world)


def _load(path: Path, device: str, precision: str) -> TranslationModel:
    return TranslationModel.load(path, device=device, precision=precision)


def score(model: TranslationModel, data: str, *, seed: int = 0) -> dict[str, Any]:
    photos = open_clean_photos(TrainSettings(data=data, seed=seed))
    images = [photos.photo(index) for index in range(2)]
    trials = [Trial(on="negative", given=x, baseline=x, truth=255 - x) for x in images]
    return {**facts_of(model, photos), **compared(model, trials)}


def _score_run(folder: RunFolder, settings: TrainSettings) -> str:
    scores = score(TranslationModel.load(folder.path), settings.data)
    folder.write_json("scores.json", scores)
    return format_rows(scores)


NEGATIVE = TaskSpec(
    about="an image in, its negative out",
    check=lambda settings: check_translation(settings, FIDELITY),
    open_data=open_clean_photos,
    stream=_stream,
    build=Negative,
    load=_load,
    score=score,
    format_scores=format_rows,
    score_run=_score_run,
    usage="elegan evaluate {run} photos",
)
