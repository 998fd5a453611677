"""Maps, outlines and colours as planes of networks and as pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from elegan.applications.characters.curves import closed_curve
from elegan.applications.characters.outlines import compose, fill
from elegan.applications.characters.parts import COLOURS, INDEX, INSIDE, PARTS

_SLOTS = dict.fromkeys(("back-hair", "front-hair", "brow-left", "brow-right"), "hair")
_SLOTS |= {"neck": "skin", "face": "skin", "clothes": "clothes", "mouth": "mouth"}
_SLOTS |= {"iris-left": "iris", "iris-right": "iris"}
"""The colour of each part; an eye without one is white."""
ON_FACE = ("mouth", "eye-left", "eye-right", "iris-left", "iris-right", "brow-left", "brow-right")
GENERATED: dict[str, list[Any]] = {
    "slots": [COLOURS.index(_SLOTS[part]) if part in _SLOTS else -1 for part in PARTS],
    "inside": [[INDEX[inner], INDEX[outer]] for inner, outer in INSIDE.items()],
    "on": [[INDEX[name], INDEX["face"]] for name in ON_FACE if "brow" not in name],
}
"""What the generator of maps is told of parts: whose colours lie over each other, and what is
nowhere but on the face. Brows may be beside it."""

PLANES = len(PARTS) + 3
"""What the generator of maps draws: each part by itself, then flat red, green and blue."""

INPUTS = 3 + 1 + 1 + len(PARTS) + 3
"""What the renderer starts from: flat colours (premultiplied), opacity, lines, what is seen of each
part, and the trim's colour all over."""

SAMPLES = 4  # a side in each pixel, where outlines are filled
LINE_WIDTH = 1 / 64  # of outlines' strokes, in canvas units
_SHARP = 4  # times the resolution at which strokes are drawn


def colours_of_parts(palette: np.ndarray) -> np.ndarray:
    """Palette uint8 [6, 3] -> flat colours float32 [P, 3] in 0..1."""
    table = np.ones((len(PARTS), 3), np.float32)
    for part, slot in _SLOTS.items():
        table[INDEX[part]] = palette[COLOURS.index(slot)] / np.float32(255)
    return table


def flat(visible: np.ndarray, palette: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is seen of parts [P, H, W] -> colours [3, H, W], premultiplied, and opacity [H, W]."""
    colours = np.tensordot(colours_of_parts(palette).T, visible, axes=1)
    return colours.astype(np.float32), visible.sum(axis=0).clip(0, 1)


class FlatColours(nn.Module):
    """Lays the colours of a palette over each other as maps say where parts are.

    Args:
        slots: of each part, from back to front, its colour's number in the palette; -1 is white.
        inside: pairs of parts, the first of which is seen within the second only.
    """

    def __init__(self, slots: Sequence[int], inside: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.slots = tuple(slots)
        self.inside = {pair[0]: pair[1] for pair in inside}

    def forward(self, maps: Tensor, palette: Tensor) -> Tensor:
        """Maps [N, P, R, R] and palette [N, S, 3], both in [-1, 1] -> colours [N, 3, R, R].

        The palette's last colour is the background's.
        """
        shares = ((maps.clamp(-1, 1) + 1) / 2).split(1, dim=1)
        tones = palette[..., None, None]
        free, colours = torch.ones_like(shares[0]), torch.zeros_like(shares[0])
        for part, slot in reversed(list(enumerate(self.slots))):
            seen = shares[part]
            if part in self.inside:
                seen = seen * shares[self.inside[part]]
            colours = colours + free * seen * (tones[:, slot] if slot >= 0 else 1.0)
            free = free * (1 - seen)
        return colours + free * tones[:, -1]


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
    """Draws outlines [N, 2] by part as lines, from back to front: the share [size, size] of line.

    Each part hides, as its mask in [P, size, size] says, what lies behind it.
    """
    size = masks.shape[-1]
    side, lines = size * _SHARP, np.zeros((size, size), np.float32)
    width = max(1, round(LINE_WIDTH * side))
    for index, name in enumerate(PARTS):
        if name not in outlines:
            continue
        sheet = Image.new("L", (side, side))
        ImageDraw.Draw(sheet).line(_closed_line(outlines[name], 6, side), 255, width)
        drawn = np.asarray(sheet.resize((size, size), Image.Resampling.BOX), np.float32) / 255
        lines = np.maximum(lines * (1 - masks[index]), drawn)
    return lines


def _closed_line(points: np.ndarray, steps: int, side: int) -> list[tuple[float, ...]]:
    """The closed curve through points in canvas units, as Pillow takes it."""
    curve = closed_curve(points, steps) * side
    return [tuple(place) for place in np.concatenate([curve, curve[:1]]).tolist()]


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
            line = _closed_line(outlines[name], 8, size * 2)
            light = tuple(round(255 - (255 - tone) * 0.35) for tone in _rgb(index, 1))
            draw.polygon(line, fill=light)
            draw.line(line, fill=(43, 36, 48), width=max(2, size // 128))
    return np.asarray(sheet.resize((size, size), Image.Resampling.BOX))


def _rgb(index: int, light: float) -> tuple[int, ...]:
    return tuple(round(255 * light * float(tone)) for tone in FALSE_COLOURS[index])
