"""What a model from images to images does for its inputs: the rows of its scores."""

from collections.abc import Mapping
from html import escape
from typing import Any

from elegan.report.collect import RunFacts, find, finite
from elegan.report.curves import compact

TRANSLATING = ("upscale", "restore", "stylize")
_HEADS = {
    "psnr_y": "PSNR of Y, dB",
    "ssim_y": "SSIM of Y",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "pd": "Perceptual distance",
    "kid": "Kernel distance",
    "deviation": "its deviation",
}


def translates(facts: RunFacts) -> bool:
    """Whether the run's model takes images, so that its sheets show inputs too."""
    return find(facts.settings, "task") in TRANSLATING


def comparison_rows(scores: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns the readable rows of scores.json; [] where the model draws from noise."""
    rows = scores.get("rows")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def comparison_cells(scores: Mapping[str, Any]) -> list[list[str]]:
    """Returns the table's cells, its head first: what on, which row, figures; only a head if bare.

    Rows are input, weights before the adversarial phase, and model.
    """
    rows = comparison_rows(scores)
    columns = [name for name in _HEADS if any(finite(row.get(name)) is not None for row in rows)]
    cells = [["On", "Row", *(_HEADS[name] for name in columns)]]
    for row in rows if columns else []:
        named = [str(row.get("on", "")), str(row.get("row", ""))]
        cells.append([*named, *(_cell(row.get(name)) for name in columns)])
    return cells


def comparison_section(facts: RunFacts) -> str:
    """The same as a table of the page; "" where there is none."""
    (_, _, *heads), *rows = comparison_cells(facts.scores)
    if not rows:
        return ""
    head = "".join(f'<th class="number">{name}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(on)}</th><td>{escape(row)}</td>'
        + "".join(f'<td class="number">{figure}</td>' for figure in figures)
        + "</tr>"
        for on, row, *figures in rows
    )
    protocol = escape(str(facts.scores.get("protocol", "")))
    return (
        f'<div class="scroll"><table><thead><tr><th>On</th><th>Row</th>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div><p class="small">{protocol}</p>'
    )


def _cell(value: object) -> str:
    number = finite(value)
    return "" if number is None else compact(number)
