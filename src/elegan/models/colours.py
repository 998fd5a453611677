"""Arithmetic on the pixels and planes of one image: depth, luminance, blending."""

import numpy as np
import torch
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)  # BT.601


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


def luminance(planes: Tensor) -> Tensor:
    """[N, 3, h, w] -> [N, 1, h, w], the luma of BT.601."""
    weights = torch.tensor(_LUMA, device=planes.device).view(1, 3, 1, 1)
    return (planes * weights).sum(dim=1, keepdim=True)


def with_colours_of(made: Tensor, colours: Tensor) -> Tensor:
    """Returns the luma of `made` with the chroma of `colours`, both [1, 3, h, w] in [-1, 1]."""
    bright = luminance(made) if made.shape[1] == 3 else made
    return (colours + (bright - luminance(colours))).clamp(-1, 1)


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
