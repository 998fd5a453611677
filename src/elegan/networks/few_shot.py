"""A pair for few images after FastGAN (Liu et al. 2021).

The generator lets its small maps weigh the channels of its large ones (skip-layer excitation). The
discriminator is also an encoder: a decoder must restore its input from its inner map, which keeps
it from looking at a few telling pixels only.

Changed from the paper, for the discriminator: no batch normalisation, since none of ours may mix
the images of a batch (spectral norm alone bounds it), one decoder of the whole image and none of a
random crop. The generator has no spectral norm: batch normalisation follows its convolutions and
takes every scale out again. Its noise is fixed in evaluation.
"""

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from elegan.networks.channels import ChannelGroups
from elegan.networks.conditioning import (
    ClassNormalisation,
    Head,
    class_embedding,
    label_map,
    normalise,
)
from elegan.networks.layers import PixelNoise, gated, together, upsample_to, widening_ladder
from elegan.networks.registry import PAIRS, Discriminator, Generator, ImageShape, NetworkPair

_SLOPE = 0.2
_REACH = 4  # excitation leads from one level to the fourth after it: 8 -> 128
_LARGE = 128  # images larger than this are restored at a quarter of their side


class GatedConvolution(nn.Module):
    """Convolution, (noise,) batch norm, gated linear unit: [N, inputs, h, h] -> [N, outputs, ...].

    The convolution has twice the outputs; one half gates the other.

    Args:
        classes: with classes, the normalisation has gains and biases of each.
        noisy_side: side of the map that gets noise, or 0 for none.
    """

    def __init__(self, inputs: int, outputs: int, *, classes: int = 0, noisy_side: int = 0) -> None:
        super().__init__()
        self.convolution = _convolution(inputs, 2 * outputs, bias=False)
        self.noise = PixelNoise(noisy_side) if noisy_side else None
        self.norm = _normalisation(2 * outputs, classes)

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """Features [N, inputs, h, h] (, labels int64 [N])."""
        hidden = self.convolution(features)
        if self.noise is not None:
            hidden = self.noise(hidden)
        return gated(normalise(self.norm, hidden, labels))


class GeneratorLevel(nn.Module):
    """Upsampling and one gated convolution; every other level a second one, and noise.

    Source: the authors' code; the paper names only the first kind.
    """

    def __init__(
        self, inputs: int, outputs: int, side: int, *, classes: int, composite: bool
    ) -> None:
        super().__init__()
        self.side = side
        noisy = side if composite else 0
        layers = [GatedConvolution(inputs, outputs, classes=classes, noisy_side=noisy)]
        if composite:
            layers.append(GatedConvolution(outputs, outputs, classes=classes, noisy_side=noisy))
        self.layers = nn.ModuleList(layers)

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """[N, inputs, h, h] -> [N, outputs, side, side], side = 2h or 2h - 1."""
        features = upsample_to(features, self.side)
        for layer in self.layers:
            features = layer(features, labels)
        return features


class SkipExcitation(nn.Module):
    """Weighs the channels of a large map by what a small one holds, 0 to 1 each.

    Source: Liu et al. 2021, equation 2.
    """

    def __init__(self, small: int, large: int) -> None:
        super().__init__()
        self.gather = nn.Conv2d(small, large, 4)
        self.weigh = nn.Conv2d(large, large, 1)

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        """Small [N, C', h, h], large [N, C, H, H] -> [N, C, H, H]."""
        hidden = functional.silu(self.gather(functional.adaptive_avg_pool2d(small, 4)))
        return large * torch.sigmoid(self.weigh(hidden))


