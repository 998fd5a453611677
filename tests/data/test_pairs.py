import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_files import save_noise
from PIL import Image

from elegan.common.errors import EleganError, UsageError
from elegan.data import has_test_pairs, open_pairs, open_photos
from elegan.data.pair_matching import cores_of, keys_of, match

SIZE = (40, 36)


def save(root: Path, *names: str, size: tuple[int, int] = SIZE) -> str:
    """Writes a different picture under each name."""
    for name in names:
        save_noise(root / name, sum(name.encode()), size)
    return str(root)


def reasons(photos) -> dict[str, str]:
    return {v.file: v.reason for v in photos.verdicts if v.action == "skipped"}


@pytest.mark.parametrize(
    ("names", "train", "test"),
    [
        (("A/1.png", "B/1.png", "other/9.png"), ("A/1.png", "B/1.png"), None),
        (
            ("trainA/1.png", "trainB/1.png", "testA/2.png", "testB/2.png"),
            ("trainA/1.png", "trainB/1.png"),
            ("testA/2.png", "testB/2.png"),
        ),
        (("set/trainA/1.png", "set/trainB/1.png"), ("set/trainA/1.png", "set/trainB/1.png"), None),
        (
            ("train/ink/1.png", "train/paint/1.png", "val/ink/2.png", "val/paint/2.png"),
            ("train/ink/1.png", "train/paint/1.png"),
            ("val/ink/2.png", "val/paint/2.png"),
        ),
        (
            ("a/train/1.png", "b/train/1.png", "a/test/2.png", "b/test/2.png"),
            ("a/train/1.png", "b/train/1.png"),
            ("a/test/2.png", "b/test/2.png"),
        ),
        (("images/x.jpg", "masks/x.png"), ("images/x.jpg", "masks/x.png"), None),
    ],
)
def test_layouts_of_folders(tmp_path: Path, names, train, test):
    data = save(tmp_path / "set", *names)
    (tmp_path / "set" / "LICENSE").write_text("free", encoding="utf-8")
    pairs = open_pairs(data)
    assert (pairs.sources.names, pairs.targets.names) == ((train[0],), (train[1],))
    assert pairs.paired
    assert train[0].rsplit("/", 1)[0] in pairs.layout
    assert any(verdict.file == "LICENSE" for verdict in pairs.verdicts)
    assert has_test_pairs(data) == (test is not None)
    if test is None:
        with pytest.raises(UsageError, match="no test split"):
            open_pairs(data, split="test")
    else:
        pairs = open_pairs(data, split="test")
        assert (pairs.sources.names, pairs.targets.names) == ((test[0],), (test[1],))


def test_halves_of_images_twice_as_wide_as_high(tmp_path: Path):
    data = save(tmp_path / "set", "1.png", "2.png", size=(80, 40))
    save(tmp_path / "set", "wide.png", size=(81, 40))
    pairs = open_pairs(data)
    whole = np.asarray(Image.open(tmp_path / "set" / "2.png"))
    np.testing.assert_array_equal(pairs.sources.photo(1), whole[:, :40])
    np.testing.assert_array_equal(pairs.targets.photo(1), whole[:, 40:])
    assert pairs.sources.names == pairs.targets.names == ("1.png", "2.png")
    assert "81x40 is not twice as wide as high" in reasons(pairs.sources)["wide.png"]
    assert "side by side" in pairs.layout
    turned = open_pairs(data, reverse=True)
    np.testing.assert_array_equal(turned.sources.photo(1), whole[:, 40:])
    assert turned.hash != pairs.hash
    assert pairs.summary.startswith("2 pairs: the left halves become the right halves; the other")
    assert turned.summary == "2 pairs: the right halves become the left halves, reversed"


def test_a_set_without_two_sides_says_what_was_looked_for_and_found(tmp_path: Path):
    flat = save(tmp_path / "flat", "1.png", "2.png")
    with pytest.raises(EleganError, match=r"trainA/ and trainB/.*one folder only; 0 of 2"):
        open_pairs(flat)
    many = save(tmp_path / "many", "all/x/1.png", "all/y/1.png", "all/z/1.png")
    with pytest.raises(EleganError, match=r"x/ \(1 images\), y/.*, z/"):
        open_pairs(many)


def test_a_file_without_partner_is_left_out_with_the_nearest_name(tmp_path: Path):
    names = [f"{side}/{name}.png" for side in "AB" for name in ("cat", "dog", "emu")]
    data = save(tmp_path / "set", *names, "A/horse.png", "B/hosre.png", "A/dog.bmp")
    save(tmp_path / "set", "A/fox.png", "A/yak.png")
    save(tmp_path / "set", "B/fox.png", size=(30, 36))  # smaller than 32
    save(tmp_path / "set", "B/yak.png", size=(41, 36))
    pairs = open_pairs(data)
    assert pairs.paired
    assert pairs.sources.names == ("A/cat.png", "A/dog.bmp", "A/emu.png")
    assert pairs.targets.names == ("B/cat.png", "B/dog.png", "B/emu.png")
    assert len(pairs) == 3
    said = reasons(pairs.sources)
    assert said["A/horse.png"] == (
        "no file of this name in B/; the nearest name there is 'B/hosre.png'"
    )
    assert "another file before it" in said["A/dog.png"]
    assert said["A/fox.png"].startswith("its partner 'B/fox.png' is skipped: 30x36 is smaller")
    assert "40x36, but its partner 'B/yak.png' is 41x36" in said["A/yak.png"]
    assert "41x36, but its partner 'A/yak.png' is 40x36" in reasons(pairs.targets)["B/yak.png"]
    for index, name in enumerate(pairs.targets.names):
        expected = np.asarray(Image.open(tmp_path / "set" / name))
        np.testing.assert_array_equal(pairs.targets.photo(index), expected)


