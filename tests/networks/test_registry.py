"""All registered networks, in all the shapes they must take."""

import copy
from dataclasses import dataclass

import pytest
import torch
from torch.nn import functional

from elegan.common.errors import UsageError
from elegan.networks import (
    PAIRS,
    Discriminator,
    Generator,
    ImageShape,
    build_discriminator,
    build_generator,
)

SIZES = {"width": 8, "latent": 12}
CLASSES = 4
# Every pair in each of these: (resolution, channels, generator condition, discriminator condition),
# without classes where there is no condition.
CASES: list[tuple[int, int, str, str]] = [
    (16, 3, "", ""),
    (28, 1, "", ""),
    (33, 1, "", ""),
    (50, 3, "", ""),
    (16, 1, "concat", "projection"),
    (33, 3, "normalisation", "concat"),
    (28, 3, "concat", "classifier"),
    (16, 1, "normalisation", "joint"),
]
NAMES = [name for name in PAIRS if not name.startswith("test-")]


@dataclass
class Built:
    """Two networks and what they were built for."""

    generator: Generator
    discriminator: Discriminator
    shape: ImageShape
    condition: str

    def inputs(self, count: int = 4) -> tuple[torch.Tensor, torch.Tensor | None]:
        labels = torch.arange(count) % CLASSES if self.shape.classes else None
        return torch.randn(count, SIZES["latent"]), labels

    def reals(self, count: int = 4) -> torch.Tensor:
        side = self.shape.resolution
        return torch.rand(count, self.shape.channels, side, side) * 2 - 1


def _build(name: str, case: tuple[int, int, str, str]) -> Built:
    torch.manual_seed(0)
    resolution, channels, for_generator, for_discriminator = case
    classes = CLASSES if for_generator else 0
    shape = ImageShape(resolution=resolution, channels=channels, classes=classes)
    if not classes:
        generator = build_generator(name, shape, **SIZES)
        return Built(generator, build_discriminator(name, shape, **SIZES), shape, "")
    return Built(
        build_generator(name, shape, **SIZES, condition=for_generator),
        build_discriminator(name, shape, **SIZES, condition=for_discriminator),
        shape,
        for_discriminator,
    )


@pytest.fixture(params=CASES, ids=lambda case: "-".join(str(one) for one in case if one))
def built(request: pytest.FixtureRequest, name: str) -> Built:
    return _build(name, request.param)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_forward(built: Built) -> None:
    latents, labels = built.inputs()
    images = built.generator(latents, labels)
    shape = built.shape
    assert images.shape == (4, shape.channels, shape.resolution, shape.resolution)
    assert torch.isfinite(images).all()
    # A training generator may overshoot what a pixel can hold; a delivered one may not.
    assert built.generator.eval()(10 * latents, labels).abs().max() <= 1
    logits = built.discriminator(images, labels)
    assert logits.shape == (4,)
    assert torch.isfinite(logits).all()


def test_every_parameter_learns_from_the_joint_steps(built: Built) -> None:
    """Within three steps, since a layer that begins at zero hides those behind it in the first."""
    players = {"generator": built.generator, "discriminator": built.discriminator}
    waiting = {
        f"{player}.{name}" for player, one in players.items() for name, _ in one.named_parameters()
    }
    optimizers = {name: torch.optim.Adam(one.parameters(), 1e-2) for name, one in players.items()}
    reals = built.reals()
    for _ in range(3):
        latents, labels = built.inputs()
        fakes = built.generator(latents, labels)
        for player in ("discriminator", "generator"):
            if player == "discriminator":
                loss = _discriminator_loss(built, reals, fakes.detach(), labels)
            else:
                loss = functional.softplus(-built.discriminator(fakes, labels)).mean()
            optimizers[player].zero_grad()
            loss.backward()
            for name, parameter in players[player].named_parameters():
                if parameter.grad is not None and parameter.grad.abs().max() > 0:
                    waiting.discard(f"{player}.{name}")
            optimizers[player].step()
    assert not waiting


def _discriminator_loss(
    built: Built, reals: torch.Tensor, fakes: torch.Tensor, labels: torch.Tensor | None
) -> torch.Tensor:
    discriminator = built.discriminator
    loss = functional.softplus(discriminator(fakes, labels)).mean()
    loss = loss + functional.softplus(-discriminator(reals, labels)).mean()
    if built.condition in ("classifier", "joint"):
        logits = discriminator.head.classify(discriminator.features(reals, labels))
        loss = loss + functional.cross_entropy(logits, labels)
    if hasattr(discriminator, "reconstruct"):
        target = discriminator.reconstruction_target(reals)
        loss = loss + functional.l1_loss(discriminator.reconstruct(reals), target)
    return loss


def test_labels_matter_where_the_condition_says_so(built: Built) -> None:
    if not built.shape.classes:
        pytest.skip("unconditional")
    generator, discriminator = built.generator.eval(), built.discriminator.eval()
    for network in (generator, discriminator):  # embeddings begin small or alike
        for layer in network.modules():
            if isinstance(layer, torch.nn.Embedding):
                torch.nn.init.normal_(layer.weight)
        for parameter in network.parameters():  # branches that begin closed
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1)
    latents, classes = torch.randn(1, SIZES["latent"]).repeat(2, 1), torch.tensor([0, 1])
    images = generator(latents, classes)
    assert not torch.allclose(images[0], images[1])
    twice = built.reals(1).repeat(2, 1, 1, 1)
    logits = discriminator(twice, classes)
    # Logits of the other two conditions stand for "real", whatever the class.
    differs = not torch.allclose(logits[0], logits[1], rtol=1e-4, atol=1e-5)
    assert differs == (built.condition in ("projection", "concat"))


