"""Photos as files through a model: faithful formats, batches that resume, trouble of every kind."""

import errno
import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import translators
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from translators import photo

import elegan
from elegan.applications.photos import diagnosis
from elegan.applications.photos import files as photo_writing
from elegan.applications.photos.journal import NAME, Outcome, Translated, Watch
from elegan.common.errors import EleganError, UsageError
from elegan.data import photo_files
from elegan.data.headers import is_lossless_webp
from elegan.data.photo_files import PhotoFile, read_photo, write_photo
from elegan.data.pictures import png_chunk
from elegan.data.transparency import spread_visible
from elegan.models.damage import Diagnosis


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("models")
    return {
        task: translators.write(root / task, task, scale=2 if task == "upscale" else 1)
        for task in ("upscale", "restore", "stylize")
    }


def _save(name: str, pixels: np.ndarray, **more) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_photo(PhotoFile(path=path, format="PNG", pixels=pixels, **more), path)
    return name


def _left(folder: str = "out") -> list[str]:
    files = (one for one in Path(folder).rglob("*") if one.is_file())
    return sorted(one.relative_to(folder).as_posix() for one in files if one.name != NAME)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "bmp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_format_and_gray_stay(suffix: str, channels: int, folders: dict) -> None:
    pixels = photo(channels=channels)
    name = _save(f"in/a.{suffix}", pixels)
    found = elegan.upscale(name, model=folders["upscale"], out="out")
    assert [one.state for one in found.outcomes] == ["done"]
    (made,) = (read_photo(one) for one in found.files)
    assert made.path.name == f"a.{suffix}"
    assert made.pixels.dtype == np.uint8
    gray = channels if suffix != "webp" else 3  # which knows no gray
    assert made.pixels.shape == (80, 100, gray)
    expected = elegan.upscale(read_photo(name).pixels, model=folders["upscale"])
    worst = {"jpg": 4, "webp": 12}.get(suffix, 0)  # of what is nearly noise
    assert abs(made.pixels.astype(int) - expected).mean() <= worst


def test_sixteen_bits_transparency_and_metadata_are_kept(folders: dict) -> None:
    pixels = photo(dtype=np.uint16)
    alpha = np.tile(np.linspace(0, 65535, 50), (40, 1)).astype(np.uint16)
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    icc = _profile()
    name = _save("in/a.png", pixels, alpha=alpha, icc=icc, exif=b"Exif\0\0" + exif.tobytes()[6:])
    (path,) = elegan.upscale(name, model=folders["upscale"], out="out").files
    made = read_photo(path)
    assert made.pixels.dtype == np.uint16
    seen = spread_visible(pixels, alpha)
    assert (made.pixels == elegan.upscale(seen, model=folders["upscale"])).all()
    assert made.icc == icc
    assert Image.open(path).getexif()[0x010F] == "a camera"
    assert made.alpha is not None
    expected = np.tile(np.linspace(0, 65535, 100), (80, 1))
    assert abs(made.alpha[:, 4:-4] - expected[:, 4:-4]).max() < 400
    (path,) = elegan.restore(name, model=folders["restore"], out="same").files
    assert (read_photo(path).alpha == alpha).all()


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_a_photo_is_upright_and_no_longer_told_to_turn(folders: dict) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Path("in").mkdir()
    Image.fromarray(photo(40, 50)).save("in/a.jpg", exif=exif, quality=95)
    (path,) = elegan.upscale("in/a.jpg", model=folders["upscale"], out="out").files
    with Image.open(path) as image:
        assert image.size == (80, 100)  # a landscape that was held upright
        assert image.getexif().get(0x0112, 1) == 1


def test_one_pixel_and_a_separated_tiff(folders: dict) -> None:
    _save("in/one.png", photo(1, 1))
    Image.fromarray(photo()).convert("CMYK").save("in/inks.tif")
    found = elegan.upscale("in", model=folders["upscale"], out="out", scale=3)
    sizes = {one.output: one.size for one in found.outcomes}
    assert sizes == {"inks.tif": (150, 120), "one.png": (3, 3)}
    assert found.outcomes[0].notes  # says how the inks were read


