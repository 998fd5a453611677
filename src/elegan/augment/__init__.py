"""Differentiable augmentation of what the discriminator sees, and what decides how much of it."""

from elegan.augment.adaptive import (
    AdaptiveController,
    pairwise_statistic,
    pseudo,
    sign_statistic,
    validation_statistic,
)
from elegan.augment.kinds import GROUPS, KINDS, Kind, parse_kinds
from elegan.augment.pipeline import augment

__all__ = [
    "GROUPS",
    "KINDS",
    "AdaptiveController",
    "Kind",
    "augment",
    "pairwise_statistic",
    "parse_kinds",
    "pseudo",
    "sign_statistic",
    "validation_statistic",
]