def test_names_decide_whether_sides_are_paired(tmp_path: Path):
    data = save(tmp_path / "set", "A/1.png", "A/2.png", "A/3.png", "B/1.png", "B/x.png", "B/y.png")
    unpaired = open_pairs(data)
    assert not unpaired.paired
    assert (len(unpaired.sources), len(unpaired.targets)) == (3, 3)
    assert "1 of 3 names match: unpaired" in unpaired.layout
    paired = open_pairs(data, paired=True)
    assert paired.sources.names == ("A/1.png",)
    whole = save(tmp_path / "other", "A/1.png", "A/2.png", "B/1.png", "B/2.png")
    assert open_pairs(whole).paired
    assert not open_pairs(whole, paired=False).paired
    assert open_pairs(whole, paired=False).hash != open_pairs(whole).hash


def test_matching_names_of_other_sizes_are_no_pairs(tmp_path: Path):
    data = save(tmp_path / "set", "A/1.png", "A/2.png", "A/3.png")
    save(tmp_path / "set", "B/1.png", "B/2.png", size=(50, 50))
    save(tmp_path / "set", "B/3.png")
    assert not open_pairs(data).paired
    assert "2 of them differ in size" in open_pairs(data).layout
    assert open_pairs(data, paired=True).sources.names == ("A/3.png",)
    os.unlink(tmp_path / "set" / "B" / "3.png")
    with pytest.raises(EleganError, match=r"No file of A/ has a partner in B/; .*A/1.png"):
        open_pairs(data, paired=True)


def test_unpaired_counts_the_larger_side(tmp_path: Path):
    data = save(tmp_path / "set", "A/1.png", "A/2.png", "A/3.png", "B/x.png")
    pairs = open_pairs(data)
    assert len(pairs) == 3
    some = open_pairs(data, limit=2)
    assert (len(some.sources), len(some.targets)) == (2, 1)


def test_a_limit_keeps_partners_together(tmp_path: Path):
    names = [f"{side}/{number}.png" for side in "AB" for number in range(9)]
    pairs = open_pairs(save(tmp_path / "set", *names), limit=4, seed=3)
    assert len(pairs) == 4
    assert [n[2:] for n in pairs.sources.names] == [n[2:] for n in pairs.targets.names]


def test_two_sets_with_other_wrappers_and_name_beginnings(tmp_path: Path):
    source = save(tmp_path / "rain", *(f"deep/rain-{number}.png" for number in range(9, 12)))
    save(tmp_path / "dry", *(f"norain-{number}_x.png" for number in range(9, 12)))
    with zipfile.ZipFile(tmp_path / "dry.zip", "w") as archive:
        for path in sorted((tmp_path / "dry").iterdir()):
            archive.write(path, path.name)
    pairs = open_pairs(source, target=str(tmp_path / "dry.zip"))
    assert pairs.paired
    assert pairs.sources.names[0] == "deep/rain-10.png"
    assert pairs.targets.names[0] == "norain-10_x.png"
    assert pairs.sources.hash == open_photos(source).hash
    assert not has_test_pairs(source, str(tmp_path / "dry.zip"))


def test_keys_are_paths_below_what_is_common_without_the_suffix():
    keys = keys_of(["set/x/1.png", "set/x/2.b.png", "set/y/1.png"])
    assert list(keys.values()) == ["x/1", "x/2.b", "y/1"]


def test_cores_keep_whole_numbers():
    keys = {name: name for name in ("input11", "input12", "input1")}
    assert list(cores_of(keys).values()) == ["11", "12", "1"]
    keys = {name: name for name in ("a/11.x", "a/21.x")}
    assert list(cores_of(keys).values()) == ["11", "21"]


def test_single_files_of_other_names_do_not_match():
    assert match({"cat.png": "cat"}, {"dog.png": "dog"}).pairs == ()


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "pairs", "paired", "size"),
    [
        ("facades-cmp", 106, True, (256, 256)),
        ("openmoji-line2color-1400", 200, True, (72, 72)),
        ("fruits-apple-tomato", 150, False, (100, 100)),
    ],
)
def test_real_sets(name: str, pairs: int, paired: bool, size: tuple[int, int]):
    found = open_pairs(os.path.join(os.environ["ELEGAN_DATA"], f"{name}.zip"), split="test")
    assert (len(found), found.paired, found.sources.size(0)) == (pairs, paired, size)
    if name.startswith("openmoji"):
        # The drawings are black lines on what was transparent, and become white here.
        assert found.sources.photo(0).mean() > 150
        assert found.sources.photo(0)[0, 0].tolist() == [255, 255, 255]
