"""Writes `report.html`, one file that opens from disk and says what a run did, and the card."""

from html import escape
from importlib.resources import files
from pathlib import Path

from elegan.common.errors import EleganError
from elegan.common.files import write_durably
from elegan.report.capacity import capacity_section
from elegan.report.card import model_card
from elegan.report.charts import charts, marks_key
from elegan.report.collect import RunFacts, collect, find
from elegan.report.comparison import comparison_section
from elegan.report.copies import copies_section
from elegan.report.sections import (
    commands_section,
    data_section,
    events_section,
    progress_section,
    scores_section,
    settings_section,
    verdict_section,
)
from elegan.report.words import data_name, duration, images_text


def write_report(run: Path) -> Path:
    """Writes `run/report.html`, whole or not at all, and returns its path.

    The page holds its pictures, curves and style; it loads nothing. A run that was killed or has
    lost files still gets a page, which says what was missing. Beside a model its card is written,
    `run/model/README.md`.

    Raises:
        EleganError: `run` is no run folder, or a file cannot be written there.
    """
    run = Path(run)
    target = run / "model" / "README.md"
    facts = collect(run)
    try:
        if facts.has_model:
            write_durably(target, model_card(facts))
        target = run / "report.html"  # last: it tells that a run is finished
        write_durably(target, render(facts))
    except OSError as error:
        raise EleganError(
            f"Could not write '{target}': {error.strerror}. Free some space or make the folder "
            f"writable, then type 'elegan report {run}'."
        ) from error
    return target


def render(facts: RunFacts) -> str:
    """Returns the whole page for `facts`."""
    title = facts.run.resolve().name
    data = data_name(facts)
    style = files("elegan.report").joinpath("style.css").read_text(encoding="utf-8")
    figures = "".join(charts(facts))
    curves = f'{marks_key(facts)}<div class="curves">{figures}</div>' if figures else ""
    sections = [
        ("", verdict_section(facts)),
        ("Scores", comparison_section(facts) or scores_section(facts)),
        ("Copies", copies_section(facts)),
        ("Progress", progress_section(facts)),
        ("Curves", curves),
        ("Capacity", capacity_section(facts)),
        ("Data", data_section(facts)),
        ("Events", events_section(facts)),
        ("Settings", settings_section(facts)),
        ("Next", commands_section(facts)),
    ]
    shown = [(name, body) for name, body in sections if body]
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name, _ in shown if name)
    body = "".join(_section(name, content) for name, content in shown)
    preset = find(facts.settings, "preset")
    lead = [part for part in (data, preset) if isinstance(part, str) and part]
    lead += [images_text(facts.images), f"{duration(facts.seconds)} of training"]
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)} · elegan</title><style>{style}</style></head>"
        f"<body><header><h1>{escape(title)}</h1><p>{escape(', '.join(lead))}</p>"
        f"<nav>{links}</nav></header>"
        f"<main>{body}</main></body></html>\n"
    )


def _section(name: str, content: str) -> str:
    if not name:
        return f'<section class="first">{content}</section>'
    return f'<section id="{name.lower()}"><h2>{name}</h2>{content}</section>'
