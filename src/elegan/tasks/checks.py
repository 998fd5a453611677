"""What no translating run can use as asked, refused before anything is read or written."""

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from elegan.common.errors import UsageError, lookup
from elegan.losses import ADVERSARIAL
from elegan.networks import TRANSLATORS
from elegan.settings import (
    AugmentSettings,
    LossSettings,
    MixingSettings,
    TrainSettings,
    TranslateSettings,
    preset_settings,
)

_LOSS_USED = ("adversarial", "smoothing")
FIDELITY = ("fidelity", "gradient", "feature_matching", "adversarial_from")
"""Settings of a translator that is held to a true image."""
ALWAYS = ("patch", "depth", "adversarial")
"""Settings that every translator uses."""


def check_translation(settings: TrainSettings, used: Collection[str], who: str = "") -> None:
    """Refuses unknown names, and settings that would be asked for in vain.

    Args:
        used: of `settings.translate`, the fields that the task looks at, beside `ALWAYS`.
        who: what does not use them; by default the task.

    Raises:
        UsageError: names the first such setting.
    """
    lookup(TRANSLATORS, settings.network.name, "translator")
    lookup(ADVERSARIAL, settings.loss.adversarial, "loss")
    asked = {
        "simultaneous": settings.simultaneous,
        "conditional": settings.conditional,
        "balance": settings.balance,
        "shown": settings.shown != TrainSettings.shown,
        "labelled": settings.labelled is not None,
        "resolution": settings.resolution is not None,
        "channels": settings.channels is not None,
        "fit": settings.fit != "crop",
        "ground": settings.ground != "white",
        "network.latent": settings.network.latent is not None,
        **_changed("augment", settings.augment, AugmentSettings()),
        **_changed("mixing", settings.mixing, MixingSettings()),
        **_changed("loss", settings.loss, LossSettings(), besides=_LOSS_USED),
    }
    _refuse(settings, asked, who)
    refuse_unused(settings, (*ALWAYS, *used), who)
    refuse_classifying(settings)


def refuse_classifying(settings: TrainSettings) -> None:
    """Refuses what only a task that learns classes from few labels uses.

    Raises:
        UsageError: names the first such setting.
    """
    if settings.labelled is not None:
        raise UsageError("--labelled belongs to --preset classify. To use fewer images: --limit.")
    for name, is_asked in (
        ("unlabelled", settings.unlabelled is not None),
        ("loss.pseudo-labels", settings.loss.pseudo_labels > 0),
    ):
        if is_asked:
            raise UsageError(f"--{name} belongs to --preset classify.")


def refuse_unused(settings: TrainSettings, used: Collection[str], who: str = "") -> None:
    """Refuses settings of a translator that the task does not look at.

    Those that the preset brings along are passed over.

    Args:
        used: of `settings.translate`, the fields that the task looks at.

    Raises:
        UsageError: names the first such setting.
    """
    row = preset_settings(settings.preset, settings.data).translate
    asked = _changed("translate", settings.translate, TranslateSettings(), besides=used)
    of_preset = _changed("translate", settings.translate, row, besides=used)
    _refuse(settings, {name: asked[name] and of_preset[name] for name in asked}, who)


def _changed(group: str, values: Any, usual: Any, besides: Collection[str] = ()) -> dict[str, bool]:
    """Which fields of a group of settings are not as usual, as flags."""
    return {
        f"{group}.{field.name}".replace("_", "-"): getattr(values, field.name)
        != getattr(usual, field.name)
        for field in fields(values)
        if field.name not in besides
    }


def _refuse(settings: TrainSettings, asked: dict[str, bool], who: str = "") -> None:
    who = who or f"--task {settings.task}"
    for name, is_asked in asked.items():
        if is_asked:
            instead = " Crops have --translate.patch." if name == "resolution" else ""
            raise UsageError(
                f"{who} does not use --{name}. Leave it out.{instead}"
                f" `elegan train --preset {settings.preset} --help` lists what can be set."
            )
