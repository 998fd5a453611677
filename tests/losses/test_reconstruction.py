"""Reconstruction losses, feature matching and PatchNCE against plain formulas."""

import math

import pytest
import torch
from torch.nn import functional

from elegan.losses import (
    charbonnier,
    gradient_difference,
    log_error,
    paired_feature_matching,
    patch_contrastive,
    unevenness,
)


def test_charbonnier_is_the_absolute_difference_but_near_zero() -> None:
    images = torch.tensor([[[[0.5, -0.2], [0.1, 0.0]]]], requires_grad=True)
    targets = torch.tensor([[[[0.1, 0.2], [0.1, 1.0]]]], requires_grad=True)
    value = charbonnier(images, targets)
    expected = sum(math.sqrt(d**2 + 1e-6) - 1e-3 for d in (0.4, 0.4, 0.0, 1.0)) / 4
    assert value.item() == pytest.approx(expected, rel=1e-5)
    value.backward()
    assert images.grad is not None
    assert images.grad[0, 0, 1, 0] == 0  # where the absolute difference has no slope
    assert targets.grad is None
    assert charbonnier(targets, targets).item() == 0


def test_the_log_error_falls_by_as_much_for_each_halving() -> None:
    """Of an image with much damage and of one with little."""
    targets = torch.zeros(1, 3, 8, 8)
    one, slope = torch.ones_like(targets), 0.05 * math.log(2)
    for difference in (1.0, 0.4):
        gain = log_error(difference * one, targets) - log_error(difference / 2 * one, targets)
        assert gain.item() == pytest.approx(slope, rel=0.06)
    both = log_error(torch.cat([one, 0.1 * one]), torch.cat([targets, targets]))
    apart = (log_error(one, targets) + log_error(0.1 * one, targets)) / 2
    assert both.item() == pytest.approx(apart.item(), rel=1e-5)
    images = targets.clone().requires_grad_()
    assert log_error(images, targets).item() == 0
    log_error(images, targets).backward()
    assert images.grad is not None
    assert not images.grad.any()


def test_the_log_error_weighs_pixels_within_an_image() -> None:
    images, targets = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    images[0, :, 0, 0], images[1, :, 1, 1] = 0.6, -1.0
    weights = torch.zeros(2, 1, 4, 4)
    weights[0, 0, 0, 0], weights[0, 0, 3, 3], weights[1, 0, 1, 1] = 1.0, 3.0, 0.2
    value = log_error(images, targets, weights=weights, scale=2)
    level = 2 / 255
    expected = math.log1p(0.6 / 4 / level) + math.log1p(1 / level)
    assert value.item() == pytest.approx(expected, rel=5e-3)
    even = torch.full_like(weights, 0.7)
    torch.testing.assert_close(log_error(images, targets, weights=even), log_error(images, targets))
    assert log_error(images, targets, weights=torch.zeros_like(weights)).item() == 0


def test_gradient_difference_sees_steps_and_their_sign_but_no_level() -> None:
    targets = torch.rand(2, 3, 5, 6)
    assert gradient_difference(targets + 0.3, targets).item() == pytest.approx(0, abs=1e-6)
    edge = torch.zeros(1, 1, 2, 4)
    edge[..., 2:] = 1.0
    flat = torch.zeros_like(edge)
    assert gradient_difference(flat, edge).item() == pytest.approx(1 / 3 / 2)
    assert gradient_difference(-edge, edge).item() == pytest.approx(2 / 3 / 2)
    upright = gradient_difference(flat.transpose(2, 3), edge.transpose(2, 3))
    assert upright.item() == pytest.approx(1 / 3 / 2)
    assert gradient_difference(torch.ones(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)).item() == 0


def test_unevenness_is_of_the_detail_by_place_in_a_cell() -> None:
    torch.manual_seed(0)
    noise = torch.randn(2, 3, 66, 66)
    assert unevenness(noise, 4).item() < 0.05
    # Detail at one place of 16 only, and at its four neighbours by a fourth.
    dots = torch.zeros(1, 1, 18, 18)
    dots[..., 2::4, 2::4] = 0.1
    shares = torch.tensor([4.0, 1, 1, 1, 1, *[0.0] * 11])
    expected = (shares / shares.mean() - 1).abs().mean()
    assert unevenness(dots, 4).item() == pytest.approx(expected.item(), rel=1e-5)
    assert unevenness(5 * dots + 0.2, 4).item() == pytest.approx(expected.item(), rel=1e-5)
    assert unevenness(torch.zeros(1, 3, 8, 8), 4).item() == 1  # no detail: nothing to be even
    dots.requires_grad_()
    unevenness(dots, 4).backward()
    assert dots.grad is not None
    assert dots.grad.isfinite().all()


def test_paired_feature_matching_is_relative_and_moves_only_what_was_made() -> None:
    real = [torch.tensor([[[[2.0, -2.0]]]], requires_grad=True), torch.full((1, 1, 1, 1), 10.0)]
    fake = [torch.tensor([[[[1.0, -2.0]]]], requires_grad=True), torch.full((1, 1, 1, 1), 15.0)]
    value = paired_feature_matching(real, fake)
    assert value.item() == pytest.approx((0.5 / 2 + 5 / 10) / 2, rel=1e-5)
    value.backward()
    assert real[0].grad is None
    assert fake[0].grad is not None
    scaled = paired_feature_matching([7 * one for one in real], [7 * one for one in fake])
    assert scaled.item() == pytest.approx(value.item(), rel=1e-5)
    with pytest.raises(ValueError):
        paired_feature_matching(real, fake[:1])


def test_patch_contrastive_tells_places_apart_within_an_image() -> None:
    torch.manual_seed(0)
    queries = functional.normalize(torch.randn(2, 5, 8), dim=-1).requires_grad_()
    keys = functional.normalize(torch.randn(2, 5, 8), dim=-1).requires_grad_()
    value = patch_contrastive(queries, keys, temperature=0.5)
    costs = []
    for image in range(2):
        for place in range(5):
            own = (queries[image, place] @ keys[image, place] / 0.5).exp()
            everywhere = sum((queries[image, place] @ one / 0.5).exp() for one in keys[image])
            costs.append(-(own / everywhere).log())
    assert value.item() == pytest.approx(torch.stack(costs).mean().item(), rel=1e-5)
    value.backward()
    assert keys.grad is None
    assert queries.grad is not None


def test_patch_contrastive_at_its_ends() -> None:
    alike = torch.ones(3, 6, 4) / 2
    assert patch_contrastive(alike, alike).item() == pytest.approx(math.log(6), rel=1e-5)
    apart = torch.eye(6)[None]
    assert patch_contrastive(apart, apart).item() < 1e-4
    assert patch_contrastive(apart, apart.roll(1, dims=1)).item() > 10
