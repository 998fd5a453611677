"""Upscalers: bicubic plus the detail that a network adds."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.common.errors import UsageError
from elegan.networks.layers import together
from elegan.networks.residual import ResidualBlock
from elegan.networks.translation import (
    TRANSLATORS,
    TranslationShape,
    Translator,
    TranslatorKind,
    require_colours,
)

AROUND = 2
"""Pixels on each side whose mean is taken off a pixel for its detail: so far does it look."""
_GAIN = 4.0  # about what makes a photo's details as large as its brightness


def with_detail(images: Tensor, colours: int) -> Tensor:
    """Images [N, I, h, w] -> [N, I + colours, h, w]: also the details of the first planes."""
    return torch.cat([images, _GAIN * detail_of(images[:, :colours])], dim=1)


def detail_of(colours: Tensor) -> Tensor:
    """Images [N, C, h, w] -> each pixel less the mean of the 5x5 around it, as far as there is."""
    side = 2 * AROUND + 1
    return colours - functional.avg_pool2d(colours, side, 1, AROUND, count_include_pad=False)


_SIDES = (3, 5, 9, 17, 33, 65)  # of the squares around a lost pixel
_FALL = 4  # how fast what a square says loses weight with its side
_ROUNDS, _RADIUS = 16, 0.99  # of relaxation; an estimate of the spectral radius of one plain round
FILLED_FROM = _SIDES[-1] // 2 + _ROUNDS
"""Pixels on each side that a lost pixel's filling is made of."""


def filled(colours: Tensor, lost: Tensor) -> Tensor:
    """Fills lost pixels by what is known around, smoothly.

    First by inverse distances (Shepard 1968), their weights in steps: sums over squares of growing
    sides, which cost the same for every pixel. Then some rounds bring each lost pixel nearer to the
    mean of its four neighbours, which is Laplace's equation, by Chebyshev's semi-iterative method
    (Golub and Varga 1961). A network that begins with it has to add what a smooth filling lacks;
    from gray it first has to learn the brightness of every hole.

    Args:
        colours: float32 [N, C, h, w].
        lost: [N, 1, h, w], 1 where a pixel is lost, else 0.

    Returns:
        [N, C, h, w]; what is not lost is as it was, and 0 is where nothing near is known.
    """
    if not lost.any():
        return colours
    return _relaxed(_by_distance(colours, lost), lost)


