"""From maps to outlines: which maps are valid, and curves that are fitted to them."""

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from elegan.applications.characters.curves import clockwise, closed_curve, coverage
from elegan.applications.characters.outlines import check, first_crossing, fitted, resample, trace
from elegan.applications.characters.parts import INDEX, INSIDE, PARTS
from elegan.applications.characters.planes import ON_FACE
from elegan.common.errors import EleganError

_FAINT = 0.12  # a map with a lower peak holds no part; a thin mouth at 32 pixels has more
_STEPS = 8  # chords on each piece of the curve
_SAMPLES, _MAX_SAMPLES = 8, 256  # a side where the covered area is counted: in a pixel, in all
_MARGIN = 2  # pixels about the outline that are compared as well
_STIFF, _STILL = 1.0, 0.01
"""What bending an outline, and moving it at all, cost beside a pixel that is wrong. A drawn map is
not quite the coverage of any shape: a less stiff outline puts out a spike for each of its faults.
"""
_FARTHEST = 1.0  # pixels that a point moves in a round: further on, nothing is known of the map
_HALVINGS = 3
_SETTLED = 0.01  # share by which a round must better the fit, lest it be the last
_OFFSETS = 8  # starts that are tried between two points


def fault_of_maps(amodal: np.ndarray, irises: Sequence[str] = ()) -> str | None:
    """Says why maps [P, H, W] are no valid character, or None where they are.

    Valid maps have one face, and two eyes and a mouth whose middles lie inside it, the left eye on
    the left; a map counts from half of its peak on, so that a thin lash counts at any resolution.

    Args:
        irises: that must be there, each with its middle in its eye.
    """
    pieces = _pieces(amodal[INDEX["face"]])
    if not pieces or pieces[0].area < 0.01:
        return "no face"
    if len(pieces) > 1 and pieces[1].area > 0.1 * pieces[0].area:
        return "more than one face"
    middles = {}
    for name in ("eye-left", "eye-right", "mouth"):
        found = _pieces(amodal[INDEX[name]])
        if not found:
            return f"no {name}"
        if len(found) > 1 and found[1].area > 0.4 * found[0].area:
            return f"more than one {name}"
        middles[name] = found[0].middle
        if not _within(pieces[0].rim, *found[0].middle):
            return f"{name} outside the face"
    if middles["eye-left"][0] >= middles["eye-right"][0]:
        return "eyes in the wrong order"
    for name in irises:
        found, eye = _pieces(amodal[INDEX[name]]), _pieces(amodal[INDEX[INSIDE[name]]])
        if not found or not _within(eye[0].rim, *found[0].middle):
            return f"no {name}"
    return None


class _Piece(NamedTuple):
    """A piece of a map: area and middle in canvas units, and its outer rim [M, 2]."""

    area: float
    middle: tuple[float, float]
    rim: np.ndarray


def _pieces(mask: np.ndarray) -> list[_Piece]:
    """The pieces of a map, the largest first; holes, which features leave in a face, are closed."""
    peak = float(mask.max())
    if peak < _FAINT:
        return []
    found = []
    for loop in trace(mask, peak / 2):
        x, y = loop.T
        twist = x * np.roll(y, -1) - np.roll(x, -1) * y
        area = float(twist.sum() / 2)
        if area > 1e-5:  # a hole runs the other way
            middle_x = ((x + np.roll(x, -1)) * twist).sum() / (6 * area)
            middle_y = ((y + np.roll(y, -1)) * twist).sum() / (6 * area)
            found.append(_Piece(area, (float(middle_x), float(middle_y)), loop))
    return sorted(found, key=lambda piece: -piece.area)


def _within(rim: np.ndarray, x: float, y: float) -> bool:
    """Whether a place lies within a closed polygon [M, 2]: a ray to the right crosses it oddly."""
    x_0, y_0 = rim.T
    x_1, y_1 = np.roll(rim, -1, axis=0).T
    spans = (y_0 > y) != (y_1 > y)
    rise = np.where(spans, y_1 - y_0, 1.0)
    return bool((spans & (x_0 + (y - y_0) / rise * (x_1 - x_0) > x)).sum() % 2)


