"""Pure functions from logits, features and images to scalars; noise on the real/fake labels.

`adversarial` holds what the two players minimise; here stands all else. Every function returns its
scalar in float32, before its weight. `score` is the discriminator as a function of images alone
(labels bound by the caller): images float [N, C, H, W] -> logits [N]. Gradients are taken of the
sum of logits, so that row i of the result is the gradient for image i as long as no layer mixes the
images of a batch. The weights of penalties are those of the papers, each in its paper's convention:
R1 and R2 carry a factor 1/2 inside, so that theirs is gamma (or lambda); the others carry none.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, relu, softplus

from elegan.losses.adversarial import ADVERSARIAL as ADVERSARIAL
from elegan.losses.adversarial import AdversarialLoss as AdversarialLoss
from elegan.losses.adversarial import DiscriminatorLoss as DiscriminatorLoss

Score = Callable[[Tensor], Tensor]
UNLABELLED = -1  # the label of an image whose class is not known


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
    return _unit_norm_penalty(score, share * real.float() + (1 - share) * fake.float())


def dragan_penalty(score: Score, real: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Mean of (gradient norm - 1) squared around real images.

    The points are real + 0.5 * std(real) * u, u uniform in [0, 1]: the noise of the authors'
    published code, where the paper's algorithm draws normal noise.
    Source: Kodali et al. 2017, sections 2.3 to 2.5.
    """
    noise = torch.rand(real.shape, device=real.device, generator=generator)
    return _unit_norm_penalty(score, real.float() + 0.5 * real.float().std() * noise)


def _unit_norm_penalty(score: Score, points: Tensor) -> Tensor:
    squares = input_gradients(score, points).square().sum(dim=(1, 2, 3))
    # The small constant keeps the square root differentiable where a gradient is exactly zero.
    return ((squares + 1e-12).sqrt() - 1).square().mean()


def lecam_penalty(real: Tensor, fake: Tensor, real_anchor: Tensor, fake_anchor: Tensor) -> Tensor:
    """Pulls each side's logits [N] toward the other side's moving average of the mean, a scalar.

    Only logits beyond the other side's average are pulled, as in the authors' published code; the
    paper's equation squares the difference on either side of it. Source: Tseng et al. 2021, eq. 3.
    """
    return relu(real - fake_anchor).square().mean() + relu(real_anchor - fake).square().mean()


def consistency_penalty(logits: Tensor, augmented_logits: Tensor) -> Tensor:
    """Mean squared difference of the logits [N] of images and of their augmented copies.

    Source: Zhang et al. 2020 (CR-GAN), eq. 2, on the last layer.
    """
    return (logits - augmented_logits).square().mean()


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
        styles: [N, S], or [N, L, S] with one for each layer, of whose squares the mean is taken.
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


