"""Pure functions from logits and images to scalars: adversarial pairs and penalties."""

from elegan.losses.adversarial import ADVERSARIAL, AdversarialLoss
from elegan.losses.penalties import (
    consistency_penalty,
    dragan_penalty,
    lecam_penalty,
    wasserstein_gradient_penalty,
    zero_centred_penalty,
)

__all__ = [
    "ADVERSARIAL",
    "AdversarialLoss",
    "consistency_penalty",
    "dragan_penalty",
    "lecam_penalty",
    "wasserstein_gradient_penalty",
    "zero_centred_penalty",
]
