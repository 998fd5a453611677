"""Images that a run draws for its pictures and measurements, from keyed noise."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from elegan.common.pixels import to_uint8
from elegan.common.precision import Precision
from elegan.common.randomness import normal
from elegan.data.pictures import grid, save_png

SHOWN = 64  # images of a sheet of real ones
_COLUMNS, MAX_COLUMNS = 8, 16
_AT_ONCE = 500


class Drawing:
    """Draws from the averaged generator; classes, where there are any, take turns."""

    def __init__(
        self, network: nn.Module, *, latent: int, classes: int, seed: int, precision: Precision
    ) -> None:
        self._network, self._latent, self._classes = network, latent, classes
        self._seed, self._precision = seed, precision

    def draw(self, stream: str, count: int) -> tuple[np.ndarray, Tensor | None]:
        """Returns images uint8 [count, R, R, C] and labels; the same whenever they are asked for.

        Args:
            stream: names the noise.
        """
        noise = normal((count, self._latent), self._seed, stream)
        return self._images(noise), self._labels(count)

    def preview(self, path: Path, count: int) -> None:
        """Writes a sheet from fixed latents, a column a class where there are few classes."""
        classes = self._classes if 1 < self._classes <= MAX_COLUMNS else 0
        columns = classes or max(1, math.isqrt(count))
        images, _ = self.draw("preview", max(columns, count // columns * columns))
        save_sheet(images, path, columns)

    def _labels(self, count: int) -> Tensor | None:
        if not self._classes:
            return None
        return torch.arange(count, device=self._precision.device) % self._classes

    @torch.inference_mode()
    def _images(self, latents: Tensor) -> np.ndarray:
        labels, images = self._labels(len(latents)), []
        for start in range(0, len(latents), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            with self._precision.autocast():
                asked = None if labels is None else labels[part]
                made = self._network(latents[part].to(self._precision.device), asked)
            images.append(to_uint8(made))
        return np.concatenate(images)


def save_sheet(images: np.ndarray, path: Path, columns: int = _COLUMNS) -> None:
    """Writes images uint8 [N, R, R, C] side by side, small ones enlarged."""
    save_png(grid(images, columns, scale=max(1, 56 // images.shape[1])), path)
