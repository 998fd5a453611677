"""Eyes and brows, open and closed, as layers of a sketch."""

import math
from typing import NamedTuple

from elegan.applications.characters.curves import Knot, Point
from elegan.applications.characters.drawing.face import CLOSED, EYES, BrowShape, EyeShape
from elegan.applications.characters.drawing.inks import Sketch, where
from elegan.applications.characters.parts import INDEX

_OPEN_ENOUGH = 0.05


class EyePose(NamedTuple):
    """Where an eye is and what it does.

    Attributes:
        side: "left" or "right".
        place: of its middle, in head units.
        size: factors on x (negative for the left) and y.
        gaze: where the iris moves to.
        open: 0 closed, 1 open.
        closed: a key of `CLOSED`.
        iris: factor on the size of the iris.
    """

    side: str
    place: Point
    size: Point
    gaze: Point
    open: float
    closed: str
    iris: float

    def put(self, x: float, y: float) -> Point:
        """From the units of a right eye to those of the head."""
        return self.place[0] + self.size[0] * x, self.place[1] + self.size[1] * y

    def put_all(self, knots: tuple[Knot, ...] | list[Knot]) -> list[Knot]:
        """The same for knots."""
        return [(*self.put(knot[0], knot[1]), *knot[2:]) for knot in knots]


def ellipse(place: Point, radii: Point) -> list[Knot]:
    """Returns eight knots of an ellipse, clockwise from its top."""
    (x, y), (across, down) = place, radii
    return [
        (x + across * math.sin(math.pi * step / 4), y - down * math.cos(math.pi * step / 4))
        for step in range(8)
    ]


def draw_eye(sketch: Sketch, kind: str, pose: EyePose, frame: int, line: float) -> None:
    """Adds an eye: lash and white, iris with shade and glints, the crease above."""
    if pose.open < _OPEN_ENOUGH:
        _closed(sketch, pose, frame)
        return
    shape = EYES[kind]
    side = pose.side
    upper = tuple((x, _lowered(y, pose.open)) for x, y in shape.upper)
    lower = tuple((x, y * (0.55 + 0.45 * pose.open)) for x, y in shape.lower)
    sketch.shape(
        pose.put_all(_outer(shape, upper, lower)), f"lash-{side}", frame, part=INDEX[f"eye-{side}"]
    )
    inside = where(**{f"lash_{side}": f"white-{side}"})
    sketch.within(pose.put_all(_white(shape, upper, lower)), frame, inside)
    _iris(sketch, shape, pose, frame)
    under = where(
        **{
            f"white_{side}": f"white-shade-{side}",
            f"iris_{side}": f"iris-dark-{side}",
        }
    )
    lid = pose.put_all([shape.inner, *upper, shape.outer])
    sketch.brush(lid, frame, under, 0.15 * abs(sketch.frames[1, 0, 0]) * pose.size[1], (0.6, 0.6))
    _glints(sketch, shape, pose, frame)
    crease = [(x, y - 0.155 - 0.03 * (1 - pose.open)) for x, y in upper]
    table = where(skin="crease", skin_shade="crease")
    sketch.brush(pose.put_all(crease), frame, table, 0.9 * line, (0.0, 0.2))
    _key_points(sketch, shape, pose)


def _lowered(y: float, open_: float) -> float:
    """The upper lid of a half-open eye comes down to just above the middle."""
    return y * open_ + 0.02 * (1 - open_)


def _outer(shape: EyeShape, upper: tuple[Point, ...], lower: tuple[Point, ...]) -> list[Knot]:
    """The whole eye with its lashes and the line of the lower lid."""
    lash = shape.lash
    top: list[Knot] = [(shape.inner[0] - 0.02, shape.inner[1] + 0.02, 1)]
    top.append((shape.inner[0] + 0.01, shape.inner[1] - lash[0]))
    top += [(x, y - thick) for (x, y), thick in zip(upper, lash[1:4], strict=True)]
    top.append((*shape.wing, 1))
    bottom: list[Knot] = [(shape.outer[0] + 0.01, shape.outer[1] + 0.045)]
    bottom += [(x, y + 0.02) for x, y in lower]
    return [*top, *bottom]


def _white(shape: EyeShape, upper: tuple[Point, ...], lower: tuple[Point, ...]) -> list[Knot]:
    return [(shape.inner[0] + 0.02, shape.inner[1] + 0.01, 1), *upper,
            (shape.outer[0] - 0.005, shape.outer[1] + 0.02, 1), *lower]  # fmt: skip


