"""Restorers: an encoder with skips, and a flat one that keeps the full resolution."""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.networks.layers import together
from elegan.networks.residual import ResidualBlock
from elegan.networks.translation import (
    CELL,
    DOUBLING,
    TRANSLATORS,
    Look,
    TranslationShape,
    Translator,
    TranslatorKind,
    farthest,
    require_colours,
    require_same_size,
)
from elegan.networks.upscaler import AROUND, FILLED_FROM, filled, with_detail

_PATCH = 2
_SLOPE = 0.2
_WIDTHS = (1, 1.5, 2, 2)  # of the levels from the image inward, times `width`
_PLACES = 4  # of a 2x2 cell


class Restorer(Translator):
    """Patches -> (blocks, halving) a level -> blocks -> (doubling, blocks) a level -> patches.

    Skips are added. Halving and doubling work within 2x2 cells, so they add nothing to the margin
    but the cell. The output is the input's colours plus a difference whose last convolution begins
    at zero: the untrained network is the identity.

    Args:
        width: channels of the outer level, an even number; the inner ones have up to twice as many.
        depth: residual blocks on the way in and again on the way out of each level; the innermost
            has that many once.
    """

    def __init__(self, shape: TranslationShape, *, width: int = 48, depth: int = 1) -> None:
        super().__init__()
        require_same_size(shape, "restorer")
        require_colours(shape, "restorer")
        self.shape = shape
        widths = [int(width * item) for item in _WIDTHS]
        self.stride = _PATCH * 2 ** (len(widths) - 1)
        blocks, deeper = Look.around(2 * depth), len(widths) - 1
        inward = [CELL, Look.around(1), blocks] + [CELL, blocks] * deeper
        outward = [DOUBLING, blocks] * deeper + [Look.around(1), DOUBLING]
        self.margin = farthest(inward + outward, self.stride)
        self.from_patches = _convolution(shape.inputs * _PATCH**2, widths[0], kernel=3)
        self.inward = nn.ModuleList(_blocks(item, depth) for item in widths)
        self.halvings = nn.ModuleList(
            _convolution(outside * _PLACES, inside, kernel=1)
            for outside, inside in itertools.pairwise(widths)
        )
        self.doublings = nn.ModuleList(
            _convolution(inside, outside * _PLACES, kernel=1)
            for outside, inside in itertools.pairwise(widths)
        )
        self.outward = nn.ModuleList(_blocks(item, depth) for item in widths[:-1])
        self.to_patches = _convolution(widths[0], shape.outputs * _PATCH**2, kernel=3, gain=0.0)

    def translate(self, images: Tensor) -> Tensor:
        """Images [N, inputs, h, w], sides multiples of `stride` -> [N, outputs, h, w]."""
        colours = images[:, : self.shape.outputs]
        hidden = self.from_patches(functional.pixel_unshuffle(images, _PATCH))
        skips = []
        for blocks, halving in zip(self.inward[:-1], self.halvings, strict=True):
            hidden = blocks(hidden)
            skips.append(hidden)
            hidden = halving(functional.pixel_unshuffle(hidden, 2))
        hidden = self.inward[-1](hidden)
        for blocks, doubling in zip(self.outward[::-1], self.doublings[::-1], strict=True):
            hidden = skips.pop() + functional.pixel_shuffle(doubling(hidden), 2)
            hidden = blocks(hidden)
        patches = self.to_patches(functional.leaky_relu(hidden, _SLOPE)).float()
        return colours + functional.pixel_shuffle(patches, _PATCH)

    def stages(self) -> list[nn.Module]:
        first = together(self.from_patches, self.inward[0])
        deeper = map(together, self.halvings, self.inward[1:])
        outer = map(together, self.doublings[::-1], self.outward[::-1])
        return [first, *deeper, *outer, self.to_patches]


def _blocks(width: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(depth)))


def _convolution(inputs: int, outputs: int, *, kernel: int, gain: float = 1.0) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(inputs * kernel**2))
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return layer