def test_a_second_call_keeps_what_is_finished_and_other_flags_do_it_again(folders: dict) -> None:
    for index in range(3):
        _save(f"in/{index}.png", photo() + np.uint8(index))
    call = {"model": folders["upscale"], "out": "out"}
    first = elegan.upscale("in", **call)
    assert first.counts == {"done": 3, "kept": 0, "failed": 0, "left": 0}
    times = [one.stat().st_mtime_ns for one in first.files]
    _save("in/3.png", photo())
    again = elegan.upscale("in", **call)
    assert again.counts == {"done": 1, "kept": 3, "failed": 0, "left": 0}
    assert [one.stat().st_mtime_ns for one in first.files] == times
    assert "3 were finished before" in again.text()
    Path("out/1.png").unlink()
    _save("in/2.png", photo() // 2)
    assert elegan.upscale("in", **call).counts["done"] == 2
    assert elegan.upscale("in", **call, strength=0.5).counts["done"] == 4
    assert _left() == ["0.png", "1.png", "2.png", "3.png"]
    # The size of tiles changes nothing of the result.
    assert elegan.upscale("in", **call, strength=0.5, tile=16).counts["kept"] == 4


class Stop(Watch):
    """Asks to stop within the file of that number."""

    def __init__(self, at: int) -> None:
        self.at, self.done, self.windows = at, 0, 0

    def window(self) -> None:
        self.windows += 1

    def finished(self, outcome: Outcome) -> None:
        self.done, self.windows = self.done + 1, 0

    def stops(self) -> bool:
        return self.done == self.at and self.windows >= 2


def test_a_stop_in_the_middle_leaves_whole_files_and_the_next_call_goes_on(folders: dict) -> None:
    for index in range(4):
        _save(f"in/{index}.png", photo())
    call = {"model": folders["upscale"], "out": "out", "tile": 16}
    found = elegan.upscale("in", **call, watch=Stop(2))
    assert found.stopped
    assert found.counts == {"done": 2, "kept": 0, "failed": 0, "left": 2}
    assert _left() == ["0.png", "1.png"]
    again = elegan.upscale("in", **call)
    assert again.counts == {"done": 2, "kept": 2, "failed": 0, "left": 0}


def test_what_a_killed_process_left_is_removed_but_not_what_a_living_one_writes(
    folders: dict,
) -> None:
    _save("in/a.png", photo())
    Path("out").mkdir()
    half = ".elegan-{}-00112233445566ff.tmp"
    Path("out", half.format(999999999)).write_bytes(b"half")
    Path("out", half.format(os.getppid())).write_bytes(b"half")
    Path("out/.mine.999999999.0123abcd").write_bytes(b"precious")
    elegan.upscale("in", model=folders["upscale"], out="out")
    assert _left() == [half.format(os.getppid()), ".mine.999999999.0123abcd", "a.png"]


def test_files_that_cannot_be_used_do_not_stop_the_others(folders: dict) -> None:
    _save("in/a.png", photo())
    Path("in/b.png").write_bytes(Path("in/a.png").read_bytes()[:200])
    Path("in/c.jpg").write_text("no image")
    Path("in/d.png").write_bytes(b"")
    _save("in/e.png", photo())
    found = elegan.upscale("in", model=folders["upscale"], out="out")
    assert found.counts == {"done": 2, "kept": 0, "failed": 3, "left": 0}
    reasons = {Path(one.source).name: one.reason for one in found.outcomes}
    assert "truncated" in reasons["b.png"] or "damaged" in reasons["b.png"]
    assert "text file" in reasons["c.jpg"]
    assert "0 bytes" in reasons["d.png"]
    assert "c.jpg" in found.text()
    assert _left() == ["a.png", "e.png"]


def test_a_full_disk_ends_the_batch_and_says_how_to_go_on(
    folders: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(3):
        _save(f"in/{index}.png", photo())
    real, calls = photo_writing.write_rows, []

    def full(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **options)

    monkeypatch.setattr(photo_writing, "write_rows", full)
    with pytest.raises(EleganError, match=r"No space left.*1 of 3 files are whole.*same command"):
        elegan.upscale("in", model=folders["upscale"], out="out")
    assert _left() == ["0.png"]
    assert elegan.upscale("in", model=folders["upscale"], out="out").counts["kept"] == 1


def test_a_file_too_large_for_the_disk_leaves_nothing_behind(folders: dict) -> None:
    """The system refuses files above a size, as a full disk does."""
    resource = pytest.importorskip("resource")
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3)).astype(np.uint8)
    _save("in/a.png", noise)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        found = elegan.upscale("in", model=folders["upscale"], out="out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert found.counts["failed"] == 1
    assert "too large" in found.outcomes[0].reason.lower()
    assert _left() == []


def test_files_of_others_and_inputs_are_never_replaced(folders: dict) -> None:
    name = _save("in/a.png", photo())
    before = Path(name).read_bytes()
    _save("out/a.png", photo() // 2)
    mine = Path("out/a.png").read_bytes()
    call = {"model": folders["upscale"], "out": "out"}
    found = elegan.upscale(name, **call)
    assert found.counts["failed"] == 1
    assert "--overwrite" in found.outcomes[0].reason
    assert Path("out/a.png").read_bytes() == mine
    assert elegan.upscale(name, **call, overwrite=True).counts["done"] == 1
    found = elegan.upscale(name, model=folders["upscale"], out="in", overwrite=True)
    assert "itself an input" in found.outcomes[0].reason
    assert Path(name).read_bytes() == before


def test_two_files_of_one_name_both_come_out(folders: dict) -> None:
    _save("x/a.png", photo())
    _save("y/a.png", photo() // 2)
    call = {"model": folders["upscale"], "out": "out"}
    found = elegan.upscale(["x/a.png", "y/a.png"], **call)
    assert sorted(one.output or "" for one in found.outcomes) == ["x/a.png", "y/a.png"]
    # One after the other into one folder: the second is refused, not put over the first.
    assert elegan.upscale("x/a.png", model=folders["upscale"], out="o").counts["done"] == 1
    found = elegan.upscale("y/a.png", model=folders["upscale"], out="o")
    assert "made of" in found.outcomes[0].reason


def test_results_are_not_taken_for_photos_by_the_next_call(folders: dict) -> None:
    _save("in/a.png", photo())
    call = {"model": folders["upscale"], "out": "in/large"}
    elegan.upscale("in", **call)
    assert elegan.upscale("in", **call).total == 1
    with pytest.raises(UsageError, match="are results"):
        elegan.upscale("in/large/a.png", **call)


def test_a_mask_makes_a_lossless_file_and_keeps_all_else_bit_for_bit(folders: dict) -> None:
    Path("in").mkdir()
    Image.fromarray(photo()).save("in/a.jpg", quality=90)
    mask = np.zeros((40, 50, 1), np.uint8)
    mask[10:20, 10:30] = 255
    _save("mask.png", mask)
    found = elegan.restore("in/a.jpg", model=folders["restore"], mask="mask.png", out="out")
    assert found.outcomes[0].output == "a.png"
    assert "written as PNG" in found.outcomes[0].notes[0]
    old, new = read_photo("in/a.jpg").pixels, read_photo("out/a.png").pixels
    assert (new[mask[..., 0] == 0] == old[mask[..., 0] == 0]).all()
    assert (new[mask[..., 0] > 0] != old[mask[..., 0] > 0]).any()
    # A mask that was painted anew is another request.
    mask[10:20, 10:30] = 0
    mask[30:35] = 255
    os.utime(_save("mask.png", mask), ns=(1, 1))
    again = elegan.restore("in/a.jpg", model=folders["restore"], mask="mask.png", out="out")
    assert again.counts["done"] == 1


def test_masks_of_every_kind(folders: dict) -> None:
    pixels = photo()
    pixels[12:16, 20:40] = (255, 0, 255)
    alpha = np.full((40, 50), 255, np.uint8)
    alpha[5:9, 5:9] = 0
    _save("in/a.png", pixels, alpha=alpha)
    marks = np.zeros((40, 50, 1), np.uint8)
    marks[30:34, 30:34] = 255
    _save("masks/a.tif", marks)
    changed, alphas = {}, {}
    for mask in ("alpha", "#FF00FF", "masks"):
        (path,) = elegan.restore(
            "in/a.png", model=folders["restore"], mask=mask, out=f"out-{mask}"
        ).files
        made = read_photo(path)
        changed[mask] = (made.pixels != pixels).any(axis=2)
        alphas[mask] = made.alpha
    assert alphas["alpha"] is None  # what was erased is filled, and to be seen
    assert (alphas["masks"] == alpha).all()
    assert changed["alpha"][5:9, 5:9].mean() > 0.9
    assert not changed["alpha"][(alpha > 0)].any()
    assert changed["masks"][30:34, 30:34].mean() > 0.9
    assert not changed["masks"][marks[..., 0] == 0].any()
    assert changed["#FF00FF"][12:16, 20:40].mean() > 0.9
    wide = np.zeros((40, 50), bool)
    wide[8:20, 16:44] = True  # grown by two and faded over two
    assert not changed["#FF00FF"][~wide].any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mask": "small.png"}, "is 20x10 pixels, the photo 50x40"),
        ({"mask": "alpha"}, "no alpha channel"),
        ({"mask": "empty"}, "no mask for it in empty"),
    ],
)
def test_masks_that_do_not_fit_a_photo(options: dict, said: str, folders: dict) -> None:
    _save("in/a.png", photo())
    _save("small.png", np.full((10, 20, 1), 255, np.uint8))
    Path("empty").mkdir()
    found = elegan.restore("in/a.png", model=folders["restore"], out="out", **options)
    assert said in found.outcomes[0].reason
    assert _left() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mask": "maks.png"}, "There is no mask 'maks.png'"),
        ({"dilate": 3}, "--dilate needs a --mask"),
        ({"mask": "auto", "feather": -1}, "--feather must be 0 to 200"),
        ({"task": "derian"}, "Did you mean 'derain'"),
        ({"out": "photo.png"}, "Type --out photo"),
        ({"quality": 0}, "1 to 100"),
        ({"strength": 2.0}, "0 to 1"),
        ({"preserve_colour": True}, "no option of restore"),
        ({"qualty": 3}, "Did you mean 'quality'"),
    ],
)
def test_wrong_flags_are_refused_before_anything_is_done(
    options: dict, said: str, folders: dict
) -> None:
    _save("in/a.png", photo())
    with pytest.raises(UsageError, match=said):
        elegan.restore("in/a.png", model=folders["restore"], **{"out": "out", **options})
    assert not Path("out").exists()


