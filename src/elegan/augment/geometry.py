"""Flips, turns, scaling and shifts as one affine map an image, so that pixels are resampled once.

Coordinates are those of `torch.nn.functional.affine_grid` without aligned corners: the image spans
-1 to 1 both ways, x to the right, y down.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import affine_grid

Padding = Literal["zeros", "border", "reflection"]
_PADDING: dict[Padding, int] = {"zeros": 0, "border": 1, "reflection": 2}  # ATen's numbers

ROTATION_DEGREES = 15.0
SCALE_DEVIATION = 0.2
TRANSLATION_SHARE = 1 / 8

InverseMap = Callable[[Tensor, int], Tensor]


def _flip(draws: Tensor, resolution: int) -> Tensor:
    sign = torch.where(draws[:, 0] < 0.5, -1.0, 1.0)
    one, zero = torch.ones_like(sign), torch.zeros_like(sign)
    return _matrix(sign, zero, zero, one, zero, zero)


def _quarter_turns(draws: Tensor, resolution: int) -> Tensor:
    turns = (draws[:, 0] * 4).floor()
    # Rounded, since a cosine of 4e-8 in place of 0 would mix neighbouring pixels.
    return _turned((turns * (math.pi / 2)).cos().round(), (turns * (math.pi / 2)).sin().round())


def _scale(draws: Tensor, resolution: int) -> Tensor:
    # A picture made larger by s reads its pixels 1/s as far from the centre.
    reach = torch.exp2(-SCALE_DEVIATION * torch.special.ndtri(draws[:, 0]))
    zero = torch.zeros_like(reach)
    return _matrix(reach, zero, zero, reach, zero, zero)


def _rotation(draws: Tensor, resolution: int) -> Tensor:
    angle = (2 * draws[:, 0] - 1) * math.radians(ROTATION_DEGREES)
    return _turned(angle.cos(), angle.sin())


def _translation(draws: Tensor, resolution: int) -> Tensor:
    # Whole pixels: they are moved as they are, while a fraction would blur them.
    most = int(resolution * TRANSLATION_SHARE + 0.5)
    pixels = (draws * (2 * most + 1)).floor() - most
    right, down = (-2 * pixels / resolution).unbind(1)
    one, zero = torch.ones_like(right), torch.zeros_like(right)
    return _matrix(one, zero, zero, one, right, down)


GEOMETRY: dict[str, InverseMap] = {
    "flip": _flip,
    "rotate": _quarter_turns,
    "scale": _scale,
    "rotation": _rotation,
    "translation": _translation,
}
"""(draws [N, 2] uniform in (0, 1), resolution) -> [N, 3, 3], from places in the result to places in
the image, in the order of application."""


def warp(images: Tensor, inverse: Tensor, padding: Padding) -> Tensor:
    """Resamples each image once, bilinearly, and so that it can be differentiated twice.

    Args:
        images: float32 [N, C, R, R].
        inverse: [N, 3, 3], from coordinates in the result to coordinates in the image.
        padding: what lies beyond the edge.
    """
    grid = affine_grid(inverse[:, :2], list(images.shape), align_corners=False)
    warped = _Sample.apply(images, grid, _PADDING[padding])
    assert isinstance(warped, Tensor)
    return warped


class _Sample(torch.autograd.Function):
    """`grid_sample` by images alone, of which PyTorch has no second derivative.

    Sampling is linear in the images, so its derivative is its transpose and that of the transpose
    is sampling again. A gradient penalty on images before augmentation needs both.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, grid: Tensor, padding: int) -> Tensor:
        ctx.save_for_backward(images, grid)
        ctx.padding = padding
        return torch.grid_sampler_2d(images, grid, 0, padding, False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        images, grid = ctx.saved_tensors
        return _Transpose.apply(gradients[0], images, grid, ctx.padding), None, None


class _Transpose(torch.autograd.Function):
    """The transpose of `_Sample`; of `images` only the shape counts."""

    @staticmethod
    def forward(ctx: Any, spread: Tensor, images: Tensor, grid: Tensor, padding: int) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.padding = padding
        backward = torch.ops.aten.grid_sampler_2d_backward
        return backward(spread.contiguous(), images, grid, 0, padding, False, [True, False])[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        (grid,) = ctx.saved_tensors
        return _Sample.apply(gradients[0], grid, ctx.padding), None, None, None


def _turned(cosine: Tensor, sine: Tensor) -> Tensor:
    zero = torch.zeros_like(cosine)
    return _matrix(cosine, -sine, sine, cosine, zero, zero)


def _matrix(
    right_x: Tensor, right_y: Tensor, down_x: Tensor, down_y: Tensor, right: Tensor, down: Tensor
) -> Tensor:
    """Returns [N, 3, 3] from six [N]: x' = right_x x + right_y y + right, and y' likewise."""
    zero, one = torch.zeros_like(right), torch.ones_like(right)
    rows = (right_x, right_y, right, down_x, down_y, down, zero, zero, one)
    return torch.stack(rows, dim=1).view(-1, 3, 3)
