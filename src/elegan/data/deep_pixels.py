"""Colours of 16 bits, of which Pillow itself hands out the high bytes only."""

import sys
from collections.abc import Callable

import numpy as np
from PIL import Image

Planes = tuple[np.ndarray, np.ndarray | None]

# How the file's values lie in memory -> the mode and layouts that unpack first and second bytes.
# Big-endian layouts give the first byte of each two, little-endian ones the second.
_LAYOUTS = {
    **{f"RGB;16{order}": ("RGB", "RGB;16B", "RGB;16L") for order in "BLN"},
    **{f"RGBA;16{order}": ("RGBA", "RGBA;16B", "RGBA;16L") for order in "BLN"},
    # Four bytes a pixel: gray and alpha of two each, taken as they are.
    "LA;16B": ("RGBA", "RGBA", ""),
}


def read(image: Image.Image, reopen: Callable[[], Image.Image], page: int) -> Planes | None:
    """Returns (uint16 [H, W, 1 or 3], uint16 [H, W] or None) of a PNG or TIFF of deep colours.

    Each byte of the values is unpacked by a pass of its own over the file.

    Args:
        image: opened, at its page, not loaded yet; it is, afterwards.
        reopen: opens the same file anew.
        page: of the file.

    Returns:
        colours and alpha; None for any other image, of which Pillow gives all there is.
    """
    layout = _layout(image)
    if layout is None:
        return None
    mode, first, second = _LAYOUTS[layout]
    one = _unpacked(image, mode, first)
    if not second:
        values = one.astype(np.uint16)
        return (values[..., :1] << 8) | values[..., 1:2], (values[..., 2] << 8) | values[..., 3]
    again = reopen()
    if page:
        again.seek(page)
    two = _unpacked(again, mode, second)
    little = layout.endswith("L") or (layout.endswith("N") and sys.byteorder == "little")
    high, low = (two, one) if little else (one, two)
    values = high.astype(np.uint16)
    values <<= 8
    values |= low
    if mode == "RGBA":
        return np.ascontiguousarray(values[..., :3]), np.ascontiguousarray(values[..., 3])
    return values, _keyed(image, values)


def _layout(image: Image.Image) -> str | None:
    """Returns the layout of the values, the same for every tile of the image."""
    if image.format not in ("PNG", "TIFF"):
        return None
    found = {_argument(tile[3]) for tile in getattr(image, "tile", [])}
    layout = next(iter(found)) if len(found) == 1 else None
    return layout if layout in _LAYOUTS else None


def _argument(arguments: str | tuple[str, ...]) -> str:
    return arguments if isinstance(arguments, str) else arguments[0]


def _unpacked(image: Image.Image, mode: str, layout: str) -> np.ndarray:
    """Decodes an image with another layout of its values: uint8 [H, W, bands]."""
    tiles = []
    for tile in image.tile:  # pyright: ignore[reportAttributeAccessIssue]
        old = tile[3]
        new = (layout, *old[1:]) if isinstance(old, tuple) else layout
        tiles.append(tile._replace(args=new) if hasattr(tile, "_replace") else (*tile[:3], new))
    image.tile = tiles  # pyright: ignore[reportAttributeAccessIssue]
    image._mode = mode
    image.load()
    return np.asarray(image)


def _keyed(image: Image.Image, values: np.ndarray) -> np.ndarray | None:
    """Returns the alpha of a PNG in which one colour stands for transparency."""
    key = image.info.get("transparency")
    if not isinstance(key, tuple) or len(key) != 3:
        return None
    hidden = (values == np.array(key, dtype=np.uint16)).all(axis=2)
    return np.where(hidden, 0, 65535).astype(np.uint16)
