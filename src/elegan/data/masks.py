"""Masks of what is lost in a photo: from a file, its alpha, a colour key, or found by looking.

A mask is bool [H, W], True where a pixel is to be filled, or weights uint8 [H, W] where it is soft.
`dilate` widens it, `feather` turns it into weights; where a weight is 0, a pixel is none of the
mask's business.
"""

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from elegan.common.errors import EleganError, UsageError
from elegan.data.found_masks import dilate, erosion_step, find_scratches
from elegan.data.headers import formats

__all__ = [
    "alpha_mask",
    "as_mask",
    "check_size",
    "colour_mask",
    "dilate",
    "feather",
    "mask_for",
    "read_mask",
]

_NOISE = 16  # of 255: what a lossy file makes of black, and of white
TOLERANCE = 12  # of 255, in each channel: what a JPEG does to a flat painted colour


def mask_for(
    given: str, image: np.ndarray, alpha: np.ndarray | None = None, *, tolerance: int = TOLERANCE
) -> np.ndarray:
    """Makes the mask that a person asked for.

    Args:
        given: 'alpha', 'auto' (scratches), a colour as '#RRGGBB', or the path of a mask file.
        image: uint8 or uint16 [H, W, C].
        alpha: [H, W] of the same depth, where the photo has it.
        tolerance: of 255, for a colour.

    Returns:
        bool [H, W], True where a pixel is to be filled; with 'auto' perhaps nowhere. Of a file with
        grays uint8 [H, W], 255 where new takes the place of old whole.

    Raises:
        UsageError: the file is missing or of another size, the colour is none, there is no alpha,
            or nothing at all is marked.
        EleganError: the mask file cannot be read.
    """
    if given == "auto":
        return find_scratches(image)
    if given == "alpha":
        return alpha_mask(alpha)
    if given.startswith("#"):
        return colour_mask(image, given, tolerance=tolerance)
    return read_mask(given, (image.shape[0], image.shape[1]))


def read_mask(path: str | Path, size: tuple[int, int]) -> np.ndarray:
    """Reads a mask file: white marks what is to be filled, black what stays.

    Grays blend old and new. Of a lossy file what is nearly black or white is taken for that. Where
    the file has transparent pixels, what was painted counts, whatever its colour.

    Args:
        path: an image file of any format that photos may have.
        size: (height, width) of the photo.

    Returns:
        bool [H, W], or uint8 [H, W] where it has grays.

    Raises:
        UsageError: it is missing, of another size, or marks nothing.
        EleganError: it cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(
            f"There is no mask file '{path}'. Give a file, 'alpha', 'auto' or a colour: #RRGGBB."
        )
    try:
        image = Image.open(path, formats=formats())
        lossy = image.format in ("JPEG", "MPO", "WEBP", "AVIF", "HEIF")
        image = ImageOps.exif_transpose(image)
        if (image.height, image.width) != size:
            raise _of_another_size(path, (image.height, image.width), size)
        weights = _values(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EleganError(f"The mask '{path}' cannot be read: {error}. Save it as PNG.") from error
    if weights.max() < _NOISE:
        raise UsageError(
            f"The mask '{path}' marks nothing: paint what is to be filled white, the rest black."
        )
    if lossy:
        weights = np.where(weights < _NOISE, 0, np.where(weights >= 256 - _NOISE, 255, weights))
    return as_mask(weights)


def as_mask(values: np.ndarray) -> np.ndarray:
    """Returns a mask [H, W] of any type as bool, or as weights uint8 where it is soft.

    Args:
        values: bool; whole numbers of 0 and 1, or up to the largest of their type; floats in 0..1.
    """
    if values.dtype.kind == "f":
        values = np.rint(values.clip(0, 1) * 255)
    elif values.dtype == np.uint16 and values.max() > 1:
        values = np.rint(values / 257)
    plain = values > 0
    largest = values.max()
    if largest <= 1 or ((values == 0) | (values >= 255)).all():
        return plain
    return values.astype(np.uint8)


def alpha_mask(alpha: np.ndarray | None) -> np.ndarray:
    """Marks what is more than half transparent; alpha uint8 or uint16 [H, W].

    Raises:
        UsageError: there is no alpha, or nothing is transparent.
    """
    if alpha is None:
        raise UsageError(
            "The photo has no alpha channel to take a mask from. Erase what is lost in a paint"
            " program and save as PNG, or give a mask file."
        )
    mask = alpha <= np.iinfo(alpha.dtype).max // 2
    if not mask.any():
        raise UsageError(
            "The photo's alpha marks nothing: all of it is opaque. Erase what is lost."
        )
    return mask


def colour_mask(image: np.ndarray, colour: str, *, tolerance: int = TOLERANCE) -> np.ndarray:
    """Marks the pixels of a colour.

    Args:
        image: uint8 or uint16 [H, W, 1 or 3].
        colour: '#RRGGBB'.
        tolerance: largest difference in any channel, of 255.

    Raises:
        UsageError: the colour cannot be read, or no pixel has it.
    """
    digits = colour.removeprefix("#")
    if not re.fullmatch("[0-9a-fA-F]{6}", digits):
        raise UsageError(
            f"'{colour}' is not a colour. Write six hexadecimal digits, such as #FF0000 for red."
        )
    unit = np.iinfo(image.dtype).max // 255
    key = np.array([*bytes.fromhex(digits)], np.int32) * unit
    distance = np.abs(image.astype(np.int32) - key).max(axis=2)
    mask = distance <= tolerance * unit
    if not mask.any():
        nearest = int(distance.min()) // unit
        raise UsageError(
            f"No pixel has the colour {colour} within {tolerance} of 255; the nearest differs by"
            f" {nearest}. Name the colour that was painted, or save without JPEG."
        )
    return mask


def check_size(mask: np.ndarray, size: tuple[int, int]) -> None:
    """Checks that a mask [H, W] fits a photo of (height, width).

    Raises:
        UsageError: it does not.
    """
    if mask.shape != size:
        raise _of_another_size("given", (mask.shape[0], mask.shape[1]), size)


def feather(mask: np.ndarray, radius: int) -> np.ndarray:
    """Softens a mask inwards: float32 [H, W], 0 outside, 1 from `radius` pixels inside its rim on.

    Dilate by at least that radius before, so that all that was marked is replaced whole. The
    image's border is no rim.
    """
    weights = mask.astype(np.float32)
    inner = mask
    for step in range(radius):
        inner = erosion_step(inner, square=step % 2 == 1)
        weights += inner
    return weights / np.float32(radius + 1)


def _values(image: Image.Image) -> np.ndarray:
    """Gray 0..255 of a mask file, or its alpha where that says something."""
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA"))[:, :, 3]
        if alpha.min() < 255:
            return alpha
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.float64)
        return np.rint(wide * (255 / max(float(wide.max()), 1.0)))
    if image.mode == "P":
        image = image.convert("RGB")
    return np.asarray(image.convert("L"))


def _of_another_size(
    name: Path | str, found: tuple[int, int], wanted: tuple[int, int]
) -> UsageError:
    return UsageError(
        f"The mask '{name}' is {found[1]}x{found[0]} pixels, the photo {wanted[1]}x{wanted[0]}."
        " A mask must have the photo's size: export it from the photo itself, unscaled."
    )
