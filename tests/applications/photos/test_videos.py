"""Videos through a model: size, times, colours, sound and uprightness are those of the source."""

import struct
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import translators

import elegan
from elegan.applications.photos import film as videos
from elegan.applications.photos.journal import Watch

av = pytest.importorskip("av")

TALL, WIDE, FRAMES = 48, 64, 6
TIMES = (0, 100, 220, 260, 400, 700)  # milliseconds: uneven, as a phone's are
QUARTER_TURN = (0, 1, 0, -1, 0, 0, TALL, 0)


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def scene(index: int) -> np.ndarray:
    """A picture with a red and a blue half, and a bright square that moves."""
    pixels = np.empty((TALL, WIDE, 3), np.uint8)
    pixels[:, : WIDE // 2] = (190, 60, 50)
    pixels[:, WIDE // 2 :] = (40, 70, 180)
    pixels[16:32, 8 * index : 8 * index + 16] = 230
    return pixels


def film(
    path: str,
    *,
    sound: int = 0,
    turned: bool = False,
    shape: Fraction | None = None,
    colours: dict[str, int] | None = None,
    captions: bool = False,
) -> str:
    """Writes a video of `scene`, with tracks of sound, or a note that it lies on its side."""
    with av.open(path, "w") as target:
        stream: Any = target.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDE, TALL, "yuv420p"
        stream.options = {"crf": "4"}
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if shape:
            stream.codec_context.sample_aspect_ratio = shape
        for name, value in (colours or {}).items():
            setattr(stream.codec_context, name, value)
        voices: list[Any] = [target.add_stream("aac", rate=16_000) for _ in range(sound)]
        for number, voice in enumerate(voices):
            voice.metadata["language"] = ("deu", "fra")[number]
        if captions:
            _captioned(target)
        for index, time in enumerate(TIMES):
            frame = av.VideoFrame.from_ndarray(scene(index), format="rgb24")
            if colours:
                frame = frame.reformat(
                    format="yuv420p",
                    dst_colorspace=colours["colorspace"],
                    dst_color_range=colours["color_range"],
                )
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
        for number, voice in enumerate(voices):
            wave = np.sin(np.arange(16_000) / (8 + number))[None].astype(np.float32)
            heard = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            heard.sample_rate, heard.pts = 16_000, 0
            target.mux(voice.encode(heard))
            target.mux(voice.encode())
    if turned:
        _turn(Path(path))
    return path


def _captioned(target: Any) -> None:
    """Adds a line of subtitles and two chapters."""
    Path("said.srt").write_text("1\n00:00:00,100 --> 00:00:00,400\nA square moves.\n")
    parts = [(0, 300, "first"), (300, 800, "second")]
    target.set_chapters(
        [
            {
                "id": start,
                "start": start,
                "end": end,
                "time_base": Fraction(1, 1000),
                "metadata": {"title": name},
            }
            for start, end, name in parts
        ]
    )
    with av.open("said.srt") as said:
        copy = target.add_stream_from_template(said.streams.subtitles[0])
        for packet in said.demux():
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)


def _turn(path: Path) -> None:
    """Puts a quarter turn into the track header's matrix (ISO 14496-12, section 8.3.2)."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4 + 4 + 20 + 16
    turn = [value << 16 for value in QUARTER_TURN] + [1 << 30]
    content[start : start + 36] = struct.pack(">9i", *turn)
    path.write_bytes(content)


def seen(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """Frames as stored, uint8, and their times in milliseconds."""
    frames, times = [], []
    with av.open(str(path)) as source:
        for frame in source.decode(video=0):
            frames.append(frame.to_ndarray(format="rgb24"))
            times.append(round(frame.time * 1000))
    return frames, times


def _doubled(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An upscaler that repeats pixels, so that what comes out is known."""
    model = translators.model("upscale", scale=2)
    monkeypatch.setattr(
        model,
        "strips",
        lambda image, use=None: iter([image.repeat(2, axis=0).repeat(2, axis=1)]),
    )
    monkeypatch.setattr(model, "with_strength", lambda strength: model)
    return model


def test_frames_times_and_colours_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = elegan.upscale(film("a.mp4"), model=_doubled(monkeypatch), out="out")
    assert [one.state for one in found.outcomes] == ["done"]
    assert found.outcomes[0].size == (2 * WIDE, 2 * TALL)
    frames, times = seen(found.files[0])
    assert times == list(TIMES)
    for index, frame in enumerate(frames):
        expected = scene(index).repeat(2, axis=0).repeat(2, axis=1).astype(int)
        inside = np.s_[8:24, 8:]  # above the square
        assert abs(frame[inside] - expected[inside])[:, [10, -10]].max() <= 6
        assert frame[48, 16 * index + 16].min() > 215


def test_sound_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    source = film("a.mp4", sound=1)
    (path,) = elegan.upscale(source, model=_doubled(monkeypatch), out="out").files
    heard = []
    for name in (source, str(path)):
        with av.open(name) as container:
            packets = container.demux(audio=0)
            heard.append([bytes(one) for one in packets if one.dts is not None])
    assert heard[0] == heard[1]
    assert len(heard[0]) > 10


def test_all_sound_subtitles_and_chapters_come_along(monkeypatch: pytest.MonkeyPatch) -> None:
    source = film("a.mkv", sound=2, captions=True)
    found = elegan.upscale(source, model=_doubled(monkeypatch), out="out")
    (path,) = found.files
    assert path.suffix == ".mkv"
    assert "MKV" in found.outcomes[0].notes[0]
    held = []
    for name in (source, str(path)):
        with av.open(name) as container:
            copied = [one.index for one in container.streams if one.type != "video"]
            packets: dict[int, list[bytes]] = {index: [] for index in copied}
            for packet in container.demux(*copied):
                if packet.dts is not None:
                    packets[packet.stream.index].append(bytes(packet))
            said = [container.streams[index].metadata.get("language") for index in copied]
            chapters = [
                (item["start"] * item["time_base"], item["metadata"])
                for item in container.chapters()
            ]
            held.append((list(packets.values()), said, chapters))
    assert held[0] == held[1]
    assert [len(one) for one in held[0][0]][2] == 1
    assert held[0][1][:2] == ["deu", "fra"]
    assert [float(start) for start, _ in held[0][2]] == [0, 0.3]
    plain = elegan.upscale(film("b.mkv", sound=2), model=_doubled(monkeypatch), out="out")
    assert plain.files[0].suffix == ".mp4"  # which holds two tracks
    with av.open(str(plain.files[0])) as container:
        assert [one.type for one in container.streams] == ["video", "audio", "audio"]
    assert plain.outcomes[0].notes == ()


@pytest.mark.parametrize("turned", [False, True])
def test_the_shape_of_pixels_is_kept(monkeypatch: pytest.MonkeyPatch, turned: bool) -> None:
    source = film("a.mp4", shape=Fraction(64, 45), turned=turned)
    (path,) = elegan.upscale(source, model=_doubled(monkeypatch), out="out").files
    with av.open(str(path)) as container:
        shape = container.streams.video[0].sample_aspect_ratio
        assert shape == (Fraction(45, 64) if turned else Fraction(64, 45))


@pytest.mark.parametrize(("matrix", "full"), [(1, 1), (5, 1), (9, 1), (1, 2)])
def test_colours_are_kept_with_what_is_said_of_them(
    monkeypatch: pytest.MonkeyPatch, matrix: int, full: int
) -> None:
    said = {"colorspace": matrix, "color_range": full, "color_primaries": 9, "color_trc": 16}
    source = film("a.mp4", colours=said)
    (path,) = elegan.upscale(source, model=_doubled(monkeypatch), out="out").files
    values = []
    for name in (source, str(path)):
        with av.open(name) as container:
            frame = next(container.decode(video=0))
            assert {name: getattr(frame, name) for name in said} == said
            values.append(frame.to_ndarray(format="rgb24"))
    expected = scene(0)[[8], 10:60].astype(int)
    assert abs(values[0][[8], 10:60] - expected)[:, [5, 40]].max() <= 8
    assert abs(values[1][[16], 20:120:2] - expected)[:, [5, 40]].max() <= 8


def test_a_phones_video_comes_out_upright(monkeypatch: pytest.MonkeyPatch) -> None:
    source = film("a.mov", turned=True)
    (path,) = elegan.upscale(source, model=_doubled(monkeypatch), out="out").files
    assert path.name == "a.mp4"
    first = seen(path)[0][0]
    assert first.shape[:2] == (2 * WIDE, 2 * TALL)
    # A quarter turn to the right: what was on the left, red, is now above.
    assert first[10, 4, 0] > first[10, 4, 2] + 80
    assert first[-10, 4, 2] > first[-10, 4, 0] + 80


def test_a_bad_video_is_said_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("bad.mp4").write_bytes(b"no video at all")
    whole = Path(film("whole.mp4")).read_bytes()
    Path("cut.mp4").write_bytes(whole[: len(whole) // 2])
    names = ["bad.mp4", "cut.mp4", "whole.mp4"]
    found = elegan.upscale(names, model=_doubled(monkeypatch), out="out")
    assert [one.state for one in found.outcomes] == ["failed", "failed", "done"]
    assert "no video that can be read" in found.outcomes[0].reason
    assert sorted(one.name for one in (tmp_path / "out").glob("*.mp4")) == ["whole.mp4"]


def test_a_mask_is_refused() -> None:
    model = translators.model("restore")
    found = elegan.restore(film("a.mp4"), model=model, out="out", mask="auto")
    assert "still photo" in found.outcomes[0].reason


def test_stopping_in_the_middle_leaves_nothing_half_made(tmp_path: Path) -> None:
    class Stops(Watch):
        frames = 0

        def window(self) -> None:
            self.frames += 1

        def stops(self) -> bool:
            return self.frames == 3

    watch = Stops()
    model = translators.write(tmp_path / "model", "upscale", scale=2)
    found = elegan.upscale(film("a.mp4"), model=model, out="out", watch=watch)
    assert found.stopped
    assert watch.frames == 3
    assert [one.name for one in Path("out").iterdir() if "a" in one.stem] == [
        "elegan-journal.jsonl"
    ]
    again = elegan.upscale("a.mp4", model=model, out="out")
    assert [one.state for one in again.outcomes] == ["done"]
    assert len(seen(again.files[0])[0]) == FRAMES


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    source = film("a.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    found = elegan.upscale(source, model=_doubled(monkeypatch), out="out")
    assert "pip install 'elegan[video]'" in found.outcomes[0].reason


def test_the_number_of_frames_is_known_before() -> None:
    assert videos.frame_count(Path(film("a.mp4"))) == FRAMES
    assert videos.frame_count(Path(film("a.mkv"))) >= 1