def test_a_place_that_cannot_be_written(folders: dict) -> None:
    _save("in/a.png", photo())
    Path("file").write_text("precious")
    with pytest.raises(EleganError, match="--out FOLDER"):
        elegan.upscale("in/a.png", model=folders["upscale"], out="file/out")


def test_a_stylizer_sees_transparent_drawings_on_white(folders: dict) -> None:
    alpha = np.zeros((40, 50), np.uint8)
    alpha[10:30, 10:40] = 255
    hidden = photo()
    for name, below in (("a", 0), ("b", 77)):  # colours that nobody sees
        _save(f"in/{name}.png", np.where(alpha[..., None] > 0, hidden, below), alpha=alpha)
    found = elegan.stylize("in", model=folders["stylize"], out="out")
    one, other = (read_photo(path) for path in found.files)
    assert (one.pixels == other.pixels).all()
    assert one.alpha is not None
    assert (one.alpha == alpha).all()
    assert "--flatten" in found.outcomes[0].notes[0]
    (path, _) = elegan.stylize("in", model=folders["stylize"], out="flat", flatten=True).files
    assert read_photo(path).alpha is None
    laid = np.where(alpha[..., None] > 0, hidden, 255).astype(np.uint8)
    expected = elegan.stylize(laid, model=folders["stylize"])
    assert (read_photo(path).pixels == expected).all()


