"""From a mask to its outline: marching squares, then points along it from a canonical start.

Lorensen and Cline 1987, "Marching cubes", in two dimensions: where neighbouring pixels lie on two
sides of the level, the outline passes between their centres, at the place that a straight line
between the two values gives. So a soft mask is outlined to a fraction of a pixel.
"""

import heapq

import numpy as np

from elegan.applications.characters.curves import clockwise, signed_area

POINTS = 32
SPACINGS = ("even", "shape")
_DENSE = 512  # places along an outline among which points are chosen
_ROUNDS, _CLOSE_ENOUGH = 5, 0.02
_GAP = 2.5  # times the mean distance that points may lie apart: a long chord would bulge

# Sides of a cell of four pixel centres: 0 top, 1 right, 2 bottom, 3 left. The corners count 1 (top
# left), 2 (top right), 4 (bottom right) and 8 (bottom left) where they are inside. An outline
# enters by the first side and leaves by the second with the inside on its right, so that it
# runs clockwise to the eye.
_WAYS: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((0, 3),),
    2: ((1, 0),),
    3: ((1, 3),),
    4: ((2, 1),),
    6: ((2, 0),),
    7: ((2, 3),),
    8: ((3, 2),),
    9: ((0, 2),),
    11: ((1, 2),),
    12: ((3, 1),),
    13: ((0, 1),),
    14: ((3, 0),),
}
_SADDLES = {
    (5, False): ((0, 3), (2, 1)),
    (5, True): ((0, 1), (2, 3)),
    (10, False): ((1, 0), (3, 2)),
    (10, True): ((1, 2), (3, 0)),
}
"""Two opposite corners inside, by whether the middle of the cell is."""


def trace(mask: np.ndarray, level: float = 0.5) -> list[np.ndarray]:
    """Finds the outlines of a mask, the largest first.

    Args:
        mask: [H, W], bool or in 0..1; what is beyond the canvas counts as 0.
        level: what is above it is inside.

    Returns:
        Closed polygons float64 [M, 2] in canvas units: clockwise to the eye about what is inside,
        anticlockwise about a hole.
    """
    height, width = mask.shape
    values = np.pad(np.asarray(mask, np.float64), 1)
    inside = values > level
    corner = inside.astype(np.uint8)
    cells = corner[:-1, :-1] + 2 * corner[:-1, 1:] + 4 * corner[1:, 1:] + 8 * corner[1:, :-1]
    following: dict[tuple[int, int, int], tuple[int, int, int]] = {}
    rows, columns = np.nonzero((cells > 0) & (cells < 15))
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        case = int(cells[row, column])
        ways = _WAYS.get(case)
        if ways is None:
            middle = values[row : row + 2, column : column + 2].mean() > level
            ways = _SADDLES[case, bool(middle)]
        for enter, leave in ways:
            following[_edge(row, column, enter)] = _edge(row, column, leave)
    loops = []
    while following:
        start, here = following.popitem()
        loop = [start]
        while here != start:
            loop.append(here)
            here = following.pop(here)
        loops.append(_places(np.array(loop), values, level) / (width, height))
    return sorted(loops, key=lambda loop: -abs(signed_area(loop)))


def _edge(row: int, column: int, side: int) -> tuple[int, int, int]:
    """Names the side of a cell alike from both cells that share it: its first pixel, and 1 if it
    leads down."""
    if side == 0:
        return row, column, 0
    if side == 1:
        return row, column + 1, 1
    if side == 2:
        return row + 1, column, 0
    return row, column, 1


def _places(loop: np.ndarray, values: np.ndarray, level: float) -> np.ndarray:
    """Where the level lies on each edge [M, 3]: [M, 2] as x and y in pixels."""
    row, column, down = loop.T
    first = values[row, column]
    second = values[row + down, column + 1 - down]
    share = (level - first) / (second - first)
    # The padding moves pixel centres by one: padded pixel 1 has its centre at 0.5.
    return np.stack([column - 0.5 + share * (1 - down), row - 0.5 + share * down], axis=1)


