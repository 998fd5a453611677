"""Differentiable augmentation of what the discriminator sees, and what decides how much of it."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from elegan.augmentation.kinds import COLOUR, GEOMETRY, KINDS, Padding, recolour, warp
from elegan.augmentation.kinds import GROUPS as GROUPS
from elegan.augmentation.kinds import for_images as for_images
from elegan.augmentation.kinds import parse_kinds as parse_kinds
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


def _random(
    draw: Callable[..., Tensor],
    size: tuple[int, ...],
    beside: Tensor,
    generator: torch.Generator | None,
) -> Tensor:
    """Draws on the generator's device for use beside another tensor."""
    device = beside.device if generator is None else generator.device
    return draw(size, device=device, generator=generator).to(beside.device)


def _draw(
    images: Tensor, kinds: tuple[str, ...], probability: float, generator: torch.Generator | None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Returns, by kind, whether it is applied (bool [N]) and two uniform draws (float [N, 2])."""
    uniform = _random(torch.rand, (len(images), len(kinds), 3), images, generator)
    on = (uniform[..., 0] < probability).unbind(1)
    # Inside (0, 1), so that a normal number made of a draw is finite.
    draws = uniform[..., 1:].clamp(1e-6, 1 - 1e-6).unbind(1)
    drawn = {kind: chosen for kind, chosen in zip(kinds, on, strict=True) if bool(chosen.any())}
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
    for kind, (amount, neutral) in COLOUR.items():
        amounts[kind] = torch.full((len(images),), neutral, device=images.device)
        if kind in chosen:
            amounts[kind] = torch.where(on[kind], amount(draws[kind][:, 0]), amounts[kind])
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
    noise = _random(torch.randn, (len(noisy), *images.shape[1:]), images, generator)
    deviation = NOISE_DEVIATION * torch.special.ndtri(draws[noisy, 0]).abs()
    return images.index_add(0, noisy, noise * deviation.view(-1, 1, 1, 1))


def sign_statistic(real: Tensor) -> Tensor:
    """Returns r_t = mean sign of the real images' logits [N]: 0 = no overfitting, 1 = complete.

    For losses whose logit 0 means 'undecided'. Source: Karras et al. 2020 (ADA), eq. 1.
    """
    return real.detach().float().sign().mean()


def pairwise_statistic(real: Tensor, fake: Tensor) -> Tensor:
    """Returns the mean sign of real minus fake logits [N], row by row: r_t for relativistic losses.

    Those are blind to a constant added to every logit, so the sign of one logit means nothing; what
    they compare is the two of a row. If both sides' logits are normal with equal spread and zero
    lies midway, the same discriminator scores higher here: 0.6 in `sign_statistic` is 0.77 in this
    one. A target of 0.6 is therefore the stricter of the two.
    """
    return (real - fake).detach().float().sign().mean()


def validation_statistic(real: Tensor, held_out: Tensor, fake: Tensor) -> Tensor:
    """Returns r_v: how far held-out reals have moved from training reals toward generated images.

    A scalar of logits [N], [M], [K]: 0 = held-out images score as training images do, 1 = as
    generated ones do. 0 where training and generated images score alike.

    Source: Karras et al. 2020 (ADA), eq. 1.
    """
    train, fresh, made = (logits.detach().float().mean() for logits in (real, held_out, fake))
    gap = train - made
    return torch.where(gap == 0, torch.zeros_like(gap), (train - fresh) / gap)


class AdaptiveController:
    """Moves a probability up while a statistic is above its target, and down otherwise.

    Each so many steps the mean statistic since the last move is compared with the target, and the
    probability moves by (images seen since) / speed. So from 0 to 1 it takes at least `speed`
    images. It serves `augment` (ADA: Karras et al. 2020, section 3) and `pseudo` (APA: Jiang et al.
    2021, section 3) alike.

    All of its state is in CPU tensors, so that a resumed run goes on exactly.

    Args:
        target: of the statistic; 0.6 in both papers.
        speed: images for a way from 0 to 1; 500,000 in both papers.
        every: steps between moves; 4 in both papers.
        maximum: of the probability. Above about 0.8 augmentations may begin to show in generated
            images (Karras et al. 2020, section 2.2).
        initial: where the probability starts.
    """

    def __init__(
        self,
        *,
        target: float = 0.6,
        speed: float = 500_000,
        every: int = 4,
        maximum: float = 1.0,
        initial: float = 0.0,
    ) -> None:
        if not 0 <= initial <= maximum <= 1 or speed <= 0 or every < 1:
            raise ValueError(
                f"need 0 <= initial <= maximum <= 1, speed > 0 and every >= 1, not {initial=},"
                f" {maximum=}, {speed=}, {every=}"
            )
        self.target, self.speed, self.every, self.maximum = target, speed, every, maximum
        self._state = {
            **{name: torch.tensor(0.0).double() for name in ("probability", "statistic", "sum")},
            **{name: torch.tensor(0) for name in ("steps", "images")},
        }
        self._state["probability"] += initial

    @property
    def probability(self) -> float:
        """In [0, maximum]."""
        return self._state["probability"].item()

    @property
    def statistic(self) -> float:
        """The mean over the last whole window, for reports; 0 before there was one."""
        return self._state["statistic"].item()

    def observe(self, statistic: Tensor | float, batch: int) -> bool:
        """Takes in one step; returns whether the probability was reconsidered.

        Args:
            statistic: of this step, a scalar (averaged over the processes where there are several).
            batch: real images of this step, over all processes.
        """
        state = self._state
        state["sum"] += float(statistic)
        state["steps"] += 1
        state["images"] += batch
        if state["steps"] < self.every:
            return False
        state["statistic"].copy_(state["sum"] / state["steps"])
        move = state["images"].item() / self.speed
        above = bool(state["statistic"] > self.target)
        state["probability"] += move if above else -move
        state["probability"].clamp_(0, self.maximum)
        for name in ("sum", "steps", "images"):
            state[name].zero_()
        return True

    def tensors(self) -> dict[str, Tensor]:
        """The state, for a checkpoint: scalars by name."""
        return {name: value.clone() for name, value in self._state.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over what `tensors` gave; other names in the mapping are left alone."""
        for name, value in self._state.items():
            value.copy_(tensors[name])


def pseudo(
    real: Tensor,
    fakes: Tensor,
    probability: float | Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Replaces each real image by the generated one of its row with a probability.

    The discriminator is then told that some generated images are real, which keeps it from
    memorising a small set. No gradient flows back into the generator.

    Args:
        real: [N, C, R, R].
        fakes: [N, C, R, R] in the same range; of the same labels, row by row, where there are any.
            Other images than those the step judges as generated: a relativistic loss would compare
            an image with itself and learn nothing from that row.
        probability: one number in [0, 1]; at 0 the real images come back and nothing is drawn.
        generator: instead of the default generator of the images' device.

    Source: Jiang et al. 2021 (APA), section 3.
    """
    probability = float(probability)
    if probability <= 0:
        return real
    drawn = _random(torch.rand, (len(real),), real, generator) < probability
    return torch.where(drawn.view(-1, 1, 1, 1), fakes.detach().to(real.dtype), real)
