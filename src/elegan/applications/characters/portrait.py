"""From a character's points to a drawing at any size: its outlines filled, shaded and lined.

What outlines do not say is placed by key points: irises and pupils, nose, blush, shades.
"""

from collections.abc import Sequence

import numpy as np

from elegan.applications.characters import shapes
from elegan.applications.characters.curves import Knot, clockwise, signed_area
from elegan.applications.characters.drawing import (
    CREASE,
    UNDER_LID,
    ellipse,
    glints,
    iris,
    own,
)
from elegan.applications.characters.points import CharacterPoints
from elegan.applications.characters.sketch import LINE, Sketch

SIDES = ("left", "right")
_CANVAS = np.array([[[1.0, 0, 0], [0, 1.0, 0]]] * 2)
_WIDE = 2.1  # head units from side to side of a face
_LASH, _RIM = 0.09, 0.02  # of an open eye, above and below its white, in head units
_THIN = 0.085  # a mouth of a lesser mean height, in head units, is a line
_HAIR = ("front-hair", "front-hair-shade", "front-hair-light")


_HARMONICS = {"mouth": 4, "eye": 6, "brow": 3}
"""What is kept of outlines of small parts, of which maps know no more."""


class Head:
    """Where a character's head lies on the canvas.

    Attributes:
        unit: of the renderer's head, in canvas units.
        middle: of the face, as the renderer means it.
    """

    def __init__(self, points: CharacterPoints) -> None:
        face = points.outlines["face"]
        self.unit = float(np.ptp(face[:, 0])) / _WIDE
        eyes = np.mean([points.outlines[f"eye-{side}"].mean(axis=0) for side in SIDES], axis=0)
        self.middle = (float(eyes[0]), float(eyes[1]) - shapes.EYE_PLACE[1] * self.unit)

    def put(self, knots: Sequence[Knot]) -> list[Knot]:
        """From head units to the canvas."""
        return [
            (self.middle[0] + self.unit * x, self.middle[1] + self.unit * y, *corner)
            for x, y, *corner in knots
        ]


def portrait(points: CharacterPoints) -> Sketch:
    """Draws a character from its points: layers from back to front, in canvas units."""
    sketch, head = Sketch(frames=_CANVAS), Head(points)
    outlines = {
        name: _smooth(clockwise(np.asarray(one)), _HARMONICS.get(name.split("-")[0]))
        for name, one in points.outlines.items()
    }
    for part in ("back-hair", "neck", "clothes"):
        if part in outlines:
            sketch.shape(_knots(outlines[part]), part, part, line_ink=f"{part}-line")
    _body(sketch, head, outlines)
    sketch.shape(_knots(outlines["face"]), "skin", "face", line_ink="skin-line")
    _face(sketch, head, points)
    _mouth(sketch, head, outlines["mouth"])
    for side in SIDES:
        _eye(sketch, head, side, points, outlines)
        if f"brow-{side}" in outlines:
            sketch.shape(_knots(outlines[f"brow-{side}"]), f"brow-{side}", f"brow-{side}")
    if "front-hair" in outlines:
        _front_hair(sketch, head, outlines["front-hair"])
    return sketch


def _body(sketch: Sketch, head: Head, outlines: dict[str, np.ndarray]) -> None:
    """The shade of hair behind the neck, a collar, and the shadow of the face."""
    behind = head.put(shapes.LINES["behind the neck"])
    sketch.within(behind, "back-hair>back-hair-shade")
    if "clothes" in outlines:
        x = head.middle[0]
        top = float(outlines["clothes"][:, 1].min())
        radii = 0.62 * head.unit, 0.34 * head.unit
        sketch.within(ellipse((x, top), radii), "clothes>trim")
    below = outlines["face"] + np.array([0, 0.2 * head.unit])
    sketch.within(_knots(below), *(f"{ink}>{ink}-shade" for ink in ("neck", "clothes", "trim")))


def _face(sketch: Sketch, head: Head, points: CharacterPoints) -> None:
    expression = shapes.EXPRESSIONS.get(points.attributes.get("expression", ""))
    unit = head.unit
    for side, sign in zip(SIDES, (-1, 1), strict=True):
        ear = [(sign * x, y) for x, y in shapes.LINES["ear"]]
        sketch.within(head.put(ear), "skin>skin-shade")
        if expression is not None and expression.blush:
            x, y = _place(points, f"eye-{side}")
            radii = (0.2, 0.1) if expression.blush == 2 else (0.16, 0.075)
            cheek = x + sign * 0.15 * unit, y + 0.37 * unit
            sketch.within(ellipse(cheek, (radii[0] * unit, radii[1] * unit)), "skin>blush")
    if "nose" in points.key_points:
        x, y = _place(points, "nose")
        line = [(-0.02, -0.07), (0.0, -0.01), (-0.035, 0.01)]
        knots = [(x + unit * u, y + unit * v) for u, v in line]
        changes = "skin>skin-line", "skin-shade>skin-line", "blush>skin-line"
        sketch.brush(knots, *changes, width=0.95 * LINE, taper=(0.1, 0.5))


