"""Maps, outlines and colours as planes of networks and as pictures."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from elegan.applications.characters.curves import closed_curve
from elegan.applications.characters.dataset.character_set import CharacterSet
from elegan.applications.characters.outlines import compose, fill
from elegan.applications.characters.parts import COLOURS, INDEX, INSIDE, PARTS
from elegan.applications.characters.tracing import trace

_SLOTS = {
    "back-hair": "hair",
    "front-hair": "hair",
    "brow-left": "hair",
    "brow-right": "hair",
    "neck": "skin",
    "face": "skin",
    "clothes": "clothes",
    "mouth": "mouth",
    "iris-left": "iris",
    "iris-right": "iris",
}
"""The colour of each part; an eye without one is white."""
_EYES = ("eye-left", "eye-right", "iris-left", "iris-right")
GENERATED: dict[str, list[Any]] = {
    "slots": [COLOURS.index(_SLOTS[part]) if part in _SLOTS else -1 for part in PARTS],
    "inside": [[INDEX[inner], INDEX[outer]] for inner, outer in INSIDE.items()],
    "on": [[INDEX[name], INDEX["face"]] for name in ("mouth", *_EYES)],
}
"""What the generator of maps is told of parts: whose colours lie over each other, and what is
nowhere but on the face. Brows may be beside it."""
ON_FACE = ("mouth", *_EYES, "brow-left", "brow-right")

PLANES = len(PARTS) + 3
"""What the generator of maps draws: each part by itself, then flat red, green and blue."""

INPUTS = 3 + 1 + 1 + len(PARTS) + 3
"""What the renderer starts from: flat colours (premultiplied), opacity, lines, what is seen of each
part, and the trim's colour all over."""

SAMPLES = 4  # a side in each pixel, where outlines are filled
_FAINT = 0.12  # a map with a lower peak holds no part; a thin mouth at 32 pixels has more
LINE_WIDTH = 1 / 64  # of outlines' strokes, in canvas units
_SHARP = 4  # times the resolution at which strokes are drawn


def colours_of_parts(palette: np.ndarray) -> np.ndarray:
    """Palette uint8 [6, 3] -> flat colours float32 [P, 3] in 0..1."""
    table = np.ones((len(PARTS), 3), np.float32)
    for part, slot in _SLOTS.items():
        table[INDEX[part]] = palette[COLOURS.index(slot)] / np.float32(255)
    return table


def whole_parts(characters: CharacterSet) -> np.ndarray:
    """Maps of parts by themselves, uint8 [N, P, R, R], as far as the data know them.

    Where only what is seen is known, the face is closed where eyes, brows and mouth lie on it.
    """
    if characters.amodal is not None:
        return characters.amodal
    whole = np.array(characters.maps)
    on_face = [INDEX[name] for name in ON_FACE]
    covered = whole[:, [INDEX["face"], *on_face]].sum(axis=1, dtype=np.uint16)
    whole[:, INDEX["face"]] = covered.clip(0, 255)
    return whole


