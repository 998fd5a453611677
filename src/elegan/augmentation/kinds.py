"""Kinds of augmentation: colours, geometry, and sets of them by name."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import affine_grid

from elegan.common.errors import UsageError, did_you_mean


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


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of augmentation.

    Attributes:
        about: what it does and how strongly.
        source: where the strength comes from.
    """

    about: str
    source: str


_DIFFAUGMENT = "Zhao et al. 2020 (DiffAugment), section 3.2"
_ADA = "Karras et al. 2020 (ADA), appendix B"

KINDS: dict[str, Kind] = {
    "flip": Kind(about="left and right exchanged, or not, evenly", source=_ADA),
    "rotate": Kind(about="0 to 3 quarter turns, evenly", source=_ADA),
    "scale": Kind(about="both sides by 2 to the power of a normal of deviation 0.2", source=_ADA),
    "rotation": Kind(about="-15 to 15 degrees", source=f"{_ADA}, which turns fully round"),
    "translation": Kind(about="whole pixels, to 1/8 of the side each way", source=_DIFFAUGMENT),
    "brightness": Kind(about="-0.5 to 0.5 added, of a range of 2", source=_DIFFAUGMENT),
    "saturation": Kind(about="0 to 2 times the distance from gray", source=_DIFFAUGMENT),
    "hue": Kind(about="colours turned about the gray axis, to a full turn", source=_ADA),
    "contrast": Kind(about="0.5 to 1.5 times the distance from the mean", source=_DIFFAUGMENT),
    "cutout": Kind(about="a square of half the side set to mid-gray", source=_DIFFAUGMENT),
    "noise": Kind(about="normal noise, its deviation the size of a normal of 0.1", source=_ADA),
}
"""Every kind, in the order in which `augment` applies them, whatever order they are named in."""

_COLOUR = ("brightness", "saturation", "contrast")

GROUPS: dict[str, tuple[str, ...]] = {
    "none": (),
    "colour": _COLOUR,
    "geometry": ("flip", "rotate", "scale", "rotation", "translation"),
    "diffaugment": ("translation", *_COLOUR, "cutout"),
    "ada": ("flip", "rotate", "scale", "rotation", "translation", *_COLOUR, "hue"),
    # A mirrored or turned digit is another sign or none; everything here leaves its class alone.
    "digits": ("scale", "rotation", "translation", "brightness", "contrast", "cutout"),
    # Photographs have an up and a down, and skin has a hue.
    "photos": ("flip", "scale", "rotation", "translation", *_COLOUR, "cutout"),
    "all": tuple(KINDS),
}
"""Names for sets of kinds: the two papers', and sensible ones for what the images show."""


def parse_kinds(text: str) -> tuple[str, ...]:
    """Reads 'translation,cutout', 'digits' or 'photos,hue'; '' and 'none' are no kinds.

    Returns:
        The kinds, each once, in the order of `KINDS`.

    Raises:
        UsageError: a name is neither a kind nor a group; the nearest is named.
    """
    chosen: set[str] = set()
    for name in (part.strip() for part in text.split(",")):
        if name in KINDS:
            chosen.add(name)
        elif name in GROUPS:
            chosen.update(GROUPS[name])
        elif name or text.strip():
            known = [*KINDS, *GROUPS]
            raise UsageError(
                f"Unknown augmentation '{name}'.{did_you_mean(name, known)}"
                f" Kinds: {', '.join(KINDS)}. Groups: {', '.join(GROUPS)}."
                " Type names separated by commas, such as translation,cutout."
            )
    return tuple(name for name in KINDS if name in chosen)
