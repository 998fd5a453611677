"""Label flipping and instance noise against what they promise."""

import pytest
import torch

from elegan.losses import flip_labels, instance_noise_deviation


def test_flipping_exchanges_rows_and_only_rows() -> None:
    real, fake = torch.arange(1.0, 1001), -torch.arange(1.0, 1001)
    first, second = flip_labels(real, fake, 0.3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(first, -second)  # every row still holds its own two logits
    assert torch.equal(first.abs(), real)
    assert (first < 0).float().mean().item() == pytest.approx(0.3, abs=0.05)


def test_flipping_at_0_and_1() -> None:
    real, fake = torch.randn(8), torch.randn(8)
    before = torch.get_rng_state()
    assert flip_labels(real, fake, 0.0) == (real, fake)
    assert torch.equal(torch.get_rng_state(), before)
    first, second = flip_labels(real, fake, 1.0)
    assert torch.equal(first, fake)
    assert torch.equal(second, real)


def test_flipping_passes_gradients_to_the_logits_it_moved() -> None:
    real, fake = torch.randn(6, requires_grad=True), torch.randn(6, requires_grad=True)
    first, second = flip_labels(real, fake, 0.5, torch.Generator().manual_seed(1))
    flipped = first.detach() == fake.detach()
    assert 0 < flipped.sum() < 6
    (2 * first + 3 * second).sum().backward()
    assert real.grad is not None
    torch.testing.assert_close(real.grad, torch.where(flipped, 3.0, 2.0))


def test_instance_noise_falls_linearly_to_0() -> None:
    assert instance_noise_deviation(0.2, 0.0, 0.5) == pytest.approx(0.2)
    assert instance_noise_deviation(0.2, 0.25, 0.5) == pytest.approx(0.1)
    assert instance_noise_deviation(0.2, 0.5, 0.5) == 0
    assert instance_noise_deviation(0.2, 0.9, 0.5) == 0
    assert instance_noise_deviation(0.2, 0.0, 0.0) == 0
