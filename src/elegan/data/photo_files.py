"""Single photos in and out, faithfully: depth, gray, transparency, profile and EXIF stay."""

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from elegan.common.errors import EleganError
from elegan.common.files import flush, written_whole
from elegan.data import headers, metadata
from elegan.data.decode import scale_depth
from elegan.data.files import MAX_FILE_BYTES
from elegan.data.headers import Unusable, is_gray, open_image, orientation_of, reading, turned
from elegan.data.metadata import NOTHING, About
from elegan.data.pictures import to_pillow, write_rows

MAX_PIXELS = 178_000_000  # Pillow's own limit against images made to fill the memory
QUALITY = 95
ROWS = 256  # joined with their alpha at once


@dataclass(frozen=True, kw_only=True, eq=False)
class PhotoFile:
    """One photo, upright, as its file holds it."""

    path: Path  # where it was read
    format: str  # Pillow's name of its format: "PNG", "JPEG", "TIFF", ...
    pixels: np.ndarray  # uint8 or uint16 [H, W, 1 (gray) or 3 (RGB)], not premultiplied by alpha
    # Of the same type, [H, W]; None where nothing can be transparent.
    alpha: np.ndarray | None = None
    # The colour profile that `pixels` are meant in; None means sRGB. One of other colours than gray
    # or RGB, as `pixels` have, is not written.
    icc: bytes | None = None
    exif: bytes | None = None  # EXIF as JPEG holds it, upright, without what describes the old file
    lossless: bool = False  # whether it is WebP that lost nothing, and so are its copies
    about: About = NOTHING  # what else the file says
    quality: int | None = None  # 1..100, that a JPEG file was written with, by its tables
    notes: tuple[str, ...] = ()  # what reading had to change, in plain words

    @property
    def depth(self) -> int:
        """Bits of each value: 8 or 16."""
        return 8 * self.pixels.dtype.itemsize


@dataclass(frozen=True, kw_only=True)
class Format:
    """What a format of files can hold, as it is written here."""

    name: str
    deep: tuple[int, ...] = ()  # numbers of channels, alpha among them, that it holds at 16 bits
    alpha: bool = True
    longest: int = 2**31 - 1  # pixels a side


_TABLE = (
    ((".png",), Format(name="PNG", deep=(1, 2, 3, 4))),
    ((".jpg", ".jpeg", ".jpe", ".jfif"), Format(name="JPEG", alpha=False, longest=65_500)),
    ((".webp",), Format(name="WEBP", longest=16_383)),
    ((".tif", ".tiff"), Format(name="TIFF", deep=(1,))),
    ((".bmp",), Format(name="BMP", alpha=False)),
    ((".ppm", ".pgm", ".pnm"), Format(name="PPM", alpha=False, deep=(1,))),
    ((".avif",), Format(name="AVIF", longest=65_535)),
)
FORMATS: dict[str, Format] = {suffix: kind for suffixes, kind in _TABLE for suffix in suffixes}
"""What can be written, by the suffix of the file."""


def page_count(path: str | os.PathLike[str]) -> int:
    """Returns the number of pages or frames of an image file.

    Raises:
        Unusable: the file is not an image that can be read.
    """
    data, _, _ = metadata.png_parts(_bytes_of(Path(path)))
    with reading(data):
        return getattr(open_image(data, MAX_PIXELS), "n_frames", 1)


def read_photo(path: str | os.PathLike[str], *, page: int = 0) -> PhotoFile:
    """Reads one photo, or one page or frame of a file.

    It is turned upright by its EXIF. Gray stays gray, 16 bits stay 16 bits (PNG, and TIFF of gray
    or RGB); palettes become RGB or gray; CMYK becomes sRGB, by its own profile where it has one.

    Raises:
        Unusable: the file is damaged, too large, or no image; the message is the reason.
    """
    path = Path(path)
    data, chunks, long = metadata.png_parts(_bytes_of(path))
    with reading(data), warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = open_image(data, MAX_PIXELS)
        pages = getattr(image, "n_frames", 1)
        if not 0 <= page < pages:
            raise Unusable(f"it has {pages} pages or frames, so none of number {page}")
        if page:
            image.seek(page)
        icc, note = image.info.get("icc_profile"), ""
        planes = headers.deep_planes(image, data, page)
        image.load()  # where that is not done; some metadata stand behind the pixels
        orientation = orientation_of(image)
        about = metadata.about(image, chunks)
        exif = metadata.kept_exif(image)  # which takes the orientation away
        if planes is None:
            (pixels, alpha), icc, note = planes_of(image, icc)
            alpha = None if alpha is None else turned(alpha, orientation)
            planes = turned(pixels, orientation), alpha
    fits = metadata.profile_fits(icc, planes[0].shape[2])
    left_out = "a colour profile that does not fit left out" if icc and not fits else ""
    lossy = f"of a lossless AVIF: quality {QUALITY}" if headers.is_lossless_avif(data) else ""
    return PhotoFile(
        path=path,
        format="JPEG" if image.format == "MPO" else image.format or "",
        pixels=planes[0],
        alpha=planes[1],
        icc=icc if fits else None,
        exif=exif,
        lossless=headers.is_lossless_webp(data),
        about=about,
        quality=headers.jpeg_quality(image),
        notes=tuple(text for text in (note, left_out, long, lossy) if text),
    )