def _mouth(sketch: Sketch, head: Head, outline: np.ndarray) -> None:
    if _height(outline) < _THIN * head.unit:
        sketch.shape(_knots(outline), "mouth-line", "mouth")
        return
    sketch.shape(_knots(outline), "mouth", "mouth", line_ink="mouth-line", line=0.8 * LINE)
    (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
    wide, high = right - left, bottom - top
    tongue = ellipse(((left + right) / 2, bottom - 0.1 * high), (0.32 * wide, 0.32 * high))
    sketch.within(tongue, "mouth>tongue")


def _eye(
    sketch: Sketch,
    head: Head,
    side: str,
    points: CharacterPoints,
    outlines: dict[str, np.ndarray],
) -> None:
    """An eye with lash, white, iris and glints; or lashes alone, where it has no iris."""
    name, unit = f"eye-{side}", head.unit
    outline = outlines[name]
    if f"iris-{side}" not in outlines:
        mood = shapes.EXPRESSIONS.get(points.attributes.get("expression", ""))
        lash = outline if mood is None else _shut(outline, side, mood.closed)
        sketch.shape(_knots(lash), f"lash-{side}", name)
        return
    sketch.shape(_knots(outline), f"lash-{side}", name)
    middle = outline.mean(axis=0)
    half = np.ptp(outline, axis=0) / 2
    # The white leaves a thick lash above and a thin rim below, and ends before the corners.
    up = ((middle[1] - outline[:, 1]) / half[1]).clip(-1, 1)[:, None]
    margin = np.where(up > 0, _LASH * up, _RIM * up) * unit
    white = middle + (outline - middle) * np.array([0.9, 1]) + margin * np.array([0, 1])
    sketch.within(_knots(white), *own(side, "lash>white"))
    ball = outlines[f"iris-{side}"]
    place = _place(points, name)
    wide, high = (np.ptp(ball, axis=0) / 2).tolist()
    iris(sketch, side, place, (wide, high))
    lid = white[white[:, 1] < middle[1]]
    lid = lid[lid[:, 0].argsort()]
    if len(lid) > 1:
        sketch.brush(_knots(lid), *own(side, *UNDER_LID), width=0.15 * unit, taper=(0.6, 0.6))
    glints(sketch, side, place, (wide, high))
    above = outline[outline[:, 1] < middle[1]]
    above = above[above[:, 0].argsort()][2:-2] - np.array([0, 0.07 * unit])
    if len(above) > 1:
        sketch.brush(_knots(above), *CREASE, width=0.9 * LINE, taper=(0.1, 0.1))


def _shut(outline: np.ndarray, side: str, kind: str) -> np.ndarray:
    """The lash of a closed eye as wide as an outline, which is soft and thick where maps are."""
    knots = np.array([knot[:2] for knot in shapes.CLOSED_EYES[kind]])
    knots = knots * np.array([1 if side == "right" else -1, 1])
    low, high = outline.min(axis=0), outline.max(axis=0)
    scale = (high[0] - low[0]) / np.ptp(knots[:, 0])
    middle = (knots.min(axis=0) + knots.max(axis=0)) / 2
    return (knots - middle) * scale + (low + high) / 2


def _front_hair(sketch: Sketch, head: Head, outline: np.ndarray) -> None:
    knots = _knots(outline)
    shaded = [f"{ink}>{ink}-shade" for ink in ("skin", "blush")]
    shaded += [f"white-{side}>white-shade-{side}" for side in SIDES]
    sketch.within(_knots(outline + np.array([0, 0.09 * head.unit])), *shaded)
    sketch.shape(knots, "front-hair", "front-hair", line_ink="front-hair-line")
    sketch.within(head.put(shapes.LINES["low hair"]), "front-hair>front-hair-shade")
    sketch.within(head.put(shapes.LINES["shine"]), "front-hair>front-hair-light")
    changes = [f"{ink}>front-hair-line" for ink in _HAIR]
    before, after = np.roll(outline, 1, axis=0), np.roll(outline, -1, axis=0)
    x, y = head.middle
    for (u, v), one, two in zip(outline.tolist(), before, after, strict=True):
        # From each notch between two locks a strand goes up.
        if v < min(one[1], two[1]) and v > y - head.unit and abs(u - x) < head.unit:
            strand = [(u, v), (u + 0.1 * (x - u), v - 0.2 * head.unit)]
            strand.append((u + 0.35 * (x - u), v - 0.45 * head.unit))
            sketch.brush(strand, *changes, width=0.95 * LINE, taper=(1.0, 0.0))


def _place(points: CharacterPoints, name: str) -> tuple[float, float]:
    """A key point; without it, of an eye the middle of its iris or, if closed, of its lash."""
    place = points.key_points.get(name)
    if place is None:
        outline = points.outlines.get(name.replace("eye", "iris"), points.outlines.get(name))
        assert outline is not None
        place = outline.mean(axis=0)
    return float(place[0]), float(place[1])


def _height(outline: np.ndarray) -> float:
    """The mean height of a shape: its area by its width."""
    return abs(signed_area(outline)) / max(float(np.ptp(outline[:, 0])), 1e-6)


def _smooth(outline: np.ndarray, harmonics: int | None) -> np.ndarray:
    """Keeps the slow waves of a closed outline [N, 2] (Fourier descriptors; Zahn, Roskies 1972)."""
    if harmonics is None:
        return outline
    waves = np.fft.fft(outline[:, 0] + 1j * outline[:, 1])
    number = np.abs(np.fft.fftfreq(len(waves), 1 / len(waves)))
    kept = np.fft.ifft(np.where(number <= harmonics, waves, 0))
    return np.stack([kept.real, kept.imag], axis=1)


def _knots(points: np.ndarray) -> list[Knot]:
    return [tuple(place) for place in points.tolist()]
