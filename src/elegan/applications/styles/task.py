"""The task `stylize`: an image in, the same in another style out."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elegan.applications.styles.methods import Contrastive, Cycle, Paired
from elegan.applications.styles.scoring import score, score_run
from elegan.common.distributed import World
from elegan.common.errors import EleganError, UsageError, lookup
from elegan.data.pairs import PairSet, open_pairs
from elegan.data.patches import Example, Patches
from elegan.models import TranslationModel
from elegan.settings import TrainSettings
from elegan.tasks.checks import FIDELITY, check_translation
from elegan.tasks.crops import Photos, fitting_patch, spanned, stream_of
from elegan.tasks.translation import FROM_IMAGES
from elegan.tasks.translation_scores import format_rows
from elegan.training.task import TaskSpec

_NETWORKS = ("unet", "translator")
METHODS = {"paired": Paired, "contrastive": Contrastive, "cycle": Cycle}
"""What `--method` names."""
_PRESETS = {"contrastive": "stylize-unpaired", "cycle": "stylize-cycle"}
_USED = {
    "paired": (*FIDELITY, "flat"),
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
    check_translation(
        settings,
        ("target", "method", "reverse", "mirror", *FIDELITY, *used),
        who=f"--task stylize with --method {chosen.method}",
    )
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


@dataclass(frozen=True, kw_only=True)
class PairedExamples:
    """Examples of pairs: the same crop of both, mirrored alike in half the draws or in none."""

    sources: Photos
    targets: Photos
    patch: int
    mirror: bool = True

    def __call__(self, index: int, random: np.random.Generator) -> Example:
        source, target = self.sources.photo(index), self.targets.photo(index)
        top = int(random.integers(source.shape[0] - self.patch + 1))
        left = int(random.integers(source.shape[1] - self.patch + 1))
        step = -1 if self.mirror and random.random() < 0.5 else 1
        rows, columns = slice(top, top + self.patch), slice(left, left + self.patch)
        return Example(
            inputs=spanned(source[rows, columns][:, ::step]),
            target=spanned(target[rows, columns][:, ::step]),
        )


@dataclass(frozen=True, kw_only=True)
class UnpairedExamples:
    """Examples without pairs: a crop of a source and one of any target, mirrored in half or never.

    The index is that of the source.
    """

    sources: Photos
    targets: Photos
    patch: int
    mirror: bool = True

    def __call__(self, index: int, random: np.random.Generator) -> Example:
        other = int(random.integers(len(self.targets)))
        return Example(
            inputs=spanned(self._crop(self.sources.photo(index), random)),
            target=spanned(self._crop(self.targets.photo(other), random)),
        )

    def _crop(self, photo: np.ndarray, random: np.random.Generator) -> np.ndarray:
        top = int(random.integers(photo.shape[0] - self.patch + 1))
        left = int(random.integers(photo.shape[1] - self.patch + 1))
        step = -1 if self.mirror and random.random() < 0.5 else 1
        return photo[top : top + self.patch, left : left + self.patch][:, ::step]


def _stream(settings: TrainSettings, pairs: PairSet, device: torch.device, world: World) -> Patches:
    multiple = 4  # translators halve twice
    patch = min(
        fitting_patch(side, settings.translate.patch, multiple)
        for side in (pairs.sources, pairs.targets)
    )
    kind = PairedExamples if settings.translate.method == "paired" else UnpairedExamples
    mirror = settings.translate.mirror
    draw = kind(sources=pairs.sources, targets=pairs.targets, patch=patch, mirror=mirror)
    return stream_of(pairs, draw, len(pairs.sources), settings, device, world)


def _build(settings: TrainSettings, *parts: Any) -> Paired:
    return METHODS[settings.translate.method](settings, *parts)


def _load(path: Path, device: str, precision: str) -> TranslationModel:
    return TranslationModel.load(path, device=device, precision=precision)


STYLIZE = TaskSpec(
    about="an image in, the same in another style out; from pairs or from two folders",
    check=_check,
    open_data=_open,
    stream=_stream,
    build=_build,
    load=_load,
    score=score,
    format_scores=format_rows,
    score_run=score_run,
    usage="elegan stylize photo.jpg --model {run} --out made",
    commands=FROM_IMAGES,
    from_images=True,
    final_scores=10.0,
)
