"""One image file -> one uint8 array, with every conversion named."""

import threading
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from elegan.data import headers
from elegan.data.headers import MAX_PIXELS, NO_MEMORY, Hindered, Unusable, is_gray, reading
from elegan.data.pictures import to_pillow

BLANK = "nothing of it is seen there"
LARGE_PIXELS = 16_000_000
_BLOCK_ROWS = 256  # of a deep image, rounded at a time
OVERSAMPLING = 3  # a JPEG is decoded at a reduced scale no smaller than this many target pixels

_large = threading.Lock()  # large images are decoded one at a time, whatever the number of threads


@dataclass(frozen=True)
class Decoded:
    """An image as an array."""

    pixels: np.ndarray  # uint8 [R, R, C], or [H, W, C] where the size is kept
    size: tuple[int, int]  # (width, height) of the upright original
    # What was done to its colours, orientation or frames; empty for none.
    conversions: tuple[str, ...]
    resizing: str  # how it came to this size; empty where it had it


@dataclass(frozen=True, kw_only=True)
class Target:
    """The shape every image gets; the fields are those of `dataset.Options`, settled."""

    # Side in pixels; None keeps the size of each image, and `fit` means nothing.
    resolution: int | None
    channels: int
    fit: str
    background: tuple[int, int, int]
    smallest: int = 1  # least width and height of what is kept, where the size is
    # "whole", or the "left" or "right" half of an image twice as wide as high, where the size is
    # kept.
    part: str = "whole"


def decode(data: bytes, target: Target) -> Decoded:
    """Decodes an image file to the target's shape.

    Raises:
        Unusable: the file is damaged, or larger than the limits.
    """
    with reading(data):
        image = headers.open_image(data)
    with _large if image.width * image.height > LARGE_PIXELS else nullcontext():
        try:
            return _convert(image, data, target)
        except MemoryError as error:
            raise Hindered(NO_MEMORY) from error


