"""The use `stylize`: an image in, the same in another style out."""

import dataclasses
from typing import Any

import torch

from elegan.data.pairs import PairSet, open_pairs
from elegan.engine.distributed import World
from elegan.engine.patches import Patches
from elegan.errors import EleganError, UsageError, lookup
from elegan.settings import TrainSettings
from elegan.tasks import examples
from elegan.tasks.examples import fitting_patch, stream_of
from elegan.tasks.stylize_paired import Paired
from elegan.tasks.stylize_unpaired import Contrastive, Cycle
from elegan.tasks.translate_checks import FIDELITY, check_translation
from elegan.tasks.use import Use

_NETWORKS = ("unet", "translator")
METHODS = {"paired": Paired, "contrastive": Contrastive, "cycle": Cycle}
"""What `--method` names."""
_PRESETS = {"contrastive": "stylize-unpaired", "cycle": "stylize-cycle"}
_USED = {
    "paired": FIDELITY,
    "contrastive": ("contrastive", "identity"),
    "cycle": ("cycle", "identity", "pool"),
}


def _check(settings: TrainSettings) -> None:
    chosen = settings.translate
    lookup(METHODS, chosen.method, "method")
    if chosen.scale != 1:
        raise UsageError("--task stylize keeps the size of an image. Leave --scale out.")
    if chosen.method in _PRESETS:
        for name in FIDELITY:
            if getattr(chosen, name):
                raise UsageError(
                    f"--method {chosen.method} knows no true image, so --translate."
                    f"{name.replace('_', '-')} must be 0, not {getattr(chosen, name):g}."
                    f" --preset {_PRESETS[chosen.method]} has it so."
                )
    used = _USED[chosen.method]
    check_translation(settings, ("target", "method", "reverse", *FIDELITY, *used))
    if settings.network.name not in _NETWORKS:
        raise UsageError(
            f"--task stylize needs --network.name {' or '.join(_NETWORKS)},"
            f" not '{settings.network.name}'."
        )


def _open(settings: TrainSettings) -> PairSet:
    chosen = settings.translate
    pairs = open_pairs(
        settings.data,
        target=chosen.target,
        paired=chosen.method == "paired",
        reverse=chosen.reverse,
        limit=settings.limit,
        seed=settings.seed,
    )
    if chosen.method == "paired" and not pairs.paired:
        raise EleganError(
            f"{settings.data} holds no pairs ({pairs.layout}). Name the files of a pair alike, or"
            " train without pairs: --preset stylize-unpaired."
        )
    return dataclasses.replace(pairs, notes=(pairs.layout, *pairs.notes))


def _stream(settings: TrainSettings, pairs: PairSet, device: torch.device, world: World) -> Patches:
    multiple = 4  # translators halve twice
    patch = min(
        fitting_patch(side, settings.translate.patch, multiple)
        for side in (pairs.sources, pairs.targets)
    )
    kind = examples.Paired if settings.translate.method == "paired" else examples.Unpaired
    draw = kind(sources=pairs.sources, targets=pairs.targets, patch=patch)
    return stream_of(pairs, draw, len(pairs.sources), settings, device, world)


def _build(settings: TrainSettings, *parts: Any) -> Paired:
    return METHODS[settings.translate.method](settings, *parts)


STYLIZE = Use(
    about="an image in, the same in another style out; from pairs or from two folders",
    check=_check,
    open_data=_open,
    stream=_stream,
    build=_build,
    final_scores=10.0,
)
