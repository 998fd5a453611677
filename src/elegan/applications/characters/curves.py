"""Curves through points, centripetal Catmull-Rom splines as cubic Bezier pieces; and filling them.

The parameterisation by the square root of the distance is the one that never loops or forms cusps
within a piece: Yuksel, Schaefer and Keyser 2011, "Parameterization and applications of Catmull-Rom
curves". The pieces are those of the pyramid of Barry and Goldman 1988, written as Bezier curves:
both are cubic polynomials, so the conversion is exact. Filling is exact at the centre of every
sample: it is inside where the polygon winds about it in its own direction; so loops that run
backwards, as the inset of a thin shape has, stay empty.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Point = tuple[float, float]
Knot = tuple[float, ...]
"""(x, y), or (x, y, 1) for a corner, at which the curve may turn at once."""

SAMPLES = 8  # points on each piece of a drawn curve


def mirrored(knots: Sequence[Knot]) -> list[Knot]:
    """Returns the knots of the other side, in the order that goes on from these."""
    return [(-knot[0], *knot[1:]) for knot in reversed(knots)]


def whole(half: Sequence[Knot]) -> list[Knot]:
    """Completes the right half, from the top down: what lies on the axis is not doubled."""
    left = [knot for knot in mirrored(half) if abs(knot[0]) > 1e-9]
    return [*half, *left]


def beziers_between(
    before: np.ndarray, start: np.ndarray, end: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """Converts pieces of a spline, each of four consecutive points [S, 2], to Beziers [S, 4, 2].

    A piece from `start` to `end` that has no length is a point; a neighbour that coincides with its
    end is replaced by the mirror image of the other, so that the curve leaves straight.
    """
    middle = np.sqrt(np.linalg.norm(end - start, axis=1, keepdims=True))
    first = np.sqrt(np.linalg.norm(start - before, axis=1, keepdims=True))
    last = np.sqrt(np.linalg.norm(after - end, axis=1, keepdims=True))
    tiny = 1e-12
    before = np.where(first < tiny, 2 * start - end, before)
    after = np.where(last < tiny, 2 * end - start, after)
    first = np.maximum(np.where(first < tiny, middle, first), tiny)
    last = np.maximum(np.where(last < tiny, middle, last), tiny)
    leaving = _handle(before, start, end, first, middle)
    arriving = _handle(after, end, start, last, middle)
    pieces = np.stack([start, leaving, arriving, end], axis=1)
    return np.where(middle[:, None] < tiny, start[:, None], pieces)


def _handle(
    other: np.ndarray, here: np.ndarray, there: np.ndarray, outer: np.ndarray, inner: np.ndarray
) -> np.ndarray:
    """The Bezier control point beside `here`; outer and inner are roots of distances, [S, 1]."""
    near = (2 * outer**2 + 3 * outer * inner + inner**2) * here
    return (outer**2 * there - inner**2 * other + near) / (3 * outer * (outer + inner))


def closed_beziers(points: np.ndarray) -> np.ndarray:
    """Returns the pieces float64 [N, 4, 2] of the closed curve through points [N, 2]."""
    points = np.asarray(points, np.float64)
    return beziers_between(
        np.roll(points, 1, axis=0), points, np.roll(points, -1, axis=0), np.roll(points, -2, axis=0)
    )


@functools.lru_cache(maxsize=16)
def _basis(samples: int) -> np.ndarray:
    """The Bernstein polynomials at `samples` equal steps from 0, without 1: [samples, 4]."""
    t = np.arange(samples) / samples
    return np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)


def evaluate(pieces: np.ndarray, samples: int = SAMPLES) -> np.ndarray:
    """Returns points on Bezier pieces [S, 4, 2]: [S, samples, 2], each from its start on."""
    return np.matmul(_basis(samples), pieces)


def closed_curve(points: np.ndarray, samples: int = SAMPLES) -> np.ndarray:
    """Returns the polygon [N * samples, 2] of the closed curve through points [N, 2]."""
    return evaluate(closed_beziers(points), samples).reshape(-1, 2)


class Polylines(NamedTuple):
    """Many polylines in one array.

    Attributes:
        points: float64 [M, 2], one polyline after another.
        counts: int64 [C], points of each.
        closed: bool [C], whether the last point leads to the first.
    """

    points: np.ndarray
    counts: np.ndarray
    closed: np.ndarray

    @property
    def ends(self) -> np.ndarray:
        """Where each polyline ends in `points`: int64 [C]."""
        return np.cumsum(self.counts)

    def neighbours(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices [M] of the points before and after each; an open end is its own neighbour."""
        starts, last = self.ends - self.counts, self.ends - 1
        before = np.arange(-1, len(self.points) - 1)
        after = np.arange(1, len(self.points) + 1)
        before[starts] = np.where(self.closed, last, starts)
        after[last] = np.where(self.closed, starts, last)
        return before, after

    def normals(self) -> np.ndarray:
        """Unit normals [M, 2], to the right of the direction of travel as the eye sees it."""
        before, after = self.neighbours()
        ahead = self.points[after] - self.points[before]
        ahead /= np.maximum(np.sqrt((ahead * ahead).sum(axis=1, keepdims=True)), 1e-12)
        return np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)

    def turns(self) -> np.ndarray:
        """1 for each that runs clockwise to the eye, -1 for the others: float64 [C]."""
        _, after = self.neighbours()
        x, y = self.points.T
        twice = np.add.reduceat(x * y[after] - y * x[after], self.ends - self.counts)
        return np.where(twice >= 0, 1.0, -1.0)