def test_the_frames_of_a_gif_keep_their_times_and_holes(folders: dict) -> None:
    Path("in").mkdir()
    frames = []
    for index in range(3):
        pixels = np.concatenate([photo(), np.full((40, 50, 1), 255, np.uint8)], axis=2)
        pixels[5 : 15 + index, 5:15, 3] = 0
        frames.append(Image.fromarray(pixels))
    options = {"append_images": frames[1:], "duration": [50, 120, 70], "loop": 0, "disposal": 2}
    frames[0].save("in/a.gif", save_all=True, **options)
    (path,) = elegan.stylize("in/a.gif", model=folders["stylize"], out="out").files
    with Image.open(path) as image:
        assert image.n_frames == 3
        times = []
        for index in range(3):
            image.seek(index)
            times.append(image.info["duration"])
            alpha = np.asarray(image.convert("RGBA"))[..., 3]
            assert (alpha[5 : 15 + index, 5:15] == 0).all()
            assert (alpha == 0).sum() == 10 * (10 + index)
        assert times == [50, 120, 70]
        assert image.info.get("loop") == 0
    (path,) = elegan.upscale("in/a.gif", model=folders["upscale"], out="large").files
    with Image.open(path) as image:
        assert (image.size, image.n_frames) == ((100, 80), 3)


