"""GIFs and videos, worked on frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from elegan.common.errors import EleganError
from elegan.common.files import written_whole
from elegan.data.degradations import resize_bicubic
from elegan.data.headers import Unusable
from elegan.models.inference import InferenceOptions, on_white
from elegan.models.translation import TranslationModel

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
    model: TranslationModel, path: Path, target: Path, use: InferenceOptions, flatten: bool = False
) -> tuple[int, int]:
    """Writes an animated GIF of a model's frames in one step; returns its (width, height).

    Args:
        flatten: whether the result is opaque.

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
            if model.stylizes:
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


SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
"""Files that are taken for videos."""
WRITTEN = ".mp4"
_QUALITY = "16"  # constant rate factor of x264, at which differences are hardly seen
_COLOURS = "ITU709"
_FULL_TURN = 360


def is_video(path: Path) -> bool:
    """Whether a file is taken for a video, by its name."""
    return path.suffix.lower() in SUFFIXES


def frame_count(path: Path) -> int:
    """How many frames a video holds, by what it says of itself; 1 where it says nothing.

    Raises:
        EleganError: PyAV is not installed.
        Unusable: it is no video that can be read.
    """
    with _opened(path) as source:
        pictures = source.streams.video[0]
        if pictures.frames:
            return pictures.frames
        seconds = (source.duration or 0) / _av().time_base
        return max(1, round(seconds * float(pictures.average_rate or 0)))


def translate_video(
    model: TranslationModel,
    path: Path,
    target: Path,
    use: InferenceOptions,
    on_frame: Callable[[], None],
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Writes a video (H.264, MP4) of a model's frames in one step.

    Frames are read, worked on and written one after the other, so length costs no memory. Each is
    worked on alone: what a model invents may flicker.

    Args:
        target: ends in `WRITTEN`.
        on_frame: called after each frame.

    Returns:
        Its (width, height), and notes.

    Raises:
        EleganError: PyAV is not installed.
        Unusable: the file is damaged or holds no picture.
        OSError: the result cannot be written; nothing is left behind.
    """
    av = _av()
    with written_whole(target) as temporary, _opened(path) as source:
        pictures, sound = source.streams.video[0], source.streams.best("audio")
        with av.open(str(temporary), "w", format="mp4") as result:
            voice = None if sound is None else _copied(result, sound)
            stream: Any = None
            waiting: list[Any] = []  # sound, until the size of the pictures is known
            for packet in _packets(source, [pictures] + [sound] * (voice is not None), path):
                if packet.stream.type == "audio":
                    waiting += [packet] * (packet.dts is not None)
                else:
                    for frame in _decoded(packet, path):
                        made = np.concatenate(list(model.strips(_upright(frame), use=use)))
                        stream = stream or _stream(result, made, pictures)
                        result.mux(stream.encode(_encodable(av, made, frame, stream)))
                        on_frame()
                while stream is not None and waiting:
                    waiting[0].stream = voice
                    result.mux(waiting.pop(0))
            if stream is None:
                raise Unusable("it holds no picture")
            result.mux(stream.encode())
            size = stream.width, stream.height
    return size, ("without its sound",) if sound is not None and voice is None else ()


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise EleganError(
            "Videos need PyAV, which is not installed. Install it: pip install 'elegan[video]'."
        ) from error
    return av


def _opened(path: Path) -> Any:
    """Returns the container, a context, once it is sure to have pictures."""
    av = _av()
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as error:
        raise Unusable(f"no video that can be read: {error}") from error
    if not container.streams.video:
        container.close()
        raise Unusable("it holds no picture")
    return container


def _packets(source: Any, streams: list[Any], path: Path) -> Iterator[Any]:
    try:
        yield from source.demux(*streams)
    except _av().error.FFmpegError as error:
        raise Unusable(f"damaged: {error}") from error


def _decoded(packet: Any, path: Path) -> list[Any]:
    try:
        return packet.decode()
    except _av().error.FFmpegError as error:
        raise Unusable(f"damaged: {error}") from error


def _copied(result: Any, sound: Any) -> Any:
    """Adds a stream that takes the sound as it is; None where an MP4 cannot hold it."""
    try:
        return result.add_stream_from_template(sound)
    except (ValueError, _av().error.FFmpegError):
        return None


def _upright(frame: Any) -> np.ndarray:
    """A frame as it is shown, uint8 [H, W, 3]; phones store it on its side and say so."""
    pixels = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation % _FULL_TURN / 90)
    return np.ascontiguousarray(np.rot90(pixels, turns))


def _stream(result: Any, made: np.ndarray, pictures: Any) -> Any:
    """Adds the pictures' stream, of the size of the first of them."""
    stream = result.add_stream("libx264", rate=pictures.average_rate or 25)
    stream.height, stream.width = made.shape[:2]
    # Colour at half the size, which every player reads, needs even sides.
    even = stream.height % 2 == 0 and stream.width % 2 == 0
    stream.pix_fmt = "yuv420p" if even else "yuv444p"
    stream.options = {"crf": _QUALITY}
    stream.time_base = pictures.time_base
    stream.codec_context.time_base = pictures.time_base
    stream.codec_context.colorspace = 1  # BT.709, as `_COLOURS` says
    stream.codec_context.color_range = 1  # 16 to 235, as players expect
    return stream


def _encodable(av: Any, made: np.ndarray, frame: Any, stream: Any) -> Any:
    if made.shape[2] == 1:
        made = np.repeat(made, 3, axis=2)
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(made), format="rgb24")
    picture = picture.reformat(format=stream.pix_fmt, dst_colorspace=_COLOURS)
    picture.pts, picture.time_base = frame.pts, frame.time_base
    return picture
