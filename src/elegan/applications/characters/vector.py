"""From a sketch to SVG: the same layers, as shapes and what is clipped to them."""

from typing import NamedTuple

import numpy as np

from elegan.applications.characters.renderer import polygons_of
from elegan.applications.characters.sketch import COUNT, Sketch, colours


class _Shape(NamedTuple):
    """A path in one ink.

    Attributes:
        ink: its number.
        number: of the path.
        below: the shape that it is seen on alone; None where it covers what is there.
    """

    ink: int
    number: int
    below: "_Shape | None" = None


def svg(sketch: Sketch, palette: np.ndarray, size: int) -> str:
    """Returns an SVG document of a sketch in a palette uint8 [6, 3].

    A layer that changes some inks only lies right above each shape in one of them, clipped to it,
    so that it is below whatever was drawn on that since.

    Args:
        size: of the picture in user units.
    """
    polygons, _, tables, _ = polygons_of(sketch)
    shapes: list[_Shape] = []
    for number, table in enumerate(tables):
        inks = table[:COUNT]
        if (inks == inks[0]).all():
            shapes.append(_Shape(int(inks[0]), number))
            continue
        layered = []
        for one in shapes:
            layered.append(one)
            if inks[one.ink] != one.ink:
                layered.append(_Shape(int(inks[one.ink]), number, one))
        shapes = layered
    tones = [f"#{bytes(one).hex()}" for one in colours(palette)]
    paths = [_path(polygon * size) for polygon in polygons]
    names: dict[_Shape, str] = {}
    clips, drawn = [], []
    for one in shapes:
        clip = _clipped(one, names, clips, paths)
        drawn.append(f'<path fill="{tones[one.ink]}"{clip} d="{paths[one.number]}"/>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}">'
    return "\n".join([head, "<defs>", *clips, "</defs>", *drawn, "</svg>", ""])


def _clipped(one: _Shape, names: dict[_Shape, str], clips: list[str], paths: list[str]) -> str:
    """The attribute that clips a shape to what is below it, a clip path that is written once."""
    if one.below is None:
        return ""
    if one.below not in names:
        outer = _clipped(one.below, names, clips, paths)
        names[one.below] = f"c{len(names)}"
        path = f'<path{outer} d="{paths[one.below.number]}"/>'
        clips.append(f'<clipPath id="{names[one.below]}">{path}</clipPath>')
    return f' clip-path="url(#{names[one.below]})"'


def _path(points: np.ndarray) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points.tolist()) + "Z"
