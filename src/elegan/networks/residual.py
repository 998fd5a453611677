"""The pair of preset `robust`: residual blocks, the discriminator being the generator mirrored.

After Huang et al. 2024 (R3GAN): no normalisation, blocks that begin as the identity, resampling by
a 1x1 convolution beside plain interpolation. Two choices make it quick on a CPU, where wide
convolutions on small maps are cheap and everything at full resolution is dear: the image is cut
into 2x2 patches (a 28x28 image is a 14x14 map of 4 channels), and widths grow steeply inward.
"""

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.networks.channels import ChannelGroups
from elegan.networks.conditioning import ClassNormalisation, Head, class_embedding, label_map
from elegan.networks.layers import clip, resolution_ladder, together, upsample_to
from elegan.networks.registry import PAIRS, Discriminator, Generator, ImageShape, NetworkPair

_PATCH = 2
_SEAM = 5  # pixels that the last convolution of the generator sees each way
_SLOPE = 0.2
_GROUPS = 8
_SMALLEST = 8  # the inner map is at most 8x8


class ResidualBlock(nn.Module):
    """x + conv(act(conv(act(x)))), the last convolution zero at first: [N, C, h, h] -> the same.

    With classes, the branch begins with a group normalisation whose gains and biases are those of
    the image's class.
    """

    def __init__(self, width: int, classes: int = 0) -> None:
        super().__init__()
        self.norm = None
        if classes:
            layer = nn.GroupNorm(math.gcd(width, _GROUPS), width, affine=False)
            self.norm = ClassNormalisation(layer, classes, width)
        self.first = _convolution(width, width)
        self.second = _convolution(width, width, gain=0.0)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Adds the residual."""
        hidden = features if self.norm is None else self.norm(features, labels)
        hidden = functional.leaky_relu(hidden, _SLOPE)
        hidden = functional.leaky_relu(self.first(hidden), _SLOPE)
        return features + self.second(hidden)


class ResidualGenerator(Generator):
    """Dense -> inner map -> (blocks, 1x1 convolution, upsampling) a level -> patches -> image.

    The output is clipped to [-1, 1] with a slope of 0.1 beyond, and without one in evaluation mode.
    A tanh without normalisation saturates on a black background and stops learning; a linear
    output leaves noise where real images are exactly black or white.

    Args:
        width: channels of the outer level; the inner levels have up to 4 times as many.
        latent: length of the noise vector, and of the class embedding that is joined to it.
        condition: one of `GENERATOR_CONDITIONS`.
    """

    def __init__(
        self,
        shape: ImageShape,
        *,
        width: int = 32,
        latent: int = 64,
        condition: str = "concat",
    ) -> None:
        super().__init__()
        self.shape, self.latent = shape, latent
        sides, widths = _levels(shape.resolution, width)
        self.sides, self.inner = sides[::-1], widths[-1]
        widths = widths[::-1]
        joined = shape.classes and condition == "concat"
        self.embedding = class_embedding(shape.classes, latent, latent**-0.5) if joined else None
        inputs = latent * (2 if joined else 1)
        self.dense = nn.Linear(inputs, self.inner * self.sides[0] ** 2)
        nn.init.normal_(self.dense.weight, std=inputs**-0.5)
        nn.init.zeros_(self.dense.bias)
        classes = shape.classes if condition == "normalisation" else 0
        self.blocks = nn.ModuleList(ResidualBlock(item, classes) for item in widths)
        self.transitions = nn.ModuleList(
            _convolution(inside, outside, kernel=1, gain=0.7)
            for inside, outside in itertools.pairwise(widths)
        )
        self.to_patches = _convolution(widths[-1], shape.channels * _PATCH**2, gain=0.5)
        # Patches are drawn apart; this learns to take their grid out, and begins as nothing.
        self.seams = nn.Conv2d(
            shape.channels, shape.channels, _SEAM, padding=_SEAM // 2, bias=False
        )
        nn.init.zeros_(self.seams.weight)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent] (, labels int64 [N]) -> images float32 [N, C, R, R]."""
        if self.embedding is not None:
            latents = torch.cat([latents, self.embedding(labels)], dim=1)
        side = self.sides[0]
        hidden = self.dense(latents).view(-1, side, side, self.inner).permute(0, 3, 1, 2)
        hidden = self.blocks[0](hidden, labels)
        for side, transition, block in zip(
            self.sides[1:], self.transitions, self.blocks[1:], strict=True
        ):
            hidden = block(upsample_to(transition(hidden), side), labels)
        patches = self.to_patches(functional.leaky_relu(hidden, _SLOPE))
        images = functional.pixel_shuffle(patches.float(), _PATCH)
        images = images[..., : self.shape.resolution, : self.shape.resolution]
        images = images + self.seams(images).float()
        return clip(images, training=self.training)

    def stages(self) -> list[nn.Module]:
        first = together(self.embedding, self.dense, self.blocks[0])
        later = map(together, self.transitions, self.blocks[1:])
        return [first, *later, together(self.to_patches, self.seams)]

    def entry_weights(self) -> Tensor:
        return self.dense.weight[:, : self.latent]

    def channel_groups(self, groups: ChannelGroups) -> None:
        net: Any = self  # layers within layers have no types
        blocks, transitions = list(net.blocks), list(net.transitions)
        before, after = [net.dense, *transitions], [*transitions, net.to_patches]
        for block, writer, reader in zip(blocks, before, after, strict=True):
            width = block.first.in_channels
            groups.add(
                width,
                writers=[writer, block.second],
                readers=[block.first, reader],
                followers=[block.norm],
            )
            groups.add(width, writers=[block.first], readers=[block.second])


