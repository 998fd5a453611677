"""The table of classes in the report."""

import json
from pathlib import Path

import pytest
from conftest import write_events

from elegan.report.charts import charts
from elegan.report.classes import class_table, live_fooling
from elegan.report.collect import collect

ROW = {"samples": 10, "real": 10, "accuracy": 0.9, "accuracy_real": 0.99, "taken_for": "<b>"}
ROW |= {"coverage": 0.5, "coverage_real": 0.8, "fooling_rate": None}


def scored(run: Path, **more) -> str:
    scores = json.loads((run / "scores.json").read_text())
    (run / "scores.json").write_text(json.dumps({**scores, **more}))
    return class_table(collect(run))


def test_figures_and_hard_classes(run: Path) -> None:
    why = {"<i>dog": "50.0% of its samples are taken for something else"}
    text = scored(
        run, per_class={"cat": ROW, "<i>dog": ROW}, hard_classes=why, class_judge="digits"
    )
    for part in ("90.0 %", "99.0 %", "80.0 %", "<li>&lt;i&gt;dog: 50.0% of its", "digits"):
        assert part in text
    # Nothing is known of fooling, so it has no column.
    assert "fooling" not in text.lower()
    assert "No class is clearly" in scored(run, per_class={"cat": ROW}, hard_classes={})


def test_runs_without_classes_have_no_table(run: Path) -> None:
    assert class_table(collect(run)) == ""
    for odd in (3, [], {"cat": 5}, None):
        assert scored(run, per_class=odd, hard_classes=odd) == ""


def test_of_many_classes_the_first_are_shown(run: Path) -> None:
    text = scored(run, per_class={str(one): ROW for one in range(1000)}, hard_classes={})
    assert text.count("<tr>") == 41
    assert "960 more classes" in text


def test_fooling_while_training_is_a_column_and_no_curve(run: Path) -> None:
    ticks = [
        {"event": "tick", "images": place, "signals": {"fooling_rate_of_a<": 0.1 * place}}
        for place in range(8)
    ]
    write_events(run, ticks)
    assert live_fooling(ticks) == {"a<": pytest.approx(0.65)}
    facts = collect(run)
    assert "65.0 %" in class_table(facts)
    assert "a&lt;" in class_table(facts)
    assert not any("fooling_rate_of" in figure for figure in charts(facts))
