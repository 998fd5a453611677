"""What a photo's file says beside its pixels: EXIF and the colour profile."""

import contextlib
import io
from typing import Any

from PIL import ExifTags, Image, ImageCms

from elegan.data.headers import ORIENTATION_TAG, Unusable, reading

_BASE = ExifTags.Base
# Descriptions stay; what tells how the old file stored its pixels does not.
_KEPT = {_BASE.ImageDescription, _BASE.Make, _BASE.Model, _BASE.Software, _BASE.DateTime}
_KEPT |= {_BASE.XResolution, _BASE.YResolution, _BASE.ResolutionUnit, _BASE.Artist}
_KEPT |= {_BASE.Copyright, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}
_SIZE_TAGS = (_BASE.ExifImageWidth, _BASE.ExifImageHeight)
_MAX_JPEG_EXIF = 65_533
_SPACES = {1: b"GRAY", 3: b"RGB "}


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


def options_of(format_: str, icc: bytes | None, exif: bytes | None, quality: int) -> dict[str, Any]:
    """Returns what Pillow's `save` is to be told for a format, metadata included.

    TIFF is not compressed, since Pillow's compressed ones cannot hold the details of EXIF.
    """
    options: dict[str, Any] = {}
    if icc and format_ in ("JPEG", "WEBP", "TIFF", "AVIF"):
        options["icc_profile"] = icc
    too_long = format_ == "JPEG" and exif is not None and len(exif) > _MAX_JPEG_EXIF
    if exif and not too_long and format_ in ("JPEG", "WEBP", "TIFF", "AVIF"):
        options["exif"] = exif
    if format_ in ("JPEG", "WEBP", "AVIF"):
        options["quality"] = quality
    if format_ == "JPEG":
        options["subsampling"] = "4:4:4"
    if format_ == "WEBP":
        options["exact"] = True  # colours under full transparency stay
    return options
