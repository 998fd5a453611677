"""The penalties of a discriminator's step, each with its weight, evaluated when it is due."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from elegan.common import distributed
from elegan.data.batches import Batch
from elegan.losses import (
    consistency_penalty,
    dragan_penalty,
    lecam_penalty,
    wasserstein_gradient_penalty,
    zero_centred_penalty,
)
from elegan.settings import LossSettings
from elegan.training.task import Losses

Score = Callable[[Tensor], Tensor]
"""The discriminator as a function of images alone: [N, C, R, R] -> logits float32 [N]."""

ANCHORS = "lecam_anchors"
"""State of LeCam: the moving means of real and of generated logits, [2]."""
_LECAM_DECAY = 0.99  # Tseng et al. 2021, section 3.2
_DECAY_SHARE = 0.3  # of the run, over which R1 and R2 fall to their final weight


class Penalties:
    """All that is added to the adversarial loss of the discriminator."""

    def __init__(self, settings: LossSettings, device: torch.device) -> None:
        self._settings = settings
        self.initial_state = {ANCHORS: torch.zeros(2, device=device)}

    def __call__(
        self,
        score: Score,
        batch: Batch,
        images: tuple[Tensor, Tensor],
        logits: tuple[Tensor, Tensor],
        progress: float,
        state: Mapping[str, Tensor],
    ) -> Losses:
        """Returns every penalty that is on and due, already weighted, and what of the state moves.

        Args:
            images: real and generated, as the discriminator saw them; generated ones detached.
            logits: of both, [N].
            progress: share of the run that is over.
            state: the task's.
        """
        loss, penalties = self._settings, Losses({})
        (real, fake), (real_logits, fake_logits) = images, logits
        if loss.lecam:
            anchors = _moved(state[ANCHORS], real_logits, fake_logits)
            penalties.state = {ANCHORS: anchors}
            penalty = lecam_penalty(real_logits, fake_logits, *anchors)
            penalties["lecam"] = loss.lecam * penalty
        if loss.consistency:
            penalty = consistency_penalty(real_logits, score(shift(real)))
            penalties["consistency"] = loss.consistency * penalty
        if not is_due(batch, loss.penalty_every):
            return penalties
        every = loss.penalty_every
        # Log-linear from 1 to penalty_decay.
        zero_centred = every * loss.penalty_decay ** min(1.0, progress / _DECAY_SHARE)
        if loss.penalty_pixels:
            zero_centred *= real[0, 0].numel() / loss.penalty_pixels
        if loss.r1:
            penalties["r1"] = loss.r1 * zero_centred * zero_centred_penalty(score, real)
        if loss.r2:
            penalties["r2"] = loss.r2 * zero_centred * zero_centred_penalty(score, fake)
        if loss.wasserstein_gp:
            penalty = wasserstein_gradient_penalty(score, real, fake)
            penalties["wasserstein_gp"] = loss.wasserstein_gp * every * penalty
        if loss.dragan:
            penalties["dragan"] = loss.dragan * every * dragan_penalty(score, real)
        return penalties


def _moved(anchors: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    means = torch.stack([real.detach().mean(), fake.detach().mean()])
    distributed.average([means])
    return anchors.lerp(means, 1 - _LECAM_DECAY)


def is_due(batch: Batch, every: int) -> bool:
    """Whether what happens each `every` steps happens in this one."""
    return (batch.position // batch.whole) % every == 0


def shift(images: Tensor) -> Tensor:
    """Moves the whole batch by -2..2 pixels each way, edges repeated."""
    right, down = torch.randint(0, 5, (2,)).tolist()
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2), mode="replicate")
    side = images.shape[-1]
    return padded[..., down : down + side, right : right + side]
