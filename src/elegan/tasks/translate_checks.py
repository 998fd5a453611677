"""What no translating run can use as asked, refused before anything is read or written."""

from dataclasses import fields

from elegan.errors import UsageError, lookup
from elegan.losses import ADVERSARIAL
from elegan.networks import TRANSLATORS
from elegan.settings import AugmentSettings, LossSettings, MixingSettings, TrainSettings

_USED = ("adversarial", "smoothing")


def check_translation(settings: TrainSettings) -> None:
    """Refuses unknown names, and settings that would be asked for in vain.

    Raises:
        UsageError: names the first such setting.
    """
    lookup(TRANSLATORS, settings.network.name, "translator")
    lookup(ADVERSARIAL, settings.loss.adversarial, "loss")
    usual = LossSettings()
    loss = {
        f"loss.{one.name}".replace("_", "-"): getattr(settings.loss, one.name)
        != getattr(usual, one.name)
        for one in fields(LossSettings)
        if one.name not in _USED
    }
    asked = {
        "simultaneous": settings.simultaneous,
        "conditional": settings.conditional,
        "balance": settings.balance,
        "labelled": settings.labelled is not None,
        "resolution (crops have --translate.patch)": settings.resolution is not None,
        "channels": settings.channels is not None,
        "network.latent": settings.network.latent is not None,
        "augment.kinds": settings.augment != AugmentSettings(),
        "mixing": settings.mixing != MixingSettings(),
        **loss,
    }
    for name, is_asked in asked.items():
        if is_asked:
            raise UsageError(
                f"--task {settings.task} does not use --{name}. Leave it out;"
                f" `elegan train --preset {settings.preset} --help` lists what can be set."
            )
