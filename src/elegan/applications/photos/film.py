"""Videos, worked on frame by frame."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from elegan.applications.photos.diagnosis import Frames
from elegan.common.errors import EleganError
from elegan.common.files import written_whole
from elegan.data.headers import Unusable

SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
"""Files that are taken for videos."""
_QUALITY = "16"  # constant rate factor of x264, at which differences are hardly seen
_FULL_TURN = 360
_CONTAINERS = {".mp4": "mp4", ".mkv": "matroska"}  # the first that holds most is taken
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}  # ITU-T H.273, table 4: those that are computed
_FULL = 2  # values from 0 to 255, where video usually takes 16 to 235
_STALE = ("major_brand", "minor_version", "compatible_brands", "encoder")  # of the old file


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
        pictures = source.streams.best("video")
        if pictures.frames:
            return pictures.frames
        seconds = (source.duration or 0) / _av().time_base
        return max(1, round(seconds * float(pictures.average_rate or 0)))


def suffix_for(path: Path) -> str:
    """The suffix of a video's result: MP4, or MKV where only that holds its sound and subtitles.

    Raises:
        EleganError: PyAV is not installed.
        Unusable: it is no video that can be read.
    """
    held = {}
    with _opened(path) as source:
        for suffix, name in _CONTAINERS.items():
            with _av().open(os.devnull, "w", format=name) as trial:
                held[suffix] = len(_copies(trial, source))
    return max(held, key=lambda suffix: held[suffix])


def translate_video(
    changed: Frames,
    path: Path,
    target: Path,
    on_frame: Callable[[], None],
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Writes a video (H.264) of changed frames in one step.

    Frames are read, worked on and written one after the other, so length costs no memory. Each is
    worked on alone: what a model invents may flicker. Sound, subtitles and chapters are copied.

    Args:
        target: ends in what `suffix_for` says.
        on_frame: called after each frame.

    Returns:
        Its (width, height), and notes.

    Raises:
        EleganError: PyAV is not installed.
        Unusable: the file is damaged or holds no picture.
        OSError: the result cannot be written; nothing is left behind.
    """
    av = _av()
    container = _CONTAINERS[target.suffix]
    with written_whole(target) as temporary, _opened(path) as source:
        pictures = source.streams.best("video")
        with av.open(str(temporary), "w", format=container) as result:
            # First, as players expect; its size is known with the first picture.
            stream: Any = result.add_stream("libx264", rate=pictures.average_rate or 25)
            ready = False
            copies = _copies(result, source)
            result.metadata.update({k: v for k, v in source.metadata.items() if k not in _STALE})
            result.set_chapters([item for item in source.chapters() if item["time_base"]])
            waiting: list[Any] = []  # what is copied, until the size of the pictures is known
            beside = [item for item in source.streams if item.index in copies]
            for packet in _packets(source, [pictures, *beside], path):
                if packet.stream.index in copies:
                    waiting += [packet] * (packet.dts is not None)
                else:
                    for frame in _decoded(packet, path):
                        pixels = _upright(frame)
                        made = changed(pixels)
                        if not ready:
                            _set_up(stream, made, pictures, frame)
                            ready = True
                        result.mux(stream.encode(_encodable(av, made, frame, stream)))
                        on_frame()
                while ready and waiting:
                    waiting[0].stream = copies[waiting[0].stream.index]
                    result.mux(waiting.pop(0))
            if not ready:
                raise Unusable("it holds no picture")
            result.mux(stream.encode())
            size = stream.width, stream.height
            kept = {pictures.index, *copies}
            return size, (*changed.notes, *_notes(source, kept, target.suffix))


def _copies(result: Any, source: Any) -> dict[int, Any]:
    """Adds a stream for all sound and subtitles that the result can hold; by the source's index."""
    copies = {}
    for stream in (*source.streams.audio, *source.streams.subtitles):
        # What the container, or PyAV, cannot hold is left out, and said.
        with contextlib.suppress(ValueError, _av().error.FFmpegError):
            copy = result.add_stream_from_template(stream)
            copy.metadata.update(stream.metadata)
            copy.disposition = stream.disposition
            copies[stream.index] = copy
    return copies


def _notes(source: Any, kept: set[int], suffix: str) -> tuple[str, ...]:
    """Says what a person would miss: streams that were left out, and another container."""
    left = Counter(stream.type for stream in source.streams if stream.index not in kept)
    if source.chapters():
        left["data"] -= 1  # MP4 holds the names of chapters in a stream of their own
    notes = [f"left out: {count} of {kind}" for kind, count in left.items() if count > 0]
    if suffix != next(iter(_CONTAINERS)):
        notes.insert(0, "written as MKV: MP4 does not hold all of its sound and subtitles")
    return tuple(notes)


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


def _upright(frame: Any) -> np.ndarray:
    """A frame as it is shown, uint8 [H, W, 3]; phones store it on its side and say so."""
    pixels = frame.to_ndarray(format="rgb24", src_colorspace=_matrix(frame))
    return np.ascontiguousarray(np.rot90(pixels, _turns(frame)))


def _turns(frame: Any) -> int:
    return round(frame.rotation % _FULL_TURN / 90)


def _matrix(frame: Any) -> int:
    """How its colours became luma and chroma; where it does not say, what players take by size."""
    return _MATRICES.get(frame.colorspace, 1 if frame.height >= 720 else 5)


def _set_up(stream: Any, made: np.ndarray, pictures: Any, frame: Any) -> None:
    """Gives the pictures' stream the size, colours and shape of pixels of the first of them."""
    stream.height, stream.width = made.shape[:2]
    # Colour at half the size, which every player reads, needs even sides.
    even = stream.height % 2 == 0 and stream.width % 2 == 0
    stream.pix_fmt = "yuv420p" if even else "yuv444p"
    stream.options = {"crf": _QUALITY}
    stream.time_base = pictures.time_base
    stream.metadata.update({k: v for k, v in pictures.metadata.items() if k == "language"})
    codec = stream.codec_context
    codec.time_base = pictures.time_base
    shape = pictures.sample_aspect_ratio
    if shape:
        codec.sample_aspect_ratio = 1 / shape if _turns(frame) % 2 else shape
    codec.colorspace, codec.color_range = _matrix(frame), _FULL if _is_full(frame) else 1
    codec.color_primaries, codec.color_trc = frame.color_primaries, frame.color_trc


def _is_full(frame: Any) -> bool:
    return frame.color_range == _FULL


def _encodable(av: Any, made: np.ndarray, frame: Any, stream: Any) -> Any:
    if made.shape[2] == 1:
        made = np.repeat(made, 3, axis=2)
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(made), format="rgb24")
    picture = picture.reformat(
        format=stream.pix_fmt,
        dst_colorspace=_matrix(frame),
        dst_color_range=_FULL if _is_full(frame) else 1,
    )
    picture.pts, picture.time_base = frame.pts, frame.time_base
    return picture
