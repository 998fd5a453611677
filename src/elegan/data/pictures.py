"""Grids of images and their PNG files."""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from elegan.common.errors import EleganError
from elegan.common.files import temporary_beside

GAP_COLOUR = 255


def grid(images: np.ndarray, columns: int, gap: int = 2, scale: int = 1) -> np.ndarray:
    """Lays images out row by row.

    Args:
        images: uint8 [N, H, W, C], C 1 or 3.
        columns: images a row; the last row is filled up with white.
        gap: white pixels between neighbours (none at the rim).
        scale: each pixel becomes a square of this side, so that small digits can be seen.

    Returns:
        uint8 [rows * H * scale + ..., columns * W * scale + ..., C].
    """
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(f"A grid needs uint8 [N, H, W, C] with N > 0, not {images.shape}.")
    count, height, width, channels = images.shape
    columns = max(1, min(columns, count))
    rows = -(-count // columns)
    height, width = height * scale, width * scale
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    sheet = np.full(shape, GAP_COLOUR, dtype=np.uint8)
    for index, image in enumerate(images):
        top = (index // columns) * (height + gap)
        left = (index % columns) * (width + gap)
        enlarged = image.repeat(scale, axis=0).repeat(scale, axis=1)
        sheet[top : top + height, left : left + width] = enlarged
    return sheet


def to_pillow(image: np.ndarray) -> Image.Image:
    """Returns the Pillow image ("L" or "RGB") of a uint8 [H, W, 1 or 3] array."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a neighbour of `path` to write to, which takes its place if the block ends well.

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_beside(target) as temporary:
        yield temporary
        os.replace(temporary, target)


def png_bytes(image: np.ndarray) -> bytes:
    """Returns uint8 [H, W, 1 or 3] as the content of a PNG file."""
    content = io.BytesIO()
    to_pillow(image).save(content, format="PNG")
    return content.getvalue()


def save_png(image: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Writes uint8 [H, W, 1 or 3] as a PNG that appears whole or not at all.

    Raises:
        EleganError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    try:
        with written_whole(path) as temporary:
            to_pillow(image).save(temporary, format="PNG")
    except OSError as error:
        why = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        raise EleganError(f"Could not write '{path}': {why}. Name another place.") from error


def contact_sheet(
    images: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    count: int = 120,
    columns: int = 12,
    seed: int = 0,
) -> np.ndarray:
    """Returns a grid of a seeded choice of `images` (uint8 [N, H, W, C]), up to 1000 pixels wide.

    With labels (int [N]) each row holds one class, in the order of the classes, and as many classes
    are shown as fit into `count`; without, the choice keeps the order of the set.
    """
    generator = np.random.default_rng(seed)
    scale = max(1, 1000 // (columns * images.shape[2]))
    if labels is None:
        return grid(
            images[np.sort(generator.permutation(len(images))[:count])], columns, scale=scale
        )
    present = np.unique(labels)
    rows_each = max(1, count // (columns * len(present)))
    rows = []
    for label in present[: max(1, count // columns)]:
        members = generator.permutation(np.flatnonzero(labels == label))[: rows_each * columns]
        row = images[np.sort(members)]
        filling = (-len(row) % columns, *images.shape[1:])
        rows += [row, np.full(filling, GAP_COLOUR, dtype=np.uint8)]
    return grid(np.concatenate(rows), columns, scale=scale)
