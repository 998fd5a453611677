"""The recipe of the judges: its augmentation and its batch statistics."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from elegan.metrics.extractors import ExtractorNetwork


@pytest.fixture(scope="module")
def recipe_module():
    path = Path(__file__).parents[2] / "benchmarks" / "train_judges.py"
    spec = importlib.util.spec_from_file_location("train_judges", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_judges"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def still(recipe_module):
    """A recipe that changes nothing."""
    nothing = {"rotation": 0.0, "zoom": 0.0, "shear": 0.0, "shift": 0.0, "bend": 0.0}
    return replace(recipe_module.RECIPES["digits"], **nothing, flip=False, erase=0.0)


def augment(module, images, recipe):
    return module.augment(images, recipe, torch.Generator().manual_seed(0))


def test_a_still_recipe_leaves_images_as_they_are(recipe_module, still):
    images = torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(augment(recipe_module, images, still), images, atol=1e-4, rtol=0)


def test_flips_mirror_about_half_of_the_images(recipe_module, still):
    images = torch.rand(200, 1, 28, 28)
    flipped = augment(recipe_module, images, replace(still, flip=True))
    mirrored = (flipped - images.flip(3)).abs().amax((1, 2, 3)) < 1e-4
    kept = (flipped - images).abs().amax((1, 2, 3)) < 1e-4
    assert bool((mirrored ^ kept).all())
    assert 60 < int(mirrored.sum()) < 140


def test_erasing_blacks_out_one_square_of_a_quarter_of_the_side(recipe_module, still):
    erased = augment(recipe_module, torch.ones(50, 1, 28, 28), replace(still, erase=1.0))
    assert ((erased == 0).sum((1, 2, 3)) == 7 * 7).all()


@pytest.mark.parametrize("change", [{"shift": 2.0}, {"rotation": 12.0}, {"bend": 1.2}])
def test_moves_keep_the_picture_about_where_it_was(recipe_module, still, change):
    image = torch.zeros(64, 1, 28, 28)
    image[:, :, 12:16, 12:16] = 1
    moved = augment(recipe_module, image, replace(still, **change))
    centre = (moved.sum((1, 2)) * torch.arange(28)).sum(1) / moved.sum((1, 2, 3))
    assert (centre - 13.5).abs().max() < 5
    assert centre.std() > (0.01 if "rotation" not in change else -1)
    assert (moved - image).abs().max() > 0.1


def test_batch_statistics_are_the_mean_over_all_images(recipe_module):
    torch.manual_seed(0)
    images = torch.rand(2000, 1, 28, 28)
    judge = recipe_module.measure_batch_statistics(ExtractorNetwork(), images)
    with torch.no_grad():
        features, logits = judge(images)
    assert not judge.training
    assert logits.shape == (2000, 10)
    torch.testing.assert_close(features.var(0), torch.ones(64), atol=0.05, rtol=0)
    torch.testing.assert_close(features.mean(0), torch.zeros(64), atol=0.05, rtol=0)