def flat(visible: np.ndarray, palette: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is seen of parts [P, H, W] -> colours [3, H, W], premultiplied, and opacity [H, W]."""
    colours = np.tensordot(colours_of_parts(palette).T, visible, axes=1)
    return colours.astype(np.float32), visible.sum(axis=0).clip(0, 1)


def map_planes(amodal: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Parts by themselves [P, H, W] -> planes [15, H, W].

    The trim, of which no part tells, is the colour of the background.
    """
    colours, opacity = flat(compose(amodal), palette)
    trim = palette[COLOURS.index("trim")][:, None, None] / np.float32(255)
    planes = np.concatenate([amodal, colours + (1 - opacity) * trim])
    return planes.clip(0, 1).astype(np.float32)  # shares may add up to a little over 1


def read_palette(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Planes [15, H, W] -> palette uint8 [6, 3], and bool [6]: which colours could be read.

    A colour is the mean of the flat planes where its parts are surely seen.
    """
    parts, colours = planes[: len(PARTS)], planes[len(PARTS) :]
    visible = compose(parts)
    palette, found = np.zeros((len(COLOURS), 3), np.uint8), np.zeros(len(COLOURS), bool)
    for index, slot in enumerate(COLOURS):
        if slot == "trim":
            share = 1 - visible.sum(axis=0).clip(0, 1)
        else:
            names = [part for part, own in _SLOTS.items() if own == slot]
            share = visible[[INDEX[name] for name in names]].sum(axis=0)
        weight = share**4  # pixels on an edge hold two colours
        if weight.sum() > 0.05:
            mean = (colours * weight).sum(axis=(1, 2)) / weight.sum()
            palette[index] = np.rint(mean.clip(0, 1) * 255)
            found[index] = True
    return palette, found


def render_inputs(visible: np.ndarray, lines: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """What is seen [P, H, W] and lines [H, W] -> what the renderer takes, [20, H, W] in [-1, 1]."""
    colours, opacity = flat(visible, palette)
    trim = palette[COLOURS.index("trim")][:, None, None] / np.float32(255)
    everywhere = np.broadcast_to(trim, (3, *lines.shape))
    shares = np.concatenate([colours, opacity[None], lines[None], visible, everywhere])
    return shares.astype(np.float32) * 2 - 1


def to_premultiplied(images: np.ndarray) -> np.ndarray:
    """uint8 [..., 4] -> float32 [..., 4] in [-1, 1], colours premultiplied by the opacity."""
    shares = images.astype(np.float32) / 255
    shares[..., :3] *= shares[..., 3:]
    return shares * 2 - 1


def from_premultiplied(images: np.ndarray) -> np.ndarray:
    """The way back: float [..., 4] in [-1, 1] -> uint8 [..., 4]; opacity below 1/255 is none."""
    shares = (np.asarray(images, np.float32) + 1) / 2
    opacity = shares[..., 3:].clip(0, 1)
    colours = np.where(opacity > 1 / 255, shares[..., :3] / np.maximum(opacity, 1 / 255), 0)
    both = np.concatenate([colours.clip(0, 1), opacity], axis=-1)
    return np.rint(both * 255).astype(np.uint8)


def on_white(images: np.ndarray) -> np.ndarray:
    """uint8 [..., 4] -> uint8 [..., 3] on white."""
    opacity = images[..., 3:].astype(np.float32) / 255
    return np.rint(images[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)


def fill_outlines(outlines: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """Fills outlines [N, 2] by part: masks of each part by itself, [P, size, size]."""
    masks = np.zeros((len(PARTS), size, size), np.float32)
    for name, points in outlines.items():
        masks[INDEX[name]] = fill(points, size, SAMPLES)
    return masks


def strokes(outlines: Mapping[str, np.ndarray], masks: np.ndarray) -> np.ndarray:
    """Draws the outlines as lines from back to front, each part hiding what lies behind it.

    Args:
        outlines: points [N, 2] by part, in canvas units.
        masks: of each part by itself, [P, size, size].

    Returns:
        [size, size], the share that is line.
    """
    size = masks.shape[-1]
    side, lines = size * _SHARP, np.zeros((size, size), np.float32)
    width = max(1, round(LINE_WIDTH * side))
    for index, name in enumerate(PARTS):
        if name not in outlines:
            continue
        curve = closed_curve(outlines[name], 6) * side
        sheet = Image.new("L", (side, side))
        ImageDraw.Draw(sheet).line(
            [tuple(point) for point in np.concatenate([curve, curve[:1]]).tolist()], 255, width
        )
        drawn = np.asarray(sheet.resize((size, size), Image.Resampling.BOX), np.float32) / 255
        lines = np.maximum(lines * (1 - masks[index]), drawn)
    return lines


def fault_of_maps(amodal: np.ndarray) -> str | None:
    """Says why maps [P, H, W] are no valid character, or None where they are.

    Valid maps have one face, and two eyes and a mouth whose middles lie inside it, the left eye on
    the left; a map counts from half of its peak on, so that a thin lash counts at any resolution.
    """
    pieces = _pieces(amodal[INDEX["face"]])
    if not pieces or pieces[0].area < 0.01:
        return "no face"
    if len(pieces) > 1 and pieces[1].area > 0.1 * pieces[0].area:
        return "more than one face"
    middles = {}
    for name in ("eye-left", "eye-right", "mouth"):
        found = _pieces(amodal[INDEX[name]])
        if not found:
            return f"no {name}"
        if len(found) > 1 and found[1].area > 0.4 * found[0].area:
            return f"more than one {name}"
        middles[name] = found[0].middle
        if not _within(pieces[0].rim, *found[0].middle):
            return f"{name} outside the face"
    if middles["eye-left"][0] >= middles["eye-right"][0]:
        return "eyes in the wrong order"
    return None


class _Piece(NamedTuple):
    """A piece of a map: area and middle in canvas units, and its outer rim [M, 2]."""

    area: float
    middle: tuple[float, float]
    rim: np.ndarray


def _pieces(mask: np.ndarray) -> list[_Piece]:
    """The pieces of a map, the largest first; holes, which features leave in a face, are closed."""
    peak = float(mask.max())
    if peak < _FAINT:
        return []
    found = []
    for loop in trace(mask, peak / 2):
        x, y = loop.T
        twist = x * np.roll(y, -1) - np.roll(x, -1) * y
        area = float(twist.sum() / 2)
        if area > 1e-5:  # a hole runs the other way
            middle_x = ((x + np.roll(x, -1)) * twist).sum() / (6 * area)
            middle_y = ((y + np.roll(y, -1)) * twist).sum() / (6 * area)
            found.append(_Piece(area, (float(middle_x), float(middle_y)), loop))
    return sorted(found, key=lambda one: -one.area)


def _within(rim: np.ndarray, x: float, y: float) -> bool:
    """Whether a place lies within a closed polygon [M, 2]: a ray to the right crosses it oddly."""
    x_0, y_0 = rim.T
    x_1, y_1 = np.roll(rim, -1, axis=0).T
    spans = (y_0 > y) != (y_1 > y)
    rise = np.where(spans, y_1 - y_0, 1.0)
    return bool((spans & (x_0 + (y - y_0) / rise * (x_1 - x_0) > x)).sum() % 2)


def present(amodal: np.ndarray) -> np.ndarray:
    """Which parts are there in maps [P, H, W]: bool [P]."""
    return amodal.max(axis=(1, 2)) >= _FAINT


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
