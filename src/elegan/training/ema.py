"""The exponential moving average of a generator's weights."""

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrizations import (
    _SpectralNorm,  # pyright: ignore[reportPrivateUsage]
)
from torch.nn.utils.parametrize import ParametrizationList


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

    The vectors by which spectral norm measures a weight are those of one weight alone: the average
    of two weights' vectors measures neither, and leaves norms of several times 1. So the average
    keeps its own, moved with each update by one power iteration on its own weight, as in training.

    Attributes:
        network: the average, in evaluation mode, without gradients.
    """

    def __init__(self, network: nn.Module, *, half_life: float, ramp: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.half_life, self.ramp = half_life, ramp
        self._norms = _spectral_norms(self.network)
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
        for norm, weight in self._norms:
            norm._power_method(norm._reshape_weight_to_matrix(weight), 1)


def _spectral_norms(network: nn.Module) -> list[tuple[Any, torch.Tensor]]:
    """Returns each spectral norm with the weight that it divides."""
    return [
        (part[0], part.original)
        for part in network.modules()
        if isinstance(part, ParametrizationList) and isinstance(part[0], _SpectralNorm)
    ]


def _averaged(network: nn.Module) -> list[torch.Tensor]:
    vectors = {id(buffer) for norm, _ in _spectral_norms(network) for buffer in norm.buffers()}
    floats = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
    buffers = [item for item in floats if id(item) not in vectors]
    return [parameter.detach() for parameter in network.parameters()] + buffers


def _copied(network: nn.Module) -> list[torch.Tensor]:
    return [buffer for buffer in network.buffers() if not buffer.is_floating_point()]
