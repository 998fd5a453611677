"""How large the players are, in the report, beside the sign that the discriminator is too large."""

from collections.abc import Mapping
from html import escape
from typing import Any

from elegan.report.collect import RunFacts, finite
from elegan.report.words import short_count

_PLAYERS = ("generator", "discriminator")
_COLUMNS = {
    "parameters": "Parameters",
    "macs": "Multiplications an image",
    "activations": "Activations an image",
    "receptive_field": "Sees, in pixels",
}


def capacity_section(facts: RunFacts) -> str:
    """A row a player, as the run noted it when it began; "" where it did not."""
    sizes = _sizes(facts)
    if not sizes:
        return ""
    columns = {
        name: head
        for name, head in _COLUMNS.items()
        if any(finite(one.get(name)) is not None for one in sizes.values())
    }
    head = "".join(f'<th class="number">{one}</th>' for one in columns.values())
    body = "".join(
        f'<tr><th scope="row">{escape(player)}</th>'
        + "".join(f'<td class="number">{_count(one.get(name))}</td>' for name in columns)
        + "</tr>"
        for player, one in sizes.items()
    )
    return (
        f'<div class="scroll"><table><thead><tr><th>Player</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{_overfitting(facts)}"
    )


def _sizes(facts: RunFacts) -> dict[str, Mapping[str, Any]]:
    for event in reversed(facts.of("start", "resume")):
        found = event.get("capacity")
        if isinstance(found, Mapping):
            return {
                player: found[player]
                for player in _PLAYERS
                if isinstance(found.get(player), Mapping)
            }
    return {}


def _count(value: object) -> str:
    number = finite(value)
    if number is None:
        return ""
    return short_count(int(number)) if number >= 10_000 else f"{number:,.0f}"


def _overfitting(facts: RunFacts) -> str:
    """What held-out images say of the discriminator's capacity, from the latest tick."""
    signals = facts.ticks[-1].get("signals") if facts.ticks else None
    if not isinstance(signals, Mapping):
        return ""
    gap, error = (finite(signals.get(name)) for name in ("held_out_gap", "held_out_gap_error"))
    if gap is None:
        return ""
    sure = "" if error is None else f" (± {error:.2f})"
    return (
        f"<p>At the last tick the discriminator scored its training images {gap:.2f}{sure} standard"
        " deviations above unseen ones. Near 0 its capacity suits the data; above 1 it memorises,"
        " and a smaller --size, more --loss.r1 or --augment.kinds diffaugment helps.</p>"
    )
