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


def comparison_section(facts: RunFacts) -> str:
    """A table of input, weights before the adversarial phase, and model; "" where there is none."""
    rows = comparison_rows(facts.scores)
    columns = [name for name in _HEADS if any(finite(row.get(name)) is not None for row in rows)]
    if not columns:
        return ""
    head = "".join(f'<th class="number">{_HEADS[name]}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(str(row.get("on", "")))}</th>'
        f"<td>{escape(str(row.get('row', '')))}</td>"
        + "".join(f'<td class="number">{_cell(row.get(name))}</td>' for name in columns)
        + "</tr>"
        for row in rows
    )
    protocol = escape(str(facts.scores.get("protocol", "")))
    return (
        f'<div class="scroll"><table><thead><tr><th>On</th><th>Row</th>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div><p class="small">{protocol}</p>'
    )


def _cell(value: object) -> str:
    number = finite(value)
    return "" if number is None else compact(number)
