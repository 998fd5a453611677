"""Pure functions from logits, features and images to scalars; noise on the real/fake labels."""

from elegan.losses.adversarial import ADVERSARIAL, AdversarialLoss, DiscriminatorLoss
from elegan.losses.classification import (
    UNLABELLED,
    class_cross_entropy,
    class_entropy,
    feature_matching,
    flip_labels,
    instance_noise_deviation,
    joint_logit,
    marginal_class_entropy,
    path_length_penalty,
    reconstruction_penalty,
    unsupervised_discrimination,
)
from elegan.losses.penalties import (
    consistency_penalty,
    dragan_penalty,
    lecam_penalty,
    wasserstein_gradient_penalty,
    zero_centred_penalty,
)
from elegan.losses.reconstruction import (
    charbonnier,
    gradient_difference,
    paired_feature_matching,
    patch_contrastive,
)

__all__ = [
    "ADVERSARIAL",
    "UNLABELLED",
    "AdversarialLoss",
    "DiscriminatorLoss",
    "charbonnier",
    "class_cross_entropy",
    "class_entropy",
    "consistency_penalty",
    "dragan_penalty",
    "feature_matching",
    "flip_labels",
    "gradient_difference",
    "instance_noise_deviation",
    "joint_logit",
    "lecam_penalty",
    "marginal_class_entropy",
    "paired_feature_matching",
    "patch_contrastive",
    "path_length_penalty",
    "reconstruction_penalty",
    "unsupervised_discrimination",
    "wasserstein_gradient_penalty",
    "zero_centred_penalty",
]
