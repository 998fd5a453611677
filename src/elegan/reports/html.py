"""Fills the templates of pages and embeds their pictures: each page is one file, loading nothing.

Every value that a template shows is escaped; what is markup already says so there, by `safe`.
"""

import base64
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from elegan.reports import scores, words
from elegan.reports.report_data import find, finite, flatten

if TYPE_CHECKING:
    from jinja2 import Environment

# Above this, a lossless picture weighs more than its last bit of sharpness is worth in a page.
MAX_PNG_BYTES = 400_000
MAX_PIXELS = 60_000_000


def fill(template: str, **values: Any) -> str:
    """Returns the file `templates/{template}` with its places filled.

    Raises:
        jinja2.UndefinedError: the template shows a value that is not among `values`.
    """
    return _environment().get_template(template).render(values)


def fill_macro(name: str, *values: Any) -> str:
    """Returns what the macro `name` of `templates/macros.html` makes of `values`."""
    return str(getattr(_environment().get_template("macros.html").module, name)(*values))


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # only pages need it
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("elegan.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    forms = ("compact", "duration", "images_text", "leaf_text", "percent", "short_count")
    environment.filters.update({name: getattr(words, name) for name in forms}, finite=finite)
    environment.filters["thousands"] = "{:,}".format
    environment.filters["plain"] = lambda value: Markup(words.plain(value))
    environment.globals.update(words=words, scores=scores, find=find, flatten=flatten, embed=embed)
    return environment


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
            if opened.width * opened.height > MAX_PIXELS:
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
    return embedded(image, most_bytes=MAX_PNG_BYTES)


def embedded(image: Image.Image, *, most_bytes: int | None = None) -> Picture:
    """Returns `image` as PNG, or as JPEG where PNG would exceed `most_bytes`."""
    kind, buffer = "png", io.BytesIO()
    image.save(buffer, "PNG")
    if most_bytes is not None and buffer.tell() > most_bytes:
        kind, buffer = "jpeg", io.BytesIO()
        image.save(buffer, "JPEG", quality=88)
    uri = f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return Picture(uri=uri, width=image.width, height=image.height)
