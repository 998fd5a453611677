"""From a plan to a sketch: where every curve of a character lies."""

import math
from collections.abc import Sequence

import numpy as np

from elegan.applications.characters import shapes
from elegan.applications.characters.curves import Knot, Point
from elegan.applications.characters.parts import POSE, Plan
from elegan.applications.characters.sketch import BODY, HEAD, LINE, Sketch, frames

SCALE = 0.245  # of a head unit, in canvas units
MIDDLE = (0.5, 0.46)
_IRIS = (
    (0.0, 0.0, 1.0, 1.0, ("white>iris-line",)),
    (0.0, 0.0, 0.86, 0.88, ("iris-line>iris",)),
    (0.0, -0.42, 1.05, 0.62, ("iris>iris-dark",)),
    (0.0, -0.04, 0.40, 0.46, ("iris>pupil", "iris-dark>pupil")),
    (0.0, 0.64, 0.56, 0.28, ("iris>iris-light",)),
)
"""Ellipses on an iris: middle and radii as shares of its own, and what they change."""
_ALL_OF_IRIS = ("iris", "iris-dark", "iris-line", "iris-light", "pupil")
_GLINTS = ((-0.36, -0.38, 0.32, 0.27), (0.4, 0.42, 0.17, 0.14))
_NEAR_LINES = ("skin>skin-line", "skin-shade>skin-line")
CREASE = ("skin>crease", "skin-shade>crease")
UNDER_LID = ("white>white-shade", "iris>iris-dark")


def draw(plan: Plan) -> Sketch:
    """Draws a character: layers from back to front, and its key points."""
    pose = (plan.draws[POSE:] - 0.5) * 2
    scale = SCALE * (1 + 0.045 * pose[0])
    shift = (MIDDLE[0] + 0.015 * pose[1], MIDDLE[1] + 0.012 * pose[2])
    turn = 0.8 * pose[4]
    sketch = Sketch(frames=frames(scale, shift, math.radians(4.0) * pose[3]))
    _back_hair(sketch, plan.attributes["hair-style"])
    _neck_and_clothes(sketch, plan)
    _face(sketch, plan, turn)
    _mouth(sketch, plan, turn, pose)
    _eyes_and_brows(sketch, plan, turn, pose)
    _front_hair(sketch, plan, turn, pose)
    return sketch


def _back_hair(sketch: Sketch, style: str) -> None:
    knots = shapes.BACK_HAIR[style]
    sketch.shape(knots, "back-hair", "back-hair", line_ink="back-hair-line")
    sketch.within(shapes.LINES["behind the neck"], "back-hair>back-hair-shade")
    for index, knot in enumerate(knots):
        x, y, *corner = knots[index - 1]
        # From each corner between two locks a strand goes up a little.
        if len(knot) == 2 and corner and abs(x) > 0.25 and y > 0.5:
            inward = -0.12 if x > 0 else 0.12
            strand = [(x + inward, y - 0.12), (x + 0.9 * inward, y - 0.4), (x + inward, y - 0.75)]
            changes = "back-hair>back-hair-line", "back-hair-shade>back-hair-line"
            sketch.brush(strand, *changes, width=0.75 * LINE)
    for x, y, slant in shapes.TIES[style]:
        knots = _slanted(shapes.LINES["tie"], (x, y), math.cos(slant), math.sin(slant))
        sketch.clipped(knots, "tie", "tie-line", LINE)


def _slanted(knots: Sequence[Knot], place: Point, cosine: float, sine: float) -> list[Knot]:
    x, y = place
    return [(x + cosine * u - sine * v, y + sine * u + cosine * v) for u, v, *_ in knots]


def _neck_and_clothes(sketch: Sketch, plan: Plan) -> None:
    kind = plan.attributes["clothes"]
    sketch.shape(shapes.LINES["neck"], "neck", "neck", BODY, line_ink="neck-line")
    sketch.shape(shapes.CLOTHES[kind], "clothes", "clothes", BODY, line_ink="clothes-line")
    for shade in shapes.FOLDS:
        sketch.within(shade, "clothes>clothes-shade", frame=BODY)
    for knots, ink, line_ink in shapes.DETAILS[kind]:
        # What lies on the clothes ends where they end.
        sketch.clipped(knots, ink, line_ink, 0.85 * LINE, BODY)
    face = shapes.face_knots(shapes.FACES[plan.attributes["face"]], 0.0)
    cast = [f"{ink}>{ink}-shade" for ink in ("neck", "clothes", "trim", "shirt")]
    sketch.within([(0.92 * x, y + 0.2, *corner) for x, y, *corner in face], *cast)


