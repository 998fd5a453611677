"""Tiles: the same pixels as the whole image gives, at every size, also where memory runs out."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from elegan.common.errors import EleganError
from elegan.models.tiling import (
    Reach,
    Window,
    bytes_a_pixel,
    count_windows,
    fitting_tile,
    strips,
    windows_of,
)


class Doubling(nn.Module):
    """Two 3x3 convolutions and a pixel shuffle: margin 2, stride 1, scale 2."""

    reach = Reach(stride=1, margin=2, scale=2)

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 12, 3, padding=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return functional.pixel_shuffle(self.last(self.first(images).relu()), 2)


class Halving(nn.Module):
    """A small U-Net: stride 4, and a margin from its two strided convolutions and back."""

    reach = Reach(stride=4, margin=24, scale=1)

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(c, 4, 4, 2, 1) for c in (3, 4))
        self.up = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(2))
        self.last = nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        height, width = images.shape[-2:]
        padding = (0, -width % 4, 0, -height % 4)
        hidden = functional.pad(images, padding, mode="replicate")
        for layer in self.down:
            hidden = layer(hidden).relu()
        for layer in self.up:
            hidden = functional.interpolate(layer(hidden).relu(), scale_factor=2.0)
        return self.last(hidden)[..., :height, :width]


def _apply(network: nn.Module, image: np.ndarray):
    @torch.inference_mode()
    def apply(window: Window) -> np.ndarray:
        part = torch.from_numpy(np.ascontiguousarray(image[window.seen])).permute(2, 0, 1)[None]
        return network(part)[0].permute(1, 2, 0).numpy()

    return apply


@pytest.mark.parametrize("kind", [Doubling, Halving])
@pytest.mark.parametrize("size", [(1, 1), (1, 70), (33, 3), (50, 61), (64, 64)])
@pytest.mark.parametrize("tile", [1, 7, 16, 24, 100])
def test_tiles_equal_the_whole(kind: type, size: tuple[int, int], tile: int) -> None:
    torch.manual_seed(0)
    network, (height, width) = kind().eval(), size
    image = np.random.default_rng(0).uniform(-1, 1, (height, width, 3)).astype(np.float32)
    whole = _apply(network, image)(
        Window(
            top=0,
            bottom=height,
            left=0,
            right=width,
            outer_top=0,
            outer_bottom=height,
            outer_left=0,
            outer_right=width,
        )
    )
    found = list(strips(_apply(network, image), height, width, reach=kind.reach, tile=tile))
    assert np.concatenate(found).shape == whole.shape
    assert abs(np.concatenate(found) - whole).max() < 1e-5
    if tile < height:
        assert len(found) > 1


def test_a_margin_that_is_too_small_would_be_noticed() -> None:
    torch.manual_seed(0)
    image = np.random.default_rng(0).uniform(-1, 1, (40, 40, 3)).astype(np.float32)
    apply = _apply(Doubling().eval(), image)
    near = Reach(stride=1, margin=1, scale=2)
    one = np.concatenate(list(strips(apply, 40, 40, reach=near, tile=16)))
    two = np.concatenate(list(strips(apply, 40, 40, reach=Doubling.reach, tile=16)))
    assert abs(one - two).max() > 1e-4


def test_windows_begin_at_the_stride_and_cover_every_pixel_once() -> None:
    reach, size = Reach(stride=4, margin=5, scale=1), (37, 50)
    seen = np.zeros(size, int)
    count = 0
    for top in range(0, 37, 12):
        for window in windows_of((top, min(37, top + 12)), size, reach, 14):
            assert window.outer_left % 4 == 0
            assert window.outer_top % 4 == 0
            assert window.left - window.outer_left in (0, 8) or window.outer_left == 0
            seen[window.top : window.bottom, window.left : window.right] += 1
            count += 1
    assert (seen == 1).all()
    assert count == 4 * 5
    assert count_windows(37, 50, reach=reach, tile=14) == 4 * 5
    assert count_windows(37, 50, reach=reach, tile=50) == 1  # what fits is one window
    assert count_windows(37, 53, reach=reach, tile=53) == 1


def test_smaller_tiles_where_memory_runs_out_give_the_same_pixels() -> None:
    torch.manual_seed(0)
    image = np.random.default_rng(1).uniform(-1, 1, (90, 100, 3)).astype(np.float32)
    plain = _apply(Doubling().eval(), image)
    asked = []

    def apply(window: Window) -> np.ndarray:
        rows, columns = window.seen
        asked.append((rows.stop - rows.start) * (columns.stop - columns.start))
        if asked[-1] > 45 * 45 and window.top > 0:  # from the second row of tiles on
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate")
        return plain(window)

    found = np.concatenate(list(strips(apply, 90, 100, reach=Doubling.reach, tile=50)))
    expected = np.concatenate(list(strips(plain, 90, 100, reach=Doubling.reach, tile=100)))
    assert max(asked) > 45 * 45
    assert abs(found - expected).max() < 1e-5


def test_too_little_memory_for_any_tile_is_said() -> None:
    def apply(window: Window) -> np.ndarray:
        raise MemoryError

    with pytest.raises(EleganError, match="--tile"):
        list(strips(apply, 50, 50, reach=Doubling.reach, tile=50))


def test_other_errors_pass() -> None:
    def apply(window: Window) -> np.ndarray:
        raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        list(strips(apply, 50, 50, reach=Doubling.reach, tile=50))


def test_a_tile_follows_from_the_memory_and_the_largest_layer() -> None:
    cost = bytes_a_pixel(Doubling(), 3)
    assert cost == 8 * 12 * 4  # the 12 channels before the shuffle, float32
    side = fitting_tile(cost, Doubling.reach, memory=300_000_000)
    assert (side + 4) ** 2 * cost <= 300_000_000 < (side + 6) ** 2 * cost
    assert fitting_tile(cost, Doubling.reach, memory=1) == 64
    narrow = torch.nn.Conv2d(10, 1, 1)
    assert bytes_a_pixel(narrow, 10) == 8 * 10 * 4  # its input is larger than what it makes
