"""Augmentation of a batch: which image gets what, and the order in which it happens."""

import torch
from torch import Tensor

from elegan.augmentation.kinds import COLOUR, GEOMETRY, KINDS, Padding, recolour, warp
from elegan.common.errors import lookup

CUTOUT_SHARE = 0.5
NOISE_DEVIATION = 0.1


def augment(
    images: Tensor,
    kinds: tuple[str, ...],
    probability: float | Tensor,
    generator: torch.Generator | None = None,
    *,
    padding: Padding = "reflection",
) -> Tensor:
    """Applies each kind to each image with the same probability, independently.

    A probability of 1 gives DiffAugment (Zhao et al. 2020), one that follows an
    `AdaptiveController` gives ADA (Karras et al. 2020, section 2.3 and appendix B). A flip and
    quarter turns that are applied still draw among all their results, no change included. No value
    of one image enters another. Differentiable twice by the images.

    Beyond the edge images continue as their mirror image, as in ADA: nothing enters that the image
    does not hold, where zeros would put mid-gray frames about black-backed digits. Only `scale` and
    `rotation` interpolate, bilinearly, without ADA's wavelet filters; that blurs a little, on real
    and generated images alike.

    Args:
        images: float [N, C, R, R] in [-1, 1], square.
        kinds: names from `KINDS`; see `parse_kinds`.
        probability: one number in [0, 1]; at 0 the images come back untouched and nothing is drawn.
        generator: instead of the default generator of the images' device.
        padding: 'zeros' for DiffAugment as published; 'border' continues a plain background and
            mirrors no piece of what stands before it.

    Returns:
        float32 [N, C, R, R], also under autocast; may leave [-1, 1].

    Raises:
        UsageError: an unknown kind.
    """
    for kind in kinds:
        lookup(KINDS, kind, "augmentation")
    probability = float(probability)
    if not kinds or probability <= 0:
        return images.float()
    with torch.autocast(images.device.type, enabled=False):
        images = images.float()
        on, draws = _draw(images, kinds, probability, generator)
        images = _move(images, on, draws, padding)
        images = _recolour(images, on, draws)
        if "cutout" in on:
            images = _cut_out(images, on["cutout"], draws["cutout"])
        if "noise" in on:
            images = _add_noise(images, on["noise"], draws["noise"], generator)
        return images


def _draw(
    images: Tensor, kinds: tuple[str, ...], probability: float, generator: torch.Generator | None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Returns, by kind, whether it is applied (bool [N]) and two uniform draws (float [N, 2])."""
    device = images.device if generator is None else generator.device
    uniform = torch.rand(len(images), len(kinds), 3, device=device, generator=generator)
    uniform = uniform.to(images.device)
    on = (uniform[..., 0] < probability).unbind(1)
    # Inside (0, 1), so that a normal number made of a draw is finite.
    draws = uniform[..., 1:].clamp(1e-6, 1 - 1e-6).unbind(1)
    drawn = {kind: one for kind, one in zip(kinds, on, strict=True) if bool(one.any())}
    return drawn, dict(zip(kinds, draws, strict=True))


def _move(
    images: Tensor, on: dict[str, Tensor], draws: dict[str, Tensor], padding: Padding
) -> Tensor:
    chosen = [kind for kind in GEOMETRY if kind in on]
    if not chosen:
        return images
    still = torch.eye(3, device=images.device).expand(len(images), 3, 3)
    inverse = still
    for kind in chosen:
        own = GEOMETRY[kind](draws[kind], images.shape[-1])
        # The last to be applied is the first to be undone, so it stands rightmost.
        inverse = inverse @ torch.where(on[kind].view(-1, 1, 1), own, still)
    moving = (inverse != still).flatten(1).any(dim=1).nonzero().squeeze(1)
    if len(moving) == 0:
        return images
    if len(moving) == len(images):
        return warp(images, inverse, padding)
    return images.index_copy(0, moving, warp(images[moving], inverse[moving], padding))


def _recolour(images: Tensor, on: dict[str, Tensor], draws: dict[str, Tensor]) -> Tensor:
    chosen = [kind for kind in COLOUR if kind in on]
    if images.shape[1] != 3:
        chosen = [kind for kind in chosen if kind not in ("saturation", "hue")]
    if not chosen:
        return images
    amounts = {}
    for kind, amount in COLOUR.items():
        amounts[kind] = torch.full((len(images),), amount.neutral, device=images.device)
        if kind in chosen:
            own = amount.from_draw(draws[kind][:, 0])
            amounts[kind] = torch.where(on[kind], own, amounts[kind])
    return recolour(images, **amounts)


def _cut_out(images: Tensor, on: Tensor, draws: Tensor) -> Tensor:
    """Sets a square to 0; its centre is anywhere in the image, so part of it may lie outside."""
    resolution = images.shape[-1]
    side = int(resolution * CUTOUT_SHARE + 0.5)
    first = (draws * (resolution + 1 - side % 2)).floor() - side // 2  # [N, 2]: row, column
    pixels = torch.arange(resolution, device=images.device)
    inside = (pixels >= first[..., None]) & (pixels < first[..., None] + side)  # [N, 2, R]
    square = inside[:, 0, :, None] & inside[:, 1, None, :] & on.view(-1, 1, 1)
    return images.masked_fill(square[:, None], 0.0)


def _add_noise(
    images: Tensor, on: Tensor, draws: Tensor, generator: torch.Generator | None
) -> Tensor:
    noisy = on.nonzero().squeeze(1)
    device = images.device if generator is None else generator.device
    noise = torch.randn(len(noisy), *images.shape[1:], device=device, generator=generator)
    deviation = NOISE_DEVIATION * torch.special.ndtri(draws[noisy, 0]).abs()
    return images.index_add(0, noisy, noise.to(images.device) * deviation.view(-1, 1, 1, 1))
