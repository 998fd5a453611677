"""Labels from a file beside the images: what is read, what is matched, what is told."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_files import save_noise

from elegan.data import ImageData, open_data
from elegan.data.label_files import Row, Unreadable, read_rows

PAIRS = {"a.png": "cat", "b.png": "dog", "c.png": "cat", "d.png": "eel"}


def picture_folder(place: Path, names=PAIRS) -> Path:
    for seed, name in enumerate(names):
        save_noise(place / name, seed)
    return place


def named(data: ImageData) -> dict[str, str]:
    """The class of each image, by its file."""
    files = [verdict.file for verdict in data.verdicts if verdict.action != "skipped"]
    if data.labels is None:
        return {}
    return dict(zip(files, [data.classes[label] for label in data.labels], strict=True))


def reason(data: ImageData, file: str) -> str:
    return next(verdict.reason for verdict in data.verdicts if verdict.file == file)


CSVS = {
    "header": "filename,label\n" + "".join(f"{k},{v}\n" for k, v in PAIRS.items()),
    "none": "".join(f"{k},{v}\r\n" for k, v in PAIRS.items()),
    "other columns": "no;CLASS;Image\n" + "".join(f"1;{v};./{k}\n" for k, v in PAIRS.items()),
    "tabs": "path\ttarget\n" + "".join(f"{k}\t{v}\n\n" for k, v in PAIRS.items()),
    "bare stems": "id,label\n" + "".join(f"{k[0]},{v}\n" for k, v in PAIRS.items()),
    "a folder above": "file,label\n" + "".join(f"set\\{k},{v}\n" for k, v in PAIRS.items()),
}
JSONS = {
    "object": PAIRS,
    "rows": [{"file": k, "label": v} for k, v in PAIRS.items()],
    "pairs": {"labels": [[k, v] for k, v in PAIRS.items()]},
}


@pytest.mark.parametrize("text", CSVS.values(), ids=CSVS)
def test_every_usual_csv(tmp_path: Path, text: str):
    folder = picture_folder(tmp_path / "set")
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    data = open_data(str(folder))
    assert named(data) == PAIRS
    assert data.classes == ("cat", "dog", "eel")
    assert reason(data, "labels.csv") == "labels, not an image"
    assert data.notes == ("Labels come from labels.csv.",)


@pytest.mark.parametrize("content", JSONS.values(), ids=JSONS)
def test_every_usual_json(tmp_path: Path, content):
    folder = picture_folder(tmp_path / "set")
    (folder / "labels.json").write_text(json.dumps(content), encoding="utf-8")
    assert named(open_data(str(folder))) == PAIRS


def test_stylegan_numbers_are_classes_in_the_order_of_numbers(tmp_path: Path):
    names = [f"00000/img{number}.png" for number in range(4)]
    folder = picture_folder(tmp_path / "set", names)
    labels = {"labels": [list(pair) for pair in zip(names, [10, 2, 2.0, 10], strict=True)]}
    (folder / "dataset.json").write_text(json.dumps(labels))
    data = open_data(str(folder))
    assert data.classes == ("2", "10")
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0, 0, 1]
    (folder / "dataset.json").write_text(json.dumps({"labels": None}))
    assert open_data(str(folder)).labels is None


def test_a_zip_is_the_same_data_and_a_change_of_the_labels_is_seen(tmp_path: Path):
    folder = picture_folder(tmp_path / "set" / "images")
    table = folder.parent / "labels.csv"
    table.write_text("".join(f"images/{k},{v}\n" for k, v in PAIRS.items()))
    first = open_data(str(folder.parent))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        for path in sorted(folder.parent.rglob("*")):
            file.write(path, path.relative_to(tmp_path))
    zipped = open_data(str(tmp_path / "set.zip"))
    assert named(zipped) == {f"set/images/{name}": label for name, label in PAIRS.items()}
    assert zipped.hash == first.hash
    table.write_text("".join(f"images/{k},{v}\n" for k, v in {**PAIRS, "a.png": "dog"}.items()))
    assert named(open_data(str(folder.parent)))["images/a.png"] == "dog"


def test_a_class_that_is_renamed_is_seen(tmp_path: Path):
    folder = picture_folder(tmp_path / "set")
    for word in ("cat", "cow"):
        rows = {**PAIRS, "a.png": word, "c.png": word}
        (folder / "labels.csv").write_text("".join(f"{k},{v}\n" for k, v in rows.items()))
        os.utime(folder / "labels.csv", (1, 1))
        assert word in open_data(str(folder)).classes


def test_labels_win_over_subfolders_and_a_note_says_so(tmp_path: Path):
    names = ["left/a.png", "left/b.png", "right/c.png"]
    folder = picture_folder(tmp_path / "set", names)
    (folder / "labels.csv").write_text("a.png,1\nleft/b.png,2\nc.png,1\n")
    data = open_data(str(folder))
    assert named(data) == dict(zip(names, "121", strict=True))
    assert data.notes == ("Labels come from labels.csv and win over the 2 subfolders.",)


def test_each_split_takes_its_rows(tmp_path: Path):
    folder = picture_folder(tmp_path / "set", ["train/a.png", "train/b.png", "test/a.png"])
    save_noise(folder / "test" / "c.png", 9)
    (folder / "labels.csv").write_text("train/a.png,x\nb.png,y\ntest/a.png,y\ntest/c.png,x\n")
    train = open_data(str(folder))
    assert named(train) == {"train/a.png": "x", "train/b.png": "y"}
    # Rows of the other split are no strays.
    assert not any("match" in note for note in train.notes)
    test = open_data(str(folder), split="test")
    assert named(test) == {"test/a.png": "y", "test/c.png": "x"}


def test_what_does_not_fit_is_counted_and_named(tmp_path: Path):
    folder = picture_folder(tmp_path / "set", [f"cat{number}.png" for number in range(6)])
    rows = ["cat0.png,a", "cat1.png,b", "cat2.png,a", "cat3.png,b"]
    rows += ["cat3.png,a", "cat0.png,a", "kat4.png,b", "cat5.png,"]
    (folder / "labels.csv").write_text("\n".join(rows))
    data = open_data(str(folder))
    assert named(data) == {"cat0.png": "a", "cat1.png": "b", "cat2.png": "a"}
    assert reason(data, "cat3.png") == "several labels in labels.csv: b, a"
    assert reason(data, "cat4.png") == "no label in labels.csv"
    notes = "\n".join(data.notes)
    assert "1 row of labels.csv matches no image: kat4.png. Did you mean 'cat4.png'?" in notes
    assert "1 image is left out, since labels.csv gives more than one label: cat3" in notes
    assert "2 images are left out, since labels.csv has no label: cat4.png, cat5.png" in notes


def test_a_bare_name_that_two_images_have_is_given_to_neither(tmp_path: Path):
    folder = picture_folder(tmp_path / "set", ["x/a.png", "y/a.png", "x/b.png", "y/c.png"])
    (folder / "labels.csv").write_text("a.png,1\nb.png,2\nc.png,1\nx/a.png,1\n")
    data = open_data(str(folder))
    assert named(data) == {"x/a.png": "1", "x/b.png": "2", "y/c.png": "1"}
    assert any("matches no image: a.png" in note for note in data.notes)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"file,label\na.png,caf\xe9\n", "not UTF-8 text (line 2)"),
        (b"file,size\na.png,12\n", "no column is named as the label"),
        (b"photo,label\na.png,cat\n", "no column is named as the image's file"),
        (b"", "it is empty"),
        (b"file,label\nz.png,cat\n", "labels 0 of 4 images"),
        (b"a.png,cat\n", "labels 1 of 4 images"),
    ],
)
def test_a_table_that_cannot_be_labels_is_told_of_and_left(tmp_path: Path, content, words):
    folder = picture_folder(tmp_path / "set")
    (folder / "labels.csv").write_bytes(content)
    data = open_data(str(folder))
    assert len(data) == 4
    assert data.labels is None
    assert any(note.startswith("labels.csv is not used") and words in note for note in data.notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no valid JSON"),
        ("3", "neither an object"),
        ('[{"file": "a.png"}]', "does not tell"),
        ('{"a.png": [1, 2]}', "one word or number"),
        ("[" * 100_000, "no valid JSON"),
    ],
)
def test_json_of_another_kind(text: str, words: str):
    with pytest.raises(Unreadable, match=words):
        read_rows(text.encode(), is_json=True)


def test_wide_text_and_a_byte_order_mark():
    text = "file,label\né.png,Ñu\n"
    for encoding in ("utf-16", "utf-8-sig"):
        assert read_rows(text.encode(encoding), is_json=False) == [Row("é.png", "Ñu")]


def test_images_are_named_also_under_a_limit(tmp_path: Path):
    names = [f"{number:02}.png" for number in range(12)]
    folder = picture_folder(tmp_path / "set", names)
    (folder / "notes.txt").write_text("none")
    whole = open_data(str(folder))
    assert whole.image_names() == names
    some = open_data(str(folder), limit=5, seed=3)
    by_name = dict(zip(names, whole.images, strict=True))
    assert len(some.image_names()) == 5
    for name, image in zip(some.image_names(), some.images, strict=True):
        assert (by_name[name] == image).all()


def test_images_of_one_array_file_are_named_by_their_place_in_it(tmp_path: Path):
    images = np.random.default_rng(0).integers(0, 256, (20, 16, 16), dtype=np.uint8)
    np.save(tmp_path / "all.npy", images)
    some = open_data(str(tmp_path / "all.npy"), limit=4)
    for name, image in zip(some.image_names(), some.images, strict=True):
        assert name.startswith("all.npy[")
        assert (images[int(name[8:-1])] == image[..., 0]).all()
