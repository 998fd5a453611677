"""Photos that keep their sizes, for the tasks that map images to images."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from elegan.common.errors import EleganError, UsageError
from elegan.data import cache, files
from elegan.data.dataset import PhotoOptions, Verdict
from elegan.data.opening import entry_of, limited_indices
from elegan.data.sources import ArraySource, Source, resolve


@dataclass(frozen=True, kw_only=True, eq=False)
class PhotoSet:
    """Photos of any sizes, memory-mapped from the cache.

    Attributes:
        name: the known name, or the name of the folder or file.
        split: "train" or "test".
        names: the file of each photo within the set, or file[index] where a file holds many.
        hash: SHA-256 (hex) over the sizes and pixels of all: equal exactly when those are.
        hashes: the same of each photo, to find those that are in two sets.
        verdicts: one for each file that was looked at.
        notes: what a person should know about how the photos were read.
        channels: 1 (gray) or 3 (RGB).
        pixels: uint8 [bytes], read-only: the pixels of one photo after another.
        places: int64 [N, 3], the first byte, height and width of each photo in `pixels`.
    """

    name: str
    split: str
    names: tuple[str, ...]
    hash: str
    hashes: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    channels: int
    pixels: np.ndarray
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    def photo(self, index: int) -> np.ndarray:
        """Returns a read-only view of one photo, uint8 [H, W, C]."""
        first, height, width = self.places[index].tolist()
        flat = self.pixels[first : first + height * width * self.channels]
        return flat.reshape(height, width, self.channels)

    def size(self, index: int) -> tuple[int, int]:
        """Returns (height, width) of one photo in pixels."""
        _, height, width = self.places[index].tolist()
        return height, width

    @property
    def summary(self) -> str:
        """How many photos of how many pixels, and of what sizes."""
        megapixels = float(np.prod(self.places[:, 1:], axis=1).sum()) / 1e6
        low, high = self.places[:, 1:].min(), self.places[:, 1:].max()
        return f"{len(self):,} photos, {megapixels:,.1f} megapixels, sides of {low} to {high}"

    def chosen(self, indices: Sequence[int]) -> "PhotoSet":
        """Returns the set of these photos, in this order; verdicts and notes stay."""
        hashes = tuple(self.hashes[index] for index in indices)
        return replace(
            self,
            names=tuple(self.names[index] for index in indices),
            hash=hash_of(hashes),
            hashes=hashes,
            places=self.places[np.asarray(indices, dtype=np.int64)],
        )

    def facts(self) -> dict[str, Any]:
        """Returns everything but the pixels, as JSON values (the content of `data.json`)."""
        actions = Counter(verdict.action for verdict in self.verdicts)
        sizes = Counter(f"{width}x{height}" for _, height, width in self.places.tolist())
        return {
            "name": self.name,
            "split": self.split,
            "hash": self.hash,
            "images": len(self),
            "channels": self.channels,
            "megapixels": round(float(np.prod(self.places[:, 1:], axis=1).sum()) / 1e6, 3),
            "sizes": dict(sizes.most_common()),
            "files": {name: actions[name] for name in ("used", "converted", "skipped")},
            "notes": list(self.notes),
            "verdicts": [vars(verdict) for verdict in self.verdicts],
        }


def open_photos(
    data: str,
    *,
    split: str = "train",
    channels: int | None = 3,
    background: tuple[int, int, int] = (255, 255, 255),
    limit: int | None = None,
    seed: int = 0,
    smallest: int = 32,
) -> PhotoSet:
    """Opens a set of photos in their own sizes, ingesting it on first use.

    Classes and files of labels are not looked at: all photos of the split are one set.

    Args:
        data: a known name, a folder, a zip (or a folder inside it), IDX files, .npy or .npz.
        split: "train" or "test".
        channels: 3 (RGB; gray files too) or 1 (gray); None takes 1 when every image is gray.
        background: RGB 0..255 behind transparent pixels.
        limit: keep this many photos, chosen by `seed`.
        seed: of that choice.
        smallest: photos with fewer pixels in width or height are skipped, with that reason.

    Raises:
        UsageError: the request is wrong: no such data, split, limit or channels.
        EleganError: the data are there but no photo can be used, or the cache cannot be written.
    """
    check_limit(limit)
    options = PhotoOptions(channels=channels, background=background, smallest=smallest)
    photos = open_source(plain_source(resolve(data, split), split), split, options)
    if not len(photos):
        raise EleganError(no_photo(data, photos.verdicts))
    return photos if limit is None else limited(photos, limit, seed)


def plain_source(source: Source, split: str) -> Source:
    """Returns the source without classes and labels: all images of the split are one set."""
    if isinstance(source, ArraySource):
        return source
    listing, _ = files.by_place(source.found, split)
    entries = tuple(replace(entry, label=-1) for entry in listing.entries)
    return replace(source, listing=replace(listing, entries=entries, classes=()))


def open_source(source: Source, split: str, options: PhotoOptions) -> PhotoSet:
    """Opens the photos of a source without classes, also where no photo can be used."""
    folder = entry_of(source, options)
    pixels, _, facts = cache.load(folder)
    sizes = np.array(facts["photos"], dtype=np.int64).reshape(-1, 2)
    ends = np.cumsum(sizes.prod(axis=1) * facts["channels"])
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends])[:-1]
    hashes = tuple(facts["hashes"])
    return PhotoSet(
        name=source.name,
        split=split,
        names=tuple(facts["names"]),
        hash=hash_of(hashes),
        hashes=hashes,
        verdicts=tuple(Verdict(*verdict) for verdict in facts["verdicts"]),
        notes=tuple(facts["notes"]),
        channels=facts["channels"],
        pixels=pixels,
        places=np.column_stack([starts, sizes]),
    )


def limited(photos: PhotoSet, limit: int, seed: int) -> PhotoSet:
    """Returns a seeded choice of `limit` photos, in their order; all where there are no more."""
    if limit >= len(photos):
        return photos
    chosen = photos.chosen(limited_indices(None, len(photos), limit, seed).tolist())
    note = f"Limited to {limit} of {len(photos)} images, seed {seed}."
    return replace(chosen, notes=(*photos.notes, note))


def check_limit(limit: int | None) -> None:
    """Raises UsageError for a limit that leaves nothing."""
    if limit is not None and limit < 1:
        raise UsageError(f"The limit {limit} leaves no image. Name a positive number.")


def hash_of(hashes: Sequence[str]) -> str:
    """Returns the SHA-256 (hex) of a set from those of its photos."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def no_photo(data: str, verdicts: Sequence[Verdict]) -> str:
    """Returns the message for a set without a usable photo, with the reasons counted."""
    reasons = Counter(verdict.reason for verdict in verdicts if verdict.action == "skipped")
    detail = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(4))
    return (
        f"'{data}' has no usable image{f' (skipped: {detail})' if detail else ''}. "
        f"For a verdict on each file: elegan inspect {data}"
    )
