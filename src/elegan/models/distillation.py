"""A perceptual distance between images, and teaching a smaller generator by it."""

import copy
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.common.randomness import generator as keyed_generator
from elegan.common.randomness import seed_default
from elegan.models.model import Model
from elegan.networks.layers import PixelNoise

_SCALES = (1, 2, 4)
_SOFTNESS = 1e-3  # of the absolute value, in units of the pixels' range [-1, 1]
_FEATURES = 0.1  # weight of the features beside the pixels


class ImageDistance:
    """Charbonnier distance of pixels at three scales, plus that of features where there are any.

    The first is a softened absolute difference (Charbonnier et al. 1994); features are compared by
    their squared difference relative to the target's mean square.

    Args:
        features: images [N, C, R, R] in [-1, 1] -> [N, F].
    """

    def __init__(self, features: Callable[[Tensor], Tensor] | None = None) -> None:
        self.features = features

    def describe(self, images: Tensor) -> list[Tensor]:
        """Images [N, C, R, R] -> what distances are taken between."""
        levels = [functional.avg_pool2d(images, scale) for scale in _SCALES]
        return levels if self.features is None else [*levels, self.features(images).float()]

    def between(self, one: list[Tensor], target: list[Tensor]) -> Tensor:
        """Descriptions -> distances float [N], row by row; a single row meets all of the other."""
        levels = len(_SCALES)
        total = torch.zeros((), device=one[0].device)
        for mine, theirs in zip(one[:levels], target[:levels], strict=True):
            softened = ((mine - theirs).square() + _SOFTNESS**2).sqrt() - _SOFTNESS
            total = total + softened.mean(dim=(1, 2, 3)) / levels
        for mine, theirs in zip(one[levels:], target[levels:], strict=True):
            scale = theirs.square().mean(dim=1) + 1e-6
            total = total + _FEATURES * (mine - theirs).square().mean(dim=1) / scale
        return total


def unclipped(images: Tensor) -> Tensor:
    """Clips to [-1, 1], float32, and lets gradients pass as if it did not.

    A pixel clipped to the target's value has no error and no gradient; one clipped to the wrong
    side still finds its way back.
    """
    images = images.float()
    return images + (images.clamp(-1, 1) - images).detach()


def judging_features(model: Model) -> Callable[[Tensor], Tensor] | None:
    """Returns images -> features [N, F] of the model's discriminator.

    None where the folder holds none, or one whose features depend on a label.
    """
    if not model.has_discriminator:
        return None
    part = model.config["discriminator"]
    if part["classes"] and part["sizes"].get("condition") == "concat":
        return None
    network: nn.Module = copy.deepcopy(model.discriminator).float()
    return network.features  # pyright: ignore[reportReturnType]


_RATE = 2e-3
_PASSES = 30  # forward passes over which batch statistics are measured


def distil(
    student: nn.Module, teacher: Model, *, steps: int = 300, batch: int = 64, seed: int = 0
) -> None:
    """Trains `student` to draw what the teacher draws from the same latents, by Adam.

    The distance is `ImageDistance`, with the features of the teacher's discriminator where it is at
    hand. Batch statistics are measured anew at the end, or at once where `steps` is 0. Source of
    the idea: Aguinaldo et al. 2019 (compressing GANs using knowledge distillation).

    Args:
        student: a generator of the teacher's shape and latent; left in evaluation mode.
        steps: of Adam; the rate falls to 0 along a cosine.
    """
    device = teacher.precision.device
    student.to(device)
    _train_mode(student)
    distance = ImageDistance(judging_features(teacher))
    student.requires_grad_(True)
    optimizer = torch.optim.Adam(student.parameters(), lr=_RATE, betas=(0.9, 0.99))
    for step, (latents, labels) in enumerate(_draws(teacher, steps, batch, seed)):
        with torch.no_grad():
            with teacher.precision.autocast():
                drawn = teacher.network(latents, labels)
            target = distance.describe(drawn.float().clamp(-1, 1))
        with teacher.precision.autocast():
            images = unclipped(student(latents, labels))
        loss = distance.between(distance.describe(images), target).mean()
        optimizer.param_groups[0]["lr"] = _RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    student.requires_grad_(False)
    _measure_statistics(student, teacher, batch, seed)
    student.eval()


@torch.no_grad()
def _measure_statistics(student: nn.Module, teacher: Model, batch: int, seed: int) -> None:
    """Sets running means and variances to their mean over fresh batches; settles spectral norms."""
    norms = [module for module in student.modules() if isinstance(module, nn.BatchNorm2d)]
    usual = [each.momentum for each in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean of all batches
    mean_style = getattr(student, "mean_style", None)
    kept = None if mean_style is None else mean_style.clone()
    for latents, labels in _draws(teacher, _PASSES, batch, seed + 1):
        student(latents, labels)
    for item, momentum in zip(norms, usual, strict=True):
        item.momentum = momentum
    if mean_style is not None and kept is not None:
        mean_style.copy_(kept)


def _train_mode(student: nn.Module) -> None:
    student.train()
    for layer in student.modules():  # the teacher's noise is fixed, and so is what it is to teach
        if isinstance(layer, PixelNoise):
            layer.eval()


def _draws(
    teacher: Model, steps: int, batch: int, seed: int
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yields latents and, for a conditional teacher, labels, each batch keyed by its step."""
    device, classes = teacher.precision.device, teacher.shape.classes
    for step in range(steps):
        seed_default(seed, "distil", step)
        random = keyed_generator(seed, "distil latents", step)
        latents = torch.randn(batch, teacher.latent, generator=random)
        labels = torch.randint(classes, (batch,), generator=random) if classes else None
        yield latents.to(device), None if labels is None else labels.to(device)
