"""How a registered pair is built for the images of a run."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from elegan.common.errors import lookup
from elegan.networks.clusters import ClusteredDiscriminator, ClusteredGenerator
from elegan.networks.conditioning import DISCRIMINATOR_CONDITIONS, GENERATOR_CONDITIONS
from elegan.networks.registry import PAIRS, Discriminator, Generator, ImageShape

Network = TypeVar("Network", Generator, Discriminator)


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
    within = _built(pair.generator, shape, condition, sizes)
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
    within = _built(pair.discriminator, shape, condition, sizes)
    return ClusteredDiscriminator(within, shape) if shape.clusters else within


def _built(
    kind: Callable[..., Network], shape: ImageShape, condition: str, sizes: dict[str, Any]
) -> Network:
    """A network for the classes, or for as many as there are clusters."""
    classes = shape.classes or shape.clusters
    conditions = {"condition": condition} if classes else {}
    return kind(replace(shape, classes=classes), **sizes, **conditions)