def test_state_round_trip(built: Built) -> None:
    latents, labels = built.inputs()
    images = built.generator(latents, labels).detach()  # moves batch statistics, which travel too
    built.discriminator(images, labels)
    for network, inputs in ((built.generator, latents), (built.discriminator, images)):
        network.eval()
        other = copy.deepcopy(network)
        for parameter in other.parameters():
            torch.nn.init.normal_(parameter)
        other.load_state_dict(network.state_dict())
        torch.testing.assert_close(
            other.eval()(inputs, labels), network(inputs, labels), rtol=0, atol=0
        )


def test_channels_last_memory_gives_the_same_numbers(built: Built) -> None:
    latents, labels = built.inputs()
    generator, discriminator = built.generator.eval(), built.discriminator.eval()
    images = generator(latents, labels)
    logits = discriminator(images, labels)
    for network in (generator, discriminator):
        network.to(memory_format=torch.channels_last)
    torch.testing.assert_close(generator(latents, labels), images, rtol=1e-4, atol=1e-4)
    again = discriminator(images.contiguous(memory_format=torch.channels_last), labels)
    torch.testing.assert_close(again, logits, rtol=1e-4, atol=1e-4)


def test_images_of_a_batch_do_not_touch(built: Built) -> None:
    """A delivered generator's, and a discriminator's even while it trains."""
    latents, labels = built.inputs()
    generator = built.generator.eval()
    alone = [
        generator(latents[one : one + 1], None if labels is None else labels[one : one + 1])
        for one in range(4)
    ]
    together = generator(latents, labels)
    torch.testing.assert_close(torch.cat(alone), together, rtol=1e-4, atol=1e-4)
    reals = built.reals().requires_grad_()
    logits = built.discriminator.train()(reals, labels)
    (gradient,) = torch.autograd.grad(logits[1], reals)
    touched = gradient.abs().amax(dim=(1, 2, 3)) > 0
    assert touched.tolist() == [False, True, False, False]


def test_stages_hold_every_parameter_once(built: Built) -> None:
    head = built.discriminator.head
    for network, more in ((built.generator, []), (built.discriminator, [head])):
        held = [id(one) for stage in [*network.stages(), *more] for one in stage.parameters()]
        assert len(held) == len(set(held))
        assert set(held) == {id(one) for one in network.parameters()}


def test_a_frozen_first_stage_leaves_the_rest_learning(built: Built) -> None:
    """The stages are in forward order: what comes before the first one needs no gradient."""
    first, *later = built.discriminator.stages()
    first.requires_grad_(False)
    built.discriminator(built.reals(), built.inputs()[1]).sum().backward()
    assert all(one.grad is None for one in first.parameters())
    assert all(any(one.grad is not None for one in stage.parameters()) for stage in later)


def test_features_lead_to_the_logit(built: Built) -> None:
    discriminator, labels = built.discriminator.eval(), built.inputs()[1]
    reals = built.reals()
    features = discriminator.features(reals, labels)
    assert features.shape == (4, discriminator.head.in_features)
    assert torch.equal(discriminator.head(features, labels), discriminator(reals, labels))


def test_entry_weights_meet_the_latent(built: Built) -> None:
    weights = built.generator.entry_weights()
    assert weights.ndim == 2
    assert weights.shape[1] == SIZES["latent"]
    # Not a copy at rest: gradients pass through it to the parameters.
    assert weights.requires_grad


def test_gradient_penalties_reach_the_discriminator(built: Built) -> None:
    """The gradient by the image is differentiated once more, through every kind of layer."""
    reals = built.reals().requires_grad_()
    logits = built.discriminator(reals, built.inputs()[1])
    (gradient,) = torch.autograd.grad(logits.sum(), reals, create_graph=True)
    gradient.square().sum().backward()
    first = next(iter(built.discriminator.stages()[0].parameters()))
    assert first.grad is not None
    for name, parameter in built.discriminator.named_parameters():
        if parameter.grad is not None:
            assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("resolution", [131, 256])
def test_large_images(name: str, resolution: int) -> None:
    shape = ImageShape(resolution=resolution, channels=3)
    with torch.inference_mode():
        images = build_generator(name, shape, **SIZES).eval()(torch.randn(1, SIZES["latent"]))
        assert images.shape == (1, 3, resolution, resolution)
        assert build_discriminator(name, shape, **SIZES).eval()(images).shape == (1,)


@pytest.mark.parametrize("case", [CASES[0], CASES[4]], ids=["plain", "classes"])
def test_bfloat16_gives_about_the_same(name: str, case: tuple[int, int, str, str]) -> None:
    built = _build(name, case)
    generator, discriminator = built.generator.eval(), built.discriminator.eval()
    latents, labels = built.inputs()
    with torch.no_grad():
        images, reals = generator(latents, labels), built.reals()
        logits = discriminator(reals, labels)
        with torch.autocast("cpu", torch.bfloat16):
            rough = generator(latents, labels).float()
            again = discriminator(reals, labels).float()
    assert (rough - images).abs().mean() < 0.03
    assert (again - logits).abs().max() < 0.05 * (1 + logits.abs().max())


def test_an_unknown_network_is_refused_with_the_nearest() -> None:
    shape = ImageShape(resolution=16, channels=1)
    with pytest.raises(UsageError, match=r"Did you mean 'dcgan'\?"):
        build_generator("dcgam", shape, **SIZES)


def test_an_unknown_condition_is_refused_with_the_nearest() -> None:
    shape = ImageShape(resolution=16, channels=1, classes=3)
    with pytest.raises(UsageError, match=r"Did you mean 'normalisation'\?"):
        build_generator("article", shape, condition="normalization", **SIZES)
    with pytest.raises(UsageError, match=r"Did you mean 'projection'\?"):
        build_discriminator("article", shape, condition="projecton", **SIZES)