class ResidualDiscriminator(Discriminator):
    """The generator backwards: image -> patches -> (blocks, pooling, 1x1 convolution) -> logit.

    The inner map is weighed place by place and channel by channel, summed over places, and led to
    one logit.

    Args:
        condition: one of `DISCRIMINATOR_CONDITIONS`.
    """

    def __init__(
        self,
        shape: ImageShape,
        *,
        width: int = 32,
        latent: int = 64,
        condition: str = "projection",
    ) -> None:
        super().__init__()
        del latent  # one signature for every pair; only generators read it
        self.label_map = label_map(shape.classes, shape.resolution, condition)
        sides, widths = _levels(shape.resolution, width)
        self.padding = sides[0] * _PATCH - shape.resolution
        channels = shape.channels + (self.label_map is not None)
        self.from_patches = _convolution(channels * _PATCH**2, widths[0], gain=0.7)
        self.blocks = nn.ModuleList(ResidualBlock(item) for item in widths)
        self.transitions = nn.ModuleList(
            _convolution(outside, inside, kernel=1, gain=0.7)
            for outside, inside in itertools.pairwise(widths)
        )
        inner = widths[-1]
        self.places = nn.Parameter(torch.randn(inner, sides[-1], sides[-1]) / sides[-1])
        self.head = Head(inner, shape.classes, condition)
        nn.init.normal_(self.head.weight, std=inner**-0.5)
        nn.init.zeros_(self.head.bias)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] around [-1, 1] (, labels int64 [N]) -> features [N, F]."""
        if self.label_map is not None:
            images = self.label_map(images, labels)
        if self.padding:
            images = functional.pad(images, (0, self.padding, 0, self.padding), value=-1.0)
        hidden = self.from_patches(functional.pixel_unshuffle(images, _PATCH))
        hidden = self.blocks[0](hidden)
        for transition, block in zip(self.transitions, self.blocks[1:], strict=True):
            pooled = functional.avg_pool2d(hidden, 2, ceil_mode=True)  # sides halve rounded up
            hidden = block(transition(pooled))
        hidden = functional.leaky_relu(hidden, _SLOPE)
        return (hidden * self.places.to(hidden.dtype)).sum(dim=(2, 3))

    def stages(self) -> list[nn.Module]:
        first = together(self.label_map, self.from_patches, self.blocks[0])
        stages = [first, *map(together, self.transitions, self.blocks[1:])]
        stages[-1].append(nn.ParameterList([self.places]))
        return [*stages]


def _levels(resolution: int, width: int) -> tuple[list[int], list[int]]:
    """Returns sides and widths of the maps from the outer level inward.

    28 -> [14, 7], [w, 4w]; 64 -> [32, 16, 8], [w, 2w, 4w]; further levels keep 4w.
    """
    sides = resolution_ladder((resolution + _PATCH - 1) // _PATCH, _SMALLEST)
    widths = [width * min(4, 2**level) for level in range(len(sides))]
    widths[-1] = 4 * width
    return sides, widths


def _convolution(inputs: int, outputs: int, *, kernel: int = 3, gain: float = 1.0) -> nn.Conv2d:
    # He et al. 2015 for a leaky slope of 0.2, times `gain`.
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    deviation = gain * math.sqrt(2 / (1 + _SLOPE**2) / (inputs * kernel**2))
    nn.init.normal_(layer.weight, std=deviation)
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return layer


PAIRS["residual"] = NetworkPair(
    generator=ResidualGenerator,
    discriminator=ResidualDiscriminator,
    width=32,
    latent=64,
    source="R3GAN (Huang et al. 2024) at a scale for CPUs: robust and quick; the one to begin with",
)
