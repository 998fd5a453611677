"""Restorers without a network: a method that looks at the photo once, then at its rows."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch import nn

from elegan.common.precision import choose
from elegan.models.inference import (
    InferenceOptions,
    composed,
    refuse_image,
    refuse_options,
    white,
)
from elegan.models.restoring import asked_families
from elegan.models.translation import TranslationModel

ROWS = 256
Clearing = Callable[[slice, np.ndarray], np.ndarray]
"""Rows of a photo and what is seen there, float32 [h, W, C] in 0..1 -> the same without damage."""


class _Nothing(nn.Identity):
    """Stands where other models have a network."""

    margin, stride, global_statistics = 0, 1, False


class Filter(TranslationModel):
    """A restorer of one family of damage.

    Attributes:
        family: what it undoes.
        kinds: of damage, of that family.
        method: its name; with a number that changes where its results do.
        note: what a person should know of it.
    """

    family: str
    kinds: tuple[str, ...]
    method: str
    note: str

    def __init__(self, *, strength: float = 1.0, share: float = 1.0) -> None:
        config: dict[str, Any] = {
            "task": "restore",
            "network": self.name,
            "shape": {"inputs": 3, "outputs": 3, "scale": 1},
            "recipe": {"degradation": list(self.kinds), "families": [self.family], "told": []},
            "sha256": self.method,  # what decides the result, in place of weights
            "training": {},
        }
        precision = choose("cpu", "float32")
        super().__init__(_Nothing(), config, precision, strength=strength, share=share)

    @property
    def name(self) -> str:
        return self.method.rsplit("-", 1)[0]

    def to(self, device: str) -> TranslationModel:
        return self

    def _like(self, network: nn.Module, **changes: float) -> TranslationModel:
        return type(self)(**changes)

    def windows(self, height: int, width: int, use: InferenceOptions) -> int:
        return math.ceil(height / ROWS)

    def notes(self, height: int, width: int, use: InferenceOptions) -> tuple[str, ...]:
        return (self.note,)

    def look(self, image: np.ndarray) -> Clearing | None:
        """Looks at a photo [H, W, 1 or 3] of any depth; None where there is nothing to undo."""
        raise NotImplementedError

    def strips(
        self,
        image: np.ndarray,
        *,
        mask: np.ndarray | None = None,
        use: InferenceOptions | None = None,
    ) -> Iterator[np.ndarray]:
        """See `TranslationModel.strips`."""
        use = use or InferenceOptions()
        refuse_options(use, self.task, self.scale)
        refuse_image(image, mask, self.scale)
        asked_families(use.task, self.families, masked=mask is not None)
        clearing, whole = self.look(image), white(image.dtype)
        for top in range(0, len(image), ROWS):
            rows = slice(top, top + ROWS)
            made = image[rows]
            if clearing is not None:
                seen = made.astype(np.float32) / np.float32(whole)
                clear = seen + np.float32(self.share) * (clearing(rows, seen) - seen)
                if image.dtype.kind == "u":
                    clear = np.rint(clear * whole)
                made = clear.astype(image.dtype)
            if use.on_window is not None:
                use.on_window()
            yield made if mask is None else composed(image[rows], made, mask[rows])
