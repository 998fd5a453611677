"""Sizes of networks against hand calculations."""

from typing import Any

import pytest
import torch
from torch import nn

from elegan.metrics.capacity import capacity, cost, describe_capacity
from elegan.networks import PAIRS, ImageShape, build_discriminator, build_generator


class Drawer(nn.Module):
    latent = 5

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(5, 4 * 8 * 8)
        self.convolution = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, latents: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self.convolution(self.dense(latents).view(-1, 4, 8, 8))


class Judge(nn.Module):
    """Receptive field of k = 3, s = 2, then k = 3: 3 + 2 * 2 = 7; of three layers 7 + 2 * 4."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.third = nn.Conv2d(8, 8, 3, padding=1) if layers == 3 else nn.Identity()
        self.head = nn.LazyLinear(1)
        self(torch.zeros(1, 1, 32, 32))

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        hidden = torch.relu(self.first(images))
        hidden = self.third(torch.relu(self.second(hidden)))
        return self.head(hidden.flatten(1)).squeeze(1)


SHAPE = ImageShape(resolution=32, channels=1)


def test_parameters_and_multiplications_are_those_counted_by_hand() -> None:
    facts = capacity(Drawer(), Judge(2), SHAPE)
    assert facts["generator"] == {
        "parameters": 5 * 256 + 256 + 4 * 9 + 1,
        "macs": 5 * 256 + 64 * 4 * 9,
        "activations": 256 + 64,
    }
    judge = facts["discriminator"]
    assert judge["macs"] == 256 * 8 * 9 + 256 * 8 * 8 * 9 + 256 * 8
    assert judge["last_map"] == [8, 16]
    assert cost(Drawer(), SHAPE) == facts["generator"]


@pytest.mark.parametrize(("layers", "field"), [(2, 7), (3, 11)])
def test_the_receptive_field_is_that_of_the_arithmetic(layers: int, field: int) -> None:
    assert capacity(Drawer(), Judge(layers), SHAPE)["discriminator"]["receptive_field"] == field


def test_branches_that_are_still_zero_count() -> None:
    # Patches of 2 and a 3x3: 6; two in the block: 14; pooling: 16; two more, at stride 4: 32. The
    # middle of an even map lies half a unit low, so one patch of these falls over the edge.
    facts = capacity(
        build_generator("residual", SHAPE, width=8, latent=8),
        build_discriminator("residual", SHAPE, width=8, latent=8),
        SHAPE,
    )
    assert facts["discriminator"]["receptive_field"] == 30


def test_spectral_norm_adds_no_activations() -> None:
    network = Drawer()
    plain = cost(network, SHAPE)
    nn.utils.parametrizations.spectral_norm(network.dense)
    nn.utils.parametrizations.spectral_norm(network.convolution)
    assert cost(network, SHAPE)["activations"] == plain["activations"] == 256 + 64


def test_a_field_is_at_most_the_image() -> None:
    small = ImageShape(resolution=16, channels=1)
    facts = capacity(
        build_generator("style", small, width=8, latent=8),
        build_discriminator("style", small, width=8, latent=8),
        small,
    )
    assert facts["discriminator"]["receptive_field"] == 16


@pytest.mark.parametrize("name", sorted(PAIRS))
@pytest.mark.parametrize("classes", [0, 3])
def test_every_pair_is_measured_and_left_as_it_was(name: str, classes: int) -> None:
    shape = ImageShape(resolution=28, channels=1, classes=classes)
    networks: list[Any] = [
        build(name, shape, width=8, latent=8).train()
        for build in (build_generator, build_discriminator)
    ]
    before = [{key: one.clone() for key, one in net.state_dict().items()} for net in networks]
    state = torch.get_rng_state()
    facts = capacity(*networks, shape)
    assert torch.equal(torch.get_rng_state(), state)
    for network, kept in zip(networks, before, strict=True):
        assert all(part.training for part in network.modules())
        assert all(torch.equal(kept[key], one) for key, one in network.state_dict().items())
    judge = facts["discriminator"]
    assert 8 <= judge["receptive_field"] <= 28
    for part in facts.values():
        assert min(part["parameters"], part["macs"], part["activations"]) > 0
    text = describe_capacity(facts)
    assert f"{judge['parameters']:,} parameters" in text
    assert f"sees {judge['receptive_field']} pixels across" in text


def test_the_size_dial_shows() -> None:
    narrow, wide = (
        cost(build_generator("residual", SHAPE, width=width, latent=8), SHAPE) for width in (8, 16)
    )
    assert 3 < wide["macs"] / narrow["macs"] < 4.1
    assert wide["activations"] > narrow["activations"]
