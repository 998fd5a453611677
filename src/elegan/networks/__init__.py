"""Generators and discriminators. Modules only: no losses, no files, no device decisions."""

from elegan.networks import article, attention, dcgan, few_shot, residual, style
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
    "attention",
    "build_discriminator",
    "build_generator",
    "dcgan",
    "few_shot",
    "residual",
    "style",
]