def _by_distance(colours: Tensor, lost: Tensor) -> Tensor:
    known = 1 - lost
    known_colours = torch.cat([colours * known, known], dim=1)
    total = torch.zeros_like(known_colours)
    for side in _SIDES:
        rows = functional.avg_pool2d(known_colours, (side, 1), 1, (side // 2, 0))
        squares = functional.avg_pool2d(rows, (1, side), 1, (0, side // 2))
        total = total + squares * float(side) ** (2 - _FALL)  # a mean times the square's pixels
    mean = total[:, :-1] / total[:, -1:].clamp_min(1e-9)
    return colours * known + mean * lost


def _relaxed(colours: Tensor, lost: Tensor) -> Tensor:
    before, now, weight = colours, colours, 1.0
    for index in range(_ROUNDS):
        padded = functional.pad(now, (1, 1, 1, 1), mode="replicate")
        across = padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
        around = (across + padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]) / 4
        if index:
            weight = 1 / (1 - _RADIUS**2 * weight / (4 if index > 1 else 2))
        before, now = now, torch.where(lost > 0, before + weight * (around - before), colours)
    return now


_SLOPE = 0.2
_LARGEST_SCALE = 8
_REACH = 2  # of the cubic kernel, in input pixels


class BicubicUpsampling(nn.Module):
    """Bicubic upsampling by a whole factor as the literature on super-resolution has it.

    The cubic kernel has a = -0.5 (Keys 1981) and the image goes on as its mirror image, edge pixels
    repeated, as MATLAB's imresize has both. Written as one convolution with a filter for each place
    within a pixel, which sees each output alike wherever a tile begins.

    Args:
        scale: 1 or more; 1 is the identity.
    """

    filters: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        # Output j of a pixel lies at (j + 1/2) / scale - 1/2 from the pixel's centre.
        places = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
        taps = torch.arange(-_REACH, _REACH + 1, dtype=torch.float64)
        rows = _cubic(taps - places[:, None])
        filters = torch.einsum("ik,jl->ijkl", rows, rows).reshape(scale**2, 1, *2 * [len(taps)])
        self.register_buffer("filters", filters.float(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, C, h, w] -> float32 [N, C, h * scale, w * scale], not clipped."""
        images = images.float()
        if self.scale == 1:
            return images
        count, channels, height, width = images.shape
        with torch.autocast(images.device.type, enabled=False):
            mirrored = images.index_select(2, _mirror(height, images.device))
            mirrored = mirrored.index_select(3, _mirror(width, images.device))
            planes = mirrored.reshape(count * channels, 1, *mirrored.shape[2:])
            outputs = functional.pixel_shuffle(functional.conv2d(planes, self.filters), self.scale)
        return outputs.view(count, channels, *outputs.shape[2:])


class Upscaler(Translator):
    """Bicubic upsampling + (convolution -> residual blocks -> convolution -> pixel shuffle).

    The first convolution is also shown the input's details (`networks.detail`). The last begins at
    zero, so the untrained network is bicubic upsampling. Input planes beyond the output's colours
    are seen but not upsampled.

    Args:
        width: channels of every layer.
        depth: number of residual blocks, of two 3x3 convolutions each.
    """

    def __init__(self, shape: TranslationShape, *, width: int = 48, depth: int = 5) -> None:
        super().__init__()
        require_colours(shape, "upscaler")
        if not 1 <= shape.scale <= _LARGEST_SCALE:
            raise UsageError(
                f"The network 'upscaler' takes a whole scale from 1 to {_LARGEST_SCALE},"
                f" not {shape.scale}."
            )
        self.shape = shape
        self.margin = max(_REACH, 2 * depth + 2 + AROUND)
        self.enlarge = BicubicUpsampling(shape.scale)
        self.from_image = nn.Conv2d(shape.inputs + shape.outputs, width, 3, padding=1)
        nn.init.kaiming_normal_(self.from_image.weight, nonlinearity="linear")
        nn.init.zeros_(self.from_image.bias)  # pyright: ignore[reportArgumentType]
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(depth))
        self.to_pixels = nn.Conv2d(width, shape.outputs * shape.scale**2, 3, padding=1)
        nn.init.zeros_(self.to_pixels.weight)
        nn.init.zeros_(self.to_pixels.bias)  # pyright: ignore[reportArgumentType]

    def translate(self, images: Tensor) -> Tensor:
        """Images [N, inputs, h, w] -> [N, outputs, h * scale, w * scale]."""
        hidden = self.from_image(with_detail(images, self.shape.outputs))
        for block in self.blocks:
            hidden = block(hidden)
        pixels = self.to_pixels(functional.leaky_relu(hidden, _SLOPE)).float()
        details = functional.pixel_shuffle(pixels, self.shape.scale)
        return self.enlarge(images[:, : self.shape.outputs]) + details

    def stages(self) -> list[nn.Module]:
        return [self.from_image, *map(together, self.blocks), self.to_pixels]


def _cubic(distances: Tensor) -> Tensor:
    """The kernel of Keys 1981, equation 15, with a = -0.5."""
    size = distances.abs()
    near = 1.5 * size**3 - 2.5 * size**2 + 1
    far = -0.5 * size**3 + 2.5 * size**2 - 4 * size + 2
    return torch.where(size <= 1, near, torch.where(size < 2, far, 0.0))


def _mirror(length: int, device: torch.device) -> Tensor:
    """Indices -2 .. length + 1 led back into 0 .. length - 1 by mirrors on both edges."""
    places = torch.arange(-_REACH, length + _REACH, device=device) % (2 * length)
    return torch.minimum(places, 2 * length - 1 - places)


TRANSLATORS["upscaler"] = TranslatorKind(
    build=Upscaler,
    width=48,
    depth=5,
    source="EDSR (Lim et al. 2017) at a scale for CPUs, added to bicubic upsampling",
)
