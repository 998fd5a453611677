"""A distance between images that can be descended: pixels at several scales, and features."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.models.model import Model

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
    part = model.facts["discriminator"]
    if part["classes"] and part["sizes"].get("condition") == "concat":
        return None
    network: nn.Module = copy.deepcopy(model.discriminator).float()
    return network.features  # pyright: ignore[reportReturnType]
