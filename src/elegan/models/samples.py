"""Generated images, and the forms they are kept in."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elegan.data.pictures import grid, save_png
from elegan.errors import EleganError, UsageError


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Generated images.

    Attributes:
        images: uint8 [N, R, R, C].
        labels: int64 [N], or None when the model is unconditional.
        classes: class names, empty when unconditional.
        seed: what they were drawn from.
        model_sha256: of the weights that drew them.
    """

    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    seed: int
    model_sha256: str

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

        The folder has class subfolders when the model is conditional.

        Raises:
            EleganError: the place cannot be written.
        """
        out = Path(out)
        try:
            if out.suffix.lower() == ".png":
                out.parent.mkdir(parents=True, exist_ok=True)
                save_png(self.sheet(), out)
            elif out.suffix.lower() == ".npz":
                out.parent.mkdir(parents=True, exist_ok=True)
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
        temporary = out.with_name(f".{out.name}.{os.getpid()}.npz")
        try:
            np.savez(temporary, **arrays, seed=np.int64(self.seed), model_sha256=self.model_sha256)
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)

    def _save_folder(self, out: Path) -> None:
        digits = max(5, len(str(len(self) - 1)))
        for index, image in enumerate(self.images):
            folder = out
            if self.labels is not None:
                label = int(self.labels[index])
                folder = out / folder_name(self.classes[label], label)
            save_png(image, folder / f"{index:0{digits}d}.png")


def folder_name(name: str, label: int) -> str:
    """Returns a class name as a folder name that stays where it is put, on every system."""
    safe = "".join("_" if one in '/\\:*?"<>|' or not one.isprintable() else one for one in name)
    if safe == name and not name.startswith(".") and name.strip() and len(name.encode()) < 200:
        return name
    return f"{label:03d}-{safe.strip('. ')[:50]}"
