"""Refuses what no run could work with, before anything is read or written."""

import math
import re

from elegan.common.errors import UsageError
from elegan.settings.groups import TrainSettings

_FREEZE = re.compile(r"([DG]):(\d+)")
_LARGEST_SIZE = 16
_TRANSLATE_WEIGHTS = ("adversarial", "fidelity", "holes", "gradient", "feature_matching")
_TRANSLATE_WEIGHTS += ("contrastive", "cycle", "identity")


def validate(settings: TrainSettings) -> None:
    """Refuses values that no run could work with, before anything is written.

    Raises:
        UsageError: names the setting, its value and what is accepted.
    """
    stops = [
        name for name in ("images", "epochs", "minutes") if getattr(settings, name) is not None
    ]
    if len(stops) > 1:
        raise UsageError(f"Give one stop rule, not {' and '.join('--' + name for name in stops)}.")
    for name, value in _positive(settings, stops).items():
        if not 0 < value < math.inf:
            raise UsageError(f"--{name} must be above 0 and finite, not {value}.")
    for name, value in _not_negative(settings).items():
        if not 0 <= value < math.inf:
            raise UsageError(f"--{name} must be 0 or more and finite, not {value}.")
    for name, value in _shares(settings).items():
        if not 0 <= value <= 1:
            raise UsageError(f"--{name} is a share, 0 to 1, not {value}.")
    if settings.batch < 2:
        raise UsageError("--batch must be at least 2: batch statistics of one image are undefined.")
    if settings.size > _LARGEST_SIZE:
        raise UsageError(
            f"--size multiplies the widths of the networks; {settings.size:g} times is more than"
            f" {_LARGEST_SIZE}. The pixels a side of images are --resolution {settings.size:g}."
        )
    if settings.resolution is not None and not 16 <= settings.resolution <= 256:
        raise UsageError(f"--resolution must be 16 to 256 pixels, not {settings.resolution}.")
    if settings.translate.patch < 16:
        raise UsageError(f"--translate.patch must be at least 16, not {settings.translate.patch}.")
    for name in ("beta1", "beta2"):
        if not 0 <= getattr(settings.optimizer, name) < 1:
            raise UsageError(f"--optimizer.{name} must be in [0, 1).")
    if settings.loss.smoothing >= 0.5:
        raise UsageError("--loss.smoothing must be below 0.5, where nothing tells real images.")
    augment = settings.augment
    if augment.pseudo and augment.mode == "fixed" and augment.first_probability >= 1:
        raise UsageError(
            "--augment.pseudo with --augment.mode fixed passes that share of generated images off"
            f" as real, here {augment.first_probability:.0%}: the discriminator would see no real"
            " image. Type --augment.probability 0.2, or --augment.mode adaptive."
        )
    parse_freeze(settings.transfer.freeze)


def parse_freeze(text: str) -> dict[str, int]:
    """Reads which stages stay frozen: "D:3,G:1" -> {"D": 3, "G": 1}.

    Raises:
        UsageError: the text has another form.
    """
    frozen = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        match = _FREEZE.fullmatch(part)
        if match is None:
            raise UsageError(
                f"--freeze '{part}' is not understood. Type D:3 for the first three stages of the"
                " discriminator, G:1 for the first of the generator, or D:3,G:1."
            )
        frozen[match[1]] = int(match[2])
    return frozen


def _positive(settings: TrainSettings, stops: list[str]) -> dict[str, float]:
    loss, optimizer, network = settings.loss, settings.optimizer, settings.network
    optional = {
        **{name: getattr(settings, name) for name in stops},
        "limit": settings.limit,
        "labelled": settings.labelled,
        "network.width": network.width,
        "network.generator-width": network.generator_width,
        "network.latent": network.latent,
        "translate.depth": settings.translate.depth,
        "characters.maps": settings.characters.maps,
    }
    return {
        **{name: value for name, value in optional.items() if value is not None},
        "batch": settings.batch,
        "ticks": settings.ticks,
        "shown": settings.shown,
        "size": settings.size,
        "loss.penalty-every": loss.penalty_every,
        "loss.penalty-decay": loss.penalty_decay,
        "optimizer.generator-rate": optimizer.generator_rate,
        "optimizer.discriminator-rate": optimizer.discriminator_rate,
        "optimizer.epsilon": optimizer.epsilon,
        "ema.half-life": settings.ema.half_life,
        "augment.images": settings.augment.images,
        "mixing.replay-size": settings.mixing.replay_size,
        "translate.pool": settings.translate.pool,
        "characters.count": settings.characters.count,
    }


def _not_negative(settings: TrainSettings) -> dict[str, float]:
    weights = ["r1", "r2", "wasserstein_gp", "dragan", "lecam", "consistency", "path_length"]
    weights += ["reconstruction", "classification", "pseudo_labels"]
    weights += ["instance_noise", "clip"]
    return {
        "seed": settings.seed,
        "snapshots": settings.snapshots,
        "ema.ramp": settings.ema.ramp,
        **{f"loss.{name}".replace("_", "-"): getattr(settings.loss, name) for name in weights},
        **{
            f"translate.{name}".replace("_", "-"): getattr(settings.translate, name)
            for name in _TRANSLATE_WEIGHTS
        },
    }


def _shares(settings: TrainSettings) -> dict[str, float]:
    optimizer, loss, augment = settings.optimizer, settings.loss, settings.augment
    return {
        "optimizer.warmup": optimizer.warmup,
        "optimizer.hold": optimizer.hold,
        "loss.smoothing": loss.smoothing,
        "loss.flip": loss.flip,
        "loss.alignment": loss.alignment,
        "augment.probability": augment.first_probability,
        "augment.target": augment.target,
        "mixing.replay": settings.mixing.replay,
        "mixing.generated": settings.mixing.generated,
        "translate.shrink": settings.translate.shrink,
        "characters.generated": settings.characters.generated,
        "translate.adversarial-from": settings.translate.adversarial_from,
    }
