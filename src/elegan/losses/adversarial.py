"""Adversarial losses: what the discriminator and the generator each minimise.

Every function takes raw logits of shape [N] for real and generated images, in float32, and returns
a scalar. Relativistic losses compare the two, so the generator's side takes both as well; the
others ignore what they do not need. That one signature is what makes them interchangeable.

One-sided label smoothing has one definition for all of them: with weight s a real image counts as
a generated one. For cross-entropy that is the target 1 - s of Salimans et al. 2016, section 3.4;
for least squares the target 1 - s but for a constant. Where a loss knows a real image only by
comparison with a generated one, the comparison counts the other way round with weight s. Generated
images as such keep their target in every loss. From s = 0.5 on, real images would be pushed the
same way as generated ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.nn.functional import relu, softplus

LogitLoss = Callable[[Tensor, Tensor], Tensor]
_Cost = Callable[[Tensor], Tensor]  # logits of any shape -> cost of each


class DiscriminatorLoss(Protocol):
    """(real logits [N], fake logits [N], smoothing in [0, 0.5)) -> scalar."""

    def __call__(self, real: Tensor, fake: Tensor, /, smoothing: float = 0.0) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class AdversarialLoss:
    """A named pair of objectives."""

    # (real logits [N], fake logits [N], smoothing = 0) -> scalar the discriminator minimises
    discriminator: DiscriminatorLoss
    generator: LogitLoss  # (real logits [N], fake logits [N]) -> scalar the generator minimises
    relativistic: bool = False  # whether the generator's side reads the real logits
    # Whether the discriminator's loss has a slope at every fake logit, so that one backward pass
    # can serve both players (`simultaneous`). With smoothing the slope of `relativistic-pair` also
    # crosses 0, at the one difference log(smoothing / (1 - smoothing)) of fake and real.
    one_pass: bool = False
    source: str  # where the equations stand


def _either(likely: Tensor, unlikely: Tensor, smoothing: float) -> Tensor:
    """The mean of two costs, weighted 1 - s and s."""
    if smoothing == 0:  # the usual case, at half the cost
        return likely.mean()
    return (1 - smoothing) * likely.mean() + smoothing * unlikely.mean()


def _separable(*, as_real: _Cost, as_fake: _Cost) -> DiscriminatorLoss:
    """A loss with a cost for each logit alone."""

    def loss(real: Tensor, fake: Tensor, /, smoothing: float = 0.0) -> Tensor:
        return _either(as_real(real), as_fake(real), smoothing) + as_fake(fake).mean()

    return loss


def _compared(cost: _Cost) -> DiscriminatorLoss:
    """A loss of the difference real - fake, row by row."""

    def loss(real: Tensor, fake: Tensor, /, smoothing: float = 0.0) -> Tensor:
        return _either(cost(real - fake), cost(fake - real), smoothing)

    return loss


def _compared_with_mean(real: Tensor, fake: Tensor, /, smoothing: float = 0.0) -> Tensor:
    """Each logit against the other side's mean."""
    lead = real - fake.mean()
    return _either(softplus(-lead), softplus(lead), smoothing) + softplus(fake - real.mean()).mean()


# -log sigmoid(real) - log(1 - sigmoid(fake)), written so that neither logarithm overflows.
_cross_entropy = _separable(as_real=lambda logits: softplus(-logits), as_fake=softplus)

ADVERSARIAL: dict[str, AdversarialLoss] = {
    "minimax": AdversarialLoss(
        discriminator=_cross_entropy,
        generator=lambda real, fake: -softplus(fake).mean(),
        one_pass=True,
        source="Goodfellow et al. 2014, eq. 1: the generator minimises log(1 - D(G(z)))",
    ),
    "non-saturating": AdversarialLoss(
        discriminator=_cross_entropy,
        generator=lambda real, fake: softplus(-fake).mean(),
        one_pass=True,
        source="Goodfellow et al. 2014, section 3: the generator maximises log D(G(z))",
    ),
    "least-squares": AdversarialLoss(
        discriminator=_separable(
            as_real=lambda logits: 0.5 * (logits - 1) ** 2, as_fake=lambda logits: 0.5 * logits**2
        ),
        generator=lambda real, fake: 0.5 * ((fake - 1) ** 2).mean(),
        source="Mao et al. 2017, eq. 9 (a = 0, b = c = 1)",
    ),
    "hinge": AdversarialLoss(
        discriminator=_separable(
            as_real=lambda logits: relu(1 - logits), as_fake=lambda logits: relu(1 + logits)
        ),
        generator=lambda real, fake: -fake.mean(),
        source="Lim and Ye 2017; Miyato et al. 2018, eq. 16 and 17",
    ),
    # A critic is defined up to a constant. Smoothed one logit at a time, its loss would fall
    # without end as all logits fall together; compared, smoothing only scales it.
    "wasserstein": AdversarialLoss(
        discriminator=_compared(lambda difference: -difference),
        generator=lambda real, fake: -fake.mean(),
        one_pass=True,
        source="Arjovsky et al. 2017, eq. 2; needs weight clipping or the gradient penalty",
    ),
    "relativistic-pair": AdversarialLoss(
        discriminator=_compared(lambda difference: softplus(-difference)),
        generator=lambda real, fake: softplus(real - fake).mean(),
        relativistic=True,
        one_pass=True,
        source="Jolicoeur-Martineau 2018; Huang et al. 2024, eq. 2",
    ),
    "relativistic-average": AdversarialLoss(
        discriminator=_compared_with_mean,
        generator=lambda real, fake: (
            softplus(real - fake.mean()).mean() + softplus(real.mean() - fake).mean()
        ),
        relativistic=True,
        one_pass=True,
        source="Jolicoeur-Martineau 2018, eq. 7 and 8",
    ),
}
"""Every adversarial loss by name; `elegan list losses` prints it."""
