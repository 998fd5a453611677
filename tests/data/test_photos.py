import errno
import hashlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_files import save_noise
from PIL import Image

from elegan.common.errors import EleganError, UsageError
from elegan.data import decode, headers, ingest, open_photos
from elegan.data.cache import EntryWriter
from elegan.data.decode import Target

SIZES = {"a.png": (50, 33), "b/c.png": (64, 40), "d.png": (33, 90)}  # width, height


def photos_at(folder: Path) -> str:
    for seed, (name, size) in enumerate(SIZES.items()):
        save_noise(folder / name, seed, size)
    return str(folder)


def test_each_photo_keeps_its_size_and_every_pixel(tmp_path: Path):
    photos = open_photos(photos_at(tmp_path / "set"))
    assert photos.names == ("a.png", "b/c.png", "d.png")
    assert len(photos) == 3
    for index, (name, (width, height)) in enumerate(SIZES.items()):
        photo = photos.photo(index)
        assert photo.shape == (height, width, 3)
        assert photos.size(index) == (height, width)
        assert not photo.flags.writeable
        np.testing.assert_array_equal(photo, np.asarray(Image.open(tmp_path / "set" / name)))
        digest = hashlib.sha256(repr(photo.shape).encode() + photo.tobytes()).hexdigest()
        assert photos.hashes[index] == digest
    assert isinstance(photos.pixels, np.memmap)
    assert photos.to_dict()["sizes"] == {"50x33": 1, "64x40": 1, "33x90": 1}
    assert photos.to_dict()["files"] == {"used": 3, "converted": 0, "skipped": 0}


def test_the_second_open_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = open_photos(photos_at(tmp_path / "set"))
    monkeypatch.setattr(ingest, "decode", None)
    monkeypatch.setattr(ingest, "probe", None)
    second = open_photos(str(tmp_path / "set"))
    assert second.to_dict() == first.to_dict()
    np.testing.assert_array_equal(first.photo(2), second.photo(2))


def test_a_damaged_or_changed_entry_is_made_again(tmp_path: Path, cache: Path):
    first = open_photos(photos_at(tmp_path / "set"))
    file = next((cache / "images").iterdir()) / "images.npy"
    os.truncate(file, 500)
    assert open_photos(str(tmp_path / "set")).hash == first.hash
    save_noise(tmp_path / "set" / "a.png", 99, SIZES["a.png"])
    second = open_photos(str(tmp_path / "set"))
    assert second.hash != first.hash
    assert second.hashes[1:] == first.hashes[1:]


def test_a_full_disk_is_one_clear_message_and_leaves_nothing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(self: EntryWriter, images: np.ndarray) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EntryWriter, "append", full)
    with pytest.raises(EleganError, match="disk is full"):
        open_photos(photos_at(tmp_path / "set"))
    assert list((cache / "images").iterdir()) == []


def test_what_cannot_be_used_has_a_verdict(tmp_path: Path):
    folder = Path(photos_at(tmp_path / "set"))
    save_noise(folder / "small.png", 5, (31, 80))
    (folder / "notes.txt").write_text("about", encoding="utf-8")
    Image.new("CMYK", (40, 40), (0, 255, 255, 0)).save(folder / "ink.tif")
    Image.new("LA", (40, 40), (0, 0)).save(folder / "glass.png")
    photos = open_photos(str(folder), background=(10, 20, 30))
    said = {verdict.file: (verdict.action, verdict.reason) for verdict in photos.verdicts}
    assert said["small.png"] == (
        "skipped",
        "31x80 is smaller than 32 pixels in width or height",
    )
    assert said["notes.txt"][0] == "skipped"
    assert "CMYK to RGB" in said["ink.tif"][1]
    glass = photos.photo(photos.names.index("glass.png"))
    assert (glass == [10, 20, 30]).all()
    assert open_photos(str(folder), smallest=31).names[-1] == "small.png"
    with pytest.raises(EleganError, match=r"no usable image.*smaller than 500"):
        open_photos(str(folder), smallest=500)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_photos_are_upright(tmp_path: Path, suffix: str):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "set").mkdir()
    picture = Image.new("RGB", (80, 40))
    picture.save(tmp_path / "set" / f"a.{suffix}", exif=exif.tobytes())
    photos = open_photos(str(tmp_path / "set"))
    assert photos.size(0) == (80, 40)
    assert "reduced" not in photos.verdicts[0].reason


