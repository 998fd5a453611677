"""The article's two networks: layers, kernels, strides, noise and dropout exactly as it has them.

The convolutions follow the padding rule of the article's framework ("same": what does not
divide evenly is padded after), its batch normalisation (momentum 0.99, epsilon 0.001, after the
activation) and its leaky slope of 0.2, so that weights carried over from there give the same
outputs. Pair `article-printed` also begins with its weights (Glorot uniform, zero biases); pair
`article` begins with larger ones in the one layer that the noise enters by. `docs/article.md` lists
what the article's training code gets wrong.
"""

import dataclasses
import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.networks.channels import ChannelGroups
from elegan.networks.conditioning import (
    ClassNormalisation,
    Head,
    class_embedding,
    label_map,
    normalise,
)
from elegan.networks.layers import FastDropout, together
from elegan.networks.registry import PAIRS, Discriminator, Generator, ImageShape, NetworkPair

_KERNEL = 5
_DROPOUT = 0.3
_SLOPE = 0.2


class ArticleGenerator(Generator):
    """Dense -> 7x7x256 -> three transposed convolutions (128, 64, channels) -> tanh.

    A conditional generator has a class embedding joined to the noise, or one gain and bias a class
    in its normalisations.

    Args:
        shape: a resolution that 4 does not divide is generated larger and cropped.
        width: channels of the narrowest hidden layer; the others are 2 and 4 times as wide.
        latent: length of the noise vector.
        condition: one of `GENERATOR_CONDITIONS`.
        dense_glorot: the dense layer begins as the article's does. Glorot's weights leave the noise
            a standard deviation of 0.13 behind it, and no normalisation follows: biases soon
            outweigh the noise, and one image is drawn for all of it. Otherwise its weights are
            normal with variance 2 / inputs (He et al. 2015, eq. 10), which keeps the noise as large
            as it comes.
    """

    def __init__(
        self,
        shape: ImageShape,
        *,
        width: int = 64,
        latent: int = 100,
        condition: str = "concat",
        dense_glorot: bool = False,
    ) -> None:
        super().__init__()
        self.shape, self.latent = shape, latent
        self.base = (shape.resolution + 3) // 4
        self.base_width = 4 * width
        joined = shape.classes and condition == "concat"
        self.embedding = class_embedding(shape.classes, latent) if joined else None
        inputs = latent * (2 if joined else 1)
        self.dense = nn.Linear(inputs, self.base**2 * self.base_width)
        self.up1 = nn.ConvTranspose2d(4 * width, 2 * width, _KERNEL, padding=2)
        classes = shape.classes if condition == "normalisation" else 0
        self.norm1 = _normalisation(2 * width, classes)
        self.up2 = _SameTransposed(2 * width, width)
        self.norm2 = _normalisation(width, classes)
        self.up3 = _SameTransposed(width, shape.channels)
        _initialise(self)
        if not dense_glorot:
            nn.init.kaiming_normal_(self.dense.weight)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent] (, labels int64 [N]) -> images [N, C, R, R] in [-1, 1]."""
        if self.embedding is not None:
            latents = torch.cat([latents, self.embedding(labels)], dim=1)
        hidden = functional.relu(self.dense(latents))
        # The article reshapes to height x width x channels; the permuted view is channels-last
        # already.
        hidden = hidden.view(-1, self.base, self.base, self.base_width).permute(0, 3, 1, 2)
        hidden = normalise(self.norm1, functional.relu(self.up1(hidden)), labels)
        hidden = normalise(self.norm2, functional.relu(self.up2(hidden)), labels)
        images = torch.tanh(self.up3(hidden))
        return images[..., : self.shape.resolution, : self.shape.resolution]

    def stages(self) -> list[nn.Module]:
        return [
            together(self.embedding, self.dense),
            together(self.up1, self.norm1),
            together(self.up2, self.norm2),
            self.up3,
        ]

    def entry_weights(self) -> Tensor:
        return self.dense.weight[:, : self.latent]

    def channel_groups(self, groups: ChannelGroups) -> None:
        net: Any = self  # layers within layers have no types
        chain = (
            (net.dense, None, net.up1),
            (net.up1, net.norm1, net.up2),
            (net.up2, net.norm2, net.up3),
        )
        for writer, norm, reader in chain:
            groups.add(reader.in_channels, writers=[writer], readers=[reader], followers=[norm])


class ArticleDiscriminator(Discriminator):
    """Two strided convolutions (64, 128) with dropout 0.3 -> one logit.

    The article's sigmoid is left to the loss, which is then stable.

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
        side = (shape.resolution + 3) // 4
        features = side**2 * 2 * width
        channels = shape.channels + (self.label_map is not None)
        self.down1 = nn.Conv2d(channels, width, _KERNEL, stride=2)
        self.drop1 = FastDropout(_DROPOUT)
        self.down2 = nn.Conv2d(width, 2 * width, _KERNEL, stride=2)
        self.drop2 = FastDropout(_DROPOUT)
        self.head = Head(features, shape.classes, condition)
        _initialise(self)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] in [-1, 1] (, labels int64 [N]) -> features [N, F]."""
        if self.label_map is not None:
            images = self.label_map(images, labels)
        hidden = self.drop1(functional.leaky_relu(self.down1(_pad_same(images)), _SLOPE))
        hidden = self.drop2(functional.leaky_relu(self.down2(_pad_same(hidden)), _SLOPE))
        # Height x width x channels, as the article flattens it; a free view in channels-last
        # memory.
        return hidden.permute(0, 2, 3, 1).flatten(1)

    def stages(self) -> list[nn.Module]:
        return [together(self.label_map, self.down1), self.down2]


class _SameTransposed(nn.ConvTranspose2d):
    """A 5x5 transposed convolution of stride 2 with "same" padding: side n -> 2n.

    The full result is cropped by one before and two after. A kernel with a zero row and column in
    front makes the crop even, so that no copy of the larger map is needed.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, _KERNEL, stride=2)

    def forward(self, features: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        kernel = functional.pad(self.weight, (1, 0, 1, 0))
        return functional.conv_transpose2d(features, kernel, self.bias, stride=2, padding=2)


def _normalisation(width: int, classes: int) -> nn.Module:
    layer = nn.BatchNorm2d(width, eps=1e-3, momentum=0.01, affine=not classes)
    return ClassNormalisation(layer, classes, width) if classes else layer


def _pad_same(images: Tensor) -> Tensor:
    # Total padding so that the output side is ceil(n / 2), the odd one after.
    side = images.shape[-1]
    total = (-(-side // 2) - 1) * 2 + _KERNEL - side
    before = total // 2
    return functional.pad(images, (before, total - before) * 2)


def _initialise(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


PAIRS["article"] = NetworkPair(
    generator=ArticleGenerator,
    discriminator=ArticleDiscriminator,
    width=64,
    latent=100,
    source="the article's MNIST experiment: two upsampling and two strided layers; 28 to 64 px",
)

PAIRS["article-printed"] = dataclasses.replace(
    PAIRS["article"],
    generator=functools.partial(ArticleGenerator, dense_glorot=True),
    source="the same layers with the article's own first weights, which collapse",
)
