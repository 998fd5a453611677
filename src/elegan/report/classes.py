"""Class by class in the report: what was asked for and came, what is covered, which are hard."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from elegan.metrics.classes import describe_hard
from elegan.metrics.score_table import CLASS_COLUMNS, MOST_CLASSES
from elegan.report.charts import BY_CLASS
from elegan.report.collect import RunFacts, finite

LIVE = "while training"


def class_table(facts: RunFacts) -> str:
    """A row a class with its figures, and why some are hard; "" where nothing is known of them."""
    detail = _rows(facts.scores.get("per_class"))
    live = live_fooling(facts.ticks)
    names = list(detail) or list(live)
    if not names:
        return ""
    columns = {
        key: head
        for key, head in CLASS_COLUMNS.items()
        if any(finite(one.get(key.removesuffix("_real"))) is not None for one in detail.values())
    }
    heads = [*columns.values(), *([f"fooling {LIVE}"] if live else [])]
    body = "".join(
        _row(name, [*(detail.get(name, {}).get(key) for key in columns), *_of(live, name)])
        for name in names[:MOST_CLASSES]
    )
    head = "".join(f'<th class="number">{escape(one)}</th>' for one in heads)
    more = len(names) - MOST_CLASSES
    note = f'<p class="small">{more:,} more classes are in scores.json.</p>' if more > 0 else ""
    table = (
        f'<div class="scroll"><table><thead><tr><th>Class</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{note}"
    )
    return f"<h3>Class by class</h3>{_hard(facts.scores)}{_reading(facts.scores, columns)}{table}"


def live_fooling(ticks: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns the fooling rate of each class, the mean over the last quarter of the ticks."""
    found: dict[str, list[float]] = {}
    for tick in ticks[-max(1, len(ticks) // 4) :]:
        signals = tick.get("signals")
        for name, raw in signals.items() if isinstance(signals, Mapping) else ():
            value = finite(raw)
            if name.startswith(BY_CLASS) and value is not None:
                found.setdefault(name.removeprefix(BY_CLASS), []).append(value)
    return {name: sum(values) / len(values) for name, values in found.items()}


def _rows(found: object) -> dict[str, Mapping[str, Any]]:
    if not isinstance(found, Mapping):
        return {}
    return {str(name): one for name, one in found.items() if isinstance(one, Mapping)}


def _of(live: Mapping[str, float], name: str) -> list[float | None]:
    return [live.get(name)] if live else []


def _row(name: str, values: Sequence[Any]) -> str:
    cells = "".join(f'<td class="number">{_share(finite(value))}</td>' for value in values)
    return f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _hard(scores: Mapping[str, Any]) -> str:
    hard, detail = scores.get("hard_classes"), _rows(scores.get("per_class"))
    if not isinstance(hard, Mapping) or not detail:
        return ""
    heading, sentences = describe_hard(detail, {str(name): str(hard[name]) for name in hard})
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<p>{heading}</p>" + (f'<ul class="hard">{items}</ul>' if items else "")


def _reading(scores: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    said = []
    if "accuracy" in columns:
        said.append("As asked: samples that are taken for the class asked for.")
    if "coverage" in columns:
        said.append("Coverage: images of the class with a sample beside them.")
    if "fooling_rate" in columns:
        said.append("Fooling: samples that the discriminator scores above real images.")
    if said:
        said.append("Real: the same of unseen real images, which is the most to be expected.")
    if scores.get("class_judge"):
        said.append(f"Judge of the classes: {scores['class_judge']}.")
    return f'<p class="small">{escape(" ".join(said))}</p>' if said else ""
