"""Animated GIFs through a model, frame by frame, with their times and their transparency."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from elegan.data.decode import Unusable
from elegan.data.degradations import resize_bicubic
from elegan.data.pictures import written_whole
from elegan.models.colours import on_white
from elegan.models.translation import TranslationModel, Use

MAX_PIXELS = 200_000_000
"""Pixels of all frames of a result together, which are held in memory."""
_OPAQUE = 128  # a GIF's pixel is there or not


def is_animated(path: Path) -> bool:
    """Whether a file is a GIF of several frames."""
    try:
        with Image.open(path, formats=["GIF"]) as image:
            return getattr(image, "n_frames", 1) > 1
    except Exception:  # whatever is wrong with it is said by the reader of photos
        return False


def translate_frames(
    model: TranslationModel, path: Path, target: Path, use: Use, flatten: bool = False
) -> tuple[int, int]:
    """Writes an animated GIF of a model's frames in one step; returns its (width, height).

    Args:
        flatten: whether the result is opaque, see `Writing`.

    Raises:
        Unusable: the file is damaged, or the result would not fit in memory.
        EleganError: it cannot be written.
    """
    frames, times = [], []
    with Image.open(path, formats=["GIF"]) as image:
        height, width = model.output_size(image.height, image.width, use.scale)
        count = getattr(image, "n_frames", 1)
        if count * height * width > MAX_PIXELS:
            raise Unusable(
                f"{count} frames of {width}x{height} are over the limit of"
                f" {MAX_PIXELS // 1_000_000} million pixels for an animation"
            )
        loop = image.info.get("loop")
        for frame, time in _frames(image, path):
            colours, alpha = frame[..., :3], frame[..., 3]
            if model.task == "stylize":
                colours = on_white(colours, alpha)
            if flatten:
                alpha = np.full_like(alpha, 255)
            made = np.concatenate(list(model.strips(colours, use=use)))
            alpha = resize_bicubic(alpha, (height, width))
            frames.append(_palette(made, alpha))
            times.append(time)
    options = {} if loop is None else {"loop": loop}
    with written_whole(target) as temporary:
        frames[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=times,
            disposal=2,
            **options,
        )
    return width, height


def _frames(image: Image.Image, path: Path) -> Iterator[tuple[np.ndarray, int]]:
    """Yields uint8 [H, W, 4] and its milliseconds for each frame."""
    try:
        for frame in ImageSequence.Iterator(image):
            yield np.asarray(frame.convert("RGBA")), int(frame.info.get("duration", 100))
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Unusable(f"damaged: {error}") from error


def _palette(colours: np.ndarray, alpha: np.ndarray) -> Image.Image:
    if colours.shape[2] == 1:
        colours = np.repeat(colours, 3, axis=2)
    image = Image.fromarray(colours)
    if (alpha >= _OPAQUE).all():
        return image.quantize(256, dither=Image.Dither.NONE)
    indexed = image.quantize(255, dither=Image.Dither.NONE)
    indices = np.where(alpha >= _OPAQUE, np.asarray(indexed), 255).astype(np.uint8)
    result = Image.fromarray(indices, "P")
    result.putpalette(indexed.getpalette() or [])
    result.info["transparency"] = 255
    return result