def fitted(mask: np.ndarray) -> list[np.ndarray]:
    """The same at the level at which the outlines enclose as much as the mask covers.

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


def outline(mask: np.ndarray, count: int = POINTS, *, spacing: str = "shape") -> np.ndarray | None:
    """Returns the outline of the largest piece of a mask as ordered points.

    Args:
        mask: [H, W], bool or in 0..1.
        count: of points.
        spacing: see `resample`.

    Returns:
        float64 [count, 2] in canvas units, or None where the mask is empty.
    """
    loops = fitted(mask)
    return resample(loops[0], count, spacing=spacing) if loops else None


def resample(polygon: np.ndarray, count: int = POINTS, *, spacing: str = "shape") -> np.ndarray:
    """Puts points along a closed polygon, clockwise from its canonical start.

    That is where the vertical line through the middle of the polygon's area first meets it from
    above: the crown of a head, the middle of an upper lid.

    Args:
        polygon: [M, 2].
        count: of points, three or more.
        spacing: "even" puts them at equal distances along the polygon, so that the same number is
            the same place in alike shapes; "shape" where they matter most for the area, at the
            start always (Visvalingam and Whyatt 1993: of many, the one whose triangle with its
            neighbours is smallest is taken away, again and again), but nowhere far apart.

    Raises:
        ValueError: the spacing is unknown or the polygon has no length.
    """
    if spacing not in SPACINGS:
        raise ValueError(f"Unknown spacing '{spacing}'. Known: {', '.join(SPACINGS)}.")
    polygon = from_start(clockwise(np.asarray(polygon, np.float64)))
    if spacing == "even":
        return _evenly(polygon, count)
    return _thinned(_evenly(polygon, max(_DENSE, 4 * count)), count)


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


def _evenly(polygon: np.ndarray, count: int) -> np.ndarray:
    closed = np.concatenate([polygon, polygon[:1]])
    steps = np.sqrt((np.diff(closed, axis=0) ** 2).sum(axis=1))
    along = np.concatenate([[0.0], np.cumsum(steps)])
    if along[-1] <= 0:
        raise ValueError("An outline without length has no points.")
    wanted = np.arange(count) * (along[-1] / count)
    return np.stack([np.interp(wanted, along, closed[:, axis]) for axis in (0, 1)], axis=1)


def _thinned(points: np.ndarray, count: int) -> np.ndarray:
    """Takes points away until `count` are left; the first stays."""
    total = len(points)
    before = [index - 1 for index in range(total)]
    before[0] = total - 1
    after = [index + 1 for index in range(total)]
    after[-1] = 0
    x, y = points[:, 0].tolist(), points[:, 1].tolist()

    def triangle(index: int) -> float:
        one, two = before[index], after[index]
        return abs(
            (x[one] - x[index]) * (y[two] - y[index]) - (x[two] - x[index]) * (y[one] - y[index])
        )

    sizes = [triangle(index) for index in range(total)]
    farthest = _GAP * total / count
    heap = [(sizes[index], index) for index in range(1, total)]
    heapq.heapify(heap)
    kept = [True] * total
    left = total
    while left > count:
        size, index = heapq.heappop(heap)
        if not kept[index] or size != sizes[index]:
            continue  # an older entry of a point whose neighbours have changed
        if (after[index] - before[index]) % total > farthest:
            continue
        kept[index] = False
        left -= 1
        one, two = before[index], after[index]
        after[one], before[two] = two, one
        for neighbour in (one, two):
            # It never becomes less than what has been taken, so that the order stays sensible.
            sizes[neighbour] = max(triangle(neighbour), size)
            if neighbour:
                heapq.heappush(heap, (sizes[neighbour], neighbour))
    return points[np.array(kept)]
