"""The plane as a data set: points for images, small networks, and the task and loop of real runs.

So what is played on the page is what trains images: the losses, penalties, optimizers and moves are
those of every run; only the networks and the data are this small. A point is an image of one pixel
with two channels.
"""

import itertools
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from elegan.common.precision import choose
from elegan.common.randomness import generator as keyed_generator
from elegan.data.batches import Batch
from elegan.networks import ImageShape
from elegan.settings import TrainSettings
from elegan.tasks.noise import NoiseTask
from elegan.training.console import Console
from elegan.training.ema import Ema
from elegan.training.loop import TrainingLoop
from elegan.training.players import adversarial_loss, make_player
from elegan.training.run_folder import RunFolder

LATENT = 2
NEVER = 1 << 40  # images at which a played run would end
RADIUS, SPREAD = 0.75, 0.03  # of the ring of modes, and of each mode
MOST_POINTS = 2000


def modes(target: str) -> Tensor:
    """Returns the centres [K, 2] of a target's modes; of others none."""
    if target == "ring":
        turns = torch.arange(8) * (2 * math.pi / 8)
        return RADIUS * torch.stack([turns.cos(), turns.sin()], dim=1)
    if target == "grid":
        steps = torch.tensor([-0.7, 0.0, 0.7])
        return torch.cartesian_prod(steps, steps)
    return torch.zeros(0, 2)


def points(target: str, count: int, drawn: Tensor, seed: int) -> Tensor:
    """Returns real points float32 [count, 2] within about [-1, 1].

    Args:
        target: ring, grid, moons, spiral, or drawn.
        drawn: [M, 2] places along a line that was drawn; M >= 2 where the target is that.
    """
    random = keyed_generator(seed, "real points")
    noise = SPREAD * torch.randn(count, 2, generator=random)
    share = torch.rand(count, generator=random)
    centres = modes(target)
    if len(centres):
        return centres[torch.randint(len(centres), (count,), generator=random)] + noise
    if target == "moons":
        turns, upper = math.pi * share, torch.rand(count, generator=random) < 0.5
        across = torch.where(upper, turns.cos() - 0.5, 0.5 - turns.cos())
        above = torch.where(upper, turns.sin() - 0.25, 0.25 - turns.sin())
        return 0.6 * torch.stack([across, above], dim=1) + noise
    if target == "spiral":
        turns, far = 3 * math.pi * share.sqrt(), 0.85 * share.sqrt()
        return torch.stack([far * turns.cos(), far * turns.sin()], dim=1) + noise
    legs = (drawn[1:] - drawn[:-1]).norm(dim=1)
    ends = legs.cumsum(0)
    along = share * ends[-1]
    leg = torch.searchsorted(ends, along).clamp(max=len(legs) - 1)
    within = ((along - (ends - legs)[leg]) / legs[leg].clamp(min=1e-9)).clamp(0, 1)
    return drawn[leg] + within[:, None] * (drawn[1:] - drawn[:-1])[leg] + noise


def _layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    sizes = [inputs, width, width, width]
    pairs = itertools.pairwise(sizes)
    hidden = [part for a, b in pairs for part in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


class PointGenerator(nn.Module):
    """Noise [N, 2] -> points [N, 2, 1, 1]."""

    latent = LATENT

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = _layers(LATENT, width, 2)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """The labels are of no use here; every generator is called with some."""
        return self.layers(latents).view(-1, 2, 1, 1)


class PointDiscriminator(nn.Module):
    """Points [N, 2, 1, 1] -> logits [N]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = _layers(2, width, 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """The labels are of no use here; every discriminator is called with some."""
        return self.layers(images.flatten(1)).squeeze(1)


class PlaneTask(NoiseTask):
    """From noise to points; every step is that of `NoiseTask`."""

    name = "plane"

    def __init__(self, settings: TrainSettings, width: int) -> None:
        # In place of the parent's beginning, which builds networks for images.
        self.settings, self.precision = settings, choose("cpu", "float32")
        self.classes, self.shape = (), ImageShape(resolution=1, channels=2)
        self.sizes = {"width": width, "latent": LATENT}, {"width": width}
        self.generator = make_player(
            settings, lambda: PointGenerator(width), "generator", self.precision
        )
        self.discriminator = make_player(
            settings, lambda: PointDiscriminator(width), "discriminator", self.precision
        )
        network = self.generator.network
        self.ema = Ema(network, half_life=settings.ema.half_life, ramp=settings.ema.ramp)
        self.loss = adversarial_loss(settings)
        self._begin_state()


class PointBatches:
    """Real points in keyed order; each batch is drawn anew from all of them."""

    def __init__(self, real: Tensor, settings: TrainSettings) -> None:
        self.real, self._settings = real, settings

    def at(self, position: int) -> Batch:
        """The batch after so many points."""
        count = self._settings.batch
        random = keyed_generator(self._settings.seed, "points of a step", position)
        rows = torch.randint(len(self.real), (count,), generator=random)
        return Batch(
            images=self.real[rows].view(count, 2, 1, 1),
            labels=None,
            position=position,
            share=slice(0, count),
            whole=count,
        )

    def unseen(self, count: int, position: int) -> None:
        """No point is held out."""


def loop_of(task: NoiseTask, batches: object, settings: TrainSettings) -> TrainingLoop:
    """Returns the loop of a run that writes nothing and has no end."""
    folder = RunFolder(Path())
    return TrainingLoop(
        task=task,
        batches=batches,  # pyright: ignore[reportArgumentType]
        folder=folder,
        settings=settings,
        precision=task.precision,
        console=Console(folder, quiet=True),
        stop=NEVER,
    )
