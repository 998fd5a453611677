"""Adversarial losses: what the discriminator and the generator each minimise.

Every function takes raw logits of shape [N] for real and generated images, in float32, and returns
a scalar. Relativistic losses compare the two, so the generator's side takes both as well; the
others ignore what they do not need. That one signature is what makes them interchangeable.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu, softplus

LogitLoss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class AdversarialLoss:
    """A named pair of objectives.

    Attributes:
        discriminator: (real logits [N], fake logits [N]) -> scalar the discriminator minimises.
        generator: (real logits [N], fake logits [N]) -> scalar the generator minimises.
        relativistic: whether the generator's side reads the real logits.
        one_pass: whether the discriminator's loss has a slope at every fake logit, so that one
            backward pass can serve both players (`simultaneous`).
        source: where the equations stand.
    """

    discriminator: LogitLoss
    generator: LogitLoss
    relativistic: bool = False
    one_pass: bool = False
    source: str


ADVERSARIAL: dict[str, AdversarialLoss] = {}
"""Every adversarial loss by name; `elegan list losses` prints it."""


def _binary_cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    # -log sigmoid(real) - log(1 - sigmoid(fake)), written so that neither logarithm overflows.
    return softplus(-real).mean() + softplus(fake).mean()


ADVERSARIAL["minimax"] = AdversarialLoss(
    discriminator=_binary_cross_entropy,
    generator=lambda real, fake: -softplus(fake).mean(),
    one_pass=True,
    source="Goodfellow et al. 2014, eq. 1: the generator minimises log(1 - D(G(z)))",
)

ADVERSARIAL["non-saturating"] = AdversarialLoss(
    discriminator=_binary_cross_entropy,
    generator=lambda real, fake: softplus(-fake).mean(),
    one_pass=True,
    source="Goodfellow et al. 2014, section 3: the generator maximises log D(G(z))",
)

ADVERSARIAL["least-squares"] = AdversarialLoss(
    discriminator=lambda real, fake: 0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean(),
    generator=lambda real, fake: 0.5 * ((fake - 1) ** 2).mean(),
    source="Mao et al. 2017, eq. 9 (a = 0, b = c = 1)",
)

ADVERSARIAL["hinge"] = AdversarialLoss(
    discriminator=lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(),
    generator=lambda real, fake: -fake.mean(),
    source="Lim and Ye 2017; Miyato et al. 2018, eq. 16 and 17",
)

ADVERSARIAL["wasserstein"] = AdversarialLoss(
    discriminator=lambda real, fake: fake.mean() - real.mean(),
    generator=lambda real, fake: -fake.mean(),
    one_pass=True,
    source="Arjovsky et al. 2017, eq. 2; needs weight clipping or the gradient penalty",
)

ADVERSARIAL["relativistic-pair"] = AdversarialLoss(
    discriminator=lambda real, fake: softplus(fake - real).mean(),
    generator=lambda real, fake: softplus(real - fake).mean(),
    relativistic=True,
    one_pass=True,
    source="Jolicoeur-Martineau 2018; Huang et al. 2024, eq. 2",
)

ADVERSARIAL["relativistic-average"] = AdversarialLoss(
    discriminator=lambda real, fake: (
        softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean()
    ),
    generator=lambda real, fake: (
        softplus(real - fake.mean()).mean() + softplus(real.mean() - fake).mean()
    ),
    relativistic=True,
    one_pass=True,
    source="Jolicoeur-Martineau 2018, eq. 7 and 8",
)
