"""A network with its optimizer, and how the two players of a run are made."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elegan.common import distributed
from elegan.common.errors import EleganError, UsageError
from elegan.common.precision import Precision
from elegan.common.randomness import seed_default
from elegan.losses import ADVERSARIAL, AdversarialLoss
from elegan.models.saving import UNREADABLE, find_model, read_config, read_tensors
from elegan.networks import PAIRS, ImageShape, build_discriminator, build_generator
from elegan.networks.conditioning import class_rows
from elegan.networks.layers import scaled_width
from elegan.settings import OptimizerSettings, TrainSettings
from elegan.settings.checks import parse_freeze


class Player:
    """The generator's or the discriminator's side of the loop.

    Attributes:
        network: the module, channels-last on its device.
        optimizer: Adam (fused) over all parameters that require gradients.
        base_rate: the learning rate before the schedule.
        gradient_norm: of the last step, over all parameters.
    """

    def __init__(self, network: nn.Module, *, rate: float, settings: OptimizerSettings) -> None:
        self.network = network
        self.base_rate = rate
        self.parameters = [
            parameter for parameter in network.parameters() if parameter.requires_grad
        ]
        self.optimizer = torch.optim.Adam(
            self.parameters,
            lr=rate,
            betas=(settings.beta1, settings.beta2),
            eps=settings.epsilon,
            fused=True,
        )
        self.gradient_norm = 0.0
        self._buffers = list(network.buffers())
        self._kept = [buffer.clone() for buffer in self._buffers]

    def set_requires_grad(self, wanted: bool) -> None:
        """Says whether backward computes gradients of this player's parameters."""
        for parameter in self.parameters:
            parameter.requires_grad_(wanted)

    @torch.no_grad()
    def keep_buffers(self) -> None:
        """Notes batch statistics and the like, which a forward pass moves."""
        for kept, buffer in zip(self._kept, self._buffers, strict=True):
            kept.copy_(buffer)

    @torch.no_grad()
    def put_back_buffers(self) -> None:
        """Undoes what forward passes did to the buffers since `keep_buffers`."""
        for kept, buffer in zip(self._kept, self._buffers, strict=True):
            buffer.copy_(kept)

    def backward(
        self, losses: Mapping[str, Tensor], through: tuple[Tensor, Tensor] | None = None
    ) -> bool:
        """Computes gradients of `losses["loss"]`, averaged over processes.

        Args:
            losses: of this step.
            through: (outputs of this network, the loss's gradients by them) where those are known
                already; the loss itself is then only recorded.

        Returns:
            Whether loss and gradients are finite. Where they are not, nothing must be applied.
        """
        self.optimizer.zero_grad(set_to_none=True)
        if through is None:
            losses["loss"].backward()
        else:
            through[0].backward(through[1].to(through[0].dtype))
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        loss = losses["loss"].detach().clone()
        distributed.average([*gradients, loss])  # the loss too: all processes judge alike
        self.gradient_norm = float(torch.nn.utils.get_total_norm(gradients))
        return math.isfinite(self.gradient_norm) and math.isfinite(loss.item())

    def step(self, rate_factor: float) -> None:
        """Applies the gradients at the base rate times `rate_factor`."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.base_rate * rate_factor
        self.optimizer.step()


def rate_factor(progress: float, settings: OptimizerSettings) -> float:
    """Returns the factor on both rates at `progress` (share of the phase's images seen, 0..1).

    Linear warm-up, then constant, then from `hold` on a fall to 0 at the end.
    """
    factor = min(1.0, progress / settings.warmup) if settings.warmup else 1.0
    if settings.schedule == "constant" or progress <= settings.hold or settings.hold >= 1:
        return factor
    fallen = min(1.0, (progress - settings.hold) / (1 - settings.hold))
    if settings.schedule == "linear":
        return factor * (1 - fallen)
    return factor * 0.5 * (1 + math.cos(math.pi * fallen))


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
    if shape.classes or shape.clusters:
        generator["condition"] = network.generator_condition
    if shape.classes or shape.clusters or condition:
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
    left = any(parameter.requires_grad for parameter in network.parameters())
    if stages > len(parts) or not left:
        raise UsageError(
            f"--freeze {name[0].upper()}:{stages} is too much: the {name} has {len(parts)} stages."
            f" Freeze at most {len(parts) if left else len(parts) - 1}."
        )


def begin_from(
    source: str,
    generator: nn.Module,
    discriminator: nn.Module,
    say: Callable[[str], None],
    classes: Sequence[str] = (),
) -> None:
    """Takes the weights of both networks from a trained model, as far as they agree.

    Args:
        classes: names; what the model knows of one of them is found by its name.

    Raises:
        EleganError: there is no model, or not one tensor of the generator agrees.
    """
    found, known = load_weights(Path(source))
    rows = None
    if classes and known:
        rows = {classes.index(name): known.index(name) for name in classes if name in known}
        say(f"from {source}: {len(rows)} of {len(classes)} classes are known to it by name")
    say(f"from {source}: {take_weights(generator, found['generator'], 'generator', rows)}")
    if "discriminator" not in found:
        say(f"from {source}: it holds no discriminator, which begins anew")
        return
    taken = take_weights(discriminator, found["discriminator"], "discriminator", rows)
    say(f"from {source}: {taken}")


def load_weights(source: Path) -> tuple[dict[str, dict[str, Tensor]], list[str]]:
    """Returns a model's tensors, of the generator and a discriminator it has, and its classes.

    Raises:
        EleganError: there is no model, it cannot be read, or a checksum differs.
    """
    folder = find_model(source)
    try:
        facts = read_config(folder)
        parts = {"generator": facts, "discriminator": facts.get("discriminator")}
        tensors = {
            name: read_tensors(folder, part) for name, part in parts.items() if part is not None
        }
        return tensors, list(facts.get("classes") or ())
    except UNREADABLE as error:
        raise EleganError(f"The model in {folder} cannot be read: {error}.") from error


@torch.no_grad()
def take_weights(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    name: str,
    rows: Mapping[int, int] | None = None,
) -> str:
    """Copies the tensors whose name and shape agree; returns a sentence that says which.

    Args:
        rows: place of a class in the network -> in the tensors; None where neither has names.

    Raises:
        EleganError: not one agrees.
    """
    mine = network.state_dict()
    # A network told of clusters holds one that is not.
    tensors = {**{f"within.{key}": item for key, item in tensors.items()}, **tensors}
    for key in class_rows(network) if rows is not None else ():
        theirs = tensors.pop(key, None)
        if rows and theirs is not None and theirs.shape[1:] == mine[key].shape[1:]:
            tensors[key] = mine[key].clone()
            tensors[key][list(rows)] = theirs[list(rows.values())].to(mine[key])
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
