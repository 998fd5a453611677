"""The table of classes in the report."""

import json
from pathlib import Path

import pytest
from conftest import section, write_events

from elegan.reports.report_data import ReportData, collect
from elegan.reports.scores import live_fooling

ROW = {"samples": 10, "real": 10, "accuracy": 0.9, "accuracy_real": 0.99, "taken_for": "<b>"}
ROW |= {"coverage": 0.5, "coverage_real": 0.8, "fooling_rate": None}


def class_table(report: ReportData) -> str:
    """The part of the page from the heading of the table on; "" where there is none."""
    return "".join(section(report, "scores").partition("<h3>Class by class</h3>")[1:])


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
    report = collect(run)
    assert "65.0 %" in class_table(report)
    assert "a&lt;" in class_table(report)
    assert "fooling_rate_of" not in section(report, "curves")
    assert "Fooling rate of" not in section(report, "curves")