def polylines(
    curves: Sequence[Sequence[Knot]], closed: Sequence[bool], samples: int = SAMPLES
) -> Polylines:
    """Evaluates curves of two or more knots, three where the last leads to the first.

    Each knot gives as many points as there are samples; an open curve ends at its last knot.
    """
    flat = np.array(
        [(knot[0], knot[1], 1.0 if len(knot) > 2 else 0.0) for curve in curves for knot in curve]
    )
    counts = np.array([len(curve) for curve in curves])
    is_closed = np.asarray(closed, bool)
    owner = np.repeat(np.arange(len(curves)), counts)
    first = (np.cumsum(counts) - counts)[owner]
    place = np.arange(len(flat)) - first
    size = counts[owner]
    before, end, after = (first + (place + step) % size for step in (-1, 1, 2))
    points, sharp = flat[:, :2], flat[:, 2] > 0
    open_ = ~is_closed[owner]
    last = open_ & (place == size - 1)
    # Beyond a corner, and beyond the ends of an open curve, there is nothing to look at.
    starts_anew = sharp | (open_ & (place == 0))
    ends_here = sharp[end] | (open_ & (place == size - 2))
    pieces = beziers_between(
        np.where(starts_anew[:, None], points, points[before]),
        points,
        np.where(last[:, None], points, points[end]),
        np.where(ends_here[:, None], points[end], points[after]),
    )
    dense = evaluate(pieces, samples)
    if last.any():
        kept = np.ones((len(flat), samples), bool)
        kept[last, 1:] = False
        dense = dense[kept]
    counts = np.where(is_closed, counts * samples, (counts - 1) * samples + 1)
    return Polylines(dense.reshape(-1, 2), counts, is_closed)


def signed_area(points: np.ndarray) -> float:
    """Returns the area of a polygon [N, 2]: positive where it runs clockwise to the eye."""
    x, y = points[:, 0], points[:, 1]
    return 0.5 * float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def clockwise(points: np.ndarray) -> np.ndarray:
    """Returns the polygon [N, 2], turned round where it runs anticlockwise to the eye."""
    return points if signed_area(points) >= 0 else points[::-1]


def cut_off(points: np.ndarray) -> np.ndarray:
    """Cuts a polygon [N, 2] off at the rim of the canvas, from 0 to 1 (Sutherland, Hodgman 1974).

    A polygon that lies wholly outside comes back empty.
    """
    for axis in (0, 1):
        for sign, limit in ((1, 0.0), (-1, -1.0)):
            within = sign * points[:, axis] >= limit
            if within.all():
                continue
            after = np.roll(points, -1, axis=0)
            leads_over = within != np.roll(within, -1)
            step = after[:, axis] - points[:, axis]
            share = (sign * limit - points[:, axis]) / np.where(leads_over, step, 1.0)
            rim = points + share[:, None] * (after - points)
            rim[:, axis] = sign * limit
            both = np.stack([points, rim], axis=1).reshape(-1, 2)
            points = both[np.stack([within, leads_over], axis=1).ravel()]
    return points


