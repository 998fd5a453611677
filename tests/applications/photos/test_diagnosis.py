"""A shipped restorer that is told nothing: what it is asked to undo, and what is said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import translators
from PIL import Image

import elegan
from elegan.applications.photos import diagnosis
from elegan.applications.photos.diagnosis import Frames, diagnosed
from elegan.data.degradations import resize_bicubic, to_bytes
from elegan.data.photo_files import read_photo
from elegan.metrics.image_quality import psnr
from elegan.models.damage import Diagnosis
from elegan.models.experts import Experts
from elegan.models.inference import InferenceOptions

PHOTO = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)


@pytest.fixture
def shipped() -> Experts:
    return Experts("cpu")


def _finds(monkeypatch: pytest.MonkeyPatch, **values: float) -> None:
    monkeypatch.setattr(diagnosis, "diagnose", lambda image, quality: Diagnosis(values=values))


def test_what_is_found_is_asked_for_and_said(shipped, monkeypatch) -> None:
    _finds(monkeypatch, noise=23.4, jpeg=65.0)
    use, said = diagnosed(shipped, PHOTO, InferenceOptions(), masked=False)
    assert use is not None
    assert use.task == "denoise"
    assert said == ("noise 23/255, JPEG quality 35 -> restore-noise",)


def test_weak_noise_is_measured_and_texture_in_places_is_left_alone(shipped, monkeypatch) -> None:
    random = np.random.default_rng(1)
    smooth = resize_bicubic(random.uniform(0.3, 0.7, (5, 5, 3)).astype(np.float32), (128, 128))
    _finds(monkeypatch, noise=5.0)
    noisy = to_bytes(smooth + random.normal(0, 9 / 255, smooth.shape))
    use, (said,) = diagnosed(shipped, noisy, InferenceOptions(), masked=False)
    assert use is not None
    assert use.found is not None
    assert use.found["noise"] == pytest.approx(9, rel=0.15)
    assert said == "noise 9/255 -> restore-noise"
    half = (np.arange(128) < 80)[None, :, None]
    fur = to_bytes(smooth + half * random.normal(0, 9 / 255, (128, 128, 1)))
    use, said = diagnosed(shipped, fur, InferenceOptions(), masked=False)
    assert use is None
    assert said[1] == "noise 5/255: --task denoise takes it away"
    named, _ = diagnosed(shipped, fur, InferenceOptions(task="denoise"), masked=False)
    assert named is not None
    assert named.found == {"noise": 5.0}


def test_a_photo_without_damage_is_left_alone_and_that_is_said(shipped, monkeypatch) -> None:
    _finds(monkeypatch)
    use, (said,) = diagnosed(shipped, PHOTO, InferenceOptions(), masked=False)
    assert use is None
    assert "unchanged" in said
    assert "--task" in said


def test_blur_is_undone_after_noise_and_only_where_there_is_enough(shipped, monkeypatch) -> None:
    _finds(monkeypatch, noise=12.0, blur=1.6)
    use, said = diagnosed(shipped, PHOTO, InferenceOptions(), masked=False)
    assert use is not None
    assert [name for name, _ in shipped.steps(use.task)] == ["denoise", "deblur"]
    assert said == ("noise 12/255, blur 1.6 px -> restore-noise and restore-blur",)
    _finds(monkeypatch, noise=12.0, blur=0.8)
    use, said = diagnosed(shipped, PHOTO, InferenceOptions(), masked=False)
    assert use is not None
    assert use.task == "denoise"
    assert said[1] == "blur 0.8 px: --task deblur takes it away"


def test_what_is_undone_only_when_asked_for_is_named(shipped, monkeypatch) -> None:
    _finds(monkeypatch, noise=20.0, haze=0.4)
    use, said = diagnosed(shipped, PHOTO, InferenceOptions(), masked=False)
    assert use is not None
    assert use.task == "denoise"
    assert said[1] == "haze 40%: --task dehaze takes it away"
    _finds(monkeypatch, haze=0.4, rain=20.0)
    use, said = diagnosed(shipped, PHOTO, InferenceOptions(), masked=False)
    assert use is None
    assert said[2] == "rain: --task derain takes it away"


def test_who_names_the_damage_or_a_model_is_obeyed(shipped, monkeypatch) -> None:
    _finds(monkeypatch)
    named, auto = InferenceOptions(task="deblur"), InferenceOptions()
    assert diagnosed(shipped, PHOTO, named, masked=False) == (replace(named, found={}), ())
    _finds(monkeypatch, noise=12.0)
    told = {"noise": 12.0}
    assert diagnosed(shipped, PHOTO, named, masked=False) == (replace(named, found=told), ())
    filling, said = diagnosed(shipped, PHOTO, auto, masked=True)
    assert filling is not None
    assert (filling.task, said) == ("inpaint", ("mask -> restore-holes",))
    own = translators.model("restore")
    assert diagnosed(own, PHOTO, auto, masked=False) == (replace(auto, found=told), ())
    larger = translators.model("upscale", scale=2)
    assert diagnosed(larger, PHOTO, auto, masked=False) == (auto, ())


@pytest.mark.parametrize("quality", [10, 35, 50, 75, 90, 95])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(tmp_path: Path, quality: int) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.jpg", quality=quality)
    found = read_photo(tmp_path / "a.jpg").quality
    assert found == pytest.approx(quality, abs=1)
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png").quality is None


def test_a_photo_in_which_nothing_is_found_comes_back_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _finds(monkeypatch)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PHOTO).save("a.png")
    found = elegan.restore("a.png", out="out")
    np.testing.assert_array_equal(read_photo("out/a.png").pixels, PHOTO)
    assert "unchanged" in found.outcomes[0].notes[0]
    np.testing.assert_array_equal(elegan.restore(PHOTO), PHOTO)


def test_noise_is_taken_away_before_a_photo_is_made_larger(tmp_path, monkeypatch) -> None:
    random = np.random.default_rng(0)
    smooth = resize_bicubic(random.random((6, 8, 3), np.float32), (96, 128))
    noisy, small = (
        to_bytes(one)[::2, ::2]
        for one in (smooth + random.normal(0, 0.05, smooth.shape).astype(np.float32), smooth)
    )
    truth = to_bytes(resize_bicubic(smooth, (96, 128)))
    monkeypatch.chdir(tmp_path)
    Image.fromarray(noisy).save("a.png")
    _finds(monkeypatch, noise=13.0)
    done = elegan.upscale("a.png", out="out").outcomes[0]
    assert done.notes[0] in [f"noise {sigma}/255 -> restore-noise first" for sigma in (11, 12, 13)]
    made = read_photo("out/a.png").pixels
    np.testing.assert_array_equal(made, elegan.upscale(noisy))
    named = elegan.upscale(noisy, model="upscale-x2")
    assert psnr(made, truth) > psnr(named, truth) + 2
    _finds(monkeypatch)
    np.testing.assert_array_equal(elegan.upscale(small), elegan.upscale(small, model="upscale-x2"))


def test_what_one_frame_shows_is_undone_in_all_later_ones(shipped, monkeypatch) -> None:
    _finds(monkeypatch, noise=20.0)
    frames = Frames(shipped, None, InferenceOptions())
    frames(np.zeros_like(PHOTO))
    assert frames.notes == ()
    made = frames(PHOTO)
    assert frames.notes == ("noise 20/255 -> restore-noise",)
    np.testing.assert_array_equal(made, shipped.apply(PHOTO, task="denoise", found={"noise": 20.0}))
    _finds(monkeypatch)
    np.testing.assert_array_equal(frames(PHOTO), made)
    untouched = Frames(shipped, None, InferenceOptions())
    np.testing.assert_array_equal(untouched(PHOTO), PHOTO)
    assert "unchanged" in untouched.notes[0]
