import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elegan.applications.characters.character_set import CharacterSet
from elegan.applications.characters.folder import open_characters, write_characters
from elegan.applications.characters.parts import INDEX, KEY_POINTS
from elegan.applications.characters.renderer import drawn_characters
from elegan.common.errors import EleganError, UsageError


@pytest.fixture
def drawn() -> CharacterSet:
    return drawn_characters(6, 32, split="all", seed=1)


@pytest.fixture
def folder(drawn: CharacterSet, tmp_path: Path) -> Path:
    write_characters(drawn, tmp_path / "heads")
    return tmp_path / "heads"


def edit(path: Path, change) -> None:
    table = json.loads(path.read_text(encoding="utf-8"))
    change(table)
    path.write_text(json.dumps(table), encoding="utf-8")


def test_drawn_sets_come_back_from_the_cache(drawn: CharacterSet) -> None:
    again = drawn_characters(6, 32, split="all", seed=1)
    assert again.hash == drawn.hash
    np.testing.assert_array_equal(again.outlines, drawn.outlines)
    assert again.images.shape == (6, 32, 32, 4)
    assert again.outlines.shape == (6, len(INDEX), 32, 2)
    more = drawn_characters(7, 32, split="all", seed=1)
    np.testing.assert_array_equal(more.images[:6], drawn.images)
    assert drawn_characters(6, 32, split="train", seed=1).hash != drawn.hash


def test_a_written_folder_reads_as_what_it_was(drawn: CharacterSet, folder: Path) -> None:
    read = open_characters(str(folder), 32, split="all")
    assert read.names == drawn.names
    np.testing.assert_array_equal(read.images, drawn.images)
    np.testing.assert_allclose(read.key_points, drawn.key_points, atol=1e-4)
    np.testing.assert_array_equal(read.palettes, drawn.palettes)
    assert read.known.all()
    assert read.amodal is None
    # A mask says which part is mostly seen.
    np.testing.assert_array_less(np.abs(read.maps.astype(int) - drawn.maps), 255)
    for name, column in drawn.attributes.items():
        np.testing.assert_array_equal(read.variants[name], column)
    archive = shutil.make_archive(str(folder), "zip", folder.parent, folder.name)
    np.testing.assert_array_equal(open_characters(archive, 32, split="all").maps, read.maps)
    assert open_characters(str(folder), 16, split="all").maps.shape == (6, len(INDEX), 16, 16)


def test_what_a_person_asks_of_a_set_is_checked(drawn: CharacterSet) -> None:
    assert drawn.attributes["hair-colour"][2] in drawn.values("hair-colour")
    with pytest.raises(UsageError, match=r"Unknown attribute 'hair-color'. Did you mean"):
        drawn.values("hair-color")
    chosen = drawn.chosen([4, 2])
    assert chosen.names == (drawn.names[4], drawn.names[2])
    np.testing.assert_array_equal(chosen.images[1], drawn.images[2])
    json.dumps(chosen.to_dict())


def test_a_missing_mask_is_named(folder: Path, drawn: CharacterSet) -> None:
    mask = folder / "masks" / f"{drawn.names[1]}.png"
    mask.rename(mask.with_name("1-00001.png"))
    with pytest.raises(EleganError, match=r"1 image has no mask in .*: 1-000001. Did you mean"):
        open_characters(str(folder), 32)


def test_an_image_without_landmarks_is_named(folder: Path, drawn: CharacterSet) -> None:
    edit(folder / "landmarks.json", lambda table: table["landmarks"].pop(drawn.names[0]))
    with pytest.raises(EleganError, match=r"1 image has no entry in landmarks.json.*1-000000"):
        open_characters(str(folder), 32)


def test_one_character_teaches_nothing(folder: Path) -> None:
    for image in sorted((folder / "images").iterdir())[1:]:
        image.unlink()
    with pytest.raises(EleganError, match=r"holds 1 character: nothing can be learnt from one"):
        open_characters(str(folder), 32)
    with pytest.raises(UsageError, match=r"two or more"):
        drawn_characters(1, 32)


