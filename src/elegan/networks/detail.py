"""What a photo is prepared by for a network without normalisation: details shown, holes filled.

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


_SIDES = (3, 5, 9, 17, 33, 65)  # of the squares around a lost pixel
_FALL = 4  # how fast what a square says loses weight with its side
_ROUNDS, _RADIUS = 16, 0.99  # of relaxation; an estimate of the spectral radius of one plain round
FILLED_FROM = _SIDES[-1] // 2 + _ROUNDS
"""Pixels on each side that a lost pixel's filling is made of."""


def filled(colours: Tensor, lost: Tensor) -> Tensor:
    """Fills lost pixels by what is known around, smoothly.

    First by inverse distances (Shepard 1968), their weights in steps: sums over squares of growing
    sides, which cost the same for every pixel. Then some rounds bring each lost pixel nearer to the
    mean of its four neighbours, which is Laplace's equation, by Chebyshev's semi-iterative method
    (Golub and Varga 1961). A network that begins with it has to add what a smooth filling lacks;
    from gray it first has to learn the brightness of every hole.

    Args:
        colours: float32 [N, C, h, w].
        lost: [N, 1, h, w], 1 where a pixel is lost, else 0.

    Returns:
        [N, C, h, w]; what is not lost is as it was, and 0 is where nothing near is known.
    """
    if not lost.any():
        return colours
    return _relaxed(_by_distance(colours, lost), lost)


def _by_distance(colours: Tensor, lost: Tensor) -> Tensor:
    known = 1 - lost
    known_colours = torch.cat([colours * known, known], dim=1)
    total = torch.zeros_like(known_colours)
    for side in _SIDES:
        rows = functional.avg_pool2d(known_colours, (side, 1), 1, (side // 2, 0))
        squares = functional.avg_pool2d(rows, (1, side), 1, (0, side // 2))
        total = total + squares * float(side) ** (2 - _FALL)  # a mean times the square's pixels
    mean = total[:, :-1] / total[:, -1:].clamp_min(1e-9)
    return colours * known + mean * lost


def _relaxed(colours: Tensor, lost: Tensor) -> Tensor:
    before, now, weight = colours, colours, 1.0
    for index in range(_ROUNDS):
        padded = functional.pad(now, (1, 1, 1, 1), mode="replicate")
        across = padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
        around = (across + padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]) / 4
        if index:
            weight = 1 / (1 - _RADIUS**2 * weight / (4 if index > 1 else 2))
        before, now = now, torch.where(lost > 0, before + weight * (around - before), colours)
    return now
