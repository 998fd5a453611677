"""What a character is, in words and a few numbers: names, colours, and a plan drawn by seed.

Places are in canvas units: x to the right and y down, both from 0 to 1 over the (square) image.
"Left" is the viewer's left. All arithmetic of colours is in OKLCH, lightness, chroma and hue of
OKLab, in which equal steps look equal: B. Ottosson 2020, "A perceptual color space for image
processing".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from elegan.applications.characters import shapes
from elegan.common.errors import UsageError, lookup

PARTS = (
    "back-hair", "neck", "clothes", "face", "mouth", "eye-left", "eye-right", "iris-left",
    "iris-right", "brow-left", "brow-right", "front-hair",
)  # fmt: skip
"""From back to front. The face has the ears in it; an eye has its lashes; an iris is a whole disc,
seen through its eye only, and there is none in a closed eye."""

INDEX = {name: index for index, name in enumerate(PARTS)}

INSIDE = {"iris-left": "eye-left", "iris-right": "eye-right"}
"""Parts that are seen only inside another."""

KEY_POINTS = (
    "eye-left", "eye-left-outer", "eye-left-inner", "eye-right", "eye-right-inner",
    "eye-right-outer", "brow-left-outer", "brow-left-middle", "brow-left-inner",
    "brow-right-inner", "brow-right-middle", "brow-right-outer", "nose", "mouth-left", "mouth",
    "mouth-right", "chin", "jaw-left", "jaw-right", "ear-left", "ear-right",
)  # fmt: skip
"""Those named as their part are its centre."""

COLOURS = ("skin", "hair", "iris", "mouth", "clothes", "trim")
"""The slots of a palette."""

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FROM_LMS = np.linalg.inv(_TO_LMS)
_FROM_LAB = np.linalg.inv(_TO_LAB)

HAIR, EYE, SKIN = shapes.COLOURS["hair"], shapes.COLOURS["eyes"], shapes.COLOURS["skin"]
"""Base colours by name: lightness, chroma, and hue in degrees."""
_CLOTHES_LIGHTNESS = (0.95, 0.76, 0.6, 0.48, 0.36, 0.28)


def to_oklch(rgb: np.ndarray) -> np.ndarray:
    """Converts sRGB uint8 [..., 3] to float64 [..., 3]: lightness 0..1, chroma, hue in degrees."""
    unit = np.asarray(rgb, np.float64) / 255
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    lab = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    return np.stack([lab[..., 0], chroma, hue], axis=-1)


def from_oklch(lch: np.ndarray) -> np.ndarray:
    """Converts float [..., 3] back to sRGB uint8; what a screen cannot show is clipped."""
    linear = ((_to_lab(lch) @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T).clip(0, 1)
    unit = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(unit * 255).astype(np.uint8)


def _to_lab(lch: np.ndarray) -> np.ndarray:
    angle = np.radians(np.asarray(lch, np.float64)[..., 2])
    return np.stack([lch[..., 0], lch[..., 1] * np.cos(angle), lch[..., 1] * np.sin(angle)], -1)


def nearest_name(rgb: np.ndarray, table: Mapping[str, Sequence[float]]) -> str:
    """Returns the name in `HAIR`, `EYE` or `SKIN` whose colour is nearest to sRGB uint8 [3]."""
    here, there = _to_lab(to_oklch(rgb)), _to_lab(np.array(list(table.values())))
    # Hue tells hair apart more than lightness does.
    return list(table)[int((((here - there) * (1, 3, 3)) ** 2).sum(axis=1).argmin())]


def make_palette(hair: str, eyes: str, skin: str, draws: np.ndarray) -> np.ndarray:
    """Draws a palette uint8 [6, 3] about named colours, in harmony, by `draws` [12] in 0..1.

    Eyes and hair are given. Clothes take the hue of the hair turned by one of the classic angles
    (analogous, triadic, split complementary, complementary); the trim is the eyes' hue, so that the
    whole has at most three.
    """
    wobble = (draws[:9].reshape(3, 3) - 0.5) * 2
    scale = np.array([0.03, 0.012, 7.0])
    skin_lch = np.array(SKIN[skin]) + wobble[0] * scale * (0.5, 0.4, 0.6)
    hair_lch = np.array(HAIR[hair]) + wobble[1] * scale
    eyes_lch = np.array(EYE[eyes]) + wobble[2] * scale
    turn = (0, 30, 120, 150, 180, 210, 240)[int(draws[9] * 7)]
    # Hair that falls on clothes of its own lightness would be lost on them.
    apart = [value for value in _CLOTHES_LIGHTNESS if abs(value - hair_lch[0]) > 0.11]
    lightness = apart[int(draws[10] * len(apart))]
    chroma = 0.012 if lightness > 0.9 else 0.06 + 0.06 * draws[11]
    clothes = np.array([lightness, chroma, hair_lch[2] + turn])
    trim_lightness = 0.5 if lightness > 0.65 else 0.86
    trim = np.array([trim_lightness, 0.4 * eyes_lch[1] + 0.06, eyes_lch[2]])
    mouth = np.array([0.45, 0.13, 18.0])
    return from_oklch(np.stack([skin_lch, hair_lch, eyes_lch, mouth, clothes, trim]))


_STREAM = 0x63686172  # "char": keeps these draws apart from every other use of the same seed

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "hair-colour": tuple(HAIR),
    "eye-colour": tuple(EYE),
    "skin": tuple(SKIN),
    "hair-style": tuple(shapes.BACK_HAIR),
    "fringe": tuple(shapes.FRINGES),
    "expression": tuple(shapes.EXPRESSIONS),
    "eyes": tuple(shapes.EYES),
    "brows": tuple(shapes.BROWS),
    "mouth": tuple(shapes.MOUTHS),
    "face": tuple(shapes.FACES),
    "clothes": tuple(shapes.CLOTHES),
}
"""Every attribute with the values it may have."""

HELD_OUT = shapes.HELD_OUT
"""Variants of parts that are drawn for split "test" only, and never for "train"."""

SPLITS = ("train", "test", "all")
_SKINS = (0.26, 0.34, 0.18, 0.13, 0.09)  # how often each is drawn
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
            known = shapes.EXPRESSIONS[chosen["expression"]].mouths
        if split != "all" and name in HELD_OUT:
            held = HELD_OUT[name]
            known = tuple(value for value in known if (value in held) == (split == "test"))
        place = int(draws[slot] * len(known))
        if name == "skin":
            place = min(int(np.searchsorted(np.cumsum(_SKINS), draws[slot])), len(known) - 1)
        chosen[name] = given.get(name) or known[place]
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
