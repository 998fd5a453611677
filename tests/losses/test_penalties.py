"""Every penalty against a closed form, with critics whose input gradients are known."""

import pytest
import torch
from torch import Tensor

from elegan.losses import (
    consistency_penalty,
    dragan_penalty,
    lecam_penalty,
    wasserstein_gradient_penalty,
    zero_centred_penalty,
)

SHAPE = (5, 3, 4, 4)


def _images(seed: int) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def weights() -> Tensor:
    return _images(9)[0].requires_grad_(True)


def _linear(weights: Tensor):
    return lambda images: (images * weights).sum(dim=(1, 2, 3))


def _quadratic(weights: Tensor):
    # 0.5 * sum(w x^2): its gradient is w x, its gradient norm squared the sum of (w x)^2.
    return lambda images: 0.5 * (weights * images**2).sum(dim=(1, 2, 3))


def _norms(weights: Tensor, images: Tensor) -> Tensor:
    return (weights * images).flatten(1).norm(dim=1)


def test_zero_centred_penalty_of_a_linear_critic(weights: Tensor) -> None:
    value = zero_centred_penalty(_linear(weights), _images(0))
    assert value.item() == pytest.approx(0.5 * weights.square().sum().item(), rel=1e-5)


def test_zero_centred_penalty_of_a_quadratic_critic_and_its_gradient(weights: Tensor) -> None:
    images = _images(0)
    value = zero_centred_penalty(_quadratic(weights), images)
    assert value.item() == pytest.approx(0.5 * _norms(weights, images).square().mean().item())
    (slope,) = torch.autograd.grad(value, weights)
    # d/dw of 0.5 * mean over images of sum (w x)^2.
    torch.testing.assert_close(slope, weights.detach() * images.square().mean(dim=0))


def test_zero_centred_penalty_sees_each_image_alone(weights: Tensor) -> None:
    images = _images(0)
    alone = [zero_centred_penalty(_quadratic(weights), one[None]) for one in images]
    together = zero_centred_penalty(_quadratic(weights), images)
    torch.testing.assert_close(together, torch.stack(alone).mean())


def test_wasserstein_penalty_of_a_linear_critic(weights: Tensor) -> None:
    value = wasserstein_gradient_penalty(_linear(weights), _images(0), _images(1))
    torch.testing.assert_close(value, (weights.norm() - 1) ** 2)


def test_wasserstein_penalty_lies_between_the_images(weights: Tensor) -> None:
    real, fake = _images(0), _images(1)
    seen = []

    def critic(images: Tensor) -> Tensor:
        seen.append(images.detach())
        return _quadratic(weights)(images)

    random = torch.Generator().manual_seed(3)
    value = wasserstein_gradient_penalty(critic, real, fake, random)
    share = torch.rand(5, 1, 1, 1, generator=torch.Generator().manual_seed(3))
    between = share * real + (1 - share) * fake
    torch.testing.assert_close(seen[0], between)
    torch.testing.assert_close(value, (_norms(weights, between) - 1).square().mean())
    (slope,) = torch.autograd.grad(value, weights)
    expected = weights.detach().clone().requires_grad_(True)
    closed = (_norms(expected, between) - 1).square().mean()
    torch.testing.assert_close(slope, torch.autograd.grad(closed, expected)[0])


def test_dragan_penalty_lies_around_the_real_images(weights: Tensor) -> None:
    real = _images(0)
    value = dragan_penalty(_quadratic(weights), real, torch.Generator().manual_seed(3))
    noise = torch.rand(SHAPE, generator=torch.Generator().manual_seed(3))
    around = real + 0.5 * real.std() * noise
    torch.testing.assert_close(value, (_norms(weights, around) - 1).square().mean())


def test_a_flat_critic_has_a_finite_slope() -> None:
    weights = torch.zeros(SHAPE[1:], requires_grad=True)
    value = wasserstein_gradient_penalty(_linear(weights), _images(0), _images(1))
    assert value.item() == pytest.approx(1, abs=1e-5)
    assert torch.isfinite(torch.autograd.grad(value, weights)[0]).all()


def test_penalties_are_float32_whatever_the_critic_computes_in(weights: Tensor) -> None:
    def critic(images: Tensor) -> Tensor:
        return _linear(weights.bfloat16())(images.bfloat16()).float()

    assert zero_centred_penalty(critic, _images(0)).dtype == torch.float32
    assert wasserstein_gradient_penalty(critic, _images(0), _images(1)).dtype == torch.float32


def test_images_keep_no_gradient_of_their_own(weights: Tensor) -> None:
    images = _images(0).requires_grad_(True)
    zero_centred_penalty(_quadratic(weights), images).backward()
    assert images.grad is None


def test_lecam_penalty() -> None:
    # mean max(0, real - fake anchor)^2 + mean max(0, real anchor - fake)^2.
    real, fake = torch.tensor([2.0, -3.0]), torch.tensor([0.5, 4.0])
    value = lecam_penalty(real, fake, torch.tensor(1.5), torch.tensor(-1.0))
    assert value.item() == pytest.approx((3.0**2 + 0) / 2 + (1.0**2 + 0) / 2)


def test_consistency_penalty() -> None:
    value = consistency_penalty(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
    assert value.item() == pytest.approx((1 + 4) / 2)
