"""A deep convolutional pair in the manner of Radford et al. 2016, at any resolution.

Changed from the paper: upsampling by nearest neighbour and a 3x3 convolution in place of transposed
convolutions (no checkerboard, Odena et al. 2016), and spectral norm in place of batch norm in the
discriminator (Miyato et al. 2018), which keeps the pair stable at small batches.
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
from elegan.networks.layers import resolution_ladder, together, upsample_to
from elegan.networks.registry import PAIRS, Discriminator, Generator, ImageShape, NetworkPair

_SLOPE = 0.2


def _widths(width: int, levels: int) -> list[int]:
    """Channels at each level from the image inward: doubling, at most eight times `width`."""
    return [width * min(8, 2**level) for level in range(levels)]


class DcganGenerator(Generator):
    """Dense -> smallest map -> (upsample, convolution, batch norm, ReLU) a level -> tanh.

    Args:
        width: channels at the image's own resolution, doubled at each halving.
        latent: length of the noise vector, and of the class embedding that is joined to it.
        condition: one of `GENERATOR_CONDITIONS`.
    """

    def __init__(
        self,
        shape: ImageShape,
        *,
        width: int = 64,
        latent: int = 100,
        condition: str = "concat",
    ) -> None:
        super().__init__()
        self.shape, self.latent = shape, latent
        self.sides = resolution_ladder(shape.resolution)[::-1]
        widths = _widths(width, len(self.sides))[::-1]
        self.base_width = widths[0]
        joined = shape.classes and condition == "concat"
        self.embedding = class_embedding(shape.classes, latent) if joined else None
        inputs = latent * (2 if joined else 1)
        self.dense = nn.Linear(inputs, self.sides[0] ** 2 * widths[0], bias=False)
        classes = shape.classes if condition == "normalisation" else 0
        self.norm = _normalisation(widths[0], classes)
        self.levels = nn.ModuleList(
            nn.ModuleDict(
                {
                    "convolution": nn.Conv2d(inside, outside, 3, padding=1, bias=False),
                    "norm": _normalisation(outside, classes),
                }
            )
            for inside, outside in itertools.pairwise(widths)
        )
        self.to_image = nn.Conv2d(widths[-1], shape.channels, 3, padding=1)
        _initialise(self)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent] (, labels int64 [N]) -> images [N, C, R, R] in [-1, 1]."""
        if self.embedding is not None:
            latents = torch.cat([latents, self.embedding(labels)], dim=1)
        side = self.sides[0]
        hidden = self.dense(latents).view(-1, side, side, self.base_width).permute(0, 3, 1, 2)
        hidden = functional.relu(normalise(self.norm, hidden, labels))
        for side, level in zip(self.sides[1:], self.levels, strict=True):
            hidden = level["convolution"](upsample_to(hidden, side))  # pyright: ignore[reportIndexIssue]
            hidden = functional.relu(normalise(level["norm"], hidden, labels))  # pyright: ignore[reportIndexIssue]
        return torch.tanh(self.to_image(hidden))

    def stages(self) -> list[nn.Module]:
        first = together(self.embedding, self.dense, self.norm)
        return [first, *self.levels, self.to_image]

    def entry_weights(self) -> Tensor:
        return self.dense.weight[:, : self.latent]

    def channel_groups(self, groups: ChannelGroups) -> None:
        net: Any = self  # layers within layers have no types
        convolutions = [level["convolution"] for level in net.levels]
        norms = [net.norm, *(level["norm"] for level in net.levels)]
        writers, readers = [net.dense, *convolutions], [*convolutions, net.to_image]
        for writer, norm, reader in zip(writers, norms, readers, strict=True):
            groups.add(reader.in_channels, writers=[writer], readers=[reader], followers=[norm])


class DcganDiscriminator(Discriminator):
    """Strided 4x4 convolutions with spectral norm down to the smallest map -> one logit.

    Args:
        condition: one of `DISCRIMINATOR_CONDITIONS`.
    """

    def __init__(
        self,
        shape: ImageShape,
        *,
        width: int = 64,
        latent: int = 100,
        condition: str = "projection",
    ) -> None:
        super().__init__()
        del latent  # one signature for every pair; only generators read it
        self.label_map = label_map(shape.classes, shape.resolution, condition)
        sides = resolution_ladder(shape.resolution)
        widths = _widths(width, len(sides))
        channels = shape.channels + (self.label_map is not None)
        self.from_image = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.levels = nn.ModuleList(
            nn.Conv2d(outside, inside, 4, stride=2, padding=1)
            for outside, inside in itertools.pairwise(widths)
        )
        features = sides[-1] ** 2 * widths[-1]
        self.head = Head(features, shape.classes, condition)
        _initialise(self)
        for layer in [self.from_image, *self.levels, self.head]:
            spectral_norm(layer)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] in [-1, 1] (, labels int64 [N]) -> features [N, F]."""
        if self.label_map is not None:
            images = self.label_map(images, labels)
        hidden = functional.leaky_relu(self.from_image(images), _SLOPE)
        for level in self.levels:
            if hidden.shape[-1] % 2:  # the side is halved rounded up
                hidden = functional.pad(hidden, (0, 1, 0, 1))
            hidden = functional.leaky_relu(level(hidden), _SLOPE)
        return hidden.permute(0, 2, 3, 1).flatten(1)

    def stages(self) -> list[nn.Module]:
        return [together(self.label_map, self.from_image), *self.levels]


def _normalisation(width: int, classes: int) -> nn.Module:
    layer = nn.BatchNorm2d(width, affine=not classes)
    return ClassNormalisation(layer, classes, width) if classes else layer


def _initialise(network: nn.Module) -> None:
    # Radford et al. 2016, section 3: normal weights of standard deviation 0.02.
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


PAIRS["dcgan"] = NetworkPair(
    generator=DcganGenerator,
    discriminator=DcganDiscriminator,
    width=64,
    latent=100,
    source="DCGAN (Radford et al. 2016) with spectral norm: plain convolutions, for comparison",
)
