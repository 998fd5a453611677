"""From a plan to a sketch: where every curve of a character lies."""

import math

import numpy as np

from elegan.applications.characters.curves import Knot
from elegan.applications.characters.drawing import clothes, eyes
from elegan.applications.characters.drawing.face import (
    BROW_PLACE,
    BROWS,
    EXPRESSIONS,
    EYE_PLACE,
    FACES,
    MOUTH_PLACE,
    MOUTHS,
    NOSE_PLACE,
    face_knots,
)
from elegan.applications.characters.drawing.hair import (
    BACKS,
    FRINGES,
    TIES,
    fringe_knots,
    shine,
    strands,
)
from elegan.applications.characters.drawing.inks import Sketch, where
from elegan.applications.characters.drawing.plan import POSE, Plan
from elegan.applications.characters.parts import INDEX

BODY, HEAD = 0, 1
SCALE = 0.245  # of a head unit, in canvas units
MIDDLE = (0.5, 0.46)
LINE = 0.0085  # of outlines, in canvas units
NARROW = 0.96  # heads are a little higher than wide
_PIVOT = 1.2  # the neck, about which a head tilts

_ON_SKIN = where(
    skin="skin-shade", white_left="white-shade-left", white_right="white-shade-right",
    blush="blush-shade",
)  # fmt: skip
_CAST = where(neck="neck-shade", clothes="clothes-shade", trim="trim-shade", shirt="shirt-shade")
_BLUSH = where(skin="blush", skin_shade="blush-shade")


def draw(plan: Plan) -> Sketch:
    """Draws a character: layers from back to front, and its key points."""
    pose = (plan.draws[POSE:] - 0.5) * 2
    scale = SCALE * (1 + 0.045 * pose[0])
    shift = (MIDDLE[0] + 0.015 * pose[1], MIDDLE[1] + 0.012 * pose[2])
    tilt = math.radians(4.0) * pose[3]
    turn = 0.8 * pose[4]
    sketch = Sketch(frames=_frames(scale, shift, tilt))
    _back_hair(sketch, plan)
    _neck_and_clothes(sketch, plan)
    _face(sketch, plan, turn)
    _mouth(sketch, plan, turn, pose)
    _eyes_and_brows(sketch, plan, turn, pose)
    _front_hair(sketch, plan, turn, pose)
    return sketch


def _frames(scale: float, shift: tuple[float, float], tilt: float) -> np.ndarray:
    body = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    cosine, sine = math.cos(tilt), math.sin(tilt)
    turned = scale * np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([NARROW, 1.0])
    pivot = np.array([0, _PIVOT])
    offset = np.array(shift) + scale * pivot - turned @ pivot
    return np.stack([body, np.column_stack([turned, offset])])


def _back_hair(sketch: Sketch, plan: Plan) -> None:
    style = plan.attributes["hair-style"]
    knots = BACKS[style]
    sketch.shape(
        knots, "back-hair", HEAD, line_ink="back-hair-line", line=LINE, part=INDEX["back-hair"]
    )
    dark = where(back_hair="back-hair-shade")
    # Behind the neck no light falls.
    shade: list[Knot] = [(0.0, -1.0), (0.84, -0.4), (0.82, 0.7), (0.72, 1.5), (0.0, 1.9),
                         (-0.72, 1.5), (-0.82, 0.7), (-0.84, -0.4)]  # fmt: skip
    sketch.within(shade, HEAD, dark)
    line = where(back_hair="back-hair-line", back_hair_shade="back-hair-line")
    for index, knot in enumerate(knots):
        x, y, *corner = knots[index - 1]
        if len(knot) > 2 or not corner:
            continue
        # From each corner between two locks a strand goes up a little.
        if abs(x) > 0.25 and y > 0.5:
            inward = -0.12 if x > 0 else 0.12
            strand = [(x + inward, y - 0.12), (x + 0.9 * inward, y - 0.4), (x + inward, y - 0.75)]
            sketch.brush(strand, HEAD, line, 0.75 * LINE)
    for x, y, slant in TIES.get(style, ()):
        _tie(sketch, x, y, slant)


def _tie(sketch: Sketch, x: float, y: float, slant: float) -> None:
    cosine, sine = math.cos(slant), math.sin(slant)
    corners = (
        (-0.17, -0.09),
        (0.17, -0.09),
        (0.19, 0.0),
        (0.17, 0.09),
        (-0.17, 0.09),
        (-0.19, 0.0),
    )
    knots = [(x + cosine * u - sine * v, y + sine * u + cosine * v) for u, v in corners]
    sketch.clipped(knots, "tie", HEAD, line_ink="tie-line", line=LINE)


