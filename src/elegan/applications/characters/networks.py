"""Networks of the three stages of characters: maps from noise, points from maps, and their parts.

The third stage, from maps to the finished picture, is the registered translator `restorer`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.applications.characters.planes import FlatColours
from elegan.networks.layers import clip, together
from elegan.networks.registry import ImageShape
from elegan.networks.residual import ResidualBlock, ResidualDiscriminator, ResidualGenerator

_SLOPE = 0.2
_RIDGE = 2.0  # characters that an attribute's part is held to zero by
_STRENGTH = 2.0  # of an attribute's input beside noise of deviation 1
_TINT = 64  # hidden units of the network that draws the palette
_WEIGHT = 12.0  # of a palette's number in the linear model: it counts as the square in pixels


class AttributeCode(nn.Module):
    """One whole number that stands for a value of each of several attributes.

    The number counts like a clock: the last attribute turns fastest. `counts` says how many values
    each has.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        super().__init__()
        self.counts = tuple(counts)
        self.length = sum(counts)  # of the vectors that `forward` gives

    def encode(self, indices: Sequence[int]) -> int:
        """Returns the code of a value for each attribute."""
        return int(np.ravel_multi_index(tuple(indices), self.counts))

    def decode(self, code: int) -> tuple[int, ...]:
        """Returns the values' indices that a code stands for."""
        return tuple(int(index) for index in np.unravel_index(code, self.counts))

    def forward(self, codes: Tensor) -> Tensor:
        """Codes int64 [N] -> float32 [N, length]: for each attribute 1 at its value, else 0."""
        indices = zip(torch.unravel_index(codes, self.counts), self.counts, strict=True)
        return torch.cat([functional.one_hot(*pair).float() for pair in indices], dim=1)