def test_a_very_large_result_is_written_row_by_row(
    folders: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_writing, "STREAMED", 5000)
    monkeypatch.setattr(photo_files, "ROWS", 8)
    Path("in").mkdir()
    Image.fromarray(photo()).save("in/a.jpg")
    found = elegan.upscale("in/a.jpg", model=folders["upscale"], out="out", tile=16)
    assert found.outcomes[0].output == "a.png"
    assert "row by row" in found.outcomes[0].notes[0]
    expected = elegan.upscale(read_photo("in/a.jpg").pixels, model=folders["upscale"])
    assert abs(read_photo("out/a.png").pixels.astype(int) - expected).max() <= 1
    found = elegan.upscale("in/a.jpg", model=folders["upscale"], out="jpeg", format="jpeg")
    assert found.outcomes[0].output == "a.jpg"


def test_a_format_that_cannot_hold_the_result_is_said(folders: dict) -> None:
    _save("in/a.png", photo(dtype=np.uint16))
    found = elegan.upscale("in/a.png", model=folders["upscale"], out="out", format="jpeg")
    assert "16 bits" in found.outcomes[0].reason
    assert ".png" in found.outcomes[0].reason


def test_facts_are_json_and_name_every_file(folders: dict) -> None:
    _save("in/a.png", photo())
    Path("in/b.png").write_bytes(b"x")
    facts = elegan.upscale("in", model=folders["upscale"], out="out", scale=2.5).to_dict()
    facts = json.loads(json.dumps(facts))
    assert facts["counts"] == {"done": 1, "kept": 0, "failed": 1, "left": 0}
    assert facts["model"]["scale"] == 2.5
    assert [one["state"] for one in facts["files"]] == ["done", "failed"]
    assert facts["files"][0]["size"] == [125, 100]


def test_arrays_in_arrays_out(folders: dict) -> None:
    assert elegan.upscale(photo(), model=folders["upscale"]).shape == (80, 100, 3)
    assert elegan.upscale(photo()[..., 0], model=folders["upscale"], scale=3).shape == (120, 150)
    mask = np.zeros((40, 50), bool)
    mask[10:20, 10:20] = True
    made = elegan.restore(photo(), model=folders["restore"], mask=mask, dilate=1)
    changed = (made != photo()).any(axis=2)
    assert changed[9, 10:20].any()
    assert not changed[:9].any()
    assert not changed[:, 21:].any()
    assert elegan.stylize(photo(channels=1), model=folders["stylize"]).shape == (40, 50, 3)
    with pytest.raises(UsageError, match="uint8 or uint16"):
        elegan.restore(photo(dtype=np.float32), model=folders["restore"], mask="auto")
    with pytest.raises(UsageError, match="Did you mean 'scale'"):
        elegan.upscale(photo(), model=folders["upscale"], scal=3)


