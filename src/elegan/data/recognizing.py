"""Which files are images, told by how they begin."""

from pathlib import Path

from PIL import Image

from elegan.data.files import IMAGE_SUFFIXES
from elegan.data.headers import formats, unread_kind

_BYTES = 64  # that tell a format
_RAW = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw")
_SAID: dict[str, str] = dict.fromkeys(
    _RAW, "raw data of a camera: develop it to TIFF or JPEG first"
)
_UNKNOWN = (".jxl", ".psd", ".xcf", ".tga", ".ico", ".exr", ".hdr", ".svg", ".eps")
_SAID |= {suffix: f"{suffix} is not read; export it as PNG" for suffix in _UNKNOWN}


def why_not_read(path: Path) -> str | None:
    """Says why a file is not read as an image: '' where it is, None where it is none.

    A file with an image's suffix is taken for one whatever it holds; its reader says what is wrong.
    """
    suffix = path.suffix.lower()
    if suffix in _SAID:
        return _SAID[suffix]
    try:
        with path.open("rb") as file:
            start = file.read(_BYTES)
    except OSError:
        start = b""
    if suffix in IMAGE_SUFFIXES:
        return ""
    if why := unread_kind(start):
        return why
    readers = (Image.OPEN[name][1] for name in formats())
    known = any(accepts is not None and accepts(start) is True for accepts in readers)
    if suffix in (".heic", ".heif") and not known:
        return "not an image of a known format"
    return "" if known else None
