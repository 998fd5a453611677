"""Scores of a model from images to images: rows of what one has without it and with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elegan.common.errors import EleganError
from elegan.data.patches import held_out
from elegan.metrics.image_quality import NAME, compare, perceptual_distance
from elegan.models import TranslationModel
from elegan.models.damage import DAMAGES, diagnose
from elegan.models.restoring import AUTO

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


def facts_of(model: TranslationModel, data: Any) -> dict[str, Any]:
    """Returns what any scores of a model on data begin with."""
    return {
        "data": data.name,
        "data_hash": data.hash,
        "split": data.split,
        "task": model.task,
        "model_sha256": model.config["sha256"],
        "images_seen": model.config["training"].get("images"),
        "notes": [],
    }


def unseen(seed: int, count: int) -> tuple[list[int], list[str]]:
    """Returns which of a run's images it is scored on, and what must be said of that."""
    held = held_out(seed, count)[0][:AT_RUNS_END].tolist()
    if held:
        return held, []
    return list(range(min(AT_RUNS_END, count))), ["No photo was held out: these were trained on."]


def middle(photo: np.ndarray, side: int | None) -> np.ndarray:
    """Returns the middle of a photo, at most `side` pixels a side."""
    if side is None:
        return photo
    top, left = (max(0, (length - side) // 2) for length in photo.shape[:2])
    return photo[top : top + side, left : left + side]


def arms(model: TranslationModel) -> dict[str, TranslationModel]:
    """Returns the weights to compare, by what they are called."""
    if "fidelity" in model.config:
        return {"fidelity": model.with_strength(0), "adversarial": model}
    return {"model": model}


def translate(model: TranslationModel, trial: Trial) -> np.ndarray:
    """Returns what a model makes of a trial, uint8 [H, W, 3]; a restorer looks at it first."""
    found = diagnose(trial.given).values if set(model.told) & set(DAMAGES) else None
    return model.apply(trial.given, mask=trial.mask, task=trial.task, found=found)


def compared(model: TranslationModel, trials: Sequence[Trial]) -> dict[str, Any]:
    """Returns the rows of a model's trials: means for each kind of trial and each set of weights.

    Raises:
        EleganError: there is no trial.
    """
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
            **{metric: float(np.mean([value[metric] for value in values])) for metric in values[0]},
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
