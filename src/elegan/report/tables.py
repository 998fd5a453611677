"""The tables of the report page: names and values, and the files that were skipped."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from elegan.report.collect import RunFacts
from elegan.report.words import verdict_counts, verdicts

MOST_ROWS = 200
MOST_MEMBERS = 24


def data_table(facts: RunFacts) -> str:
    """What the data are: every entry of data.json but the verdicts."""
    rows: list[tuple[str, Any]] = []
    for name, value in facts.data.items():
        # The verdicts and their counts have a table of their own.
        if name in ("verdicts", "files") or value in (None, "", [], {}):
            continue
        if isinstance(value, Mapping):
            members = [f"{member} ({leaf_text(count)})" for member, count in value.items()]
            more = [f"{len(members) - MOST_MEMBERS:,} more"] if len(members) > MOST_MEMBERS else []
            rows.append((name, ", ".join(members[:MOST_MEMBERS] + more)))
        else:
            rows.append((name, value))
    return key_table(rows) if rows else ""


def skipped_table(facts: RunFacts) -> str:
    """How many files were used, converted and skipped, and why those skipped were."""
    counts = verdict_counts(facts)
    if not counts:
        return ""
    summary = ", ".join(f"{count:,} {action}" for action, count in counts.items())
    skipped = [verdict for verdict in verdicts(facts) if verdict.get("action") == "skipped"]
    text = f"<h3>Files</h3><p>{escape(summary)}.</p>"
    if not skipped:
        return text
    body = "".join(
        f"<tr><td>{escape(str(verdict.get('file', '')))}</td>"
        f"<td>{escape(str(verdict.get('reason', '')))}</td></tr>"
        for verdict in skipped[:MOST_ROWS]
    )
    return (
        f'{text}<div class="scroll"><table><thead><tr><th>Skipped file</th><th>Reason</th></tr>'
        f"</thead><tbody>{body}</tbody></table></div>{more_note(len(skipped), 'data.json')}"
    )


def key_table(rows: Iterable[tuple[str, Any]]) -> str:
    """Two columns: name and value."""
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(leaf_text(value))}</td></tr>'
        for name, value in rows
    )
    return f'<table class="keys"><tbody>{body}</tbody></table>'


def leaf_text(value: object) -> str:
    """A JSON value as a person reads it; not escaped."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(str(item) for item in value)
    return json.dumps(value, ensure_ascii=False)


def more_note(count: int, where: str) -> str:
    """Says how many of `count` rows a table left out, and the file that has them all."""
    return "" if count <= MOST_ROWS else f"<p>{count - MOST_ROWS:,} more are in {where}.</p>"
