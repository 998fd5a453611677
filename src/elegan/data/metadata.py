"""What a photo's file says beside its pixels: EXIF, XMP, resolution, text, colours."""

import contextlib
import io
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

from elegan.data.headers import ORIENTATION_TAG, Unusable, reading
from elegan.data.pictures import PNG_SIGNATURE

_BASE = ExifTags.Base
# Descriptions stay; what tells how the old file stored its pixels does not.
_KEPT = {_BASE.ImageDescription, _BASE.Make, _BASE.Model, _BASE.Software, _BASE.DateTime}
_KEPT |= {_BASE.XResolution, _BASE.YResolution, _BASE.ResolutionUnit, _BASE.Artist}
_KEPT |= {_BASE.Copyright, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}
_SIZE_TAGS = (_BASE.ExifImageWidth, _BASE.ExifImageHeight)
_MAX_JPEG_EXIF = 65_533
_XMP_TAG = 700
_MAX_JPEG_XMP = 65_502
_MAX_TEXT = 1 << 20  # bytes of a chunk of text, and of XMP
_MAX_TEXTS = 8 << 20
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_COLOURS = (b"cICP", b"gAMA", b"cHRM", b"sRGB", b"mDCV", b"cLLI")
_XMP_CHUNK = b"XML:com.adobe.xmp\0\0\0\0\0"  # not compressed, of no language
_XMP_SIZES = (
    rb"(?:tiff:ImageWidth|exif:PixelXDimension)",
    rb"(?:tiff:Image(?:Length|Height)|exif:PixelYDimension)",
)
# XMP that speaks of further pictures in the file (gain maps, motion), which are not carried.
_PARTS = (b"ns.google.com/photos/1.0/container", b"hdr-gain-map")
_SRGB_GAMMA = 0.45455
_SRGB_CICP = b"\x01\x0d"
_SPACES = {1: b"GRAY", 3: b"RGB "}


@dataclass(frozen=True, kw_only=True)
class About:
    """What a file says of a photo beside EXIF and the colour profile.

    Attributes:
        dpi: pixels an inch along both axes; the number stays whatever becomes of the size.
        xmp: as JPEG holds it.
        comment: of a JPEG.
        chunks: of a PNG, (kind, body): its texts, its resolution, what its colours mean.
    """

    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    comment: bytes | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()


NOTHING = About()