class MapGenerator(ResidualGenerator):
    """Noise and attributes -> planes of a character: maps of its parts, then flat colours.

    Colours are drawn as a palette and laid out by the maps, so they are flat. A feature is cut off
    at the rim of the part that it lies on: no mouth is beside a face.

    The network draws what a linear model of the data lacks: the mean, a part for each value of an
    attribute and the first principal components, each times one number of the noise (Turk and
    Pentland 1991, "Eigenfaces"), of maps and palette together. It is fitted once by `set_linear`
    and never trained. So the first sample is a blurred character, not noise, which saves a CPU most
    of the time that it would take to find where eyes belong.

    Args:
        slots, inside: of `FlatColours`.
        on: pairs of parts, the first of which is nowhere but on the second.
        attributes: how many values each attribute has; none for no condition.
        components: numbers of the noise that the linear model uses.
    """

    mean: Tensor
    basis: Tensor

    def __init__(
        self,
        shape: ImageShape,
        *,
        slots: Sequence[int],
        inside: Sequence[Sequence[int]] = (),
        on: Sequence[Sequence[int]] = (),
        width: int = 32,
        latent: int = 64,
        attributes: Sequence[int] = (),
        components: int = 32,
    ) -> None:
        code = AttributeCode(attributes)
        plain = ImageShape(resolution=shape.resolution, channels=len(slots))
        super().__init__(plain, width=width, latent=latent + code.length)
        self.latent, self.code, self.components = latent, code, min(components, latent)
        self.colours = FlatColours(slots, inside)
        self.on = {pair[0]: pair[1] for pair in on}
        self.tones = max(slots) + 2  # those of parts, and the background's
        self.tint = nn.Sequential(
            nn.Linear(latent + code.length, _TINT),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(_TINT, self.tones * 3),
        )
        numbers = len(slots) * shape.resolution**2 + self.tones * 3
        self.register_buffer("mean", torch.full((numbers,), -1.0))
        self.register_buffer("basis", torch.zeros(self.components + code.length, numbers))
        for last in (self.to_patches.weight, self.tint[-1].weight, self.tint[-1].bias):
            nn.init.zeros_(last)  # pyright: ignore[reportArgumentType]

    @torch.no_grad()
    def set_linear(self, maps: Tensor, palettes: Tensor, codes: Tensor | None) -> float:
        """Fits the linear model; returns the share of the variance that it explains.

        Maps [N, P, R, R] and palettes [N, S, 3], both in [-1, 1] (, codes int64 [N]).
        """
        rows = torch.cat([maps.float().flatten(1), _WEIGHT * palettes.float().flatten(1)], dim=1)
        mean = rows.mean(dim=0)
        rest = rows - mean
        total = rest.square().sum()
        self.basis.zero_()
        if self.code.counts:
            assert codes is not None
            told = self.code(codes)
            centred = told - told.mean(dim=0)
            ridge = _RIDGE * torch.eye(self.code.length, device=told.device)
            parts = torch.linalg.solve(centred.T @ centred + ridge, centred.T @ rest)
            rest = rest - centred @ parts
            self.basis[self.components :] = parts
            mean = mean - told.mean(dim=0) @ parts
        self.mean.copy_(mean)
        values, vectors = torch.linalg.eigh(rest @ rest.T)
        count = min(self.components, len(rows) - 1)
        values, vectors = values[-count:].clamp_min(0), vectors[:, -count:]
        # A component times its deviation over the data: rest' v / sqrt(N).
        self.basis[:count] = (rest.T @ vectors).T / len(rows) ** 0.5
        left = rest.square().sum() - values.sum()
        return float(1 - left / total)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent] (, codes int64 [N]) -> planes float32 [N, C, R, R] in [-1, 1]."""
        told = latents[:, : self.components]
        if self.code.counts:
            assert labels is not None
            told = torch.cat([told, self.code(labels)], dim=1)
        linear = told.float() @ self.basis + self.mean
        tones = linear[:, -self.tones * 3 :] / _WEIGHT
        side = self.shape.resolution
        beginning = linear[:, : -self.tones * 3].unflatten(1, (self.shape.channels, side, side))
        joined = torch.cat([latents, _STRENGTH * told[:, self.components :]], dim=1)
        drawn = without_checkerboard(super().forward(joined))
        maps = self._cut_off(clip(2 * drawn + beginning, training=self.training))
        palette = clip(tones + self.tint(joined), training=self.training)
        colours = self.colours(maps, palette.unflatten(1, (self.tones, 3)))
        return torch.cat([maps, colours], dim=1)

    def stages(self) -> list[nn.Module]:
        first, *later = super().stages()
        return [together(first, self.tint), *later]

    def _cut_off(self, maps: Tensor) -> Tensor:
        """Multiplies the share that a feature has of a pixel by that of the part it lies on."""
        if not self.on:
            return maps
        shares = ((maps.clamp(-1, 1) + 1) / 2).unbind(1)
        whole = torch.ones_like(shares[0])
        on = [self.on.get(part) for part in range(len(shares))]
        limits = [whole if part is None else shares[part] for part in on]
        return (maps + 1) * torch.stack(limits, dim=1) - 1


class MapDiscriminator(ResidualDiscriminator):
    """Planes and attributes -> logit: the features are projected on a vector for each value.

    Source: Miyato and Koyama 2018, for a sum of classes.
    """

    def __init__(
        self,
        shape: ImageShape,
        *,
        width: int = 32,
        latent: int = 64,
        attributes: Sequence[int] = (),
    ) -> None:
        plain = ImageShape(resolution=shape.resolution, channels=shape.channels)
        super().__init__(plain, width=width, latent=latent)
        self.code = AttributeCode(attributes)
        features = self.head.in_features
        self.projection = None
        if attributes:
            self.projection = nn.Linear(self.code.length, features, bias=False)
            nn.init.normal_(self.projection.weight, std=features**-0.5)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Planes [N, C, R, R] (, codes int64 [N]) -> logits [N]."""
        features = self.features(images)
        logits = self.head(features)
        if self.projection is None:
            return logits
        assert labels is not None
        return logits + (features * self.projection(self.code(labels))).sum(dim=1)

    def stages(self) -> list[nn.Module]:
        stages = super().stages()
        if self.projection is not None:
            stages[-1].append(self.projection)  # pyright: ignore[reportCallIssue]
        return stages


