"""Masks: each source against what was painted, each refusal with its advice."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elegan.common.errors import EleganError, UsageError
from elegan.data import masks

PHOTO = np.random.default_rng(0).integers(60, 180, (24, 32, 3), dtype=np.uint8)


def painted() -> np.ndarray:
    mask = np.zeros((24, 32), bool)
    mask[5:9, 10:20] = True
    return mask


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "P", "I;16", "RGBA", "LA"])
def test_white_is_what_to_fill_in_files_of_every_mode(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    gray = Image.fromarray(painted().astype(np.uint8) * 255)
    if mode == "I;16":
        Image.fromarray(painted().astype(np.uint16) * 65535).save(path)
    else:
        gray.convert(mode).save(path)
    np.testing.assert_array_equal(masks.read_mask(path, (24, 32)), painted())


def test_what_was_painted_on_a_transparent_layer_counts_whatever_its_colour(tmp_path: Path) -> None:
    layer = np.zeros((24, 32, 4), np.uint8)
    layer[painted()] = (10, 0, 0, 255)
    Image.fromarray(layer).save(tmp_path / "layer.png")
    np.testing.assert_array_equal(masks.read_mask(tmp_path / "layer.png", (24, 32)), painted())


def test_a_mask_of_another_size_names_both_sizes(tmp_path: Path) -> None:
    Image.new("L", (16, 12), 255).save(tmp_path / "small.png")
    with pytest.raises(UsageError, match=r"small\.png' is 16x12 pixels, the photo 32x24"):
        masks.read_mask(tmp_path / "small.png", (24, 32))
    with pytest.raises(UsageError, match="given' is 32x24 pixels, the photo 24x32"):
        masks.check_size(painted(), (32, 24))
    masks.check_size(painted(), (24, 32))


def test_missing_unreadable_and_empty_masks_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no mask file"):
        masks.mask_for(str(tmp_path / "none.png"), PHOTO)
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(EleganError, match="cannot be read") as caught:
        masks.read_mask(tmp_path / "text.png", (24, 32))
    assert caught.value.exit_code == 1
    Image.new("L", (32, 24)).save(tmp_path / "black.png")
    with pytest.raises(UsageError, match="marks nothing"):
        masks.read_mask(tmp_path / "black.png", (24, 32))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_marks_what_was_erased(dtype: type) -> None:
    alpha = np.full((24, 32), np.iinfo(dtype).max, dtype)
    with pytest.raises(UsageError, match="all of it is opaque"):
        masks.mask_for("alpha", PHOTO, alpha)
    alpha[painted()] = 0
    np.testing.assert_array_equal(masks.mask_for("alpha", PHOTO, alpha), painted())
    with pytest.raises(UsageError, match="no alpha channel"):
        masks.mask_for("alpha", PHOTO)


@pytest.mark.parametrize("unit", [1, 257])
def test_a_colour_marks_its_pixels_within_the_tolerance(unit: int) -> None:
    photo = PHOTO.astype(np.uint16 if unit > 1 else np.uint8) * unit
    photo[painted()] = np.array([255, 6, 0], photo.dtype) * unit
    np.testing.assert_array_equal(masks.mask_for("#ff0000", photo), painted())
    with pytest.raises(UsageError, match="the nearest differs by 6"):
        masks.mask_for("#FF0000", photo, tolerance=5)
    for wrong in ("#FF00", "#GG0000"):
        with pytest.raises(UsageError, match="six hexadecimal digits"):
            masks.mask_for(wrong, photo)


@pytest.mark.parametrize("radius", [0, 1, 3, 7, 40])
def test_dilation_is_by_a_disc(radius: int) -> None:
    mask = np.zeros((24, 32), bool)
    mask[4, 6] = mask[20, 31] = True
    rows, columns = np.indices(mask.shape)
    near = (rows - 4) ** 2 + (columns - 6) ** 2 <= radius**2
    near |= (rows - 20) ** 2 + (columns - 31) ** 2 <= radius**2
    np.testing.assert_array_equal(masks.dilate(mask, radius), near)
    assert mask.sum() == 2


def test_feathering_stays_inside_and_after_dilation_keeps_what_was_marked_whole() -> None:
    mask = painted()
    wide = masks.dilate(mask, 4)
    weights = masks.feather(wide, 4)
    assert weights.dtype == np.float32
    assert (weights[~wide] == 0).all()
    assert (weights[wide] > 0).all()
    assert weights[6, 12:18].min() == 1
    assert (weights[mask] > 0.75).all()
    np.testing.assert_array_equal(masks.feather(mask, 0), mask.astype(np.float32))
    row = weights[7, :11]
    assert (np.diff(row[row > 0]) >= 0).all()
    assert (masks.feather(np.ones((9, 9), bool), 3) == 1).all()


def test_grays_of_a_mask_are_weights_and_noise_of_a_jpeg_is_none(tmp_path: Path) -> None:
    soft = np.tile(np.linspace(0, 255, 32), (24, 1)).astype(np.uint8)
    Image.fromarray(soft).save(tmp_path / "soft.png")
    np.testing.assert_array_equal(masks.read_mask(tmp_path / "soft.png", (24, 32)), soft)
    Image.fromarray(painted().astype(np.uint8) * 255).save(tmp_path / "hard.jpg", quality=92)
    hard = masks.read_mask(tmp_path / "hard.jpg", (24, 32))
    far = ~masks.dilate(painted(), 8)
    assert hard[far].max() == 0
    assert (hard[painted()] > (0 if hard.dtype == bool else 200)).all()
    values = np.array([[0, 1, 1]])
    for same in (values, values > 0, values * 255, values.astype(np.float32), values * 65535):
        mask = masks.as_mask(same.astype(np.uint16) if same.max() > 255 else same)
        assert mask.dtype == bool
        np.testing.assert_array_equal(mask, values > 0)
