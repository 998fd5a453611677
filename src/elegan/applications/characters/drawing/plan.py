"""What a character is, in words and a few numbers: drawn by seed, or asked for by attribute."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from elegan.applications.characters.colours import make_palette
from elegan.applications.characters.drawing.clothes import OUTLINES
from elegan.applications.characters.drawing.face import BROWS, EXPRESSIONS, EYES, FACES, MOUTHS
from elegan.applications.characters.drawing.hair import BACKS, FRINGES
from elegan.applications.characters.parts import COLOURS, EYE_COLOURS, HAIR_COLOURS, SKINS
from elegan.common.errors import UsageError, lookup

_STREAM = 0x63686172  # "char": keeps these draws apart from every other use of the same seed

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "hair-colour": HAIR_COLOURS,
    "eye-colour": EYE_COLOURS,
    "skin": SKINS,
    "hair-style": tuple(BACKS),
    "fringe": tuple(FRINGES),
    "expression": tuple(EXPRESSIONS),
    "eyes": tuple(EYES),
    "brows": tuple(BROWS),
    "mouth": tuple(MOUTHS),
    "face": tuple(FACES),
    "clothes": tuple(OUTLINES),
}
"""Every attribute with the values it may have."""

HELD_OUT: dict[str, tuple[str, ...]] = {
    "hair-style": ("wolf", "side-braid", "curls"),
    "fringe": ("wispy", "one-eyed", "curtain"),
    "eyes": ("gentle", "sparkling"),
    "brows": ("thin",),
    "mouth": ("soft-smile", "cat", "sob", "shout", "gasp", "pout", "half-smile"),
    "face": ("long",),
    "clothes": ("vee", "kimono"),
}
"""Variants of parts that are drawn for split "test" only, and never for "train"."""

SPLITS = ("train", "test", "all")
_WEIGHTS = {"skin": (0.26, 0.34, 0.18, 0.13, 0.09)}
_DRAWS = 64
POSE = 40  # the draws from here on place and bend things; those before choose


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """One character.

    Attributes:
        attributes: a value of `ATTRIBUTES` for each.
        palette: sRGB uint8 [6, 3], in the order of `COLOURS`.
        draws: float64 [64] in 0..1: those from `POSE` on decide pose, sizes and sway.
    """

    attributes: Mapping[str, str]
    palette: np.ndarray
    draws: np.ndarray


def plan_character(
    seed: int,
    index: int,
    *,
    split: str = "all",
    attributes: Mapping[str, str] | None = None,
    colours: Mapping[str, tuple[int, int, int]] | None = None,
) -> Plan:
    """Draws character number `index` of a seed.

    Each choice hangs on a number of its own, so that asking for one attribute leaves the others.

    Args:
        seed, index: the same two give the same character.
        split: "train" and "test" draw variants of parts that the other never has; "all" any.
        attributes: values that are given, not drawn, whatever the split.
        colours: sRGB of slots of the palette that are given.

    Raises:
        UsageError: an attribute, a value, a colour slot or the split is unknown.
    """
    given = check_attributes(attributes or {})
    if split not in SPLITS:
        raise UsageError(f"Unknown split '{split}'. Known: {', '.join(SPLITS)}.")
    key = np.random.SeedSequence([seed % 2**64, _STREAM, index])
    draws = np.random.Generator(np.random.PCG64(key)).random(_DRAWS)
    chosen: dict[str, str] = {}
    for slot, name in enumerate(ATTRIBUTES):
        known = ATTRIBUTES[name]
        if name == "mouth":
            known = EXPRESSIONS[chosen["expression"]].mouths
        chosen[name] = given.get(name) or _choose(name, _of_split(name, known, split), draws[slot])
    palette = make_palette(
        chosen["hair-colour"], chosen["eye-colour"], chosen["skin"], draws[16:28]
    )
    for slot, colour in (colours or {}).items():
        lookup(dict.fromkeys(COLOURS), slot, "colour slot")
        palette[COLOURS.index(slot)] = colour
    return Plan(attributes=chosen, palette=palette, draws=draws)


def check_attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    """Returns the attributes as they are.

    Raises:
        UsageError: a name or a value is unknown; the message lists the known and the nearest.
    """
    for name, value in attributes.items():
        known = lookup(ATTRIBUTES, name, "attribute")
        lookup(dict.fromkeys(known), value, f"value of attribute '{name}'")
    return dict(attributes)


def _of_split(name: str, known: tuple[str, ...], split: str) -> tuple[str, ...]:
    held = HELD_OUT.get(name, ())
    if split == "all" or not held:
        return known
    return tuple(value for value in known if (value in held) == (split == "test"))


def _choose(name: str, known: tuple[str, ...], draw: float) -> str:
    weights = _WEIGHTS.get(name)
    if weights is None:
        return known[int(draw * len(known))]
    return known[min(int(np.searchsorted(np.cumsum(weights), draw)), len(known) - 1)]
