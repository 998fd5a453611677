"""Refuses what no run could work with, before anything is read or written."""

import re

from elegan.common.errors import UsageError
from elegan.settings.groups import TrainSettings
from elegan.settings.limits import check_limits

_FREEZE = re.compile(r"([DG]):(\d+)")
_LARGEST_SIZE = 16


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
    check_limits(settings)
    if settings.size > _LARGEST_SIZE:
        raise UsageError(
            f"--size multiplies the widths of the networks; {settings.size:g} times is more than"
            f" {_LARGEST_SIZE}. The pixels a side of images are --resolution {settings.size:g}."
        )
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
    for part in filter(None, (item.strip() for item in text.split(","))):
        match = _FREEZE.fullmatch(part)
        if match is None:
            raise UsageError(
                f"--freeze '{part}' is not understood. Type D:3 for the first three stages of the"
                " discriminator, G:1 for the first of the generator, or D:3,G:1."
            )
        frozen[match[1]] = int(match[2])
    return frozen
