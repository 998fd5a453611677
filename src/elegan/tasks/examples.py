"""How a translating run makes examples of its photos: crops, turned, spoilt, in keyed order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from elegan.data.degradations import (
    ASKED,
    FAMILIES,
    blind,
    degrade,
    downscale,
    from_bytes,
    resize_bicubic,
    to_bytes,
)
from elegan.data.photos import PhotoSet, open_photos
from elegan.engine.distributed import World
from elegan.engine.patches import Draw, Example, Patches
from elegan.errors import EleganError
from elegan.models.restoring import AUTO, restorer_inputs
from elegan.settings import TrainSettings

_REACH = 2  # input pixels beyond a crop that antialiased bicubic looks at
_MOST_SHRUNK = 4.0  # times, at which a photo still shows what it shows
_PLACES = 3  # of which the busiest is taken: skies teach little
_GAINS, _GAMMAS, _DARKEST = (0.5, 1.1), (0.7, 1.4), 0.15  # of photos in another light
_TOLD = 0.5  # share of examples with one kind of damage, whose family the restorer is told
_HOLED = (
    0.3  # share that has lost pixels in addition: where they are is known, so they disturb nothing
)
_WHOLE = 0.1  # share without damage, told or not: what is whole must stay as it is


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
    """Opens the photos that a run spoils for its examples."""
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
        shrink: share of crops taken from a photo reduced by up to `_MOST_SHRUNK`, as far as its
            size allows: small photos are many sharp ones.
    """
    wanted = side
    if random.random() < shrink:
        room = min(photo.shape[:2]) / side
        wanted = int(side * random.uniform(1, max(1.0, min(_MOST_SHRUNK, room))))
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


