"""Faces: where features stand, and mouths."""

from collections.abc import Sequence
from dataclasses import dataclass

from elegan.applications.characters.curves import Knot, Point

EYE_PLACE = (0.47, 0.2)  # of the right eye
BROW_PLACE = (0.47, -0.22)
MOUTH_PLACE = (0.0, 0.76)
NOSE_PLACE = (0.0, 0.5)


@dataclass(frozen=True, kw_only=True)
class FaceShape:
    """The lower half of a face: places on its right side, from the ear down."""

    cheek: Point
    jaw: Point
    side: Point
    chin: Point


FACES: dict[str, FaceShape] = {
    "oval": FaceShape(cheek=(0.91, 0.52), jaw=(0.68, 0.86), side=(0.34, 1.08), chin=(0.1, 1.16)),
    "round": FaceShape(cheek=(0.95, 0.54), jaw=(0.76, 0.86), side=(0.42, 1.05), chin=(0.14, 1.11)),
    "pointed": FaceShape(cheek=(0.9, 0.5), jaw=(0.63, 0.85), side=(0.28, 1.1), chin=(0.07, 1.2)),
    "square": FaceShape(cheek=(0.94, 0.54), jaw=(0.77, 0.87), side=(0.40, 1.12), chin=(0.18, 1.17)),
    "long": FaceShape(cheek=(0.89, 0.54), jaw=(0.68, 0.9), side=(0.35, 1.16), chin=(0.1, 1.24)),
}


def face_knots(shape: FaceShape, turn: float) -> list[Knot]:
    """Returns the outline of a face with its ears, clockwise from the top of the skull."""
    half: list[Knot] = [
        (0.0, -1.22), (0.6, -1.08), (0.93, -0.62), (0.99, -0.16), (0.985, 0.0, 1), (1.09, -0.09),
        (1.18, 0.03), (1.14, 0.26), (1.03, 0.43), (0.955, 0.4, 1),
        shape.cheek, shape.jaw, shape.side, shape.chin,
    ]  # fmt: skip
    left = [(-knot[0], *knot[1:]) for knot in reversed(half[1:])]
    # A turned head shows more of one cheek: the lower the place, the more it moves.
    return [
        (x + 0.06 * turn * max(0.0, y), y, *rest)
        for x, y, *rest in [*half, (0.0, shape.chin[1] + 0.006), *left]
    ]


@dataclass(frozen=True, kw_only=True)
class EyeShape:
    """A right eye, open; x grows towards its outer corner, which is on the viewer's right.

    Attributes:
        inner, outer: corners.
        upper: the upper lid between them, from inner to outer.
        lower: the lower lid, from outer to inner.
        lash: thickness of the lash along the upper lid: at the corners and between.
        wing: tip of the lash beyond the outer corner.
        iris: radii.
    """

    inner: Point
    outer: Point
    upper: tuple[Point, ...]
    lower: tuple[Point, ...]
    lash: tuple[float, ...]
    wing: Point
    iris: Point


