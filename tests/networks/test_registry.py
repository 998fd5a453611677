"""All registered networks, in all the shapes they must take."""

import copy

import pytest
import torch
from torch.nn import functional

from elegan.errors import UsageError
from elegan.networks import PAIRS, ImageShape, build_discriminator, build_generator

SIZES = {"width": 8, "latent": 12}
SHAPES = [
    ImageShape(resolution=resolution, channels=channels, classes=classes)
    for resolution in (16, 28, 33, 50)
    for channels in (1, 3)
    for classes in (0, 4)
]


def _name(shape: ImageShape) -> str:
    return f"{shape.resolution}x{shape.channels}{'-classes' if shape.classes else ''}"


@pytest.fixture(params=SHAPES, ids=_name)
def shape(request: pytest.FixtureRequest) -> ImageShape:
    return request.param


@pytest.fixture(params=[name for name in PAIRS if not name.startswith("test-")])
def pair(request: pytest.FixtureRequest, shape: ImageShape):
    torch.manual_seed(0)
    return (
        build_generator(request.param, shape, **SIZES),
        build_discriminator(request.param, shape, **SIZES),
    )


def _inputs(shape: ImageShape, count: int = 4):
    labels = torch.arange(count) % shape.classes if shape.classes else None
    return torch.randn(count, SIZES["latent"]), labels


def test_forward(pair, shape: ImageShape) -> None:
    generator, discriminator = pair
    latents, labels = _inputs(shape)
    images = generator(latents, labels)
    assert images.shape == (4, shape.channels, shape.resolution, shape.resolution)
    assert torch.isfinite(images).all()
    # A training generator may overshoot what a pixel can hold; a delivered one may not.
    assert generator.eval()(10 * latents, labels).abs().max() <= 1
    logits = discriminator(images, labels)
    assert logits.shape == (4,)
    assert torch.isfinite(logits).all()


def test_every_parameter_learns_from_the_joint_steps(pair, shape: ImageShape) -> None:
    """Within three steps, since a layer that begins at zero hides those behind it in the first."""
    generator, discriminator = pair
    players = {"generator": generator, "discriminator": discriminator}
    waiting = {
        f"{player}.{name}" for player, one in players.items() for name, _ in one.named_parameters()
    }
    optimizers = {name: torch.optim.Adam(one.parameters(), 1e-2) for name, one in players.items()}
    reals = torch.rand(4, shape.channels, shape.resolution, shape.resolution) * 2 - 1
    for _ in range(3):
        latents, labels = _inputs(shape)
        fakes = generator(latents, labels)
        for player in ("discriminator", "generator"):
            if player == "discriminator":
                loss = functional.softplus(discriminator(fakes.detach(), labels)).mean()
                loss = loss + functional.softplus(-discriminator(reals, labels)).mean()
            else:
                loss = functional.softplus(-discriminator(fakes, labels)).mean()
            optimizers[player].zero_grad()
            loss.backward()
            for name, parameter in players[player].named_parameters():
                if parameter.grad is not None and parameter.grad.abs().max() > 0:
                    waiting.discard(f"{player}.{name}")
            optimizers[player].step()
    assert not waiting


def test_labels_matter(pair, shape: ImageShape) -> None:
    if not shape.classes:
        pytest.skip("unconditional")
    generator, discriminator = (one.eval() for one in pair)
    for network in pair:  # embeddings begin small
        for layer in network.modules():
            if isinstance(layer, torch.nn.Embedding):
                torch.nn.init.normal_(layer.weight)
    latents = torch.randn(1, SIZES["latent"]).repeat(2, 1)
    images = generator(latents, torch.tensor([0, 1]))
    assert not torch.allclose(images[0], images[1])
    logits = discriminator(images[:1].repeat(2, 1, 1, 1), torch.tensor([0, 1]))
    assert logits[0] != logits[1]


def test_state_round_trip(pair, shape: ImageShape) -> None:
    latents, labels = _inputs(shape)
    generator, discriminator = pair
    images = generator(latents, labels).detach()  # moves batch statistics, which must travel too
    discriminator(images, labels)
    for network, inputs in ((generator, latents), (discriminator, images)):
        network.eval()
        other = copy.deepcopy(network)
        for parameter in other.parameters():
            torch.nn.init.normal_(parameter)
        other.load_state_dict(network.state_dict())
        torch.testing.assert_close(
            other.eval()(inputs, labels), network(inputs, labels), rtol=0, atol=0
        )


def test_channels_last_memory_gives_the_same_numbers(pair, shape: ImageShape) -> None:
    latents, labels = _inputs(shape)
    generator, discriminator = (one.eval() for one in pair)
    images = generator(latents, labels)
    logits = discriminator(images, labels)
    for network in pair:
        network.to(memory_format=torch.channels_last)
    torch.testing.assert_close(generator(latents, labels), images, rtol=1e-4, atol=1e-5)
    again = discriminator(images.contiguous(memory_format=torch.channels_last), labels)
    torch.testing.assert_close(again, logits, rtol=1e-4, atol=1e-4)


def test_an_unknown_network_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'dcgan'\?"):
        build_generator("dcgam", SHAPES[0], **SIZES)
