import io
import json
from pathlib import Path

import numpy as np
import pytest
from image_files import save_noise
from PIL import Image

from elegan.common.errors import EleganError, UsageError
from elegan.data.dataset import colour_of
from elegan.data.duplicates import exact_groups, near_groups, overlap
from elegan.data.inspection import inspect, on_detail
from elegan.data.opening import open_data


def test_a_report_on_the_nasty_folder(nasty: Path, tmp_path: Path):
    report = inspect(str(nasty), contact_sheet=tmp_path / "out" / "sheet.png")
    json.dumps(report)
    assert report["files"]["skipped"] == sum(report["reasons"].values())
    assert sum(report["files"].values()) == len(report["verdicts"])
    assert report["images"] == sum(report["sizes"].values())
    assert report["sizes"]["40x30"] == 3
    advice = " ".join(report["advice"])
    assert "Only 10 images" in advice
    assert "different sizes" in advice
    assert "enlarged" in advice
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        assert sheet.width > 600


def test_a_folder_without_any_image_is_reported_not_refused(tmp_path: Path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.png").write_bytes(b"")
    (tmp_path / "set" / "b.txt").write_text("x", encoding="utf-8")
    report = inspect(str(tmp_path / "set"), contact_sheet=tmp_path / "sheet.png")
    assert report["images"] == 0
    assert report["reasons"] == {"empty file (0 bytes)": 1, "a text file, not an image": 1}
    assert report["contact_sheet"] is None
    assert "Nothing to train on" in report["advice"][0]
    (tmp_path / "set" / "a.png").unlink()
    (tmp_path / "set" / "b.txt").unlink()
    with pytest.raises(EleganError, match="is empty"):
        inspect(str(tmp_path / "set"))


def test_duplicates_are_named_by_file(tmp_path: Path):
    folder = tmp_path / "set"
    for number in range(6):
        save_noise(folder / f"{number}.png", number, (64, 64))
    (folder / "copy of 2.png").write_bytes((folder / "2.png").read_bytes())
    with Image.open(folder / "4.png") as image:
        image.save(folder / "4 again.jpg", quality=60)
    found = inspect(str(folder))["duplicates"]
    assert found["exact"] == 1
    assert found["exact_groups"] == [["2.png", "copy of 2.png"]]
    assert found["near"] == 1
    assert found["near_groups"] == [["4 again.jpg", "4.png"]]


def test_near_means_recompressed_resized_or_brightened_not_similar():
    generator = np.random.default_rng(0)
    base = Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((64, 64))
    buffer = io.BytesIO()
    base.save(buffer, format="JPEG", quality=50)
    recompressed = np.asarray(Image.open(buffer))
    resized = np.asarray(base.resize((40, 40)).resize((64, 64)))
    brightened = (np.asarray(base) * 0.8 + 30).astype(np.uint8)
    shuffled = np.asarray(base).transpose(1, 0, 2)
    flat = np.full((64, 64, 3), 9, dtype=np.uint8)
    images = np.stack(
        [np.asarray(base), recompressed, resized, brightened, shuffled, flat, flat + 1]
    )
    assert near_groups(images, np.arange(7)) == [[0, 1, 2, 3]]
    assert exact_groups(images[[0, 1, 0, 5, 5, 0]]) == [[0, 2, 5], [3, 4]]


def test_test_images_that_leak_into_training_are_counted(tmp_path: Path):
    folder = tmp_path / "set"
    for number in range(4):
        save_noise(folder / "train" / f"{number}.png", number)
        save_noise(folder / "test" / f"{number}.png", number + 3)
    report = inspect(str(folder))
    assert report["duplicates"]["test_images_in_train"] == 1
    assert any("also in the training split" in sentence for sentence in report["advice"])
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1), dtype=np.uint8)
    assert overlap(images, images[2:]) == 3


def test_uneven_classes_and_gray_stored_as_colour_are_noticed(tmp_path: Path):
    folder = tmp_path / "set"
    for name, count in (("few", 2), ("many", 8)):
        for number in range(count):
            save_noise(folder / name / f"{number}.png", number + 100 * count, channels=1)
            with Image.open(folder / name / f"{number}.png") as image:
                colour = image.convert("RGB")
            colour.save(folder / name / f"{number}.png")
    report = inspect(str(folder))
    advice = " ".join(report["advice"])
    assert report["classes"] == {"few": 2, "many": 8}
    assert "uneven: 'few' has 2" in advice
    assert "--channels 1" in advice
    assert len(inspect(str(folder), channels=1)["verdicts"]) == 10


def test_training_runs_on_what_is_left_of_a_bad_folder(nasty: Path, tmp_path: Path) -> None:
    import elegan

    run = elegan.train(
        nasty,
        preset="robust",
        images=32,
        batch=8,
        resolution=16,
        ticks=1,
        snapshots=1,
        network={"width": 8},
        out=tmp_path / "run",
    )
    verdicts = json.loads((run.path / "data.json").read_text(encoding="utf-8"))["verdicts"]
    assert {"used", "converted", "skipped"} == {verdict["action"] for verdict in verdicts}
    assert run.report.is_file()
    assert run.model.generate(2).images.shape == (2, 16, 16, 3)


def test_a_contact_sheet_never_becomes_data(tmp_path: Path, nasty: Path) -> None:
    with pytest.raises(UsageError, match="taken for data"):
        inspect(str(nasty), contact_sheet=nasty / "contact-sheet.png")
    assert not (nasty / "contact-sheet.png").exists()


def test_white_on_transparency_is_an_alarm_and_another_ground_shows_it(tmp_path: Path) -> None:
    for index in range(3):
        alpha = np.zeros((32, 32), np.uint8)
        alpha[8 + index : 20, 8:20] = 255
        layers = np.concatenate([np.full((32, 32, 3), 255), alpha[..., None]], axis=2)
        Image.fromarray(layers.astype(np.uint8)).save(tmp_path / f"{index}.png")
    (note,) = inspect(str(tmp_path))["notes"]
    assert note.startswith("Blank: of 3 of 3 images nothing is seen on (255, 255, 255)")
    assert "--ground" in note
    found = inspect(str(tmp_path), background=colour_of("#000"))
    assert found["notes"] == []
    assert found["duplicates"]["exact"] == 0
    with pytest.raises(UsageError, match="is no colour"):
        colour_of("blak")


def test_large_squares_become_64_pixels_unless_asked_and_that_is_said(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for index in range(6):
        pixels = random.integers(0, 255, (112, 112, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    data = open_data(str(tmp_path))
    assert data.resolution == 64
    said = on_detail(data.sizes, data.resolution)
    assert said == [
        "Half of the images are at least 112 pixels: --resolution 112 keeps more detail at about 3"
        " times the cost a step."
    ]
    assert on_detail(data.sizes, 112) == []
    assert open_data(str(tmp_path), resolution=112).resolution == 112