TRANSLATORS["restorer"] = TranslatorKind(
    build=Restorer,
    width=48,
    depth=1,
    source="U-Net (Ronneberger et al. 2015) of residual blocks on 2x2 patches, added to its input",
)

_FLAT_PATCH = 2


class GatedBlock(nn.Module):
    """x + conv(relu(conv(x)) * gain), the gains of the channels made of what the network is told.

    Damage that is told calls for opposite filters: noise is smoothed, blur sharpened.

    Args:
        told: planes that tell something.
    """

    def __init__(self, width: int, told: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.gains = nn.Conv2d(told, width, 1) if told else None
        if self.gains is not None:
            nn.init.zeros_(self.gains.weight)
            nn.init.zeros_(self.gains.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, features: Tensor, told: Tensor | None) -> Tensor:
        """Features [N, width, h, w] and what is told, [N, told, h, w] -> as features."""
        hidden = functional.relu(self.first(features))
        if self.gains is not None and told is not None:
            hidden = hidden * (1 + self.gains(told))
        return features + self.second(hidden)


class FlatRestorer(Translator):
    """Patches -> convolution -> gated blocks -> convolution -> patches, added to the photo.

    The planes of an input are its colours, one that is 1 where a pixel is lost, and such as are
    the same everywhere and tell the kind of damage; the latter two may be absent. Lost pixels are
    filled from around before the network sees them, and details are shown beside the colours
    (`networks.detail`). The last convolution begins at zero: the untrained network only fills.

    Args:
        width: channels of every layer.
        depth: number of blocks, of two 3x3 convolutions each.
    """

    stride = _FLAT_PATCH

    def __init__(self, shape: TranslationShape, *, width: int = 64, depth: int = 6) -> None:
        super().__init__()
        require_same_size(shape, "flat-restorer")
        require_colours(shape, "flat-restorer")
        self.shape = shape
        masked = shape.inputs > shape.outputs
        told = shape.inputs - shape.outputs - masked
        before = [Look.around(FILLED_FROM)] if masked else []
        looks = [*before, Look.around(AROUND), CELL, Look.around(2 * depth + 2), DOUBLING]
        self.margin = farthest(looks, self.stride)
        seen, made = shape.inputs + shape.outputs, shape.outputs
        self.from_patches = nn.Conv2d(seen * _FLAT_PATCH**2, width, 3, padding=1)
        self.blocks = nn.ModuleList(GatedBlock(width, told) for _ in range(depth))
        self.to_patches = nn.Conv2d(width, made * _FLAT_PATCH**2, 3, padding=1)
        nn.init.zeros_(self.to_patches.weight)
        nn.init.zeros_(self.to_patches.bias)  # pyright: ignore[reportArgumentType]

    def translate(self, images: Tensor) -> Tensor:
        """Images [N, inputs, h, w], even sides -> [N, outputs, h, w]."""
        count = self.shape.outputs
        colours, others = images[:, :count], images[:, count:]
        if others.shape[1]:
            colours = filled(colours, others[:, :1])
        seen = with_detail(torch.cat([colours, others], dim=1), count)
        first = hidden = self.from_patches(functional.pixel_unshuffle(seen, _FLAT_PATCH))
        told = functional.avg_pool2d(others[:, 1:], _FLAT_PATCH) if others.shape[1] > 1 else None
        for block in self.blocks:
            hidden = block(hidden, told)
        patches = self.to_patches(hidden + first).float()
        return colours + functional.pixel_shuffle(patches, _FLAT_PATCH)

    def stages(self) -> list[nn.Module]:
        return [self.from_patches, *map(together, self.blocks), self.to_patches]


TRANSLATORS["flat-restorer"] = TranslatorKind(
    build=FlatRestorer,
    width=64,
    depth=6,
    source="residual blocks (EDSR, Lim et al. 2017) on 2x2 patches (FFDNet, Zhang et al. 2018)",
)
