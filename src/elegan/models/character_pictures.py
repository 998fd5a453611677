"""Pictures of the stages of a character: maps in false colours, key points, outlines."""

from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw

from elegan.data.characters.curves import closed_curve
from elegan.data.characters.outlines import compose
from elegan.data.characters.parts import PARTS

_HUES = np.linspace(0, 1, len(PARTS), endpoint=False)
FALSE_COLOURS = (
    0.55 + 0.4 * np.cos(2 * np.pi * (_HUES[:, None] * 5 + np.array([0, 1 / 3, 2 / 3])))
).astype(np.float32)
"""[P, 3], one for each part."""
_PAPER = 245


def picture_of_planes(planes: np.ndarray) -> np.ndarray:
    """Planes [15, M, M] or [M, M, 15] in 0..1 -> uint8 [M, 2 M, 3]: parts beside flat colours."""
    if planes.shape[0] == planes.shape[1]:
        planes = planes.transpose(2, 0, 1)
    parts, colours = planes[: len(PARTS)], planes[len(PARTS) :]
    both = np.concatenate([picture_of_maps(parts), np.rint(colours.transpose(1, 2, 0) * 255)], 1)
    return both.astype(np.uint8)


def picture_of_maps(amodal: np.ndarray) -> np.ndarray:
    """Maps of parts by themselves [P, H, W] -> uint8 [H, W, 3] in false colours."""
    visible = compose(amodal)
    paper = (1 - visible.sum(axis=0).clip(0, 1))[..., None]
    shares = np.tensordot(visible.transpose(1, 2, 0), FALSE_COLOURS, axes=1) + paper
    return np.rint(shares.clip(0, 1) * 255).astype(np.uint8)


def picture_of_points(
    outlines: Mapping[str, np.ndarray], key_points: np.ndarray, size: int
) -> np.ndarray:
    """Points of outlines as dots in each part's colour, key points as crosses: uint8 [S, S, 3]."""
    sheet = Image.new("RGB", (size, size), (_PAPER,) * 3)
    draw = ImageDraw.Draw(sheet)
    radius = max(1, size / 170)
    for index, name in enumerate(PARTS):
        if name in outlines:
            colour = _rgb(index, 0.75)
            for x, y in (outlines[name] * size).tolist():
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    arm = 2.2 * radius
    for x, y in (key_points * size).tolist():
        draw.line((x - arm, y, x + arm, y), fill=(20, 20, 30), width=1)
        draw.line((x, y - arm, x, y + arm), fill=(20, 20, 30), width=1)
    return np.asarray(sheet)


def picture_of_outlines(outlines: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """The curves through the points, over light fillings: uint8 [S, S, 3]."""
    sheet = Image.new("RGB", (size * 2, size * 2), (_PAPER,) * 3)
    draw = ImageDraw.Draw(sheet)
    for index, name in enumerate(PARTS):
        if name in outlines:
            curve = closed_curve(outlines[name], 8) * size * 2
            line = [tuple(point) for point in np.concatenate([curve, curve[:1]]).tolist()]
            light = tuple(round(255 - (255 - one) * 0.35) for one in _rgb(index, 1))
            draw.polygon(line, fill=light)
            draw.line(line, fill=(43, 36, 48), width=max(2, size // 128))
    return np.asarray(sheet.resize((size, size), Image.Resampling.BOX))


def _rgb(index: int, light: float) -> tuple[int, ...]:
    return tuple(round(255 * light * float(one)) for one in FALSE_COLOURS[index])