class Region(NamedTuple):
    """The inside of a polygon: bool [rows, columns], at (top, left) of the samples."""

    top: int
    left: int
    inside: np.ndarray

    @property
    def place(self) -> tuple[slice, slice]:
        """Where it lies within an array of samples."""
        rows, columns = self.inside.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + columns)


_NOWHERE = Region(0, 0, np.zeros((0, 0), bool))


def fill_all(
    points: np.ndarray, sizes: np.ndarray, turns: np.ndarray, rows: int, columns: int
) -> list[Region]:
    """Finds the samples inside each of many polygons: for each the smallest box that holds it.

    One pass over the edges of all, and one running sum over all their boxes.

    Args:
        points: float [M, 2] of one polygon after another, in samples, whose centres are at halves.
        sizes: points of each.
        turns: 1 for each that runs clockwise to the eye, -1 for the others.
        rows, columns: of the canvas; what lies beyond is cut off.
    """
    owner = np.repeat(np.arange(len(sizes)), sizes)
    ends = np.cumsum(sizes)
    following = np.arange(1, len(points) + 1)
    following[ends - 1] = ends - sizes
    x, y = points[:, 0], points[:, 1]
    first_row = np.clip(np.ceil(y - 0.5), 0, rows).astype(np.int64)
    row_after = first_row[following]
    count = np.abs(row_after - first_row)
    crossing = np.flatnonzero(count)
    if not len(crossing):
        return [_NOWHERE] * len(sizes)
    # Every row that an edge crosses becomes one entry.
    count = count[crossing]
    edge = np.repeat(crossing, count)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    row = np.minimum(first_row, row_after)[edge] + step
    rise = y[following] - y
    slope = (x[following] - x) / np.where(rise == 0, 1.0, rise)
    where = x[edge] + (row + 0.5 - y[edge]) * slope[edge]
    column = np.clip(np.ceil(where - 0.5), 0, columns).astype(np.int64)
    # Clockwise and y down: on the left side of the shape the edge runs up.
    sign = np.where((row_after < first_row) == (turns[owner] > 0), 1, -1).astype(np.int8)
    present, first = np.unique(owner[edge], return_index=True)
    top = np.minimum.reduceat(row, first)
    left = np.minimum.reduceat(column, first)
    height = np.maximum.reduceat(row, first) - top + 1
    # One column more, in which the winding number is back at zero for the next row.
    width = np.maximum.reduceat(column, first) - left + 1
    area = height * width
    offset = np.cumsum(area) - area
    index = np.searchsorted(present, owner[edge])
    flat = offset[index] + (row - top[index]) * width[index] + column - left[index]
    winding = np.zeros(int(area.sum()), np.int8)
    np.add.at(winding, flat, sign[edge])
    np.add.accumulate(winding, out=winding)
    inside = np.greater(winding, 0, out=winding.view(bool))
    regions = [_NOWHERE] * len(sizes)
    boxes = np.stack([present, top, left, height, width, offset], axis=1).tolist()
    for number, top_, left_, height_, width_, offset_ in boxes:
        box = inside[offset_ : offset_ + height_ * width_].reshape(height_, width_)
        regions[number] = Region(top_, left_, box[:, :-1])
    return regions


def coverage(polygon: np.ndarray, size: int, samples: int = 8) -> np.ndarray:
    """Returns the share of each pixel that a polygon [N, 2] covers: float32 [size, size].

    The polygon is in canvas units and may run either way; a pixel has samples x samples samples.
    """
    side = size * samples
    points = clockwise(np.asarray(polygon, np.float64)) * side
    region = fill_all(points, np.array([len(points)]), np.ones(1), side, side)[0]
    canvas = np.zeros((side, side), np.float32)
    canvas[region.place] = region.inside
    return canvas.reshape(size, samples, size, samples).mean(axis=(1, 3))
