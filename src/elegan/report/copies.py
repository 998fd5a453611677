"""Copies in the report: what is copied, by name, and the nearest pairs to look at."""

from collections.abc import Mapping
from html import escape
from typing import Any

from elegan.metrics.neighbours import describe_copies
from elegan.report.collect import RunFacts, finite
from elegan.report.pictures import embed

SHEET = "copies.png"
_ROWS = 8  # of each space
_WIDTH = 1120


def copies_section(facts: RunFacts) -> str:
    """What is copied, the sheet of nearest pairs and their distances; "" where none were taken."""
    spaces = _spaces(facts.scores.get("copies"))
    if not spaces:
        return ""
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in describe_copies(spaces))
    tables = "".join(_table(space, found) for space, found in spaces.items())
    return f'{said}{_sheet(facts, list(spaces))}<div class="pair">{tables}</div>'


def _spaces(found: object) -> dict[str, Mapping[str, Any]]:
    """Returns the spaces whose facts are whole."""
    if not isinstance(found, Mapping):
        return {}
    return {
        str(space): one
        for space, one in found.items()
        if isinstance(one, Mapping)
        and all(finite(one.get(name)) is not None for name in ("count", "of", "expected"))
        and isinstance(one.get("copied"), Mapping)
        and isinstance(one.get("pairs"), list)
    }


def _sheet(facts: RunFacts, spaces: list[str]) -> str:
    path = facts.run / SHEET
    picture = embed(path, width=_WIDTH) if path.is_file() else None
    if picture is None:
        return ""
    order = ", then ".join(spaces)
    return (
        f'<figure class="copies"><img src="{picture.uri}" width="{picture.width}" '
        f'height="{picture.height}" alt="Nearest pairs"><figcaption>The nearest pairs, each a '
        "sample on the left and its training image on the right; nearest first, in "
        f"{escape(order)}."
        "</figcaption></figure>"
    )


def _table(space: str, found: Mapping[str, Any]) -> str:
    body = "".join(_row(pair) for pair in found["pairs"][:_ROWS] if isinstance(pair, Mapping))
    return (
        f"<div><h3>Nearest in {escape(space)}</h3><table><thead><tr>"
        '<th class="number">Sample</th><th>Training image</th>'
        f'<th class="number">Distance</th></tr></thead><tbody>{body}</tbody></table>'
        '<p class="small">Distance: below 1 a near-copy, nearer than 99 % of unseen real images.'
        "</p>"
        "</div>"
    )


def _row(pair: Mapping[str, Any]) -> str:
    relative = finite(pair.get("relative"))
    distance = "" if relative is None else f"{relative:.2f}"
    shown = f"<b>{distance}</b>" if pair.get("copy") else distance
    return (
        f'<tr><td class="number">{escape(str(pair.get("sample", "")))}</td>'
        f"<td>{escape(str(pair.get('file', '')))}</td>"
        f'<td class="number">{shown}</td></tr>'
    )
