"""Hair: what falls behind the head, and what falls before the face."""

from collections.abc import Sequence
from dataclasses import dataclass

from elegan.applications.characters.curves import Knot, Point, whole

BACKS: dict[str, list[Knot]] = {
    "bob": whole(
        [(0.0, -1.46), (0.7, -1.28), (1.12, -0.75), (1.26, 0.0), (1.3, 0.62), (1.18, 1.1, 1),
         (0.95, 1.14), (0.72, 1.2, 1), (0.4, 1.16), (0.2, 1.22)]
    ),
    "short": whole(
        [(0.0, -1.46), (0.7, -1.28), (1.08, -0.75), (1.14, -0.1), (1.1, 0.4), (0.98, 0.72, 1),
         (0.8, 0.72), (0.62, 0.98, 1), (0.4, 0.9), (0.16, 1.0)]
    ),
    "long": whole(
        [(0.0, -1.46), (0.7, -1.28), (1.12, -0.75), (1.24, 0.1), (1.3, 0.95), (1.38, 1.68, 1),
         (1.2, 1.6), (1.02, 1.9, 1), (0.78, 1.72), (0.5, 1.96, 1), (0.2, 1.8)]
    ),
    "waves": whole(
        [(0.0, -1.46), (0.72, -1.28), (1.16, -0.75), (1.26, -0.15), (1.44, 0.3), (1.36, 0.72),
         (1.56, 1.16), (1.42, 1.56), (1.6, 1.98, 1), (1.25, 1.86), (1.0, 2.06, 1), (0.7, 1.9),
         (0.4, 2.05, 1), (0.15, 1.95)]
    ),
    "twin-tails": whole(
        [(0.0, -1.46), (0.6, -1.34), (0.98, -1.0), (1.05, -0.86, 1), (1.34, -1.02), (1.66, -0.8),
         (1.8, -0.15), (1.78, 0.6), (1.62, 1.38, 1), (1.5, 1.0), (1.36, 1.16, 1), (1.3, 0.5),
         (1.2, -0.1), (1.08, -0.52), (1.06, 0.2), (0.92, 0.66), (0.6, 0.86), (0.2, 0.92)]
    ),
    "low-tails": whole(
        [(0.0, -1.46), (0.7, -1.28), (1.08, -0.75), (1.14, -0.1), (1.12, 0.4), (1.06, 0.7, 1),
         (1.3, 0.86), (1.4, 1.3), (1.24, 1.74), (1.0, 1.98, 1), (0.94, 1.6), (0.9, 1.2),
         (0.86, 0.86, 1), (0.5, 0.92), (0.2, 0.94)]
    ),
    "buns": whole(
        [(0.0, -1.46), (0.4, -1.4), (0.56, -1.34, 1), (0.58, -1.66), (0.84, -1.82), (1.12, -1.66),
         (1.2, -1.36), (1.06, -1.1), (0.98, -1.0, 1), (1.12, -0.6), (1.12, 0.1), (1.0, 0.6),
         (0.7, 0.8), (0.3, 0.86)]
    ),
    "spiky": whole(
        [(0.0, -1.46), (0.4, -1.44), (0.66, -1.64, 1), (0.78, -1.32), (1.22, -1.42, 1),
         (1.1, -0.98), (1.52, -0.92, 1), (1.2, -0.56), (1.6, -0.32, 1), (1.22, -0.08),
         (1.48, 0.34, 1), (1.12, 0.4), (1.22, 0.8, 1), (0.94, 0.72), (0.88, 1.04, 1), (0.6, 0.86),
         (0.4, 1.02, 1), (0.15, 0.9)]
    ),
    "wolf": whole(
        [(0.0, -1.46), (0.7, -1.3), (1.14, -0.8), (1.24, -0.1), (1.28, 0.3), (1.46, 0.6, 1),
         (1.18, 0.6), (1.22, 0.86), (1.4, 1.22, 1), (1.06, 1.08), (0.92, 1.26), (1.04, 1.62, 1),
         (0.66, 1.36), (0.44, 1.6, 1), (0.2, 1.4)]
    ),
    "curls": whole(
        [(0.0, -1.44), (0.7, -1.3), (1.06, -1.0, 1), (1.3, -1.02), (1.46, -0.8), (1.38, -0.5, 1),
         (1.6, -0.42), (1.7, -0.12), (1.52, 0.16, 1), (1.74, 0.3), (1.76, 0.64), (1.52, 0.84, 1),
         (1.68, 1.04), (1.6, 1.36), (1.3, 1.44, 1), (1.24, 1.7), (0.96, 1.78), (0.78, 1.6, 1),
         (0.6, 1.8), (0.36, 1.8), (0.2, 1.64, 1)]
    ),
    "ponytail": [
        (0.0, -1.46), (0.42, -1.4), (0.62, -1.34, 1), (0.8, -1.72), (1.24, -1.74), (1.62, -1.3),
        (1.74, -0.5), (1.68, 0.3), (1.44, 1.1, 1), (1.42, 0.6), (1.26, 0.72, 1), (1.3, 0.1),
        (1.2, -0.5), (1.08, -0.72), (1.1, 0.1), (1.0, 0.6), (0.7, 0.84), (0.2, 0.92), (-0.2, 0.92),
        (-0.7, 0.84), (-1.0, 0.6), (-1.12, 0.0), (-1.08, -0.75), (-0.7, -1.28),
    ],
    "side-braid": [
        (0.0, -1.46), (0.7, -1.28), (1.08, -0.75), (1.14, -0.1), (1.08, 0.5), (0.94, 0.82),
        (0.5, 0.95), (0.0, 0.98), (-0.4, 1.0), (-0.7, 1.02, 1), (-0.62, 1.26), (-0.72, 1.4, 1),
        (-0.66, 1.6), (-0.76, 1.72, 1), (-0.72, 1.86), (-0.9, 2.12, 1), (-1.06, 1.9),
        (-1.1, 1.72, 1), (-1.24, 1.56), (-1.16, 1.38, 1), (-1.3, 1.2), (-1.2, 1.02, 1),
        (-1.3, 0.86), (-1.14, 0.6), (-1.14, -0.1), (-1.08, -0.75), (-0.7, -1.28),
    ],
}  # fmt: skip

