"""Animations through a model: frames, times, loops, holes and the container are the source's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import translators
from PIL import Image

import elegan
from elegan.applications.photos import animations
from elegan.data.headers import is_lossless_webp

TIMES = [40, 100, 250]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def frame(index: int) -> np.ndarray:
    """Colours with a hole that moves, uint8 [40, 50, 4]."""
    pixels = np.full((40, 50, 4), 255, np.uint8)
    pixels[..., :3] = np.roll(translators.photo(), 3 * index, axis=1)
    pixels[10:20, 5 + 8 * index : 15 + 8 * index] = (0, 0, 0, 0)
    return pixels


def film(path: str, **options: Any) -> str:
    """Writes an animation of `frame`, shown three times."""
    first, *others = [Image.fromarray(frame(index)) for index in range(len(TIMES))]
    given = {"duration": TIMES, "loop": 3, **options}
    first.save(path, save_all=True, append_images=others, **given)
    return path


def seen(path: Path | str) -> tuple[list[np.ndarray], list[float], int | None]:
    with Image.open(path) as image:
        frames, times = [], []
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            frames.append(np.asarray(image.convert("RGBA")))
            times.append(image.info.get("duration"))
        return frames, times, image.info.get("loop")


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


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.webp", {"lossless": True, "exact": True}, 0),
        ("a.webp", {"quality": 95}, 60),
        ("a.png", {}, 0),
        pytest.param("a.avif", {"quality": 95}, 60, marks=pytest.mark.skipif(
            not Image.registered_extensions().get(".avif"), reason="no AVIF in this Pillow"
        )),
    ],
)  # fmt: skip
def test_every_frame_comes_back_in_its_container(
    name: str, options: dict, tolerance: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = film(name, **options)
    found = elegan.upscale(source, model=_doubled(monkeypatch), out="out")
    assert [(one.state, one.notes) for one in found.outcomes] == [("done", ())]
    (path,) = found.files
    assert path.name == name
    assert path.read_bytes()[:12] == Path(source).read_bytes()[:4] + path.read_bytes()[4:12]
    (before, times, loop), (after, new_times, new_loop) = seen(source), seen(path)
    assert new_times == times == TIMES
    assert new_loop == loop
    assert loop == (None if name == "a.avif" else 3)
    for old, new in zip(before, after, strict=True):
        assert new.shape == (80, 100, 4)
        opaque = old[..., 3] == 255
        whole = new[::2, ::2][opaque].astype(int)
        # Away from the hole's rim, where alpha is resized.
        assert np.quantile(abs(whole - old[opaque])[:, :3], 0.97) <= tolerance
        assert (new[24:36, :, 3] < 128).sum() == 12 * 20
    assert is_lossless_webp(path.read_bytes()) == ("lossless" in options)


def test_colours_hidden_in_frames_reach_no_rim(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.zeros((2, 30, 30, 4), np.uint8)
    pixels[:, 8:22, 8:22] = 255
    pixels[1, 8, 8, :3] = 250
    first, second = map(Image.fromarray, pixels)
    first.save("a.png", save_all=True, append_images=[second], duration=50)
    shown = []
    model = translators.model("upscale", scale=2)

    def strips(image: np.ndarray, use: Any = None) -> Any:
        shown.append(image)
        return iter([image.repeat(2, axis=0).repeat(2, axis=1)])

    monkeypatch.setattr(model, "strips", strips)
    monkeypatch.setattr(model, "with_strength", lambda strength: model)
    assert elegan.upscale("a.png", model=model, out="out").outcomes[0].state == "done"
    assert min(one.min() for one in shown) >= 250


def test_the_picture_beside_an_apng_stays_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    source = film("a.png", default_image=True, duration=TIMES[1:])
    (path,) = elegan.upscale(source, model=_doubled(monkeypatch), out="out").files
    with Image.open(path) as image:
        assert image.default_image
        assert image.n_frames == 3
    assert seen(path)[1][1:] == TIMES[1:]
    (path,) = elegan.upscale(source, model=_doubled(monkeypatch), out="b", format="webp").files
    assert (path.name, seen(path)[1]) == ("a.webp", TIMES[1:])


def test_a_profile_and_a_description_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageCms

    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a hole that moves", 6
    source = film("a.webp", icc_profile=icc, exif=exif.tobytes(), lossless=True)
    (path,) = elegan.upscale(source, model=_doubled(monkeypatch), out="out").files
    with Image.open(path) as image:
        assert image.info["icc_profile"] == icc
        assert image.getexif()[0x010E] == "a hole that moves"
        assert image.getexif().get(0x0112, 1) == 1
        assert image.size == (80, 100)  # upright


def test_what_cannot_hold_frames_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = elegan.upscale(film("a.png"), model=_doubled(monkeypatch), out="out", format="jpeg")
    assert "it stays PNG" in found.outcomes[0].reason
    monkeypatch.setattr(animations, "MAX_BYTES", 3 * 80 * 100 * 4 - 1)
    found = elegan.upscale("a.png", model=_doubled(monkeypatch), out="out")
    assert "3 frames of 100x80 are over the limit" in found.outcomes[0].reason
    Path("bad.png").write_bytes(Path("a.png").read_bytes()[:3000])
    assert elegan.upscale("bad.png", model=_doubled(monkeypatch), out="out").outcomes[0].reason


def test_a_quality_that_is_named_wins_over_what_was_lossless() -> None:
    film("a.webp", lossless=True)
    model = translators.write(Path("model"), "restore")
    elegan.restore("a.webp", model=model, out="kept")
    elegan.restore("a.webp", model=model, out="named", quality=60)
    assert is_lossless_webp(Path("kept/a.webp").read_bytes())
    assert not is_lossless_webp(Path("named/a.webp").read_bytes())
