"""Layers that more than one network uses."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class FastDropout(nn.Module):
    """Dropout whose mask is drawn eight elements to a random 64-bit word.

    On a CPU the usual Bernoulli draw is serial and takes a third of a small network's step. Here
    each element gets 8 random bits, so the rate is rounded to a multiple of 1/256 (0.3 becomes
    0.3008) and the surviving elements are scaled by exactly the reciprocal of what remains.

    Source of dropout: Srivastava et al. 2014.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"dropout rate must be in [0, 1), not {rate}")
        self.threshold = round(rate * 256)

    @property
    def rate(self) -> float:
        """The share of elements dropped, a multiple of 1/256."""
        return self.threshold / 256

    def forward(self, features: Tensor) -> Tensor:
        """Drops elements in training mode; the identity otherwise. Any shape."""
        if not self.training or self.threshold == 0:
            return features
        words = torch.empty(
            (features.numel() + 7) // 8, dtype=torch.int64, device=features.device
        ).random_(-(2**63), None)
        kept = (words.view(torch.uint8)[: features.numel()] >= self.threshold).to(features.dtype)
        # The mask takes the memory order of the features: the product then runs over both in order.
        return features * kept.mul_(1 / (1 - self.rate)).as_strided(
            features.shape, features.stride()
        )

    def extra_repr(self) -> str:
        return f"rate={self.rate:.4f}"


class PixelNoise(nn.Module):
    """Adds one map of noise to all channels, with a learned strength that begins at 0.

    In training each image gets fresh noise from torch's default generator; in evaluation all get
    one fixed map, a buffer, so that an image depends on its latent alone.

    Args:
        side: of the feature map.

    Source: Karras et al. 2019, section 3.2.
    """

    fixed: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("fixed", torch.randn(1, 1, side, side))

    def forward(self, features: Tensor) -> Tensor:
        """[N, C, side, side] -> the same."""
        if self.training:
            noise = torch.randn(
                (len(features), *self.fixed.shape[1:]), dtype=features.dtype, device=features.device
            )
        else:
            noise = self.fixed.to(features.dtype)
        return features + noise * self.strength.to(features.dtype)


def clip(images: Tensor, *, training: bool, beyond: float = 0.1) -> Tensor:
    """Clips to [-1, 1] in float32; in training the slope outside is `beyond` instead of 0.

    Without that slope a pixel that has left the range would never come back; without the clipping,
    pixels that are exactly black or white in real images could only be approached.
    """
    images = images.float()
    clipped = images.clamp(-1, 1)
    return torch.lerp(clipped, images, beyond) if training else clipped


def gated(features: Tensor) -> Tensor:
    """Gated linear unit over channels (Dauphin et al. 2017): [N, 2C, h, w] -> [N, C, h, w].

    The halves are copied and the memory order kept, in the gradient too. torch's own unit gives a
    gradient in channels-first order, with which the backward pass of a batch normalisation before
    it takes 13 times as long on a CPU.
    """
    last = features.is_contiguous(memory_format=torch.channels_last)
    order = torch.channels_last if last else torch.contiguous_format
    values, gates = (item.contiguous(memory_format=order) for item in features.chunk(2, dim=1))
    return values * torch.sigmoid(gates)


def together(*modules: nn.Module | None) -> nn.ModuleList:
    """Returns the given modules as one stage, without those that a network does not have."""
    return nn.ModuleList(module for module in modules if module is not None)


def upsample_to(features: Tensor, size: int) -> Tensor:
    """Nearest-neighbour upsampling [N, C, h, h] -> [N, C, size, size], size = 2h or 2h - 1."""
    doubled = functional.interpolate(features, scale_factor=2.0, mode="nearest")
    return doubled if doubled.shape[-1] == size else doubled[..., :size, :size]


def resolution_ladder(resolution: int, smallest: int = 7) -> list[int]:
    """Sides of the feature maps from the image inward, each half the last rounded up.

    28 -> [28, 14, 7]; 100 -> [100, 50, 25, 13, 7]; 256 -> [256, 128, 64, 32, 16, 8, 4]. Halving
    stops at the first side that is no larger than `smallest`.
    """
    ladder = [resolution]
    while ladder[-1] > smallest:
        ladder.append((ladder[-1] + 1) // 2)
    return ladder


def widening_ladder(resolution: int, width: int) -> tuple[list[int], list[int]]:
    """Returns sides and widths of the maps from the image inward.

    28 -> [28, 14, 7], [w, 2w, 8w]; 64 -> [64, 32, 16, 8, 4], [w, 2w, 4w, 8w, 16w].
    """
    sides = resolution_ladder(resolution)
    widths = [width * min(16, 2**level) for level in range(len(sides))]
    widths[-1] = max(widths[-1], 8 * width)
    return sides, widths


def scaled_width(base: int, size: float) -> int:
    """The channel count `base` times the size dial, at least 8 and a multiple of 8."""
    return max(8, round(base * size / 8) * 8)
