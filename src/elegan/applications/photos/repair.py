"""Where a photo is to be changed: masks for a restorer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elegan.common.errors import EleganError, UsageError
from elegan.data.files import IMAGE_SUFFIXES
from elegan.data.masks import check_size, dilate, feather, mask_for
from elegan.models.inference import InferenceOptions
from elegan.models.restoring import family_of
from elegan.models.translation import TranslationModel

# Dilated and feathered by. A person's own mask is taken as drawn. The rim of a painted colour is
# blurred by nature; most of a scratch's was found with it, and more would change too much.
_COLOUR, _FOUND, _DRAWN = (2, 2), (1, 1), (0, 0)


@dataclass(frozen=True, kw_only=True)
class Repair:
    """Where to change a photo.

    Attributes:
        mask: a file, or a folder of files named as the photos; "alpha", "auto" (scratches), or a
            colour as #RRGGBB; None for the whole photo.
        dilate: pixels by which the mask grows; by default 2 for a colour, 1 for what is found.
        feather: pixels beyond that over which new fades into old; by default 2 for a colour and 1
            for what is found.
    """

    mask: Any = None
    dilate: int | None = None
    feather: int | None = None

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
            family_of(use.task, model.families, masked=self.mask is not None)

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
        given = self.mask
        if _is_path(given) and Path(given).is_dir():
            given = str(_mask_in(Path(given), path))
        return self.grown(mask_for(given, image, alpha))

    def grown(self, mask: np.ndarray) -> np.ndarray:
        """Widens a mask [H, W] and softens its rim outwards: bool, or uint8 weights of 255."""
        given = self.mask if isinstance(self.mask, str) else ""
        usual = _COLOUR if given[:1] == "#" else _FOUND if given == "auto" else _DRAWN
        by = usual[0] if self.dilate is None else self.dilate
        soft = usual[1] if self.feather is None else self.feather
        wide = dilate(mask > 0, by + soft)
        if not soft:
            return wide
        return np.rint(feather(wide, soft) * np.float32(255)).astype(np.uint8)

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
            file = Path(self.mask)
            file = _mask_in(file, path) if file.is_dir() else file
            facts["mask_stamp"] = [file.stat().st_size, file.stat().st_mtime_ns]
        return facts


def _is_path(given: Any) -> bool:
    return str(given) not in ("alpha", "auto") and not str(given).startswith("#")


def _mask_in(folder: Path, photo: Path | None) -> Path:
    """Returns the mask in a folder that is named as the photo, whatever their suffixes."""
    stem = "" if photo is None else photo.stem
    named = [path for path in sorted(folder.glob("*")) if path.stem == stem]
    images = [item for item in named if item.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise EleganError(f"there is no mask for it in {folder}; name one {stem or 'PHOTO'}.png")
    return images[0]
