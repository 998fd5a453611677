"""What a network without normalisation is shown of a photo beside its colours: magnified details.

Noise, blur and what is lost in a smaller image are in the differences between neighbouring pixels,
which are a tenth of the colours themselves. A network that sees the colours alone learns brightness
first, and details many times more slowly.
"""

import torch
from torch import Tensor
from torch.nn import functional

AROUND = 2
"""Pixels on each side whose mean is taken off a pixel for its detail: so far does it look."""
_GAIN = 4.0  # about what makes a photo's details as large as its brightness


def with_detail(images: Tensor, colours: int) -> Tensor:
    """Images [N, I, h, w] -> [N, I + colours, h, w]: also the details of the first planes."""
    return torch.cat([images, _GAIN * detail_of(images[:, :colours])], dim=1)


def detail_of(colours: Tensor) -> Tensor:
    """Images [N, C, h, w] -> each pixel less the mean of the 5x5 around it, as far as there is."""
    side = 2 * AROUND + 1
    return colours - functional.avg_pool2d(colours, side, 1, AROUND, count_include_pad=False)
