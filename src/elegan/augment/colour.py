"""Brightness, saturation, hue and contrast as one linear map of each pixel's colour."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class _Amount:
    """How a uniform draw becomes an amount, and the amount that changes nothing."""

    from_draw: Callable[[Tensor], Tensor]
    neutral: float


COLOUR: dict[str, _Amount] = {
    "brightness": _Amount(lambda draw: draw - 0.5, 0.0),
    "saturation": _Amount(lambda draw: 2 * draw, 1.0),
    "hue": _Amount(lambda draw: (2 * draw - 1) * math.pi, 0.0),
    "contrast": _Amount(lambda draw: draw + 0.5, 1.0),
}
"""In the order of application; draws are [N], uniform in (0, 1)."""


def recolour(
    images: Tensor, *, brightness: Tensor, saturation: Tensor, hue: Tensor, contrast: Tensor
) -> Tensor:
    """Adds brightness, scales saturation, turns the hue, scales contrast about the image's mean.

    Saturation and hue leave gray and the mean over channels as they are. So the four compose into

        contrast * hue * saturation * pixel + (1 - contrast) * mean of the image + brightness,

    which is one small matrix an image. Values are not clamped: beyond [-1, 1] a clamp would cut the
    generator's gradient.

    Args:
        images: float32 [N, C, H, W]; with other than 3 channels saturation and hue change nothing.
        brightness, saturation, contrast: [N].
        hue: [N], in radians about the gray axis.
    """
    offset = (1 - contrast) * images.mean(dim=(1, 2, 3)) + brightness
    if images.shape[1] != 3:
        return contrast.view(-1, 1, 1, 1) * images + offset.view(-1, 1, 1, 1)
    matrix = contrast.view(-1, 1, 1) * (_turn(hue) @ _from_gray(saturation))
    pixels = images.reshape(len(images), 3, -1)
    return torch.baddbmm(offset.view(-1, 1, 1), matrix, pixels).view(images.shape)


def _from_gray(saturation: Tensor) -> Tensor:
    """[N] -> [N, 3, 3]: gray plus `saturation` times the difference from gray."""
    amount = saturation.view(-1, 1, 1)
    return amount * torch.eye(3, device=saturation.device) + (1 - amount) / 3


def _turn(angle: Tensor) -> Tensor:
    """[N] -> [N, 3, 3]: the rotation about (1, 1, 1) by Rodrigues' formula."""
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=angle.device) / 3**0.5
    cosine, sine = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    return cosine * torch.eye(3, device=angle.device) + (1 - cosine) / 3 + sine * cross
