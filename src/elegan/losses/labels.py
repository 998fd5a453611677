"""Noise on the duel's labels and on what the discriminator sees."""

import torch
from torch import Tensor


def flip_labels(
    real: Tensor, fake: Tensor, rate: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Exchanges the real and the generated logit of a row, each row with the same rate.

    To the loss, that real image was then generated and that generated image real. It is meant for
    the discriminator's loss only; the generator goes on being told the truth.

    Args:
        real, fake: logits [N].
        rate: in [0, 1], in use below 0.5; at 0 nothing is drawn.
        generator: instead of the default generator of the logits' device.

    Returns:
        The two sides of logits [N] to put into a loss.
    """
    if rate <= 0:
        return real, fake
    device = real.device if generator is None else generator.device
    flipped = torch.rand(real.shape, device=device, generator=generator).to(real.device) < rate
    return torch.where(flipped, fake, real), torch.where(flipped, real, fake)


def instance_noise_deviation(start: float, progress: float, share: float) -> float:
    """Returns the standard deviation of the noise to add to all images the discriminator sees.

    It falls linearly from `start` to 0 while `progress` goes from 0 to `share`.

    Args:
        start: at the beginning of the run; images span [-1, 1].
        progress: share of the run that is over, 0 to 1.
        share: of the run after which there is no noise; 0 = never any.

    Source: Sønderby et al. 2017 (instance noise); Arjovsky and Bottou 2017, section 3.
    """
    return start * max(0.0, 1 - progress / share) if share > 0 else 0.0
