"""How a model from images to images is applied: what can be asked of it, and what is refused."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elegan.errors import UsageError
from elegan.models.restoring import AUTO
from elegan.models.tiling import MEMORY

LARGEST_SCALE = 16.0
TRANSLATING = ("upscale", "restore", "stylize")
"""The tasks whose models map images to images, each also the verb that uses them."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """How a model is applied to one image.

    Attributes:
        scale: output pixels along an input pixel, any number; by default the model's own.
        task: of a restorer: one of its families, or "auto".
        preserve_colour: of a stylizer: the output's luminance with the input's colours.
        tile: largest side of a tile in input pixels; by default as `memory` allows.
        memory: bytes that the network's activations may take.
        on_window: called after each window; what it raises ends the work.
    """

    scale: float | None = None
    task: str = AUTO
    preserve_colour: bool = False
    tile: int | None = None
    memory: int = MEMORY
    on_window: Callable[[], None] | None = None


def refuse_use(use: Use, task: str, scale: int) -> None:
    """Refuses what a model for `task` with its own `scale` cannot do.

    Raises:
        UsageError: a value is out of range, or a flag is for another task.
    """
    if use.scale is not None and not 0 < use.scale <= LARGEST_SCALE:
        raise UsageError(f"--scale must be above 0 and at most {LARGEST_SCALE:g}.")
    if use.preserve_colour and (task != "stylize" or scale != 1):
        raise UsageError("--preserve-colour is for models of style that keep an image's size.")
    if use.tile is not None and use.tile < 1:
        raise UsageError(f"--tile must be at least 1 pixel, not {use.tile}.")
    if use.memory < 1:
        raise UsageError("The memory for tiles must be above 0.")


def refuse_image(image: np.ndarray, mask: np.ndarray | None, scale: int) -> None:
    """Refuses arrays that are no image, and masks that do not fit.

    Raises:
        UsageError: the shape or the type is another than [H, W, 1 or 3] of 8 or 16 bits or floats.
    """
    if image.ndim != 3 or image.shape[2] not in (1, 3) or 0 in image.shape:
        raise UsageError(
            f"An image must be [H, W], [H, W, 1] or [H, W, 3], not {list(image.shape)}."
            " Give an alpha channel apart."
        )
    if image.dtype not in (np.uint8, np.uint16) and image.dtype.kind != "f":
        raise UsageError(f"An image must be uint8, uint16 or float in 0..1, not {image.dtype}.")
    if mask is None:
        return
    if scale != 1:
        raise UsageError(f"A mask needs a model that keeps an image's size; this one is x{scale}.")
    if mask.shape != image.shape[:2]:
        there = "x".join(str(side) for side in mask.shape[::-1])
        raise UsageError(
            f"The mask has {there} pixels, the image {image.shape[1]}x{image.shape[0]}."
            " Give a mask of the image's size."
        )


def refuse_task(facts: dict[str, Any], task: str | None, folder: Path) -> None:
    """Refuses a model that is for something else.

    Raises:
        UsageError: it makes no images from images, or is not for `task` where that is not None.
    """
    found = facts.get("task")
    if found not in TRANSLATING:
        verb = "classify" if found == "classify" else "generate"
        raise UsageError(
            f"The model in {folder} is for '{found}': it makes no images from images. Use"
            f" `elegan {verb} {folder}`, or name a model of task {', '.join(TRANSLATING)}."
        )
    if task is not None and found != task:
        raise UsageError(
            f"The model in {folder} is for '{found}', not for '{task}'."
            f" Type `elegan {found} INPUT --model {folder}`, or name a model for '{task}'."
        )
