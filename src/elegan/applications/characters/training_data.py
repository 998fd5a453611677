"""What the stages of characters train on: a set of characters, drawn or from a folder."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from elegan.applications.characters.dataset.character_set import CharacterSet
from elegan.applications.characters.dataset.drawn import drawn_characters, to_bytes
from elegan.applications.characters.dataset.folder import open_characters
from elegan.applications.characters.networks import AttributeCode
from elegan.applications.characters.outlines import compose
from elegan.applications.characters.parts import PARTS
from elegan.applications.characters.planes import fill_outlines, map_planes, strokes, whole_parts
from elegan.common.errors import UsageError, lookup
from elegan.data import ImageData, batch_indices, cache
from elegan.settings import TrainSettings

RENDERED = "rendered"
"""The name of the data that the renderer draws."""
RESOLUTION = 64
_TOLD = ("hair-style", "fringe", "expression")
_VERSION = 1  # a change of how outlines are filled for training raises it


@dataclass(frozen=True, kw_only=True, eq=False)
class CharacterData:
    """Characters of one resolution, with what the stages derive from them.

    Attributes:
        characters: the set.
        side: of the feature maps in pixels.
        conditions: values in order, of each attribute that the first stage is told.
    """

    characters: CharacterSet
    side: int
    conditions: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.characters)

    @property
    def name(self) -> str:
        return self.characters.name

    @property
    def hash(self) -> str:
        return self.characters.hash

    @property
    def notes(self) -> tuple[str, ...]:
        return self.characters.notes

    @property
    def summary(self) -> str:
        """For the log."""
        size = self.characters.resolution
        return f"{len(self):,} characters {size}x{size}, maps {self.side}x{self.side}"

    def to_dict(self) -> dict[str, Any]:
        """Returns the content of data.json."""
        return {**self.characters.to_dict(), "maps": self.side}

    @property
    def codes(self) -> np.ndarray:
        """int64 [N]: the code of each character's attributes (`AttributeCode`)."""
        code = AttributeCode([len(values) for values in self.conditions.values()])
        columns = [
            np.searchsorted(np.array(values), self.characters.attributes[name])
            for name, values in self.conditions.items()
        ]
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return np.array([code.encode(row) for row in rows], np.int64)

    @cached_property
    def small_amodal(self) -> np.ndarray:
        """uint8 [N, P, M, M]: each part by itself; as seen where no more is known."""
        return _shrunk(whole_parts(self.characters), self.side)

    @cached_property
    def palettes(self) -> np.ndarray:
        """uint8 [N, S, 3]: colours that are not known are the mean of those that are."""
        palettes = np.array(self.characters.palettes)
        for slot, known in enumerate(self.characters.palette_known.T):
            if known.any():
                palettes[~known, slot] = palettes[known, slot].mean(axis=0).round()
        return palettes

    def planes(self) -> np.ndarray:
        """uint8 [N, M, M, 15]: what the first stage learns to draw."""
        planes = [
            to_bytes(map_planes(one / np.float32(255), palette))
            for one, palette in zip(self.small_amodal, self.palettes, strict=True)
        ]
        return np.stack(planes).transpose(0, 2, 3, 1)

    def as_images(self) -> ImageData:
        """The planes as a set of images, whose classes are the codes of attributes."""
        conditioned = bool(self.conditions)
        total = AttributeCode([len(values) for values in self.conditions.values()]).total
        return ImageData(
            name=self.name,
            split="train",
            images=self.planes(),
            labels=self.codes if conditioned else None,
            classes=tuple(map(str, range(total))) if conditioned else (),
            hash=self.hash,
            verdicts=(),
            notes=self.notes,
            sizes={},
        )


def open_character_data(settings: TrainSettings) -> CharacterData:
    """Opens or draws the characters that a stage trains on.

    Raises:
        UsageError: an attribute is unknown, or the resolutions do not fit together.
        EleganError: there is no such data, or something in it cannot be read.
    """
    chosen, resolution = settings.characters, settings.resolution or RESOLUTION
    side = chosen.maps or resolution // 2
    if resolution % side or side % 8:
        raise UsageError(
            f"--characters.maps {side} must be a multiple of 8 and divide the resolution"
            f" {resolution}. Type {resolution // 2}."
        )
    if settings.data == RENDERED:
        found = drawn_characters(chosen.count, resolution, seed=settings.seed)
    else:
        found = open_characters(settings.data, resolution)
    if settings.limit and settings.limit < len(found):
        order = batch_indices(settings.seed, 0, len(found), len(found))
        found = found.chosen(np.sort(order[: settings.limit]))
    names = [name.strip() for name in chosen.attributes.split(",") if name.strip()]
    if chosen.attributes == "auto":
        names = [name for name in _TOLD if name in found.attributes]
    for name in names:
        lookup(found.attributes, name, "attribute")
    return CharacterData(
        characters=found, side=side, conditions={name: found.values(name) for name in names}
    )


def outlines_of(characters: CharacterSet, index: int) -> dict[str, np.ndarray]:
    """Returns the outlines [32, 2] of the parts that a character has."""
    return {
        name: points
        for name, points in zip(PARTS, characters.outlines[index], strict=True)
        if np.isfinite(points).all()
    }


def filled(
    characters: CharacterSet, progress: Callable[[int], None] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what is seen of parts filled from their outlines, and strokes; kept in the cache.

    This is what the renderer is given when it is used: true maps are finer than 32 points tell.

    Returns:
        uint8 [N, P, R, R] and uint8 [N, R, R].
    """
    key = cache.content_key("character outlines", _VERSION, characters.hash, characters.resolution)
    if cache.find(key) is None:
        seen = np.empty(characters.maps.shape, np.uint8)
        lines = np.empty((len(characters), *seen.shape[2:]), np.uint8)
        for index in range(len(characters)):
            outlines = outlines_of(characters, index)
            masks = fill_outlines(outlines, characters.resolution)
            seen[index] = to_bytes(compose(masks))
            lines[index] = to_bytes(strokes(outlines, masks))
            if progress and index % 100 == 99:
                progress(index + 1)
        with cache.new_entry(key) as folder:
            np.save(folder / "images.npy", seen, allow_pickle=False)
            np.save(folder / "lines.npy", lines, allow_pickle=False)
            size = (folder / "images.npy").stat().st_size
            (folder / "facts.json").write_text(f'{{"bytes": {size}}}', encoding="utf-8")
    folder = cache.entry_path(key)
    return np.load(folder / "images.npy", mmap_mode="r"), np.load(
        folder / "lines.npy", mmap_mode="r"
    )


def _shrunk(maps: np.ndarray, side: int) -> np.ndarray:
    """uint8 [N, P, R, R] -> [N, P, side, side], means of squares."""
    count, parts, size, _ = maps.shape
    step = size // side
    result = np.empty((count, parts, side, side), np.uint8)
    for index in range(count):
        one = maps[index].reshape(parts, side, step, side, step).mean(axis=(2, 4))
        result[index] = np.rint(one)
    return result