def _face(sketch: Sketch, plan: Plan, turn: float) -> None:
    shape = shapes.FACES[plan.attributes["face"]]
    sketch.shape(shapes.face_knots(shape, turn), "skin", "face", line_ink="skin-line")
    for side in (-1, 1):
        sketch.within([(side * x, y) for x, y in shapes.LINES["ear"]], "skin>skin-shade")
        rim = [(side * x, y) for x, y in shapes.LINES["rim of the ear"]]
        sketch.brush(rim, *_NEAR_LINES, width=LINE, taper=(0.5, 0.9))
    level = shapes.EXPRESSIONS[plan.attributes["expression"]].blush
    if level or plan.draws[30] < 0.4:
        for side in (-1, 1):
            x, y = side * 0.62 + 0.06 * turn, 0.56
            radii = (0.2, 0.1) if level == 2 else (0.16, 0.075)
            sketch.within(ellipse((x, y), radii), "skin>blush", "skin-shade>blush-shade")
            for step in (-0.08, 0.0, 0.08) if level == 2 else ():
                mark = [(x + step + 0.025, y - 0.045), (x + step - 0.025, y + 0.045)]
                changes = "blush>crease", "blush-shade>crease"
                sketch.brush(mark, *changes, width=0.6 * LINE, taper=(0.4, 0.4))
    _nose(sketch, turn, plan.draws[31])
    across = 0.06 * turn
    sketch.key_points |= {
        "chin": (across * shape.chin[1], shape.chin[1] + 0.006),
        "jaw-left": (across * shape.jaw[1] - shape.jaw[0], shape.jaw[1]),
        "jaw-right": (across * shape.jaw[1] + shape.jaw[0], shape.jaw[1]),
        "ear-left": (-1.09, 0.17),
        "ear-right": (1.09, 0.17),
    }


def _nose(sketch: Sketch, turn: float, draw: float) -> None:
    x, y = shapes.NOSE_PLACE[0] + 0.13 * turn, shapes.NOSE_PLACE[1]
    lean = 0.03 if turn >= 0 else -0.03
    if draw < 0.5:
        line = [(x - 0.5 * lean, y - 0.05), (x + lean, y + 0.01), (x - 0.4 * lean, y + 0.035)]
        changes = *_NEAR_LINES, "blush>skin-line"
        sketch.brush(line, *changes, width=0.95 * LINE, taper=(0.1, 0.5))
    else:
        dab = [(x + lean, y - 0.06), (x + 2 * lean, y + 0.02, 1), (x - 0.6 * lean, y + 0.035, 1)]
        sketch.within(dab, *CREASE)
    sketch.key_points["nose"] = (x + lean, y + 0.02)


def _mouth(sketch: Sketch, plan: Plan, turn: float, pose: np.ndarray) -> None:
    shape = shapes.MOUTHS[plan.attributes["mouth"]]
    size = 1.2 + 0.1 * pose[5]
    x0 = shapes.MOUTH_PLACE[0] + 0.1 * turn
    chin = shapes.FACES[plan.attributes["face"]].chin[1]
    y0 = shapes.MOUTH_PLACE[1] + 0.4 * (chin - 1.16) + 0.02 * pose[6]

    def placed(knots: Sequence[Knot]) -> list[Knot]:
        return [(x0 + size * x, y0 + size * y, *corner) for x, y, *corner in knots]

    ink = "mouth" if shape.open else "mouth-line"
    sketch.shape(placed(shape.knots), ink, "mouth", line_ink="mouth-line", line=0.8 * LINE)
    if shape.tongue:
        sketch.within(placed(shape.tongue), "mouth>tongue")
    if shape.teeth:
        sketch.within(placed(shape.teeth), "mouth>teeth", "tongue>teeth")
    middle = tuple(sum(knot[axis] for knot in shape.knots) / len(shape.knots) for axis in (0, 1))
    corners = min(shape.knots), middle, max(shape.knots)
    names = "mouth-left", "mouth", "mouth-right"
    sketch.key_points |= dict(zip(names, placed([knot[:2] for knot in corners]), strict=True))


