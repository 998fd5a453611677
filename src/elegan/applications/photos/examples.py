"""What upscalers and restorers learn from: crops made smaller, and crops that are damaged."""

from collections.abc import Sequence
from dataclasses import dataclass

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
from elegan.data.degradations.camera import convolve, gaussian_line
from elegan.data.patches import Example
from elegan.models.damage import DAMAGES, strengths
from elegan.models.restoring import UNKNOWN, restorer_inputs, told_kinds
from elegan.tasks.crops import Photos, crop, spanned

_REACH = 2  # input pixels beyond a crop that antialiased bicubic looks at
_GAINS, _GAMMAS, _DARKEST = (0.5, 1.1), (0.7, 1.4), 0.15  # of photos in another light
_TEXTURED = 0.3  # share of examples with more texture than their photo has
_TOLD = 0.8  # share of examples of which the restorer is told how strong their damage is
_MISJUDGED = 0.12  # deviation of the logarithm of a strength as told from the true one
_MISSED = 0.1  # share of the kinds done that are not found
# Share that has lost pixels in addition: where they are is known, so they disturb nothing.
_HOLED = 0.3
_WHOLE = 0.1  # share without damage, told or not: what is whole must stay as it is


def recoloured(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns an RGB image uint8 in other colours and light, as another photo of it might have.

    Of few photos a network memorises how bright and how blue each is, and finds the same in
    others. In half the draws channels change places, in half each has a gain of its own.
    """
    if random.random() < 0.5:
        image = image[:, :, random.permutation(3)]
    gains = random.uniform(*_GAINS, size=3 if random.random() < 0.5 else 1)
    darkest, gamma = random.uniform(0, _DARKEST), random.uniform(*_GAMMAS)
    light = darkest + (1 - darkest) * gains * from_bytes(image) ** gamma
    return to_bytes(light)


def textured(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns an RGB image uint8 with fine texture on a part of it, as fur and grass have it.

    Photos show little of it at the size of a pixel, and a network takes what it has not seen for
    noise, however little noise it is told of. Noise, blurred or less its own blur, of a deviation
    of 3 to 30 of 255.
    """
    height, width = image.shape[:2]
    channels = 3 if random.random() < 0.3 else 1
    grain = random.standard_normal((height, width, channels), np.float32)
    line = gaussian_line(random.uniform(0.3, 1.2))
    smooth = convolve(convolve(grain, line[:, None]), line[None, :])
    grain = smooth if random.random() < 0.5 else grain - random.uniform(0, 1) * smooth
    grain *= np.exp(random.uniform(*np.log((3 / 255, 30 / 255)))) / max(float(grain.std()), 1e-6)
    field = resize_bicubic(random.standard_normal((3, 3), np.float32), (height, width))
    where = (field + random.uniform(-0.5, 1) + 0.5).clip(0, 1)[..., None]
    return to_bytes(from_bytes(image) + where * grain)


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
    how strong each kind of damage is, as well as a look at the photo would tell. In a fifth of the
    examples nothing is known, and no damage is of a family that must be asked for
    (`degradations.ASKED`), unless the restorer is for such damage alone. Of all a share has lost
    pixels besides, if the restorer is for them, all if it is for nothing else, and a few are whole
    but for these.

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
        if "noise" in self.kinds and random.random() < _TEXTURED:
            clean = textured(clean, random)
        told = random.random() < _TOLD
        kinds = self.kinds if told else self._unasked or self.kinds
        damaged = degrade(from_bytes(clean), kinds, random)
        given, mask = damaged.image, damaged.mask
        shares = dict(zip(DAMAGES, strengths(damaged.parameters).tolist(), strict=True))
        if random.random() < _WHOLE:
            given, mask, shares = from_bytes(clean), np.zeros_like(mask), {}
        share = _HOLED if len(self._losing) < len(self.kinds) else 1
        if self._losing and random.random() < share:
            more = degrade(given, self._losing, random, most=1)
            given, mask = more.image, np.maximum(mask, more.mask)
        image = torch.from_numpy(spanned(given)).permute(2, 0, 1)[None]
        lost = torch.from_numpy(mask)[None, None]
        names = told_kinds(self.families)
        judged = {name: self._judged(shares.get(name, 0.0), random) for name in names}
        said = judged if told else dict.fromkeys(names, UNKNOWN)
        planes = restorer_inputs(image, lost, [said], names)
        return Example(inputs=planes[0].permute(1, 2, 0).numpy(), target=spanned(clean))

    @staticmethod
    def _judged(share: float, random: np.random.Generator) -> float:
        """What a look at the photo tells of a strength."""
        if share and random.random() < _MISSED:
            return UNKNOWN
        return share * float(np.exp(random.normal(0, _MISJUDGED)))

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
