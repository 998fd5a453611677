"""Elegan's own restorers as one model: which is taken for what, and in which order."""

import numpy as np
import pytest

from elegan.common.errors import UsageError
from elegan.data.degradations import FAMILIES
from elegan.models import TranslationModel
from elegan.models.experts import Experts

IMAGE = np.random.default_rng(0).integers(60, 200, (40, 56, 3), np.uint8)


@pytest.fixture(scope="module")
def experts() -> Experts:
    return Experts("cpu")


def test_every_family_of_damage_has_its_model(experts) -> None:
    assert experts.families == tuple(FAMILIES)
    for family in FAMILIES:
        assert family in experts.expert(family).families
    assert [model.name for _, model in experts.steps("auto")] == ["restore-noise"]
    assert [name for name, _ in experts.steps("auto", masked=True)] == ["inpaint"]


def test_what_came_last_upon_a_picture_is_undone_first(experts) -> None:
    named = "dehaze,denoise, inpaint,deblur"
    assert [name for name, _ in experts.steps(named)] == ["inpaint", "denoise", "deblur", "dehaze"]
    made = experts.apply(IMAGE, task="derain,denoise")
    first = TranslationModel.load("restore-noise", device="cpu").apply(IMAGE, task="denoise")
    second = TranslationModel.load("restore-rain", device="cpu").apply(first, task="derain")
    np.testing.assert_array_equal(made, second)


def test_a_mask_holds_for_all_of_them(experts) -> None:
    mask = np.zeros(IMAGE.shape[:2], np.uint8)
    mask[10:20, 10:30] = 255
    made = experts.apply(IMAGE, mask=mask, task="inpaint,denoise")
    np.testing.assert_array_equal(made[mask == 0], IMAGE[mask == 0])
    assert (made[mask > 0] != IMAGE[mask > 0]).any()


def test_strength_reaches_each_of_them(experts) -> None:
    np.testing.assert_array_equal(experts.with_strength(0).apply(IMAGE), IMAGE)
    half = experts.with_strength(0.5)
    assert half.strength == 0.5
    whole = experts.apply(IMAGE).astype(int)
    between = np.abs(half.apply(IMAGE) - (whole + IMAGE) / 2)
    assert between.max() <= 2
    assert half.to("cpu").strength == 0.5


def test_an_unknown_kind_of_damage_is_named(experts) -> None:
    with pytest.raises(UsageError, match="Did you mean 'derain'"):
        experts.apply(IMAGE, task="derian")
