"""What a drawing is made of: inks, whose colours are mixed from a palette, and layers of curves."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from elegan.applications.characters import shapes
from elegan.applications.characters.curves import Knot, Point
from elegan.applications.characters.parts import COLOURS, INDEX, PARTS, from_oklch, to_oklch

BODY, HEAD = 0, 1  # frames
LINE = 0.0085  # of outlines, in canvas units
_NARROW = 0.96  # heads are a little higher than wide
_NECK = 1.2  # below the middle of the face, in head units


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


INKS = {name: Ink(**row) for name, row in shapes.INKS.items()}
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


@functools.lru_cache(maxsize=512)
def where(*changes: str) -> np.ndarray:
    """Returns the read-only table uint8 [256] of changes "old>new"; old "*" is every ink."""
    table = np.arange(256, dtype=np.uint8)
    for change in changes:
        old, new = change.split(">")
        table[slice(None) if old == "*" else NUMBER[old]] = NUMBER[new]
    table.setflags(write=False)
    return table


class Layer(NamedTuple):
    """One curve and what it paints.

    Attributes:
        knots: of the curve, in the units of its frame.
        table: uint8 [256], the ink that each ink below becomes.
        frame: `BODY` or `HEAD`.
        width: of a brush stroke along an open curve, in canvas units; 0 fills a closed one.
        taper: of the stroke's ends, as shares of its width.
        inner: the table for what is inside of a line along the curve, or None without a line.
        line: width of that line, in canvas units.
        part: index of the part whose outline this is, or -1.
    """

    knots: Sequence[Knot]
    table: np.ndarray
    frame: int = HEAD
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
        part: str,
        frame: int = HEAD,
        *,
        line_ink: str = "",
        line: float = LINE,
    ) -> None:
        """Adds the outline of a part, filled, with or without a line along its inside."""
        table = where(f"*>{line_ink or ink}")
        inner = where(f"*>{ink}") if line_ink else None
        self.layers.append(Layer(knots, table, frame, inner=inner, line=line, part=INDEX[part]))

    def clipped(
        self, knots: Sequence[Knot], ink: str, line_ink: str, line: float, frame: int = HEAD
    ) -> None:
        """Adds a filled curve, seen only on the part that the ink belongs to."""
        below = [name for name, other in INKS.items() if other.part == INKS[ink].part]
        table = where(*(f"{name}>{line_ink or ink}" for name in below))
        inner = where(*(f"{name}>{ink}" for name in below)) if line_ink else None
        self.layers.append(Layer(knots, table, frame, inner=inner, line=line))

    def within(
        self, knots: Sequence[Knot], *changes: str, frame: int = HEAD, part: str = ""
    ) -> None:
        """Adds a filled curve that changes some inks only: shades, and what is clipped."""
        number = INDEX[part] if part else -1
        self.layers.append(Layer(knots, where(*changes), frame, part=number))

    def brush(
        self,
        knots: Sequence[Knot],
        *changes: str,
        width: float,
        taper: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Adds a stroke along an open curve on the head that changes some inks."""
        self.layers.append(Layer(knots, where(*changes), HEAD, width, taper))


def frames(scale: float, shift: Point, tilt: float) -> np.ndarray:
    """Returns the frames of a `Sketch`: a head tilts, in radians, about its neck."""
    body = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    cosine, sine = math.cos(tilt), math.sin(tilt)
    turned = scale * np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([_NARROW, 1.0])
    neck = np.array([0, _NECK])
    offset = np.array(shift) + scale * neck - turned @ neck
    return np.stack([body, np.column_stack([turned, offset])])
