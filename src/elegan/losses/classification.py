"""Losses of classes, and what is done with real/fake labels."""

import math

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, cross_entropy, log_softmax, softplus


def flip_labels(
    real: Tensor, fake: Tensor, rate: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Exchanges the real and the generated logit of a row, each row with the same rate.

    To the loss, that real image was then generated and that generated image real. It is meant for
    the discriminator's loss only; the generator goes on being told the truth.

    Args:
        real, fake: logits [N].
        rate: in [0, 1], in use below 0.5; at 0 nothing is drawn.
        generator: instead of the default generator of the logits' device.

    Returns:
        The two sides of logits [N] to put into a loss.
    """
    if rate <= 0:
        return real, fake
    device = real.device if generator is None else generator.device
    flipped = torch.rand(real.shape, device=device, generator=generator).to(real.device) < rate
    return torch.where(flipped, fake, real), torch.where(flipped, real, fake)


def instance_noise_deviation(start: float, progress: float, share: float) -> float:
    """Returns the standard deviation of the noise to add to all images the discriminator sees.

    It falls linearly from `start` to 0 while `progress` goes from 0 to `share`.

    Args:
        start: at the beginning of the run; images span [-1, 1].
        progress: share of the run that is over, 0 to 1.
        share: of the run after which there is no noise; 0 = never any.

    Source: Sønderby et al. 2017 (instance noise); Arjovsky and Bottou 2017, section 3.
    """
    return start * max(0.0, 1 - progress / share) if share > 0 else 0.0


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


UNLABELLED = -1
"""The label of an image whose class is not known."""


def class_cross_entropy(class_logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over the images that have a label; 0 where none has.

    Both sides of an auxiliary classifier minimise it, the discriminator on real images (and, in the
    paper, on generated ones), the generator on its own. It is also the supervised part of a
    semi-supervised discriminator: given that an image is real, its class depends on the K class
    logits alone.

    Args:
        class_logits: [N, K].
        labels: int64 [N], 0 to K - 1, or `UNLABELLED`.

    Source: Odena et al. 2017, eq. 3; Salimans et al. 2016, section 5 (L_supervised).
    """
    known = (labels != UNLABELLED).sum().clamp(min=1)
    total = cross_entropy(class_logits.float(), labels, ignore_index=UNLABELLED, reduction="sum")
    return total / known


def joint_logit(class_logits: Tensor) -> Tensor:
    """Returns the logit [N] of being real, for class logits [N, K].

    With the logit of a (K+1)-th class 'generated' fixed at 0, the probability of the K others
    together is Z / (Z + 1), Z the sum of their exponentials: a sigmoid of log Z.

    Source: Salimans et al. 2016, section 5.
    """
    return class_logits.float().logsumexp(dim=1)


def unsupervised_discrimination(real: Tensor, fake: Tensor) -> Tensor:
    """Real against generated by class logits, labels unknown.

    Equal to the non-saturating discriminator's loss on `joint_logit` of both sides. The paper's
    total is this plus `class_cross_entropy`, with equal weight.

    Args:
        real, fake: class logits [N, K].

    Source: Salimans et al. 2016, section 5 (L_unsupervised).
    """
    return softplus(-joint_logit(real)).mean() + softplus(joint_logit(fake)).mean()


def class_entropy(class_logits: Tensor) -> Tensor:
    """Mean entropy, in nats, of the classes predicted for each image of [N, K].

    Small on unlabelled real images where the discriminator is sure of their class.
    Source: Springenberg 2016 (CatGAN), section 3.
    """
    logarithms = log_softmax(class_logits.float(), dim=1)
    return -(logarithms.exp() * logarithms).sum(dim=1).mean()


def marginal_class_entropy(class_logits: Tensor) -> Tensor:
    """Entropy, in nats, of the classes predicted for [N, K] taken together: log K if all are used.

    Source: Springenberg 2016 (CatGAN), section 3.
    """
    count = torch.tensor(float(len(class_logits)), device=class_logits.device)
    marginal = log_softmax(class_logits.float(), dim=1).logsumexp(dim=0) - count.log()
    return -(marginal.exp() * marginal).sum()
