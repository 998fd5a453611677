"""The pair of preset `robust`: residual blocks, the discriminator being the generator mirrored.

After Huang et al. 2024 (R3GAN): no normalisation, blocks that begin as the identity, resampling by
a 1x1 convolution beside plain interpolation. Two choices make it quick on a CPU, where wide
convolutions on small maps are cheap and everything at full resolution is dear: the image is cut
into 2x2 patches (a 28x28 image is a 14x14 map of 4 channels), and widths grow steeply inward.
"""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.networks.layers import resolution_ladder, upsample_to
from elegan.networks.registry import PAIRS, ImageShape, NetworkPair

_PATCH = 2
_SLOPE = 0.2
_SMALLEST = 8  # the inner map is at most 8x8
_BEYOND = 0.1  # slope of the output outside [-1, 1] while training


class ResidualBlock(nn.Module):
    """x + conv(act(conv(act(x)))), the last convolution zero at first: [N, C, h, h] -> the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = _convolution(width, width, gain=0.0)

    def forward(self, features: Tensor) -> Tensor:
        """Adds the residual."""
        hidden = functional.leaky_relu(features, _SLOPE)
        hidden = functional.leaky_relu(self.first(hidden), _SLOPE)
        return features + self.second(hidden)


class ResidualGenerator(nn.Module):
    """Dense -> inner map -> (blocks, 1x1 convolution, upsampling) a level -> patches -> image.

    The output is clipped to [-1, 1] with a slope of 0.1 beyond, and without one in evaluation mode.
    A tanh without normalisation saturates on a black background and stops learning; a linear
    output leaves noise where real images are exactly black or white.

    Args:
        width: channels of the outer level; the inner levels have up to 4 times as many.
        latent: length of the noise vector; a class embedding of the same length is concatenated.
    """

    def __init__(self, shape: ImageShape, *, width: int = 32, latent: int = 64) -> None:
        super().__init__()
        self.shape, self.latent = shape, latent
        sides, widths = _levels(shape.resolution, width)
        self.sides, self.inner = sides[::-1], widths[-1]
        widths = widths[::-1]
        self.embedding = _embedding(shape.classes, latent)
        inputs = latent * (2 if shape.classes else 1)
        self.dense = nn.Linear(inputs, self.inner * self.sides[0] ** 2)
        nn.init.normal_(self.dense.weight, std=inputs**-0.5)
        nn.init.zeros_(self.dense.bias)
        self.blocks = nn.ModuleList(ResidualBlock(one) for one in widths)
        self.transitions = nn.ModuleList(
            _convolution(inside, outside, kernel=1, gain=0.7)
            for inside, outside in itertools.pairwise(widths)
        )
        self.to_patches = _convolution(widths[-1], shape.channels * _PATCH**2, gain=0.5)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent] (, labels int64 [N]) -> images float32 [N, C, R, R]."""
        if self.embedding is not None:
            latents = torch.cat([latents, self.embedding(labels)], dim=1)
        side = self.sides[0]
        hidden = self.dense(latents).view(-1, side, side, self.inner).permute(0, 3, 1, 2)
        hidden = self.blocks[0](hidden)
        for side, transition, block in zip(
            self.sides[1:], self.transitions, self.blocks[1:], strict=True
        ):
            hidden = block(upsample_to(transition(hidden), side))
        patches = self.to_patches(functional.leaky_relu(hidden, _SLOPE))
        images = functional.pixel_shuffle(patches.float(), _PATCH)
        images = images[..., : self.shape.resolution, : self.shape.resolution]
        clipped = images.clamp(-1, 1)
        return torch.lerp(clipped, images, _BEYOND) if self.training else clipped


class ResidualDiscriminator(nn.Module):
    """The generator backwards: image -> patches -> (blocks, pooling, 1x1 convolution) -> logit.

    The inner map is weighed place by place and channel by channel, summed over places, and led to
    one logit. A conditional discriminator adds a projection of those features on a class embedding
    (Miyato and Koyama 2018).
    """

    def __init__(self, shape: ImageShape, *, width: int = 32, latent: int = 64) -> None:
        super().__init__()
        del latent  # one signature for every pair; only generators read it
        sides, widths = _levels(shape.resolution, width)
        self.padding = sides[0] * _PATCH - shape.resolution
        self.from_patches = _convolution(shape.channels * _PATCH**2, widths[0], gain=0.7)
        self.blocks = nn.ModuleList(ResidualBlock(one) for one in widths)
        self.transitions = nn.ModuleList(
            _convolution(outside, inside, kernel=1, gain=0.7)
            for outside, inside in itertools.pairwise(widths)
        )
        inner = widths[-1]
        self.places = nn.Parameter(torch.randn(inner, sides[-1], sides[-1]) / sides[-1])
        self.head = nn.Linear(inner, 1)
        nn.init.normal_(self.head.weight, std=inner**-0.5)
        nn.init.zeros_(self.head.bias)
        self.embedding = _embedding(shape.classes, inner)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] around [-1, 1] (, labels int64 [N]) -> logits [N]."""
        if self.padding:
            images = functional.pad(images, (0, self.padding, 0, self.padding), value=-1.0)
        hidden = self.from_patches(functional.pixel_unshuffle(images, _PATCH))
        hidden = self.blocks[0](hidden)
        for transition, block in zip(self.transitions, self.blocks[1:], strict=True):
            pooled = functional.avg_pool2d(hidden, 2, ceil_mode=True)  # sides halve rounded up
            hidden = block(transition(pooled))
        hidden = functional.leaky_relu(hidden, _SLOPE)
        features = (hidden * self.places.to(hidden.dtype)).sum(dim=(2, 3))
        logits = self.head(features).squeeze(1)
        if self.embedding is not None:
            logits = logits + (features * self.embedding(labels)).sum(dim=1)
        return logits


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


def _embedding(classes: int, length: int) -> nn.Embedding | None:
    if not classes:
        return None
    table = nn.Embedding(classes, length)
    nn.init.normal_(table.weight, std=length**-0.5)
    return table


PAIRS["residual"] = NetworkPair(
    generator=ResidualGenerator,
    discriminator=ResidualDiscriminator,
    width=32,
    latent=64,
    source="Huang et al. 2024, at a scale for CPUs",
)
