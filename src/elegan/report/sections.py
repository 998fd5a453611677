"""The sections of the report page: each turns the facts into HTML, or '' where there are none."""

import math
from html import escape
from pathlib import Path

from elegan.report.classes import class_table
from elegan.report.collect import RunFacts, Sample, find, flatten
from elegan.report.comparison import translates
from elegan.report.curves import compact
from elegan.report.pictures import embed
from elegan.report.scores import ScoreRow, class_shares, headline, protocol, score_rows
from elegan.report.tables import MOST_ROWS, data_table, key_table, more_note, skipped_table
from elegan.report.words import (
    alarms,
    class_names,
    commands,
    data_name,
    duration,
    health,
    images_text,
    machine,
    short_count,
    speed,
    state,
)
from elegan.training.alarms import Alarm
from elegan.training.monitor import alarm_spans

MOST_STRIP = 8
SHEET_WIDTH, STRIP_WIDTH = 1120, 520


def facts_list(facts: RunFacts) -> str:
    """What this run is, as a list of short facts."""
    rows = [("Data", data_name(facts))] if data_name(facts) else []
    for label, names in (("Task", ("task",)), ("Preset", ("preset",)), ("Size", ("size",))):
        value = find(facts.settings, *names)
        if isinstance(value, str | int | float) and value != "":
            rows.append((label, str(value)))
    rows.append(("Images seen", f"{facts.images:,}"))
    rows.append(("Training time", duration(facts.seconds)))
    if (rate := speed(facts)) is not None:
        rows.append(("Speed", f"{rate:,.0f} images/s" if rate >= 10 else f"{rate:.2g} images/s"))
    rows += machine(facts).items()
    cells = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in rows)
    return f'<dl class="facts">{cells}</dl>'


def verdict_section(facts: RunFacts) -> str:
    """The latest samples, big, and in plain words how the run stands."""
    sheet = ""
    for sample in reversed(facts.samples):
        sheet = _picture(sample.path, SHEET_WIDTH, "Latest samples", "sheet")
        if sheet:
            sheet = (
                f"<figure>{sheet}<figcaption>{_shown(facts)} after "
                f"{images_text(sample.images)}</figcaption></figure>"
            )
            break
    parts = [f'<p class="health">{escape(health(facts) or "No health line was written.")}</p>']
    parts += [_alarm(alarm) for alarm in alarms(facts)]
    parts.append(f"<p>{escape(state(facts))}</p>")
    parts.append(_headline_scores(score_rows(facts.scores)))
    if caution := find(facts.scores.get("extractor") or {}, "caution"):
        parts.append(f'<p class="small">{escape(str(caution))}</p>')
    if facts.notes:
        notes = "".join(f"<li>{escape(note)}</li>" for note in facts.notes)
        parts.append(f'<div class="notes"><h3>Missing from this report</h3><ul>{notes}</ul></div>')
    parts.append(facts_list(facts))
    return f'{sheet}<div class="verdict"><h2>How it stands</h2>{"".join(parts)}</div>'


def _shown(facts: RunFacts) -> str:
    """What a sheet shows."""
    if not translates(facts):
        return "Samples from fixed latents"
    return "What goes in, what comes out and, where it is known, the truth,"


def scores_section(facts: RunFacts) -> str:
    """Every score beside what real images score against other real images."""
    rows = score_rows(facts.scores)
    if not rows:
        return class_table(facts)
    floors = any(row.floor is not None for row in rows)
    body = "".join(_score_row(row, floors) for row in rows)
    floor_head = '<th class="number">Floor: real against real</th>' if floors else ""
    table = (
        '<table class="scores"><thead><tr><th>Score</th>'
        f'<th class="number">This model</th>{floor_head}</tr></thead>{body}</table>'
    )
    note = (
        "<p>The floor is the same score between two sets of real images: the best that a "
        "perfect generator could reach with as many samples.</p>"
        if floors
        else ""
    )
    how = f'<p class="small">{escape(" ".join(protocol(facts.scores)))}</p>'
    beside = f'<div class="beside"><div>{table}{note}{how}</div>{_shares(facts)}</div>'
    return beside + class_table(facts)


def progress_section(facts: RunFacts) -> str:
    """Sheets of the same latents over the run: early ones close together, later ones apart."""
    figures = []
    for sample in spread(facts.samples, MOST_STRIP):
        alt = f"Samples after {images_text(sample.images)}"
        picture = _picture(sample.path, STRIP_WIDTH, alt, "")
        if picture:
            label = short_count(sample.images)
            figures.append(f"<figure>{picture}<figcaption>{label}</figcaption></figure>")
    if len(figures) < 2:
        return ""
    same = "inputs" if translates(facts) else "latents"
    return (
        f"<p>The same {same} all along; below each sheet, the training images seen.</p>"
        f'<div class="strip">{"".join(figures)}</div>'
    )


def spread(samples: tuple[Sample, ...], count: int) -> list[Sample]:
    """Picks at most `count` samples, evenly in the logarithm of images seen, ends included.

    A generator changes most at the start: even steps would show one sketch and seven alike.
    """
    if len(samples) <= count:
        return list(samples)
    first, last = samples[0], samples[-1]
    low, high = math.log(max(first.images, 1)), math.log(max(last.images, 2))
    if first.images == 0:
        low = math.log(max(samples[1].images, 1))
    chosen = {first, last}
    for step in range(1, count - 1):
        target = math.exp(low + (high - low) * step / (count - 1))
        rest = [sample for sample in samples if sample not in chosen]
        chosen.add(min(rest, key=lambda sample: abs(sample.images - target)))
    return sorted(chosen, key=lambda sample: sample.images)


