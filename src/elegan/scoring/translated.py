"""Scores of a model from images to images: rows of what one has without it and with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elegan.data import batch_indices, has_test_split
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
from elegan.data.pairs import PairSet, has_test_pairs, open_pairs
from elegan.data.photos import PhotoSet, open_photos
from elegan.engine.patches import held_out
from elegan.engine.run_folder import RunFolder
from elegan.errors import EleganError, UsageError
from elegan.machine.randomness import key
from elegan.measure.fidelity import compare
from elegan.measure.perceptual import NAME, perceptual_distance
from elegan.models import TranslationModel
from elegan.models.restoring import AUTO
from elegan.models.use import TRANSLATING
from elegan.run import Run
from elegan.scoring.unpaired import score_unpaired

__all__ = ["TRANSLATING", "format_rows", "score", "score_run"]

AT_RUNS_END, SIDE = 8, 384
"""Photos that a run is scored on when it ends, and the side of the middle that is taken of each."""
_HIGHEST = 100.0  # dB, so that a mean over images stays finite


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """One image to be translated, and what should come of it.

    Attributes:
        on: what was done to the truth.
        given: uint8 [h, w, 3], what the model gets.
        baseline: uint8 [H, W, 3], what one would have without it.
        truth: uint8 [H, W, 3].
        mask: float32 [h, w], 1 where a pixel is lost; None where none is.
        border: pixels that the figures leave out along each edge.
        task: what a restorer is asked for.
    """

    on: str
    given: np.ndarray
    baseline: np.ndarray
    truth: np.ndarray
    mask: np.ndarray | None = None
    border: int = 0
    task: str = AUTO


def score(
    model: TranslationModel,
    data: str,
    *,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    side: int | None = None,
    target: str | None = None,
) -> dict[str, Any]:
    """Translates images whose truth is known, and compares.

    Rows are the baseline (bicubic upsampling, or the damaged image itself), the weights from before
    the adversarial phase where the model has them, and the model. Without pairs, where no truth is
    known, distributions are compared instead (`unpaired`).

    Args:
        split: by default the test split where there is one.
        limit: so many photos only, chosen by `seed`.
        seed: of the damage, too.
        side: only the middle of each photo, at most so many pixels a side.
        target: of a stylizer: where the images to be like are, where `data` does not hold both.

    Raises:
        UsageError: there is no such split, or a target is named and the model is no stylizer.
        EleganError: the data cannot be read or hold no photo.
    """
    if model.task == "stylize":
        chosen = split or ("test" if has_test_pairs(data, target) else "train")
        paired = True if model.recipe["method"] == "paired" else None
        pairs = _open_pairs(model, data, target=target, split=chosen, paired=paired)
        count = len(pairs.sources)
        kept = batch_indices(seed, 0, count, count)[:limit]
        return _score_pairs(model, pairs, np.sort(kept).tolist(), side)
    if target is not None:
        raise UsageError(f"A model of task '{model.task}' has no --target. Leave that out.")
    chosen = split or ("test" if has_test_split(data) else "train")
    photos = open_photos(data, split=chosen, limit=limit, seed=seed)
    return _score_photos(model, photos, seed, side)


def _open_pairs(model: TranslationModel, data: str, **options: Any) -> PairSet:
    return open_pairs(data, reverse=model.recipe["direction"] == "B to A", **options)


def _score_photos(
    model: TranslationModel, photos: PhotoSet, seed: int, side: int | None
) -> dict[str, Any]:
    return {**_facts(model, photos), **_compared(model, list(trials_of(model, photos, seed, side)))}


def _score_pairs(
    model: TranslationModel, pairs: PairSet, kept: Sequence[int], side: int | None
) -> dict[str, Any]:
    """Scores on some of the pairs or, where the sides are not paired, of the sources."""
    sources = pairs.sources.chosen(kept)
    if not pairs.paired:
        return {
            **_facts(model, pairs),
            **score_unpaired(model, sources, pairs.targets, whole=side is None),
        }
    trials = list(_pair_trials(sources, pairs.targets.chosen(kept), side))
    return {**_facts(model, pairs), **_compared(model, trials)}


def score_run(run: Run) -> str:
    """Scores a run's model on photos it was not trained on, keeps scores.json, returns the table.

    These are the test split where the data have one, else those that the run held out.
    """
    settings, model = run.settings, run.model
    assert isinstance(model, TranslationModel)
    stylizes, data, seed = settings.task == "stylize", settings.data, settings.seed
    target = settings.translate.target
    if has_test_pairs(data, target) if stylizes else has_test_split(data):
        scores = score(model, data, limit=AT_RUNS_END, seed=seed, side=SIDE, target=target)
    elif stylizes:
        paired = settings.translate.method == "paired"  # as the run opened them
        options: Any = {"target": target, "paired": paired, "limit": settings.limit, "seed": seed}
        pairs = _open_pairs(model, data, **options)
        kept, notes = _unseen(seed, len(pairs.sources))
        scores = _score_pairs(model, pairs, kept, SIDE)
        scores["notes"] += notes
    else:
        photos = open_photos(data, limit=settings.limit, seed=seed)
        kept, notes = _unseen(seed, len(photos))
        scores = _score_photos(model, photos.chosen(kept), seed, SIDE)
        scores["notes"] += notes
    RunFolder(run.path).write_json("scores.json", scores)
    return format_rows(scores)


def _unseen(seed: int, count: int) -> tuple[list[int], list[str]]:
    """Returns which of a run's images it is scored on, and what must be said of that."""
    held = held_out(seed, count)[0][:AT_RUNS_END].tolist()
    if held:
        return held, []
    return list(range(min(AT_RUNS_END, count))), ["No photo was held out: these were trained on."]


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
        if model.task == "upscale":
            yield smaller(photo, model.scale, model.recipe["degradation"], random)
            continue
        known = set(model.recipe["degradation"]) | set(UNSEEN)
        for name, (kind, _) in POINTS.items():
            if kind in known:
                yield damaged(photo, name, random)


