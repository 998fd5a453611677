"""From a sketch to images and exact maps, at any resolution; and sets of drawn characters."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from elegan.applications.characters.character_set import CharacterSet, hash_of, load, save, to_bytes
from elegan.applications.characters.curves import Region, clockwise, cut_off, fill_all, polylines
from elegan.applications.characters.drawing import draw
from elegan.applications.characters.outlines import POINTS, resample
from elegan.applications.characters.parts import (
    ATTRIBUTES,
    HELD_OUT,
    INDEX,
    KEY_POINTS,
    PARTS,
    Plan,
    plan_character,
)
from elegan.applications.characters.sketch import (
    COUNT,
    HEAD,
    LINE_INK,
    PART_OF_INK,
    Sketch,
    colours,
)
from elegan.common.errors import UsageError
from elegan.data import cache

DRAWN = "drawn"
"""The name of a set that the renderer drew."""
VERSION = 1  # a change of what the renderer draws raises it
SAMPLES = 4  # a side in each pixel
_BAND = 1 << 10  # pixels whose inks are counted at a time, so that the counts stay in the cache


@dataclass(frozen=True, kw_only=True, eq=False)
class Character:
    """A drawn character, with all that is known of it.

    Attributes:
        image, key_points, seen, palette, attributes: as in `CharacterSet`, of one.
        visible: float32 [P, H, W], the share of each pixel in which a part is seen, in the order of
            `PARTS`; with what is transparent they add up to 1.
        amodal: float32 [P, H, W], the share that a part covers whatever lies in front of it.
        lines: float32 [H, W], the share that is line art.
        outlines: of each part a polygon float64 [points, 2] in canvas units, clockwise, cut off at
            the canvas; None where the part is missing. Its filling is the amodal map.
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
    """Renders a square image of so many pixels a side, and counts samples a side in each."""
    side = size * samples
    sketch = draw(plan)
    regions, parts, canvas = _inked(sketch, side)
    image, visible, lines = _counted(canvas, colours(plan.palette), size, samples)
    amodal = np.zeros((len(PARTS), size, size), np.float32)
    outlines: list[np.ndarray | None] = [None] * len(PARTS)
    for part, (number, polygon) in parts.items():
        amodal[part] = _share(regions[number], size, samples)
        outlines[part] = clockwise(cut_off(polygon))
    places = np.array([sketch.key_points[name] for name in KEY_POINTS])
    to_canvas = sketch.frames[HEAD]
    key_points = (places @ to_canvas[:, :2].T + to_canvas[:, 2]).astype(np.float32)
    return Character(
        image=image,
        visible=visible,
        amodal=amodal,
        lines=lines,
        outlines=tuple(outlines),
        key_points=key_points,
        seen=_seen(key_points, regions[parts[INDEX["front-hair"]][0]], side),
        palette=plan.palette,
        attributes=plan.attributes,
    )


def painted(sketch: Sketch, palette: np.ndarray, size: int, samples: int = SAMPLES) -> np.ndarray:
    """Paints a sketch with a palette uint8 [6, 3]: uint8 [size, size, 4]."""
    canvas = _inked(sketch, size * samples)[2]
    return _counted(canvas, colours(palette), size, samples)[0]


def _inked(
    sketch: Sketch, side: int
) -> tuple[list[Region], dict[int, tuple[int, np.ndarray]], np.ndarray]:
    """The regions and parts of `_regions`, and the number of the ink at each sample, uint8."""
    regions, tables, parts = _regions(sketch, side)
    canvas = np.zeros((side, side), np.uint8)
    for region, table in zip(regions, tables, strict=True):
        below = canvas[region.place]
        np.copyto(below, table[below], where=region.inside)
    return regions, parts, canvas


def _regions(
    sketch: Sketch, side: int
) -> tuple[list[Region], list[np.ndarray], dict[int, tuple[int, np.ndarray]]]:
    """The samples that each layer paints, and with what table: two for a layer with a line.

    Also the number and the polygon [M, 2], in canvas units, of each part's whole region.
    """
    polygons, ways, tables, parts = polygons_of(sketch)
    sizes = np.array([len(polygon) for polygon in polygons])
    points = np.concatenate(polygons) * side
    return fill_all(points, sizes, np.array(ways), side, side), tables, parts


Polygons = tuple[list[np.ndarray], list[float], list[np.ndarray], dict[int, tuple[int, np.ndarray]]]


