"""Seeded damage on clean photos, for training what undoes it: resizing, kinds, families."""

from elegan.data.degradations.blind import blind
from elegan.data.degradations.holes import FILL, hide
from elegan.data.degradations.kinds import (
    ASKED,
    FAMILIES,
    KINDS,
    POINTS,
    UNSEEN,
    Degraded,
    Kind,
    damage,
    degrade,
    table,
)
from elegan.data.degradations.noise import from_bytes, to_bytes
from elegan.data.degradations.resizing import crop_to_multiple, downscale, resize_bicubic, upscale

__all__ = [
    "ASKED",
    "FAMILIES",
    "FILL",
    "KINDS",
    "POINTS",
    "UNSEEN",
    "Degraded",
    "Kind",
    "blind",
    "crop_to_multiple",
    "damage",
    "degrade",
    "downscale",
    "from_bytes",
    "hide",
    "resize_bicubic",
    "table",
    "to_bytes",
    "upscale",
]
