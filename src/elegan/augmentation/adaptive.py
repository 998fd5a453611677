"""How much to augment: a probability that follows the discriminator's overfitting."""

from collections.abc import Mapping

import torch
from torch import Tensor


def sign_statistic(real: Tensor) -> Tensor:
    """Returns r_t = mean sign of the real images' logits [N]: 0 = no overfitting, 1 = complete.

    For losses whose logit 0 means 'undecided'. Source: Karras et al. 2020 (ADA), eq. 1.
    """
    return real.detach().float().sign().mean()


def pairwise_statistic(real: Tensor, fake: Tensor) -> Tensor:
    """Returns the mean sign of real minus fake logits [N], row by row: r_t for relativistic losses.

    Those are blind to a constant added to every logit, so the sign of one logit means nothing; what
    they compare is the two of a row. If both sides' logits are normal with equal spread and zero
    lies midway, the same discriminator scores higher here: 0.6 in `sign_statistic` is 0.77 in this
    one. A target of 0.6 is therefore the stricter of the two.
    """
    return (real - fake).detach().float().sign().mean()


def validation_statistic(real: Tensor, held_out: Tensor, fake: Tensor) -> Tensor:
    """Returns r_v: how far held-out reals have moved from training reals toward generated images.

    Args:
        real, held_out, fake: logits of training images, of real images never trained on and of
            generated ones; their lengths may differ.

    Returns:
        A scalar: 0 = held-out images score as training images do, 1 = as generated ones do. 0 where
        training and generated images score alike.

    Source: Karras et al. 2020 (ADA), eq. 1.
    """
    train, fresh, made = (one.detach().float().mean() for one in (real, held_out, fake))
    gap = train - made
    return torch.where(gap == 0, torch.zeros_like(gap), (train - fresh) / gap)


class AdaptiveController:
    """Moves a probability up while a statistic is above its target, and down otherwise.

    Each so many steps the mean statistic since the last move is compared with the target, and the
    probability moves by (images seen since) / speed. So from 0 to 1 it takes at least `speed`
    images. It serves `augment` (ADA: Karras et al. 2020, section 3) and `pseudo` (APA: Jiang et al.
    2021, section 3) alike.

    All of its state is in CPU tensors, so that a resumed run goes on exactly.

    Attributes:
        probability: in [0, maximum].
        statistic: the mean over the last whole window, for reports; 0 before there was one.
    """

    def __init__(
        self,
        *,
        target: float = 0.6,
        speed: float = 500_000,
        every: int = 4,
        maximum: float = 1.0,
        initial: float = 0.0,
    ) -> None:
        """Starts at `initial`.

        Args:
            target: of the statistic; 0.6 in both papers.
            speed: images for a way from 0 to 1; 500,000 in both papers.
            every: steps between moves; 4 in both papers.
            maximum: of the probability. Above about 0.8 augmentations may begin to show in
                generated images (Karras et al. 2020, section 2.2).
            initial: where the probability starts.
        """
        if not 0 <= initial <= maximum <= 1 or speed <= 0 or every < 1:
            raise ValueError(
                f"need 0 <= initial <= maximum <= 1, speed > 0 and every >= 1, not {initial=},"
                f" {maximum=}, {speed=}, {every=}"
            )
        self.target, self.speed, self.every, self.maximum = target, speed, every, maximum
        self._state = {
            "probability": torch.tensor(initial, dtype=torch.float64),
            "statistic": torch.zeros((), dtype=torch.float64),
            "sum": torch.zeros((), dtype=torch.float64),
            "steps": torch.zeros((), dtype=torch.int64),
            "images": torch.zeros((), dtype=torch.int64),
        }

    @property
    def probability(self) -> float:
        return self._state["probability"].item()

    @property
    def statistic(self) -> float:
        return self._state["statistic"].item()

    def observe(self, statistic: Tensor | float, batch: int) -> bool:
        """Takes in one step; returns whether the probability was reconsidered.

        Args:
            statistic: of this step, a scalar (averaged over the processes where there are several).
            batch: real images of this step, over all processes.
        """
        state = self._state
        state["sum"] += float(statistic)
        state["steps"] += 1
        state["images"] += batch
        if state["steps"] < self.every:
            return False
        state["statistic"].copy_(state["sum"] / state["steps"])
        move = state["images"].item() / self.speed
        above = bool(state["statistic"] > self.target)
        state["probability"] += move if above else -move
        state["probability"].clamp_(0, self.maximum)
        for name in ("sum", "steps", "images"):
            state[name].zero_()
        return True

    def tensors(self) -> dict[str, Tensor]:
        """The state, for a checkpoint: scalars by name."""
        return {name: one.clone() for name, one in self._state.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over what `tensors` gave; other names in the mapping are left alone."""
        for name, one in self._state.items():
            one.copy_(tensors[name])


def pseudo(
    real: Tensor,
    fakes: Tensor,
    probability: float | Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Replaces each real image by the generated one of its row with a probability.

    The discriminator is then told that some generated images are real, which keeps it from
    memorising a small set. No gradient flows back into the generator.

    Args:
        real: [N, C, R, R].
        fakes: [N, C, R, R] in the same range; of the same labels, row by row, where there are any.
            Other images than those the step judges as generated: a relativistic loss would compare
            an image with itself and learn nothing from that row.
        probability: one number in [0, 1]; at 0 the real images come back and nothing is drawn.
        generator: instead of the default generator of the images' device.

    Returns:
        [N, C, R, R] in the format of `real`.

    Source: Jiang et al. 2021 (APA), section 3.
    """
    probability = float(probability)
    if probability <= 0:
        return real
    device = real.device if generator is None else generator.device
    drawn = torch.rand(len(real), device=device, generator=generator).to(real.device) < probability
    return torch.where(drawn.view(-1, 1, 1, 1), fakes.detach().to(real.dtype), real)
