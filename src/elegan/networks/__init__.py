"""Generators and discriminators. Modules only: no losses, no files, no device decisions."""

from elegan.networks import article, dcgan, residual, restorer, style, upscaler
from elegan.networks import restorer as flat_restorer
from elegan.networks.building import build_discriminator, build_generator
from elegan.networks.conditioning import DISCRIMINATOR_CONDITIONS, GENERATOR_CONDITIONS, Head
from elegan.networks.image_translators import EncodingTranslator
from elegan.networks.patch_discriminator import PatchDiscriminator, ProjectionHeads, draw_places
from elegan.networks.registry import (
    PAIRS,
    Discriminator,
    Generator,
    ImageShape,
    NetworkPair,
)
from elegan.networks.translation import (
    TRANSLATORS,
    TranslationShape,
    Translator,
    TranslatorKind,
    build_translator,
)

__all__ = [
    "DISCRIMINATOR_CONDITIONS",
    "GENERATOR_CONDITIONS",
    "PAIRS",
    "TRANSLATORS",
    "Discriminator",
    "EncodingTranslator",
    "Generator",
    "Head",
    "ImageShape",
    "NetworkPair",
    "PatchDiscriminator",
    "ProjectionHeads",
    "TranslationShape",
    "Translator",
    "TranslatorKind",
    "article",
    "build_discriminator",
    "build_generator",
    "build_translator",
    "dcgan",
    "draw_places",
    "flat_restorer",
    "residual",
    "restorer",
    "style",
    "upscaler",
]
