"""Losses against a true image, of pixels, gradients and features; and of patches."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def charbonnier(
    images: Tensor, targets: Tensor, *, weights: Tensor | None = None, softness: float = 1e-3
) -> Tensor:
    """Mean absolute difference, softened near zero: sqrt(d^2 + softness^2) - softness.

    Args:
        images: [N, C, H, W] in [-1, 1].
        targets: the same shape; no gradient reaches them.
        weights: [N, 1, H, W], 0 or more: what each pixel counts. The sum is divided by that of the
            weights, so it stays a mean; where all are 0 the result is 0.
        softness: in units of the pixels.

    Source: Charbonnier et al. 1994; for super-resolution Lai et al. 2017, equation 3.
    """
    differences = images.float() - targets.detach().float()
    costs = (differences.square() + softness**2).sqrt() - softness
    if weights is None:
        return costs.mean()
    weights = weights.float()
    return (costs.mean(dim=1, keepdim=True) * weights).sum() / weights.sum().clamp_min(1e-6)


def gradient_difference(images: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute difference of the steps between neighbouring pixels, along rows and columns.

    It weighs edges, which a blurred image has softer than its target. The paper compares absolute
    steps, for which a dark line is as good as a bright one; here the sign counts.

    Args:
        images: [N, C, H, W] in [-1, 1]. A side of one pixel has no steps and counts 0.
        targets: the same shape; no gradient reaches them.

    Source: Mathieu et al. 2016, equation 6, with exponent 1.
    """
    differences = images.float() - targets.detach().float()
    total = differences.new_zeros(())
    for dimension in (2, 3):
        if differences.shape[dimension] > 1:
            total = total + torch.diff(differences, dim=dimension).abs().mean() / 2
    return total


def paired_feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Mean over layers of the absolute difference of features, in units of the real ones' size.

    Each image is compared with its own target, layer by layer (`feature_matching` compares the mean
    features of unrelated images). Divided by the mean absolute real feature, a layer's weight does
    not depend on how strongly the discriminator happens to answer there.

    Args:
        real: for each layer [N, C, h, w] of the target images, constants here.
        fake: the same of the images made.

    Source: Wang et al. 2018 (pix2pixHD), equation 4; the division is ours.
    """
    total = fake[0].new_zeros((), dtype=torch.float32)
    for target, made in zip(real, fake, strict=True):
        target = target.detach().float()
        total = total + (made.float() - target).abs().mean() / (target.abs().mean() + 1e-6)
    return total / len(fake)


def patch_contrastive(queries: Tensor, keys: Tensor, *, temperature: float = 0.07) -> Tensor:
    """Each patch of the translation should be known by the patch of the input at the same place.

    Cross-entropy of telling, for each query, the key at its own place from those at all other
    places of the same image. At its largest, where nothing can be told apart, it is log P.

    Args:
        queries: float [N, P, D], unit vectors of the translated images.
        keys: float [N, P, D] of the input images at the same places, constants here.
        temperature: divides the cosines.

    Source: Park et al. 2020 (CUT), equations 2 and 3, with negatives from within the image.
    """
    similarities = torch.bmm(queries.float(), keys.detach().float().transpose(1, 2)) / temperature
    own = torch.arange(similarities.shape[1], device=similarities.device)
    return cross_entropy(similarities.flatten(0, 1), own.repeat(len(similarities)))
