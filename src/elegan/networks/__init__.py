"""Generators and discriminators. Modules only: no losses, no files, no device decisions."""

from elegan.networks import article, dcgan, residual
from elegan.networks.registry import (
    PAIRS,
    ImageShape,
    NetworkPair,
    build_discriminator,
    build_generator,
)

__all__ = [
    "PAIRS",
    "ImageShape",
    "NetworkPair",
    "article",
    "build_discriminator",
    "build_generator",
    "dcgan",
    "residual",
]
