"""Differentiable augmentation of what the discriminator sees, and what decides how much of it."""

from elegan.augmentation.adaptive import (
    AdaptiveController,
    pairwise_statistic,
    pseudo,
    sign_statistic,
    validation_statistic,
)
from elegan.augmentation.kinds import GROUPS, KINDS, Kind, parse_kinds
from elegan.augmentation.pipeline import augment

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