def recoloured(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns an RGB image uint8 in other colours and light, as another photo of it might have.

    Of few photos a network learns by heart how bright and how blue each is, and finds the same in
    others. In half the draws channels change places, in half each has a gain of its own.
    """
    if random.random() < 0.5:
        image = image[:, :, random.permutation(3)]
    gains = random.uniform(*_GAINS, size=3 if random.random() < 0.5 else 1)
    darkest, gamma = random.uniform(0, _DARKEST), random.uniform(*_GAMMAS)
    light = darkest + (1 - darkest) * gains * from_bytes(image) ** gamma
    return to_bytes(light)


def turned(image: np.ndarray, way: int) -> np.ndarray:
    """Returns one of the eight images that turning and mirroring make; 0 is the image itself."""
    image = np.rot90(image, way % 4)
    return image[:, ::-1] if way >= 4 else image


def spanned(image: np.ndarray) -> np.ndarray:
    """uint8, or float in [0, 1] -> float32 in [-1, 1], contiguous."""
    scale = 127.5 if image.dtype == np.uint8 else 0.5
    return np.ascontiguousarray(image, dtype=np.float32) / np.float32(scale) - 1


@dataclass(frozen=True, kw_only=True)
class Smaller:
    """Examples for upscaling: a crop, and the crop made `scale` times smaller.

    Attributes:
        patch: side of the crop, a multiple of `scale`.
        unknown: whether it is made smaller in an unknown way (`degradations.blind`), or by
            antialiased bicubic, in 8 bits as a file would hold it.
    """

    photos: Photos
    patch: int
    scale: int
    unknown: bool
    shrink: float

    def __call__(self, index: int, random: np.random.Generator) -> Example:
        photo = self.photos.photo(index)
        # A frame of real pixels, so that the small crop's edge is as within the small photo.
        frame = _REACH * self.scale
        if min(photo.shape[:2]) < self.patch + 2 * frame:
            frame = 0
        whole = crop(photo, self.patch + 2 * frame, random, self.shrink)
        small = (
            blind(from_bytes(whole), self.scale, random)
            if self.unknown
            else downscale(whole, self.scale)
        )
        cut = frame // self.scale
        inside = slice(frame, frame + self.patch)
        small_inside = slice(cut, cut + self.patch // self.scale)
        return Example(
            inputs=spanned(small[small_inside, small_inside]),
            target=spanned(whole[inside, inside]),
        )


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """Examples for restoring: a clean crop and the crop damaged.

    Inputs are planes as `models.restoring.restorer_inputs` lays them: colours, what is lost, and
    one plane a family. Half the examples have one kind of damage and the plane of its family is 1;
    the others have one or two, no plane is set, and none is of a family that must be asked for
    (`degradations.ASKED`), unless the restorer is for such damage alone. Of all a share has lost
    pixels besides, if the restorer is for them, and a few are whole but for these.

    Attributes:
        kinds: names of `degradations.KINDS` to draw from.
    """

    photos: Photos
    patch: int
    kinds: Sequence[str]
    families: Sequence[str]
    shrink: float

    def __call__(self, index: int, random: np.random.Generator) -> Example:
        clean = crop(self.photos.photo(index), self.patch, random, self.shrink)
        clean = recoloured(clean, random)
        if random.random() < _TOLD:
            damaged = degrade(from_bytes(clean), self.kinds, random, most=1)
            family = damaged.families[0]
        else:
            damaged = degrade(from_bytes(clean), self._unasked or self.kinds, random)
            family = AUTO
        given, mask = damaged.image, damaged.mask
        if random.random() < _WHOLE:
            given, mask = from_bytes(clean), np.zeros_like(mask)
        if self._losing and random.random() < _HOLED:
            holed = degrade(given, self._losing, random, most=1)
            given, mask = holed.image, np.maximum(mask, holed.mask)
        image = torch.from_numpy(spanned(given)).permute(2, 0, 1)[None]
        lost = torch.from_numpy(mask)[None, None]
        planes = restorer_inputs(image, lost, [family], self.families)
        return Example(inputs=planes[0].permute(1, 2, 0).numpy(), target=spanned(clean))

    @property
    def _losing(self) -> list[str]:
        return [kind for kind in self.kinds if kind in FAMILIES["inpaint"]]

    @property
    def _unasked(self) -> list[str]:
        asked = {kind for family in ASKED for kind in FAMILIES[family]}
        return [kind for kind in self.kinds if kind not in asked]


def families_of(kinds: Sequence[str]) -> tuple[str, ...]:
    """Returns the families that any of the kinds belongs to, in the order of `FAMILIES`."""
    return tuple(name for name, of in FAMILIES.items() if set(of) & set(kinds))


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Examples of pairs: the same crop of both, mirrored alike in half the draws."""

    sources: Photos
    targets: Photos
    patch: int

    def __call__(self, index: int, random: np.random.Generator) -> Example:
        source, target = self.sources.photo(index), self.targets.photo(index)
        top = int(random.integers(source.shape[0] - self.patch + 1))
        left = int(random.integers(source.shape[1] - self.patch + 1))
        step = -1 if random.random() < 0.5 else 1
        rows, columns = slice(top, top + self.patch), slice(left, left + self.patch)
        return Example(
            inputs=spanned(source[rows, columns][:, ::step]),
            target=spanned(target[rows, columns][:, ::step]),
        )


@dataclass(frozen=True, kw_only=True)
class Unpaired:
    """Examples without pairs: a crop of a source and one of any target, mirrored in half.

    The index is that of the source.
    """

    sources: Photos
    targets: Photos
    patch: int

    def __call__(self, index: int, random: np.random.Generator) -> Example:
        other = int(random.integers(len(self.targets)))
        return Example(
            inputs=spanned(self._crop(self.sources.photo(index), random)),
            target=spanned(self._crop(self.targets.photo(other), random)),
        )

    def _crop(self, photo: np.ndarray, random: np.random.Generator) -> np.ndarray:
        top = int(random.integers(photo.shape[0] - self.patch + 1))
        left = int(random.integers(photo.shape[1] - self.patch + 1))
        step = -1 if random.random() < 0.5 else 1
        return photo[top : top + self.patch, left : left + self.patch][:, ::step]
