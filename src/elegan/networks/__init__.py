"""Generators and discriminators. Modules only: no losses, no files, no device decisions."""

from elegan.networks import article, dcgan, residual
from elegan.networks.conditioning import DISCRIMINATOR_CONDITIONS, GENERATOR_CONDITIONS, Head
from elegan.networks.registry import (
    PAIRS,
    Discriminator,
    Generator,
    ImageShape,
    NetworkPair,
    build_discriminator,
    build_generator,
)

__all__ = [
    "DISCRIMINATOR_CONDITIONS",
    "GENERATOR_CONDITIONS",
    "PAIRS",
    "Discriminator",
    "Generator",
    "Head",
    "ImageShape",
    "NetworkPair",
    "article",
    "build_discriminator",
    "build_generator",
    "dcgan",
    "residual",
]