def polygons_of(sketch: Sketch) -> Polygons:
    """What each layer fills: two polygons [M, 2] in canvas units for one with a line.

    Returns:
        The polygons, which way each runs (1 clockwise to the eye), their tables, and `_regions`'
        parts.
    """
    layers = sketch.layers
    lines = polylines([layer.knots for layer in layers], [layer.width == 0 for layer in layers])
    counts = lines.counts
    matrix = sketch.frames[np.repeat([layer.frame for layer in layers], counts)]
    x, y = lines.points[:, 0:1], lines.points[:, 1:2]
    lines = lines._replace(points=matrix[..., 0] * x + matrix[..., 1] * y + matrix[..., 2])
    normals, turns = lines.normals(), lines.turns()
    # A line lies inwards of its curve, more on the lower side, as ink does. Where a shape is
    # thinner than twice that, the inset runs backwards, and is not filled.
    inward = normals * np.repeat(turns, counts)[:, None]
    widths = np.repeat([layer.line for layer in layers], counts)[:, None]
    inner = lines.points + inward * (widths * (0.85 - 0.3 * inward[:, 1:]))
    # A brush is widest in the middle of its stroke; at both ends it has the share of the taper.
    place = np.arange(len(normals)) - np.repeat(lines.ends - counts, counts)
    t = place / np.repeat(np.maximum(counts - 1, 1), counts)
    bulge = 4 * t * (1 - t)
    taper = np.where(t < 0.5, *np.repeat([layer.taper for layer in layers], counts, axis=0).T)
    profile = np.repeat([layer.width for layer in layers], counts) * (bulge + (1 - bulge) * taper)
    side_step = normals * (0.5 * profile)[:, None]
    left, right = lines.points - side_step, lines.points + side_step
    found: list[tuple[np.ndarray, float, np.ndarray]] = []
    parts: dict[int, tuple[int, np.ndarray]] = {}
    start = 0
    for layer, end, turn in zip(layers, lines.ends.tolist(), turns.tolist(), strict=True):
        curve = lines.points[start:end]
        if layer.part >= 0:
            parts[layer.part] = len(found), curve
        if layer.width:
            brush = np.concatenate([left[start:end], right[start:end][::-1]])
            found.append((brush, 1.0, layer.table))
        else:
            found.append((curve, turn, layer.table))
        if layer.inner is not None:
            found.append((inner[start:end], turn, layer.inner))
        start = end
    polygons, ways, tables = (list(one) for one in zip(*found, strict=True))
    return polygons, ways, tables, parts


@functools.lru_cache(maxsize=8)
def _pixels(size: int, samples: int) -> np.ndarray:
    """Where the counts of the pixel of each sample begin: int64 [side, side], read-only."""
    place = np.arange(size * samples) // samples
    pixels = (place[:, None] * size + place) * COUNT
    pixels.setflags(write=False)
    return pixels


def _counted(
    canvas: np.ndarray, colours: np.ndarray, size: int, samples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts the inks in each pixel: the image, what is seen of each part, and the lines."""
    values = np.column_stack([colours, np.full(COUNT, 255), PART_OF_INK, LINE_INK])
    values[0] = 0
    values = values.astype(np.float32) / np.float32(samples**2)
    rows = max(1, min(size, _BAND // size))
    sums = np.empty((size, size, values.shape[1]), np.float32)
    for top in range(0, size, rows):
        height = min(rows, size - top)
        part = canvas[top * samples : (top + height) * samples]
        keys = _pixels(size, samples)[: height * samples] + part
        counts = np.bincount(keys.ravel(), minlength=height * size * COUNT)
        counts = counts.reshape(-1, COUNT).astype(np.float32)
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


def _seen(points: np.ndarray, hair: Region, side: int) -> np.ndarray:
    """Whether the samples at key points [K, 2] are not under the front hair: bool [K]."""
    places = (points * side).astype(np.int64) - (hair.left, hair.top)
    within = ((places >= 0) & (places < hair.inside.shape[::-1])).all(axis=1)
    seen = np.ones(len(points), bool)
    column, row = places[within].T
    seen[within] = ~hair.inside[row, column]
    return seen


def drawn_characters(
    count: int, resolution: int, *, split: str = "train", seed: int = 0
) -> CharacterSet:
    """Draws characters, or takes them from the cache.

    Args:
        count: of characters, two or more.
        resolution: pixels a side.
        split: "train" and "test" have no variant of a part in common; "all" has any.
        seed: the same gives the same characters, and more of them the same first ones.

    Raises:
        UsageError: the count or the split is wrong.
        EleganError: the cache cannot be written.
    """
    if count < 2:
        raise UsageError(f"{count} character teaches nothing. Ask for two or more.")
    key = cache.content_key("characters", VERSION, count, resolution, split, seed)
    if cache.find(key) is None:
        characters = _draw(count, resolution, split, seed)
        with cache.new_entry(key) as folder:
            save(folder, characters)
    return load(cache.entry_path(key))


def _draw(count: int, resolution: int, split: str, seed: int) -> CharacterSet:
    arrays: dict[str, Any] = {}
    attributes = []
    for index in range(count):
        drawn = render(plan_character(seed, index, split=split), resolution)
        outlines = np.full((len(PARTS), POINTS, 2), np.nan, np.float32)
        for part, polygon in enumerate(drawn.outlines):
            if polygon is not None:
                outlines[part] = resample(polygon)
        row = {"images": drawn.image, "outlines": outlines, "palettes": drawn.palette}
        row |= {"key_points": drawn.key_points, "seen": drawn.seen, "lines": to_bytes(drawn.lines)}
        row |= {"maps": to_bytes(drawn.visible), "amodal": to_bytes(drawn.amodal)}
        for name, value in row.items():
            if name not in arrays:
                arrays[name] = np.empty((count, *value.shape), value.dtype)
            arrays[name][index] = value
        attributes.append(drawn.attributes)
    columns = {name: np.array([row[name] for row in attributes]) for name in ATTRIBUTES}
    return CharacterSet(
        **arrays,
        name=DRAWN,
        split=split,
        names=tuple(f"{seed}-{index:06d}" for index in range(count)),
        known=np.ones(len(PARTS), bool),
        palette_known=np.ones(arrays["palettes"].shape[:2], bool),
        attributes=columns,
        variants={name: columns[name] for name in HELD_OUT},
        notes=(f"Drawn by the renderer, version {VERSION}, seed {seed}.",),
        hash=hash_of(arrays["images"], arrays["maps"]),
    )