def flip_labels(
    real: Tensor, fake: Tensor, rate: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Exchanges the real and the generated logit [N] of a row, each row with the same rate.

    To the loss, that real image was then generated and that generated image real. It is meant for
    the discriminator's loss only; the generator goes on being told the truth. The rate is in
    [0, 1], in use below 0.5; at 0 nothing is drawn.
    """
    if rate <= 0:
        return real, fake
    device = real.device if generator is None else generator.device
    flipped = torch.rand(real.shape, device=device, generator=generator).to(real.device) < rate
    return torch.where(flipped, fake, real), torch.where(flipped, real, fake)


def instance_noise_deviation(start: float, progress: float, share: float) -> float:
    """Returns the standard deviation of the noise to add to all images the discriminator sees.

    It falls linearly from `start` (images span [-1, 1]) to 0 while `progress`, the share of the run
    that is over, goes from 0 to `share`; a `share` of 0 is never any.

    Source: Sønderby et al. 2017 (instance noise); Arjovsky and Bottou 2017, section 3.
    """
    return start * max(0.0, 1 - progress / share) if share > 0 else 0.0


def feature_matching(real: Tensor, fake: Tensor) -> Tensor:
    """Mean squared difference between the mean features [N, F] of real and of generated images.

    It replaces the generator's adversarial loss, or stands beside it; real features are
    constants. The paper's squared norm is divided by the number of features, so that its weight
    does not depend on the network. Source: Salimans et al. 2016, section 3.1.
    """
    return (real.detach().float().mean(dim=0) - fake.float().mean(dim=0)).square().mean()


def paired_feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Mean over layers of the absolute difference of features, in units of the real ones' size.

    Each image is compared with its own target, layer by layer [N, C, h, w] (`feature_matching`
    compares the mean features of unrelated images); real features are constants. Divided by the
    mean absolute real feature, a layer's weight does not depend on how strongly the discriminator
    happens to answer there.

    Source: Wang et al. 2018 (pix2pixHD), equation 4; the division is ours.
    """
    total = fake[0].new_zeros((), dtype=torch.float32)
    for target, made in zip(real, fake, strict=True):
        target = target.detach().float()
        total = total + (made.float() - target).abs().mean() / (target.abs().mean() + 1e-6)
    return total / len(fake)


def class_cross_entropy(class_logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of logits [N, K] over the images that have a label; 0 where none has.

    Both sides of an auxiliary classifier minimise it, the discriminator on real images (and, in the
    paper, on generated ones), the generator on its own. It is also the supervised part of a
    semi-supervised discriminator: given that an image is real, its class depends on the K class
    logits alone. Labels are int64 [N], 0 to K - 1, or `UNLABELLED`.

    Source: Odena et al. 2017, eq. 3; Salimans et al. 2016, section 5 (L_supervised).
    """
    known = (labels != UNLABELLED).sum().clamp(min=1)
    total = cross_entropy(class_logits.float(), labels, ignore_index=UNLABELLED, reduction="sum")
    return total / known


def joint_logit(class_logits: Tensor) -> Tensor:
    """Returns the logit [N] of being real, for class logits [N, K].

    With the logit of a (K+1)-th class 'generated' fixed at 0, the probability of the K others
    together is Z / (Z + 1), Z the sum of their exponentials: a sigmoid of log Z. Source: Salimans
    et al. 2016, section 5.
    """
    return class_logits.float().logsumexp(dim=1)


def unsupervised_discrimination(real: Tensor, fake: Tensor) -> Tensor:
    """Real against generated by class logits [N, K], labels unknown.

    Equal to the non-saturating discriminator's loss on `joint_logit` of both sides. The paper's
    total is this plus `class_cross_entropy`, with equal weight.
    Source: Salimans et al. 2016, section 5 (L_unsupervised).
    """
    return softplus(-joint_logit(real)).mean() + softplus(joint_logit(fake)).mean()


def charbonnier(images: Tensor, targets: Tensor, *, softness: float = 1e-3) -> Tensor:
    """Mean absolute difference, softened near zero: sqrt(d^2 + softness^2) - softness.

    Args:
        images: [N, C, H, W] in [-1, 1].
        targets: the same shape; no gradient reaches them.
        softness: in units of the pixels.

    Source: Charbonnier et al. 1994; for super-resolution Lai et al. 2017, equation 3.
    """
    return _softened(images, targets, softness).mean()


def _softened(images: Tensor, targets: Tensor, softness: float = 1e-3) -> Tensor:
    differences = images.float() - targets.detach().float()
    return (differences.square() + softness**2).sqrt() - softness


_LEVEL = 2 / 255  # of eight bits, in images in [-1, 1]


def log_error(
    images: Tensor, targets: Tensor, *, weights: Tensor | None = None, scale: float = 0.05
) -> Tensor:
    """Logarithm of each image's mean absolute difference in levels, plus 1; mean over the images.

    So an image that is hardly damaged counts as much as one that is damaged strongly, as in a mean
    of PSNR: `charbonnier` is mostly the worst images of a batch.

    Args:
        images: [N, C, H, W] in [-1, 1].
        targets: the same shape; no gradient reaches them.
        weights: [N, 1, H, W], 0 or more: what each pixel counts; an image where all are 0 counts 0.
        scale: about the difference at which it is as steep as `charbonnier`.

    Source: PSNR loss as Chen et al. 2021 (HINet) train with it, of absolute differences.
    """
    costs = _softened(images, targets).mean(dim=1, keepdim=True)
    counts = torch.ones_like(costs) if weights is None else weights.float()
    total = counts.sum(dim=(1, 2, 3)).clamp_min(1e-6)
    means = (costs * counts).sum(dim=(1, 2, 3)) / total
    return scale * (means / _LEVEL).log1p().mean()


def gradient_difference(images: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute difference of the steps between neighbouring pixels, along rows and columns.

    It weighs edges, which a blurred image has softer than its target. The paper compares absolute
    steps, for which a dark line is as good as a bright one; here the sign counts. A side of one
    pixel has no steps and counts 0. Both are [N, C, H, W] in [-1, 1]; no gradient reaches targets.

    Source: Mathieu et al. 2016, equation 6, with exponent 1.
    """
    differences = images.float() - targets.detach().float()
    total = differences.new_zeros(())
    for dimension in (2, 3):
        if differences.shape[dimension] > 1:
            total = total + torch.diff(differences, dim=dimension).abs().mean() / 2
    return total


def unevenness(images: Tensor, period: int) -> Tensor:
    """How unevenly detail lies over the places of a cell: 0 where no grid shows.

    The mean absolute Laplacian of each of period^2 places, over their mean; how far these are from
    1 on average. Pixels that are made in cells of `period` easily differ in sharpness.

    Args:
        images: [N, C, H, W] in [-1, 1], sides of at least period + 2.
    """
    images = images.float()
    around = images[..., :-2, 1:-1] + images[..., 2:, 1:-1]
    around = around + images[..., 1:-1, :-2] + images[..., 1:-1, 2:]
    detail = (4 * images[..., 1:-1, 1:-1] - around).abs()
    height, width = (side // period * period for side in detail.shape[-2:])
    cells = detail[..., :height, :width].unflatten(-1, (-1, period)).unflatten(-3, (-1, period))
    places = cells.mean(dim=(0, 1, 2, 4))
    return (places / places.mean().clamp_min(1e-6) - 1).abs().mean()


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
