"""Colours that go together: base colours by name, and the tones of each for lines and shades.

All arithmetic is in OKLCH, lightness, chroma and hue of OKLab, in which equal steps look equal:
B. Ottosson 2020, "A perceptual color space for image processing".
"""

from collections.abc import Mapping

import numpy as np

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

# Lightness, chroma, hue in degrees.
HAIR = {
    "black": (0.27, 0.025, 280),
    "brown": (0.42, 0.06, 50),
    "chestnut": (0.53, 0.10, 50),
    "blond": (0.84, 0.105, 88),
    "orange": (0.70, 0.15, 58),
    "red": (0.53, 0.17, 25),
    "pink": (0.78, 0.115, 358),
    "purple": (0.54, 0.135, 300),
    "blue": (0.56, 0.13, 262),
    "teal": (0.70, 0.09, 205),
    "green": (0.64, 0.11, 150),
    "silver": (0.85, 0.018, 270),
}
EYE = {
    "brown": (0.47, 0.09, 50),
    "amber": (0.73, 0.14, 78),
    "red": (0.54, 0.19, 22),
    "pink": (0.66, 0.17, 358),
    "purple": (0.53, 0.17, 300),
    "blue": (0.59, 0.15, 255),
    "teal": (0.67, 0.11, 200),
    "green": (0.62, 0.14, 150),
    "gray": (0.58, 0.03, 260),
}
SKIN = {
    "porcelain": (0.95, 0.027, 55),
    "fair": (0.905, 0.048, 60),
    "tan": (0.80, 0.075, 62),
    "brown": (0.66, 0.08, 57),
    "deep": (0.50, 0.065, 52),
}
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
    lch = np.asarray(lch, np.float64)
    angle = np.radians(lch[..., 2])
    lab = np.stack([lch[..., 0], lch[..., 1] * np.cos(angle), lch[..., 1] * np.sin(angle)], -1)
    linear = ((lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T).clip(0, 1)
    unit = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(unit * 255).astype(np.uint8)


def nearest_name(rgb: np.ndarray, table: Mapping[str, tuple[float, float, float]]) -> str:
    """Returns the name in `HAIR`, `EYE` or `SKIN` whose colour is nearest to sRGB uint8 [3]."""
    lightness, chroma, hue = to_oklch(rgb)
    here = np.array([lightness, *_plane(chroma, hue)])
    names = list(table)
    there = np.array([[value[0], *_plane(value[1], value[2])] for value in table.values()])
    # Hue tells hair apart more than lightness does.
    return names[int((((here - there) * (1, 3, 3)) ** 2).sum(axis=1).argmin())]


def _plane(chroma: float, hue: float) -> tuple[float, float]:
    angle = np.radians(hue)
    return float(chroma * np.cos(angle)), float(chroma * np.sin(angle))


def make_palette(hair: str, eyes: str, skin: str, draws: np.ndarray) -> np.ndarray:
    """Draws a palette about named colours, in harmony.

    Eyes and hair are given. Clothes take the hue of the hair turned by one of the classic angles
    (analogous, triadic, split complementary, complementary); the trim is the eyes' hue, so that the
    whole has at most three.

    Args:
        hair, eyes, skin: names of `parts`.
        draws: float [12] in 0..1.

    Returns:
        sRGB uint8 [6, 3], in the order of `parts.COLOURS`.
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
