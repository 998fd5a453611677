"""How a model from images to images is applied: its options, its colours, its scale."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elegan.common.errors import UsageError
from elegan.common.pixels import luma
from elegan.data.degradations import resize_bicubic
from elegan.data.degradations.resizing import weights
from elegan.data.transparency import spread_visible
from elegan.models.restoring import AUTO
from elegan.models.tiling import MEMORY


def white(dtype: np.dtype) -> float:
    """Returns the value of white: 255, 65535, or 1 for floats."""
    return float(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else 1.0


def to_planes(image: np.ndarray, device: torch.device) -> Tensor:
    """[h, w, C] of any depth -> float32 [1, C, h, w] in [-1, 1]."""
    values = np.ascontiguousarray(image).astype(np.float32)
    tensor = torch.from_numpy(values).to(device)
    return tensor.permute(2, 0, 1)[None].mul(2 / white(image.dtype)).sub(1)


def to_pixels(planes: Tensor, dtype: np.dtype) -> np.ndarray:
    """float32 [1, C, H, W] in [-1, 1] -> [H, W, C] of a type, rounded where it is whole."""
    values = planes.add(1).mul_(white(dtype) / 2)
    if np.issubdtype(dtype, np.integer):
        values.round_()
    return values.clamp_(0, white(dtype))[0].permute(1, 2, 0).cpu().numpy().astype(dtype)


def with_colours_of(made: Tensor, colours: Tensor) -> Tensor:
    """Returns the luma of `made` with the chroma of `colours`, both [1, 3, h, w] in [-1, 1]."""
    bright = luma(made) if made.shape[1] == 3 else made
    return (colours + (bright - luma(colours))).clamp(-1, 1)


def composed(old: np.ndarray, new: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Blends two images [h, w, C] by a mask [h, w]; where it is 0 the old stays bit for bit."""
    if mask.dtype == bool:
        return np.where(mask[..., None], new, old)
    weight = mask[..., None].astype(np.float32) / white(mask.dtype)
    blended = old + weight * (new.astype(np.float32) - old)
    if np.issubdtype(old.dtype, np.integer):
        blended = np.rint(blended)
    return np.where(weight > 0, blended, old).astype(old.dtype)


def on_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lays [h, w, C] on white by its alpha [h, w] of the same type."""
    return composed(np.full_like(colours, white(colours.dtype)), colours, alpha)


def shown(colours: np.ndarray, alpha: np.ndarray, stylizes: bool) -> np.ndarray:
    """Returns [h, w, C] as a network is to see it, without what its alpha [h, w] hides.

    A stylizer paints on white, as in training; for others what is visible is spread, which leaves
    no rim.
    """
    return on_white(colours, alpha) if stylizes else spread_visible(colours, alpha)


_SPARSE = 97  # every so many rows and columns are looked at first


def is_gray(image: np.ndarray) -> bool:
    """Whether all channels of [h, w, 3] are the same everywhere; False for one channel."""
    if image.shape[2] != 3:
        return False
    # Of a photo of colours the first look is enough.
    parts = (image[top : top + _BLOCK] for top in range(0, len(image), _BLOCK))
    return all(
        (part[..., 0] == part[..., 1]).all() and (part[..., 0] == part[..., 2]).all()
        for part in (image[::_SPARSE, ::_SPARSE], *parts)
    )


_BLOCK = 64  # output rows made at once


def resampled(
    strips: Iterable[np.ndarray], size: tuple[int, int], wanted: tuple[int, int]
) -> Iterator[np.ndarray]:
    """Yields the image at another size, antialiased where it shrinks, from top to bottom.

    The same as `resize_bicubic` of the whole, to the rounding of float32.

    Args:
        strips: [h, W, C] from top to bottom, uint8, uint16 or float32; together `size`.
        size, wanted: (height, width) before and after.
    """
    if size == wanted:
        yield from strips
        return
    indices, values = weights(size[0], wanted[0], wanted[0] / size[0])
    dtype, first, done = None, 0, 0
    held = np.empty((0, 0, 0), np.float32)
    for strip in strips:
        dtype = strip.dtype
        wide = resize_bicubic(strip.astype(np.float32), (len(strip), wanted[1]))
        held = wide if not len(held) else np.concatenate([held, wide])
        while done < wanted[0]:
            block = slice(done, min(done + _BLOCK, wanted[0]))
            if indices[block].max() >= first + len(held):
                break
            yield _rounded(_rows(held, indices[block] - first, values[block]), dtype)
            done = block.stop
        if done < wanted[0]:
            needed = int(indices[done : done + _BLOCK].min()) - first
            held, first = held[needed:].copy(), first + needed


def reduced(image: np.ndarray, longest: int) -> np.ndarray:
    """Returns [h, w, C] no longer than `longest` a side, read in strips; small ones as they are."""
    side = max(image.shape[:2])
    if side <= longest:
        return image
    height, width = (max(1, round(item * longest / side)) for item in image.shape[:2])
    blocks = (image[top : top + longest] for top in range(0, len(image), longest))
    return np.concatenate(list(resampled(blocks, image.shape[:2], (height, width))))


def _rows(held: np.ndarray, indices: np.ndarray, values: np.ndarray) -> np.ndarray:
    total = np.zeros((len(indices), *held.shape[1:]), np.float32)
    for tap in range(indices.shape[1]):
        total += held[indices[:, tap]] * values[:, tap, None, None].astype(np.float32)
    return total


def _rounded(rows: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if not np.issubdtype(dtype, np.integer):
        return rows.astype(dtype, copy=False)
    return np.floor(rows + 0.5).clip(0, np.iinfo(dtype).max).astype(dtype)


LARGEST_SCALE = 16.0


@dataclass(frozen=True, kw_only=True)
class InferenceOptions:
    """How a model is applied to one image.

    Attributes:
        scale: output pixels along an input pixel, any number; by default the model's own.
        task: of a restorer: one of its families, or "auto".
        found: of a restorer: how strong each kind of damage is that was found, in the units of
            `models.damage.DAMAGES`; None where nobody looked.
        preserve_colour: of a stylizer: the output's luminance with the input's colours.
        tile: largest side of a tile in input pixels; by default as `memory` allows.
        memory: bytes that the network's activations may take.
        on_window: called after each window; what it raises ends the work.
    """

    scale: float | None = None
    task: str = AUTO
    found: Mapping[str, float] | None = None
    preserve_colour: bool = False
    tile: int | None = None
    memory: int = MEMORY
    on_window: Callable[[], None] | None = None


def refuse_options(use: InferenceOptions, task: str, scale: int) -> None:
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


def refuse_task(config: dict[str, Any], task: str | None, folder: Path) -> None:
    """Refuses a model that is for something else.

    Raises:
        UsageError: it makes no images from images, or is not for `task` where that is not None.
    """
    found = config.get("task")
    if "recipe" not in config:
        raise UsageError(
            f"The model in {folder} is for '{found}': it makes no images from images. Use"
            f" `elegan {found} {folder}`, or name a model of task {task or 'upscale'}."
        )
    if task is not None and found != task:
        raise UsageError(
            f"The model in {folder} is for '{found}', not for '{task}'."
            f" Type `elegan {found} INPUT --model {folder}`, or name a model for '{task}'."
        )
