"""The two players of a run: built from settings, begun from trained weights, partly frozen."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elegan.engine import distributed
from elegan.engine.players import Player
from elegan.errors import EleganError, UsageError
from elegan.losses import ADVERSARIAL, AdversarialLoss
from elegan.machine.precision import Precision
from elegan.machine.randomness import seed_default
from elegan.models.saving import UNREADABLE, find_model, read_facts, read_tensors
from elegan.networks import PAIRS, ImageShape, build_discriminator, build_generator
from elegan.networks.layers import scaled_width
from elegan.settings import TrainSettings
from elegan.settings.checks import parse_freeze

_NAMED = 6  # tensors that a message names before it counts


def network_sizes(
    settings: TrainSettings, shape: ImageShape, condition: str | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the keyword arguments that build the generator and the discriminator.

    Args:
        condition: the discriminator's, in place of that in the settings.
    """
    network = settings.network
    pair = PAIRS[network.name]
    width = network.width or scaled_width(pair.width, settings.size)
    latent = network.latent or pair.latent
    generator: dict[str, Any] = {"width": network.generator_width or width, "latent": latent}
    discriminator: dict[str, Any] = {"width": width, "latent": latent}
    if shape.classes:
        generator["condition"] = network.generator_condition
    if shape.classes or condition:
        discriminator["condition"] = condition or network.discriminator_condition
    return generator, discriminator


def adversarial_loss(settings: TrainSettings) -> AdversarialLoss:
    """Returns the run's adversarial loss; where it compares images, those of all processes."""
    loss = ADVERSARIAL[settings.loss.adversarial]
    if not loss.relativistic or distributed.world().size == 1:
        return loss

    def discriminator(real: Tensor, fake: Tensor, /, smoothing: float = 0.0) -> Tensor:
        real, fake = distributed.together(real), distributed.together(fake)
        return loss.discriminator(real, fake, smoothing=smoothing)

    def generator(real: Tensor, fake: Tensor) -> Tensor:
        return loss.generator(distributed.together(real), distributed.together(fake))

    return dataclasses.replace(loss, discriminator=discriminator, generator=generator)


def build_players(
    settings: TrainSettings,
    shapes: tuple[ImageShape, ImageShape],
    sizes: tuple[dict[str, Any], dict[str, Any]],
    precision: Precision,
) -> tuple[Player, Player]:
    """Returns generator and discriminator with fresh weights, frozen where the settings say so.

    Args:
        shapes: of the generator and the discriminator; they differ where only one knows classes.
        sizes: of both, as `network_sizes` gives them.

    Raises:
        UsageError: more stages are to be frozen than the network has, or all of them.
    """
    name = settings.network.name
    builds = (
        ("generator", lambda: build_generator(name, shapes[0], **sizes[0])),
        ("discriminator", lambda: build_discriminator(name, shapes[1], **sizes[1])),
    )
    generator, discriminator = (
        make_player(settings, build, side, precision) for side, build in builds
    )
    return generator, discriminator


def make_player(
    settings: TrainSettings, build: Callable[[], nn.Module], name: str, precision: Precision
) -> Player:
    """Returns a player with fresh weights that the seed fixes, frozen where the settings say so.

    Args:
        build: makes the network.
        name: "generator" or "discriminator".

    Raises:
        UsageError: more stages are to be frozen than the network has, or all of them.
    """
    seed_default(settings.seed, f"initial {name}")
    network = build()
    network.to(device=precision.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    frozen = parse_freeze(settings.transfer.freeze)
    freeze(network, frozen.get(name[0].upper(), 0), name)
    rates = {
        "generator": settings.optimizer.generator_rate,
        "discriminator": settings.optimizer.discriminator_rate,
    }
    # Wider networks want smaller steps: the rate falls with the root of the width.
    rate = rates[name] / settings.size**0.5
    return Player(network.train(), rate=rate, settings=settings.optimizer)


def freeze(network: nn.Module, stages: int, name: str) -> None:
    """Keeps the first `stages` stages of a network as they are (Mo et al. 2020, FreezeD).

    Raises:
        UsageError: there are not that many, or nothing would be left to train.
    """
    if not stages:
        return
    parts: list[nn.Module] = network.stages()  # pyright: ignore[reportCallIssue, reportAssignmentType]
    for part in parts[:stages]:
        part.requires_grad_(False)
    left = any(one.requires_grad for one in network.parameters())
    if stages > len(parts) or not left:
        raise UsageError(
            f"--freeze {name[0].upper()}:{stages} is too much: the {name} has {len(parts)} stages."
            f" Freeze at most {len(parts) if left else len(parts) - 1}."
        )


def begin_from(
    source: str, generator: nn.Module, discriminator: nn.Module, say: Callable[[str], None]
) -> None:
    """Takes the weights of both networks from a trained model, as far as they agree.

    Raises:
        EleganError: there is no model, or not one tensor of the generator agrees.
    """
    found = load_weights(Path(source))
    say(f"from {source}: {take_weights(generator, found['generator'], 'generator')}")
    if "discriminator" not in found:
        say(f"from {source}: it holds no discriminator, which begins anew")
        return
    taken = take_weights(discriminator, found["discriminator"], "discriminator")
    say(f"from {source}: {taken}")


def load_weights(source: Path) -> dict[str, dict[str, Tensor]]:
    """Returns the tensors of a model's generator and, where it has one, discriminator.

    Raises:
        EleganError: there is no model, it cannot be read, or a checksum differs.
    """
    folder = find_model(source)
    try:
        facts = read_facts(folder)
        parts = {"generator": facts, "discriminator": facts.get("discriminator")}
        return {
            name: read_tensors(folder, part) for name, part in parts.items() if part is not None
        }
    except UNREADABLE as error:
        raise EleganError(f"The model in {folder} cannot be read: {error}.") from error


@torch.no_grad()
def take_weights(network: nn.Module, tensors: Mapping[str, Tensor], name: str) -> str:
    """Copies the tensors whose name and shape agree; returns a sentence that says which.

    Raises:
        EleganError: not one agrees.
    """
    mine = network.state_dict()
    taken = [key for key in mine if key in tensors and tensors[key].shape == mine[key].shape]
    if not any(mine[key].is_floating_point() for key in taken):
        raise EleganError(
            f"No tensor of the {name} agrees in name and shape with the model named by --from:"
            " it is of another network, width or resolution. `elegan list networks` and the"
            " model's model.json say which."
        )
    for key in taken:
        mine[key].copy_(tensors[key])
    fresh = [key for key in mine if key not in taken]
    sentence = f"{name}: {len(taken)} of {len(mine)} tensors taken"
    if fresh:
        named = ", ".join(fresh[:_NAMED])
        more = f" and {len(fresh) - _NAMED} more" if len(fresh) > _NAMED else ""
        sentence += f"; begun anew: {named}{more}"
    return sentence