class PointNetwork(nn.Module):
    """Maps of parts -> places: facial points, then the ordered outline points of each part.

    A heat map for each point at half the resolution; a place is the mean of the grid under its
    softmax, so it is differentiable and finer than the grid (Nibali et al. 2018, DSNT; without
    their regulariser). Each part has a head of its own on shared features, which also sees that
    part's own map. Features come from a U of residual blocks whose inner level sees everything.

    Args:
        parts: planes that come in.
        key_points: facial points.
        outline: points of each part's outline.
        width: channels at half resolution.
    """

    def __init__(self, parts: int, key_points: int, *, outline: int = 32, width: int = 64) -> None:
        super().__init__()
        self.parts, self.key_points, self.outline = parts, key_points, outline
        wider = width * 3 // 2
        self.stem = _convolution(parts + 2, width // 2)
        self.down = _convolution(width // 2, width, stride=2)
        self.outer = ResidualBlock(width)
        self.halve = _convolution(width, wider, stride=2)
        self.middle = nn.Sequential(ResidualBlock(wider), ResidualBlock(wider))
        self.halve_again = _convolution(wider, wider, stride=2)
        self.inner = nn.Sequential(ResidualBlock(wider), ResidualBlock(wider))
        self.everything = nn.Linear(wider, wider)
        self.widen = nn.Conv2d(wider, wider, 1)
        self.widen_again = nn.Conv2d(wider, width, 1)
        self.last = ResidualBlock(width)
        self.facial = nn.Conv2d(width, key_points, 1)
        self.heads = nn.ModuleList(nn.Conv2d(width + 1, outline, 1) for _ in range(parts))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps float [N, parts, R, R] in [-1, 1], R a multiple of 8 -> [N, points, 2].

        Places are x and y in canvas units, 0 to 1: first `key_points`, then `outline` for each
        part in turn.
        """
        side = maps.shape[-1]
        # Two planes say where a pixel is, in [-1, 1] (Liu et al. 2018).
        line = torch.linspace(-1, 1, side, device=maps.device, dtype=maps.dtype)
        planes = torch.stack([line.expand(side, side), line[:, None].expand(side, side)])
        grid = planes.expand(len(maps), 2, side, side)
        hidden = functional.leaky_relu(self.stem(torch.cat([maps, grid], 1)), _SLOPE)
        outer = self.outer(functional.leaky_relu(self.down(hidden), _SLOPE))
        middle = self.middle(functional.leaky_relu(self.halve(outer), _SLOPE))
        inner = self.inner(functional.leaky_relu(self.halve_again(middle), _SLOPE))
        inner = inner + self.everything(inner.mean(dim=(2, 3)))[:, :, None, None]
        middle = middle + functional.interpolate(self.widen(inner), size=side // 4)
        outer = outer + functional.interpolate(self.widen_again(middle), size=side // 2)
        features = functional.leaky_relu(self.last(outer), _SLOPE)
        small = functional.avg_pool2d(maps, 2).split(1, dim=1)
        pairs = zip(self.heads, small, strict=True)
        heats = [self.facial(features)]
        heats += [head(torch.cat([features, own], dim=1)) for head, own in pairs]
        return soft_argmax(torch.cat(heats, dim=1))

    def stages(self) -> list[nn.Module]:
        """The parts in forward order; together they hold every parameter once."""
        first, second = [self.stem, self.down, self.outer], [self.halve, self.middle]
        third = [self.halve_again, self.inner, self.everything]
        fourth = [self.widen, self.widen_again, self.last]
        parts = first, second, third, fourth, [self.facial, self.heads]
        return [nn.ModuleList(part) for part in parts]


class NoDiscriminator(nn.Module):
    """Stands where a stage has no second player; it is never asked nor moved."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))

    def stages(self) -> list[nn.Module]:
        return [self]


def without_checkerboard(images: Tensor) -> Tensor:
    """The mean of each pixel, the next one, and those below: [N, C, R, R] -> the same shape.

    A convolution whose channels become 2x2 pixels has weights of its own for each of the four, and
    draws a checkerboard. Any four neighbours hold one pixel of each kind, so that their mean has
    none (Sugawara, Shiota and Kiya 2018, "Super-resolution using convolutional neural networks
    without any checkerboard artifacts").
    """
    return functional.avg_pool2d(functional.pad(images, (0, 1, 0, 1), mode="replicate"), 2, 1)


def soft_argmax(heats: Tensor) -> Tensor:
    """Heat maps [N, K, h, w] -> float32 [N, K, 2]: the mean x and y, in canvas units.

    The outermost cells stand for the rim, so that a place on the rim can be reached.
    """
    _, _, height, width = heats.shape
    shares = functional.softmax(heats.float().flatten(2), dim=2).view_as(heats)
    x = torch.linspace(0, 1, width, device=heats.device)
    y = torch.linspace(0, 1, height, device=heats.device)
    return torch.stack([(shares.sum(dim=2) * x).sum(2), (shares.sum(dim=3) * y).sum(2)], dim=2)


def _convolution(inputs: int, outputs: int, *, stride: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
    nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return layer
