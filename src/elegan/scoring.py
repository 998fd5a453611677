"""Scores of a model against real data, each beside what real images themselves score."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elegan.data import has_test_split, open_data
from elegan.engine.run_folder import RunFolder
from elegan.errors import EleganError, UsageError
from elegan.machine.pixels import to_tensor
from elegan.measure.extractors import extractor_for
from elegan.measure.labelled import Logits
from elegan.measure.scores import evaluate, format_scores
from elegan.models import Model
from elegan.run import Run

SAMPLES = 10_000
_BATCH = 250  # images that the discriminator judges at a time


def evaluate_model(
    model: Model | Run | str | Path,
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
    if isinstance(model, Run):
        model = model.model
    elif not isinstance(model, Model):
        model = Model.load(model)
    if n < 2:
        raise UsageError(f"Distances need at least 2 samples, not {n}.")
    shape = model.shape
    opened = partial(open_data, data, resolution=shape.resolution, channels=shape.channels, fit=fit)
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
        extractor=extractor_for(reference.name, shape.resolution, shape.channels, extractor),
        held_out=None if held_out is None else np.asarray(held_out.images),
        reference_labels=reference.labels,
        generated_labels=asked,
        held_out_labels=held_out.labels if held_out is not None and same else None,
        classes=reference.classes,
        logits=_logits(model, conditional=asked is not None),
        seed=seed,
    )
    return {
        "data": reference.name,
        "data_hash": reference.hash,
        "model_sha256": model.facts["sha256"],
        "images_seen": model.facts["training"].get("images"),
        **scores,
    }


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


def evaluate_run(run: Run) -> str:
    """Scores a run's model on its own data, keeps scores.json, returns the table as text."""
    settings = run.settings
    run.__dict__.pop("model", None)
    reference = _data_size(run)
    scores = evaluate_model(
        run,
        settings.data,
        n=max(2, min(SAMPLES, reference)),
        seed=settings.seed,
        limit=settings.limit,
        fit=settings.fit,
    )
    RunFolder(run.path).write_json("scores.json", scores)
    return format_scores(scores)


def _data_size(run: Run) -> int:
    return json.loads((run.path / "data.json").read_text())["images"]
