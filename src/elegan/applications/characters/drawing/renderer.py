"""From a sketch to images and exact maps, at any resolution."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from elegan.applications.characters.curves import (
    Polylines,
    brush_sides,
    clockwise,
    cut_off,
    insets,
    polylines,
)
from elegan.applications.characters.drawing import inks
from elegan.applications.characters.drawing.character import draw
from elegan.applications.characters.drawing.inks import Sketch
from elegan.applications.characters.drawing.plan import Plan
from elegan.applications.characters.parts import INDEX, KEY_POINTS, PARTS
from elegan.applications.characters.rasters import Region, fill_all

SAMPLES = 4  # a side in each pixel
_BAND = 1 << 10  # pixels whose inks are counted at a time, so that the counts stay in the cache


@dataclass(frozen=True, kw_only=True, eq=False)
class Character:
    """A drawn character, with all that is known of it.

    Attributes:
        image: uint8 [H, W, 4], colour and alpha, not premultiplied.
        visible: float32 [P, H, W], the share of each pixel in which a part is seen, in the order of
            `PARTS`; with what is transparent they add up to 1.
        amodal: float32 [P, H, W], the share that a part covers whatever lies in front of it.
        lines: float32 [H, W], the share that is line art.
        outlines: of each part a polygon float64 [points, 2] in canvas units, clockwise, cut off at
            the canvas; None where the part is missing. Its filling is the amodal map.
        key_points: float32 [K, 2] in canvas units, in the order of `KEY_POINTS`.
        seen: bool [K], whether no hair lies over them.
        palette: uint8 [6, 3].
        attributes: by name.
    """

    image: np.ndarray
    visible: np.ndarray
    amodal: np.ndarray
    lines: np.ndarray
    outlines: tuple[np.ndarray | None, ...]
    key_points: np.ndarray
    seen: np.ndarray
    palette: np.ndarray
    attributes: Mapping[str, str]


def render(plan: Plan, size: int, samples: int = SAMPLES) -> Character:
    """Renders a character.

    Args:
        plan: of `plan_character`.
        size: of the square image, in pixels.
        samples: a side in each pixel, of which coverage is counted.
    """
    sketch = draw(plan)
    lines = _lines(sketch)
    side = size * samples
    regions, tables = _regions(sketch, lines, side)
    canvas = np.zeros((side, side), np.uint8)
    for region, table in zip(regions, tables, strict=True):
        below = canvas[region.place]
        np.copyto(below, table[below], where=region.inside)
    image, visible, line_art = _counted(canvas, inks.colours(plan.palette), size, samples)
    amodal = np.zeros((len(PARTS), size, size), np.float32)
    outlines: list[np.ndarray | None] = [None] * len(PARTS)
    ends = lines.ends.tolist()
    number, start = 0, 0
    for layer, end in zip(sketch.layers, ends, strict=True):
        if layer.part >= 0:
            amodal[layer.part] = _share(regions[number], size, samples)
            outlines[layer.part] = clockwise(cut_off(lines.points[start:end]))
        number, start = number + (1 if layer.inner is None else 2), end
    key_points = _key_points(sketch)
    return Character(
        image=image,
        visible=visible,
        amodal=amodal,
        lines=line_art,
        outlines=tuple(outlines),
        key_points=key_points,
        seen=_seen(key_points, regions, sketch, side),
        palette=plan.palette,
        attributes=plan.attributes,
    )


def _lines(sketch: Sketch) -> Polylines:
    """Evaluates the curves of all layers, in canvas units."""
    layers = sketch.layers
    lines = polylines([layer.knots for layer in layers], [layer.width == 0 for layer in layers])
    frame = np.repeat([layer.frame for layer in layers], lines.counts)
    matrix = sketch.frames[frame]
    x, y = lines.points[:, 0:1], lines.points[:, 1:2]
    return lines._replace(points=matrix[..., 0] * x + matrix[..., 1] * y + matrix[..., 2])


def _regions(sketch: Sketch, lines: Polylines, side: int) -> tuple[list[Region], list[np.ndarray]]:
    """The samples that each layer paints, and with what table: two for a layer with a line."""
    layers = sketch.layers
    normals = lines.normals()
    inner = insets(lines, normals, np.array([layer.line for layer in layers]))
    left, right = brush_sides(
        lines,
        normals,
        np.array([layer.width for layer in layers]),
        np.array([layer.taper for layer in layers]),
    )
    polygons: list[np.ndarray] = []
    turns: list[float] = []
    tables: list[np.ndarray] = []
    start = 0
    for layer, end, turn in zip(layers, lines.ends.tolist(), lines.turns().tolist(), strict=True):
        if layer.width:
            polygons.append(np.concatenate([left[start:end], right[start:end][::-1]]))
            turns.append(1.0)
        else:
            polygons.append(lines.points[start:end])
            turns.append(turn)
        tables.append(layer.table)
        if layer.inner is not None:
            polygons.append(inner[start:end])
            turns.append(turn)
            tables.append(layer.inner)
        start = end
    sizes = np.array([len(polygon) for polygon in polygons])
    points = np.concatenate(polygons)
    points *= side
    return fill_all(points, sizes, np.array(turns), side, side), tables


@functools.lru_cache(maxsize=8)
def _pixels(size: int, samples: int) -> np.ndarray:
    """Where the counts of the pixel of each sample begin: int64 [side, side], read-only."""
    place = np.arange(size * samples) // samples
    pixels = (place[:, None] * size + place) * inks.COUNT
    pixels.setflags(write=False)
    return pixels


def _counted(
    canvas: np.ndarray, colours: np.ndarray, size: int, samples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts the inks in each pixel: the image, what is seen of each part, and the lines."""
    values = np.column_stack([colours, np.full(inks.COUNT, 255), inks.PART_OF_INK, inks.LINE_INK])
    values[0] = 0
    values = values.astype(np.float32) / np.float32(samples**2)
    rows = max(1, min(size, _BAND // size))
    sums = np.empty((size, size, values.shape[1]), np.float32)
    for top in range(0, size, rows):
        height = min(rows, size - top)
        part = canvas[top * samples : (top + height) * samples]
        keys = _pixels(size, samples)[: height * samples] + part
        counts = np.bincount(keys.ravel(), minlength=height * size * inks.COUNT)
        counts = counts.reshape(-1, inks.COUNT).astype(np.float32)
        sums[top : top + height] = (counts @ values).reshape(height, size, -1)
    alpha = sums[..., 3:4]
    colour = sums[..., :3] * (255 / np.maximum(alpha, 1e-6))
    image = np.rint(np.concatenate([colour, alpha], axis=2)).astype(np.uint8)
    visible = np.ascontiguousarray(sums[..., 4:-1].transpose(2, 0, 1))
    return image, visible, np.ascontiguousarray(sums[..., -1])


def _share(region: Region, size: int, samples: int) -> np.ndarray:
    """The share of each pixel inside a region: float32 [size, size]."""
    top, left = region.top // samples * samples, region.left // samples * samples
    bottom = -(-(region.top + region.inside.shape[0]) // samples) * samples
    right = -(-(region.left + region.inside.shape[1]) // samples) * samples
    box = np.zeros((bottom - top, right - left), np.uint16)
    rows, columns = region.place
    box[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = (
        region.inside
    )
    # Strided slices add faster than short axes are reduced.
    across = functools.reduce(np.add, [box[:, step::samples] for step in range(samples)])
    total = functools.reduce(np.add, [across[step::samples] for step in range(samples)])
    share = np.zeros((size, size), np.float32)
    share[top // samples : bottom // samples, left // samples : right // samples] = total
    share *= np.float32(1 / samples**2)
    return share


def _key_points(sketch: Sketch) -> np.ndarray:
    points = np.array([sketch.key_points[name] for name in KEY_POINTS])[:, :2]
    frame = sketch.frames[1]
    return (points @ frame[:, :2].T + frame[:, 2]).astype(np.float32)


def _seen(points: np.ndarray, regions: list[Region], sketch: Sketch, side: int) -> np.ndarray:
    """Whether the samples at key points are not under the front hair."""
    first = 0
    for layer in sketch.layers:
        if layer.part == INDEX["front-hair"]:
            break
        first += 1 if layer.inner is None else 2
    top, left, inside = regions[first]
    places = (points * side).astype(np.int64) - (left, top)
    within = ((places >= 0) & (places < inside.shape[::-1])).all(axis=1)
    seen = np.ones(len(points), bool)
    column, row = places[within].T
    seen[within] = ~inside[row, column]
    return seen
