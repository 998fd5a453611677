"""How a registered pair is built for the images of a run."""

from dataclasses import replace
from typing import Any

from elegan.common.errors import lookup
from elegan.networks.clusters import ClusteredDiscriminator, ClusteredGenerator
from elegan.networks.conditioning import DISCRIMINATOR_CONDITIONS, GENERATOR_CONDITIONS
from elegan.networks.registry import PAIRS, Discriminator, Generator, ImageShape


def build_generator(
    name: str, shape: ImageShape, *, condition: str = "concat", **sizes: Any
) -> Generator:
    """Builds a registered generator: latents float [N, latent] (, labels int64 [N]) -> images.

    Images are float [N, C, R, R] in [-1, 1].

    Args:
        condition: one of `GENERATOR_CONDITIONS`; not read without classes or clusters.
        sizes: `width` and `latent`.

    Raises:
        UsageError: the name or the condition is unknown.
    """
    pair = lookup(PAIRS, name, "network")
    lookup(GENERATOR_CONDITIONS, condition, "generator condition")
    kinds = shape.classes or shape.clusters
    if kinds:
        sizes["condition"] = condition
    within = pair.generator(replace(shape, classes=kinds), **sizes)
    return ClusteredGenerator(within, shape) if shape.clusters else within


def build_discriminator(
    name: str, shape: ImageShape, *, condition: str = "projection", **sizes: Any
) -> Discriminator:
    """Builds a registered discriminator: images in [-1, 1] (, labels) -> logits float [N].

    Args:
        condition: one of `DISCRIMINATOR_CONDITIONS`; not read without classes or clusters.
        sizes: `width` and `latent`.

    Raises:
        UsageError: the name or the condition is unknown.
    """
    pair = lookup(PAIRS, name, "network")
    lookup(DISCRIMINATOR_CONDITIONS, condition, "discriminator condition")
    kinds = shape.classes or shape.clusters
    if kinds:
        sizes["condition"] = condition
    within = pair.discriminator(replace(shape, classes=kinds), **sizes)
    return ClusteredDiscriminator(within, shape) if shape.clusters else within
