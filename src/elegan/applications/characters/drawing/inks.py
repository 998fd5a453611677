"""Inks and their colours, and sketches of lines."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from elegan.applications.characters.colours import from_oklch, to_oklch
from elegan.applications.characters.curves import Knot
from elegan.applications.characters.parts import COLOURS, INDEX, PARTS


class Ink(NamedTuple):
    """How an ink is made of a colour of the palette, in OKLCH.

    Attributes:
        slot: of `COLOURS`.
        lighter, scale: the lightness becomes scale * lightness + lighter.
        chroma: factor.
        lean: degrees that the hue leans towards violet, as in shade, or away from it, as in light.
        stronger: added to the chroma after that.
        part: of `PARTS`, that it shows; "" for the part below.
        line: whether it is line art.
    """

    slot: str
    scale: float = 1.0
    lighter: float = 0.0
    chroma: float = 1.0
    lean: float = 0.0
    part: str = ""
    line: bool = False
    stronger: float = 0.0


def _eye(side: str) -> dict[str, Ink]:
    eye, iris = f"eye-{side}", f"iris-{side}"
    return {
        f"lash-{side}": Ink("hair", 0.20, 0.11, 0.5, 60, part=eye, line=True),
        f"white-{side}": Ink("skin", 0.04, 0.95, 0.1, part=eye),
        f"white-shade-{side}": Ink("iris", 0.08, 0.76, 0.22, part=eye),
        f"iris-line-{side}": Ink("iris", 0.42, 0.03, 0.75, 8, part=iris, line=True),
        f"iris-{side}": Ink("iris", part=iris),
        f"iris-dark-{side}": Ink("iris", 0.66, 0.0, 0.95, 12, part=iris),
        f"iris-light-{side}": Ink("iris", 0.62, 0.36, 0.85, -18, part=iris),
        f"pupil-{side}": Ink("iris", 0.26, 0.05, 0.6, 12, part=iris),
        f"glint-{side}": Ink("iris", 0.02, 0.975, 0.02, part=iris),
        f"brow-{side}": Ink("hair", 0.60, 0.03, 0.9, 12, part=f"brow-{side}"),
    }


INKS: dict[str, Ink] = {
    "nothing": Ink("skin"),
    "back-hair-line": Ink("hair", 0.42, 0.04, 0.8, 24, "back-hair", True),
    "back-hair": Ink("hair", 0.82, 0.01, 1.0, 8, "back-hair"),
    "back-hair-shade": Ink("hair", 0.68, 0.01, 1.0, 14, "back-hair"),
    "tie": Ink("trim", part="back-hair"),
    "tie-line": Ink("trim", 0.5, 0.05, 0.9, part="back-hair", line=True),
    "neck-line": Ink("skin", 0.48, 0.06, 1.3, 16, "neck", True, 0.02),
    "neck": Ink("skin", 1.0, 0.0, 1.0, 0, "neck"),
    "neck-shade": Ink("skin", 0.86, 0.0, 1.3, 14, "neck", stronger=0.012),
    "clothes-line": Ink("clothes", 0.40, 0.07, 1.0, 14, "clothes", True),
    "clothes": Ink("clothes", part="clothes"),
    "clothes-shade": Ink("clothes", 0.86, 0.0, 1.1, 8, "clothes"),
    "trim": Ink("trim", part="clothes"),
    "trim-shade": Ink("trim", 0.84, 0.0, 1.05, 6, "clothes"),
    "trim-line": Ink("trim", 0.45, 0.05, 0.9, 0, "clothes", True),
    "shirt": Ink("clothes", 0.06, 0.91, 0.15, part="clothes"),
    "shirt-shade": Ink("clothes", 0.12, 0.74, 0.35, part="clothes"),
    "skin-line": Ink("skin", 0.48, 0.06, 1.3, 16, "face", True, 0.02),
    "skin": Ink("skin", part="face"),
    "skin-shade": Ink("skin", 0.90, 0.0, 1.25, 14, "face", stronger=0.012),
    "blush": Ink("skin", 0.94, 0.0, 1.0, 32, "face", stronger=0.05),
    "blush-shade": Ink("skin", 0.84, 0.0, 1.1, 32, "face", stronger=0.05),
    "crease": Ink("skin", 0.72, 0.02, 1.3, 16, "face", True, 0.01),
    "mouth-line": Ink("mouth", 0.75, 0.0, 0.75, 0, "mouth", True),
    "mouth": Ink("mouth", 1.0, 0.02, 0.9, 0, "mouth"),
    "tongue": Ink("mouth", 0.55, 0.46, 0.95, 4, "mouth"),
    "teeth": Ink("mouth", 0.05, 0.94, 0.06, 0, "mouth"),
    **_eye("left"),
    **_eye("right"),
    "front-hair-line": Ink("hair", 0.44, 0.04, 0.9, 22, "front-hair", True),
    "front-hair": Ink("hair", part="front-hair"),
    "front-hair-shade": Ink("hair", 0.88, 0.0, 1.03, 8, "front-hair"),
    "front-hair-light": Ink("hair", 0.74, 0.26, 0.9, -6, "front-hair"),
    "clip": Ink("trim", part="front-hair"),
    "clip-line": Ink("trim", 0.5, 0.05, 0.9, part="front-hair", line=True),
}

NUMBER = {name: number for number, name in enumerate(INKS)}
COUNT = len(INKS)

PART_OF_INK = np.zeros((COUNT, len(PARTS)), np.float32)
LINE_INK = np.zeros(COUNT, np.float32)
for _number, _ink in enumerate(INKS.values()):
    if _ink.part:
        PART_OF_INK[_number, INDEX[_ink.part]] = 1
    LINE_INK[_number] = _ink.line

_VIOLET = 290.0
_SLOT = np.array([COLOURS.index(ink.slot) for ink in INKS.values()])
_CHANGE = np.array(
    [[ink.scale, ink.lighter, ink.chroma, ink.lean, ink.stronger] for ink in INKS.values()]
)


def colours(palette: np.ndarray) -> np.ndarray:
    """Mixes all inks from a palette uint8 [6, 3]: sRGB uint8 [inks, 3]; that of nothing is 0."""
    lch = to_oklch(palette)[_SLOT]
    lch[:, 0] = lch[:, 0] * _CHANGE[:, 0] + _CHANGE[:, 1]
    lch[:, 1] = lch[:, 1] * _CHANGE[:, 2] + _CHANGE[:, 4]
    apart = (_VIOLET - lch[:, 2] + 180) % 360 - 180
    lch[:, 2] += np.sign(apart) * np.minimum(_CHANGE[:, 3], np.abs(apart))
    mixed = from_oklch(lch)
    mixed[0] = 0
    return mixed


@functools.lru_cache(maxsize=256)
def all_over(name: str) -> np.ndarray:
    """Returns the table that paints an ink over whatever there is: uint8 [256], read-only."""
    table = np.full(256, NUMBER[name], np.uint8)
    table.setflags(write=False)
    return table


@functools.lru_cache(maxsize=256)
def where(**changes: str) -> np.ndarray:
    """Returns the read-only table that changes some inks (underscores for hyphens) into others."""
    table = np.arange(256, dtype=np.uint8)
    for old, new in changes.items():
        table[NUMBER[old.replace("_", "-")]] = NUMBER[new]
    table.setflags(write=False)
    return table


class Layer(NamedTuple):
    """One curve and what it paints.

    Attributes:
        knots: of the curve, in the units of its frame.
        table: uint8 [256], the ink that each ink below becomes.
        frame: 0 for the body's, 1 for the head's.
        width: of a brush stroke along an open curve, in canvas units; 0 fills a closed one.
        taper: of the stroke's ends, as shares of its width.
        inner: the table for what is inside of a line along the curve, or None without a line.
        line: width of that line, in canvas units.
        part: index of the part whose outline this is, or -1.
    """

    knots: Sequence[Knot]
    table: np.ndarray
    frame: int
    width: float = 0.0
    taper: tuple[float, float] = (0.0, 0.0)
    inner: np.ndarray | None = None
    line: float = 0.0
    part: int = -1


@dataclass(kw_only=True)
class Sketch:
    """Layers from back to front, and places of key points.

    Attributes:
        frames: float [2, 2, 3], from body and from head units to canvas units.
        layers: from back to front.
        key_points: place (x, y) of each by name, in head units.
    """

    frames: np.ndarray
    layers: list[Layer] = field(default_factory=list)
    key_points: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def shape(
        self,
        knots: Sequence[Knot],
        ink: str,
        frame: int,
        *,
        line_ink: str = "",
        line: float = 0.0,
        part: int = -1,
    ) -> None:
        """Adds a filled curve, with or without a line along its inside."""
        table, inner = all_over(line_ink or ink), all_over(ink) if line_ink else None
        self.layers.append(Layer(knots, table, frame, inner=inner, line=line, part=part))

    def clipped(
        self, knots: Sequence[Knot], ink: str, frame: int, *, line_ink: str, line: float
    ) -> None:
        """The same, seen only on the part that the ink belongs to."""
        part = INKS[ink].part
        below = [name.replace("-", "_") for name, other in INKS.items() if other.part == part]
        table = where(**dict.fromkeys(below, line_ink or ink))
        inner = where(**dict.fromkeys(below, ink)) if line_ink else None
        self.layers.append(Layer(knots, table, frame, inner=inner, line=line))

    def within(self, knots: Sequence[Knot], frame: int, table: np.ndarray, part: int = -1) -> None:
        """Adds a filled curve that changes some inks only: shades, and what is clipped."""
        self.layers.append(Layer(knots, table, frame, part=part))

    def brush(
        self,
        knots: Sequence[Knot],
        frame: int,
        table: np.ndarray,
        width: float,
        taper: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Adds a stroke along an open curve."""
        self.layers.append(Layer(knots, table, frame, width, taper))
