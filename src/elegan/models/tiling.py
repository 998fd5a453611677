"""Large images in parts: windows that overlap by what a network sees, rows that come out in order.

A network without global statistics gives the same pixels whether it sees the image whole or in
windows, as long as a window begins at a multiple of the network's stride, ends where the image ends
or far enough beyond what is kept of it, and so meets the network's own padding only at the borders
of the image itself.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from elegan.common.errors import EleganError

MEMORY = 384 << 20
"""Bytes that a network's activations may take by default."""
_LIVE = 8  # of its largest layer's output, so many are taken to be alive at once, scratch included
_PROBE = 64  # side in pixels of the image that layers are measured on
_SMALLEST = 16  # tiles below this side are not tried


@dataclass(frozen=True, kw_only=True)
class Window:
    """A rectangle of the input, with borders that are thrown away.

    Attributes:
        top, bottom, left, right: the input pixels whose output is kept.
        outer_top, outer_bottom, outer_left, outer_right: the input pixels that the network sees.
    """

    top: int
    bottom: int
    left: int
    right: int
    outer_top: int
    outer_bottom: int
    outer_left: int
    outer_right: int

    @property
    def seen(self) -> tuple[slice, slice]:
        """Rows and columns of the input that the network sees."""
        return slice(self.outer_top, self.outer_bottom), slice(self.outer_left, self.outer_right)

    def kept(self, scale: int = 1) -> tuple[slice, slice]:
        """Rows and columns of what came out of `seen` that are kept, at `scale` times its size."""
        top, left = self.top - self.outer_top, self.left - self.outer_left
        height, width = self.bottom - self.top, self.right - self.left
        return (
            slice(top * scale, (top + height) * scale),
            slice(left * scale, (left + width) * scale),
        )


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far a network looks, and where its windows may begin.

    Attributes:
        stride: windows begin at multiples of it, in input pixels.
        margin: input pixels beyond which nothing reaches an output pixel.
        scale: output pixels along an input pixel.
    """

    stride: int
    margin: int
    scale: int

    @property
    def border(self) -> int:
        """Pixels added around what is kept: the margin, rounded up to the stride."""
        return math.ceil(self.margin / self.stride) * self.stride


def strips(
    apply: Callable[[Window], np.ndarray], height: int, width: int, *, reach: Reach, tile: int
) -> Iterator[np.ndarray]:
    """Yields the output [h, width * scale, C] from top to bottom, one row of windows at a time.

    Where memory runs out, windows become smaller, from that row on: the pixels stay the same.

    Args:
        apply: from a window to what the network makes of `window.seen`, [h, w, C].
        height, width: of the input, in pixels.
        tile: the largest side of what is kept of one window, in input pixels.

    Raises:
        EleganError: memory does not suffice for the smallest windows either.
    """
    top = 0
    while top < height:
        side = _side(height, tile, reach.stride)
        bottom = min(height, top + side)
        try:
            strip = _strip(apply, (top, bottom), (height, width), reach, tile)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            smaller = min(tile, max(height, width)) // 2
            if smaller < max(_SMALLEST, reach.stride):
                raise EleganError(
                    f"There is too little memory for tiles of {tile} pixels: {error}."
                    " Close other programs, or type --tile with a smaller number."
                ) from error
            tile = smaller
            continue
        yield strip
        top = bottom


def _strip(
    apply: Callable[[Window], np.ndarray],
    rows: tuple[int, int],
    size: tuple[int, int],
    reach: Reach,
    tile: int,
) -> np.ndarray:
    parts = []
    for window in windows_of(rows, size, reach, tile):
        parts.append(apply(window)[window.kept(reach.scale)])
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def windows_of(
    rows: tuple[int, int], size: tuple[int, int], reach: Reach, tile: int
) -> Iterator[Window]:
    """Yields the windows of one strip, from left to right.

    Args:
        rows: first row of the strip, a multiple of the stride, and the one after its last.
        size: (height, width) of the input.
    """
    height, width = size
    side = _side(width, tile, reach.stride)
    for left in range(0, width, side):
        right = min(width, left + side)
        yield Window(
            top=rows[0],
            bottom=rows[1],
            left=left,
            right=right,
            outer_top=max(0, rows[0] - reach.border),
            outer_bottom=_end(rows[1], height, reach),
            outer_left=max(0, left - reach.border),
            outer_right=_end(right, width, reach),
        )


def count_windows(height: int, width: int, *, reach: Reach, tile: int) -> int:
    """Returns how many windows `strips` takes while memory suffices."""
    down = math.ceil(height / _side(height, tile, reach.stride))
    return down * math.ceil(width / _side(width, tile, reach.stride))


def _side(length: int, tile: int, stride: int) -> int:
    """Returns the side of equal parts of `length`, a multiple of `stride`, each at most `tile`.

    A length that fits is one part, though its side, rounded up to the stride, may be above `tile`.
    """
    parts = 1 if length <= tile else math.ceil(length / max(stride, tile - tile % stride))
    return math.ceil(math.ceil(length / parts) / stride) * stride


def _end(end: int, length: int, reach: Reach) -> int:
    outer = math.ceil(end / reach.stride) * reach.stride + reach.border
    return min(length, outer)


def fitting_tile(bytes_a_pixel: float, reach: Reach, memory: int = MEMORY) -> int:
    """Returns the largest side of a tile whose window, border included, keeps to `memory`."""
    seen = math.isqrt(int(memory / bytes_a_pixel))
    return max(seen - 2 * reach.border, reach.stride, 4 * _SMALLEST)


@torch.inference_mode()
def bytes_a_pixel(network: nn.Module, inputs: int) -> float:
    """Measures what a network needs for each input pixel while it runs, in bytes, roughly.

    Eight times what is largest of its input and its layers' outputs: the skips of a U-Net or a
    residual block, a layer's input and output, and scratch memory of convolutions.
    """
    largest = inputs * _PROBE**2 * 4

    def note(module: nn.Module, arguments: object, result: object) -> None:
        nonlocal largest
        if isinstance(result, torch.Tensor):
            largest = max(largest, result.numel() * 4)

    hooks = [item.register_forward_hook(note) for item in network.modules()]
    try:
        device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
        network(torch.zeros(1, inputs, _PROBE, _PROBE, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    return max(1.0, _LIVE * largest / _PROBE**2)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on the CPU or on CUDA."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "not enough memory" in str(error)
