"""The classifier of all arms: equal arguments, equal weights; what classical augmentation does."""

import numpy as np
import pytest
import tiny_labels
import torch

from elegan.applications.synthetic.classifier import (
    Classifier,
    Recipe,
    distort,
    mixup,
    probabilities,
    train_classifier,
)
from elegan.applications.synthetic.mixing import MixedSampler

RECIPE = Recipe(steps=12, batch=16)


def _trained(seed: int = 0, classical: bool = True) -> Classifier:
    pixels, labels = tiny_labels.images(8)
    sampler = MixedSampler(labels, share=0.0, seed=seed)
    return train_classifier(
        pixels, labels, sampler, 2, recipe=RECIPE, classical=classical, seed=seed
    )


def test_it_learns_and_the_same_again() -> None:
    pixels, labels = tiny_labels.images(20, seed=9)
    first, again, other = _trained(), _trained(), _trained(seed=1)
    found = probabilities(first, pixels)
    assert found.shape == (40, 2)
    assert found.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-5)
    assert (found.argmax(axis=1) == labels).mean() > 0.95
    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


@pytest.mark.parametrize(("channels", "side"), [(1, 16), (3, 28), (3, 65), (1, 256)])
def test_it_takes_any_size(channels: int, side: int) -> None:
    network = Classifier(channels, side, 5).eval()
    assert network(torch.zeros(2, channels, side, side)).shape == (2, 5)


def test_every_parameter_gets_a_gradient() -> None:
    network = Classifier(1, 28, 3)
    network(torch.randn(4, 1, 28, 28)).square().sum().backward()
    assert all(one.grad is not None and one.grad.any() for one in network.parameters())


def test_distortion_is_that_of_its_draws_and_keeps_the_range() -> None:
    images = torch.rand(64, 1, 16, 16) * 2 - 1
    first = distort(images.clone(), np.random.default_rng(1))
    again = distort(images.clone(), np.random.default_rng(1))
    assert torch.equal(first, again)
    assert first.abs().max() <= 1
    assert not torch.equal(first, distort(images.clone(), np.random.default_rng(2)))


def test_images_are_mirrored_only_if_asked_for() -> None:
    images = torch.zeros(400, 1, 16, 16)
    images[..., :8] = 1  # light on the left
    for flip in (False, True):
        moved = distort(images.clone(), np.random.default_rng(0), flip=flip)
        leans = (moved[..., :8].mean(dim=(1, 2, 3)) < moved[..., 8:].mean(dim=(1, 2, 3))).float()
        assert 0.4 < leans.mean() < 0.6 if flip else leans.mean() < 0.02


def test_a_quarter_of_the_images_lose_a_rectangle() -> None:
    images = torch.zeros(800, 1, 16, 16)
    erased = distort(images, np.random.default_rng(0)).flatten(1).ne(0)
    share = erased.any(dim=1).float().mean()
    assert 0.2 < share < 0.3
    areas = erased.sum(dim=1)[erased.any(dim=1)] / 256
    assert areas.min() > 0
    assert areas.max() < 0.3


def test_mixup_mixes_images_and_targets_alike() -> None:
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 1, 16, 16)
    targets = torch.eye(4)
    mixed, wanted = mixup(images, targets, np.random.default_rng(4))
    assert wanted.sum(dim=1) == pytest.approx(torch.ones(4))
    assert mixed[:, 0, 0, 0].tolist() == pytest.approx((wanted @ torch.arange(4.0)).tolist())