class FewShotGenerator(Generator):
    """Dense -> inner map -> levels, with skip-layer excitation over four of them -> tanh.

    Args:
        width: channels at the image's own side, doubled inward up to 16 times.
        latent: length of the noise vector, and of the class embedding that is joined to it.
        condition: one of `GENERATOR_CONDITIONS`.
    """

    def __init__(
        self,
        shape: ImageShape,
        *,
        width: int = 16,
        latent: int = 128,
        condition: str = "concat",
    ) -> None:
        super().__init__()
        self.shape, self.latent = shape, latent
        sides, widths = widening_ladder(shape.resolution, width)
        self.sides, widths = sides[::-1], widths[::-1]
        self.inner = widths[0]
        joined = shape.classes and condition == "concat"
        self.embedding = class_embedding(shape.classes, latent, latent**-0.5) if joined else None
        classes = 0 if joined else shape.classes
        inputs = latent * (2 if joined else 1)
        self.dense = nn.Linear(inputs, 2 * self.inner * self.sides[0] ** 2, bias=False)
        nn.init.normal_(self.dense.weight, std=inputs**-0.5)
        self.norm = _normalisation(2 * self.inner, classes)
        self.levels = nn.ModuleList(
            GeneratorLevel(inside, outside, side, classes=classes, composite=index % 2 == 0)
            for index, ((inside, outside), side) in enumerate(
                zip(itertools.pairwise(widths), self.sides[1:], strict=True)
            )
        )
        self.reach = min(_REACH, len(self.levels))
        self.excitations = nn.ModuleList(
            SkipExcitation(small, large)
            for small, large in zip(widths, widths[self.reach :], strict=False)
        )
        self.to_image = _convolution(widths[-1], shape.channels)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent] (, labels int64 [N]) -> images [N, C, R, R] in [-1, 1]."""
        if self.embedding is not None:
            latents = torch.cat([latents, self.embedding(labels)], dim=1)
        side = self.sides[0]
        hidden = self.dense(latents).view(-1, side, side, 2 * self.inner).permute(0, 3, 1, 2)
        maps = [gated(normalise(self.norm, hidden, labels))]
        for level in self.levels:
            hidden = level(maps[-1], labels)
            source = len(maps) - self.reach
            if source >= 0:
                hidden = self.excitations[source](maps[source], hidden)
            maps.append(hidden)
        return torch.tanh(self.to_image(maps[-1]))

    def stages(self) -> list[nn.Module]:
        levels = [together(item) for item in self.levels]
        for level, excitation in zip(levels[self.reach - 1 :], self.excitations, strict=True):
            level.append(excitation)
        return [together(self.embedding, self.dense, self.norm), *levels, self.to_image]

    def entry_weights(self) -> Tensor:
        return self.dense.weight[:, : self.latent]

    def channel_groups(self, groups: ChannelGroups) -> None:
        net: Any = self  # layers within layers have no types
        levels, excitations = list(net.levels), list(net.excitations)
        previous, norm = net.dense, net.norm
        for index in range(len(levels) + 1):
            writers: list[nn.Module] = [previous]
            following = levels[index].layers[0].convolution if index < len(levels) else net.to_image
            readers = [following]
            if index < len(excitations):
                readers.append(excitations[index].gather)
            if index >= net.reach:
                writers.append(excitations[index - net.reach].weigh)
            groups.add(following.in_channels, writers=writers, readers=readers, followers=[norm])
            layers = list(levels[index].layers) if index < len(levels) else []
            for first, second in itertools.pairwise(layers):
                convolution = second.convolution
                groups.add(
                    convolution.in_channels,
                    writers=[first.convolution],
                    readers=[convolution],
                    followers=[first.norm],
                )
            if layers:
                previous, norm = layers[-1].convolution, layers[-1].norm
        for excitation in excitations:
            weigh = excitation.weigh
            groups.add(weigh.in_channels, writers=[excitation.gather], readers=[weigh])


class DownLevel(nn.Module):
    """Two convolutions beside (pooling, 1x1 convolution), halving the side, rounded up."""

    def __init__(self, outside: int, inside: int) -> None:
        super().__init__()
        self.strided = spectral_norm(_convolution(outside, inside, kernel=4, stride=2))
        self.second = spectral_norm(_convolution(inside, inside))
        self.shortcut = spectral_norm(_convolution(outside, inside, kernel=1))

    def forward(self, features: Tensor) -> Tensor:
        """[N, outside, h, h] -> [N, inside, ceil(h / 2), ceil(h / 2)]."""
        hidden = functional.leaky_relu(self.strided(_even(features)), _SLOPE)
        hidden = functional.leaky_relu(self.second(hidden), _SLOPE)
        pooled = functional.avg_pool2d(features, 2, ceil_mode=True)
        return hidden + functional.leaky_relu(self.shortcut(pooled), _SLOPE)


class Decoder(nn.Module):
    """Inner map -> (upsampling, gated convolution) a level -> tanh: the image, made smaller."""

    def __init__(self, widths: list[int], sides: list[int], channels: int) -> None:
        super().__init__()
        self.sides = sides[1:]
        self.levels = nn.ModuleList(
            _convolution(inside, 2 * outside) for inside, outside in itertools.pairwise(widths)
        )
        self.to_image = _convolution(widths[-1], channels)

    def forward(self, features: Tensor) -> Tensor:
        """[N, C', h, h] -> [N, C, side, side] in [-1, 1]."""
        for side, level in zip(self.sides, self.levels, strict=True):
            features = gated(level(upsample_to(features, side)))
        return torch.tanh(self.to_image(features))


class FewShotDiscriminator(Discriminator):
    """Strided convolution -> down levels -> patch features, averaged -> logit; and a decoder.

    The head is linear, so the logit of the averaged features is the mean of the patches' logits.

    Args:
        width: as the generator's.
        condition: one of `DISCRIMINATOR_CONDITIONS`.
    """

    def __init__(
        self,
        shape: ImageShape,
        *,
        width: int = 16,
        latent: int = 128,
        condition: str = "projection",
    ) -> None:
        super().__init__()
        del latent  # one signature for every pair; only generators read it
        self.label_map = label_map(shape.classes, shape.resolution, condition)
        sides, widths = widening_ladder(shape.resolution, width)
        channels = shape.channels + (self.label_map is not None)
        self.from_image = spectral_norm(_convolution(channels, widths[1], kernel=4, stride=2))
        self.levels = nn.ModuleList(
            DownLevel(outside, inside) for outside, inside in itertools.pairwise(widths[1:])
        )
        self.patches = spectral_norm(_convolution(widths[-1], widths[-1]))
        self.head = Head(widths[-1], shape.classes, condition)
        spectral_norm(self.head)
        smaller = 1 if shape.resolution <= _LARGE else 2
        self.restored_side = sides[smaller]
        halves = [max(8, item // 2) for item in widths[smaller:-1]]
        self.decoder = Decoder([*halves, widths[-1]][::-1], sides[smaller:][::-1], shape.channels)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] in [-1, 1] (, labels int64 [N]) -> features [N, F]."""
        hidden = self.patches(self._encode(images, labels))
        return functional.leaky_relu(hidden, _SLOPE).mean(dim=(2, 3))

    def reconstruct(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] -> what the decoder restores of them, [N, C, r, r] in [-1, 1].

        The side r is half of R rounded up, above 128 pixels a quarter. To be compared with
        `reconstruction_target` of the same real images (Liu et al. 2021, equation 4).
        """
        return self.decoder(self._encode(images, labels))

    def reconstruction_target(self, images: Tensor) -> Tensor:
        """Images [N, C, R, R] -> the same by area averaging, [N, C, r, r]."""
        return functional.adaptive_avg_pool2d(images, self.restored_side)

    def stages(self) -> list[nn.Module]:
        """From the image inward; the decoder goes with the last of them."""
        last = together(self.patches, self.decoder)
        return [together(self.label_map, self.from_image), *self.levels, last]

    def _encode(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Images -> the inner map [N, C', h, h]."""
        if self.label_map is not None:
            images = self.label_map(images, labels)
        hidden = functional.leaky_relu(self.from_image(_even(images)), _SLOPE)
        for level in self.levels:
            hidden = level(hidden)
        return hidden


def _normalisation(width: int, classes: int) -> nn.Module:
    layer = nn.BatchNorm2d(width, affine=not classes)
    return ClassNormalisation(layer, classes, width) if classes else layer


def _convolution(
    inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, bias: bool = True
) -> nn.Conv2d:
    # "Same" padding, or that which halves an even side.
    padding = (kernel - stride + 1) // 2
    layer = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _even(features: Tensor) -> Tensor:
    """Pads an odd side by one, so that a strided convolution halves it rounded up."""
    odd = features.shape[-1] % 2
    return functional.pad(features, (0, odd, 0, odd)) if odd else features


PAIRS["few-shot"] = NetworkPair(
    generator=FewShotGenerator,
    discriminator=FewShotDiscriminator,
    width=16,
    latent=128,
    source="FastGAN (Liu et al. 2021), narrow: skip-layer excitation, for 50 to 1,000 images",
)
