"""Mouths and expressions: what a face does, in units of the head."""

from collections.abc import Sequence
from dataclasses import dataclass

from elegan.data.characters.curves import Knot, Point


@dataclass(frozen=True, kw_only=True)
class MouthShape:
    """A mouth, about its own centre.

    Attributes:
        knots: outline, clockwise from the left corner.
        corners: left and right.
        open: whether there is an inside.
        tongue: closed curve that is clipped to the inside, or ().
        teeth: the same.
    """

    knots: tuple[Knot, ...]
    corners: tuple[Point, Point]
    open: bool = False
    tongue: tuple[Knot, ...] = ()
    teeth: tuple[Knot, ...] = ()


def _line_mouth(points: Sequence[Point], thick: float = 0.048) -> MouthShape:
    """A closed mouth: a line with some thickness in its middle."""
    count = len(points) - 1
    upper: list[Knot] = [(points[0][0], points[0][1], 1)]
    lower: list[Knot] = []
    for index, (x, y) in enumerate(points[1:-1], 1):
        half = 0.5 * thick * min(1.0, 0.7 + 0.6 * min(index, count - index) / count)
        upper.append((x, y - half))
        lower.append((x, y + half))
    upper.append((points[-1][0], points[-1][1], 1))
    return MouthShape(knots=(*upper, *reversed(lower)), corners=(points[0], points[-1]))


