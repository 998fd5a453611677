"""Losses and penalties beside the adversarial one that look at features, styles or pixels."""

import math

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d


def feature_matching(real: Tensor, fake: Tensor) -> Tensor:
    """Mean squared difference between the mean features of real and of generated images.

    It takes the place of the generator's adversarial loss, or stands beside it. The paper's squared
    norm is divided by the number of features, so that its weight does not depend on the network.

    Args:
        real: features [N, F] of the discriminator, a constant here.
        fake: features [M, F] of generated images.

    Source: Salimans et al. 2016, section 3.1.
    """
    return (real.detach().float().mean(dim=0) - fake.float().mean(dim=0)).square().mean()


def path_length_penalty(
    images: Tensor,
    styles: Tensor,
    mean_length: Tensor,
    *,
    decay: float = 0.01,
    noise: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Keeps a step in style space of about the same length in the image, wherever it is taken.

    The length of J^T y, with J the derivative of an image by its styles and y a normal image
    divided by the root of its pixels, is held at its own moving average.

    Args:
        images: [N, C, H, W], computed from `styles`.
        styles: [N, S], or [N, L, S] with a style for each layer; their squared lengths are
            averaged.
        mean_length: scalar; begins at 0.
        decay: share by which the mean moves to this batch's before it is used.
        noise: standard normal [N, C, H, W]; drawn from the default generator unless given.

    Returns:
        (penalty before its weight, new mean length, detached). The paper's weight is log 2 / (H^2
        (log H - log 2)) for images of side H.

    Source: Karras et al. 2020 (StyleGAN2), eq. 4 and appendix B.
    """
    noise = torch.randn_like(images, dtype=torch.float32) if noise is None else noise
    height, width = images.shape[-2:]
    projected = (images.float() * noise).sum() / math.sqrt(height * width)
    (gradients,) = torch.autograd.grad(projected, styles, create_graph=True)
    squares = gradients.float().square().sum(dim=-1).view(len(images), -1).mean(dim=1)
    lengths = (squares + 1e-12).sqrt()  # so that the root has a slope where a gradient is zero
    moved = mean_length.lerp(lengths.detach().mean(), decay)
    return (lengths - moved).square().mean(), moved


def reconstruction_penalty(images: Tensor, reconstructed: Tensor) -> Tensor:
    """Mean absolute difference between images and what a decoder made of the features of them.

    A discriminator from whose features real images can be restored has to look at all of the image.
    Real images only; a larger original is averaged down to the reconstruction's size.

    Args:
        images: [N, C, H, W] in [-1, 1].
        reconstructed: [N, C, h, w], h <= H, w <= W.

    Source: Liu et al. 2021 (FastGAN), section 3.2, which measures the difference by the features of
    a pretrained network where this takes the pixels.
    """
    height, width = reconstructed.shape[-2:]
    target = adaptive_avg_pool2d(images.float(), (height, width))
    return (reconstructed.float() - target).abs().mean()
