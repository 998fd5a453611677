"""Feature matching and path lengths against plain re-computations."""

import math

import pytest
import torch
from torch import Tensor

from elegan.losses import feature_matching, path_length_penalty


def test_feature_matching_compares_means_and_moves_only_the_generated_side() -> None:
    real = torch.tensor([[1.0, 2.0], [3.0, 6.0]], requires_grad=True)
    fake = torch.tensor([[0.0, 1.0], [0.0, 1.0], [3.0, 1.0]], requires_grad=True)
    value = feature_matching(real, fake)
    assert value.item() == pytest.approx(((2 - 1) ** 2 + (4 - 1) ** 2) / 2)
    value.backward()
    assert real.grad is None
    assert fake.grad is not None
    assert (fake.grad < 0).all()


@pytest.fixture
def matrix() -> Tensor:
    """The Jacobian of a linear generator: 2 x 4 x 4 pixels by 3 styles."""
    return torch.randn(32, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()


def _explicit_length(matrix: Tensor, noise: Tensor) -> Tensor:
    return torch.stack([(matrix.T @ (one.flatten() / 4)).norm() for one in noise])


def test_path_length_of_a_linear_map_is_that_of_its_jacobian(matrix: Tensor) -> None:
    styles = torch.randn(5, 3, requires_grad=True)
    images = (styles @ matrix.T).view(5, 2, 4, 4)
    noise = torch.randn(5, 2, 4, 4)
    value, mean = path_length_penalty(images, styles, torch.tensor(2.0), decay=0.25, noise=noise)
    lengths = _explicit_length(matrix, noise)
    expected = 0.75 * 2.0 + 0.25 * lengths.mean().detach()
    torch.testing.assert_close(mean, expected)
    torch.testing.assert_close(value, (lengths - expected).square().mean())
    assert not mean.requires_grad
    slope = torch.autograd.grad(value, matrix, retain_graph=True)[0]
    plain = torch.autograd.grad((lengths - expected).square().mean(), matrix)[0]
    torch.testing.assert_close(slope, plain)


def test_path_length_of_a_curved_map_uses_the_jacobian_where_it_stands() -> None:
    styles = torch.randn(3, 4, requires_grad=True)

    def generate(one: Tensor) -> Tensor:
        return (one[:, None] * one[None, :]).sin()[None]

    images = torch.stack([generate(one) for one in styles])
    noise = torch.randn(3, 1, 4, 4)
    value, mean = path_length_penalty(images, styles, torch.zeros(()), noise=noise)
    lengths = []
    for one, direction in zip(styles.detach(), noise, strict=True):
        jacobian = torch.autograd.functional.jacobian(generate, one)
        assert isinstance(jacobian, Tensor)
        lengths.append((jacobian.reshape(16, 4).T @ (direction.flatten() / 4)).norm())
    lengths = torch.stack(lengths)
    torch.testing.assert_close(mean, 0.01 * lengths.mean())
    torch.testing.assert_close(value.detach(), (lengths - 0.01 * lengths.mean()).square().mean())


def test_path_length_averages_squares_over_layers(matrix: Tensor) -> None:
    styles = torch.randn(5, 2, 3, requires_grad=True)
    images = (styles[:, 0] @ matrix.T + 2 * styles[:, 1] @ matrix.T).view(5, 2, 4, 4)
    noise = torch.randn(5, 2, 4, 4)
    _, mean = path_length_penalty(images, styles, torch.zeros(()), decay=1.0, noise=noise)
    expected = _explicit_length(matrix, noise).mean() * math.sqrt((1 + 4) / 2)
    torch.testing.assert_close(mean, expected.detach())
