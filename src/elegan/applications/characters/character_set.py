"""Sets of characters, in memory and in the cache, and what the stages train on."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from elegan.applications.characters.outlines import compose
from elegan.applications.characters.parts import INDEX, PARTS
from elegan.applications.characters.planes import ON_FACE, fill_outlines, map_planes, strokes
from elegan.common.errors import lookup
from elegan.data import ImageData, cache

ARRAYS = ("images", "maps", "amodal", "lines", "outlines", "key_points", "seen")
ARRAYS += ("palettes", "palette_known")
_COLUMNS = ("attributes", "variants")
_VERSION = 1  # a change of how outlines are filled for training raises it


@dataclass(frozen=True, kw_only=True, eq=False)
class CharacterSet:
    """N characters of one size, memory-mapped from the cache.

    Attributes:
        name: the folder's, or "drawn".
        split: "train", "test" or "all".
        names: of each character.
        images: uint8 [N, R, R, 4], colour and alpha, not premultiplied.
        maps: uint8 [N, P, R, R], the share of each pixel (of 255) in which a part is seen, in the
            order of `parts.PARTS`.
        known: bool [P], the parts that this source tells apart; maps of the others are 0.
        amodal: the same as maps for parts by themselves, whatever lies over them; None for folders.
        lines: uint8 [N, R, R], the share that is line art; None for folders.
        outlines: float32 [N, P, 32, 2] in canvas units, evenly spaced from the canonical start, NaN
            where a part is missing; of whole parts where `amodal` is there, else of what is seen.
        key_points: float32 [N, K, 2] in canvas units, in the order of `parts.KEY_POINTS`, NaN where
            not known.
        seen: bool [N, K], whether a key point is known and no hair lies over it.
        palettes: uint8 [N, 6, 3] in the order of `parts.COLOURS`.
        palette_known: bool [N, 6]; colours that are not known are 0.
        attributes: text [N] by name: what a person may ask for.
        variants: text [N] by name: of what drawn part each was made; splits hold these apart.
        notes: what a person should know of how the set was read.
        licence: what a model trained on it must say, or "".
        hash: SHA-256 (hex) of images and maps.
    """

    name: str
    split: str
    names: tuple[str, ...]
    images: np.ndarray
    maps: np.ndarray
    known: np.ndarray
    amodal: np.ndarray | None
    lines: np.ndarray | None
    outlines: np.ndarray
    key_points: np.ndarray
    seen: np.ndarray
    palettes: np.ndarray
    palette_known: np.ndarray
    attributes: Mapping[str, np.ndarray]
    variants: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()
    licence: str = ""
    hash: str = ""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def resolution(self) -> int:
        """Pixels a side."""
        return self.images.shape[1]

    def values(self, attribute: str) -> tuple[str, ...]:
        """Returns the values of an attribute that occur, in order.

        Raises:
            UsageError: the set has no such attribute.
        """
        column = lookup(self.attributes, attribute, "attribute")
        return tuple(str(value) for value in np.unique(column))

    def outlines_of(self, index: int, outlines: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Returns outlines [32, 2], its own or others [P, 32, 2], of the parts that one has."""
        own = self.outlines[index]
        there = np.isfinite(own).all(axis=(1, 2))
        rows = zip(PARTS, own if outlines is None else outlines, there, strict=True)
        return {name: points for name, points, is_there in rows if is_there}

    def whole_parts(self) -> np.ndarray:
        """Maps of parts by themselves, uint8 [N, P, R, R], as far as the data know them.

        Where only what is seen is known, the face is closed where eyes, brows and mouth lie on it.
        """
        if self.amodal is not None:
            return self.amodal
        whole = np.array(self.maps)
        on_face = [INDEX[name] for name in ON_FACE]
        covered = whole[:, [INDEX["face"], *on_face]].sum(axis=1, dtype=np.uint16)
        whole[:, INDEX["face"]] = covered.clip(0, 255)
        return whole

    def chosen(self, indices: Sequence[int] | np.ndarray) -> "CharacterSet":
        """Returns the set of these characters, in this order; arrays are copied."""
        index = np.asarray(indices, np.int64)
        arrays = {name: getattr(self, name) for name in ARRAYS}
        arrays = {name: None if array is None else array[index] for name, array in arrays.items()}
        return replace(
            self,
            **arrays,
            names=tuple(self.names[place] for place in index),
            attributes={name: column[index] for name, column in self.attributes.items()},
            variants={name: column[index] for name, column in self.variants.items()},
            hash=cache.content_key(self.hash, index.tolist()),
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns everything but arrays as JSON values (the content of `data.json`)."""
        return {
            "name": self.name,
            "split": self.split,
            "hash": self.hash,
            "images": len(self),
            "resolution": self.resolution,
            "attributes": {name: list(self.values(name)) for name in self.attributes},
            "notes": list(self.notes),
            "licence": self.licence,
        }


def save(folder: Path, characters: CharacterSet) -> None:
    """Writes a set into an empty folder of the cache; facts come last and make it whole."""
    facts: dict[str, Any] = {"known": characters.known.tolist()}
    for name, value in vars(characters).items():
        if name in _COLUMNS:
            facts[name] = {key: column.tolist() for key, column in value.items()}
        elif name not in (*ARRAYS, "known"):
            facts[name] = value
        elif name != "known" and value is not None:
            np.save(folder / f"{name}.npy", value, allow_pickle=False)
    facts["bytes"] = (folder / "images.npy").stat().st_size
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def load(folder: Path) -> CharacterSet:
    """Opens a set that `save` wrote, its arrays memory-mapped and read-only."""
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    known = {field.name for field in fields(CharacterSet)}
    values: dict[str, Any] = {name: value for name, value in facts.items() if name in known}
    for name in _COLUMNS:
        values[name] = {key: np.array(column) for key, column in facts[name].items()}
    values |= {"names": tuple(facts["names"]), "notes": tuple(facts["notes"])}
    values["known"] = np.array(facts["known"], bool)
    for name in ARRAYS:
        path = folder / f"{name}.npy"
        there = path.exists()
        values[name] = np.load(path, mmap_mode="r", allow_pickle=False) if there else None
    return CharacterSet(**values)


@dataclass(frozen=True, kw_only=True, eq=False)
class CharacterData(CharacterSet):
    """A set with what the stages derive from it.

    Attributes:
        side: of the feature maps in pixels.
        conditions: values in order, of each attribute that the first stage is told.
    """

    side: int
    conditions: dict[str, tuple[str, ...]]

    @property
    def summary(self) -> str:
        """For the log."""
        size = self.resolution
        return f"{len(self):,} characters {size}x{size}, maps {self.side}x{self.side}"

    def to_dict(self) -> dict[str, Any]:
        """Returns the content of data.json."""
        return {**super().to_dict(), "maps": self.side}

    @property
    def codes(self) -> np.ndarray:
        """int64 [N]: the code of each character's attributes (`AttributeCode`)."""
        columns = [
            np.searchsorted(np.array(values), self.attributes[name])
            for name, values in self.conditions.items()
        ]
        return np.ravel_multi_index(columns, [len(values) for values in self.conditions.values()])

    @cached_property
    def small_amodal(self) -> np.ndarray:
        """uint8 [N, P, M, M]: each part by itself; as seen where no more is known."""
        whole, side = self.whole_parts(), self.side
        cells = (len(PARTS), side, whole.shape[2] // side, side, whole.shape[3] // side)
        shrunk = np.empty((*whole.shape[:2], side, side), np.uint8)
        for index in range(len(whole)):
            shrunk[index] = np.rint(whole[index].reshape(cells).mean(axis=(2, 4)))
        return shrunk

    @cached_property
    def whole_palettes(self) -> np.ndarray:
        """uint8 [N, S, 3]: colours that are not known are the mean of those that are."""
        palettes = np.array(self.palettes)
        for slot, known in enumerate(self.palette_known.T):
            if known.any():
                palettes[~known, slot] = palettes[known, slot].mean(axis=0).round()
        return palettes

    def planes(self) -> np.ndarray:
        """uint8 [N, M, M, 15]: what the first stage learns to draw."""
        planes = [
            to_bytes(map_planes(amodal / np.float32(255), palette))
            for amodal, palette in zip(self.small_amodal, self.whole_palettes, strict=True)
        ]
        return np.stack(planes).transpose(0, 2, 3, 1)

    def as_images(self) -> ImageData:
        """The planes as a set of images, whose classes are the codes of attributes."""
        conditioned = bool(self.conditions)
        total = math.prod(len(values) for values in self.conditions.values())
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


def filled(characters: CharacterSet) -> tuple[np.ndarray, np.ndarray]:
    """Returns what is seen of parts filled from their outlines, and strokes; kept in the cache.

    This is what the renderer is given when it is used: true maps are finer than 32 points tell.
    uint8 [N, P, R, R] and uint8 [N, R, R].
    """
    key = cache.content_key("character outlines", _VERSION, characters.hash, characters.resolution)
    if cache.find(key) is None:
        seen = np.empty(characters.maps.shape, np.uint8)
        lines = np.empty((len(characters), *seen.shape[2:]), np.uint8)
        for index in range(len(characters)):
            outlines = characters.outlines_of(index)
            masks = fill_outlines(outlines, characters.resolution)
            seen[index] = to_bytes(compose(masks))
            lines[index] = to_bytes(strokes(outlines, masks))
        with cache.new_entry(key) as folder:
            np.save(folder / "images.npy", seen, allow_pickle=False)
            np.save(folder / "lines.npy", lines, allow_pickle=False)
            size = (folder / "images.npy").stat().st_size
            (folder / "facts.json").write_text(f'{{"bytes": {size}}}', encoding="utf-8")
    paths = (cache.entry_path(key) / f"{name}.npy" for name in ("images", "lines"))
    seen, lines = (np.load(path, mmap_mode="r", allow_pickle=False) for path in paths)
    return seen, lines


def to_bytes(shares: np.ndarray) -> np.ndarray:
    """Turns shares in 0..1 into uint8 of 255."""
    return (shares * 255 + 0.5).astype(np.uint8)


def hash_of(images: np.ndarray, maps: np.ndarray) -> str:
    """Returns the SHA-256 (hex) of images and maps with their shapes."""
    digest = hashlib.sha256(repr((images.shape, maps.shape)).encode())
    digest.update(np.ascontiguousarray(images).data)
    digest.update(np.ascontiguousarray(maps).data)
    return digest.hexdigest()
