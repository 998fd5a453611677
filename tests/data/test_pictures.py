from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elegan.common.errors import EleganError
from elegan.data.pictures import contact_sheet, grid, save_png


def test_grid_places_each_image_and_leaves_the_rest_white():
    images = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2, 1)
    sheet = grid(images, columns=2, gap=1)
    assert sheet.shape == (5, 5, 1)
    np.testing.assert_array_equal(sheet[:2, 3:], images[1])
    np.testing.assert_array_equal(sheet[3:, :2], images[2])
    assert (sheet[2] == 255).all()
    assert (sheet[3:, 3:] == 255).all()


def test_grid_scale_enlarges_pixels_not_gaps():
    images = np.zeros((4, 3, 3, 3), dtype=np.uint8)
    assert grid(images, columns=2, gap=2, scale=4).shape == (26, 26, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_round_trip(tmp_path: Path, channels: int):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    save_png(image, tmp_path / "new" / "a.png")
    with Image.open(tmp_path / "new" / "a.png") as read:
        np.testing.assert_array_equal(np.asarray(read).reshape(image.shape), image)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_png_into_an_impossible_place_is_one_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EleganError, match="Could not write"):
        save_png(np.zeros((2, 2, 1), dtype=np.uint8), tmp_path / "file" / "a.png")


def test_contact_sheet_rows_are_classes():
    labels = np.array([1, 0, 1, 0, 1])
    images = np.broadcast_to(labels[:, None, None, None] * 100, (5, 20, 20, 1)).astype(np.uint8)
    sheet = contact_sheet(images, labels, columns=50, count=100)
    assert (sheet[:20, :20] == 0).all()
    assert (sheet[22:42, :20] == 100).all()