def test_colours_under_full_transparency_reach_no_visible_pixel(folders, monkeypatch) -> None:
    monkeypatch.setattr(diagnosis, "diagnose", lambda image, quality: Diagnosis(values={}))
    disc = np.hypot(*np.mgrid[-20:20, -25:25]) < 12
    alpha = (disc * 255).astype(np.uint8)
    alpha[8, :] = 1  # hardly seen, of a colour that is rounding
    seen = np.full((40, 50, 3), 250, np.uint8)
    hidden = np.where(disc[..., None], seen, 0).astype(np.uint8)
    _save("in/a.png", hidden, alpha=alpha)
    for verb, options in ((elegan.upscale, {}), (elegan.restore, {"task": "denoise"})):
        model = folders[verb.__name__]
        (path,) = verb("in", model=model, out=f"out-{verb.__name__}", **options).files
        made, expected = read_photo(path), verb(seen, model=model, **options)
        assert made.alpha is not None
        inside = made.alpha > 8
        assert np.abs(made.pixels[inside].astype(int) - expected[inside]).max() <= 8
        image = Image.fromarray(np.concatenate([hidden, alpha[..., None]], axis=2))
        pixels = np.asarray(verb(image, model=model, **options))
        assert (pixels[inside][:, :3] == made.pixels[inside]).all()


def test_outside_a_mask_hidden_colours_stay_too(folders: dict) -> None:
    alpha = np.full((40, 50), 255, np.uint8)
    alpha[:, 25:] = 0
    _save("in/a.png", photo(), alpha=alpha)
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20, 10:30] = 255
    Image.fromarray(mask).save("mask.png")
    (path,) = elegan.restore("in", model=folders["restore"], mask="mask.png", out="out").files
    made = read_photo(path).pixels
    assert (made[mask == 0] == photo()[mask == 0]).all()
    assert (made[mask > 0] != photo()[mask > 0]).any()


def test_a_pillow_image_of_any_mode_keeps_its_transparency(folders: dict) -> None:
    image = Image.fromarray(photo()).quantize(16)
    image.info["transparency"] = 0
    made = elegan.upscale(image, model=folders["upscale"])
    assert (made.mode, made.size) == ("RGBA", (100, 80))
    deep = Image.fromarray(photo(channels=1, dtype=np.uint16)[..., 0])
    made = elegan.upscale(deep, model=folders["upscale"])
    assert np.asarray(made).dtype == np.uint16


def _tree(*names: str) -> None:
    for index, name in enumerate(names):
        if name.startswith("photos"):
            _save(name, photo())
            continue
        marks = np.zeros((40, 50, 1), np.uint8)
        marks[4 * index : 4 * index + 4] = 255  # each mask marks other rows
        _save(name, marks)


