"""The order of mixed images: shares, classes, and what a share leaves alone."""

import numpy as np
import pytest

from elegan.applications.synthetic.mixing import MixedSampler
from elegan.common.errors import UsageError

REAL = np.array([0] * 12 + [1] * 3)
MADE = np.array([0] * 4 + [1] * 5)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 1.0])
def test_a_share_is_kept_to_exactly(share: float) -> None:
    places = MixedSampler(REAL, MADE, share=share, seed=1).at(0, 2000)
    assert (places >= len(REAL)).sum() == round(2000 * share)


def test_a_share_changes_where_images_come_from_and_not_their_class() -> None:
    both = np.concatenate([REAL, MADE])
    plain = MixedSampler(REAL, share=0.0, seed=3).at(0, 400)
    mixed = MixedSampler(REAL, MADE, share=0.5, seed=3).at(0, 400)
    assert (both[plain] == both[mixed]).all()
    real = mixed < len(REAL)
    assert (plain[real] == mixed[real]).all()
    assert set(mixed[~real]) == set(range(len(REAL), len(both)))


def test_without_balance_every_real_image_comes_once_an_epoch() -> None:
    places = MixedSampler(REAL, share=0.0).at(0, 2 * len(REAL))
    assert (np.bincount(places) == 2).all()


def test_balance_draws_every_class_equally_often() -> None:
    both = np.concatenate([REAL, MADE])
    for share in (0.0, 0.5):
        places = MixedSampler(REAL, MADE, share=share, balance=True).at(0, 600)
        assert np.bincount(both[places]).tolist() == [300, 300]


def test_a_class_without_generated_images_stays_real() -> None:
    places = MixedSampler(REAL, np.array([1, 1]), share=1.0, balance=True).at(0, 100)
    both = np.concatenate([REAL, [1, 1]])
    assert (both[places[places < len(REAL)]] == 0).all()
    assert (places >= len(REAL)).sum() == 50


@pytest.mark.parametrize("balance", [False, True])
def test_what_stands_at_a_place_depends_on_nothing_else(balance: bool) -> None:
    sampler = MixedSampler(REAL, MADE, share=0.3, seed=5, balance=balance)
    whole = sampler.at(0, 3000)
    assert (sampler.at(1000, 500) == whole[1000:1500]).all()
    other = MixedSampler(REAL, MADE, share=0.3, seed=6, balance=balance).at(0, 3000)
    assert (other != whole).any()


def test_epochs_go_on_in_one_stream() -> None:
    sampler = MixedSampler(REAL, MADE, share=0.5, length=10)
    assert len(sampler) == 10
    assert [*sampler, *sampler] == sampler.at(0, 20).tolist()


def test_impossible_mixtures_are_refused() -> None:
    with pytest.raises(UsageError, match="0 to 1"):
        MixedSampler(REAL, MADE, share=1.5)
    with pytest.raises(UsageError, match="there are none"):
        MixedSampler(REAL, share=0.5)
    with pytest.raises(UsageError, match="no real image"):
        MixedSampler([], MADE, share=0.5)
