"""The table of a model from images to images: input, weights before and after, model."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import section

from elegan.applications import TASKS
from elegan.reports import write_report
from elegan.reports.report_data import ReportData, collect
from elegan.reports.scores import comparison_cells
from elegan.reports.words import commands, translates

ROWS = [
    {"on": "bicubic, x2", "row": "input", "images": 3, "psnr_y": 30.125, "pd": 0.25},
    {"on": "bicubic, x2", "row": "<model>", "images": 3, "psnr_y": 31.5, "pd": None},
]
SCORES = {"rows": ROWS, "protocol": "Means & more."}


def _translator(run: Path, scores: Any, task: str = "upscale", **translate: Any) -> ReportData:
    settings = {"data": "photos", "task": task, "translate": translate}
    return dataclasses.replace(
        collect(run), settings=settings, scores=scores, has_model=True, spec=TASKS[task]
    )


def test_the_table_has_a_column_for_each_figure_that_is_there(run: Path) -> None:
    text = section(_translator(run, SCORES), "scores")
    assert "PSNR of Y, dB" in text
    assert "Perceptual distance" in text
    assert "SSIM" not in text
    assert "Kernel distance" not in text
    assert text.count("<tr>") == 3
    assert "30.1" in text
    assert "&lt;model&gt;" in text
    assert "Means &amp; more." in text


def test_a_figure_that_is_missing_or_not_finite_is_an_empty_cell(run: Path) -> None:
    rows = [dict(ROWS[0], pd=float("nan")), ROWS[1], "damaged"]
    text = section(_translator(run, {"rows": rows}), "scores")
    assert "Perceptual distance" not in text
    assert "nan" not in text.lower()
    assert text.count("<tr>") == 3


@pytest.mark.parametrize("rows", [None, [], "rows", {}, [{"on": "x"}]])
def test_without_figures_there_is_no_table(run: Path, rows: Any) -> None:
    for scores in ({"rows": rows}, {}):
        assert comparison_cells(scores) == []
        assert section(_translator(run, scores), "scores") == ""


def test_scores_of_drawn_images_are_no_rows(run: Path) -> None:
    report = collect(run)
    assert comparison_cells(report.scores) == []
    assert not translates(report)
    assert translates(_translator(run, SCORES))


def test_what_to_type_next_uses_the_model(run: Path) -> None:
    found = [one.text for one in commands(_translator(run, SCORES, "restore"))]
    assert any(text.startswith("elegan restore photo.jpg --model") for text in found)
    assert not any("generate" in text for text in found)
    beside = [one.text for one in commands(_translator(run, SCORES, "stylize", target="my B"))]
    assert any("evaluate" in text and text.endswith("--target 'my B'") for text in beside)


def test_the_page_shows_the_table_and_the_course_of_the_psnr(run: Path) -> None:
    settings = json.loads((run / "settings.json").read_text())
    (run / "settings.json").write_text(json.dumps({**settings, "task": "upscale"}))
    (run / "scores.json").write_text(json.dumps({**SCORES, "data": "photos"}))
    lines = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    for index, line in enumerate(lines):
        if line["event"] == "tick":
            line["signals"] = {"psnr": 30 + index / 100, "psnr_baseline": 29.5}
    (run / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = write_report(run).read_text()
    assert "<td>input</td>" in page
    assert "PSNR" in page
    assert "Real: real against real" not in page
