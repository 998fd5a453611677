"""Line drawings in colours: areas, gaps, sizes, and what is no drawing."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from elegan.common.errors import EleganError
from elegan.common.precision import choose
from elegan.models.drawings import DrawingModel, areas, evened, facts_of_drawings, line_width

RED, BLUE = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9)


def _page(side: int, *, gap: int = 0, thick: int = 2, ink: int = 0, paper: int = 255) -> np.ndarray:
    """uint8 [side, side, 3]: two squares beside each other; the left one has a gap below."""
    page = np.full((side, side, 3), paper, np.uint8)
    low, high, middle = side // 5, side - side // 5, side // 2
    for place in (low, high):
        page[place : place + thick, low : high + thick] = ink
    for place in (low, middle, high):
        page[low : high + thick, place : place + thick] = ink
    page[high : high + thick, low + 2 * thick : low + 2 * thick + gap] = paper
    return page


class _Halves(nn.Module):
    """Paints the left half red and the right half blue, each getting darker downwards."""

    stride, margin, global_statistics = 1, 1, False
    seen: tuple[int, ...] = ()

    def forward(self, images: Tensor) -> Tensor:
        self.seen = tuple(images.shape)
        height, width = images.shape[2:]
        left = (torch.arange(width) < width / 2).float()
        colours = torch.tensor(RED)[:, None] * left + torch.tensor(BLUE)[:, None] * (1 - left)
        shade = torch.linspace(1.1, 0.9, height)[None, :, None]
        painted = (colours[:, None, :] * shade).clamp(0, 1) * 2 - 1
        light = (images > 0).float()
        return painted * light - (1 - light)


def _model(**more: Any) -> DrawingModel:
    config = {
        "task": "stylize",
        "shape": {"inputs": 3, "outputs": 3},
        "recipe": {"method": "paired", "drawings": {"side": 60.0, "line": 2.0}},
        "sha256": "0",
    }
    return DrawingModel(_Halves(), config, choose("cpu", "float32"), **more)


def test_what_lines_enclose_is_numbered_and_what_reaches_the_rim_is_not() -> None:
    light = _page(60)[..., 0] > 0
    number = areas(light)
    assert set(np.unique(number)) == {0, 1, 2}
    assert number[30, 20] != number[30, 40]
    assert number[2, 2] == 0
    assert not number[~light].any()


def test_areas_that_share_a_corner_alone_are_two() -> None:
    light = np.zeros((10, 10), bool)
    light[2:5, 2:5] = light[5:8, 5:8] = True
    number = areas(light)
    assert number[3, 3] != number[6, 6]


def test_a_gap_in_a_line_is_closed_as_far_as_asked() -> None:
    light = _page(60, gap=3)[..., 0] > 0
    assert areas(light)[30, 20] == 0
    closed = areas(light, 2)
    assert closed[30, 20] > 0
    inside = np.zeros_like(light)
    inside[14:48, 14:30] = True  # the left square
    assert (closed[inside] == closed[30, 20]).all()
    assert closed[2, 2] == 0
    assert areas(_page(60, gap=12)[..., 0] > 0, 2)[30, 20] == 0


def test_an_area_gets_its_mean_and_the_rest_stays() -> None:
    number = areas(_page(60)[..., 0] > 0)
    made = np.random.default_rng(0).random((60, 60, 3), np.float32)
    flat = evened(made, number)
    square = (slice(14, 48), slice(14, 30))
    assert flat.dtype == np.float32
    np.testing.assert_allclose(
        flat[square], np.broadcast_to(made[square].mean((0, 1)), flat[square].shape), rtol=1e-5
    )
    assert np.array_equal(flat[number == 0], made[number == 0])


@pytest.mark.parametrize("thick", [2, 3, 6])
def test_how_thick_lines_are(thick: int) -> None:
    page = np.ones((200, 200), bool)
    page[60 : 60 + thick] = False
    page[:, 90 : 90 + thick] = False
    turned = np.add.outer(np.arange(200), np.arange(200)) // 2
    slanted = (turned < 100) | (turned >= 100 + thick * 0.7071)
    assert line_width(page) == pytest.approx(thick * 4 / np.pi, rel=0.05)
    assert line_width(slanted) == pytest.approx(thick, rel=0.35)
    assert line_width(np.ones((9, 9), bool)) == 0


@pytest.mark.parametrize(("side", "gap"), [(60, 0), (300, 12), (1000, 30)])
def test_areas_are_flat_and_lines_sharp_at_any_size(side: int, gap: int) -> None:
    page = _page(side, gap=gap, thick=max(2, side // 50))
    model = _model()
    made = model.apply(page)
    assert made.shape == page.shape
    assert max(model.network.seen[2:]) <= 60
    place = side // 2
    for column, colour in ((side * 2 // 5, RED), (side * 3 // 5, BLUE)):
        rows = made[side // 5 + side // 25 : side - side // 5 - side // 25, column].astype(int)
        assert np.ptp(rows, axis=0).max() <= 1
        assert np.abs(rows[0] - np.array(colour) * 255).max() < 12
    assert (made[page == 0] < 30).all()
    beside = max(2, side // 50) + 2
    assert (
        made[place, place - beside] > [150, 0, 0]
    ).all()  # red up to the line, whatever is there


def test_gray_paper_and_thin_ink_of_a_scan_are_taken_for_what_they_are() -> None:
    page = _page(600, thick=3, ink=70, paper=220)
    made = _model().apply(page)
    assert np.abs(made[300, 200].astype(int) - np.array(RED) * 255).max() < 15
    assert np.abs(made[300, 400].astype(int) - np.array(BLUE) * 255).max() < 15
    assert (made[page == 70] < 30).all()


def test_depth_and_gray_are_kept_as_with_other_styles() -> None:
    page = _page(120)
    deep = _model().apply(page.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257.0 - _model().apply(page)).max() < 1.5
    assert _model().apply(page[..., 0]).shape == (120, 120, 3)
    assert np.array_equal(_model(share=0.0).apply(page), page)


def test_a_mask_leaves_the_rest_alone() -> None:
    page = _page(300)
    mask = np.zeros((300, 300), bool)
    mask[:, :150] = True
    made = _model().apply(page, mask=mask)
    assert np.array_equal(made[:, 150:], page[:, 150:])
    assert not np.array_equal(made[:, :150], page[:, :150])


def test_a_photo_is_refused() -> None:
    photo = np.linspace(0, 255, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)
    with pytest.raises(EleganError, match=r"no line drawing: 4[0-9]% .* --model"):
        _model().apply(photo)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_empty_page_stays_without_lines(value: int) -> None:
    made = _model().apply(np.full((90, 90, 3), value, np.uint8))
    assert made.shape == (90, 90, 3)


def test_drawings_say_their_size_and_their_lines() -> None:
    facts = facts_of_drawings([_page(60), _page(100)])
    assert facts["side"] == 80
    assert 2 < facts["line"] < 3
