"""What a generating run trains on: square images of one size, whole, and names that go together."""

from dataclasses import replace

import torch

from elegan.augmentation import parse_kinds
from elegan.common.distributed import World
from elegan.common.errors import EleganError, UsageError, lookup
from elegan.data import ImageData, open_data
from elegan.data.batches import Batches
from elegan.data.dataset import colour_of
from elegan.data.inspection import on_detail
from elegan.losses import ADVERSARIAL
from elegan.networks import PAIRS
from elegan.settings import TrainSettings
from elegan.tasks.checks import refuse_unused

_FEWEST = 4  # images that scores can be taken of


def check(settings: TrainSettings) -> None:
    """Refuses unknown names and pairings before anything is read or written.

    Raises:
        UsageError: names what is known.
    """
    lookup(PAIRS, settings.network.name, "network")
    refuse_unused(settings, used=())
    if settings.augment.kinds:
        parse_kinds(settings.augment.kinds)
    loss = lookup(ADVERSARIAL, settings.loss.adversarial, "loss")
    if settings.simultaneous and not loss.one_pass:
        able = ", ".join(name for name, item in ADVERSARIAL.items() if item.one_pass)
        raise UsageError(
            f"The loss '{settings.loss.adversarial}' cannot be used with --simultaneous, since it"
            f" is flat for some fakes. Losses that can: {able}. Or type --no-simultaneous."
        )


def open_square_images(settings: TrainSettings) -> ImageData:
    """Opens square images of one size.

    Raises:
        EleganError: too few images, or labels are asked for and there are none.
    """
    data = open_data(
        settings.data,
        resolution=settings.resolution,
        channels=settings.channels,
        fit=settings.fit,
        background=colour_of(settings.ground),
        limit=settings.limit,
        seed=settings.seed,
    )
    if len(data) < _FEWEST:
        raise EleganError(
            f"{settings.data} holds {len(data)} usable image(s); a GAN needs at least {_FEWEST},"
            f" and some hundreds to learn. See `elegan inspect {settings.data}`."
        )
    needing = [name for name in ("conditional", "balance") if getattr(settings, name)]
    if needing and data.labels is None:
        raise EleganError(
            f"--{needing[0]} needs labels, and {settings.data} has none."
            " Put the images into one subfolder a class."
        )
    more = on_detail(data.sizes, data.resolution) if settings.resolution is None else []
    return replace(data, notes=(*data.notes, *more))


def stream_square_images(
    settings: TrainSettings, data: ImageData, device: torch.device, world: World
) -> Batches:
    """Returns whole images in keyed order."""
    return Batches(
        data,
        batch=settings.batch,
        seed=settings.seed,
        device=device,
        world=world,
        conditional=settings.conditional,
        balance=settings.balance,
    )
