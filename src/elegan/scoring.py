"""Scores of a model against real data, each beside what real images themselves score."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from elegan.data import has_test_split, open_data
from elegan.engine.run_folder import RunFolder
from elegan.errors import EleganError, UsageError
from elegan.measure.extractors import extractor_for
from elegan.measure.scores import evaluate, format_scores
from elegan.models import Model
from elegan.run import Run

SAMPLES = 10_000


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
    scores = evaluate(
        samples.images,
        np.asarray(reference.images),
        extractor=extractor_for(reference.name, shape.resolution, shape.channels, extractor),
        held_out=None if held_out is None else np.asarray(held_out.images),
        reference_labels=reference.labels,
        seed=seed,
    )
    return {
        "data": reference.name,
        "data_hash": reference.hash,
        "model_sha256": model.facts["sha256"],
        "images_seen": model.facts["training"].get("images"),
        **scores,
    }


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
