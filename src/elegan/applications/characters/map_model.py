"""The first stage as a model, and the folders in which stages and whole models are saved."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from elegan.applications.characters.networks import MapGenerator
from elegan.applications.characters.planes import PLANES
from elegan.common.errors import EleganError, UsageError, did_you_mean
from elegan.common.randomness import key, normal
from elegan.models.saving import (
    FORMAT,
    UNREADABLE,
    VERSION,
    find_model,
    load_part,
    read_config,
    read_tensors,
    save_parts,
)
from elegan.networks import ImageShape

STAGES = ("maps", "points", "render")
TASK = "characters"
_AT_ONCE = 64  # maps that are drawn together


def save_stage(
    folder: Path,
    stage: str,
    network: nn.Module,
    sizes: Mapping[str, Any],
    facts: Mapping[str, Any],
    training: Mapping[str, Any],
) -> None:
    """Writes one of `STAGES` as a model folder of its own.

    Sizes are what builds the network again, facts what using it depends on, as JSON values.
    """
    head = {"format": FORMAT, "version": VERSION, "task": f"{TASK}-{stage}", "stage": stage}
    entry = {"sizes": dict(sizes), **facts, "training": dict(training)}
    save_parts(folder, head, {stage: (network.state_dict(), entry)})


def read_stage(folder: Path, stage: str) -> dict[str, Any]:
    """Returns the entry of a stage in model.json of a stage's or a whole model's folder.

    Raises:
        EleganError: there is no such model, or it cannot be read.
    """
    try:
        return read_config(folder)[stage]
    except UNREADABLE as error:
        raise EleganError(
            f"The stage '{stage}' in {folder} cannot be read: {error}. Train it with"
            f" `elegan train DATA --task {TASK}-{stage}`."
        ) from error


def join_stages(folders: Mapping[str, Path], out: Path) -> None:
    """Writes one model folder from those of the three stages.

    Raises:
        EleganError: a stage is missing or damaged, or the stages do not fit together.
    """
    entries = {stage: read_stage(folders[stage], stage) for stage in STAGES}
    drawn, learnt = entries["maps"]["sizes"]["resolution"], entries["points"]["resolution"]
    if drawn != learnt:
        raise EleganError(
            f"The stages do not fit together: maps are {drawn} pixels wide, the points were learnt"
            f" on {learnt}. Train both with one --characters.maps."
        )
    parts = {}
    for stage, entry in entries.items():
        try:
            parts[stage] = (read_tensors(folders[stage], entry), entry)
        except UNREADABLE as error:
            raise EleganError(f"The stage in {folders[stage]} cannot be read: {error}.") from error
    head = {"format": FORMAT, "version": VERSION, "task": TASK}
    head |= {"resolution": entries["render"]["resolution"]}
    save_parts(out, {**head, "licence": entries["maps"]["data"]["licence"]}, parts)


@dataclass(frozen=True, kw_only=True, eq=False)
class MapModel:
    """Draws the maps of characters.

    Attributes:
        network: in evaluation mode.
        attributes: the values of each attribute that can be asked for.
        codes: int64, the combinations of them that the data had, each once.
    """

    network: MapGenerator
    attributes: Mapping[str, tuple[str, ...]]
    codes: np.ndarray

    @classmethod
    def load(cls, path: str | Path) -> "MapModel":
        """Loads the first stage of a run, of a stage's run, or of a model of characters.

        Raises:
            EleganError: there is no model, or it is damaged.
        """
        folder = find_model(Path(path))
        return cls.from_entry(folder, read_stage(folder, "maps"))

    @classmethod
    def from_entry(cls, folder: Path, entry: Mapping[str, Any]) -> "MapModel":
        """The same, given the stage's entry in model.json."""
        try:
            sizes = dict(entry["sizes"])
            shape = ImageShape(resolution=sizes.pop("resolution"), channels=PLANES)
            network = MapGenerator(shape, **sizes)
            load_part(folder, entry, network)
            attributes = {name: tuple(values) for name, values in entry["attributes"].items()}
            codes = np.array(entry["codes"] or [0], np.int64)
        except UNREADABLE as error:
            raise EleganError(f"The maps in {folder} cannot be read: {error}.") from error
        return cls(network=network.eval(), attributes=attributes, codes=codes)

    @property
    def side(self) -> int:
        """Of the maps, in pixels."""
        return self.network.shape.resolution

    def linear(self) -> "MapModel":
        """Returns the linear model that the network began with, without what it learnt."""
        network = copy.deepcopy(self.network)
        for part in (network.to_patches, network.tint[-1]):
            for weight in part.parameters():
                nn.init.zeros_(weight)
        return replace(self, network=network)

    def code_of(self, asked: Mapping[str, str], random: np.random.Generator) -> int:
        """Returns a code with the attributes asked for (full names), the others as in the data."""
        if not self.attributes:
            return 0
        code = self.network.code
        known = [code.decode(number) for number in self.codes.tolist()]
        wanted = {
            place: values.index(asked[name])
            for place, (name, values) in enumerate(self.attributes.items())
            if name in asked
        }
        alike = [row for row in known if all(row[place] == at for place, at in wanted.items())]
        rows = alike or known
        row = list(rows[int(random.integers(len(rows)))])
        for place, at in wanted.items():
            row[place] = at
        return code.encode(row)

    def values_of(self, code: int) -> dict[str, str]:
        """Returns the attributes that a code stands for."""
        pairs = zip(self.attributes.items(), self.network.code.decode(code), strict=True)
        return {name: values[index] for (name, values), index in pairs}

    @torch.inference_mode()
    def draw(
        self, numbers: Iterable[int], *, seed: int, asked: Mapping[str, str] | None = None
    ) -> tuple[np.ndarray, list[int]]:
        """Draws planes; each is a function of (seed, number, what is asked) alone.

        Returns:
            float32 [N, 15, M, M] in 0..1, and the code of each.
        """
        codes, noise = [], []
        for number in numbers:
            random = np.random.default_rng(key(seed, "attributes", number))
            codes.append(self.code_of(asked or {}, random))
            noise.append(normal((1, self.network.latent), seed, "character", number))
        parts = []
        for start in range(0, len(codes), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            labels = torch.tensor(codes[part]) if self.attributes else None
            parts.append(self.network(torch.cat(noise[part]), labels))
        return ((torch.cat(parts).numpy() + 1) / 2).clip(0, 1).astype(np.float32), codes


def resolve_attributes(
    asked: Mapping[str, str], known: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """Returns attributes by their full names; `hair` is short for the one of `hair-colour`,
    `hair-style` ... that has the value.

    Raises:
        UsageError: an attribute or a value is unknown; the nearest is named.
    """
    found = {}
    for name, value in asked.items():
        able = [full for full in known if full == name or full.startswith(f"{name}-")]
        if not able:
            raise UsageError(
                f"Unknown attribute '{name}'.{did_you_mean(name, known)} Known:"
                f" {', '.join(known) or 'none, in this model'}."
            )
        having = [full for full in able if value in known[full]]
        if not having:
            values = [own for full in able for own in known[full]]
            raise UsageError(
                f"Unknown value '{value}' of attribute '{name}'.{did_you_mean(value, values)}"
                f" Known: {', '.join(values)}."
            )
        found[having[0]] = value
    return found
