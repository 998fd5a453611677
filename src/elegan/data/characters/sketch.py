"""A sketch: layers of curves, painted one over the other, that make up a character."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from elegan.data.characters.curves import Knot
from elegan.data.characters.inks import INKS, all_over, where


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