def _eyes_and_brows(sketch: Sketch, plan: Plan, turn: float, pose: np.ndarray) -> None:
    mood = shapes.EXPRESSIONS[plan.attributes["expression"]]
    size = 1.12 + 0.06 * pose[7]
    gaze = (0.035 * pose[8] + 0.03 * turn, 0.012 * pose[9])
    drop, apart = 0.02 * pose[10], 0.015 * pose[11]
    for name, side in (("left", -1), ("right", 1)):
        narrower = 1 - 0.11 * max(0.0, side * turn)
        place = (side * (shapes.EYE_PLACE[0] + apart) + 0.1 * turn, shapes.EYE_PLACE[1] + drop)
        shape, factors = shapes.EYES[plan.attributes["eyes"]], (side * size * narrower, size)
        _eye(sketch, name, shape, mood, place, factors, gaze)
        x = side * (shapes.BROW_PLACE[0] + apart) + 0.1 * turn
        y = shapes.BROW_PLACE[1] + drop - 0.5 * mood.lift * 1.6 - 0.015 * pose[12]
        slant = mood.slant * 0.6 + 0.06 * pose[13]
        _brow(sketch, plan.attributes["brows"], name, (x, y), slant, side * narrower)


def _eye(
    sketch: Sketch,
    side: str,
    shape: shapes.EyeShape,
    mood: shapes.Expression,
    place: Point,
    size: Point,
    gaze: Point,
) -> None:
    """Adds an eye: lash and white, iris with shade and glints, the crease above; or lashes alone.

    Args:
        place: of its middle, in head units.
        size: factors on x (negative for the left) and y.
        gaze: where the iris moves to; both irises look the same way.
    """
    eye, wide = f"eye-{side}", mood.open

    def put(x: float, y: float) -> Point:
        """From the units of a right eye to those of the head."""
        return place[0] + size[0] * x, place[1] + size[1] * y

    def put_all(knots: Sequence[Knot]) -> list[Knot]:
        return [(*put(x, y), *corner) for x, y, *corner in knots]

    if mood.closes(side):
        knots = shapes.CLOSED_EYES[mood.closed]
        sketch.shape(put_all(knots), f"lash-{side}", eye)
        corners, middle = put_all([knots[0][:2], knots[4][:2]]), 0.5 * (knots[2][1] + knots[7][1])
        points = dict(zip((f"{eye}-inner", f"{eye}-outer"), corners, strict=True))
        sketch.key_points |= {**points, eye: put(0.0, middle)}
        return
    (inner_x, inner_y), (outer_x, outer_y), lash = shape.inner, shape.outer, shape.lash
    # The upper lid of a half-open eye comes down to just above the middle.
    upper = [(x, y * wide + 0.02 * (1 - wide)) for x, y in shape.upper]
    lower = [(x, y * (0.55 + 0.45 * wide)) for x, y in shape.lower]
    whole = [
        (inner_x - 0.02, inner_y + 0.02, 1),
        (inner_x + 0.01, inner_y - lash[0]),
        *((x, y - thick) for (x, y), thick in zip(upper, lash[1:4], strict=True)),
        (*shape.wing, 1),
        (outer_x + 0.01, outer_y + 0.045),
        *((x, y + 0.02) for x, y in lower),
    ]
    sketch.shape(put_all(whole), f"lash-{side}", eye)
    white = [(inner_x + 0.02, inner_y + 0.01, 1), *upper]
    white += [(outer_x - 0.005, outer_y + 0.02, 1), *lower]
    sketch.within(put_all(white), *own(side, "lash>white"))
    x, y = put(-0.01, 0.012)
    x, y = x + gaze[0], y + gaze[1]
    across = shape.iris[0] * abs(size[0]) * mood.iris
    down = shape.iris[1] * size[1] * mood.iris

    iris(sketch, side, (x, y), (across, down))
    lid = put_all([shape.inner, *upper, shape.outer])
    width = 0.15 * abs(sketch.frames[HEAD, 0, 0]) * size[1]
    sketch.brush(lid, *own(side, *UNDER_LID), width=width, taper=(0.6, 0.6))
    glints(sketch, side, (x, y), (across, down))
    crease = put_all([(u, v - 0.155 - 0.03 * (1 - wide)) for u, v in upper])
    sketch.brush(crease, *CREASE, width=0.9 * LINE, taper=(0.0, 0.2))
    corners = {f"{eye}-inner": put(*shape.inner), f"{eye}-outer": put(*shape.outer)}
    sketch.key_points |= {**corners, eye: (x, y)}


