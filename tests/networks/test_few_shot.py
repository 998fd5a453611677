"""The few-shot pair: excitation, restoration, and what the discriminator must not have."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from elegan.networks import PAIRS, ImageShape, build_discriminator, build_generator
from elegan.networks.few_shot import SkipExcitation

SIZES = {"width": 8, "latent": 12}


def test_excitation_weighs_each_channel_by_the_small_map() -> None:
    torch.manual_seed(0)
    layer = SkipExcitation(6, 5)
    small, large = torch.randn(2, 6, 8, 8), torch.randn(2, 5, 20, 20)
    pooled = functional.avg_pool2d(small, 2)  # 4x4
    hidden = torch.einsum("nchw,ochw->no", pooled, layer.gather.weight) + layer.gather.bias
    hidden = hidden * torch.sigmoid(hidden)
    weights = torch.sigmoid(hidden @ layer.weigh.weight[:, :, 0, 0].T + layer.weigh.bias)
    torch.testing.assert_close(
        layer(small, large), large * weights[:, :, None, None], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [(256, [(4, 64), (8, 128), (16, 256)]), (64, [(4, 64)]), (28, [(7, 28)])],
)
def test_excitation_leads_over_four_levels(
    resolution: int, expected: list[tuple[int, int]]
) -> None:
    shape = ImageShape(resolution=resolution, channels=1)
    network = build_generator("few-shot", shape, width=4, latent=12).eval()
    seen = []
    for layer in network.excitations:
        layer.register_forward_hook(
            lambda layer, inputs, output: seen.append(tuple(one.shape[-1] for one in inputs))
        )
    with torch.no_grad():
        network(torch.randn(1, 12))
    assert seen == expected


@pytest.mark.parametrize(("resolution", "side"), [(16, 8), (33, 17), (64, 32), (256, 64)])
def test_restored_images_are_a_half_or_a_quarter(resolution: int, side: int) -> None:
    shape = ImageShape(resolution=resolution, channels=3)
    network = build_discriminator("few-shot", shape, **SIZES)
    images = torch.rand(1, 3, resolution, resolution) * 2 - 1
    with torch.no_grad():
        restored, target = network.reconstruct(images), network.reconstruction_target(images)
    assert restored.shape == target.shape == (1, 3, side, side)
    assert restored.abs().max() <= 1
    torch.testing.assert_close(target[..., 0, 0], _first_mean(images, side))


def _first_mean(images: torch.Tensor, side: int) -> torch.Tensor:
    span = -(-images.shape[-1] // side)
    return images[..., :span, :span].mean(dim=(2, 3))


def test_the_decoder_learns_to_restore() -> None:
    torch.manual_seed(0)
    network = build_discriminator("few-shot", ImageShape(resolution=16, channels=1), **SIZES)
    images = functional.interpolate(torch.rand(6, 1, 4, 4) * 2 - 1, size=16)
    target = network.reconstruction_target(images)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(150):
        loss = functional.l1_loss(network.reconstruct(images), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    mean_alone = (target - target.mean(dim=0)).abs().mean()
    assert loss < 0.5 * mean_alone


def test_the_logit_does_not_pass_through_the_decoder() -> None:
    network = build_discriminator("few-shot", ImageShape(resolution=16, channels=1), **SIZES)
    network(torch.randn(2, 1, 16, 16)).sum().backward()
    assert all(one.grad is None for one in network.decoder.parameters())


def test_restoring_needs_no_label() -> None:
    shape = ImageShape(resolution=16, channels=1, classes=3)
    network = build_discriminator("few-shot", shape, **SIZES, condition="concat").eval()
    images = torch.randn(2, 1, 16, 16)
    labels = torch.tensor([0, 2])
    assert network.reconstruct(images).shape == (2, 1, 8, 8)
    assert not torch.equal(network.reconstruct(images, labels), network.reconstruct(images))


def test_only_this_discriminator_restores() -> None:
    shape = ImageShape(resolution=16, channels=1)
    for name in PAIRS:
        if not name.startswith("test-"):
            network = build_discriminator(name, shape, **SIZES)
            assert hasattr(network, "reconstruct") == (name == "few-shot")


def test_the_discriminator_has_no_batch_norm() -> None:
    network = build_discriminator("few-shot", ImageShape(resolution=64, channels=3), **SIZES)
    assert not [one for one in network.modules() if isinstance(one, nn.BatchNorm2d)]
