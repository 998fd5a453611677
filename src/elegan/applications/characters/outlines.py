"""Outlines of parts as a few points: curves through them, checks, masks, composition and SVG."""

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

import numpy as np

from elegan.applications.characters.curves import closed_beziers, closed_curve, signed_area
from elegan.applications.characters.parts import INDEX, INSIDE, PARTS
from elegan.applications.characters.rasters import coverage
from elegan.common.errors import EleganError
from elegan.common.files import written_whole

SLACK = 1e-6  # in canvas units: what rounding may push a point over the rim
_SHOWN = 4


def fill(points: np.ndarray, size: int, samples: int = 8) -> np.ndarray:
    """Fills the closed curve through points [N, 2]: float32 [size, size], coverage in 0..1."""
    return coverage(closed_curve(points, _steps(size, len(points))), size, samples)


def _steps(size: int, count: int) -> int:
    """Enough points on each piece that its chords stay within a small part of a pixel."""
    return int(np.clip(4 * size / max(count, 1), 4, 32))


def compose(masks: np.ndarray) -> np.ndarray:
    """What is seen of parts that lie over each other.

    Args:
        masks: float32 [P, H, W], the coverage of each part of `PARTS` by itself.

    Returns:
        float32 [P, H, W]; with what stays transparent they add up to 1. Where the edges of two
        parts meet within a pixel, coverages are multiplied, as image programs do.
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
    shown = ", ".join(map(str, numbers[:_SHOWN]))
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f"point{'s' if len(numbers) > 1 else ''} {shown}{more}"


def first_crossing(
    points: np.ndarray, samples: int = 6
) -> tuple[int, int, tuple[float, float]] | None:
    """Finds where the closed curve through points [N, 2] meets itself.

    Returns:
        the numbers of the two points after which the meeting pieces begin, and the place; None
        where there is no such place.
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


def svg_path(points: np.ndarray, scale: float = 1.0) -> str:
    """Returns the closed curve through points [N, 2] as the `d` of an SVG path, exactly."""
    pieces = closed_beziers(points) * scale
    moves = [f"M{_pair(pieces[0, 0])}"]
    moves += [f"C{' '.join(_pair(point) for point in piece[1:])}" for piece in pieces]
    return " ".join(moves) + " Z"


def _pair(point: Iterable[float]) -> str:
    return ",".join(f"{value:.6g}" for value in point)


def svg(
    outlines: Mapping[str, np.ndarray],
    colours: Mapping[str, str] | None = None,
    *,
    size: int = 512,
    line: float = 0.004,
) -> str:
    """Returns an SVG document of the outlines of parts, from back to front, each under its name.

    Args:
        outlines: points [N, 2] by the names of `PARTS`.
        colours: what to fill parts with, as "#rrggbb"; none for the lines alone.
        size: of the picture in user units.
        line: width of lines, in canvas units.
    """
    clips, shapes = [], []
    for name in PARTS:
        if name not in outlines:
            continue
        path = svg_path(outlines[name], size)
        clip = ""
        if (outer := INSIDE.get(name)) in outlines and outer is not None:
            around = svg_path(outlines[outer], size)
            clips.append(f'<clipPath id="in-{outer}"><path d="{around}"/></clipPath>')
            clip = f' clip-path="url(#in-{outer})"'
        colour = escape((colours or {}).get(name, "none"), quote=True)
        shapes.append(f'<path id="{name}" fill="{colour}"{clip} d="{path}"/>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}">'
    group = f'<g stroke="#2b2430" stroke-width="{line * size:.4g}" stroke-linejoin="round">'
    return "\n".join([head, f"<defs>{''.join(clips)}</defs>", group, *shapes, "</g>", "</svg>", ""])


def write_svg(
    path: str | Path, outlines: Mapping[str, np.ndarray], colours: Mapping[str, str] | None = None
) -> None:
    """Writes `svg` to a file, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_text(svg(outlines, colours), encoding="utf-8")