def _changed_rows(found: Translated) -> dict[str, list[int]]:
    rows = {}
    for outcome in found.outcomes:
        if outcome.output is not None:
            made = read_photo(found.out / outcome.output).pixels
            changed = (made != photo()).any(axis=(1, 2))
            rows[outcome.output] = sorted({int(row) // 4 for row in np.flatnonzero(changed)})
    return rows


def test_masks_of_a_tree_lie_as_the_photos_do(folders: dict) -> None:
    _tree("masks/day1/001.png", "masks/day2/001.tif", "masks/only.png", "masks/x/deep.png")
    _tree(*(f"photos/{name}.png" for name in ("day1/001", "day2/001", "day3/only", "y/deep")))
    model = folders["restore"]
    found = elegan.restore("photos", model=model, mask="masks", out="out")
    rows = {"day1/001.png": [0], "day2/001.png": [1], "day3/only.png": [2], "y/deep.png": [3]}
    assert _changed_rows(found) == rows
    assert [item.notes for item in found.outcomes][2:] == [(), ("by the mask x/deep.png",)]
    # A photo that is named alone is known by its folder.
    found = elegan.restore("photos/day2/001.png", model=model, mask="masks", out="alone")
    assert _changed_rows(found) == {"001.png": [1]}


def test_a_mask_that_may_be_of_several_photos_is_refused(folders: dict) -> None:
    _tree("flat/001.png")
    _tree("photos/day1/001.png", "photos/day2/001.png")
    found = elegan.restore("photos", model=folders["restore"], mask="flat", out="out")
    assert [item.state for item in found.outcomes] == ["failed", "failed"]
    said = "flat/001.png may be the mask of photos/day1/001.png or photos/day2/001.png; put one"
    assert said in found.outcomes[1].reason
    assert "flat/day2/001.png" in found.outcomes[1].reason
    _tree("two/a/001.png", "two/b/001.png")
    found = elegan.restore("photos/day1", model=folders["restore"], mask="two", out="two-out")
    assert "two/a/001.png and two/b/001.png" in found.outcomes[0].reason


def test_results_of_files_without_a_suffix_get_one_and_what_is_left_out_is_said(
    folders: dict,
) -> None:
    Path("in").mkdir()
    Image.fromarray(photo()).save("in/plain", format="PNG")
    Image.fromarray(photo()).save("in/photo.dat", format="JPEG")
    Path("in/b.psd").write_bytes(b"8BPS")
    Path("in/notes.txt").write_text("none")
    found = elegan.upscale("in", model=folders["upscale"], out="out")
    assert [item.output for item in found.outcomes] == ["photo.jpg", "plain.png"]
    assert found.text().splitlines()[-3].startswith("  left out: in/b.psd: .psd is not read")
    assert found.text().splitlines()[-2] == "  1 other file left alone"
    assert "2 of 2 images -> out; 1 left out" in found.text()
    facts = found.to_dict()
    assert [item["source"] for item in facts["left_out"]] == ["in/b.psd"]
    assert facts["other_files"] == 1


def test_heic_is_read_with_its_extra(folders: dict) -> None:
    heif = pytest.importorskip("pillow_heif")
    Path("in").mkdir()
    heif.from_pillow(Image.fromarray(photo())).save("in/a.heic")
    Path("in/a.heic").rename("in/a")
    (path,) = elegan.upscale("in", model=folders["upscale"], out="out").files
    assert path.suffix == ".png"
    assert read_photo(path).pixels.shape == (80, 100, 3)


def test_resolution_text_comment_and_xmp_are_kept(folders: dict) -> None:
    Path("in").mkdir()
    xmp = b'<x:xmpmeta tiff:Orientation="6" tiff:ImageWidth="50"><dc:a>b</dc:a></x:xmpmeta>'
    image = Image.fromarray(photo())
    image.save("in/a.jpg", dpi=(300, 240), comment=b"mine", xmp=xmp)
    image.save("in/b.tif", dpi=(300, 240), tiffinfo={700: xmp})
    image.save("in/c.webp", xmp=xmp, lossless=True)
    texts = PngInfo()
    texts.add_text("Title", "a title")
    texts.add_text("Author", "an author", zip=True)
    texts.add_itxt("Comment", "\u00fc", "de", "Kommentar")
    texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
    image.save("in/d.png", dpi=(300, 240), pnginfo=texts)
    for asked in ("auto", "png"):
        for path in elegan.upscale("in", model=folders["upscale"], format=asked, out=asked).files:
            with Image.open(path) as made:
                made.load()
                info: dict = made.info
            if path.stem != "c":
                assert np.allclose(info["dpi"], (300, 240), atol=0.01)
            found = info["xmp"] if isinstance(info["xmp"], bytes) else info["xmp"].encode()
            assert b'tiff:Orientation="6"' not in found
            assert b"<dc:a>b</dc:a>" in found
            if path.stem == "a":
                assert info["comment" if path.suffix == ".jpg" else "Comment"] in (b"mine", "mine")
            if path.stem == "d":
                kept = {name: info[name] for name in ("Title", "Author", "Comment")}
                assert kept == {"Title": "a title", "Author": "an author", "Comment": "\u00fc"}
    (outcome,) = elegan.upscale(
        "in/d.png", model=folders["upscale"], format="jpeg", out="o"
    ).outcomes
    assert outcome.notes == ("without its text: only PNG holds it",)


def _with_chunks(path: str, *chunks: tuple[bytes, bytes]) -> None:
    """Writes a photo as a PNG with chunks before its pixels."""
    _save(path, photo())
    data = Path(path).read_bytes()
    more = b"".join(png_chunk(*item) for item in chunks)
    Path(path).write_bytes(data[:33] + more + data[33:])


def test_what_a_png_says_of_its_colours_is_carried_or_converted(folders: dict) -> None:
    chunks = ((b"gAMA", (100_000).to_bytes(4)), (b"cHRM", bytes(range(32))))
    _with_chunks("in/a.png", *chunks)
    model = folders["upscale"]
    (path,) = elegan.upscale("in/a.png", model=model, out="out").files
    assert all(png_chunk(*item) in path.read_bytes() for item in chunks)
    found = elegan.upscale("in/a.png", model=model, format="tiff", out="out")
    assert found.outcomes[0].notes == ("gamma 1 converted to sRGB",)
    light = photo() / 255
    curve = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    expected = elegan.upscale(np.rint(curve * 255).astype(np.uint8), model=model)
    assert (read_photo(found.files[0]).pixels == expected).all()
    # BT.2100 PQ, as screenshots of bright screens have it.
    _with_chunks("in/b.png", (b"cICP", b"\x09\x10\0\1"))
    (path,) = elegan.upscale("in/b.png", model=model, out="out").files
    assert png_chunk(b"cICP", b"\x09\x10\0\1") in path.read_bytes()
    found = elegan.upscale("in/b.png", model=model, format="jpeg", out="out")
    assert "cICP" in found.outcomes[0].notes[0]


def test_text_made_to_fill_the_memory_does_no_harm(folders: dict) -> None:
    bomb = zlib.compress(bytes(200 << 20), 9)
    chunks = [(b"zTXt", b"a\0\0" + bomb), (b"tEXt", b"b\0" + bytes(4 << 20)), (b"tEXt", b"c\0d")]
    _with_chunks("in/a.png", *chunks, *[(b"zTXt", b"a\0\0" + bomb)] * 80)
    found = elegan.upscale("in/a.png", model=folders["upscale"], out="out")
    assert found.outcomes[0].reason == ""
    assert found.outcomes[0].notes == ("text of more than a megabyte left out",)
    with Image.open(found.files[0]) as made:
        made.load()
        assert made.info["c"] == "d"
        assert "a" not in made.info


def test_lossless_webp_stays_lossless_unless_a_quality_is_named(folders: dict) -> None:
    Path("in").mkdir()
    layers = np.concatenate([photo(), photo(channels=1)], axis=2)
    Image.fromarray(photo()).save("in/a.webp", lossless=True)
    Image.fromarray(layers).save("in/b.webp", lossless=True, exact=True, exif=b"Exif\0\0II*\0")
    Image.fromarray(photo()).save("in/c.webp", quality=95)
    model = folders["upscale"]
    found = elegan.upscale("in", model=model, out="out")
    assert [is_lossless_webp(path.read_bytes()) for path in found.files] == [True, True, False]
    expected = elegan.upscale(photo(), model=model)
    assert (read_photo(found.files[0]).pixels == expected).all()
    found = elegan.upscale("in", model=model, out="lossy", quality=90)
    assert not any(is_lossless_webp(path.read_bytes()) for path in found.files)
    mask = np.zeros((40, 50), bool)
    mask[10:20, 10:30] = True
    Image.fromarray(mask).save("mask.png")
    found = elegan.restore("in/a.webp", model=folders["restore"], mask="mask.png", out="masked")
    assert found.outcomes[0].output == "a.webp"
    assert (read_photo(found.files[0]).pixels[~mask] == photo()[~mask]).all()


def test_a_lossy_format_that_changes_what_the_mask_protects_is_said(folders: dict) -> None:
    _save("in/a.png", photo())
    Image.fromarray(np.eye(40, 50) > 0).save("mask.png")
    found = elegan.restore(
        "in/a.png", model=folders["restore"], mask="mask.png", format="jpeg", out="out"
    )
    assert found.outcomes[0].notes == ("JPEG changes pixels outside the mask too",)


def test_grays_of_a_mask_file_blend(folders: dict) -> None:
    _save("in/a.png", photo())
    soft = np.tile(np.linspace(0, 255, 50), (40, 1)).astype(np.uint8)
    Image.fromarray(soft).save("soft.png")
    model = folders["restore"]
    use: dict = {"model": model, "task": "denoise"}
    (path,) = elegan.restore("in/a.png", mask="soft.png", out="o", **use).files
    made = elegan.restore(photo(), model=model, task="denoise")
    weights = soft[..., None] / 255
    expected = photo() + weights * (made.astype(float) - photo())
    assert abs(read_photo(path).pixels - expected).max() <= 0.51
    given = elegan.restore(photo(), model=model, mask=soft / np.float32(255), task="denoise")
    assert (given == read_photo(path).pixels).all()