def fit_square(image: Image.Image, target: Target) -> Image.Image:
    """Returns an "L" or "RGB" image as R x R: centre crop, padding or stretching.

    Antialiased (Lanczos) where it shrinks, bicubic where it grows, untouched where it fits or where
    the target keeps the size.
    """
    width, height = image.size
    side = target.resolution
    if side is None or (width, height) == (side, side):
        return image
    if target.fit == "crop":
        edge = min(width, height)
        left, top = (width - edge) // 2, (height - edge) // 2
        image = image.crop((left, top, left + edge, top + edge))
        return _resize(image, side, side)
    if target.fit == "stretch":
        return _resize(image, side, side)
    scale = side / max(width, height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    colour = Image.new("RGB", (1, 1), target.background).convert(image.mode).getpixel((0, 0))
    canvas = Image.new(image.mode, (side, side), colour)
    canvas.paste(_resize(image, *inner), ((side - inner[0]) // 2, (side - inner[1]) // 2))
    return canvas


def _convert(image: Image.Image, data: bytes, target: Target) -> Decoded:
    size, conversions = image.size, []
    with reading(data):
        if getattr(image, "is_animated", False):
            conversions.append(f"first of {getattr(image, 'n_frames', 'several')} frames")
        deep = headers.is_deep(image, data)
        _shrink_while_decoding(image, target)
        planes = headers.deep_planes(image, data)
        image.load()
        size = image.size if image.format == "TIFF" else size  # which loading turns upright
        orientation = headers.orientation_of(image)
        if planes is not None:
            image = _in_eight_bits(*planes)
        elif orientation > 1:
            image = ImageOps.exif_transpose(image)
        if orientation > 1:
            conversions.append("turned upright by its EXIF orientation")
            size = (size[1], size[0]) if orientation >= 5 else size
        image, notes = _to_plain(image, deep, target.background)
    conversions += notes
    wanted = "L" if target.channels == 1 else "RGB"
    if image.mode != wanted:
        conversions.append("gray to RGB" if wanted == "RGB" else "colour to gray")
        image = image.convert(wanted)
    side = target.resolution
    if side is None:
        image, resizing = _keep_size(image, size, target)
    else:
        image = fit_square(image, target)
        same = size == (side, side)
        resizing = "" if same else f"{target.fit} {size[0]}x{size[1]} to {side}x{side}"
    pixels = np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, target.channels)
    return Decoded(pixels, size, tuple(conversions), resizing)


def _in_eight_bits(colours: np.ndarray, alpha: np.ndarray | None) -> Image.Image:
    """Rounds uint16 [H, W, 1 or 3] and [H, W], of which Pillow itself would keep the high bytes."""
    planes = [colours] if alpha is None else [colours, alpha[..., None]]
    values = np.empty((*colours.shape[:2], sum(plane.shape[2] for plane in planes)), np.uint8)
    for top in range(0, len(values), _BLOCK_ROWS):
        part = np.concatenate([plane[top : top + _BLOCK_ROWS] for plane in planes], axis=2)
        values[top : top + _BLOCK_ROWS] = (part.astype(np.uint32) + 128) // 257
    return to_pillow(values)


def _keep_size(
    image: Image.Image, size: tuple[int, int], target: Target
) -> tuple[Image.Image, str]:
    """Returns the wanted part of an image, and what that took."""
    said = []
    width, height = image.size
    if (width, height) != size:
        limit = f"the limit of {MAX_PIXELS // 1_000_000} million pixels"
        said.append(f"{size[0]}x{size[1]} reduced to {width}x{height} for {limit}")
    if target.part != "whole":
        if size[0] != 2 * size[1]:
            raise Unusable(f"{size[0]}x{size[1]} is not twice as wide as high: not side by side")
        said.append(f"{target.part} half of {width}x{height}")
        half = width // 2
        left = 0 if target.part == "left" else width - half
        image = image.crop((left, 0, left + half, height))
    if min(image.size) < target.smallest:
        raise Unusable(too_small(image.width, image.height, target))
    return image, "; ".join(said)


def too_small(width: int, height: int, target: Target) -> str:
    """Returns why an image of fewer pixels than the target's smallest is not used."""
    return f"{width}x{height} is smaller than {target.smallest} pixels in width or height"


def _shrink_while_decoding(image: Image.Image, target: Target) -> None:
    """Lets the JPEG decoder skip the detail of a photo many times larger than the target.

    A photo that keeps its size is reduced by the least of 2, 4 and 8 that the limit asks for.
    """
    if image.format != "JPEG":
        return
    width, height = image.size
    if target.resolution is None:
        factors = (1, 2, 4, 8)
        fitting = [f for f in factors if -(-width // f) * -(-height // f) <= MAX_PIXELS]
        scale = 1 / (fitting[0] if fitting else factors[-1])
        wanted = (int(width * scale), int(height * scale))
    else:
        edge = max(image.size) if target.fit == "pad" else min(image.size)
        scale = OVERSAMPLING * target.resolution / edge
        wanted = (round(width * scale), round(height * scale))
    if scale < 1:
        image.draft(None, wanted)
    if image.width * image.height > MAX_PIXELS:
        raise Unusable(f"still over {MAX_PIXELS // 1_000_000} million pixels at reduced scale")


def _to_plain(
    image: Image.Image, deep: bool, background: tuple[int, int, int]
) -> tuple[Image.Image, list[str]]:
    """Returns the image as "L" or "RGB", and what that took."""
    notes: list[str] = []
    gray = is_gray(image)
    if image.mode.startswith("I") or image.mode == "F":
        values, note = scale_depth(image)
        key = image.info.get("transparency")
        hidden = np.asarray(image) == key if isinstance(key, int) else None
        image = Image.fromarray(values)
        if hidden is not None:
            image.putalpha(Image.fromarray(np.where(hidden, 0, 255).astype(np.uint8)))
        notes.append(note)
    elif deep:
        notes.append("16-bit scaled to 8-bit")
    transparent, kind = image.has_transparency_data, "gray" if gray else "RGB"
    if transparent:
        notes.append(f"transparency flattened on {background}")
    if image.mode == "P":
        notes.append(f"palette to {kind}")
    elif not transparent and image.mode not in ("L", "RGB", "1", "RGBX"):
        notes.append(f"{image.mode} to {kind}")
    if transparent:
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, (*background, 255))
        image.alpha_composite(layer)
        if not np.ptp(np.asarray(image), axis=(0, 1)).any():
            notes.append(BLANK)
        gray = gray and len(set(background)) == 1
    plain = "L" if gray else "RGB"
    return (image if image.mode == plain else image.convert(plain)), notes


def scale_depth(image: Image.Image, top: int = 255) -> tuple[np.ndarray, str]:
    """Scales 16-bit, 32-bit and float grays to 0..top, over the range of the type where it has one.

    32-bit integers and floats have no common range: 0..65535 and 0..1 are taken where the values
    fit, else the image's own range.

    Args:
        image: of a mode that begins with "I", or "F".
        top: 255 or 65535.

    Returns:
        uint8 or uint16 [H, W], and what was done, empty where that is nothing.

    Raises:
        Unusable: the values are not all finite.
    """
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise Unusable("it holds values that are not finite numbers")
    low, high = float(values.min()), float(values.max())
    depth = top.bit_length()
    if image.mode.startswith("I;16") or (image.mode == "I" and low >= 0 and high <= 65535):
        low, high, note = 0.0, 65535.0, "" if depth == 16 else "16-bit scaled to 8-bit"
    elif image.mode == "F" and low >= 0 and high <= 1:
        low, high, note = 0.0, 1.0, f"float 0..1 scaled to {depth}-bit"
    else:
        note = f"its own range {low:g}..{high:g} scaled to {depth}-bit"
    scaled = (values - low) * (top / max(high - low, 1e-12))
    return np.rint(scaled).clip(0, top).astype(np.uint8 if depth == 8 else np.uint16), note


def _resize(image: Image.Image, width: int, height: int) -> Image.Image:
    shrinks = width < image.width or height < image.height
    filter_ = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    return image.resize((width, height), filter_)
