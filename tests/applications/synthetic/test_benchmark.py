"""The figure of augmentation: which labels a draw has, and what a row says."""

import importlib
import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from elegan.applications.synthetic.protocol import (
    BOTH,
    CLASSICAL,
    GAN,
    MORE,
    REAL,
    ClassCounts,
    Results,
)
from elegan.data.duplicates import overlap

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def figure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module("augmenting")
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.data
def test_draws_are_apart_and_the_oracle_has_more(figure) -> None:
    setting = figure.Setting(data="mnist", labels=10)
    given, more = figure.drawn(setting, 0)
    assert given.counts.tolist() == [10] * 10
    assert more.counts.tolist() == [20] * 10
    assert overlap(given.images, more.images) == 100
    assert overlap(figure.drawn(setting, 1)[0].images, given.images) < 5
    uneven, full = figure.drawn(figure.Setting(data="mnist", labels=0), 1)
    assert sorted(uneven.counts.tolist()) == [5] * 5 + [100] * 5
    assert full.counts.tolist() == [100] * 10
    assert overlap(uneven.images, full.images) == len(uneven)


def _row(figure) -> dict:
    results = Results(ClassCounts.recall)
    values = {(BOTH, 0.25): (80, 60), (BOTH, 0.5): (50, 75), (BOTH, 1.0): (40, 40)}
    values |= {(arm, 0.0): (70, 55) for arm in (REAL, CLASSICAL, MORE)}
    values |= {(GAN, 0.25): (60, 0)}
    for (arm, share), of_draw in values.items():
        for draw, right in enumerate(of_draw):
            outcome = ClassCounts(right=(right,), total=(100,))
            results.counts[draw, arm, share, 0] = {figure.ON: outcome}
    setting = figure.Setting(data="mnist", labels=10)
    return figure.row(setting, results, 0.25, [0.1, 0.3], [], [[], []])


def _options(tmp_path: Path) -> Namespace:
    taken = {"images": 1000, "steps": 10, "draws": 2, "seeds": 1, "per_class": 9}
    return Namespace(out=tmp_path, share=0.25, shares=[0.5], **taken)


def test_a_row_pairs_the_draws_at_the_share_that_was_set(figure) -> None:
    row = _row(figure)
    assert row["values"][BOTH] == pytest.approx([0.8, 0.6])
    assert row["values"][figure.ONLY] == pytest.approx([0.4, 0.4])
    assert row["gain"]["mean"] == pytest.approx(np.mean([0.1, 0.05]))
    assert row["curve"]["0.5"]["mean"] == pytest.approx(np.mean([-0.2, 0.2]))
    missing = ["fashion-mnist, 10 a class", "mnist, 50 a class"]
    text = figure.describe([row], missing, images=1000, seeds=1, steps=10, share=0.25)
    assert "| mnist, 10 a class | 2 |" in text
    assert "| +7.5 (" in text
    assert "| do not use |" in text
    assert "20.0 %" in text
    assert "Not measured yet: fashion-mnist, 10 a class; mnist, 50 a class." in text


def test_rows_are_taken_over_if_all_options_are_the_same(figure, tmp_path: Path) -> None:
    options, row = _options(tmp_path), _row(figure)
    assert figure.published(options) == {}
    facts = {"options": figure._options(options), "rows": [row]}
    (tmp_path / "augmenting.json").write_text(json.dumps(facts))
    assert figure.published(options) == {"mnist-10": row}
    options.steps += 1
    assert figure.published(options) == {}
