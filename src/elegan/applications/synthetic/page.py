"""The page report.html of an augmentation: verdict, arms, share curve, classes, images."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from elegan.applications.synthetic.filtering import REASONS, Made
from elegan.applications.synthetic.labelled_set import Given
from elegan.applications.synthetic.protocol import BOTH, CLASSICAL
from elegan.data.pictures import grid, to_pillow
from elegan.report.curves import Series, line_chart
from elegan.report.tables import key_table

_COLUMNS = 10  # images of a class in a row
_MOST_CLASSES = 20
_WIDTH, _ROW, _LEFT, _RIGHT = 760, 30, 300, 680
_STYLE = """
.arms { width: 100%; height: auto; font: 13px system-ui, sans-serif; }
.arms text { fill: var(--text); } .arms .value { fill: var(--soft); }
.arms line { stroke: var(--grid); } .arms .reach { stroke: var(--s1); stroke-width: 2; }
.arms circle { fill: var(--s1); } .arms .base { stroke: var(--soft); stroke-dasharray: 4 4; }
.verdict { font-size: 20px; line-height: 1.45; margin: 0; }
.notes { font-size: 14px; color: var(--soft); } .notes li + li { margin-top: 6px; }
.strip { image-rendering: pixelated; border-radius: 2px; }
#images th, #images td { vertical-align: middle; }
"""


def render(report: Mapping[str, Any], given: Given, made: Made) -> str:
    """Returns the whole page; it loads nothing.

    Args:
        report: the content of report.json.
        given: the given images, some of which are shown.
        made: the delivered images.
    """
    style = files("elegan.report").joinpath("style.css").read_text(encoding="utf-8") + _STYLE
    title = f"Generated images for {report['data']['name']}"
    sections = [
        ("", f'<p class="verdict">{escape(report["verdict"]["sentence"])}</p>{_notes(report)}'),
        ("Arms", _arms(report)),
        ("Share", _curve(report)),
        ("Classes", _classes(report)),
        ("Images", _sheets(given, made)),
        ("Filter", _filter(report)),
        ("Protocol", _protocol(report)),
    ]
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name, _ in sections if name)
    body = "".join(_section(name, content) for name, content in sections if content)
    counts = report["data"]["classes"]
    lead = f"{sum(counts.values()):,} given labels in {len(counts)} classes"
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)} · elegan</title><style>{style}</style></head>"
        f"<body><header><h1>{escape(title)}</h1><p>{escape(lead)}</p><nav>{links}</nav></header>"
        f"<main>{body}</main></body></html>\n"
    )


def _section(name: str, content: str) -> str:
    if not name:
        return f'<section class="first">{content}</section>'
    return f'<section id="{name.lower()}"><h2>{name}</h2>{content}</section>'


def _arms(report: Mapping[str, Any]) -> str:
    """A dot with its interval for each arm, and a table of the same figures."""
    rows = report["arms"]
    bounds = [row["score"][side] for row in rows for side in ("low", "mean", "high")]
    known = [100 * one for one in bounds if one is not None]
    low, high = max(0.0, min(known)), min(100.0, max(known))
    margin = max(0.5, 0.04 * (high - low))
    low, high = low - margin, high + margin

    def place(value: float) -> float:
        # An interval may reach beyond what accuracy can be.
        inside = min(max(100 * value, low), high)
        return round(_LEFT + (inside - low) / (high - low) * (_RIGHT - _LEFT), 1)

    height = _ROW * len(rows) + 10
    parts = [f'<svg class="arms" viewBox="0 0 {_WIDTH} {height}" role="img">']
    base = next((row for row in rows if row["arm"] == CLASSICAL), None)
    if base is not None:
        x = place(base["score"]["mean"])
        parts.append(f'<line class="base" x1="{x}" y1="0" x2="{x}" y2="{height}"/>')
    for index, row in enumerate(rows):
        y, score = index * _ROW + 20, row["score"]
        parts.append(
            f'<text x="{_LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(row["label"])}</text>'
        )
        if score["low"] is not None:
            ends = place(score["low"]), place(score["high"])
            parts.append(f'<line class="reach" x1="{ends[0]}" y1="{y}" x2="{ends[1]}" y2="{y}"/>')
        parts.append(f'<circle cx="{place(score["mean"])}" cy="{y}" r="5"/>')
        parts.append(
            f'<text class="value" x="{_RIGHT + 12}" y="{y + 4}">{100 * score["mean"]:.1f} %</text>'
        )
    parts.append("</svg>")
    head = ("Arm", f"{report['metric']['words']}, %", "95 % interval", "over real + classical", "p")
    cells = []
    for row in rows:
        gain = row.get("gain")
        cells.append(
            (
                f"{row['label']}: {row['about']}",
                f"{100 * row['score']['mean']:.1f}",
                _between(row["score"]),
                "" if gain is None else f"{100 * gain['mean']:+.1f} ({_between(gain, '+')})",
                "" if gain is None or gain["p"] is None else f"{gain['p']:.2g}",
            )
        )
    return "".join(parts) + _table(head, cells)


def _curve(report: Mapping[str, Any]) -> str:
    rows = report["curve"]
    series = [
        Series(
            label="real + classical + generated",
            x=tuple(row["share"] for row in rows),
            y=tuple(100 * row["score"]["mean"] for row in rows),
        )
    ]
    chart = line_chart(
        series,
        title="Effect of the share",
        x_label="share of generated images",
        y_label=f"{report['metric']['words']}, %",
        floor=100 * rows[0]["score"]["mean"],
    )
    cells = [
        (
            f"{row['share']:g}",
            f"{100 * row['score']['mean']:.1f}",
            "" if "gain" not in row else f"{100 * row['gain']['mean']:+.1f}",
            "" if "gain" not in row else _between(row["gain"], "+"),
        )
        for row in rows
    ]
    head = ("Share", f"{report['metric']['words']}, %", "Gain", "95 % interval")
    return (
        f'<div class="beside"><figure>{chart}<figcaption>Dashed: no generated images. At 1'
        f" there are generated images only.</figcaption></figure>{_table(head, cells)}</div>"
    )


def _classes(report: Mapping[str, Any]) -> str:
    made = report["generated"]["classes"]
    rows = []
    for name, found in report["recall"].items():
        before, after = found[CLASSICAL], found[BOTH]
        change = "" if before is None or after is None else f"{100 * (after - before):+.1f}"
        rows.append(
            (
                name,
                f"{report['data']['classes'][name]:,}",
                f"{made[name]['kept']:,}",
                _percent(before),
                _percent(after),
                change,
            )
        )
    head = ("Class", "Given", "Generated", "Recall without", "with generated images", "Change")
    text = _table(head, rows)
    small = report["minority"]
    if small is not None:
        gain = small["gain"]
        more = "" if gain is None else f", {100 * gain['mean']:+.1f} points ({_between(gain, '+')})"
        text += (
            f"<p>Small classes ({escape(', '.join(small['classes']))}): mean recall"
            f" {100 * small[CLASSICAL]:.1f} % without, {100 * small[BOTH]:.1f} % with generated"
            f" images{more}.</p>"
        )
    return text


def _sheets(given: Given, made: Made) -> str:
    """Of each class a strip of given images beside one of generated ones."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(
            f"<td>{_strip(images[labels == label], f'{what} {escape(name)}')}</td>"
            for what, images, labels in (
                ("given", given.images, given.labels),
                ("generated", made.images, made.labels),
            )
        )
        + "</tr>"
        for label, name in enumerate(given.classes[:_MOST_CLASSES])
    )
    return (
        '<div class="scroll"><table><thead><tr><th>Class</th><th>Given</th>'
        "<th>Generated, in the order in which they passed</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _strip(images: np.ndarray, what: str) -> str:
    """The first of some images side by side, or a dash; `what` describes them."""
    shown = images[:_COLUMNS]
    if not len(shown):
        return "–"
    scale = max(1, 40 // images.shape[1])
    return f'<img class="strip" alt="{what}" src="{_uri(grid(shown, _COLUMNS, scale=scale))}">'


def _filter(report: Mapping[str, Any]) -> str:
    generated = report["generated"]
    head = ("Class", "Drawn", "Kept", "Not the class", "Badly made", "Copies", "Twice")
    rows = [
        (
            name,
            *(f"{found[key]:,}" for key in ("drawn", "kept", *REASONS)),
        )
        for name, found in generated["classes"].items()
    ]
    return (
        _table(head, rows)
        + f"<p>{100 * generated['copy_rate']:.1f} % of the images that were of their class and well"
        " made lay nearer to a given image than 99 % of given images lie to another, in pixels or"
        " in the features of a fixed random network, and were dropped.</p>"
    )


def _notes(report: Mapping[str, Any]) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in report["notes"])
    return f'<ul class="notes">{notes}</ul>' if notes else ""


def _protocol(report: Mapping[str, Any]) -> str:
    options = [(name, value) for name, value in report["options"].items() if value is not None]
    return f"<p>{escape(report['protocol'])}</p>" + key_table(
        [*options, *report["environment"].items()]
    )


def _between(one: Mapping[str, Any], sign: str = "") -> str:
    """The interval of a score, or with sign "+" of a gain, within what either can be."""
    if one["low"] is None:
        return ""
    least = -100 if sign else 0
    low, high = (min(100, max(least, 100 * one[side])) for side in ("low", "high"))
    return f"{low:{sign}.1f} to {high:{sign}.1f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    names = f"<th>{escape(head[0])}</th>"
    names += "".join(f'<th class="number">{escape(name)}</th>' for name in head[1:])
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f'<td class="number">{escape(cell)}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )


def _uri(sheet: np.ndarray) -> str:
    buffer = io.BytesIO()
    to_pillow(sheet).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
