"""A deep convolutional pair in the manner of Radford et al. 2016, at any resolution.

Changed from the paper: upsampling by nearest neighbour and a 3x3 convolution in place of transposed
convolutions (no checkerboard, Odena et al. 2016), and spectral norm in place of batch norm in the
discriminator (Miyato et al. 2018), which keeps the pair stable at small batches.
"""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from elegan.networks.layers import resolution_ladder, upsample_to
from elegan.networks.registry import PAIRS, ImageShape, NetworkPair

_SLOPE = 0.2


def _widths(width: int, levels: int) -> list[int]:
    """Channels at each level from the image inward: doubling, at most eight times `width`."""
    return [width * min(8, 2**level) for level in range(levels)]


class DcganGenerator(nn.Module):
    """Dense -> smallest map -> (upsample, convolution, batch norm, ReLU) a level -> tanh.

    Args:
        width: channels at the image's own resolution, doubled at each halving.
        latent: length of the noise vector; a class embedding of the same length is concatenated.
    """

    def __init__(self, shape: ImageShape, *, width: int = 64, latent: int = 100) -> None:
        super().__init__()
        self.shape, self.latent = shape, latent
        self.sides = resolution_ladder(shape.resolution)[::-1]
        widths = _widths(width, len(self.sides))[::-1]
        self.base_width = widths[0]
        self.embedding = nn.Embedding(shape.classes, latent) if shape.classes else None
        inputs = latent * (2 if shape.classes else 1)
        self.dense = nn.Linear(inputs, self.sides[0] ** 2 * widths[0], bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.stages = nn.ModuleList(
            nn.ModuleDict(
                {
                    "convolution": nn.Conv2d(inside, outside, 3, padding=1, bias=False),
                    "norm": nn.BatchNorm2d(outside),
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
        hidden = functional.relu(self.norm(hidden))
        for side, stage in zip(self.sides[1:], self.stages, strict=True):
            hidden = stage["convolution"](upsample_to(hidden, side))  # pyright: ignore[reportIndexIssue]
            hidden = functional.relu(stage["norm"](hidden))  # pyright: ignore[reportIndexIssue]
        return torch.tanh(self.to_image(hidden))


class DcganDiscriminator(nn.Module):
    """Strided 4x4 convolutions with spectral norm down to the smallest map -> one logit.

    A conditional discriminator adds a projection of its features (Miyato and Koyama 2018).
    """

    def __init__(self, shape: ImageShape, *, width: int = 64, latent: int = 100) -> None:
        super().__init__()
        del latent  # one signature for every pair; only generators read it
        sides = resolution_ladder(shape.resolution)
        widths = _widths(width, len(sides))
        self.from_image = nn.Conv2d(shape.channels, widths[0], 3, padding=1)
        self.stages = nn.ModuleList(
            nn.Conv2d(outside, inside, 4, stride=2, padding=1)
            for outside, inside in itertools.pairwise(widths)
        )
        features = sides[-1] ** 2 * widths[-1]
        self.head = nn.Linear(features, 1)
        self.embedding = nn.Embedding(shape.classes, features) if shape.classes else None
        _initialise(self)
        for layer in [self.from_image, *self.stages, self.head]:
            spectral_norm(layer)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] in [-1, 1] (, labels int64 [N]) -> logits [N]."""
        hidden = functional.leaky_relu(self.from_image(images), _SLOPE)
        for stage in self.stages:
            if hidden.shape[-1] % 2:  # the side is halved rounded up
                hidden = functional.pad(hidden, (0, 1, 0, 1))
            hidden = functional.leaky_relu(stage(hidden), _SLOPE)
        features = hidden.permute(0, 2, 3, 1).flatten(1)
        logits = self.head(features).squeeze(1)
        if self.embedding is not None:
            logits = logits + (features * self.embedding(labels)).sum(dim=1)
        return logits


def _initialise(network: nn.Module) -> None:
    # Radford et al. 2016, section 3: normal weights of standard deviation 0.02.
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.Embedding):
            nn.init.normal_(layer.weight, std=0.02)
            if not isinstance(layer, nn.Embedding) and layer.bias is not None:
                nn.init.zeros_(layer.bias)


PAIRS["dcgan"] = NetworkPair(
    generator=DcganGenerator,
    discriminator=DcganDiscriminator,
    width=64,
    latent=100,
    source="Radford et al. 2016, with spectral norm (Miyato et al. 2018)",
)