def test_unknown_names_in_the_tables_are_told(folder: Path) -> None:
    labels = folder / "labels.csv"
    text = labels.read_text(encoding="utf-8")
    labels.write_text(text.replace("color_hair", "color_hare"), encoding="utf-8")
    with pytest.raises(EleganError, match=r"no colour 'hare'. Did you mean 'hair'"):
        open_characters(str(folder), 32)
    labels.write_text(text, encoding="utf-8")
    edit(folder / "meta.json", lambda table: table["mask_labels"].update({"4": "phace"}))
    with pytest.raises(EleganError, match=r"'phace' that is not known. Did you mean 'face'"):
        open_characters(str(folder), 32)
    edit(folder / "meta.json", lambda table: table["mask_labels"].pop("4"))
    with pytest.raises(EleganError, match=r"has the index 4, which meta.json does not name"):
        open_characters(str(folder), 32)


def test_unknown_key_points_and_other_sizes_are_told(folder: Path, drawn: CharacterSet) -> None:
    name = drawn.names[3]
    Image.new("P", (16, 16)).save(folder / "masks" / f"{name}.png")
    with pytest.raises(EleganError, match=f"mask of '{name}' is 16x16 pixels, its image 32x32"):
        open_characters(str(folder), 32)
    edit(
        folder / "landmarks.json",
        lambda table: table["landmarks"][name]["points"].update({"noze": [1, 1]}),
    )
    with pytest.raises(EleganError, match=f"'{name}': unknown key point 'noze'. Did you mean"):
        open_characters(str(folder), 32)


def test_places_that_hold_no_characters_are_told(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no folder or zip of characters 'nowhere'"):
        open_characters("nowhere", 32)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"has no folder images/"):
        open_characters(str(tmp_path / "empty"), 32)
    shutil.copy(next((folder / "images").iterdir()), tmp_path / "empty")
    with pytest.raises(UsageError, match=r"pictures alone.*generated plainly"):
        open_characters(str(tmp_path / "empty"), 32)
    shutil.move(folder / "masks", tmp_path / "masks")
    with pytest.raises(UsageError, match=r"has no masks.*generated plainly"):
        open_characters(str(folder), 32)
    shutil.move(tmp_path / "masks", folder / "masks")
    (folder / "meta.json").unlink()
    with pytest.raises(EleganError, match=r"has no meta.json.*formats.md"):
        open_characters(str(folder), 32)


def test_a_folder_is_not_written_over_another(drawn: CharacterSet, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"is not empty"):
        write_characters(drawn, folder)


@pytest.mark.data
def test_adventurers_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    source = Path(os.environ["ELEGAN_DATA"]) / "characters-adventurer-2000.zip"
    with zipfile.ZipFile(source) as archive:
        for member in archive.namelist():
            head, _, name = member.rpartition("/")
            if not head or name < "00012.png":
                archive.extract(member, tmp_path / "heads")
    read = open_characters(str(tmp_path / "heads"), 64, split="all")
    # 00004, 00006, 00010 and 00011 among others wear glasses.
    assert len(read) < 12
    assert "00006" not in read.names
    assert "left out" in read.notes[0]
    assert "CC BY 4.0" in read.licence
    assert set(read.attributes["hair-style"]) == {"long", "short"}
    left, right = INDEX["eye-left"], INDEX["eye-right"]
    for index in range(len(read)):
        for part, point in ((left, "eye-left"), (right, "eye-right")):
            rows, columns = np.nonzero(read.maps[index, part] > 127)
            place = read.key_points[index, KEY_POINTS.index(point)] * 64
            assert abs(columns.mean() - place[0]) < 6
            assert abs(rows.mean() - place[1]) < 6
    assert not read.known[INDEX["clothes"]]
    assert read.palette_known[:, :2].all()
