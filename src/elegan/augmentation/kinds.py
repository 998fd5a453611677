"""Kinds of augmentation: colours, geometry, and sets of them by name."""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import affine_grid

from elegan.common.errors import UsageError, did_you_mean

COLOUR: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "brightness": (lambda draw: draw - 0.5, 0.0),
    "saturation": (lambda draw: 2 * draw, 1.0),
    "hue": (lambda draw: (2 * draw - 1) * math.pi, 0.0),
    "contrast": (lambda draw: draw + 0.5, 1.0),
}
"""In the order of application: uniform draws [N] in (0, 1) to amounts; the amount of no change."""


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
    amount = saturation.view(-1, 1, 1)  # of the difference from gray
    from_gray = amount * torch.eye(3, device=images.device) + (1 - amount) / 3
    matrix = contrast.view(-1, 1, 1) * (_turn(hue) @ from_gray)
    pixels = images.reshape(len(images), 3, -1)
    return torch.baddbmm(offset.view(-1, 1, 1), matrix, pixels).view(images.shape)


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
    return _matrix(right_x=torch.where(draws[:, 0] < 0.5, -1.0, 1.0))


def _quarter_turns(draws: Tensor, resolution: int) -> Tensor:
    angle = (draws[:, 0] * 4).floor() * (math.pi / 2)
    # Rounded, since a cosine of 4e-8 in place of 0 would mix neighbouring pixels.
    return _turned(angle.cos().round(), angle.sin().round())


def _scale(draws: Tensor, resolution: int) -> Tensor:
    # A picture made larger by s reads its pixels 1/s as far from the centre.
    reach = torch.exp2(-SCALE_DEVIATION * torch.special.ndtri(draws[:, 0]))
    return _matrix(right_x=reach, down_y=reach)


def _rotation(draws: Tensor, resolution: int) -> Tensor:
    angle = (2 * draws[:, 0] - 1) * math.radians(ROTATION_DEGREES)
    return _turned(angle.cos(), angle.sin())


def _translation(draws: Tensor, resolution: int) -> Tensor:
    # Whole pixels: they are moved as they are, while a fraction would blur them.
    most = int(resolution * TRANSLATION_SHARE + 0.5)
    pixels = (draws * (2 * most + 1)).floor() - most
    right, down = (-2 * pixels / resolution).unbind(1)
    return _matrix(right=right, down=down)


def _turned(cosine: Tensor, sine: Tensor) -> Tensor:
    return _matrix(right_x=cosine, right_y=-sine, down_x=sine, down_y=cosine)


_PLACES = {"right_x": (0, 0), "right_y": (0, 1), "right": (0, 2)}
_PLACES |= {"down_x": (1, 0), "down_y": (1, 1), "down": (1, 2)}


def _matrix(**entries: Tensor) -> Tensor:
    """Returns [N, 3, 3], the identity but for [N] each: x' = right_x x + right_y y + right."""
    first = next(iter(entries.values()))
    matrix = torch.eye(3, device=first.device).repeat(len(first), 1, 1)
    for name, values in entries.items():
        matrix[:, *_PLACES[name]] = values
    return matrix


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


class AugmentationKind(NamedTuple):
    """What a kind does and how strongly, and where the strength comes from."""

    about: str
    source: str


_DIFFAUGMENT = "Zhao et al. 2020 (DiffAugment), section 3.2"
_ADA = "Karras et al. 2020 (ADA), appendix B"

KINDS: dict[str, AugmentationKind] = {
    "flip": AugmentationKind("left and right exchanged, or not, evenly", _ADA),
    "rotate": AugmentationKind("0 to 3 quarter turns, evenly", _ADA),
    "scale": AugmentationKind("both sides by 2 to the power of a normal of deviation 0.2", _ADA),
    "rotation": AugmentationKind("-15 to 15 degrees", f"{_ADA}, which turns fully round"),
    "translation": AugmentationKind("whole pixels, to 1/8 of the side each way", _DIFFAUGMENT),
    "brightness": AugmentationKind("-0.5 to 0.5 added, of a range of 2", _DIFFAUGMENT),
    "saturation": AugmentationKind("0 to 2 times the distance from gray", _DIFFAUGMENT),
    "hue": AugmentationKind("colours turned about the gray axis, to a full turn", _ADA),
    "contrast": AugmentationKind("0.5 to 1.5 times the distance from the mean", _DIFFAUGMENT),
    "cutout": AugmentationKind("a square of half the side set to mid-gray", _DIFFAUGMENT),
    "noise": AugmentationKind("normal noise, its deviation the size of a normal of 0.1", _ADA),
}
"""Every kind, in the order in which `augment` applies them, whatever order they are named in."""

_COLOUR = ("brightness", "saturation", "contrast")

_FEW = 5_000
GROUPS: dict[str, tuple[str, ...]] = {
    "none": (),
    "auto": (),  # until the images are known; see `for_images`
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


def for_images(kinds: str, count: int, channels: int) -> str:
    """Returns "photos" in the place of "auto" for fewer than 5,000 images in colour, else "".

    A discriminator learns few photos by heart within minutes. In gray, where images are mostly
    drawings and signs, no kinds suit them all.
    """
    if kinds != "auto":
        return kinds
    return "photos" if channels == 3 and count < _FEW else ""


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
