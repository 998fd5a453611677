"""Student's t against the printed table, and intervals against their formula."""

import math

import numpy as np
import pytest

from elegan.applications.synthetic.choosing import interval, t_quantile, t_tail

TABLE = {1: 12.7062, 2: 4.30265, 4: 2.77645, 9: 2.26216, 14: 2.14479, 29: 2.04523}
"""Quantiles at 0.975 (Abramowitz and Stegun 1964, table 26.10)."""


@pytest.mark.parametrize(("freedom", "expected"), TABLE.items())
def test_quantiles_are_those_of_the_table(freedom: int, expected: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(expected, abs=1e-4)
    assert 2 * t_tail(expected, freedom) == pytest.approx(0.05, abs=1e-5)


def test_tails_agree_with_the_closed_form_for_one_degree_of_freedom() -> None:
    for t in (0.0, 0.1, 1.0, 7.0, 1e3):
        assert t_tail(t, 1) == pytest.approx(0.5 - math.atan(t) / math.pi, abs=1e-12)


def test_an_interval_is_the_mean_and_t_standard_errors() -> None:
    values = [0.01, 0.03, 0.02, 0.06, 0.03]
    found = interval(values)
    reach = TABLE[4] * np.std(values, ddof=1) / math.sqrt(5)
    assert found.mean == pytest.approx(0.03)
    assert found.high == pytest.approx(0.03 + reach, abs=1e-6)
    assert found.low == pytest.approx(0.03 - reach, abs=1e-6)
    assert found.p == pytest.approx(2 * t_tail(0.03 * TABLE[4] / reach, 4), rel=1e-3)
    assert found.above_zero
    assert interval([-one for one in values]).below_zero


def test_folds_that_share_training_images_widen_it() -> None:
    values = [0.01, 0.03, 0.02, 0.06, 0.03]
    plain, widened = interval(values), interval(values, overlap=1 / 4)
    ratio = (widened.high - widened.mean) / (plain.high - plain.mean)
    assert ratio == pytest.approx(math.sqrt((1 / 5 + 1 / 4) / (1 / 5)))
    assert widened.p > plain.p


def test_one_draw_and_equal_draws() -> None:
    assert interval([0.5]).low is None
    assert not interval([0.5]).above_zero
    assert interval([0.0, 0.0]).p == 1
    assert interval([0.1, 0.1]).p == 0


def test_no_bound_lies_where_no_value_can() -> None:
    assert (interval([0.1, 0.9], least=0.0).low, interval([0.1, 0.9]).high) == (0, 1)
    assert interval([-0.9, 0.1]).low == -1
