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


_FALLING = {"warmup": 0.02, "hold": 0.3, "schedule": "cosine"}
_TRANSLATING = {"beta1": 0.9, "warmup": 0.02, "hold": 0.4, "schedule": "cosine"}
_STYLIZING = {
    **_TRANSLATING,
    "beta1": 0.5,
    "beta2": 0.999,
    "generator_rate": 4e-4,
    "discriminator_rate": 1e-3,  # faster than the generator, or it hardly tells
}
_STYLIZE = {
    "task": "stylize",
    "batch": 2,
    "loss": {"adversarial": "least-squares"},
    "optimizer": _STYLIZING,
}

PRESETS: dict[str, Preset] = {
    "article": Preset(
        images=300_000,
        about="the article's two networks, begun and trained so that they learn (docs/article.md)",
        values={
            "batch": 32,
            "snapshots": 0,
            "shown": 16,
            "network": {"name": "article"},
            "loss": {"adversarial": "hinge", "instance_noise": 0.3},
            "optimizer": {
                "generator_rate": 2e-3,
                "discriminator_rate": 2e-3,
                "beta2": 0.999,
                "epsilon": 1e-7,
                **_FALLING,
            },
        },
    ),
    "article-printed": Preset(
        images=300_000,
        about="the same with the article's own weights and optimizers: a lesson, for it collapses",
        values={
            "batch": 32,
            "simultaneous": True,
            "snapshots": 0,
            "shown": 16,
            "network": {"name": "article-printed"},
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
        about="residual pair told of clusters, hinge loss with R1 + R2: the one to begin with",
        values={
            "batch": 16,
            "network": {"name": "residual", "clusters": 100},
            "loss": {
                "adversarial": "hinge",
                "r1": 0.3,
                "r2": 0.3,
                "penalty_pixels": 28 * 28,
                "penalty_every": 8,
            },
            "optimizer": {
                "generator_rate": 1e-3,
                "discriminator_rate": 1e-3,
                **_FALLING,
            },
            "augment": {"kinds": "auto"},
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
                **_FALLING,
                "hold": 0.5,
            },
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
                **_FALLING,
            },
            "augment": {
                "kinds": "translation,scale,rotation,cutout,brightness,contrast",
                "mode": "fixed",
                "probability": 0.8,
            },
        },
    ),
    "upscale": Preset(
        images=400_000,
        about="task upscale: larger photos; fidelity first, then a discriminator (--scale 2, 3, 4)",
        values={
            "task": "upscale",
            "batch": 16,
            "network": {"name": "upscaler"},
            "loss": {"adversarial": "relativistic-average"},
            "optimizer": {**_TRANSLATING, "generator_rate": 1.5e-3, "discriminator_rate": 1e-3},
            "translate": {
                "scale": 2,
                "degradation": "bicubic",
                "adversarial_from": 0.75,
                "adversarial": 0.05,
                "feature_matching": 0.1,
                "evenness": 0.1,
            },
        },
    ),
    "restore": Preset(
        images=200_000,
        about="task restore: one network against holes, rain, haze, stripes, blur, noise and JPEG",
        values={
            "task": "restore",
            "batch": 4,
            "network": {"name": "flat-restorer"},
            "loss": {"adversarial": "relativistic-average"},
            "optimizer": {**_TRANSLATING, "generator_rate": 8e-4, "discriminator_rate": 1e-3},
            "translate": {
                "degradation": "all",
                "adversarial_from": 0.9,
                "adversarial": 0.05,
                "feature_matching": 0.1,
                "holes": 1.0,
            },
        },
    ),
    "stylize": Preset(
        images=60_000,
        about="task stylize: from pairs of images, such as line art and its colours (pix2pix)",
        values={
            **_STYLIZE,
            "network": {"name": "unet"},
            "translate": {"fidelity": 10.0, "feature_matching": 1.0, "patch": 128, "shrink": 0.0},
        },
    ),
    "stylize-unpaired": Preset(
        images=60_000,
        about="task stylize: from two folders without pairs, one way (CUT)",
        values={
            **_STYLIZE,
            "network": {"name": "translator"},
            "translate": {
                "method": "contrastive",
                "fidelity": 0.0,
                "patch": 96,
                "shrink": 0.0,
            },
        },
    ),
    "stylize-cycle": Preset(
        images=60_000,
        about="task stylize: from two folders without pairs, both ways (CycleGAN)",
        values={
            **_STYLIZE,
            "network": {"name": "translator"},
            "translate": {
                "method": "cycle",
                "fidelity": 0.0,
                "identity": 5.0,  # without it line art came out as its negative
                "patch": 96,
                "shrink": 0.0,
            },
        },
    ),
    "characters": Preset(
        images=14_400,
        about="task characters: maps, points and pictures of characters, one stage after another",
        values={"task": "characters"},
    ),
    "characters-maps": Preset(
        images=14_400,
        about="task characters-maps: the first stage, a GAN from noise to maps of parts",
        values={
            "task": "characters-maps",
            "batch": 16,
            "simultaneous": True,
            "loss": {"adversarial": "relativistic-pair", "r1": 1.0, "r2": 1.0, "penalty_every": 8},
            "optimizer": {
                "generator_rate": 5e-4,
                "discriminator_rate": 1e-3,
                **_FALLING,
            },
        },
    ),
    "characters-points": Preset(
        images=20_000,
        about="task characters-points: the second stage, key points on maps",
        values={
            "task": "characters-points",
            "batch": 16,
            "optimizer": {**_TRANSLATING, "generator_rate": 2e-3, "beta2": 0.99},
            "ema": {"half_life": 2_000.0},
        },
    ),
    "characters-render": Preset(
        images=12_000,
        about="task characters-render: the third stage, pictures from masks, lines and colours",
        values={
            "task": "characters-render",
            "batch": 8,
            "network": {"name": "restorer", "generator_width": 24},
            "loss": {"adversarial": "hinge"},
            "optimizer": {**_TRANSLATING, "generator_rate": 1e-3},
            "ema": {"half_life": 2_000.0},
            "translate": {
                "adversarial_from": 0.6,
                "adversarial": 0.02,
                "gradient": 0.5,
                "feature_matching": 0.2,
            },
        },
    ),
}
"""Every preset, one row each; measured times and scores stand in docs/figures.md."""

_DEFAULT = "robust"
_OF_METHODS = {"contrastive": "stylize-unpaired", "cycle": "stylize-cycle"}


def preset_for(task: str | None, method: str | None = None) -> str:
    """Returns the preset that a task takes where none is named: its namesake, else `robust`.

    Args:
        task: its name.
        method: of task `stylize`, where it is named.
    """
    if task == "stylize" and method in _OF_METHODS:
        return _OF_METHODS[method]
    return task if task in PRESETS else _DEFAULT
