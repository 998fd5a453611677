"""Filling polygons: all of a drawing at once, exact at the centre of every sample.

A sample is inside where the polygon winds about it in its own direction; so loops that run
backwards, as the inset of a thin shape has, stay empty.
"""

from typing import NamedTuple

import numpy as np

from elegan.applications.characters.curves import clockwise


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
    """Finds the samples inside each of many polygons.

    One pass over the edges of all, and one running sum over all their boxes.

    Args:
        points: float [M, 2] of one polygon after another, in samples: the first sample's centre is
            at (0.5, 0.5).
        sizes: points of each.
        turns: 1 for each that runs clockwise to the eye, -1 for the others.
        rows, columns: of the canvas; what lies beyond is cut off.

    Returns:
        A region for each, the smallest box that holds it.
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
    return _sum(owner[edge], row, column, sign[edge], len(sizes))


def _sum(
    owner: np.ndarray, row: np.ndarray, column: np.ndarray, sign: np.ndarray, count: int
) -> list[Region]:
    """Turns crossings, sorted by owner, into regions by one running sum over all boxes."""
    present, first = np.unique(owner, return_index=True)
    top = np.minimum.reduceat(row, first)
    left = np.minimum.reduceat(column, first)
    height = np.maximum.reduceat(row, first) - top + 1
    # One column more, in which the winding number is back at zero for the next row.
    width = np.maximum.reduceat(column, first) - left + 1
    area = height * width
    offset = np.cumsum(area) - area
    index = np.searchsorted(present, owner)
    flat = offset[index] + (row - top[index]) * width[index] + column - left[index]
    turns = np.zeros(int(area.sum()), np.int8)
    np.add.at(turns, flat, sign)
    np.add.accumulate(turns, out=turns)
    inside = np.greater(turns, 0, out=turns.view(bool))
    regions = [_NOWHERE] * count
    boxes = np.stack([present, top, left, height, width, offset], axis=1).tolist()
    for number, top_, left_, height_, width_, offset_ in boxes:
        box = inside[offset_ : offset_ + height_ * width_].reshape(height_, width_)
        regions[number] = Region(top_, left_, box[:, :-1])
    return regions


def coverage(polygon: np.ndarray, size: int, samples: int = 8) -> np.ndarray:
    """Returns how much of each pixel a polygon covers: float32 [size, size] in 0..1.

    Args:
        polygon: [N, 2] in canvas units, in either direction.
        size: of the image, in pixels.
        samples: a side, in each pixel.
    """
    side = size * samples
    points = clockwise(np.asarray(polygon, np.float64)) * side
    region = fill_all(points, np.array([len(points)]), np.ones(1), side, side)[0]
    canvas = np.zeros((side, side), np.float32)
    canvas[region.place] = region.inside
    return canvas.reshape(size, samples, size, samples).mean(axis=(1, 3))
