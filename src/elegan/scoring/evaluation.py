"""One way to score any model: by its task."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elegan.errors import UsageError
from elegan.measure.scores import format_scores
from elegan.models import Model, TranslationModel, load_model
from elegan.models.characters import CharacterModel
from elegan.run import Run
from elegan.scoring import characters, generated, translated


def evaluate_model(
    model: Model | TranslationModel | Run | str | Path, data: str, **options: Any
) -> dict[str, Any]:
    """Scores a model against `data`; see `generated.score` and `translated.score`.

    Args:
        options: what the two take; those of the other are refused.

    Raises:
        UsageError: an option does not belong to the model's task.
        EleganError: the data cannot be read, or do not fit the model.
    """
    loaded: Any = model
    if isinstance(model, Run):
        loaded = model.model
    elif isinstance(model, str | Path):
        loaded = load_model(model)
    score: Any = translated.score if isinstance(loaded, TranslationModel) else generated.score
    if isinstance(loaded, CharacterModel):
        score = characters.score
    if unknown := options.keys() - score.__kwdefaults__.keys():
        raise UsageError(
            f"A model of task '{loaded.facts['task']}' is not scored with"
            f" --{', --'.join(sorted(unknown))}. Leave that out."
        )
    return score(loaded, data, **options)


def evaluate_run(run: Run) -> str:
    """Scores a run's model on its own data, keeps scores.json, returns the table as text."""
    run.__dict__.pop("model", None)
    if run.settings.task in translated.TRANSLATING:
        return translated.score_run(run)
    if run.settings.task in characters.TASKS:
        return characters.score_run(run)
    return generated.score_run(run)


def headline(scores: Mapping[str, Any]) -> str:
    """Returns the one figure to look at first beside what it is to be read against, or ""."""
    if "test_accuracy" in scores:
        return f"{scores['test_accuracy']:.1%} of the test images named rightly"
    floor = scores.get("floor", {})
    for distance in (name for name in floor if name.startswith("FD-")):
        real = floor[distance]
        return f"{distance} {scores[distance]:.3g}, real images {real:.3g} (lower is better)"
    rows = scores.get("rows", [{}])
    metric = next((name for name in ("psnr", "kid") if name in rows[0]), None)
    if metric is None:
        return ""
    means = {
        name: sum(found) / len(found)
        for name in {row["row"]: None for row in rows}
        if (found := [row[metric] for row in rows if row["row"] == name])
    }
    unit = "PSNR, dB: " if metric == "psnr" else "kernel distance: "
    return unit + ", ".join(f"{name} {value:.3g}" for name, value in means.items())


def format_any(scores: Mapping[str, Any]) -> str:
    """Returns scores as text for a terminal."""
    if "stages" in scores:
        return characters.format_characters(scores)
    return translated.format_rows(scores) if "rows" in scores else format_scores(scores)