TIES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "twin-tails": ((1.12, -0.88, 0.6), (-1.12, -0.88, -0.6)),
    "low-tails": ((1.0, 0.8, 0.1), (-1.0, 0.8, -0.1)),
    "ponytail": ((0.72, -1.46, -0.5),),
    "side-braid": ((-0.9, 1.86, 0.0),),
}
"""Where a hair tie sits: x, y and its slant."""


@dataclass(frozen=True, kw_only=True)
class Fringe:
    """Front hair: locks that fall from the crown.

    Attributes:
        tips: of the locks over the forehead, from left to right.
        valleys: between them and at both ends: one more than tips.
        locks: tips of the side locks, left and right.
        bow: how round the sides of a lock are.
        volume: how far the hair stands off the skull.
        part: x from which strands fall.
        inner: how far inside its tip a side lock is wide.
        shine: whether it has a ring of light.
        scallop: rounded tips instead of corners.
    """

    tips: tuple[Point, ...]
    valleys: tuple[Point, ...]
    locks: tuple[Point, Point]
    bow: float = 0.10
    volume: float = 0.0
    part: float = 0.0
    inner: float = 0.16
    shine: bool = True
    scallop: bool = False
    crown: tuple[Knot, ...] = ()


FRINGES: dict[str, Fringe] = {
    "straight": Fringe(
        tips=((-0.66, -0.06), (-0.33, -0.02), (0.02, 0.0), (0.36, -0.03), (0.68, -0.07)),
        valleys=(
            (-0.86, -0.22),
            (-0.5, -0.22),
            (-0.16, -0.26),
            (0.19, -0.24),
            (0.53, -0.2),
            (0.87, -0.2),
        ),
        locks=((-1.0, 0.95), (1.0, 0.95)),
    ),
    "hime": Fringe(
        tips=((-0.62, -0.13), (-0.2, -0.10), (0.23, -0.10), (0.64, -0.13)),
        valleys=((-0.84, -0.2), (-0.41, -0.19), (0.02, -0.19), (0.44, -0.19), (0.84, -0.2)),
        locks=((-1.02, 1.28), (1.02, 1.28)),
        bow=0.05,
        inner=0.3,
    ),
    "parted": Fringe(
        tips=((-0.8, 0.16), (0.8, 0.16)),
        valleys=((-0.94, -0.02), (0.0, -0.98), (0.94, -0.02)),
        locks=((-1.04, 0.72), (1.04, 0.72)),
        bow=0.08,
    ),
    "swept": Fringe(
        tips=((-0.42, -0.2), (0.02, -0.1), (0.44, 0.02), (0.76, 0.16)),
        valleys=((-0.84, -0.42), (-0.3, -0.62), (0.1, -0.42), (0.52, -0.24), (0.9, -0.05)),
        locks=((-1.03, 0.5), (1.02, 0.78)),
        bow=0.13,
        part=-0.42,
    ),
    "curtain": Fringe(
        tips=((-0.84, 0.42), (-0.5, -0.12), (0.5, -0.12), (0.84, 0.42)),
        valleys=((-0.96, 0.14), (-0.7, -0.08), (0.0, -0.84), (0.7, -0.08), (0.96, 0.14)),
        locks=((-1.08, 0.66), (1.08, 0.66)),
        bow=0.13,
        volume=0.05,
    ),
    "centre-lock": Fringe(
        tips=((-0.72, 0.02), (-0.38, -0.14), (0.06, 0.2), (0.42, -0.14), (0.74, 0.02)),
        valleys=(
            (-0.88, -0.2),
            (-0.55, -0.34),
            (-0.17, -0.5),
            (0.2, -0.48),
            (0.58, -0.34),
            (0.9, -0.2),
        ),
        locks=((-1.04, 0.62), (1.04, 0.62)),
        bow=0.1,
    ),
    "tousled": Fringe(
        tips=(
            (-0.74, 0.08),
            (-0.5, -0.12),
            (-0.12, 0.06),
            (0.2, -0.16),
            (0.48, 0.04),
            (0.8, -0.02),
        ),
        valleys=(
            (-0.9, -0.16),
            (-0.6, -0.36),
            (-0.3, -0.44),
            (0.03, -0.48),
            (0.3, -0.46),
            (0.62, -0.34),
            (0.9, -0.24),
        ),
        locks=((-1.1, 0.5), (1.08, 0.44)),
        volume=0.08,
        part=0.2,
        crown=(
            (0.66, -1.34),
            (0.42, -1.46),
            (0.36, -1.6, 1),
            (0.2, -1.52),
            (0.02, -1.54),
            (-0.1, -1.68, 1),
            (-0.2, -1.53),
            (-0.44, -1.46),
            (-0.6, -1.52, 1),
            (-0.68, -1.34),
        ),
    ),
    "boyish": Fringe(
        tips=((-0.6, -0.3), (-0.22, -0.14), (0.2, -0.08), (0.56, -0.18)),
        valleys=((-0.86, -0.4), (-0.42, -0.56), (0.02, -0.52), (0.4, -0.46), (0.84, -0.34)),
        locks=((-1.05, 0.16), (1.04, 0.2)),
        bow=0.08,
        volume=0.04,
        part=-0.3,
        crown=(
            (0.66, -1.33),
            (0.3, -1.5),
            (-0.1, -1.54),
            (-0.34, -1.66, 1),
            (-0.42, -1.48),
            (-0.68, -1.32),
        ),
    ),
    "wispy": Fringe(
        tips=(
            (-0.7, -0.02),
            (-0.56, -0.16),
            (-0.14, -0.02),
            (0.04, -0.14),
            (0.46, -0.02),
            (0.7, -0.12),
        ),
        valleys=(
            (-0.9, -0.1),
            (-0.64, -0.3),
            (-0.36, -0.5),
            (-0.06, -0.32),
            (0.22, -0.5),
            (0.6, -0.34),
            (0.9, -0.1),
        ),
        locks=((-1.03, 0.84), (1.03, 0.84)),
        bow=0.07,
    ),
    "one-eyed": Fringe(
        tips=((-0.56, 0.44), (-0.16, 0.22), (0.3, -0.14), (0.72, -0.02)),
        valleys=((-0.92, 0.18), (-0.36, 0.02), (0.06, -0.3), (0.5, -0.5), (0.9, -0.16)),
        locks=((-1.05, 0.86), (1.03, 0.7)),
        bow=0.12,
        part=0.45,
    ),
    "up": Fringe(
        tips=((-0.82, -0.3), (0.82, -0.3)),
        valleys=((-0.93, -0.22), (0.0, -0.93), (0.93, -0.22)),
        locks=((-1.03, 0.34), (1.03, 0.34)),
        bow=0.3,
        part=0.1,
    ),
    "curly": Fringe(
        tips=((-0.7, -0.1), (-0.36, -0.16), (0.0, -0.18), (0.36, -0.16), (0.7, -0.1)),
        valleys=(
            (-0.92, -0.22),
            (-0.53, -0.3),
            (-0.18, -0.34),
            (0.18, -0.34),
            (0.53, -0.3),
            (0.92, -0.22),
        ),
        locks=((-1.08, 0.5), (1.08, 0.5)),
        bow=0.2,
        volume=0.1,
        scallop=True,
        shine=False,
    ),
}


