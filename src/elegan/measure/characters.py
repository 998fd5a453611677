"""How near characters come to the truth: key points, outlines, and what a picture shows again."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from elegan.data.characters.outlines import iou
from elegan.data.characters.parts import INDEX, PARTS

Shares = NDArray[np.floating]

CLOSE = 0.05  # of the face's width, within which a point counts as found
SLOT_PARTS: dict[str, tuple[str, ...]] = {
    "hair": ("back-hair", "front-hair"),
    "skin": ("face", "neck"),
    "clothes": ("clothes",),
}
"""The flat areas of a picture that its colours tell apart; features are too small for that."""


def face_widths(outlines: Shares) -> Shares:
    """Outlines [N, P, 32, 2] -> the width of each face [N], in canvas units."""
    x = outlines[:, INDEX["face"], :, 0]
    return x.max(axis=1) - x.min(axis=1)


def point_errors(found: Shares, truth: Shares, widths: Shares) -> dict[str, float]:
    """Returns `nme`, the mean distance of known points as a share of the face's width, and `pck`,
    the share of them nearer than 5 % of it.

    Args:
        found, truth: [N, K, 2] in canvas units; truth is NaN where not known.
        widths: [N], of the faces.
    """
    distance = np.sqrt(((found - truth) ** 2).sum(axis=2)) / widths[:, None]
    known = np.isfinite(distance)
    return {
        "nme": float(distance[known].mean()),
        "pck": float((distance[known] < CLOSE).mean()),
        "points": int(known.sum()),
    }


def part_ious(found: Shares, truth: Shares) -> dict[str, float]:
    """Mean intersection over union of masks [N, P, H, W] for each part that occurs in the truth."""
    return {
        name: float(np.mean([iou(found[row, part], truth[row, part]) for row in rows]))
        for part, name in enumerate(PARTS)
        if len(rows := np.flatnonzero(truth[:, part].max(axis=(1, 2)) > 0))
    }


def seen_again(
    images: NDArray[np.uint8], visible: Shares, colours: Mapping[str, NDArray[np.uint8]]
) -> float:
    """Segments pictures anew by their colours and compares with the masks that they were made from.

    Each opaque pixel belongs to the slot (hair, skin, clothes) whose flat colour, or a shade of it,
    is nearest: colours are compared without their brightness for the better part. This needs no
    network that could favour one renderer; shading, lines and alike colours keep it below 1 for
    true pictures, whose figure is the ceiling.

    Args:
        images: [N, R, R, 4].
        visible: [N, P, R, R], what is seen of each part.
        colours: of each slot [N, 3].

    Returns:
        the mean intersection over union over pictures and slots.
    """
    found = []
    slots = list(SLOT_PARTS)
    for row, image in enumerate(images):
        parts = [[INDEX[one] for one in SLOT_PARTS[slot]] for slot in slots]
        masks = np.stack([visible[row, own].sum(axis=0) for own in parts])
        sure = masks.max(axis=0) > 0.5  # edges and features belong to no slot
        pixels = _hue_like(image[..., :3].astype(np.float64))
        centres = np.stack([_hue_like(colours[slot][row].astype(np.float64)) for slot in slots])
        nearest = ((pixels[:, :, None] - centres) ** 2).sum(axis=3).argmin(axis=2)
        opaque = image[..., 3] > 127
        for place in range(len(slots)):
            truth = (masks.argmax(axis=0) == place) & sure
            again = (nearest == place) & opaque & sure
            if truth.any():
                found.append(iou(again.astype(float), truth.astype(float)))
    return float(np.mean(found))


def _hue_like(colours: Shares) -> Shares:
    """RGB [..., 3] -> two differences and a quarter of the brightness."""
    red, green, blue = np.moveaxis(colours, -1, 0)
    bright = (red + green + blue) / 3
    return np.stack([red - green, blue - (red + green) / 2, 0.25 * bright], axis=-1)
