"""Generated images, and the forms they are kept in."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from elegan.common.errors import EleganError, UsageError
from elegan.common.files import write_files, written_whole
from elegan.data.pictures import grid, png_bytes, save_png


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Generated images.

    Attributes:
        images: uint8 [N, R, R, C].
        labels: int64 [N], or None when the model is unconditional.
        classes: class names, empty when unconditional.
        seed: what they were drawn from.
        model_sha256: of the weights that drew them.
        path: where they were saved, None where they were not.
        seconds: that drawing took, 0 where it was not measured.
    """

    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    seed: int
    model_sha256: str
    path: Path | None = None
    seconds: float = 0.0

    def text(self) -> str:
        speed = f"  ({len(self) / self.seconds:,.0f} images/s)" if self.seconds else ""
        return f"{len(self):,} images{f' -> {self.path}' if self.path else ''}{speed}"

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without the images."""
        return {
            "out": None if self.path is None else str(self.path),
            "images": len(self),
            "seed": self.seed,
            "images_per_second": round(len(self) / self.seconds, 1) if self.seconds else None,
            "model_sha256": self.model_sha256,
        }

    def _repr_png_(self) -> bytes:
        """The sheet, which a notebook shows."""
        return png_bytes(self.sheet())

    def __len__(self) -> int:
        return len(self.images)

    def sheet(self, columns: int | None = None) -> np.ndarray:
        """Returns all images side by side, uint8 [H, W, 3 or 1]; small images are enlarged.

        By default about square; where the classes take turns and are few, a column is a class.
        """
        if columns is None:
            columns = max(1, round(len(self) ** 0.5))
            if self.labels is not None and self.labels.max() > 0 and len(self.classes) <= 16:
                columns = len(self.classes)
        return grid(self.images, columns, scale=max(1, 56 // self.images.shape[1]))

    def save(self, out: Path | str) -> Path:
        """Writes FILE.png (one sheet), FILE.npz (arrays), or a folder of PNG files.

        The folder has class subfolders when the model is conditional. In it, only what elegan
        wrote there before is replaced; a file that is named is replaced whatever it holds.

        Raises:
            UsageError: in the folder, a file of another origin is in the way; nothing is written.
            EleganError: the place cannot be written.
        """
        out = Path(out)
        try:
            if out.suffix.lower() == ".png":
                save_png(self.sheet(), out)
            elif out.suffix.lower() == ".npz":
                self._save_npz(out)
            elif out.suffix:
                raise UsageError(f"Cannot write {out}: name a .png, a .npz or a folder.")
            else:
                self._save_folder(out)
        except OSError as error:
            raise EleganError(
                f"Cannot write {out}: {error.strerror or error}. Name another place with --out."
            ) from error
        return out

    def _save_npz(self, out: Path) -> None:
        arrays: dict[str, Any] = {"images": self.images}
        if self.labels is not None:
            arrays["labels"] = self.labels
            arrays["classes"] = np.array(self.classes)
        with written_whole(out) as temporary, temporary.open("xb") as file:
            np.savez(file, **arrays, seed=np.int64(self.seed), model_sha256=self.model_sha256)

    def _save_folder(self, out: Path) -> None:
        digits = max(5, len(str(len(self) - 1)))
        files: dict[str, Callable[[Path], None]] = {}
        for index, image in enumerate(self.images):
            name = f"{index:0{digits}d}.png"
            if self.labels is not None:
                label = int(self.labels[index])
                name = f"{folder_name(self.classes[label], label)}/{name}"
            files[name] = partial(save_png, image)
        write_files(out, files)


def folder_name(name: str, label: int) -> str:
    """Returns a class name as a folder name that stays where it is put, on every system."""
    safe = "".join("_" if item in '/\\:*?"<>|' or not item.isprintable() else item for item in name)
    if safe == name and not name.startswith(".") and name.strip() and len(name.encode()) < 200:
        return name
    return f"{label:03d}-{safe.strip('. ')[:50]}"
