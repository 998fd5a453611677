"""The figure of augmentation: which labels a draw has, and what a row says."""

import importlib
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from elegan.augmenting.protocol import BOTH, CLASSICAL, GAN, HALF, MORE, REAL, Outcome
from elegan.augmenting.results import Results
from elegan.data.duplicates import overlap

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


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


def test_each_draw_counts_at_the_share_that_its_folds_chose(figure) -> None:
    results = Results(Outcome.recall)
    values = {(BOTH, 0.25): (80, 60), (BOTH, 0.5): (50, 75), (BOTH, 1.0): (40, 40)}
    values |= {(arm, 0.0): (70, 70) for arm in (REAL, CLASSICAL, HALF, MORE)}
    values |= {(GAN, 0.25): (60, 0), (GAN, 0.5): (0, 65)}
    for (arm, share), of_draw in values.items():
        for draw, right in enumerate(of_draw):
            outcome = Outcome(right=(right,), total=(100,))
            results.outcomes[draw, arm, share, 0] = {figure.ON: outcome}
    setting = figure.Setting(data="mnist", labels=10)
    row = figure._row(setting, results, [0.25, 0.5], [0.1, 0.3], [], [[], []])
    assert row["values"][BOTH] == pytest.approx([0.8, 0.75])
    assert row["values"][GAN] == pytest.approx([0.6, 0.65])
    assert row["gain"]["mean"] == pytest.approx(np.mean([0.1, 0.05]))
    options = Namespace(folds=3, draws=2, seeds=1, images=1000, steps=10)
    text = figure.describe([row], options)
    assert "| mnist, 10 a class |" in text
    assert "| +7.5 (" in text
    assert "| do not use |" in text
    assert "20.0 %" in text
