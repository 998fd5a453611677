"""The one registry of networks, and what all of them have in common.

Saved models name their network here; nothing else is looked up.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from elegan.networks.channels import ChannelGroups
from elegan.networks.conditioning import Head


@dataclass(frozen=True, kw_only=True)
class ImageShape:
    """What the networks of a run agree on.

    Attributes:
        resolution: side of the square image in pixels, 16 to 256.
        channels: 1 (gray) or 3 (RGB).
        classes: number of classes, 0 when unconditional.
        clusters: of the images of no class, into as many of which they were put by what they look
            like (`networks.clusters`); 0 where they were not.
    """

    resolution: int
    channels: int
    classes: int = 0
    clusters: int = 0


class Generator(nn.Module):
    """Latents float [N, latent] (, labels int64 [N]) -> images [N, C, R, R].

    Images are in [-1, 1] in evaluation mode; in training mode they may overshoot.
    """

    shape: ImageShape
    latent: int

    def stages(self) -> list[nn.Module]:
        """The parts in forward order; together they hold every parameter once."""
        raise NotImplementedError

    def entry_weights(self) -> Tensor:
        """[rows, latent]: all weights that first meet the latent, stacked.

        The directions that move the image most are the leading right singular vectors of this
        matrix (Shen and Zhou 2021, closed-form factorisation). Networks of styles give the weights
        that meet the style vector, whose length is the latent's.
        """
        raise NotImplementedError

    def channel_groups(self, groups: ChannelGroups) -> None:
        """Names every group of channels, for pruning."""
        raise NotImplementedError


class Discriminator(nn.Module):
    """Images [N, C, R, R] (, labels int64 [N]) -> logits [N].

    No layer mixes the images of a batch: one-pass steps and gradient penalties rely on it.

    Attributes:
        head: from features to the logit, and to class logits where there are such.
    """

    head: Head

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] around [-1, 1] (, labels int64 [N]) -> logits [N]."""
        return self.head(self.features(images, labels), labels)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] (, labels, which only the condition "concat" reads) -> [N, F]."""
        raise NotImplementedError

    def stages(self) -> list[nn.Module]:
        """The parts from the image inward; with `head` they hold every parameter once."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class NetworkPair:
    """A generator and a discriminator made for each other.

    Each is built as `kind(shape, width=..., latent=...)`, with classes also `condition=...`; width
    is the channel count that every layer's width is a multiple of.
    """

    generator: Callable[..., Generator]
    discriminator: Callable[..., Discriminator]
    width: int
    latent: int
    source: str


PAIRS: dict[str, NetworkPair] = {}
"""Every pair by name; each network module adds its own row, `elegan list networks` prints them."""
