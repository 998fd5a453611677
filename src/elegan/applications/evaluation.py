"""One way to score any model: by its task."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elegan.applications import TASKS, load_model
from elegan.applications.runs import Run
from elegan.common.errors import UsageError


def evaluate_model(model: Any, data: str, **options: Any) -> dict[str, Any]:
    """Scores a model, a run or a path against `data`.

    Args:
        options: those of the task's `score`; others are refused.

    Raises:
        UsageError: an option does not belong to the model's task.
        EleganError: the data cannot be read, or do not fit the model.
    """
    if isinstance(model, Run):
        model = model.model
    elif isinstance(model, str | Path):
        model = load_model(model)
    score = TASKS[model.config["task"]].score
    if unknown := options.keys() - (score.__kwdefaults__ or {}).keys():
        raise UsageError(
            f"A model of task '{model.config['task']}' is not scored with"
            f" --{', --'.join(sorted(unknown))}. Leave that out."
        )
    return score(model, data, **options)


def format_any(scores: Mapping[str, Any]) -> str:
    """Returns scores of any task as text for a terminal."""
    return TASKS[scores["task"]].format_scores(scores)
