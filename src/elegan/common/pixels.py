"""Between uint8 images, as files and arrays hold them, and the tensors that networks take."""

import numpy as np
import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""What red, green and blue weigh in the lightness of a pixel (BT.601), as in Pillow's mode "L"."""


def to_tensor(images: np.ndarray, device: torch.device) -> Tensor:
    """uint8 [N, H, W, C] -> float32 [N, C, H, W] in [-1, 1], channels-last memory."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)).to(device, non_blocking=True)
    return tensor.permute(0, 3, 1, 2).to(torch.float32).div_(127.5).sub_(1)


def luma(images: Tensor) -> Tensor:
    """float [N, 3, H, W] -> [N, 1, H, W], the lightness of each pixel by `LUMA`."""
    return (images * torch.tensor(LUMA, device=images.device).view(1, 3, 1, 1)).sum(1, keepdim=True)


def to_uint8(images: Tensor) -> np.ndarray:
    """float [N, C, H, W] in [-1, 1] -> uint8 [N, H, W, C], rounded."""
    scaled = images.detach().float().add(1).mul_(127.5).round_().clamp_(0, 255)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