def fringe_knots(fringe: Fringe, sway: Sequence[float]) -> list[Knot]:
    """Returns the outline of front hair, clockwise from the tip of the left side lock.

    Args:
        fringe: the variant.
        sway: numbers about 0 that move the tips a little: two, then one for each tip.
    """
    volume = fringe.volume
    tips = [
        (x + 0.05 * shift, y + 0.04 * shift)
        for (x, y), shift in zip(fringe.tips, sway[2:], strict=False)
    ]
    (left_x, left_y), (right_x, right_y) = fringe.locks
    left_y, right_y = left_y + 0.1 * sway[0], right_y + 0.1 * sway[1]
    crown = fringe.crown or ((0.62, -1.36), (0.0, -1.5), (-0.62, -1.36))
    outer: list[Knot] = [(-1.12 - volume, 0.5 * (left_y - 0.3))]
    outer += [(-1.14 - volume, -0.45), (-0.98 - 0.7 * volume, -0.98)]
    outer += [(x, y - volume, *rest) for x, y, *rest in reversed(crown)]
    outer += [(0.98 + 0.7 * volume, -0.98), (1.14 + volume, -0.45)]
    outer += [(1.12 + volume, 0.5 * (right_y - 0.3)), (right_x, right_y, 1)]
    first, last = fringe.valleys[0], fringe.valleys[-1]
    inner: list[Knot] = [(last[0] + 0.04, 0.5 * (right_y + last[1]) - 0.02)]
    inner.append((*last, 1))
    for tip, right, left in reversed(
        list(zip(tips, fringe.valleys[1:], fringe.valleys[:-1], strict=False))
    ):
        inner += _lock(tip, right, left, fringe)
        inner.append((*left, 1))
    inner.append((first[0] - 0.04, 0.5 * (left_y + first[1]) - 0.02))
    return [(left_x, left_y, 1), *outer, *inner]


