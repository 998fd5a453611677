"""A player: one network and the optimizer that moves it."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from elegan.engine import distributed
from elegan.settings import OptimizerSettings


class Player:
    """The generator's or the discriminator's side of the duel.

    Attributes:
        network: the module, channels-last on its device.
        optimizer: Adam (fused) over all parameters that require gradients.
        base_rate: the learning rate before the schedule.
        gradient_norm: of the last step, over all parameters.
    """

    def __init__(self, network: nn.Module, *, rate: float, settings: OptimizerSettings) -> None:
        self.network = network
        self.base_rate = rate
        self.parameters = [one for one in network.parameters() if one.requires_grad]
        self.optimizer = torch.optim.Adam(
            self.parameters,
            lr=rate,
            betas=(settings.beta1, settings.beta2),
            eps=settings.epsilon,
            fused=True,
        )
        self.gradient_norm = 0.0
        self._buffers = list(network.buffers())
        self._kept = [one.clone() for one in self._buffers]

    def follow_gradients(self, wanted: bool) -> None:
        """Says whether backward computes gradients of this player's parameters."""
        for parameter in self.parameters:
            parameter.requires_grad_(wanted)

    @torch.no_grad()
    def keep_buffers(self) -> None:
        """Notes batch statistics and the like, which a forward pass moves."""
        for kept, buffer in zip(self._kept, self._buffers, strict=True):
            kept.copy_(buffer)

    @torch.no_grad()
    def put_back_buffers(self) -> None:
        """Undoes what forward passes did to the buffers since `keep_buffers`."""
        for kept, buffer in zip(self._kept, self._buffers, strict=True):
            buffer.copy_(kept)

    def backward(
        self, losses: Mapping[str, Tensor], through: tuple[Tensor, Tensor] | None = None
    ) -> bool:
        """Computes gradients of `losses["loss"]`, averaged over processes.

        Args:
            losses: of this step.
            through: (outputs of this network, the loss's gradients by them) where those are known
                already; the loss itself is then only recorded.

        Returns:
            Whether loss and gradients are finite. Where they are not, nothing must be applied.
        """
        self.optimizer.zero_grad(set_to_none=True)
        if through is None:
            losses["loss"].backward()
        else:
            through[0].backward(through[1].to(through[0].dtype))
        gradients = [one.grad for one in self.parameters if one.grad is not None]
        loss = losses["loss"].detach().clone()
        distributed.average([*gradients, loss])  # the loss too: all processes judge alike
        self.gradient_norm = float(torch.nn.utils.get_total_norm(gradients))
        return math.isfinite(self.gradient_norm) and math.isfinite(loss.item())

    def step(self, rate_factor: float) -> None:
        """Applies the gradients at the base rate times `rate_factor`."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.base_rate * rate_factor
        self.optimizer.step()


def rate_factor(progress: float, settings: OptimizerSettings) -> float:
    """Returns the factor on both rates at `progress` (share of the phase's images seen, 0..1).

    Linear warm-up, then constant, then from `hold` on a fall to 0 at the end.
    """
    factor = min(1.0, progress / settings.warmup) if settings.warmup else 1.0
    if settings.schedule == "constant" or progress <= settings.hold or settings.hold >= 1:
        return factor
    fallen = min(1.0, (progress - settings.hold) / (1 - settings.hold))
    if settings.schedule == "linear":
        return factor * (1 - fallen)
    return factor * 0.5 * (1 + math.cos(math.pi * fallen))
