"""How a run on photos makes its examples: crops with detail, turned, in keyed order."""

from typing import Any, Protocol

import numpy as np
import torch

from elegan.common.distributed import World
from elegan.common.errors import EleganError
from elegan.data import PhotoSet, open_photos
from elegan.data.degradations import resize_bicubic
from elegan.data.patches import Draw, Patches
from elegan.settings import TrainSettings

MAX_SHRINK = 4.0  # times, at which a photo still shows what it shows
_PLACES = 3  # of which the busiest is taken: skies teach little


class Photos(Protocol):
    """Images of any sizes; see `data.photos.PhotoSet`."""

    def __len__(self) -> int: ...

    def photo(self, index: int) -> np.ndarray: ...

    def size(self, index: int) -> tuple[int, int]: ...


def stream_of(
    data: Any, draw: Draw, count: int, settings: TrainSettings, device: torch.device, world: World
) -> Patches:
    """Returns the stream of a run that draws its examples of `count` images of `data`."""
    return Patches(
        data,
        draw,
        count=count,
        batch=settings.batch,
        seed=settings.seed,
        device=device,
        world=world,
    )


def open_clean_photos(settings: TrainSettings) -> PhotoSet:
    """Opens the photos that a run degrades for its examples."""
    return open_photos(settings.data, limit=settings.limit, seed=settings.seed)


def fitting_patch(photos: Photos, wanted: int, multiple: int = 1) -> int:
    """Returns the largest side that every photo has room for, at most `wanted`.

    Raises:
        EleganError: a photo has not even room for 16 pixels.
    """
    least = min(min(photos.size(index)) for index in range(len(photos)))
    side = min(wanted, least) // multiple * multiple
    if side < 16:
        raise EleganError(
            f"The smallest photo is {least} pixels wide or high, and crops need at least"
            f" {max(16, multiple)}. Take the small ones away; `elegan inspect` names them."
        )
    return side


def crop(photo: np.ndarray, side: int, random: np.random.Generator, shrink: float) -> np.ndarray:
    """Returns a turned crop uint8 [side, side, C], the one of most detail from a few random places.

    Args:
        shrink: share of crops taken from a photo reduced by up to `MAX_SHRINK`, as far as its
            size allows: small photos are many sharp ones.
    """
    wanted = side
    if random.random() < shrink:
        room = min(photo.shape[:2]) / side
        wanted = int(side * random.uniform(1, max(1.0, min(MAX_SHRINK, room))))
    tops = random.integers(photo.shape[0] - wanted + 1, size=_PLACES)
    lefts = random.integers(photo.shape[1] - wanted + 1, size=_PLACES)
    pieces = (
        photo[top : top + wanted, left : left + wanted]
        for top, left in zip(tops, lefts, strict=True)
    )
    piece = max(pieces, key=_detail)
    if wanted != side:
        piece = resize_bicubic(piece, (side, side))
    return turned(piece, int(random.integers(8)))


def _detail(piece: np.ndarray) -> float:
    """The mean step from a pixel to the next, of its middle channel."""
    plane = piece[:, :, piece.shape[2] // 2].astype(np.int16)
    return float(np.abs(np.diff(plane, axis=0)).mean() + np.abs(np.diff(plane, axis=1)).mean())


def turned(image: np.ndarray, way: int) -> np.ndarray:
    """Returns one of the eight images that turning and mirroring make; 0 is the image itself."""
    image = np.rot90(image, way % 4)
    return image[:, ::-1] if way >= 4 else image


def spanned(image: np.ndarray) -> np.ndarray:
    """uint8, or float in [0, 1] -> float32 in [-1, 1], contiguous."""
    scale = 127.5 if image.dtype == np.uint8 else 0.5
    return np.ascontiguousarray(image, dtype=np.float32) / np.float32(scale) - 1