def _lock(tip: Point, right: Point, left: Point, fringe: Fringe) -> list[Knot]:
    """The three knots of a lock between its valleys, from right to left."""
    (tx, ty), (rx, ry), (lx, ly) = tip, right, left
    bow = fringe.bow
    one = (0.45 * rx + 0.55 * tx + bow * abs(ty - ry) + 0.3 * bow * (rx - tx), 0.5 * (ry + ty))
    two = (0.45 * lx + 0.55 * tx - bow * abs(ty - ly) - 0.3 * bow * (tx - lx), 0.5 * (ly + ty))
    if fringe.scallop:
        return [(one[0], one[1] + 0.03), (tx, ty), (two[0], two[1] + 0.03)]
    return [one, (tx, ty, 1), two]


def strands(fringe: Fringe) -> list[list[Knot]]:
    """Returns open curves from the valleys up towards the crown."""
    lines: list[list[Knot]] = []
    for index, (x, y) in enumerate(fringe.valleys[1:-1]):
        reach = 0.62 if index % 2 else 0.42
        top = (x + (fringe.part - x) * reach * 0.75, y + (-1.42 - y) * reach)
        middle = (x + (fringe.part - x) * 0.16, y + (top[1] - y) * 0.5)
        lines.append([(x, y), middle, top])
    for side, lock in ((-1, fringe.locks[0]), (1, fringe.locks[1])):
        lines.append([(side * 1.0, 0.35 * lock[1]), (side * 0.98, -0.3), (side * 0.88, -0.75)])
    return lines


def shine(fringe: Fringe) -> list[Knot]:
    """Returns the ring of light: a band about the skull with a ragged lower edge."""
    top = [(-0.86, -0.62), (-0.5, -0.88), (0.0, -0.98), (0.5, -0.88), (0.86, -0.62, 1)]
    low = [(0.84, -0.52), (0.7, -0.6), (0.62, -0.52, 1), (0.5, -0.7), (0.34, -0.62, 1),
           (0.22, -0.8), (0.04, -0.68, 1), (-0.14, -0.8), (-0.26, -0.64, 1), (-0.46, -0.73),
           (-0.56, -0.54, 1), (-0.72, -0.6), (-0.86, -0.48, 1)]  # fmt: skip
    return [*top, *low]
