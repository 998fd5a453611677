"""Where a photo is to be changed: masks for a restorer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from elegan.applications.photos.sources import Source
from elegan.common.errors import EleganError, UsageError
from elegan.data.files import walk_folder
from elegan.data.masks import as_mask, check_size, dilate, feather, mask_for
from elegan.data.recognizing import why_not_read
from elegan.models.inference import InferenceOptions
from elegan.models.restoring import asked_families
from elegan.models.translation import TranslationModel

# Dilated and feathered by. A person's own mask is taken as drawn. The rim of a painted colour is
# blurred by nature; most of a scratch's was found with it, and more would change too much.
_COLOUR, _FOUND, _DRAWN = (2, 2), (1, 1), (0, 0)


@dataclass(frozen=True, kw_only=True)
class Repair:
    """Where to change a photo.

    Attributes:
        mask: a file, or a folder of files that lie and are named as the photos; "alpha", "auto"
            (scratches), or a colour as #RRGGBB; None for the whole photo.
        dilate: pixels by which the mask grows; by default 2 for a colour, 1 for what is found.
        feather: pixels beyond that over which new fades into old; by default 2 for a colour and 1
            for what is found.
    """

    mask: Any = None
    dilate: int | None = None
    feather: int | None = None
    masks: Mapping[Path, _Match] = field(default_factory=dict)  # by photo, of a folder of masks

    def matched(self, sources: Sequence[Source]) -> Repair:
        """Returns it with the mask of each photo, where they are to be found in a folder."""
        if self.mask is None or not _is_path(self.mask) or not Path(self.mask).is_dir():
            return self
        return replace(self, masks=_matches(Path(self.mask), sources))

    def notes(self, path: Path) -> tuple[str, ...]:
        """What a person should know of the mask that was taken for a photo."""
        return (self.masks[path].note,) if path in self.masks and self.masks[path].note else ()

    def _file_for(self, path: Path | None) -> Path:
        """Returns the mask file of a photo."""
        if not Path(self.mask).is_dir():
            return Path(self.mask)
        match = _Match(why="a folder of masks is for photos in files; name one mask")
        match = match if path is None else self.masks[path]
        if match.mask is None:
            raise EleganError(match.why)
        return match.mask

    def refuse(self, model: TranslationModel, use: InferenceOptions) -> None:
        """Refuses what cannot be, before any photo is read.

        Raises:
            UsageError: a file is not there, a radius is out of range, or flags exclude each other.
        """
        for name, radius in (("dilate", self.dilate), ("feather", self.feather)):
            if radius is not None and self.mask is None:
                raise UsageError(f"--{name} needs a --mask.")
        if self.mask is not None and _is_path(self.mask) and not Path(self.mask).exists():
            raise UsageError(
                f"There is no mask '{self.mask}'. Give a file, 'alpha', 'auto' or a colour:"
                " #RRGGBB."
            )
        if model.families:
            asked_families(use.task, model.families, masked=self.mask is not None)

    def weights_of(
        self, image: np.ndarray, alpha: np.ndarray | None, path: Path | None
    ) -> np.ndarray | None:
        """Returns weights [H, W], 0 where the photo stays as it is; None for the whole photo.

        Args:
            image: uint8 or uint16 [H, W, C].
            alpha: [H, W], where the photo has it.
            path: of the photo, by whose name a mask is chosen from a folder of them.

        Raises:
            UsageError: the mask has another size, marks nothing, or there is none for this photo.
            EleganError: it cannot be read.
        """
        if self.mask is None:
            return None
        given = str(self._file_for(path)) if _is_path(self.mask) else self.mask
        return self.grown(mask_for(given, image, alpha))

    def grown(self, mask: np.ndarray) -> np.ndarray:
        """Widens a mask [H, W] and softens its rim outwards: bool, or uint8 weights of 255.

        Of a soft mask what is marked by half grows; its own rim stays where that is softer.
        """
        mask = as_mask(mask)
        given = self.mask if isinstance(self.mask, str) else ""
        usual = _COLOUR if given[:1] == "#" else _FOUND if given == "auto" else _DRAWN
        by = usual[0] if self.dilate is None else self.dilate
        soft = usual[1] if self.feather is None else self.feather
        if mask.dtype != bool and not by + soft:
            return mask
        wide = dilate(mask if mask.dtype == bool else mask > 127, by + soft)
        if soft:
            wide = np.rint(feather(wide, soft) * np.float32(255)).astype(np.uint8)
        return wide if mask.dtype == bool else np.maximum(mask, wide * np.uint8(1 if soft else 255))

    def strips(
        self,
        model: TranslationModel,
        image: np.ndarray,
        weights: np.ndarray | None,
        use: InferenceOptions,
        old: np.ndarray | None = None,
    ) -> Iterator[np.ndarray]:
        """Yields the changed photo from top to bottom; outside the mask it is `old`, if given."""
        if weights is not None:
            check_size(weights, (image.shape[0], image.shape[1]))
        top = 0
        for strip in model.strips(image, mask=weights, use=use):
            rows = slice(top, top := top + len(strip))
            if weights is not None and old is not None and old is not image:
                strip = np.where(weights[rows, :, None] > 0, strip, old[rows])
            yield strip

    def facts(self, path: Path) -> dict[str, Any]:
        """What decides where photos are changed, as JSON, with the times of the files named."""
        if self == Repair():
            return {}
        facts: dict[str, Any] = {"dilate": self.dilate, "feather": self.feather}
        facts["mask"] = self.mask if self.mask is None else str(self.mask)
        if self.mask is not None and _is_path(self.mask):
            file = self._file_for(path)
            facts["mask_file"] = str(file)
            facts["mask_stamp"] = [file.stat().st_size, file.stat().st_mtime_ns]
        return facts


def _is_path(given: Any) -> bool:
    return str(given) not in ("alpha", "auto") and not str(given).startswith("#")


@dataclass(frozen=True)
class _Match:
    """The mask of one photo, or why there is none."""

    mask: Path | None = None
    why: str = ""
    note: str = ""


def _matches(folder: Path, sources: Sequence[Source]) -> dict[Path, _Match]:
    """Finds the mask of each photo: by its path, or by its name where only it is so named."""
    listed = [Path(entry.name) for entry in walk_folder(folder).entries]
    masks = [inside for inside in listed if why_not_read(folder / inside) == ""]
    photos: dict[str, list[Path]] = {}
    for source in sources:
        photos.setdefault(source.inside.stem, []).append(source.path)
    alike: dict[str, list[Path]] = {}
    for inside in masks:
        alike.setdefault(inside.stem, []).append(inside)
    return {
        source.path: _match(
            folder, alike.get(source.inside.stem, []), source, photos[source.inside.stem]
        )
        for source in sources
    }


def _match(folder: Path, alike: list[Path], source: Source, photos: list[Path]) -> _Match:
    """Returns one of the masks that have a photo's name, whatever their suffixes."""
    own, whole = source.inside.with_suffix(""), source.path.resolve().with_suffix("").parts
    # Of masks in sub folders of the photo's names the one with most of them.
    tails = [m for m in alike if len(m.parts) > 1 and whole[-len(m.parts) :] == _parts(m)]
    deepest = max((len(mask.parts) for mask in tails), default=0)
    for found in (
        [mask for mask in alike if mask == source.inside],
        [mask for mask in alike if mask.with_suffix("") == own],
        [mask for mask in tails if len(mask.parts) == deepest],
        alike,
    ):
        if len(found) > 1:
            names = " and ".join(str(folder / mask) for mask in found[:2])
            return _Match(why=f"{names} may both be its mask; keep one, at {folder / own}.png")
        if found and found is alike and len(photos) > 1:
            either = " or ".join(str(path) for path in photos[:2])
            why = f"{folder / found[0]} may be the mask of {either}; put one at"
            return _Match(why=f"{why} {folder / own}.png")
        if found:
            elsewhere = found is alike and len(found[0].parts) > 1
            return _Match(folder / found[0], note=f"by the mask {found[0]}" if elsewhere else "")
    return _Match(why=f"there is no mask for it in {folder}; name one {own}.png")


def _parts(mask: Path) -> tuple[str, ...]:
    return mask.with_suffix("").parts
