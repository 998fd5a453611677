"""Between masks of parts and their outlines, a few points each: traced, checked, filled, composed.

Tracing is by marching squares (Lorensen and Cline 1987, "Marching cubes", in two dimensions): where
neighbouring pixels lie on two sides of the level, the outline passes between their centres, at the
place that a straight line between the two values gives. So a soft mask is outlined to a fraction of
a pixel.
"""

import numpy as np

from elegan.applications.characters.curves import clockwise, closed_curve, coverage, signed_area
from elegan.applications.characters.parts import INDEX, INSIDE
from elegan.common.errors import EleganError

POINTS = 32
_ROUNDS, _CLOSE_ENOUGH = 5, 0.02
SLACK = 1e-6  # in canvas units: what rounding may push a point over the rim
_MAX_NAMED = 4

# Sides of a cell of four pixel centres: 0 top, 1 right, 2 bottom, 3 left. The corners count 1 (top
# left), 2 (top right), 4 (bottom right) and 8 (bottom left) where they are inside. An outline
# enters by the first side and leaves by the second with the inside on its right, so that it
# runs clockwise to the eye. Where two opposite corners are inside and the middle as well, the count
# is negative.
_WAYS: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((0, 3),), 2: ((1, 0),), 3: ((1, 3),), 4: ((2, 1),), 6: ((2, 0),), 7: ((2, 3),),
    8: ((3, 2),), 9: ((0, 2),), 11: ((1, 2),), 12: ((3, 1),), 13: ((0, 1),), 14: ((3, 0),),
    5: ((0, 3), (2, 1)), -5: ((0, 1), (2, 3)), 10: ((1, 0), (3, 2)), -10: ((1, 2), (3, 0)),
}  # fmt: skip
_SIDES = ((0, 0, 0), (1, 0, 1), (0, 1, 0), (0, 0, 1))
"""Of each side, named alike from both cells that share it: its first pixel, to the right and below,
and 1 if it leads down."""


def trace(mask: np.ndarray, level: float = 0.5) -> list[np.ndarray]:
    """Finds the outlines of a mask [H, W], bool or in 0..1, the largest first.

    What is above the level is inside, what is beyond the canvas outside. Closed polygons float64
    [M, 2] in canvas units run clockwise to the eye about what is inside, else about a hole.
    """
    height, width = mask.shape
    values = np.pad(np.asarray(mask, np.float64), 1)
    corner = (values > level).astype(np.uint8)
    cells = corner[:-1, :-1] + 2 * corner[:-1, 1:] + 4 * corner[1:, 1:] + 8 * corner[1:, :-1]
    following: dict[tuple[int, int, int], tuple[int, int, int]] = {}
    rows, columns = np.nonzero((cells > 0) & (cells < 15))
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        case = int(cells[row, column])
        if case in (5, 10) and values[row : row + 2, column : column + 2].mean() > level:
            case = -case
        for enter, leave in _WAYS[case]:
            (right, below, down), (right_2, below_2, down_2) = _SIDES[enter], _SIDES[leave]
            here = row + below, column + right, down
            following[here] = row + below_2, column + right_2, down_2
    loops = []
    while following:
        start, here = following.popitem()
        loop = [start]
        while here != start:
            loop.append(here)
            here = following.pop(here)
        row, column, down = np.array(loop).T
        first, second = values[row, column], values[row + down, column + 1 - down]
        share = (level - first) / (second - first)
        # The padding moves pixel centres by one: padded pixel 1 has its centre at 0.5.
        x, y = column - 0.5 + share * (1 - down), row - 0.5 + share * down
        loops.append(np.stack([x, y], axis=1) / (width, height))
    return sorted(loops, key=lambda loop: -abs(signed_area(loop)))


def fitted(mask: np.ndarray) -> list[np.ndarray]:
    """Finds the outlines of a mask at the level at which they enclose as much as it covers.

    For most masks that is a half; in a soft mask of a thing two pixels thick the half would lose
    its tips.
    """
    wanted = float(np.sum(mask, dtype=np.float64)) / mask.size
    low, high = 0.0, 0.99
    level, loops = 0.5, trace(mask)
    for _ in range(_ROUNDS):
        area = sum(signed_area(loop) for loop in loops)
        if abs(area - wanted) <= _CLOSE_ENOUGH * wanted:
            break
        low, high = (level, high) if area > wanted else (low, level)
        level = (low + high) / 2
        loops = trace(mask, level)
    return loops


def outline(mask: np.ndarray, count: int = POINTS) -> np.ndarray | None:
    """Returns the outline of the largest piece of a mask by `resample`; None where it is empty."""
    loops = fitted(mask)
    return resample(loops[0], count) if loops else None


def resample(polygon: np.ndarray, count: int = POINTS) -> np.ndarray:
    """Puts points evenly along a closed polygon [M, 2], clockwise from its canonical start.

    That is where the vertical line through the middle of the polygon's area first meets it from
    above: the crown of a head, the middle of an upper lid. So the same number is the same place in
    alike shapes.

    Raises:
        ValueError: the polygon has no length.
    """
    polygon = from_start(clockwise(np.asarray(polygon, np.float64)))
    closed = np.concatenate([polygon, polygon[:1]])
    steps = np.sqrt((np.diff(closed, axis=0) ** 2).sum(axis=1))
    along = np.concatenate([[0.0], np.cumsum(steps)])
    if along[-1] <= 0:
        raise ValueError("An outline without length has no points.")
    wanted = np.arange(count) * (along[-1] / count)
    return np.stack([np.interp(wanted, along, closed[:, axis]) for axis in (0, 1)], axis=1)


