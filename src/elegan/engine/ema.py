"""The exponential moving average of a generator's weights."""

import copy

import torch
from torch import nn


def decay(images: int, batch: int, half_life: float, ramp: float) -> float:
    """Returns the factor an old weight keeps in one update.

    The half-life is `half_life` images, but at most `ramp` times the images seen, so that early
    weights are forgotten quickly: 0.5 ** (batch / half-life).

    Source: Karras et al. 2020 (ADA), the reference schedule of the average; Yaz et al. 2019 for
    averaging.
    """
    life = min(half_life, max(images, 1) * ramp) if ramp else half_life
    return 0.5 ** (batch / max(life, 1e-8))


class Ema:
    """A frozen copy of a network that follows it.

    Attributes:
        network: the average, in evaluation mode, without gradients.
    """

    def __init__(self, network: nn.Module, *, half_life: float, ramp: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.half_life, self.ramp = half_life, ramp
        self._followed = _averaged(network)
        self._average = _averaged(self.network)
        self._copied = list(zip(_copied(self.network), _copied(network), strict=True))

    @torch.no_grad()
    def update(self, images: int, batch: int) -> None:
        """Moves the average toward the network; integer buffers are copied."""
        keep = decay(images, batch, self.half_life, self.ramp)
        torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
            self._average, self._followed, 1 - keep
        )
        for mine, theirs in self._copied:
            mine.copy_(theirs)


def _averaged(network: nn.Module) -> list[torch.Tensor]:
    buffers = [one for one in network.buffers() if one.is_floating_point()]
    return [one.detach() for one in network.parameters()] + buffers


def _copied(network: nn.Module) -> list[torch.Tensor]:
    return [one for one in network.buffers() if not one.is_floating_point()]