_TONGUE: tuple[Knot, ...] = ((-0.2, 0.24), (0.0, 0.1), (0.2, 0.24), (0.14, 0.4), (-0.14, 0.4))
_TEETH: tuple[Knot, ...] = (
    (-0.4, -0.1, 1),
    (0.4, -0.1, 1),
    (0.3, 0.02),
    (0.0, 0.045),
    (-0.3, 0.02),
)
MOUTHS: dict[str, MouthShape] = {
    "line": _line_mouth(((-0.13, 0.0), (-0.05, 0.01), (0.05, 0.01), (0.13, 0.0))),
    "small": _line_mouth(((-0.08, 0.0), (-0.03, 0.015), (0.03, 0.015), (0.08, 0.0)), 0.06),
    "smile": _line_mouth(((-0.2, -0.04), (-0.09, 0.035), (0.09, 0.035), (0.2, -0.04))),
    "soft-smile": _line_mouth(((-0.15, -0.02), (-0.06, 0.025), (0.06, 0.025), (0.15, -0.02))),
    "smirk": _line_mouth(((-0.15, 0.02), (-0.03, 0.03), (0.09, 0.0), (0.2, -0.08))),
    "half-smile": _line_mouth(((-0.19, -0.07), (-0.08, 0.01), (0.05, 0.03), (0.15, 0.015))),
    "frown": _line_mouth(((-0.16, 0.05), (-0.06, -0.01), (0.06, -0.01), (0.16, 0.05))),
    "pout": _line_mouth(((-0.1, 0.04), (-0.04, -0.02), (0.04, -0.02), (0.1, 0.04)), 0.048),
    "wavy": _line_mouth(
        ((-0.2, 0.01), (-0.12, -0.03), (-0.04, 0.025), (0.05, -0.025), (0.13, 0.025), (0.2, -0.01))
    ),
    "cat": _line_mouth(
        ((-0.2, -0.03), (-0.13, 0.035), (-0.05, 0.03), (0.0, -0.02), (0.05, 0.03), (0.13, 0.035),
         (0.2, -0.03))
    ),
    "open-smile": MouthShape(
        knots=((-0.22, -0.05, 1), (0.0, -0.025), (0.22, -0.05, 1), (0.15, 0.13), (0.0, 0.19),
               (-0.15, 0.13)),
        corners=((-0.22, -0.05), (0.22, -0.05)), open=True, tongue=_TONGUE,
    ),
    "laugh": MouthShape(
        knots=((-0.28, -0.09, 1), (0.0, -0.06), (0.28, -0.09, 1), (0.2, 0.15), (0.0, 0.25),
               (-0.2, 0.15)),
        corners=((-0.28, -0.09), (0.28, -0.09)), open=True, tongue=_TONGUE, teeth=_TEETH,
    ),
    "grin": MouthShape(
        knots=((-0.27, -0.08, 1), (0.0, -0.03), (0.27, -0.08, 1), (0.17, 0.09), (0.0, 0.13),
               (-0.17, 0.09)),
        corners=((-0.27, -0.08), (0.27, -0.08)), open=True,
        teeth=((-0.4, -0.1, 1), (0.4, -0.1, 1), (0.4, 0.07), (0.0, 0.085), (-0.4, 0.07)),
    ),
    "o": MouthShape(
        knots=((-0.09, 0.0), (-0.065, -0.08), (0.0, -0.11), (0.065, -0.08), (0.09, 0.0),
               (0.065, 0.09), (0.0, 0.125), (-0.065, 0.09)),
        corners=((-0.09, 0.0), (0.09, 0.0)), open=True,
    ),
    "gasp": MouthShape(
        knots=((-0.14, 0.02), (-0.08, -0.1), (0.08, -0.1), (0.14, 0.02), (0.08, 0.16),
               (-0.08, 0.16)),
        corners=((-0.14, 0.02), (0.14, 0.02)), open=True,
        tongue=((-0.12, 0.2), (0.0, 0.08), (0.12, 0.2), (0.1, 0.3), (-0.1, 0.3)),
    ),
    "shout": MouthShape(
        knots=((-0.2, 0.1, 1), (-0.13, -0.06), (0.0, -0.1), (0.13, -0.06), (0.2, 0.1, 1),
               (0.1, 0.14), (0.0, 0.125), (-0.1, 0.14)),
        corners=((-0.2, 0.1), (0.2, 0.1)), open=True,
        teeth=((-0.4, -0.2, 1), (0.4, -0.2, 1), (0.4, -0.03), (0.0, -0.045), (-0.4, -0.03)),
    ),
    "sob": MouthShape(
        knots=((-0.19, 0.1, 1), (-0.14, -0.04), (0.0, -0.08), (0.14, -0.04), (0.19, 0.1, 1),
               (0.09, 0.075), (0.0, 0.095), (-0.09, 0.075)),
        corners=((-0.19, 0.1), (0.19, 0.1)), open=True,
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Expression:
    """What a face does.

    Attributes:
        mouths: variants that say it.
        open: how far the eyes are open; 0 is closed.
        closed: which kind of closed eye.
        wink: whether the left eye alone is closed.
        lift: of the brows, upwards.
        slant: of the brows; positive lowers their inner ends.
        iris: factor on the size of the iris.
        blush: 0 none, 1 some, 2 strong.
    """

    mouths: tuple[str, ...]
    open: float = 1.0
    closed: str = "up"
    wink: bool = False
    lift: float = 0.0
    slant: float = 0.0
    iris: float = 1.0
    blush: int = 0


EXPRESSIONS: dict[str, Expression] = {
    "neutral": Expression(mouths=("line", "soft-smile", "small")),
    "happy": Expression(mouths=("smile", "open-smile", "cat", "grin"), lift=0.03, blush=1),
    "laughing": Expression(mouths=("laugh", "open-smile", "cat"), open=0, lift=0.06, blush=1),
    "sad": Expression(mouths=("frown", "sob", "wavy"), open=0.86, slant=-0.45),
    "angry": Expression(mouths=("frown", "shout", "grin"), open=0.82, lift=-0.07, slant=0.5),
    "surprised": Expression(mouths=("o", "gasp"), open=1.1, lift=0.1, iris=0.84),
    "sleepy": Expression(mouths=("small", "o", "line", "pout"), open=0.48, lift=0.02, slant=-0.1),
    "calm": Expression(mouths=("soft-smile", "smile", "line"), open=0, closed="down", lift=0.03),
    "smug": Expression(mouths=("smirk", "cat", "half-smile"), open=0.64, lift=0.02, slant=0.12),
    "wink": Expression(
        mouths=("smile", "open-smile", "grin", "cat"), wink=True, lift=0.04, blush=1
    ),
    "shy": Expression(mouths=("wavy", "small", "pout"), open=0.92, slant=-0.3, blush=2),
}
