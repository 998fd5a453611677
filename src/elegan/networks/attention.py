"""Residual blocks, self-attention on a middle map, spectral norm in both networks.

After SAGAN (Zhang et al. 2019) and BigGAN (Brock et al. 2019) at a width for CPUs: the latent is
cut into chunks, one for the dense layer and one for each block, where it sets gains and biases
after batch normalisation together with a shared class embedding. As in the pair `residual` the
image is cut into 2x2 patches, since on a CPU everything at full resolution is dear. Made for the
hinge loss.
"""

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from elegan.common.errors import UsageError
from elegan.networks.channels import ChannelGroups
from elegan.networks.conditioning import Head, class_embedding, label_map
from elegan.networks.layers import resolution_ladder, together, upsample_to
from elegan.networks.registry import PAIRS, Discriminator, Generator, ImageShape, NetworkPair

_PATCH = 2
_ATTENTION_SIDE = 16  # attention goes to the map nearest to this side
_CLASS_LENGTH = 64  # of the shared class embedding


class SelfAttention(nn.Module):
    """x + gamma * attention(x), gamma 0 at first: [N, C, h, h] -> the same.

    Queries have C/8 channels, values C/2; keys and values are pooled to half the side, as the
    authors' code does. The softmax is taken in float32.

    Source: Zhang et al. 2019, equations 1 to 3.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow, half = max(1, width // 8), max(1, width // 2)
        self.query = _convolution(width, narrow, kernel=1, bias=False)
        self.key = _convolution(width, narrow, kernel=1, bias=False)
        self.value = _convolution(width, half, kernel=1, bias=False)
        self.out = _convolution(half, width, kernel=1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        """Adds what each place gathers from all others."""
        query = self.query(features).flatten(2)
        key = functional.max_pool2d(self.key(features), 2).flatten(2)
        value = functional.max_pool2d(self.value(features), 2).flatten(2)
        # A plain softmax and no fused attention: gradient penalties differentiate twice.
        weights = torch.bmm(query.mT, key).float().softmax(dim=-1)  # [N, places, pooled places]
        gathered = torch.bmm(value, weights.to(value.dtype).mT)
        gathered = self.out(gathered.unflatten(2, features.shape[2:]))
        return features + self.gamma.to(features.dtype) * gathered


class ModulatedNorm(nn.Module):
    """Batch normalisation whose gains and biases are linear in a vector of each image.

    Source: Chen et al. 2019 (self-modulation); Brock et al. 2019, appendix C, with classes.
    """

    def __init__(self, width: int, inputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.affine = nn.Linear(inputs, 2 * width)
        nn.init.normal_(self.affine.weight, std=0.02)
        nn.init.zeros_(self.affine.bias)

    def channel_places(self) -> tuple[tuple[tuple[str, int], ...], nn.Module]:
        """Where the channels lie in tensors of its own, and the layer within; for pruning."""
        return (("affine.weight", 0), ("affine.bias", 0)), self.norm

    def forward(self, features: Tensor, vector: Tensor) -> Tensor:
        """Features [N, C, h, h], vector [N, inputs] -> [N, C, h, h]."""
        hidden = self.norm(features)
        gain, bias = self.affine(vector).to(hidden.dtype)[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(bias, hidden, 1 + gain)


class UpBlock(nn.Module):
    """(norm, ReLU, upsampling, convolution, norm, ReLU, convolution) beside a 1x1 convolution."""

    def __init__(self, inside: int, outside: int, inputs: int) -> None:
        super().__init__()
        self.norm1 = ModulatedNorm(inside, inputs)
        self.first = _convolution(inside, outside)
        self.norm2 = ModulatedNorm(outside, inputs)
        self.second = _convolution(outside, outside)
        self.shortcut = _convolution(inside, outside, kernel=1)

    def forward(self, features: Tensor, vector: Tensor, side: int) -> Tensor:
        """[N, inside, h, h] -> [N, outside, side, side], side = h, 2h or 2h - 1."""
        hidden = functional.relu(self.norm1(features, vector))
        # A 1x1 convolution and repeating pixels commute: it goes first, on the small map.
        shortcut = self.shortcut(features)
        if side != features.shape[-1]:
            hidden, shortcut = upsample_to(hidden, side), upsample_to(shortcut, side)
        hidden = functional.relu(self.norm2(self.first(hidden), vector))
        return shortcut + self.second(hidden)


class DownBlock(nn.Module):
    """(ReLU, convolution, ReLU, convolution, pooling) beside a 1x1 convolution."""

    def __init__(self, outside: int, inside: int, *, pool: bool) -> None:
        super().__init__()
        self.pool = pool
        self.first = _convolution(outside, inside)
        self.second = _convolution(inside, inside)
        self.shortcut = _convolution(outside, inside, kernel=1)

    def forward(self, features: Tensor) -> Tensor:
        """[N, outside, h, h] -> [N, inside, h, h], or [N, inside, ceil(h / 2), ...]."""
        hidden = self.second(functional.relu(self.first(functional.relu(features))))
        if self.pool:
            hidden = functional.avg_pool2d(hidden, 2, ceil_mode=True)
            features = functional.avg_pool2d(features, 2, ceil_mode=True)
        return hidden + self.shortcut(features)


class AttentionGenerator(Generator):
    """Dense -> inner map -> blocks, attention among them -> patches -> tanh.

    All convolutions have spectral norm, as in SAGAN.

    Args:
        width: channels of the outer map (half the image's side), doubled inward up to 8 times.
        latent: length of the noise vector; at least one number for each block and the dense layer.
        condition: one of `GENERATOR_CONDITIONS`; "normalisation" gives the class embedding to
            every block, "concat" to the dense layer only.

    Raises:
        UsageError: the latent is too short to be cut into chunks.
    """

    def __init__(
        self,
        shape: ImageShape,
        *,
        width: int = 32,
        latent: int = 128,
        condition: str = "concat",
    ) -> None:
        super().__init__()
        self.shape, self.latent = shape, latent
        sides, widths = _levels(shape.resolution, width)
        self.sides, widths = sides[::-1], widths[::-1]
        self.inner = widths[0]
        if latent <= len(widths):
            raise UsageError(
                f"A latent of {latent} is too short for the network 'attention' at"
                f" {shape.resolution} pixels: it needs at least {len(widths) + 1}."
            )
        self.chunks = [len(part) for part in torch.arange(latent).tensor_split(len(widths) + 1)]
        classes = _CLASS_LENGTH if shape.classes else 0
        self.everywhere = condition == "normalisation"
        # Beside the latent an embedding begins small: a loud one would make a class's images alike.
        deviation = 1.0 if self.everywhere else _CLASS_LENGTH**-0.5
        self.embedding = class_embedding(shape.classes, classes, deviation) if classes else None
        first = self.chunks[0] + (0 if self.everywhere else classes)
        self.dense = nn.Linear(first, self.inner * self.sides[0] ** 2)
        # No spectral norm here: so tall a matrix of norm 1 makes a signal that biases drown, and
        # the images become alike whatever the latent.
        nn.init.normal_(self.dense.weight, std=first**-0.5)
        nn.init.zeros_(self.dense.bias)
        self.blocks = nn.ModuleList(
            UpBlock(inside, outside, chunk + (classes if self.everywhere else 0))
            for (inside, outside), chunk in zip(
                itertools.pairwise([self.inner, *widths]), self.chunks[1:], strict=True
            )
        )
        self.where = _nearest(self.sides)
        self.attention = SelfAttention(widths[self.where])
        self.norm = nn.BatchNorm2d(widths[-1])
        self.to_patches = _convolution(widths[-1], shape.channels * _PATCH**2)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent] (, labels int64 [N]) -> images [N, C, R, R] in [-1, 1]."""
        first, *chunks = latents.split(self.chunks, dim=1)
        if self.embedding is not None:
            classes = self.embedding(labels)
            if self.everywhere:
                chunks = [torch.cat([chunk, classes], dim=1) for chunk in chunks]
            else:
                first = torch.cat([first, classes], dim=1)
        side = self.sides[0]
        hidden = self.dense(first).view(-1, side, side, self.inner).permute(0, 3, 1, 2)
        for index, (side, block) in enumerate(zip(self.sides, self.blocks, strict=True)):
            hidden = block(hidden, chunks[index], side)
            if index == self.where:
                hidden = self.attention(hidden)
        patches = self.to_patches(functional.relu(self.norm(hidden)))
        images = functional.pixel_shuffle(torch.tanh(patches), _PATCH)
        return images[..., : self.shape.resolution, : self.shape.resolution]

    def stages(self) -> list[nn.Module]:
        blocks = [together(block) for block in self.blocks]
        blocks[self.where].append(self.attention)
        return [together(self.embedding, self.dense), *blocks, together(self.norm, self.to_patches)]

    def entry_weights(self) -> Tensor:
        weights = [self.dense.weight]
        for block in self.blocks:
            assert isinstance(block, UpBlock)
            weights.append(torch.cat([block.norm1.affine.weight, block.norm2.affine.weight]))
        rows, start = [], 0
        for weight, chunk in zip(weights, self.chunks, strict=True):
            rest = self.latent - start - chunk
            rows.append(functional.pad(weight[:, :chunk], (start, rest)))
            start += chunk
        return torch.cat(rows)

    def channel_groups(self, groups: ChannelGroups) -> None:
        net: Any = self  # layers within layers have no types
        attention, blocks = net.attention, list(net.blocks)
        writers: list[nn.Module] = [net.dense]
        for index in range(len(blocks) + 1):
            following = blocks[index] if index < len(blocks) else None
            readers = (
                [net.to_patches] if following is None else [following.first, following.shortcut]
            )
            if index == net.where + 1:
                writers.append(attention.out)
                readers += [attention.query, attention.key, attention.value]
            groups.add(
                readers[0].in_channels,  # pyright: ignore[reportArgumentType]
                writers=writers,
                readers=readers,
                followers=[net.norm if following is None else following.norm1],
            )
            if following is not None:
                groups.add(
                    following.second.in_channels,
                    writers=[following.first],
                    readers=[following.second],
                    followers=[following.norm2],
                )
                writers = [following.second, following.shortcut]
        groups.add(attention.query.out_channels, writers=[attention.query, attention.key])
        groups.add(attention.out.in_channels, writers=[attention.value], readers=[attention.out])


class AttentionDiscriminator(Discriminator):
    """Patches -> blocks, attention among them -> ReLU, summed over places -> logit.

    Every layer but the auxiliary classifier has spectral norm 1 (Miyato et al. 2018).

    Args:
        width: as the generator's.
        condition: one of `DISCRIMINATOR_CONDITIONS`.
    """

    def __init__(
        self,
        shape: ImageShape,
        *,
        width: int = 32,
        latent: int = 128,
        condition: str = "projection",
    ) -> None:
        super().__init__()
        del latent  # one signature for every pair; only generators read it
        self.label_map = label_map(shape.classes, shape.resolution, condition)
        sides, widths = _levels(shape.resolution, width)
        self.padding = sides[0] * _PATCH - shape.resolution
        channels = shape.channels + (self.label_map is not None)
        self.from_patches = _convolution(channels * _PATCH**2, widths[0])
        self.blocks = nn.ModuleList(
            DownBlock(outside, inside, pool=index > 0)
            for index, (outside, inside) in enumerate(itertools.pairwise([widths[0], *widths]))
        )
        self.where = _nearest(sides)
        self.attention = SelfAttention(widths[self.where])
        self.head = Head(widths[-1], shape.classes, condition)
        nn.init.xavier_uniform_(self.head.weight)
        spectral_norm(self.head)
        if self.head.embedding is not None:
            spectral_norm(self.head.embedding)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] in [-1, 1] (, labels int64 [N]) -> features [N, F]."""
        if self.label_map is not None:
            images = self.label_map(images, labels)
        if self.padding:
            images = functional.pad(images, (0, self.padding, 0, self.padding), value=-1.0)
        hidden = self.from_patches(functional.pixel_unshuffle(images, _PATCH))
        for index, block in enumerate(self.blocks):
            hidden = block(hidden)
            if index == self.where:
                hidden = self.attention(hidden)
        return functional.relu(hidden).sum(dim=(2, 3))

    def stages(self) -> list[nn.Module]:
        blocks = [together(block) for block in self.blocks]
        blocks[self.where].append(self.attention)
        return [together(self.label_map, self.from_patches), *blocks]


def _levels(resolution: int, width: int) -> tuple[list[int], list[int]]:
    """Returns sides and widths of the maps from the outer level inward.

    28 -> [14, 7], [w, 4w]; 64 -> [32, 16, 8, 4], [w, 2w, 4w, 8w]; further levels keep 8w.
    """
    sides = resolution_ladder((resolution + _PATCH - 1) // _PATCH)
    widths = [width * min(8, 2**level) for level in range(len(sides))]
    widths[-1] = max(widths[-1], 4 * width)
    return sides, widths


def _nearest(sides: list[int]) -> int:
    return min(range(len(sides)), key=lambda level: abs(math.log(sides[level] / _ATTENTION_SIDE)))


def _convolution(inputs: int, outputs: int, *, kernel: int = 3, bias: bool = True) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    spectral_norm(layer)
    return layer


PAIRS["attention"] = NetworkPair(
    generator=AttentionGenerator,
    discriminator=AttentionDiscriminator,
    width=32,
    latent=128,
    source="SAGAN and BigGAN (Zhang et al. 2019, Brock et al. 2019), narrow: for classes and hinge",
)