def data_section(facts: RunFacts) -> str:
    """Real images, the first batch as the discriminator saw it, and the verdict on each file."""
    figures = []
    for path, caption in (
        (facts.real, "Real images, as read"),
        (facts.first_batch, "The first batch, as the discriminator saw it"),
    ):
        picture = _picture(path, SHEET_WIDTH // 2, caption, "") if path else ""
        if picture:
            figures.append(f"<figure>{picture}<figcaption>{caption}</figcaption></figure>")
    pictures = f'<div class="pair">{"".join(figures)}</div>' if figures else ""
    return f"{pictures}{data_table(facts)}{skipped_table(facts)}"


def events_section(facts: RunFacts) -> str:
    """Resumes, acts of the guard and alarms, in order of images seen."""
    rows: list[tuple[int, str, str, str]] = []
    for event in facts.of("guard", "resume", "stop"):
        words = [str(event[key]) for key in ("action", "reason") if event.get(key)]
        if event["event"] == "resume" and not words:
            words = ["continued from a checkpoint"]
        kind = str(event["event"])
        rows.append((event["images"], kind, kind, ": ".join(words)))
    for span in alarm_spans(facts.ticks):
        until = "" if span.first == span.last else f" (until {images_text(span.last)})"
        until = " (it stands)" if span.stands else until
        label = f"alarm: {span.alarm.name}" if span.alarm.remedy else "alarm"
        rows.append((span.first, "alarm", label, span.alarm.text + until))
    if not rows:
        return ""
    rows.sort(key=lambda row: row[0])
    body = "".join(
        f'<tr><td class="number">{images:,}</td><td><span class="tag {kind}">{escape(label)}'
        f"</span></td><td>{escape(text)}</td></tr>"
        for images, kind, label, text in rows[:MOST_ROWS]
    )
    more = more_note(len(rows), "events.jsonl")
    return (
        '<div class="scroll"><table class="events"><thead><tr><th class="number">Images seen</th>'
        "<th>Event</th><th>What happened</th></tr></thead>"
        f"<tbody>{body}</tbody></table></div>{more}"
    )


def settings_section(facts: RunFacts) -> str:
    """The resolved settings and the environment, every value."""
    tables = [
        f"<div><h3>{title}</h3>{key_table(flatten(document))}</div>"
        for title, document in (
            ("Settings", facts.settings),
            ("Environment", facts.environment),
        )
        if document
    ]
    return f'<div class="pair">{"".join(tables)}</div>' if tables else ""


def commands_section(facts: RunFacts) -> str:
    """What to type next."""
    rows = "".join(
        f"<li><span>{escape(command.purpose)}</span><code>{escape(command.text)}</code></li>"
        for command in commands(facts)
    )
    return f'<ul class="commands">{rows}</ul>'


def _picture(path: Path, width: int, alt: str, kind: str) -> str:
    picture = embed(path, width=width)
    if picture is None:
        return ""
    name = f' class="{kind}"' if kind else ""
    return (
        f'<img{name} src="{picture.uri}" width="{picture.width}" height="{picture.height}" '
        f'alt="{escape(alt)}">'
    )


def _alarm(alarm: Alarm) -> str:
    remedy = f"<small>What to do: {escape(alarm.remedy)}</small>" if alarm.remedy else ""
    return f'<p class="alarm">{escape(alarm.text)}{remedy}</p>'


def _headline_scores(rows: list[ScoreRow]) -> str:
    items = []
    for row in headline(rows):
        floor = "" if row.floor is None else f"<small>real {compact(row.floor)}</small>"
        items.append(f"<div><dt>{escape(row.name)}</dt><dd>{compact(row.value)}{floor}</dd></div>")
    return f'<dl class="headline">{"".join(items)}</dl>' if items else ""


def _score_row(row: ScoreRow, floors: bool) -> str:
    floor = "" if row.floor is None else compact(row.floor)
    floor_cell = f'<td class="number">{floor}</td>' if floors else ""
    deviation = "" if row.deviation is None else f" <small>± {compact(row.deviation)}</small>"
    # A line of its own: beside the numbers it would be a column of single words on a phone.
    about = f'<tr class="about"><td colspan="3">{escape(row.meaning)}</td></tr>'
    return (
        f'<tbody><tr><th scope="row">{escape(row.name)}</th><td class="number">'
        f"<b>{compact(row.value)}</b>{deviation}</td>{floor_cell}</tr>"
        f"{about if row.meaning else ''}</tbody>"
    )


def _shares(facts: RunFacts) -> str:
    shares = class_shares(facts.scores, class_names(facts))
    if not shares:
        return ""
    most = max(max(share.generated, share.real or 0.0) for share in shares) or 1.0
    items = []
    for share in shares:
        width = 100 * share.generated / most
        real = ""
        if share.real is not None:
            real = f'<i class="real" style="left:{100 * share.real / most:.1f}%"></i>'
        items.append(
            f"<li><span>{escape(share.name)}</span>"
            f'<div class="track"><i class="bar" style="width:{width:.1f}%"></i>{real}</div>'
            f"<b>{100 * share.generated:.1f} %</b></li>"
        )
    real_known = any(share.real is not None for share in shares)
    key = "; the line is its share of real images" if real_known else ""
    return (
        '<div><h3>Classes among the samples</h3><p class="small">Bar: share of the samples taken '
        f'for this class{key}.</p><ul class="shares">{"".join(items)}</ul></div>'
    )
