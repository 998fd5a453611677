"""Pictures of a run folder as data URIs, so that one HTML file holds all."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

# Above this, a lossless picture weighs more than its last bit of sharpness is worth in a page.
MOST_PNG_BYTES = 400_000
MOST_PIXELS = 60_000_000


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture ready for `src`: `uri` is a data URI, `width` and `height` its own pixels."""

    uri: str
    width: int
    height: int


def embed(path: Path, *, width: int) -> Picture | None:
    """Reads the picture at `path` and fits it to about `width` pixels across.

    A wider one is resampled down to `width`. A narrower one is enlarged by a whole factor without
    smoothing, to at most `width`: every pixel of a small sample stays a square of equal size
    however a browser scales the page.

    Returns:
        The picture as PNG, or as JPEG where PNG would exceed 400 kB; None when `path` cannot be
        read as a picture, such as one that a killed run half wrote.
    """
    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                return None
            mode = "L" if opened.mode in ("1", "L", "I;16") else "RGB"
            image = opened.convert(mode)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if image.width > width:
        height = max(1, round(image.height * width / image.width))
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    elif (factor := width // image.width) > 1:
        size = (image.width * factor, image.height * factor)
        image = image.resize(size, Image.Resampling.NEAREST)
    kind, data = "png", _encode(image, "PNG")
    if len(data) > MOST_PNG_BYTES:
        kind, data = "jpeg", _encode(image, "JPEG", quality=88)
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return Picture(uri=uri, width=image.width, height=image.height)


def _encode(image: Image.Image, kind: str, **options: bool | int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
