"""Restoration of photos by one level: what a damaged photo lacks, from blocks on 2x2 patches.

Cut into patches a photo is seen four times as far for the same work (Zhang et al. 2018, FFDNet,
section 3.3). All blocks lie on one level, near every pixel: of a training photo there is little to
learn by heart, and details are learnt soon.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.networks.detail import AROUND, FILLED_FROM, filled, with_detail
from elegan.networks.layers import together
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

_PATCH = 2


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

    stride = _PATCH

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
        self.from_patches = nn.Conv2d(seen * _PATCH**2, width, 3, padding=1)
        self.blocks = nn.ModuleList(GatedBlock(width, told) for _ in range(depth))
        self.to_patches = nn.Conv2d(width, made * _PATCH**2, 3, padding=1)
        nn.init.zeros_(self.to_patches.weight)
        nn.init.zeros_(self.to_patches.bias)  # pyright: ignore[reportArgumentType]

    def translate(self, images: Tensor) -> Tensor:
        """Images [N, inputs, h, w], even sides -> [N, outputs, h, w]."""
        count = self.shape.outputs
        colours, others = images[:, :count], images[:, count:]
        if others.shape[1]:
            colours = filled(colours, others[:, :1])
        seen = with_detail(torch.cat([colours, others], dim=1), count)
        first = hidden = self.from_patches(functional.pixel_unshuffle(seen, _PATCH))
        told = functional.avg_pool2d(others[:, 1:], _PATCH) if others.shape[1] > 1 else None
        for block in self.blocks:
            hidden = block(hidden, told)
        patches = self.to_patches(hidden + first).float()
        return colours + functional.pixel_shuffle(patches, _PATCH)

    def stages(self) -> list[nn.Module]:
        return [self.from_patches, *map(together, self.blocks), self.to_patches]


TRANSLATORS["flat-restorer"] = TranslatorKind(
    build=FlatRestorer,
    width=64,
    depth=6,
    source="residual blocks (EDSR, Lim et al. 2017) on 2x2 patches (FFDNet, Zhang et al. 2018)",
)
