"""A set of characters in memory, and as a folder of files."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from elegan.applications.characters.parts import COLOURS, KEY_POINTS, PARTS
from elegan.common.errors import EleganError, UsageError, lookup
from elegan.data import cache

ARRAYS = (
    "images",
    "maps",
    "amodal",
    "lines",
    "outlines",
    "key_points",
    "seen",
    "palettes",
    "palette_known",
)


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

    def having(self, attributes: Mapping[str, str]) -> np.ndarray:
        """Returns int64 indices of the characters with these attributes.

        Raises:
            UsageError: the set has no such attribute or value, or no character has all.
        """
        chosen = np.ones(len(self), bool)
        for name, value in attributes.items():
            known = self.values(name)
            lookup(dict.fromkeys(known), value, f"value of attribute '{name}'")
            chosen &= self.attributes[name] == value
        if not chosen.any():
            asked = ", ".join(f"{name}={value}" for name, value in attributes.items())
            raise UsageError(f"No character of '{self.name}' has {asked}. Ask for fewer of them.")
        return np.flatnonzero(chosen)

    def chosen(self, indices: Sequence[int] | np.ndarray) -> "CharacterSet":
        """Returns the set of these characters, in this order; arrays are copied."""
        index = np.asarray(indices, np.int64)
        arrays = {
            name: None if (array := getattr(self, name)) is None else array[index]
            for name in ARRAYS
        }
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
    for name in ARRAYS:
        array = getattr(characters, name)
        if array is not None:
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
    facts = {
        "name": characters.name,
        "split": characters.split,
        "names": characters.names,
        "known": characters.known.tolist(),
        "attributes": {name: column.tolist() for name, column in characters.attributes.items()},
        "variants": {name: column.tolist() for name, column in characters.variants.items()},
        "notes": characters.notes,
        "licence": characters.licence,
        "hash": characters.hash,
        "bytes": (folder / "images.npy").stat().st_size,
    }
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def load(folder: Path) -> CharacterSet:
    """Opens a set that `save` wrote, its arrays memory-mapped and read-only."""
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    arrays: dict[str, Any] = dict.fromkeys(ARRAYS)
    for name in ARRAYS:
        path = folder / f"{name}.npy"
        if path.exists():
            arrays[name] = np.load(path, mmap_mode="r", allow_pickle=False)
    known = {one.name for one in fields(CharacterSet)}
    rest = {name: value for name, value in facts.items() if name in known}
    rest |= {
        "names": tuple(facts["names"]),
        "notes": tuple(facts["notes"]),
        "known": np.array(facts["known"], bool),
        "attributes": {name: np.array(column) for name, column in facts["attributes"].items()},
        "variants": {name: np.array(column) for name, column in facts["variants"].items()},
    }
    return CharacterSet(**arrays, **rest)


def write_characters(characters: CharacterSet, folder: str | Path) -> None:
    """Writes a set as a folder in the documented layout; masks hold what is mostly seen.

    Raises:
        UsageError: the folder is there and not empty.
        EleganError: it cannot be written.
    """
    folder = Path(folder)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"The folder '{folder}' is not empty. Name another.")
        for name in ("images", "masks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        labels = {"0": "background"} | {str(n): part for n, part in enumerate(PARTS, 1)}
        for index, name in enumerate(characters.names):
            Image.fromarray(characters.images[index]).save(folder / "images" / f"{name}.png")
            _indexed(characters.maps[index]).save(folder / "masks" / f"{name}.png")
        _write_tables(characters, folder)
        meta = {"mask_labels": labels, "count": len(characters), "size": characters.resolution}
        meta |= {"license": {"text": characters.licence}, "style": characters.name}
        (folder / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
    except OSError as error:
        raise EleganError(f"Could not write '{folder}': {error.strerror or error}.") from error


def _indexed(maps: np.ndarray) -> Image.Image:
    rest = 255 - maps.sum(axis=0, dtype=np.int32)
    indices = np.concatenate([rest[None], maps]).argmax(axis=0).astype(np.uint8)
    image = Image.fromarray(indices, mode="P")
    shades = np.linspace(0, 1, len(PARTS) + 1)
    colours = 127 + 127 * np.sin(2 * np.pi * (5 * shades[:, None] + (0, 0.33, 0.67)))
    image.putpalette(colours.astype(np.uint8).ravel().tolist())
    return image


def _write_tables(characters: CharacterSet, folder: Path) -> None:
    size = characters.resolution
    landmarks = {
        name: {
            "points": {
                point: [round(float(value) * size, 3) for value in place]
                for point, place in zip(KEY_POINTS, characters.key_points[index], strict=True)
                if np.isfinite(place).all()
            }
        }
        for index, name in enumerate(characters.names)
    }
    text = json.dumps({"size": size, "landmarks": landmarks})
    (folder / "landmarks.json").write_text(text, encoding="utf-8")
    with open(folder / "labels.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = {**characters.attributes, **characters.variants}
        writer.writerow(["id", *columns, *(f"color_{slot}" for slot in COLOURS)])
        for index, name in enumerate(characters.names):
            colours = [
                f"#{bytes(colour).hex()}" if known else ""
                for colour, known in zip(
                    characters.palettes[index].tolist(),
                    characters.palette_known[index].tolist(),
                    strict=True,
                )
            ]
            writer.writerow([name, *(column[index] for column in columns.values()), *colours])
