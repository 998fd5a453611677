"""The model card: data, recipe, scores and limits of a model, as Markdown to publish with it."""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from elegan.report.collect import RunFacts, finite, flatten
from elegan.report.comparison import comparison_cells, comparison_rows
from elegan.report.curves import compact
from elegan.report.scores import ClassShare, class_shares, protocol, score_rows
from elegan.report.words import (
    alarms,
    class_names,
    commands,
    data_name,
    duration,
    finished,
    images_text,
    machine,
    state,
)

FEW_IMAGES = 1000
# A class this far from its share of the real images is named among the limits.
LEAST_SHARE, MOST_SHARE = 0.7, 1.3


def model_card(facts: RunFacts) -> str:
    """Returns the model card of a run as Markdown.

    What the run folder does not say is left out or named as unknown; nothing is guessed.
    """
    data = data_name(facts) or "unknown data"
    parts = [
        f"# {_plain(facts.run.resolve().name)}",
        f"A generative adversarial network trained on {_plain(data)} with elegan. {state(facts)}",
        "## Data",
        *_data(facts),
        "## Recipe",
        _table(("Setting", "Value"), _recipe(facts)),
        "## Scores",
        *_scores(facts),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(facts)),
        "## Use",
        _fence("\n".join(command.text for command in commands(facts))),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _data(facts: RunFacts) -> list[str]:
    data = facts.data
    rows: list[tuple[str, Any]] = []
    for name in ("name", "split", "images", "resolution", "channels", "hash"):
        if data.get(name) not in (None, ""):
            rows.append((name, data[name]))
    names = class_names(facts)
    if names:
        more = f" and {len(names) - 20:,} more" if len(names) > 20 else ""
        rows.append((f"{len(names)} classes", ", ".join(names[:20]) + more))
    table = _table(("Data", "Value"), rows) if rows else "No record of the data was kept."
    return [
        table,
        "The terms of the data hold for what is made from it; check them before you publish.",
    ]


def _recipe(facts: RunFacts) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = [
        ("images seen", f"{facts.images:,}"),
        ("training time", duration(facts.seconds)),
    ]
    rows += [(label.lower(), value) for label, value in machine(facts).items()]
    taken = {"device", "precision", "threads", "data", "out"}
    rows += [
        (name, value)
        for name, value in flatten(facts.settings)
        if value is not None and name not in taken
    ]
    return rows


def _scores(facts: RunFacts) -> list[str]:
    head, *compared = comparison_cells(facts.scores)
    if compared:
        return [_table(head, compared), _plain(str(facts.scores.get("protocol", "")))]
    rows = score_rows(facts.scores)
    if not rows:
        return ["None were measured."]
    table = _table(
        ("Score", "This model", "Floor: real against real", "Meaning"),
        [
            (
                row.name,
                compact(row.value),
                "" if row.floor is None else compact(row.floor),
                row.meaning,
            )
            for row in rows
        ],
    )
    return [table, _plain(" ".join(protocol(facts.scores)))]


def _limits(facts: RunFacts) -> list[str]:
    limits = [
        "It repeats the gaps and the biases of its data; its samples show nothing that exists.",
    ]
    count = finite(facts.data.get("images"))
    if count is not None and count < FEW_IMAGES:
        limits.append(
            f"It has seen only {images_text(int(count))}: samples may be near copies of them."
        )
    if not finished(facts):
        limits.append("Its training was not finished when this card was written.")
    if comparison_rows(facts.scores):
        limits.append("Its figures hold for the photos and the damage they were taken on.")
    elif score_rows(facts.scores):
        limits.append(
            "Distances hold for the extractor named above; they cannot be compared with the FID of "
            "papers."
        )
    else:
        limits.append("How good it is was not measured: type `elegan evaluate`.")
    uneven = _uneven(class_shares(facts.scores, class_names(facts)))
    limits += [uneven] if uneven else []
    limits += [_plain(alarm.text) for alarm in alarms(facts)]
    return limits


def _uneven(shares: Iterable[ClassShare]) -> str | None:
    named = [
        f"{_plain(share.name)} ({100 * share.generated:.1f} % of its samples, "
        f"{100 * share.real:.1f} % of the data)"
        for share in shares
        if share.real and not LEAST_SHARE <= share.generated / share.real <= MOST_SHARE
    ]
    return f"It makes some classes too rarely or too often: {', '.join(named)}." if named else None


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    lines += [f"| {' | '.join(_plain(_text(cell)) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "" if isinstance(value, Mapping) and not value else str(value)


def _plain(text: str) -> str:
    """Escapes what Markdown or HTML would read as markup; a name may hold anything."""
    one_line = " ".join(text.split())
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", escape(one_line, quote=False))


def _fence(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}sh\n{text}\n{fence}"
