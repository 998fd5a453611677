"""Shapes of heads and clothes: what shapes.json holds, and the outlines that it gives.

Units are those of the head and of the body; the origin of both is the middle of the face. The
canvas ends at about y = 2.2; clothes go on below it with upright sides, so that they are cut off by
it alone. Lines within a shape are knots: [x, y], or [x, y, 1] for a corner.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from elegan.applications.characters.curves import Knot, Point, mirrored, whole

_TABLES = json.loads(Path(__file__).with_name("shapes.json").read_text(encoding="utf-8"))

OPEN_ENOUGH = 0.05  # an eye that is less open is drawn closed
EYE_PLACE = (0.47, 0.2)  # of the right eye
BROW_PLACE = (0.47, -0.22)
MOUTH_PLACE = (0.0, 0.76)
NOSE_PLACE = (0.0, 0.5)


class FaceShape(NamedTuple):
    """The lower half of a face: places on its right side, from the ear down."""

    cheek: Point
    jaw: Point
    side: Point
    chin: Point


class EyeShape(NamedTuple):
    """A right eye, open; x grows towards its outer corner, which is on the viewer's right.

    Attributes:
        inner, outer: corners.
        upper, lower: the lids between them, clockwise.
        wing: tip of the lash beyond the outer corner.
        iris: radii.
        lash: thickness of the lash along the upper lid: at the corners and between.
    """

    inner: Point
    outer: Point
    upper: tuple[Point, ...]
    lower: tuple[Point, ...]
    wing: Point
    iris: Point
    lash: tuple[float, ...] = (0.03, 0.065, 0.085, 0.085, 0.06)


class MouthShape(NamedTuple):
    """A mouth about its own centre; its corners are the knots on the far left and right.

    Attributes:
        knots: outline, clockwise from the left corner.
        tongue, teeth: closed curves that are clipped to the inside, or ().
        open: whether there is an inside.
    """

    knots: tuple[Knot, ...]
    tongue: tuple[Knot, ...] = ()
    teeth: tuple[Knot, ...] = ()
    open: bool = True


class Expression(NamedTuple):
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

    def closes(self, side: str) -> bool:
        """Whether the eye on that side is closed, and has no iris."""
        return self.open < OPEN_ENOUGH or (self.wink and side == "left")


class Fringe(NamedTuple):
    """Front hair: locks that fall from the crown.

    Attributes:
        tips: of the locks over the forehead, from left to right.
        valleys: between them and at both ends: one more than tips.
        locks: tips of the side locks, left and right.
        bow: how round the sides of a lock are.
        volume: how far the hair stands off the skull.
        part: x from which strands fall.
        shine: whether it has a ring of light.
        scallop: rounded tips instead of corners.
        crown: its rim at the top, from right to left.
    """

    tips: tuple[Point, ...]
    valleys: tuple[Point, ...]
    locks: tuple[Point, Point]
    bow: float = 0.10
    volume: float = 0.0
    part: float = 0.0
    shine: bool = True
    scallop: bool = False
    crown: tuple[Knot, ...] = ((0.62, -1.36), (0.0, -1.5), (-0.62, -1.36))


def _mouth(row: Mapping[str, Any]) -> MouthShape:
    """A mouth as it stands, or a closed one: a line with some thickness in its middle."""
    if "line" not in row:
        return MouthShape(**row)
    points, thick = row["line"], row.get("thick", 0.048)
    count = len(points) - 1
    upper: list[Knot] = [(*points[0], 1)]
    lower: list[Knot] = []
    for index, (x, y) in enumerate(points[1:-1], 1):
        half = 0.5 * thick * min(1.0, 0.7 + 0.6 * min(index, count - index) / count)
        upper.append((x, y - half))
        lower.append((x, y + half))
    return MouthShape((*upper, (*points[-1], 1), *reversed(lower)), open=False)


def _outline(row: Mapping[str, Any]) -> list[Knot]:
    return row["whole"] if "whole" in row else whole(row["half"])


def _pieces(row: Mapping[str, Any]) -> list[tuple[Sequence[Knot], str, str]]:
    """Closed curves on clothes, of each its ink and the ink of its line ("" for none)."""
    pieces = []
    for detail in row["details"]:
        sides = (
            [detail["whole"]] if "whole" in detail else [detail["both"], mirrored(detail["both"])]
        )
        pieces += [(side, detail["ink"], detail["line"]) for side in sides]
    return pieces


FACES = {name: FaceShape(**row) for name, row in _TABLES["faces"].items()}
EYES = {name: EyeShape(**row) for name, row in _TABLES["eyes"].items()}
CLOSED_EYES: dict[str, list[Knot]] = _TABLES["closed_eyes"]
"""Lashes only."""
BROWS: dict[str, list[tuple[float, float, float]]] = _TABLES["brows"]
"""Right brows, from inner to outer: x and y of the middle line, and the thickness there."""
MOUTHS = {name: _mouth(row) for name, row in _TABLES["mouths"].items()}
EXPRESSIONS = {name: Expression(**row) for name, row in _TABLES["expressions"].items()}
BACK_HAIR = {name: _outline(row) for name, row in _TABLES["back_hair"].items()}
TIES = {name: row.get("ties", []) for name, row in _TABLES["back_hair"].items()}
"""Where hair ties sit: x, y and slant of each."""
FRINGES = {name: Fringe(**row) for name, row in _TABLES["fringes"].items()}
COLOURS: dict[str, dict[str, list[float]]] = _TABLES["colours"]
HELD_OUT: dict[str, list[str]] = _TABLES["held_out"]
INKS: dict[str, dict[str, Any]] = _TABLES["inks"]
LINES: dict[str, list[Knot]] = _TABLES["lines"]
"""What is alike in all: the shine is a band about the skull with a ragged lower edge, low hair is
darker, behind the neck no light falls."""
CLOTHES = {name: _outline(row) for name, row in _TABLES["clothes"].items()}
DETAILS = {name: _pieces(row) for name, row in _TABLES["clothes"].items()}
FOLDS: list[list[Knot]] = _TABLES["folds"]
"""Shades at the armpits."""


def face_knots(shape: FaceShape, turn: float) -> list[Knot]:
    """Returns the outline of a face with its ears, clockwise from the top of the skull."""
    half: list[Knot] = [
        (0.0, -1.22), (0.6, -1.08), (0.93, -0.62), (0.99, -0.16), (0.985, 0.0, 1), (1.09, -0.09),
        (1.18, 0.03), (1.14, 0.26), (1.03, 0.43), (0.955, 0.4, 1),
        shape.cheek, shape.jaw, shape.side, shape.chin,
    ]  # fmt: skip
    # A turned head shows more of one cheek: the lower the place, the more it moves.
    return [
        (x + 0.06 * turn * max(0.0, y), y, *rest)
        for x, y, *rest in [*half, (0.0, shape.chin[1] + 0.006), *mirrored(half[1:])]
    ]


def fringe_knots(fringe: Fringe, sway: Sequence[float]) -> list[Knot]:
    """Returns the outline of front hair, clockwise from the tip of the left side lock.

    Args:
        sway: numbers about 0 that move the tips a little: two, then one for each tip.
    """
    volume, bow, valleys = fringe.volume, fringe.bow, fringe.valleys
    (left_x, left_y), (right_x, right_y) = fringe.locks
    left_y, right_y = left_y + 0.1 * sway[0], right_y + 0.1 * sway[1]
    first, last = valleys[0], valleys[-1]
    knots: list[Knot] = [
        (left_x, left_y, 1), (-1.12 - volume, 0.5 * (left_y - 0.3)), (-1.14 - volume, -0.45),
        (-0.98 - 0.7 * volume, -0.98),
        *((x, y - volume, *corner) for x, y, *corner in reversed(fringe.crown)),
        (0.98 + 0.7 * volume, -0.98), (1.14 + volume, -0.45),
        (1.12 + volume, 0.5 * (right_y - 0.3)), (right_x, right_y, 1),
        (last[0] + 0.04, 0.5 * (right_y + last[1]) - 0.02), (*last, 1),
    ]  # fmt: skip
    tips = zip(fringe.tips, sway[2:], strict=False)
    swayed = [(x + 0.05 * shift, y + 0.04 * shift) for (x, y), shift in tips]
    for (x, y), (rx, ry), (lx, ly) in reversed(
        list(zip(swayed, valleys[1:], valleys[:-1], strict=False))
    ):
        right = 0.45 * rx + 0.55 * x + bow * abs(y - ry) + 0.3 * bow * (rx - x), 0.5 * (ry + y)
        left = 0.45 * lx + 0.55 * x - bow * abs(y - ly) - 0.3 * bow * (x - lx), 0.5 * (ly + y)
        if fringe.scallop:
            knots += [(right[0], right[1] + 0.03), (x, y), (left[0], left[1] + 0.03)]
        else:
            knots += [right, (x, y, 1), left]
        knots.append((lx, ly, 1))
    return [*knots, (first[0] - 0.04, 0.5 * (left_y + first[1]) - 0.02)]


def strands(fringe: Fringe) -> list[list[Knot]]:
    """Returns open curves from the valleys up towards the crown."""
    lines: list[list[Knot]] = []
    for index, (x, y) in enumerate(fringe.valleys[1:-1]):
        reach = 0.62 if index % 2 else 0.42
        top = (x + (fringe.part - x) * reach * 0.75, y + (-1.42 - y) * reach)
        middle = (x + (fringe.part - x) * 0.16, y + (top[1] - y) * 0.5)
        lines.append([(x, y), middle, top])
    for side, (_, tip) in zip((-1, 1), fringe.locks, strict=True):
        lines.append([(side * 1.0, 0.35 * tip), (side * 0.98, -0.3), (side * 0.88, -0.75)])
    return lines
