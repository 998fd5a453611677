"""The report's section on copies."""

import json
from pathlib import Path

import numpy as np
from conftest import section
from PIL import Image

from elegan.reports.report_data import collect


def pair(number: int, copy: bool) -> dict:
    relative = 0.4 if copy else 1.2
    file = f"cats/<{number}>.png"
    return {"sample": number, "training": 1, "file": file, "relative": relative, "copy": copy}


COPIES = {
    "pixels": {
        "count": 60,
        "of": 2000,
        "expected": 20.0,
        "copied": {"cats/<1>.png": 58, "b.png": 2},
        "pairs": [pair(number, number < 3) for number in range(16)],
    },
    "features": {"count": 21, "of": 2000, "expected": 20.0, "copied": {}, "pairs": []},
}


def copies_section(run: Path, copies: object) -> str:
    scores = json.loads((run / "scores.json").read_text())
    (run / "scores.json").write_text(json.dumps({**scores, "copies": copies}))
    return section(collect(run), "copies")


def test_copies_are_named_and_their_distances_shown(run: Path) -> None:
    text = copies_section(run, COPIES)
    assert "60 of 2,000 samples are near-copies of training images in pixels" in text
    assert "cats/&lt;1&gt;.png (58 times), b.png (2 times)." in text
    assert "Elsewhere no sign of it: 21 of 2,000 samples in features" in text
    assert text.count("<b>0.40</b>") == 3
    assert "<img" not in text
    Image.fromarray(np.zeros((20, 60), np.uint8)).save(run / "copies.png")
    assert "data:image/png" in section(collect(run), "copies")


def test_what_cannot_be_judged_is_no_good_news(run: Path) -> None:
    unknown = [{**pair(number, False), "relative": None} for number in range(3)]
    found = {"count": 0, "of": 2000, "expected": 20.0, "copied": {}, "pairs": [*unknown, "torn"]}
    text = copies_section(run, {"pixels": found})
    assert "Copying cannot be judged in pixels" in text
    assert "No sign" not in text


def test_scores_without_copies_have_no_section(run: Path) -> None:
    assert section(collect(run), "copies") == ""
    for odd in (None, [], {"pixels": 3}, {"pixels": {"count": "x"}}):
        assert copies_section(run, odd) == ""
