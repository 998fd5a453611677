"""Before and after: both halves are the photos' own pixels, from where most has changed."""

from pathlib import Path

import numpy as np
import pytest
import translators
from PIL import Image

import elegan
from elegan.applications.photos.comparison import SIDE, write_comparison

HEAD, GAP = 18, 4


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _halves(path: Path | str) -> tuple[np.ndarray, np.ndarray]:
    sheet = np.asarray(Image.open(path)).astype(int)[HEAD:]
    width = (sheet.shape[1] - GAP) // 2
    return sheet[:, :width], sheet[:, width + GAP :]


def test_the_window_lies_where_most_has_changed() -> None:
    old = np.full((1400, 1800, 3), 90, np.uint8)
    new = old.copy()
    new[1000:1300, 1400:1700] = (200, 40, 40)
    Image.fromarray(old).save("old.png")
    Image.fromarray(new).save("new.png")
    said = write_comparison(Path("old.png"), Path("new.png"), Path("out/compare/new.png.jpg"))
    assert said == "compare/new.png.jpg shows before and after"
    before, after = _halves("out/compare/new.png.jpg")
    assert before.shape == after.shape == (SIDE, SIDE, 3)
    assert np.abs(before - 90).max() <= 2
    red = (np.abs(after - (200, 40, 40)).max(axis=2) < 12).sum()
    assert red > 0.9 * 300 * 300


def test_a_larger_result_stands_beside_the_photo_at_its_size() -> None:
    photo = translators.photo()
    Image.fromarray(photo).save("a.png")
    model = translators.write(Path("model"), "upscale", scale=2)
    found = elegan.upscale("a.png", model=model, out="out", compare=True)
    assert found.outcomes[0].notes == ("compare/a.png.jpg shows before and after",)
    before, after = _halves("out/compare/a.png.jpg")
    assert before.shape == after.shape == (2 * photo.shape[0], 2 * photo.shape[1], 3)
    assert np.abs(after - np.asarray(Image.open("out/a.png"))).mean() < 3
    # Again, over the folder: what is written for looking at is no photo to work on.
    again = elegan.upscale("a.png", model=model, out="out", compare=True)
    assert again.outcomes[0].state == "kept"


def test_depth_gray_and_transparency_are_shown() -> None:
    deep = np.full((30, 20), 40_000, np.uint16)
    Image.fromarray(deep).save("deep.png")
    clear = np.zeros((30, 20, 4), np.uint8)
    Image.fromarray(clear).save("clear.png")
    write_comparison(Path("deep.png"), Path("clear.png"), Path("c.jpg"))
    before, after = _halves("c.jpg")
    assert np.abs(before - 40_000 // 257).max() <= 6
    assert after.min() >= 250  # on white


def test_a_file_of_somebody_elses_is_left() -> None:
    Image.fromarray(translators.photo()).save("a.png")
    Image.new("RGB", (9, 9)).save("c.jpg")
    mine = Path("c.jpg").read_bytes()
    assert "elegan did not write it" in write_comparison(
        Path("a.png"), Path("a.png"), Path("c.jpg")
    )
    assert Path("c.jpg").read_bytes() == mine
    write_comparison(Path("a.png"), Path("a.png"), Path("d.jpg"))
    assert "shows" in write_comparison(Path("a.png"), Path("a.png"), Path("d.jpg"))