def from_start(polygon: np.ndarray) -> np.ndarray:
    """Turns the order of a clockwise polygon [M, 2] so that it begins at its canonical start."""
    x, y = polygon.T
    x_next, y_next = np.roll(x, -1), np.roll(y, -1)
    twist = x * y_next - y * x_next
    area = twist.sum()
    middle = ((x + x_next) * twist).sum() / (3 * area) if abs(area) > 1e-12 else x.mean()
    middle = min(max(middle, x.min() + 1e-9), x.max() - 1e-9)
    crossing = np.flatnonzero((x <= middle) != (x_next <= middle))
    if not len(crossing):
        return polygon
    share = (middle - x[crossing]) / (x_next[crossing] - x[crossing])
    height = y[crossing] + share * (y_next[crossing] - y[crossing])
    first = int(height.argmin())
    start = np.array([[middle, height[first]]])
    after = int(crossing[first]) + 1
    return np.concatenate([start, polygon[after:], polygon[:after]])


def fill(points: np.ndarray, size: int, samples: int = 8) -> np.ndarray:
    """Fills the closed curve through points [N, 2]: float32 [size, size], coverage in 0..1."""
    # Enough points on each piece that its chords stay within a small part of a pixel.
    steps = int(np.clip(4 * size / max(len(points), 1), 4, 32))
    return coverage(closed_curve(points, steps), size, samples)


def compose(masks: np.ndarray) -> np.ndarray:
    """Coverage of each part by itself, float32 [P, H, W] -> what is seen of it under the others.

    With what stays transparent they add up to 1. Where the edges of two parts meet within a pixel,
    coverages are multiplied, as image programs do.
    """
    visible = np.array(masks, np.float32)
    for name, outer in INSIDE.items():
        visible[INDEX[name]] *= masks[INDEX[outer]]
    free = np.ones(masks.shape[1:], np.float32)
    for index in reversed(range(len(visible))):
        covered = visible[index].copy()
        visible[index] *= free
        free *= 1 - covered
    return visible


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two masks [H, W] in 0..1, for soft ones that of coverages.

    Two empty masks are equal: 1.
    """
    union = float(np.maximum(one, other).sum())
    return float(np.minimum(one, other).sum()) / union if union else 1.0


def check(name: str, points: np.ndarray) -> None:
    """Checks that points [N, 2] are the outline of a part: a curve that can be filled.

    Raises:
        EleganError: too few points, not numbers, off the canvas, no area, anticlockwise, or the
            curve crosses itself; the message names the part and where.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise EleganError(
            f"The outline of '{name}' needs three or more points [x, y], not an array of shape"
            f" {points.shape}."
        )
    if not np.isfinite(points).all():
        numbers = np.flatnonzero(~np.isfinite(points).all(axis=1)).tolist()
        raise EleganError(f"The outline of '{name}' has no number at {_some(numbers)}.")
    beyond = ((points < -SLACK) | (points > 1 + SLACK)).any(axis=1)
    if beyond.any():
        numbers = np.flatnonzero(beyond).tolist()
        x, y = points[numbers[0]]
        raise EleganError(
            f"The outline of '{name}' leaves the canvas at {_some(numbers)}: ({x:.3f}, {y:.3f})."
            " Both numbers of a point lie between 0 and 1."
        )
    area = signed_area(points)
    if abs(area) < 1e-7:
        raise EleganError(f"The outline of '{name}' encloses nothing: its points lie on a line.")
    if crossing := first_crossing(points):
        one, two, (x, y) = crossing
        count = len(points)
        raise EleganError(
            f"The outline of '{name}' crosses itself at ({x:.3f}, {y:.3f}): the curve between"
            f" points {one} and {(one + 1) % count} meets that between {two} and"
            f" {(two + 1) % count}. Move one of them, or put them in the order along the outline."
        )
    if area < 0:
        raise EleganError(
            f"The outline of '{name}' runs anticlockwise. Reverse the order of its points."
        )


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:_MAX_NAMED]))
    more = f" and {len(numbers) - _MAX_NAMED} more" if len(numbers) > _MAX_NAMED else ""
    return f"point{'s' if len(numbers) > 1 else ''} {shown}{more}"


def first_crossing(
    points: np.ndarray, samples: int = 6
) -> tuple[int, int, tuple[float, float]] | None:
    """Finds where the closed curve through points [N, 2] meets itself, if it does.

    Returns the numbers of the two points after which the meeting pieces begin, and the place.
    """
    line = closed_curve(points, samples)
    step = np.roll(line, -1, axis=0) - line
    count = len(line)
    # Two segments cross where each has the ends of the other on two sides.
    between = line[None] - line[:, None]
    side = step[:, None, 0] * between[..., 1] - step[:, None, 1] * between[..., 0]
    next_side = np.roll(side, -1, axis=1)
    apart = (side > 0) != (next_side > 0)
    meets = np.triu(apart & apart.T, 2)
    meets[0, count - 1] = False  # neighbours share an end
    found = np.argwhere(meets)
    if not len(found):
        return None
    one, two = found[0].tolist()
    share = side[two, one] / (side[two, one] - next_side[two, one])
    x, y = (line[one] + share * step[one]).tolist()
    return one // samples, two // samples, (x, y)
