"""Penalties on the discriminator. Each is a pure function that returns a scalar, before its weight.

The weights are those of the papers, each in its paper's convention: R1 and R2 carry a factor 1/2
inside, so that their weight is gamma (or lambda) there; the others carry none.

`score` below is the discriminator as a function of images alone (labels bound by the caller):
images float [N, C, H, W] -> logits [N]. Gradients are taken of the sum of logits, so that row i of
the result is the gradient for image i as long as no layer mixes the images of a batch.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import relu

Score = Callable[[Tensor], Tensor]


def input_gradients(score: Score, images: Tensor) -> Tensor:
    """Returns the gradients of the logits by the images, float32 [N, C, H, W], differentiable."""
    images = images.detach().requires_grad_(True)
    (gradients,) = torch.autograd.grad(score(images).sum(), images, create_graph=True)
    return gradients.float()


def zero_centred_penalty(score: Score, images: Tensor) -> Tensor:
    """Half the mean squared gradient norm: R1 on real images, R2 on generated ones.

    A weight of gamma gives the papers' gamma / 2 times the mean squared norm. Evaluated each k
    steps only, it is multiplied by k, so that gamma keeps its meaning (Karras et al. 2020,
    StyleGAN2, section 3.1: lazy regularisation).

    Source: Mescheder et al. 2018, eq. 9 and 10; Huang et al. 2024, eq. 3 and 4.
    """
    return 0.5 * input_gradients(score, images).square().sum(dim=(1, 2, 3)).mean()


def wasserstein_gradient_penalty(
    score: Score, real: Tensor, fake: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Mean of (gradient norm - 1) squared at random points between real and generated images.

    Source: Gulrajani et al. 2017, eq. 3.
    """
    share = torch.rand(len(real), 1, 1, 1, device=real.device, generator=generator)
    between = share * real.float() + (1 - share) * fake.float()
    return (_norms(input_gradients(score, between)) - 1).square().mean()


def dragan_penalty(score: Score, real: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Mean of (gradient norm - 1) squared around real images.

    The points are real + 0.5 * std(real) * u, u uniform in [0, 1]: the noise of the authors'
    published code, where the paper's algorithm draws normal noise.
    Source: Kodali et al. 2017, sections 2.3 to 2.5.
    """
    noise = torch.rand(real.shape, device=real.device, generator=generator)
    around = real.float() + 0.5 * real.float().std() * noise
    return (_norms(input_gradients(score, around)) - 1).square().mean()


def lecam_penalty(real: Tensor, fake: Tensor, real_anchor: Tensor, fake_anchor: Tensor) -> Tensor:
    """Pulls each side's logits toward the other side's moving average.

    Args:
        real, fake: logits [N].
        real_anchor, fake_anchor: scalars, exponential moving averages of the mean logits.

    Only logits beyond the other side's average are pulled, as in the authors' published code; the
    paper's equation squares the difference on either side of it.

    Source: Tseng et al. 2021, eq. 3.
    """
    return relu(real - fake_anchor).square().mean() + relu(real_anchor - fake).square().mean()


def consistency_penalty(logits: Tensor, augmented_logits: Tensor) -> Tensor:
    """Mean squared difference between the logits of images and of their augmented copies.

    Source: Zhang et al. 2020 (CR-GAN), eq. 2, on the last layer.
    """
    return (logits - augmented_logits).square().mean()


def _norms(gradients: Tensor) -> Tensor:
    # The small constant keeps the square root differentiable where a gradient is exactly zero.
    return (gradients.square().sum(dim=(1, 2, 3)) + 1e-12).sqrt()