def _iris_place(shape: EyeShape, pose: EyePose) -> tuple[Point, Point]:
    """Middle and radii of the iris, in head units; both irises look the same way."""
    x, y = pose.put(-0.01, 0.012)
    size = abs(pose.size[0]), pose.size[1]
    radii = (shape.iris[0] * size[0] * pose.iris, shape.iris[1] * size[1] * pose.iris)
    return (x + pose.gaze[0], y + pose.gaze[1]), radii


def _iris(sketch: Sketch, shape: EyeShape, pose: EyePose, frame: int) -> None:
    side = pose.side
    (x, y), (across, down) = _iris_place(shape, pose)
    on_white = f"white_{side}"
    ring = where(**{on_white: f"iris-line-{side}"})
    sketch.within(ellipse((x, y), (across, down)), frame, ring, INDEX[f"iris-{side}"])
    inside = where(**{f"iris_line_{side}": f"iris-{side}"})
    sketch.within(ellipse((x, y), (0.86 * across, 0.88 * down)), frame, inside)
    dark = where(**{f"iris_{side}": f"iris-dark-{side}"})
    sketch.within(ellipse((x, y - 0.42 * down), (1.05 * across, 0.62 * down)), frame, dark)
    pupil = where(**{f"iris_{side}": f"pupil-{side}", f"iris_dark_{side}": f"pupil-{side}"})
    sketch.within(ellipse((x, y - 0.04 * down), (0.40 * across, 0.46 * down)), frame, pupil)
    light = where(**{f"iris_{side}": f"iris-light-{side}"})
    sketch.within(ellipse((x, y + 0.64 * down), (0.56 * across, 0.28 * down)), frame, light)


def _glints(sketch: Sketch, shape: EyeShape, pose: EyePose, frame: int) -> None:
    side = pose.side
    (x, y), (across, down) = _iris_place(shape, pose)
    inks = ("iris", "iris_dark", "iris_line", "iris_light", "pupil")
    table = where(**{f"{ink}_{side}": f"glint-{side}" for ink in inks})
    big = ellipse((x - 0.36 * across, y - 0.38 * down), (0.32 * across, 0.27 * down))
    sketch.within(big, frame, table)
    small = ellipse((x + 0.4 * across, y + 0.42 * down), (0.17 * across, 0.14 * down))
    sketch.within(small, frame, table)


def _closed(sketch: Sketch, pose: EyePose, frame: int) -> None:
    knots = CLOSED[pose.closed]
    side = pose.side
    sketch.shape(pose.put_all(knots), f"lash-{side}", frame, part=INDEX[f"eye-{side}"])
    sketch.key_points |= {
        f"eye-{side}-inner": pose.put(*knots[0][:2]),
        f"eye-{side}-outer": pose.put(*knots[4][:2]),
        f"eye-{side}": pose.put(0.0, 0.5 * (knots[2][1] + knots[7][1])),
    }


def _key_points(sketch: Sketch, shape: EyeShape, pose: EyePose) -> None:
    side = pose.side
    sketch.key_points |= {
        f"eye-{side}-inner": pose.put(*shape.inner),
        f"eye-{side}-outer": pose.put(*shape.outer),
        f"eye-{side}": _iris_place(shape, pose)[0],
    }


def draw_brow(
    sketch: Sketch,
    shape: BrowShape,
    side: str,
    place: Point,
    slant: float,
    narrower: float,
    frame: int,
) -> None:
    """Adds a brow; a positive slant lowers its inner end."""
    flip = -1 if side == "left" else 1
    cosine, sine = math.cos(slant), -math.sin(slant)

    def put(x: float, y: float) -> Point:
        u, v = cosine * x - sine * y, sine * x + cosine * y
        return place[0] + flip * narrower * u, place[1] + v

    upper: list[Knot] = []
    lower: list[Knot] = []
    for (x, y), thick in zip(shape.line, shape.thickness, strict=True):
        upper.append(put(x, y - 0.5 * thick))
        lower.append(put(x, y + 0.5 * thick))
    upper[0], upper[-1] = (*upper[0], 1), (*upper[-1], 1)
    lower[0] = (*lower[0], 1)
    if shape.thickness[-1] < 0.005:
        lower.pop()
    sketch.shape([*upper, *reversed(lower)], f"brow-{side}", frame, part=INDEX[f"brow-{side}"])
    count = len(shape.line)
    sketch.key_points |= {
        f"brow-{side}-inner": put(*shape.line[0]),
        f"brow-{side}-middle": put(*shape.line[count // 2 - 1]),
        f"brow-{side}-outer": put(*shape.line[-1]),
    }
