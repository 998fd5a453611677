"""The restorers that come with elegan, as one: each kind of damage to the one that knows it."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from torch import Tensor, nn

from elegan.data.degradations import FAMILIES, STAGES
from elegan.models.haze import HazeFilter
from elegan.models.inference import InferenceOptions
from elegan.models.patterns import PatternFilter
from elegan.models.restoring import asked_families
from elegan.models.shipping import find_shipped, shipped_models
from elegan.models.translation import TranslationModel

_FILTERS = {one.family: one for one in (HazeFilter, PatternFilter)}
"""Families that a method without a network undoes better."""
_UNNAMED = "denoise"  # what photos have most, and what is undone with the least harm to others
_LAST_FIRST = tuple(
    dict.fromkeys(
        family
        for stage in reversed(STAGES)
        for family, kinds in FAMILIES.items()
        if set(kinds) & set(stage)
    )
)
"""Families in the order in which they are undone: what came last upon the picture goes first."""


class Experts(TranslationModel):
    """Restorers one after the other, as `--task` names kinds of damage; noise where it does not.

    Each is loaded when it is first needed. Between two of them a photo is held whole.

    Raises:
        EleganError: no restorer comes with this elegan.
    """

    def __init__(self, device: str = "auto", precision: str = "auto", **blend: float) -> None:
        self._where = device, precision
        self._loaded: dict[str, TranslationModel] = {}
        first = self._load(_UNNAMED)
        shipped = [facts for facts in shipped_models().values() if facts["task"] == "restore"]
        known = {*_FILTERS, *(name for facts in shipped for name in facts["recipe"]["families"])}
        sums = "".join(
            facts["sha256"] for facts in (*shipped, *(one().config for one in _FILTERS.values()))
        )
        config = first.config | {
            "recipe": {"families": [name for name in FAMILIES if name in known]},
            "sha256": hashlib.sha256(sums.encode()).hexdigest(),
        }
        super().__init__(first.network, config, first.precision, None, **blend)
        self._loaded[_UNNAMED] = first.with_strength(self.strength)

    @property
    def name(self) -> str:
        return "elegan's restorers"

    def expert(self, family: str) -> TranslationModel:
        """Returns the model that undoes a family of damage."""
        if family not in self._loaded:
            self._loaded[family] = self._load(family).with_strength(self.strength)
        return self._loaded[family]

    def _load(self, family: str) -> TranslationModel:
        if family in _FILTERS:
            return _FILTERS[family]()
        device, precision = self._where
        folder = find_shipped("restore", family=family)
        return TranslationModel.load(folder, device=device, precision=precision)

    def steps(self, task: str, *, masked: bool = False) -> list[tuple[str, TranslationModel]]:
        """Returns the families that `--task` asks for, in the order of undoing, and their models.

        Raises:
            UsageError: there is no such family.
        """
        asked = asked_families(task, self.families, masked=masked) or (_UNNAMED,)
        return [(name, self.expert(name)) for name in _LAST_FIRST if name in asked]

    def __call__(self, images: Tensor) -> Tensor:
        return self.expert(_UNNAMED)(images)

    def to(self, device: str) -> TranslationModel:
        return Experts(device, strength=self.strength, share=self.share)

    def _like(self, network: nn.Module, **changes: float) -> TranslationModel:
        return Experts(*self._where, **changes)

    def windows(self, height: int, width: int, use: InferenceOptions) -> int:
        return sum(model.windows(height, width, use) for _, model in self.steps(use.task))

    def notes(self, height: int, width: int, use: InferenceOptions) -> tuple[str, ...]:
        said = (model.notes(height, width, use) for _, model in self.steps(use.task))
        return tuple(note for notes in said for note in notes)

    def strips(
        self,
        image: np.ndarray,
        *,
        mask: np.ndarray | None = None,
        use: InferenceOptions | None = None,
    ) -> Iterator[np.ndarray]:
        """See `TranslationModel.strips`."""
        use = use or InferenceOptions()
        *before, last = self.steps(use.task, masked=mask is not None)
        for family, model in before:
            made = model.strips(image, mask=mask, use=replace(use, task=family))
            image = np.concatenate(list(made))
        family, model = last
        yield from model.strips(image, mask=mask, use=replace(use, task=family))
