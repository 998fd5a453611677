"""The one registry of networks. Saved models name their network here; nothing else is looked up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from elegan.errors import lookup


@dataclass(frozen=True, kw_only=True)
class ImageShape:
    """What the networks of a run agree on.

    Attributes:
        resolution: side of the square image in pixels, 16 to 256.
        channels: 1 (gray) or 3 (RGB).
        classes: number of classes, 0 when unconditional.
    """

    resolution: int
    channels: int
    classes: int = 0


@dataclass(frozen=True, kw_only=True)
class NetworkPair:
    """A generator and a discriminator made for each other.

    Each is built as `kind(shape, width=..., latent=...)`; width is the channel count that every
    layer's width is a multiple of.
    """

    generator: Callable[..., nn.Module]
    discriminator: Callable[..., nn.Module]
    width: int
    latent: int
    source: str


PAIRS: dict[str, NetworkPair] = {}
"""Every pair by name; each network module adds its own row, `elegan list networks` prints them."""


def build_generator(name: str, shape: ImageShape, **sizes: Any) -> nn.Module:
    """Builds a registered generator: latents float [N, latent] (, labels int64 [N]) -> images.

    Images are float [N, C, R, R] in [-1, 1].
    """
    return lookup(PAIRS, name, "network").generator(shape, **sizes)


def build_discriminator(name: str, shape: ImageShape, **sizes: Any) -> nn.Module:
    """Builds a registered discriminator: images in [-1, 1] (, labels) -> logits float [N]."""
    return lookup(PAIRS, name, "network").discriminator(shape, **sizes)
