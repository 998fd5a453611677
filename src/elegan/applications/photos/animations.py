"""Animated GIF, WebP, PNG and AVIF, worked on frame by frame."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from elegan.applications.photos.diagnosis import Frames
from elegan.common.errors import EleganError
from elegan.common.files import written_whole
from elegan.data.degradations import resize_bicubic
from elegan.data.headers import Unusable, is_lossless_webp, orientation_of, turned
from elegan.data.metadata import kept_exif, options_of
from elegan.data.photo_files import QUALITY, cannot_hold
from elegan.models.inference import shown

SUFFIXES = {"GIF": ".gif", "WEBP": ".webp", "PNG": ".png", "AVIF": ".avif"}
"""The suffix of each format that may move, by Pillow's name of it."""
MAX_BYTES = 400_000_000
"""Bytes of all frames of a result together, which are held in memory."""
_OPAQUE = 128  # a GIF's pixel is there or not


def animated_format(path: Path) -> str | None:
    """Pillow's name of the format of a file of several frames; None for all other files."""
    try:
        with Image.open(path, formats=list(SUFFIXES)) as image:
            return image.format if getattr(image, "n_frames", 1) > 1 else None
    except Exception:  # whatever is wrong with it is said by the reader of photos
        return None


def format_of_frames(own: str, asked: str) -> str:
    """Returns the format of a moving result: its own, or what `--format` asks for.

    Raises:
        EleganError: the format that was asked for holds no frames.
    """
    chosen = own if asked == "auto" else asked.upper()
    if chosen not in SUFFIXES:
        raise EleganError(
            f"it moves, and {chosen} holds one picture. Leave --format out: it stays {own}."
        )
    return chosen


def translate_frames(
    changed: Frames,
    path: Path,
    target: Path,
    *,
    chosen: str,
    quality: int | None,
    flatten: bool = False,
) -> tuple[int, int]:
    """Writes an animation of changed frames in one step; returns its (width, height).

    Times, loops, transparency, the colour profile and EXIF are kept; WebP without loss stays so.

    Args:
        chosen: a key of `SUFFIXES`.
        quality: 1..100, of AVIF and WebP; by default 95, or WebP without loss as the source is.
        flatten: whether the result is opaque.

    Raises:
        Unusable: the file is damaged, or the result would not fit in memory.
        EleganError: the format cannot hold it.
        OSError: it cannot be written; nothing is left behind.
    """
    frames, times = [], []
    with Image.open(path, formats=list(SUFFIXES)) as image:
        orientation = orientation_of(image)
        tall, wide = turned(np.empty((image.height, image.width)), orientation).shape
        size = changed.model.output_size(tall, wide, changed.use.scale)
        _refuse_size(chosen, size, getattr(image, "n_frames", 1))
        icc, loop = image.info.get("icc_profile"), image.info.get("loop")
        # The picture of an APNG for programs that cannot show it moving is no frame of the film.
        apart = getattr(image, "default_image", False)
        options = options_of(chosen, icc, None, quality or QUALITY) | {"icc_profile": icc}
        for frame, time in _frames(image):
            frame = turned(frame, orientation)
            colours = shown(frame[..., :3], frame[..., 3], changed.model.stylizes)
            made = changed(colours)
            alpha = None if flatten else resize_bicubic(frame[..., 3], size)
            frames.append(_frame(made, alpha, chosen))
            times.append(time)
        options["exif"] = kept_exif(image)
    if apart and chosen != "PNG":
        frames, times = frames[1:], times[1:]
    if apart and chosen == "PNG":
        options["default_image"], times = True, times[1:]
    if chosen == "GIF":
        options |= {"disposal": 2}
    if chosen == "WEBP":
        options["lossless"] = quality is None and is_lossless_webp(path.read_bytes())
    if loop is not None:
        options["loop"] = loop
    with written_whole(target) as temporary:
        frames[0].save(
            temporary,
            format=chosen,
            save_all=True,
            append_images=frames[1:],
            duration=times,
            **{name: value for name, value in options.items() if value is not None},
        )
    return size[1], size[0]


def _refuse_size(chosen: str, size: tuple[int, int], count: int) -> None:
    if chosen != "GIF" and (why := cannot_hold(chosen, size=size)):
        raise EleganError(why)
    if count * size[0] * size[1] * (1 if chosen == "GIF" else 4) > MAX_BYTES:
        raise Unusable(
            f"{count} frames of {size[1]}x{size[0]} are over the limit of"
            f" {MAX_BYTES // 1_000_000} MB for an animation"
        )


def _frames(image: Image.Image) -> Iterator[tuple[np.ndarray, float]]:
    """Yields uint8 [H, W, 4] and its milliseconds for each frame."""
    try:
        for frame in ImageSequence.Iterator(image):
            values = np.asarray(frame.convert("RGBA"))
            time = float(frame.info.get("duration", 100))
            yield values, int(time) if time.is_integer() else time
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Unusable(f"damaged: {error}") from error


def _frame(colours: np.ndarray, alpha: np.ndarray | None, chosen: str) -> Image.Image:
    if colours.shape[2] == 1:
        colours = np.repeat(colours, 3, axis=2)
    image, gif = Image.fromarray(colours), chosen == "GIF"
    if alpha is None or (alpha >= (_OPAQUE if gif else 255)).all():
        return image.quantize(256, dither=Image.Dither.NONE) if gif else image
    if not gif:
        return Image.fromarray(np.concatenate([colours, alpha[..., None]], axis=2))
    indexed = image.quantize(255, dither=Image.Dither.NONE)
    indices = np.where(alpha >= _OPAQUE, np.asarray(indexed), 255).astype(np.uint8)
    result = Image.fromarray(indices, "P")
    result.putpalette(indexed.getpalette() or [])
    result.info["transparency"] = 255
    return result
