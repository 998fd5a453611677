"""Scores of samples against real data, each beside what real images themselves score."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from elegan.common.errors import EleganError, UsageError
from elegan.common.pixels import to_tensor
from elegan.data import has_test_split, open_data
from elegan.data.dataset import colour_of
from elegan.data.pictures import grid, save_png
from elegan.metrics.extractors import extractor_for
from elegan.metrics.labelled import Labelling, Logits
from elegan.metrics.scores import evaluate, format_scores
from elegan.models import Model
from elegan.settings import TrainSettings
from elegan.training.run_folder import RunFolder

SAMPLES = 10_000
_SHEET_COLUMNS = 8  # pairs a row in copies.png
_BATCH = 250  # images that the discriminator judges at a time


def score(
    model: Model,
    data: str,
    *,
    n: int = SAMPLES,
    seed: int = 0,
    extractor: str | None = None,
    limit: int | None = None,
    fit: str = "crop",
) -> dict[str, Any]:
    """Scores `n` samples against `data`.

    The real-vs-real floor comes from the data's test split where it has one, otherwise from two
    random halves of the data.

    Raises:
        EleganError: the data cannot be read, or its images are of another shape than the model's.
    """
    return _compare(model, data, n=n, seed=seed, extractor=extractor, limit=limit, fit=fit).scores


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """Scores, and the two sets of images uint8 [N, R, R, C] that they were taken of."""

    scores: dict[str, Any]
    generated: np.ndarray
    reference: np.ndarray


def _compare(
    model: Model,
    data: str,
    *,
    n: int,
    seed: int,
    extractor: str | None,
    limit: int | None,
    fit: str,
    ground: str = "white",
) -> _Comparison:
    if n < 2:
        raise UsageError(f"Distances need at least 2 samples, not {n}.")
    shape = model.shape
    opened = partial(
        open_data,
        data,
        resolution=shape.resolution,
        channels=shape.channels,
        fit=fit,
        background=colour_of(ground),
    )
    reference = opened(limit=limit, seed=seed)
    if len(reference) < 2:
        raise EleganError(f"{data} holds fewer than 2 usable images; nothing to compare with.")
    held_out = opened(split="test") if has_test_split(data) else None
    samples = model.generate(n, seed=seed)
    # Labels of the samples say something of the data's classes only where those are the same.
    asked = samples.labels if model.classes == reference.classes else None
    same = held_out is not None and held_out.classes == reference.classes
    scores = evaluate(
        samples.images,
        np.asarray(reference.images),
        extractor=extractor_for(reference.known, extractor),
        held_out=None if held_out is None else np.asarray(held_out.images),
        labelling=Labelling(
            names=reference.classes,
            generated=asked,
            reference=reference.labels,
            held_out=held_out.labels if held_out is not None and same else None,
            logits=_logits(model, conditional=asked is not None),
        ),
        reference_names=reference.image_names(),
        seed=seed,
    )
    facts = {
        "task": model.config["task"],
        "data": reference.name,
        "data_hash": reference.hash,
        "model_sha256": model.config["sha256"],
        "images_seen": model.config["training"].get("images"),
        **scores,
    }
    return _Comparison(
        scores=facts, generated=samples.images, reference=np.asarray(reference.images)
    )


def _logits(model: Model, *, conditional: bool) -> Logits | None:
    """Returns the judgement of the model's discriminator; None where the folder holds none."""
    if not model.has_discriminator or (model.classes and not conditional):
        return None
    network, precision = model.discriminator, model.precision

    @torch.inference_mode()
    def judge(images: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        logits = []
        for start in range(0, len(images), _BATCH):
            part = slice(start, start + _BATCH)
            asked = None if labels is None else torch.from_numpy(labels[part])
            with precision.autocast():
                shown = to_tensor(images[part], precision.device)
                asked = None if asked is None else asked.to(precision.device)
                logits.append(network(shown, asked).float().cpu().numpy())
        return np.concatenate(logits)

    return judge


def score_run(
    folder: RunFolder,
    settings: TrainSettings,
    more: Callable[[Model, TrainSettings], dict[str, Any]] | None = None,
) -> str:
    """Scores a run's model on its own data, keeps scores.json, returns the table as text.

    Args:
        more: (model, settings) -> scores of the task's own.
    """
    model = Model.load(folder.path)
    reference = json.loads((folder.path / "data.json").read_text(encoding="utf-8"))["images"]
    found = _compare(
        model,
        settings.data,
        n=max(2, min(SAMPLES, reference)),
        seed=settings.seed,
        extractor=None,
        limit=settings.limit,
        fit=settings.fit,
        ground=settings.ground,
    )
    save_png(_copies_sheet(found), folder.path / "copies.png")
    scores = {**(more(model, settings) if more else {}), **found.scores}
    folder.write_json("scores.json", scores)
    return format_scores(scores)


def _copies_sheet(found: _Comparison) -> np.ndarray:
    """Returns the nearest pairs, a sample beside its training image; first those in pixels."""
    pairs = [pair for facts in found.scores["copies"].values() for pair in facts["pairs"]]
    sides = np.concatenate(
        [
            found.generated[[pair["sample"] for pair in pairs]],
            found.reference[[pair["training"] for pair in pairs]],
        ],
        axis=2,
    )
    return grid(sides, _SHEET_COLUMNS, gap=6, scale=max(1, 56 // sides.shape[1]))