def own(side: str, *changes: str) -> list[str]:
    """Changes of inks that each eye has for itself."""
    pairs = [change.split(">") for change in changes]
    return [f"{old}-{side}>{new}-{side}" for old, new in pairs]


def iris(sketch: Sketch, side: str, place: Point, radii: Point) -> None:
    """Adds an iris with its shade and pupil, seen on the white of its eye."""
    for number, (*share, changes) in enumerate(_IRIS):
        part = "" if number else f"iris-{side}"
        sketch.within(_on_iris(share, place, radii), *own(side, *changes), part=part)


def glints(sketch: Sketch, side: str, place: Point, radii: Point) -> None:
    """Adds the lights on an iris."""
    for share in _GLINTS:
        changes = own(side, *(f"{ink}>glint" for ink in _ALL_OF_IRIS))
        sketch.within(_on_iris(share, place, radii), *changes)


def _on_iris(share: Sequence[float], place: Point, radii: Point) -> list[Knot]:
    right, low, width, height = share
    middle = place[0] + right * radii[0], place[1] + low * radii[1]
    return ellipse(middle, (width * radii[0], height * radii[1]))


def ellipse(place: Point, radii: Point) -> list[Knot]:
    """Returns eight knots of an ellipse, clockwise from its top."""
    (x, y), (across, down) = place, radii
    return [
        (x + across * math.sin(math.pi * step / 4), y - down * math.cos(math.pi * step / 4))
        for step in range(8)
    ]


def _brow(
    sketch: Sketch, kind: str, side: str, place: Point, slant: float, narrower: float
) -> None:
    """Adds a brow; a positive slant lowers its inner end."""
    cosine, sine = math.cos(slant), -math.sin(slant)

    def put(x: float, y: float) -> Point:
        u, v = cosine * x - sine * y, sine * x + cosine * y
        return place[0] + narrower * u, place[1] + v

    line = shapes.BROWS[kind]
    upper: list[Knot] = [put(x, y - 0.5 * thick) for x, y, thick in line]
    lower: list[Knot] = [put(x, y + 0.5 * thick) for x, y, thick in line]
    upper[0], upper[-1], lower[0] = (*upper[0], 1), (*upper[-1], 1), (*lower[0], 1)
    if line[-1][2] < 0.005:
        lower.pop()
    sketch.shape([*upper, *reversed(lower)], f"brow-{side}", f"brow-{side}")
    named = zip(("inner", "middle", "outer"), (0, len(line) // 2 - 1, -1), strict=True)
    sketch.key_points |= {f"brow-{side}-{name}": put(*line[at][:2]) for name, at in named}


def _front_hair(sketch: Sketch, plan: Plan, turn: float, pose: np.ndarray) -> None:
    fringe = shapes.FRINGES[plan.attributes["fringe"]]
    across = 0.05 * turn
    knots = [
        (x + across * (1 - x * x), y, *corner)
        for x, y, *corner in shapes.fringe_knots(fringe, pose[14:24].tolist())
    ]
    # Its shadow first, a little below it, on skin and eyes only.
    shaded = [f"{ink}>{ink}-shade" for ink in ("skin", "blush")]
    shaded += [f"white-{side}>white-shade-{side}" for side in ("left", "right")]
    sketch.within([(x, y + 0.09, *corner) for x, y, *corner in knots], *shaded)
    sketch.shape(knots, "front-hair", "front-hair", line_ink="front-hair-line")
    sketch.within(shapes.LINES["low hair"], "front-hair>front-hair-shade")
    if fringe.shine:
        sketch.within(shapes.LINES["shine"], "front-hair>front-hair-light")
    lines = [f"front-hair{tone}>front-hair-line" for tone in ("", "-shade", "-light")]
    for strand in shapes.strands(fringe):
        sketch.brush(strand, *lines, width=0.95 * LINE, taper=(1.0, 0.0))
    if plan.draws[32] < 0.3:
        side = -1 if plan.draws[33] < 0.5 else 1
        for slant in (-0.5, 0.35):  # a hairpin above the temple
            place, sine = (side * 0.8, -0.42), side * math.sin(slant)
            pin = _slanted(shapes.LINES["hairpin"], place, math.cos(slant), sine)
            sketch.clipped(pin, "clip", "clip-line", 0.7 * LINE)