def _neck_and_clothes(sketch: Sketch, plan: Plan) -> None:
    kind = plan.attributes["clothes"]
    sketch.shape(clothes.NECK, "neck", BODY, line_ink="neck-line", line=LINE, part=INDEX["neck"])
    sketch.shape(
        clothes.OUTLINES[kind], "clothes", BODY, line_ink="clothes-line", line=LINE,
        part=INDEX["clothes"],
    )  # fmt: skip
    for shade in clothes.SHADES:
        sketch.within(shade, BODY, where(clothes="clothes-shade"))
    for knots, ink, line_ink in clothes.DETAILS[kind]:
        # What lies on the clothes ends where they end.
        sketch.clipped(knots, ink, BODY, line_ink=line_ink, line=0.85 * LINE)
    face = face_knots(FACES[plan.attributes["face"]], 0.0)
    low = [(0.92 * x, y + 0.2, *rest) for x, y, *rest in face]
    sketch.within(low, HEAD, _CAST)


def _face(sketch: Sketch, plan: Plan, turn: float) -> None:
    shape = FACES[plan.attributes["face"]]
    knots = face_knots(shape, turn)
    sketch.shape(knots, "skin", HEAD, line_ink="skin-line", line=LINE, part=INDEX["face"])
    line, shade = where(skin="skin-line", skin_shade="skin-line"), where(skin="skin-shade")
    for side in (-1, 1):
        ear = [(side * x, y) for x, y in ((1.0, 0.06), (1.08, 0.0), (1.13, 0.1), (1.08, 0.28),
                                          (1.0, 0.34))]  # fmt: skip
        sketch.within(ear, HEAD, shade)
        rim = [(side * 0.985, 0.0), (side * 0.99, 0.2), (side * 0.955, 0.42)]
        sketch.brush(rim, HEAD, line, LINE, (0.5, 0.9))
    level = EXPRESSIONS[plan.attributes["expression"]].blush
    if level or plan.draws[30] < 0.4:
        for side in (-1, 1):
            x, y = side * 0.62 + 0.06 * turn, 0.56
            wide, high = (0.2, 0.1) if level == 2 else (0.16, 0.075)
            oval = eyes.ellipse((x, y), (wide, high))
            sketch.within(oval, HEAD, _BLUSH)
            if level == 2:
                for step in (-0.08, 0.0, 0.08):
                    mark = [(x + step + 0.025, y - 0.045), (x + step - 0.025, y + 0.045)]
                    sketch.brush(
                        mark, HEAD, where(blush="crease", blush_shade="crease"), 0.6 * LINE,
                        (0.4, 0.4),
                    )  # fmt: skip
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
    x, y = NOSE_PLACE[0] + 0.13 * turn, NOSE_PLACE[1]
    table = where(skin="skin-line", skin_shade="skin-line", blush="skin-line")
    lean = 0.03 if turn >= 0 else -0.03
    if draw < 0.5:
        line = [(x - 0.5 * lean, y - 0.05), (x + lean, y + 0.01), (x - 0.4 * lean, y + 0.035)]
        sketch.brush(line, HEAD, table, 0.95 * LINE, (0.1, 0.5))
    else:
        dab = [(x + lean, y - 0.06), (x + 2 * lean, y + 0.02, 1), (x - 0.6 * lean, y + 0.035, 1)]
        sketch.within(dab, HEAD, where(skin="crease", skin_shade="crease"))
    sketch.key_points["nose"] = (x + lean, y + 0.02)


def _mouth(sketch: Sketch, plan: Plan, turn: float, pose: np.ndarray) -> None:
    shape = MOUTHS[plan.attributes["mouth"]]
    size = 1.2 + 0.1 * pose[5]
    x0 = MOUTH_PLACE[0] + 0.1 * turn
    chin = FACES[plan.attributes["face"]].chin[1]
    y0 = MOUTH_PLACE[1] + 0.4 * (chin - 1.16) + 0.02 * pose[6]

    def placed(knots: tuple[Knot, ...]) -> list[Knot]:
        return [(x0 + size * x, y0 + size * y, *rest) for x, y, *rest in knots]

    ink = "mouth" if shape.open else "mouth-line"
    sketch.shape(
        placed(shape.knots), ink, HEAD, line_ink="mouth-line", line=0.8 * LINE,
        part=INDEX["mouth"],
    )  # fmt: skip
    if shape.tongue:
        sketch.within(placed(shape.tongue), HEAD, where(mouth="tongue"))
    if shape.teeth:
        sketch.within(placed(shape.teeth), HEAD, where(mouth="teeth", tongue="teeth"))
    left, right = placed(shape.corners)
    middle = placed(((sum(knot[0] for knot in shape.knots) / len(shape.knots),
                      sum(knot[1] for knot in shape.knots) / len(shape.knots)),))[0]  # fmt: skip
    sketch.key_points |= {"mouth-left": left, "mouth-right": right, "mouth": middle}