_LASH = (0.03, 0.065, 0.085, 0.085, 0.06)
EYES: dict[str, EyeShape] = {
    "round": EyeShape(
        inner=(-0.25, 0.05), outer=(0.26, 0.0),
        upper=((-0.17, -0.16), (0.0, -0.245), (0.17, -0.19)),
        lower=((0.19, 0.17), (0.02, 0.25), (-0.17, 0.19)),
        lash=_LASH, wing=(0.33, -0.06), iris=(0.175, 0.225),
    ),
    "wide": EyeShape(
        inner=(-0.26, 0.04), outer=(0.27, 0.02),
        upper=((-0.19, -0.19), (0.0, -0.285), (0.19, -0.21)),
        lower=((0.21, 0.18), (0.02, 0.27), (-0.19, 0.2)),
        lash=_LASH, wing=(0.325, -0.02), iris=(0.19, 0.25),
    ),
    "cat": EyeShape(
        inner=(-0.27, 0.1), outer=(0.28, -0.09),
        upper=((-0.17, -0.08), (0.02, -0.2), (0.18, -0.21)),
        lower=((0.21, 0.1), (0.03, 0.2), (-0.15, 0.19)),
        lash=(0.025, 0.06, 0.08, 0.09, 0.07), wing=(0.42, -0.2), iris=(0.165, 0.21),
    ),
    "gentle": EyeShape(
        inner=(-0.26, -0.02), outer=(0.27, 0.09),
        upper=((-0.17, -0.19), (0.0, -0.22), (0.17, -0.12)),
        lower=((0.16, 0.2), (0.0, 0.23), (-0.18, 0.15)),
        lash=_LASH, wing=(0.36, 0.09), iris=(0.17, 0.215),
    ),
    "almond": EyeShape(
        inner=(-0.29, 0.08), outer=(0.29, -0.03),
        upper=((-0.17, -0.09), (0.02, -0.175), (0.19, -0.145)),
        lower=((0.2, 0.1), (0.03, 0.17), (-0.15, 0.15)),
        lash=(0.025, 0.05, 0.07, 0.075, 0.06), wing=(0.4, -0.1), iris=(0.15, 0.19),
    ),
    "sharp": EyeShape(
        inner=(-0.28, 0.1), outer=(0.29, -0.06),
        upper=((-0.13, -0.046), (0.05, -0.125), (0.2, -0.13)),
        lower=((0.18, 0.07), (0.02, 0.13), (-0.16, 0.13)),
        lash=(0.02, 0.05, 0.065, 0.07, 0.05), wing=(0.38, -0.12), iris=(0.13, 0.165),
    ),
    "sparkling": EyeShape(
        inner=(-0.24, 0.07), outer=(0.25, 0.03),
        upper=((-0.19, -0.17), (-0.01, -0.27), (0.18, -0.21)),
        lower=((0.2, 0.2), (0.01, 0.275), (-0.18, 0.21)),
        lash=(0.03, 0.07, 0.1, 0.1, 0.07), wing=(0.38, -0.09), iris=(0.195, 0.255),
    ),
    "narrow": EyeShape(
        inner=(-0.28, 0.04), outer=(0.28, 0.02),
        upper=((-0.16, -0.09), (0.02, -0.135), (0.18, -0.1)),
        lower=((0.19, 0.1), (0.02, 0.15), (-0.17, 0.12)),
        lash=(0.03, 0.06, 0.075, 0.075, 0.06), wing=(0.36, -0.03), iris=(0.14, 0.17),
    ),
}  # fmt: skip

CLOSED: dict[str, tuple[Knot, ...]] = {
    "up": ((-0.28, 0.14, 1), (-0.16, 0.0), (0.0, -0.065), (0.17, -0.01), (0.3, 0.13, 1),
           (0.37, 0.12, 1), (0.2, -0.085), (0.0, -0.15), (-0.19, -0.07)),
    "down": ((-0.28, 0.02, 1), (-0.15, 0.1), (0.0, 0.13), (0.16, 0.09), (0.28, -0.01, 1),
             (0.37, 0.03, 1), (0.19, 0.17), (0.0, 0.215), (-0.18, 0.16)),
}  # fmt: skip
"""Closed eyes: lashes only."""


@dataclass(frozen=True, kw_only=True)
class BrowShape:
    """A right brow: its middle line from inner to outer, and its thickness at each place."""

    line: tuple[Point, ...]
    thickness: tuple[float, ...]


BROWS: dict[str, BrowShape] = {
    "arched": BrowShape(
        line=((-0.25, 0.05), (-0.03, -0.05), (0.14, -0.05), (0.29, 0.04)),
        thickness=(0.055, 0.07, 0.055, 0.0),
    ),
    "straight": BrowShape(
        line=((-0.25, 0.03), (-0.06, -0.01), (0.12, -0.02), (0.28, 0.02)),
        thickness=(0.06, 0.075, 0.065, 0.01),
    ),
    "thick": BrowShape(
        line=((-0.24, 0.04), (-0.04, -0.04), (0.12, -0.04), (0.27, 0.04)),
        thickness=(0.09, 0.115, 0.1, 0.03),
    ),
    "short": BrowShape(
        line=((-0.16, 0.02), (-0.04, -0.02), (0.07, -0.02), (0.17, 0.01)),
        thickness=(0.07, 0.095, 0.09, 0.04),
    ),
    "thin": BrowShape(
        line=((-0.26, 0.04), (-0.04, -0.06), (0.14, -0.06), (0.3, 0.03)),
        thickness=(0.045, 0.055, 0.045, 0.0),
    ),
    "angular": BrowShape(
        line=((-0.26, 0.06), (-0.04, -0.01), (0.14, -0.08), (0.3, 0.03)),
        thickness=(0.06, 0.08, 0.075, 0.0),
    ),
}


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
