"""Networks that are told of which cluster an image is, where nobody has labelled the images.

The real images are put into clusters by what they look like, each generated image is asked to be of
one, and the discriminator judges it among the real images of that cluster: the two play many small
games in place of one. After Liu et al. 2020 (self-conditioned GANs), with clusters of histograms of
gradients, found once before training, in place of the discriminator's features during it.

To whoever uses it, the generator is one without classes: the noise itself says which cluster.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.networks.channels import ChannelGroups
from elegan.networks.registry import Discriminator, Generator, ImageShape

_READ = 32  # images are described at this side, where they are larger
_CELLS, _BINS = 7, 8  # of the histograms: 7x7 places, 8 directions
_COLOURS = 4  # places a side whose colours are compared
_ROUNDS = 20  # of k-means
_ROWS_AT_ONCE = 2_000


def described(images: Tensor) -> Tensor:
    """Images [N, C, R, R] around [-1, 1] -> what they are compared by, float32 [N, D].

    At 7x7 places the strength of edges in each of 8 directions, its root taken (after Dalal and
    Triggs 2005); of colour images also the colours at 4x4 places. Clusters of these agree with
    classes far better than clusters of pixels do.
    """
    images = images.float()
    if images.shape[-1] > _READ:
        images = functional.adaptive_avg_pool2d(images, _READ)
    edges = functional.pad(images.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = edges[..., 1:-1, 2:] - edges[..., 1:-1, :-2]
    down = edges[..., 2:, 1:-1] - edges[..., :-2, 1:-1]
    strength, turn = across.hypot(down), torch.atan2(down, across) * (_BINS / (2 * math.pi))
    parts = []
    for direction in range(_BINS):
        away = (turn - direction).remainder(_BINS)
        share = (1 - torch.minimum(away, _BINS - away)).clamp_min(0)
        parts.append(functional.adaptive_avg_pool2d(strength * share, _CELLS).sqrt())
    rows = torch.cat(parts, dim=1).flatten(1)
    if images.shape[1] == 1:
        return rows
    colours = functional.adaptive_avg_pool2d(images, _COLOURS).flatten(1)
    return torch.cat([rows, 0.5 * colours], dim=1)  # of photos about half of what tells them apart


def nearest(rows: Tensor, centres: Tensor) -> Tensor:
    """Rows [N, D], centres [K, D] -> the nearest centre of each row, int64 [N]."""
    halves = 0.5 * centres.square().sum(dim=1)
    parts = [(part @ centres.T - halves).argmax(dim=1) for part in rows.split(_ROWS_AT_ONCE)]
    return torch.cat(parts)


def find_centres(rows: Tensor, centres: Tensor, seed: int) -> Tensor:
    """Returns the centres of rows [N, D] by k-means, from `centres` [K, D] on.

    An empty cluster begins anew at a random row. Source: Lloyd 1982.
    """
    random, count = torch.Generator().manual_seed(seed), len(centres)
    for _ in range(_ROUNDS):
        kinds = nearest(rows, centres)
        sizes = torch.bincount(kinds, minlength=count)
        sums = torch.zeros_like(centres).index_add_(0, kinds, rows)
        anew = rows[torch.randint(len(rows), (count,), generator=random).to(rows.device)]
        centres = torch.where(sizes[:, None] > 0, sums / sizes[:, None].clamp_min(1), anew)
    return centres


class ClusteredGenerator(Generator):
    """Latents [N, latent] -> images: a generator of K classes, which the noise chooses among.

    The last K numbers of a latent choose the cluster by the Gumbel-max trick, each with the share
    of the real images that it has (Maddison et al. 2014); the rest is the noise of the generator.

    Attributes:
        shares: of the clusters among the real images, float32 [K].
    """

    shares: Tensor

    def __init__(self, within: Generator, shape: ImageShape) -> None:
        super().__init__()
        self.within, self.shape = within, shape
        self.latent = within.latent + shape.clusters
        self.register_buffer("shares", torch.full((shape.clusters,), 1 / shape.clusters))

    def kinds(self, latents: Tensor) -> Tensor:
        """Latents [N, latent] -> the cluster that each chooses, int64 [N]."""
        choice = latents[:, self.within.latent :].float()
        gumbel = -(-torch.special.log_ndtr(choice)).log()
        return (gumbel + self.shares.float().clamp_min(1e-30).log()).argmax(dim=1)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent] -> images [N, C, R, R].

        Args:
            labels: the clusters, int64 [N]; or how much of each, float [N, K], to blend images of
                two. By default what the latents choose.
        """
        kinds = self.kinds(latents) if labels is None else labels
        return self.within(latents[:, : self.within.latent], kinds)

    def stages(self) -> list[nn.Module]:
        return self.within.stages()

    def entry_weights(self) -> Tensor:
        weights = self.within.entry_weights()
        return functional.pad(weights, (0, len(self.shares)))  # the choice has no slope

    def channel_groups(self, groups: ChannelGroups) -> None:
        self.within.channel_groups(groups)


class ClusteredDiscriminator(Discriminator):
    """A discriminator of K classes that sees by itself of which an image is, unless it is told.

    Attributes:
        centres: of the clusters, float32 [K, D].
    """

    centres: Tensor

    def __init__(self, within: Discriminator, shape: ImageShape) -> None:
        super().__init__()
        self.within = within
        size = described(torch.zeros(1, shape.channels, _CELLS, _CELLS)).shape[1]
        self.register_buffer("centres", torch.zeros(shape.clusters, size))

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("within"), name)

    def kinds(self, images: Tensor) -> Tensor:
        """Images [N, C, R, R] -> the cluster of each, int64 [N]."""
        return nearest(described(images), self.centres)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] (, clusters int64 [N]) -> logits [N]."""
        return self.within(images, self.kinds(images) if labels is None else labels)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] (, clusters int64 [N]) -> [N, F]."""
        return self.within.features(images, self.kinds(images) if labels is None else labels)

    def stages(self) -> list[nn.Module]:
        return self.within.stages()