def test_gray_becomes_colour_unless_asked_otherwise(tmp_path: Path):
    save_noise(tmp_path / "set" / "a.png", 0, (40, 40), channels=1)
    colour = open_photos(str(tmp_path / "set"))
    gray = open_photos(str(tmp_path / "set"), channels=None)
    assert (colour.channels, gray.channels) == (3, 1)
    np.testing.assert_array_equal(colour.photo(0), gray.photo(0).repeat(3, axis=2))
    assert colour.verdicts[0].reason == "gray to RGB"


def test_splits_of_a_zip_and_classes_as_one_set(tmp_path: Path):
    save_noise(tmp_path / "train" / "x" / "1.png", 1, (40, 40))
    save_noise(tmp_path / "train" / "y" / "1.png", 2, (40, 50))
    save_noise(tmp_path / "test" / "x" / "1.png", 3, (60, 40))
    (tmp_path / "labels.csv").write_text("file,label\ntrain/x/1.png,k\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(tmp_path.rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path))
        archive.write(tmp_path / "labels.csv", "labels.csv")
    train = open_photos(str(tmp_path / "set.zip"))
    assert train.names == ("train/x/1.png", "train/y/1.png")
    assert open_photos(str(tmp_path / "set.zip"), split="test").size(0) == (40, 60)
    assert open_photos(f"{tmp_path}/set.zip/train/y").hashes == train.hashes[1:]
    with pytest.raises(UsageError, match="no test split"):
        open_photos(f"{tmp_path}/set.zip/train", split="test")


def test_limit_is_a_seeded_choice(tmp_path: Path):
    for number in range(8):
        save_noise(tmp_path / "set" / f"{number}.png", number, (40 + number, 40))
    whole = open_photos(str(tmp_path / "set"))
    some = open_photos(str(tmp_path / "set"), limit=3)
    assert len(some) == 3
    for index, name in enumerate(some.names):
        place = whole.names.index(name)
        assert some.hashes[index] == whole.hashes[place]
        np.testing.assert_array_equal(some.photo(index), whole.photo(place))
    assert some.hash != whole.hash
    assert some.hash == open_photos(str(tmp_path / "set"), limit=3).hash
    assert some.names != open_photos(str(tmp_path / "set"), limit=3, seed=1).names
    assert open_photos(str(tmp_path / "set"), limit=8).hash == whole.hash
    with pytest.raises(UsageError, match="limit 0"):
        open_photos(str(tmp_path / "set"), limit=0)


def test_stored_arrays_keep_their_size(tmp_path: Path):
    values = np.random.default_rng(0).integers(0, 256, (3, 34, 50), dtype=np.uint8)
    np.save(tmp_path / "set.npy", values)
    photos = open_photos(str(tmp_path / "set.npy"))
    assert photos.names == ("set.npy[0]", "set.npy[1]", "set.npy[2]")
    np.testing.assert_array_equal(photos.photo(2), values[2][..., None].repeat(3, axis=2))
    with pytest.raises(EleganError, match="50x34 is smaller than 35"):
        open_photos(str(tmp_path / "set.npy"), smallest=35)


def test_a_photo_over_the_limit_is_halved_where_its_format_can_be(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(decode, "MAX_PIXELS", 1000)
    monkeypatch.setattr(headers, "MAX_PIXELS", 1000)
    target = Target(resolution=None, channels=3, fit="crop", background=(0, 0, 0))
    buffer = io.BytesIO()
    Image.new("RGB", (90, 40), (200, 10, 10)).save(buffer, format="JPEG", quality=95)
    decoded = decode.decode(buffer.getvalue(), target)
    assert decoded.pixels.shape == (20, 45, 3)
    assert decoded.size == (90, 40)
    assert "90x40 reduced to 45x20" in decoded.resizing
    buffer = io.BytesIO()
    Image.new("RGB", (90, 40)).save(buffer, format="PNG")
    with pytest.raises(decode.Unusable, match="90x40 is over the limit"):
        decode.decode(buffer.getvalue(), target)


def test_results_waiting_for_their_turn_are_bounded_by_their_pixels(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(ingest, "MAX_PIXELS", 10)
    started: list[int] = []
    results = ingest.ordered_map(lambda item: started.append(item) or item, range(9), lambda _: 5)
    taken = []
    for result in results:
        taken.append(result)
        assert len(started) <= len(taken) + 2
    assert taken == list(range(9))


@pytest.mark.data
def test_train_and_test_photos_are_disjoint():
    path = os.path.join(os.environ["ELEGAN_DATA"], "photos-cc0.zip")
    train, test = open_photos(path), open_photos(path, split="test")
    assert (len(train), len(test)) == (30, 8)
    assert not set(train.hashes) & set(test.hashes)
