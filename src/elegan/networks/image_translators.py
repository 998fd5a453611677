"""Style transfer: the generator of CycleGAN and CUT, and a U-Net for inputs whose lines must stay.

Both grow by nearest-neighbour upsampling and a convolution, never by a transposed one, which leaves
a checkerboard (Odena et al. 2016). Their instance normalisation looks at the whole image, so tiles
need statistics recorded beforehand. Images go on by their edge pixels in every convolution.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.networks.layers import together
from elegan.networks.translation import (
    DOUBLING,
    TRANSLATORS,
    Look,
    StatisticsLayer,
    TranslationShape,
    Translator,
    TranslatorKind,
    farthest,
    pad_to_multiple,
    require_same_size,
)

_SMALL = 1e-5  # added to variances
_HALVING = Look(before=1, after=1, factor=2)  # 3x3, stride 2
_WIDEST = 8  # times the width of the U-Net's outer level


class InstanceNormalisation(StatisticsLayer):
    """Every channel of every image to mean 0 and deviation 1, then a learned gain and bias.

    A map of a single place becomes the bias. Source: Ulyanov et al. 2016.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, features: Tensor) -> Tensor:
        """[N, width, h, w] -> the same in the number format it came in; reckoned in float32."""
        return self._normalise(features.float()).to(features.dtype)

    def _normalise(self, features: Tensor) -> Tensor:
        if not self.held() and features.shape[-2:].numel() > 1:
            return functional.instance_norm(features, weight=self.gain, bias=self.bias, eps=_SMALL)
        mean, variance = self.statistics(features)
        scale = self.gain.view(-1, 1, 1) * torch.rsqrt(variance + _SMALL)
        return torch.addcmul(self.bias.view(-1, 1, 1) - mean * scale, features, scale)

    def measure(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[N, width, h, w] -> means and variances [N, width, 1, 1]."""
        variance, mean = torch.var_mean(features, dim=(2, 3), correction=0, keepdim=True)
        return mean, variance


class EncodingTranslator(Translator):
    """A translator whose first half can be asked for its features (Park et al. 2020, CUT).

    Attributes:
        encoder: the parts of the first half in forward order; layer 0 is the image itself, layer i
            what part i - 1 gives.
        encoder_widths: channels of each layer.
        contrastive_layers: those that contrastive losses compare by default.
    """

    global_statistics = True
    encoder: nn.ModuleList
    encoder_widths: tuple[int, ...]
    contrastive_layers: tuple[int, ...]

    def encode(self, images: Tensor, layers: Sequence[int] | None = None) -> list[Tensor]:
        """Images [N, inputs, h, w] -> feature maps of the layers, [N, C, h', w'] each.

        No part behind the deepest of the layers runs.

        Args:
            layers: increasing indices; `contrastive_layers` by default.
        """
        layers = self.contrastive_layers if layers is None else layers
        hidden = pad_to_multiple(images, self.stride)
        maps = [hidden]
        for part in self.encoder[: max(layers)]:
            hidden = part(hidden)
            maps.append(hidden)
        return [maps[layer] for layer in layers]

    def widths_of(self, layers: Sequence[int] | None = None) -> list[int]:
        """Channels of the maps that `encode` gives, for `ProjectionHeads`."""
        layers = self.contrastive_layers if layers is None else layers
        return [self.encoder_widths[layer] for layer in layers]


class NormalisedBlock(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))): [N, width, h, w] -> the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _normalised(width, width)
        self.second = _normalised(width, width, rectified=False)

    def forward(self, features: Tensor) -> Tensor:
        """Adds the residual."""
        return features + self.second(self.first(features))


class ImageTranslator(EncodingTranslator):
    """7x7 convolution -> two halvings -> residual blocks -> two doublings -> 7x7 -> tanh.

    Args:
        width: channels at full size; doubled at each halving.
        depth: number of residual blocks at a quarter of the size: 6 for images of 128 pixels, 9 for
            larger ones.

    Source: Johnson et al. 2016; Zhu et al. 2017 (CycleGAN), appendix 7.2, with resize-convolutions.
    """

    stride = 4

    def __init__(self, shape: TranslationShape, *, width: int = 32, depth: int = 6) -> None:
        super().__init__()
        require_same_size(shape, "translator")
        self.shape = shape
        inner = 4 * width
        self.encoder = nn.ModuleList(
            [
                _normalised(shape.inputs, width, kernel=7),
                _normalised(width, 2 * width, stride=2),
                _normalised(2 * width, inner, stride=2),
                *(NormalisedBlock(inner) for _ in range(depth)),
            ]
        )
        self.encoder_widths = (shape.inputs, width, 2 * width, *[inner] * (depth + 1))
        # The image, both halved maps, and the blocks at the beginning and in the middle.
        blocks = {4, 3 + (depth + 1) // 2} if depth else set()
        self.contrastive_layers = (0, 2, 3, *sorted(blocks))
        self.doublings = nn.ModuleList(
            [_normalised(inner, 2 * width), _normalised(2 * width, width)]
        )
        self.to_image = _convolution(width, shape.outputs, kernel=7)
        blocks_look = Look.around(2 * depth)
        self.margin = farthest(
            [Look.around(3), _HALVING, _HALVING, blocks_look]
            + [DOUBLING, Look.around(1)] * 2
            + [Look.around(3)],
            self.stride,
        )

    def translate(self, images: Tensor) -> Tensor:
        """Images [N, inputs, h, w], sides multiples of 4 -> [N, outputs, h, w] in [-1, 1]."""
        hidden = images
        for part in self.encoder:
            hidden = part(hidden)
        for part in self.doublings:
            hidden = part(_doubled(hidden))
        return torch.tanh(self.to_image(hidden).float())

    def stages(self) -> list[nn.Module]:
        return [*map(together, self.encoder), *map(together, self.doublings), self.to_image]


class SkipTranslator(EncodingTranslator):
    """Halvings, then doublings that each see the map of their own size from the way in, and tanh.

    The last doubling sees the image itself, so that lines stay where they are to the pixel. The
    innermost map is not normalised: it may be a single place.

    Args:
        width: channels at half the size; doubled at each further halving up to 8 times.
        depth: number of halvings, 1 or more.

    Source: Isola et al. 2017 (pix2pix), section 3.2.1, with resize-convolutions.
    """

    def __init__(self, shape: TranslationShape, *, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        require_same_size(shape, "unet")
        if depth < 1:
            raise ValueError(f"a U-Net has at least one halving, not {depth}")
        self.shape = shape
        self.stride = 2**depth
        widths = [shape.inputs, *(width * min(_WIDEST, 2**level) for level in range(depth))]
        self.encoder = nn.ModuleList(
            _normalised(outside, inside, stride=2, norm=level < depth - 1)
            for level, (outside, inside) in enumerate(itertools.pairwise(widths))
        )
        self.encoder_widths = tuple(widths)
        self.contrastive_layers = tuple(range(depth + 1))
        outer = [width, *widths[1:]]
        self.doublings = nn.ModuleList(
            _normalised(inside + skipped, outside)
            for inside, skipped, outside in reversed(
                list(zip(widths[1:], widths[:-1], outer[:-1], strict=True))
            )
        )
        self.to_image = _convolution(width, shape.outputs)
        steps = [_HALVING] * depth + [DOUBLING, Look.around(1)] * depth + [Look.around(1)]
        self.margin = farthest(steps, self.stride)

    def translate(self, images: Tensor) -> Tensor:
        """Images [N, inputs, h, w], sides multiples of `stride` -> [N, outputs, h, w]."""
        maps = [images]
        for part in self.encoder:
            maps.append(part(maps[-1]))
        hidden = maps.pop()
        for part in self.doublings:
            hidden = part(torch.cat([_doubled(hidden), maps.pop().to(hidden.dtype)], dim=1))
        return torch.tanh(self.to_image(hidden).float())

    def stages(self) -> list[nn.Module]:
        return [*map(together, self.encoder), *map(together, self.doublings), self.to_image]


def _normalised(
    inputs: int,
    outputs: int,
    *,
    kernel: int = 3,
    stride: int = 1,
    norm: bool = True,
    rectified: bool = True,
) -> nn.Sequential:
    parts = [_convolution(inputs, outputs, kernel=kernel, stride=stride, bias=not norm)]
    if norm:
        parts.append(InstanceNormalisation(outputs))
    if rectified:
        parts.append(nn.ReLU(inplace=True))
    return nn.Sequential(*parts)


def _convolution(
    inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, bias: bool = True
) -> nn.Module:
    layer = nn.Conv2d(
        inputs,
        outputs,
        kernel,
        stride=stride,
        padding=kernel // 2,
        padding_mode="replicate",
        bias=bias,
    )
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _doubled(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="nearest")


TRANSLATORS["translator"] = TranslatorKind(
    build=ImageTranslator,
    width=32,
    depth=6,
    source="CycleGAN (Zhu et al. 2017) and CUT (Park et al. 2020): may change shapes and textures",
)
TRANSLATORS["unet"] = TranslatorKind(
    build=SkipTranslator,
    width=32,
    depth=4,
    source="pix2pix (Isola et al. 2017): skips keep lines in place, for paired images and line art",
)