def about(image: Image.Image, chunks: tuple[tuple[bytes, bytes], ...]) -> About:
    """Returns what a loaded image says; `chunks` as of `png_parts`."""
    dpi, xmp, comment = (image.info.get(name) for name in ("dpi", "xmp", "comment"))
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    if not xmp or len(xmp) > _MAX_TEXT or any(part in xmp for part in _PARTS):
        xmp = None
    comment = comment if isinstance(comment, bytes) and image.format == "JPEG" else None
    try:
        dpi = (float(dpi[0]), float(dpi[1])) if dpi else None
        usable = dpi is not None and all(0 < side < 1e6 for side in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        usable = False
    return About(dpi=dpi if usable else None, xmp=xmp, comment=comment, chunks=chunks)


def png_parts(data: bytes) -> tuple[bytes, tuple[tuple[bytes, bytes], ...], str]:
    """Takes a PNG's chunks apart that are carried as they are.

    Returns:
        the file without its texts but XMP, so that none can fill the memory; (kind, body) of the
        chunks; and a note where texts are too long to be carried.
    """
    if not data.startswith(PNG_SIGNATURE):
        return data, (), ""
    kept: list[tuple[bytes, bytes]] = []
    rest, place, begun, total, note = [], 8, 8, 0, ""
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        colours = kind in _COLOURS or kind == b"pHYs"
        if kind in _TEXTS:
            body = data[place + 8 : min(end - 4, place + 8 + _MAX_TEXT + 1)]
            xmp = body.startswith(_XMP_CHUNK)
            length = _unpacked(kind, body)
            total += 0 if xmp else length
            if length > _MAX_TEXT or total > _MAX_TEXTS:
                note = "text of more than a megabyte left out"
            elif not xmp:
                kept.append((kind, body))
            if not xmp or length > _MAX_TEXT:
                rest.append(data[begun:place])
                begun = min(end, len(data))
        elif colours and length <= 64:
            kept.append((kind, data[place + 8 : end - 4]))
        place = end
    if rest:
        data = b"".join([PNG_SIGNATURE, *rest, data[begun:]])
    return data, tuple(kept), note


def _unpacked(kind: bytes, body: bytes) -> int:
    """Returns the length of a chunk's text, of which no more is unpacked than may be carried."""
    packed = body.partition(b"\0")[2][1:]
    if kind == b"iTXt" and body.partition(b"\0")[2][:1] == b"\1":
        packed = packed[1:].split(b"\0", 2)[-1]
    elif kind != b"zTXt":
        return len(body)
    with contextlib.suppress(zlib.error):
        return len(zlib.decompressobj().decompress(packed, _MAX_TEXT + 1))
    return len(body)


def png_chunks(about: About, icc: bytes | None, size: tuple[int, int]) -> list[tuple[bytes, bytes]]:
    """Returns the chunks (kind, body) that say the same in a PNG of (width, height)."""
    chunks = [item for item in about.chunks if not (icc and item[0] == b"sRGB")]
    if about.dpi and not any(kind == b"pHYs" for kind, _ in chunks):
        across, down = (round(side / 0.0254) for side in about.dpi)  # a metre
        chunks.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if about.comment:
        text = about.comment.replace(b"\0", b" ").decode("utf-8", "replace").encode()
        chunks.append((b"iTXt", b"Comment\0\0\0\0\0" + text))
    if xmp := xmp_of_size(about.xmp, size):
        chunks.append((b"iTXt", _XMP_CHUNK + xmp))
    return chunks


def xmp_of_size(xmp: bytes | None, size: tuple[int, int]) -> bytes | None:
    """Returns XMP that states this (width, height) and an upright photo, where it states any."""
    stated = [(rb"tiff:Orientation", 1), *zip(_XMP_SIZES, size, strict=True)]
    for name, value in stated if xmp else ():
        xmp = re.sub(
            rb"((?:" + name + rb")(?:>|\s*=\s*[\"']))\s*\d+", rb"\g<1>%d" % value, xmp or b""
        )
    return xmp


def without_chunks(
    pixels: np.ndarray, about: About, icc: bytes | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns pixels for a format that has no chunks of PNG, and what is lost or was done.

    Where a gamma says that they are not sRGB, they become so. Primaries (cHRM, cICP) are left.

    Args:
        pixels: uint8 or uint16 [H, W, C].
    """
    told, lost = dict(about.chunks), "only PNG holds it"
    notes = (f"without its text: {lost}",) if told.keys() & {*_TEXTS} else ()
    if icc or b"sRGB" in told:
        return pixels, notes
    if told.get(b"cICP", _SRGB_CICP)[:2] != _SRGB_CICP:
        return pixels, (*notes, f"without its cICP, which says what its colours are: {lost}")
    stored = told.get(b"gAMA", b"")
    gamma = int.from_bytes(stored) / 100_000 if len(stored) == 4 and b"cICP" not in told else 0
    if not 0.01 < gamma < 10 or abs(gamma - _SRGB_GAMMA) < 0.01:
        return pixels, notes
    top = np.iinfo(pixels.dtype).max
    light = (np.arange(top + 1) / top) ** (1 / gamma)
    # IEC 61966-2-1
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    table = np.rint(encoded * top).astype(pixels.dtype)
    return table[pixels], (*notes, f"gamma {gamma:g} converted to sRGB")


def kept_exif(image: Image.Image) -> bytes | None:
    """Returns the EXIF of a loaded image, without its orientation and layout; None without any."""
    with contextlib.suppress(Unusable), reading():  # a picture with damaged metadata is usable
        exif = image.getexif()
        for tag in [tag for tag in exif if tag not in _KEPT]:
            del exif[tag]
        return exif.tobytes() if len(exif) else None


def resized(exif: bytes | None, size: tuple[int, int]) -> bytes | None:
    """Returns EXIF that states this (width, height), where it states any."""
    if exif is None:
        return None
    with contextlib.suppress(Unusable), reading():  # rather a photo without EXIF than none
        read = Image.Exif()
        read.load(exif)
        read.pop(ORIENTATION_TAG, None)
        details = read.get_ifd(ExifTags.IFD.Exif)
        for tag, side in zip(_SIZE_TAGS, size, strict=True):
            if tag in details:
                details[tag] = side
        return read.tobytes()


def profile_fits(icc: bytes | None, channels: int) -> bool:
    """Returns whether a colour profile is one of gray (1 channel) or RGB (3)."""
    return icc is not None and icc[16:20] == _SPACES[channels]  # ICC.1, 7.2: data colour space


def to_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bytes | None, str]:
    """Returns a CMYK or LAB image as sRGB, no profile, and what was done.

    Its own profile says what the inks look like; without one, with a damaged one, or without the
    library that reads it, the colours are only near.
    """
    with contextlib.suppress(ImportError, OSError, ImageCms.PyCMSError):
        profile: Any = ImageCms.createProfile("LAB") if image.mode == "LAB" else None
        if profile is None and icc is not None and icc[16:20] == b"CMYK":
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile is not None:
            converted = ImageCms.profileToProfile(
                image,
                profile,
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            if converted is not None:
                return converted, None, f"{image.mode} to RGB by its colour profile"
    return image.convert("RGB"), None, f"{image.mode} to RGB, without a colour profile"


def options_of(
    format_: str,
    icc: bytes | None,
    exif: bytes | None,
    quality: int,
    about: About = NOTHING,
    size: tuple[int, int] = (1, 1),
) -> dict[str, Any]:
    """Returns what Pillow's `save` is to be told for a format, metadata included.

    TIFF is not compressed, since Pillow's compressed ones cannot hold the details of EXIF.
    """
    options: dict[str, Any] = {}
    if format_ in ("JPEG", "TIFF", "BMP") and about.dpi:
        options["dpi"] = about.dpi
    if format_ in ("JPEG", "WEBP", "TIFF", "AVIF"):
        xmp = xmp_of_size(about.xmp, size)
        said: dict[str, Any] = {"icc_profile": icc, "exif": exif, "xmp": xmp}
        if format_ == "JPEG":
            said["comment"] = about.comment
            for name, most in (("exif", _MAX_JPEG_EXIF), ("xmp", _MAX_JPEG_XMP)):
                said[name] = None if len(said[name] or b"") > most else said[name]
        if format_ == "TIFF" and xmp:
            said["tiffinfo"] = {_XMP_TAG: xmp}
        options |= {name: value for name, value in said.items() if value}
    if format_ in ("JPEG", "WEBP", "AVIF"):
        options["quality"] = quality
    if format_ == "JPEG":
        options["subsampling"] = "4:4:4"
    if format_ == "WEBP":
        options["exact"] = True  # colours under full transparency stay
    return options