def _eyes_and_brows(sketch: Sketch, plan: Plan, turn: float, pose: np.ndarray) -> None:
    mood = EXPRESSIONS[plan.attributes["expression"]]
    size = 1.12 + 0.06 * pose[7]
    gaze = (0.035 * pose[8] + 0.03 * turn, 0.012 * pose[9])
    drop, apart = 0.02 * pose[10], 0.015 * pose[11]
    for name, side in (("left", -1), ("right", 1)):
        narrower = 1 - 0.11 * max(0.0, side * turn)
        place = (side * (EYE_PLACE[0] + apart) + 0.1 * turn, EYE_PLACE[1] + drop)
        eye = eyes.EyePose(
            side=name, place=place, size=(side * size * narrower, size), gaze=gaze,
            open=0.0 if mood.wink and side < 0 else mood.open, closed=mood.closed, iris=mood.iris,
        )  # fmt: skip
        eyes.draw_eye(sketch, plan.attributes["eyes"], eye, HEAD, LINE)
        x = side * (BROW_PLACE[0] + apart) + 0.1 * turn
        y = BROW_PLACE[1] + drop - 0.5 * mood.lift * 1.6 - 0.015 * pose[12]
        slant = mood.slant * 0.6 + 0.06 * pose[13]
        eyes.draw_brow(sketch, BROWS[plan.attributes["brows"]], name, (x, y), slant, narrower, HEAD)


def _front_hair(sketch: Sketch, plan: Plan, turn: float, pose: np.ndarray) -> None:
    fringe = FRINGES[plan.attributes["fringe"]]
    sway = pose[14:24].tolist()
    across = 0.05 * turn
    knots = fringe_knots(fringe, sway)
    knots = [(x + across * (1 - x * x), y, *rest) for x, y, *rest in knots]
    # Its shadow first, a little below it, on skin and eyes only.
    sketch.within([(x, y + 0.09, *rest) for x, y, *rest in knots], HEAD, _ON_SKIN)
    sketch.shape(
        knots, "front-hair", HEAD, line_ink="front-hair-line", line=LINE, part=INDEX["front-hair"]
    )
    tips = where(front_hair="front-hair-shade")
    inner: list[Knot] = [(-1.3, -0.2), (-0.95, -0.16), (-0.5, -0.32), (0.0, -0.36), (0.5, -0.32),
                         (0.95, -0.16), (1.3, -0.2, 1), (1.3, 1.4, 1), (-1.3, 1.4, 1)]  # fmt: skip
    sketch.within(inner, HEAD, tips)
    if fringe.shine:
        sketch.within(shine(fringe), HEAD, where(front_hair="front-hair-light"))
    line = where(
        front_hair="front-hair-line", front_hair_shade="front-hair-line",
        front_hair_light="front-hair-line",
    )  # fmt: skip
    for strand in strands(fringe):
        sketch.brush(strand, HEAD, line, 0.95 * LINE, (1.0, 0.0))
    if plan.draws[32] < 0.3:
        side = -1 if plan.draws[33] < 0.5 else 1
        _clip(sketch, side)


def _clip(sketch: Sketch, side: int) -> None:
    """A hairpin above the temple."""
    for turn in (-0.5, 0.35):
        cosine, sine = math.cos(turn), side * math.sin(turn)
        corners = [
            (-0.17, -0.04),
            (0, -0.05),
            (0.17, -0.04),
            (0.17, 0.04),
            (0, 0.05),
            (-0.17, 0.04),
        ]
        knots = [
            (side * 0.8 + cosine * u - sine * v, -0.42 + sine * u + cosine * v) for u, v in corners
        ]
        sketch.clipped(knots, "clip", HEAD, line_ink="clip-line", line=0.7 * LINE)