def middle(photo: np.ndarray, side: int | None) -> np.ndarray:
    """Returns the middle of a photo, at most `side` pixels a side."""
    if side is None:
        return photo
    top, left = (max(0, (length - side) // 2) for length in photo.shape[:2])
    return photo[top : top + side, left : left + side]


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
    """A photo with one of the standard kinds of damage."""
    done = damage(from_bytes(photo), point, random)
    given = to_bytes(done.image)
    kind = POINTS[point][0]
    # Scratches look as on a print, but where they are is known, as of holes.
    mask = done.mask if kind in ("holes", "scratches") else None
    asked = next((name for name in ASKED if kind in FAMILIES[name]), AUTO) if mask is None else AUTO
    return Trial(
        on=point if asked == AUTO else f"{point} (--task {asked})",
        given=given,
        baseline=given,
        truth=np.ascontiguousarray(photo),
        mask=mask,
        task=asked,
    )


def _pair_trials(sources: PhotoSet, targets: PhotoSet, side: int | None) -> Iterator[Trial]:
    for index in range(len(sources)):
        given, truth = (
            np.ascontiguousarray(middle(one.photo(index), side)) for one in (sources, targets)
        )
        yield Trial(on="pairs", given=given, baseline=given, truth=truth)


def _facts(model: TranslationModel, data: Any) -> dict[str, Any]:
    return {
        "data": data.name,
        "data_hash": data.hash,
        "split": data.split,
        "task": model.task,
        "model_sha256": model.facts["sha256"],
        "images_seen": model.facts["training"].get("images"),
        "notes": [],
    }


def arms(model: TranslationModel) -> dict[str, TranslationModel]:
    """Returns the weights to compare, by what they are called."""
    if "fidelity" in model.facts:
        return {"fidelity": model.with_strength(0), "adversarial": model}
    return {"model": model}


def translate(model: TranslationModel, trial: Trial) -> np.ndarray:
    """Returns what a model makes of a trial, uint8 [H, W, 3]."""
    return model.apply(trial.given, mask=trial.mask, task=trial.task)


def _compared(model: TranslationModel, trials: Sequence[Trial]) -> dict[str, Any]:
    if not trials:
        raise EleganError("There is nothing to score the model on. Name other data.")
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for trial in trials:
        found.setdefault((trial.on, "input"), []).append(measured(trial.baseline, trial))
        for name, arm in arms(model).items():
            made = translate(arm, trial)
            found.setdefault((trial.on, name), []).append(measured(made, trial))
    rows = [
        {
            "on": on,
            "row": name,
            "images": len(values),
            **{metric: float(np.mean([one[metric] for one in values])) for metric in values[0]},
        }
        for (on, name), values in found.items()
    ]
    borders = sorted({trial.border for trial in trials})
    return {
        "rows": rows,
        "protocol": "Means over images; PSNR in dB and SSIM of Y (BT.601) and of RGB, in 8 bits,"
        f" a border of {', '.join(map(str, borders))} pixels left out; PD: perceptual distance"
        f" ({NAME}), lower is better.",
    }


def measured(made: np.ndarray, trial: Trial) -> dict[str, float]:
    """Returns the figures of one image; of equal images the PSNR counts as 100 dB."""
    found = compare(made, trial.truth, trial.border)
    finite = {name: min(value, _HIGHEST) for name, value in found.items()}
    return {**finite, "pd": perceptual_distance(made, trial.truth, trial.border)}


def format_rows(scores: Mapping[str, Any]) -> str:
    """Returns the rows as text for a terminal."""
    rows = scores["rows"]
    names = [name for name in rows[0] if name not in ("on", "row", "images")]
    wide = max(len(f"{row['on']}  {row['row']}") for row in rows)
    lines = [f"{scores['data']}: {scores.get('protocol', '')}"]
    lines.append(" " * wide + "".join(f"{name:>12}" for name in names))
    for row in rows:
        cells = "".join(f"{row[name]:>12.4g}" for name in names)
        lines.append(f"{row['on'] + '  ' + row['row']:<{wide}}{cells}")
    return "\n".join([*lines, *scores.get("notes", [])])