def aligned(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Puts points evenly along a closed polygon [M, 2], clockwise, each near its namesake.

    Order and start are those of `points` [N, 2].
    """
    count = len(points)
    dense = resample(polygon, count * _OFFSETS)
    starts = np.arange(len(dense))
    rows = (starts[:, None] + _OFFSETS * np.arange(count)) % len(dense)
    distance = ((dense[rows] - clockwise(points)) ** 2).sum(axis=(1, 2))
    return dense[rows[distance.argmin()]]


def fit_outline(points: np.ndarray, mask: np.ndarray, rounds: int = 6) -> tuple[np.ndarray, float]:
    """Moves points along their normals until the filled curve covers what a map says.

    Least squares over pixels by Gauss and Newton: a pixel's coverage grows by the length of the
    outline in it times how far that moves outwards. The outline is a little stiff: neighbours move
    alike. A step that betters nothing, or makes the curve cross itself, is halved.

    Args:
        points: [N, 2] in canvas units, clockwise; near the outline, else they do not find it.
        mask: [M, M] in 0..1.
        rounds: at most.

    Returns:
        points, and the sum of squared differences between coverage and map that are left.
    """
    size = mask.shape[0]
    origin, side = _window(points, size)
    wanted = mask[origin[1] : origin[1] + side, origin[0] : origin[0] + side]
    beyond = float(np.square(mask).sum() - np.square(wanted).sum())
    start = here = np.asarray(points, np.float64) * size - origin
    low, high = -origin, size - origin
    curve, rest = _compared(here, wanted)
    before = float(np.square(rest).sum())
    for _ in range(rounds):
        step = _step(here, start, curve, rest)
        for halving in range(_HALVINGS):
            there = np.clip(here + step / 2**halving, low, high)
            curve_there, rest_there = _compared(there, wanted)
            moved = there - start
            strain = float((moved * (_penalty(len(moved)) @ moved)).sum())
            after = float(np.square(rest_there).sum()) + strain
            if after < before and first_crossing(there) is None:
                break
        else:
            break
        here, curve, rest = there, curve_there, rest_there
        if after > (1 - _SETTLED) * before:
            break
        before = after
    return (here + origin) / size, beyond + float(np.square(rest).sum())


def _window(points: np.ndarray, size: int) -> tuple[np.ndarray, int]:
    """The corner (x, y) and side in pixels of the square about an outline, within the map."""
    low = np.floor(points.min(axis=0) * size).astype(int) - _MARGIN
    high = np.ceil(points.max(axis=0) * size).astype(int) + _MARGIN
    side = min(int((high - low).max()), size)
    return np.clip(low, 0, size - side), side


def _compared(points: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The curve through points in pixels, and what the map [S, S] has more than it covers."""
    side = wanted.shape[0]
    curve = closed_curve(points, _STEPS)
    samples = min(_SAMPLES, max(2, _MAX_SAMPLES // side))
    return curve, wanted - coverage(curve / side, side, samples)


def _step(points: np.ndarray, start: np.ndarray, curve: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """How points [N, 2] in pixels should move so that `rest` [S, S] and the strain become small."""
    count, side = len(points), rest.shape[0]
    after = np.roll(curve, -1, axis=0)
    length = np.sqrt(((after - curve) ** 2).sum(axis=1))
    column, row = np.clip(((curve + after) / 2).astype(int), 0, side - 1).T
    pixels, place = np.unique(row * side + column, return_inverse=True)
    # A chord moves with the two points that its piece lies between.
    share = np.tile((np.arange(_STEPS) + 0.5) / _STEPS, count)
    first = np.repeat(np.arange(count), _STEPS)
    slope = np.zeros((len(pixels), count))
    np.add.at(slope, (place, first), length * (1 - share))
    np.add.at(slope, (place, (first + 1) % count), length * share)
    along = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    along /= np.maximum(np.sqrt((along**2).sum(axis=1, keepdims=True)), 1e-9)
    outwards = np.stack([along[:, 1], -along[:, 0]], axis=1)
    penalty = _penalty(count)
    so_far = ((points - start) * outwards).sum(axis=1)
    moves = np.linalg.solve(
        slope.T @ slope + penalty, slope.T @ rest.ravel()[pixels] - penalty @ so_far
    )
    return outwards * moves.clip(-_FARTHEST, _FARTHEST)[:, None]


@functools.cache
def _penalty(count: int) -> np.ndarray:
    still = np.eye(count)
    bending = 2 * still - np.roll(still, 1, axis=0) - np.roll(still, -1, axis=0)
    return _STIFF * bending.T @ bending + _STILL * still


class FoundOutlines(NamedTuple):
    """The outlines of a character.

    Attributes:
        outlines: points [32, 2] by part, which can be filled.
        traced: parts whose outline was found by tracing the map: that of the network could not be
            filled or agreed less with the map.
        dropped: parts of the map for which neither served.
    """

    outlines: Mapping[str, np.ndarray]
    traced: tuple[str, ...]
    dropped: tuple[str, ...]


def find_outlines(amodal: np.ndarray, guesses: np.ndarray) -> FoundOutlines:
    """Fits outlines to maps, from the network's guesses and from the maps' own level lines.

    Places that a network says are off by a fraction of a pixel, in which a mouth has room, and
    along an outline they are hardly defined. So the network gives the order and where to begin; the
    maps say where the outline is (`fit_outline`).

    Args:
        amodal: maps of parts by themselves [P, M, M] in 0..1.
        guesses: [P, 32, 2], the network's outlines; those of missing parts mean nothing.
    """
    outlines, traced, dropped = {}, [], []
    for index in np.flatnonzero(amodal.max(axis=(1, 2)) >= _FAINT).tolist():
        name = PARTS[index]
        found = _fitted(name, guesses[index], amodal[index], outlines.get("face"))
        if found is None or (name in INSIDE and INSIDE[name] not in outlines):
            dropped.append(name)
            continue
        outlines[name], by_tracing = found
        if by_tracing:
            traced.append(name)
    return FoundOutlines(outlines, tuple(traced), tuple(dropped))


def _fitted(
    name: str, guess: np.ndarray, mask: np.ndarray, face: np.ndarray | None
) -> tuple[np.ndarray, bool] | None:
    """The better of two fits, and whether it began by tracing; None where neither can be filled."""
    beginnings = [(_fillable(name, guess), False)]
    if loops := fitted(mask):
        along = _fillable(name, aligned(loops[0], guess))
        stray = False
        if along is not None and face is not None and name in ON_FACE:
            # Beside the face lies no feature, but a speck of noise in its map.
            middle = along.mean(axis=0)
            stray = ((middle < face.min(axis=0)) | (middle > face.max(axis=0))).any()
        if not stray:
            beginnings.append((along, True))
    fits = []
    for points, by_tracing in beginnings:
        if points is not None:
            moved, error = fit_outline(points, mask)
            fits.append((error, _fillable(name, moved), points, by_tracing))
    if not fits:
        return None
    _, moved, points, by_tracing = min(fits, key=lambda fit: fit[0])
    return (points if moved is None else moved), by_tracing


def _fillable(name: str, points: np.ndarray) -> np.ndarray | None:
    """The points, clockwise and on the canvas, or None where they cannot be filled."""
    points = clockwise(np.asarray(points, np.float64).clip(0, 1))
    try:
        check(name, points)
    except EleganError:
        return None
    return points
