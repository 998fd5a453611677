"""From outcomes to a share and a sentence."""

import math

import numpy as np
import pytest

from elegan.applications.synthetic.choosing import best_share, decide, shares_by_others, worth
from elegan.applications.synthetic.protocol import BOTH, CLASSICAL, HALF, ClassCounts, Results


def _outcome(share: float) -> ClassCounts:
    return ClassCounts(right=(round(1000 * share),), total=(1000,))


def _results(of_arm: dict[tuple[str, float], list[float]], other: float = 0.0) -> Results:
    """Results of one seed; on the test split each is lower by `other`."""
    results = Results(lambda one: one.accuracy)
    for (arm, share), values in of_arm.items():
        for draw, value in enumerate(values):
            found = {"fold": _outcome(value), "test": _outcome(value - other)}
            results.counts[draw, arm, share, 0] = found
    return results


def _decide(results: Results, **options):
    usual = {
        "shares": (0.25, 0.5),
        "fixed": None,
        "chosen_on": "fold",
        "judged_on": "fold",
        "overlap": 0.0,
        "labels": 80,
        "words": "accuracy",
    }
    return decide(results, **{**usual, **options})


def test_no_draw_chooses_the_share_that_it_is_judged_at() -> None:
    gains = {0.25: [0.0, 0.02, 0.03], 0.5: [0.20, 0.0, 0.0]}
    assert best_share(gains) == 0.5
    assert shares_by_others(gains) == [0.25, 0.5, 0.5]
    assert best_share({0.5: [0.1], 0.25: [0.1]}) == 0.25


def test_a_choice_by_luck_is_not_rewarded() -> None:
    """One draw makes a share the best of all; judged by the others' choice nothing is left."""
    base = [0.7, 0.7, 0.7]
    results = _results(
        {
            (CLASSICAL, 0.0): base,
            (BOTH, 0.25): [0.7, 0.7, 0.7],
            (BOTH, 0.5): [0.9, 0.69, 0.69],
        }
    )
    verdict = _decide(results)
    assert verdict.share == 0.5
    assert verdict.shares[0] == 0.25
    assert not verdict.use
    assert verdict.gain.mean == pytest.approx((0.0 - 0.01 - 0.01) / 3)


def test_a_proven_gain_is_said_with_its_worth() -> None:
    results = _results(
        {
            (HALF, 0.0): [0.60, 0.61, 0.59],
            (CLASSICAL, 0.0): [0.70, 0.71, 0.69],
            (BOTH, 0.25): [0.71, 0.72, 0.70],
            (BOTH, 0.5): [0.80, 0.82, 0.78],
        },
        other=0.1,
    )
    verdict = _decide(results, judged_on="test")
    assert verdict.use
    assert (verdict.share, verdict.shares) == (0.5, (0.5, 0.5, 0.5))
    assert verdict.gain.mean == pytest.approx(0.1)
    assert verdict.worth == pytest.approx(80)  # a doubling adds as much
    assert verdict.sentence.startswith("Use them, at a share of 0.5: they add +10.0 points")
    assert "worth about 80 more real labels" in verdict.sentence
    assert verdict.to_dict()["worth_labels"] == pytest.approx(80)


def test_no_gain_and_harm_are_told_apart() -> None:
    base = {(CLASSICAL, 0.0): [0.70, 0.71, 0.69], (BOTH, 0.25): [0.70, 0.73, 0.68]}
    base[HALF, 0.0] = [0.6, 0.6, 0.6]
    base[BOTH, 0.25] = [0.72, 0.75, 0.66]
    unproven = _decide(_results(base), fixed=0.25)
    assert unproven.gain.mean > 0
    assert unproven.worth is None
    assert unproven.sentence.startswith("Do not use them: no gain is proven")
    base[BOTH, 0.25] = [0.60, 0.61, 0.60]
    harm = _decide(_results(base), fixed=0.25)
    assert not harm.use
    assert harm.sentence.startswith("Do not use them: they do harm, -9.7 points")


def test_worth_is_not_told_without_ground() -> None:
    flat = _results({(HALF, 0.0): [0.7], (CLASSICAL, 0.0): [0.7]})
    assert worth(0.1, flat, "fold", 100) is None
    rising = _results({(HALF, 0.0): [0.69], (CLASSICAL, 0.0): [0.70]})
    assert worth(-0.1, rising, "fold", 100) is None
    assert worth(0.02, rising, "fold", 100) == pytest.approx(300)
    assert worth(0.2, rising, "fold", 100) == math.inf


def test_seeds_are_averaged_before_draws_are_compared() -> None:
    results = Results(lambda one: one.accuracy)
    for turn, value in enumerate((0.5, 0.7)):
        results.counts[0, CLASSICAL, 0.0, turn] = {"fold": _outcome(value)}
    assert results.values(CLASSICAL, 0.0, "fold") == pytest.approx([0.6])


def test_recall_is_a_mean_over_classes_that_were_judged() -> None:
    one = ClassCounts(right=(9, 1, 0), total=(10, 2, 0))
    assert one.accuracy == pytest.approx(10 / 12)
    assert one.recall() == pytest.approx((0.9 + 0.5) / 2)
    assert one.recall([1]) == 0.5
    assert np.isnan(one.recall([2]))
