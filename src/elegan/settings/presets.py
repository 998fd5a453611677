"""The table of presets, one row each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A row of the table.

    Attributes:
        images: the stop rule when none is given.
        about: one line for `elegan list presets`.
        values: settings that differ from the defaults, nested as in settings.json.
    """

    images: int
    about: str
    values: Mapping[str, Any]


PRESETS: dict[str, Preset] = {
    "article": Preset(
        images=600_000,
        about="the article's two networks and rates, its defects corrected (docs/article.md)",
        values={
            "batch": 32,
            "simultaneous": True,
            "network": {"name": "article"},
            "loss": {"adversarial": "non-saturating"},
            "optimizer": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
        },
    ),
    "dcgan": Preset(
        images=600_000,
        about="a plain convolutional pair with spectral norm and hinge loss",
        values={
            "batch": 64,
            "network": {"name": "dcgan"},
            "loss": {"adversarial": "hinge"},
            "optimizer": {"beta1": 0.0, "beta2": 0.9, "discriminator_rate": 4e-4},
        },
    ),
    "robust": Preset(
        images=200_000,
        about="mirrored residual pair, relativistic pairing with R1 + R2: the one to begin with",
        values={
            "batch": 16,
            "simultaneous": True,
            "network": {"name": "residual"},
            "loss": {"adversarial": "relativistic-pair", "r1": 1.0, "r2": 1.0, "penalty_every": 8},
            "optimizer": {
                "generator_rate": 1e-3,
                "discriminator_rate": 1e-3,
                "warmup": 0.02,
                "hold": 0.3,
                "schedule": "cosine",
            },
        },
    ),
    "attention": Preset(
        images=400_000,
        about="spectral norm and self-attention with hinge loss (SAGAN, BigGAN at small width)",
        values={
            "batch": 32,
            "network": {"name": "attention", "generator_condition": "normalisation"},
            "loss": {"adversarial": "hinge"},
            "optimizer": {
                "generator_rate": 2e-4,
                "discriminator_rate": 4e-4,
                "beta2": 0.9,
                "warmup": 0.02,
                "hold": 0.5,
                "schedule": "cosine",
            },
        },
    ),
    "style": Preset(
        images=400_000,
        about="styles, noise inputs, lazy R1 and path lengths (StyleGAN2 at small width)",
        values={
            "batch": 16,
            "network": {"name": "style"},
            "loss": {
                "adversarial": "non-saturating",
                "r1": 2.0,
                "path_length": 1.0,
                "penalty_every": 8,
            },
            "optimizer": {
                "generator_rate": 2e-3,
                "discriminator_rate": 2e-3,
                "warmup": 0.02,
                "hold": 0.5,
                "schedule": "cosine",
            },
        },
    ),
    "few-shot": Preset(
        images=60_000,
        about="for some tens to hundreds of photos: skip-layer excitation, DiffAugment (FastGAN)",
        values={
            "batch": 8,
            "network": {"name": "few-shot"},
            "loss": {"adversarial": "hinge", "reconstruction": 1.0},
            "optimizer": {"beta1": 0.5, "beta2": 0.999},
            "augment": {"kinds": "diffaugment", "mode": "fixed", "padding": "reflection"},
        },
    ),
    "classify": Preset(
        images=200_000,
        about="task classify: a discriminator that learns classes from few labels (--labelled 10)",
        values={
            "task": "classify",
            "batch": 32,
            "network": {"name": "residual"},
            "loss": {"adversarial": "non-saturating", "pseudo_labels": 1.0},
            "optimizer": {
                "generator_rate": 1e-3,
                "discriminator_rate": 1e-3,
                "beta1": 0.5,
                "warmup": 0.02,
                "hold": 0.3,
                "schedule": "cosine",
            },
            "augment": {
                "kinds": "translation,scale,rotation,cutout,brightness,contrast",
                "mode": "fixed",
                "probability": 0.8,
            },
        },
    ),
}
"""Every preset, one row each; measured times and scores stand in docs/figures.md."""