def write_photo(
    photo: PhotoFile, path: str | os.PathLike[str], *, quality: int | None = None
) -> Path:
    """Writes a photo in the format of the path's suffix; the file appears whole or not at all.

    Args:
        photo: its `format` decides where the path has no suffix that is known.
        path: of the file; its folder is made where it is missing.
        quality: 1..100 of JPEG, WebP and AVIF; by default 95, or lossless as the photo is. JPEG
            keeps the colours at full resolution.

    Returns:
        the path.

    Raises:
        EleganError: the format cannot hold the photo; the message names one that can.
        OSError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    path = Path(path)
    height, width, colours = photo.pixels.shape
    if photo.alpha is not None and photo.alpha.shape != (height, width):
        raise ValueError(f"Alpha is {photo.alpha.shape}, the photo {photo.pixels.shape}.")
    known = FORMATS.get(path.suffix.lower())
    chosen = known.name if known else photo.format
    channels = colours + (photo.alpha is not None)
    why = cannot_hold(chosen, size=(height, width), depth=photo.depth, channels=channels)
    if why:
        raise EleganError(f"Could not write '{path}': {why}.")
    exif = metadata.resized(photo.exif, (width, height))
    icc = photo.icc if metadata.profile_fits(photo.icc, colours) else None
    if chosen == "PNG":
        return write_rows(
            path,
            _joined_rows(photo),
            width=width,
            height=height,
            channels=channels,
            depth=photo.depth,
            icc=icc,
            exif=exif,
            more=metadata.png_chunks(photo.about, icc, (width, height)),
        )
    values = photo.pixels
    if photo.alpha is not None:
        values = np.concatenate([values, photo.alpha[..., None]], axis=2)
    options = metadata.options_of(
        chosen, icc, exif, quality or QUALITY, photo.about, (width, height)
    )
    if chosen == "WEBP" and photo.lossless and quality is None:
        options["lossless"] = True  # and `quality` is how long it looks for a short file
    with written_whole(path) as temporary:
        to_pillow(np.ascontiguousarray(values)).save(temporary, format=chosen, **options)
        flush(temporary)
    return path


def cannot_hold(name: str, *, size: tuple[int, int], depth: int = 8, channels: int = 3) -> str:
    """Returns why a format cannot hold a photo, and what can; '' where it can.

    Args:
        name: Pillow's name of the format.
        size: (height, width) in pixels.
        depth: 8 or 16 bits a value.
        channels: 1 or 3, and one more for alpha.
    """
    Image.init()
    found = next((kind for kind in FORMATS.values() if kind.name == name), None)
    if found is None or (name == "AVIF" and "AVIF" not in Image.SAVE):
        return f"{name} is not written here; name a .png, .jpg, .webp or .tif"
    has_alpha = channels in (2, 4)
    if has_alpha and not found.alpha:
        return f"{name} holds no transparency; name a .png"
    if depth == 16 and channels not in found.deep:
        what = {1: "gray", 2: "gray with transparency", 3: "colour"}.get(channels, "colour")
        return f"{name} holds no {what} of 16 bits here; name a .png"
    if max(size) > found.longest:
        return f"{name} holds at most {found.longest:,} pixels a side; name a .png"
    return ""


def _bytes_of(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise Unusable(f"larger than {MAX_FILE_BYTES >> 20} MiB, the limit")
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"unreadable: {error.strerror or error}") from error


def planes_of(
    image: Image.Image, icc: bytes | None
) -> tuple[tuple[np.ndarray, np.ndarray | None], bytes | None, str]:
    """Returns colours and alpha of 8 bits, or 16 of one channel, the profile, and a note.

    Args:
        image: loaded; of deep colours Pillow knows the high bytes only, see `headers.deep_planes`.
        icc: its profile.
    """
    if image.mode.startswith("I") or image.mode == "F":
        values, note = scale_depth(image, 65535)
        key = image.info.get("transparency")
        alpha = (
            np.where(values == key, 0, 65535).astype(np.uint16) if isinstance(key, int) else None
        )
        return (values[..., None], alpha), icc, note
    gray, note = is_gray(image), ""
    if image.mode in ("CMYK", "LAB"):
        image, icc, note = metadata.to_srgb(image, icc)
    has_alpha = image.has_transparency_data
    plain = ("L" if gray else "RGB") + ("A" if has_alpha else "")
    if image.mode != plain:
        # Pillow makes gray with transparency of a palette only by way of RGBA.
        image = image.convert("RGBA").convert("LA") if plain == "LA" else image.convert(plain)
    values = np.asarray(image)
    values = values[..., None] if values.ndim == 2 else values
    if not has_alpha:
        return (values, None), icc, note
    return (values[..., :-1], values[..., -1]), icc, note


def _joined_rows(photo: PhotoFile) -> Iterator[np.ndarray]:
    """Yields rows [n, W, 1..4] from the top, with alpha behind the colours."""
    for top in range(0, len(photo.pixels), ROWS):
        rows = photo.pixels[top : top + ROWS]
        if photo.alpha is not None:
            rows = np.concatenate([rows, photo.alpha[top : top + ROWS, :, None]], axis=2)
        yield rows
