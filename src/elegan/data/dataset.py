"""What a set of images is once it has been read: pixels, labels and a verdict for each file."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from PIL import ImageColor

from elegan.common.errors import UsageError
from elegan.data.decode import Target

MIN_RESOLUTION = 16
MAX_RESOLUTION = 256
DEFAULT_RESOLUTION = 64
FITS = ("crop", "pad", "stretch")


@dataclass(frozen=True)
class Verdict:
    """What became of one file."""

    file: str  # path within the set, '/'-separated and printable
    # "used" (its colours as they are, at most resized), "converted" or "skipped".
    action: Literal["used", "converted", "skipped"]
    reason: str  # why, in plain words


def class_order(name: str) -> tuple[int, int, str]:
    """Key that sorts names of classes, whatever they come from: whole numbers, then words."""
    digits = name.removeprefix("-")
    whole = digits.isascii() and digits.isdigit() and len(digits) < 19
    return (0, int(name), name) if whole else (1, 0, name)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How images become arrays of one shape.

    Raises:
        UsageError: a value is outside these.
    """

    # Side in pixels, 16..256; None takes the common square size up to 64, else 64.
    resolution: int | None = None
    channels: int | None = None  # 1 (gray) or 3 (RGB); None takes 1 when every image is gray
    # "crop" the centre square, "pad" to a square with the background, or "stretch".
    fit: str = "crop"
    # RGB 0..255 behind transparent pixels and padding.
    background: tuple[int, int, int] = (255, 255, 255)

    def __post_init__(self) -> None:
        # A list, as JSON gives it, must name the same entry of the cache.
        object.__setattr__(self, "background", tuple(self.background))
        size = self.resolution
        if size is not None and not MIN_RESOLUTION <= size <= MAX_RESOLUTION:
            raise UsageError(
                f"The resolution {size} is outside {MIN_RESOLUTION}..{MAX_RESOLUTION} pixels. "
                "Choose one within, for example 64."
            )
        if self.fit not in FITS:
            raise UsageError(f"Unknown fit '{self.fit}'. Known: {', '.join(FITS)}.")
        _check_colours(self.channels, self.background)

    def settle(self, sizes: set[tuple[int, int]], all_gray: bool) -> Target:
        """Returns the shape that suits images of these (width, height) sizes."""
        resolution = self.resolution or DEFAULT_RESOLUTION
        if self.resolution is None and len(sizes) == 1:
            width, height = next(iter(sizes))
            if width == height and MIN_RESOLUTION <= width <= DEFAULT_RESOLUTION:
                resolution = width
        return Target(
            resolution=resolution,
            channels=self.channels or (1 if all_gray else 3),
            fit=self.fit,
            background=self.background,
        )


@dataclass(frozen=True, kw_only=True)
class PhotoOptions:
    """How images become arrays that keep their sizes.

    Raises:
        UsageError: a value is outside these.
    """

    channels: int | None = 3  # 1 (gray) or 3 (RGB); None takes 1 when every image is gray
    background: tuple[int, int, int] = (255, 255, 255)  # RGB 0..255 behind transparent pixels
    smallest: int = 32  # least width and height in pixels; what is smaller is skipped
    # "whole", or the "left" or "right" half of images twice as wide as high.
    part: Literal["whole", "left", "right"] = "whole"

    def __post_init__(self) -> None:
        object.__setattr__(self, "background", tuple(self.background))
        if self.smallest < 1:
            raise UsageError(f"The smallest photo has at least 1 pixel, not {self.smallest}.")
        _check_colours(self.channels, self.background)

    def settle(self, sizes: set[tuple[int, int]], all_gray: bool) -> Target:
        """Returns how to decode them; `sizes` do not matter, since each is kept."""
        return Target(
            resolution=None,
            channels=self.channels or (1 if all_gray else 3),
            fit=FITS[0],
            background=self.background,
            smallest=self.smallest,
            part=self.part,
        )


def colour_of(ground: str) -> tuple[int, int, int]:
    """Returns RGB 0..255 of a colour's name or #RRGGBB.

    Raises:
        UsageError: it is neither.
    """
    try:
        red, green, blue = ImageColor.getrgb(ground)[:3]
    except ValueError as error:
        raise UsageError(
            f"--ground '{ground}' is no colour. Type a name such as black, or #RRGGBB."
        ) from error
    return red, green, blue


def _check_colours(channels: int | None, background: tuple[int, ...]) -> None:
    if channels not in (None, 1, 3):
        raise UsageError(f"Images have 1 channel (gray) or 3 (colour), not {channels}.")
    if len(background) != 3 or not all(0 <= value <= 255 for value in background):
        raise UsageError(f"The background is three values of 0..255, not {background}.")


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageData:
    """A set of images of one shape, ready to be drawn from."""

    name: str  # the known name, or the name of the folder or file
    split: str  # "train" or "test"
    images: np.ndarray  # uint8 [N, R, R, C], memory-mapped and read-only
    labels: np.ndarray | None  # int64 [N], each an index into `classes`; None when there are none
    classes: tuple[str, ...]  # names of the classes; empty without labels
    hash: str  # SHA-256 (hex) over pixels, labels and classes: equal exactly when the data are
    verdicts: tuple[Verdict, ...]  # one for each file that was looked at
    notes: tuple[str, ...]  # what a person should know about how the data were read
    sizes: dict[str, int]  # how many images had which original size, as "WIDTHxHEIGHT"
    # int64 [N], the place of each image among all that were read; None when all are here.
    origins: np.ndarray | None = None
    # The known data set that it is, by the name that was asked for or recognised by its files; ""
    # for any other, whatever its folder is called.
    known: str = ""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def resolution(self) -> int:
        """Side of the square images in pixels."""
        return self.images.shape[1]

    @property
    def channels(self) -> int:
        """1 (gray) or 3 (RGB)."""
        return self.images.shape[3]

    @property
    def summary(self) -> str:
        """How many images of which shape."""
        return f"{len(self):,} images {self.resolution}x{self.resolution}x{self.channels}"

    def image_names(self) -> list[str]:
        """Returns a name for each image: its file, or file[index] where a file holds many."""
        files = [verdict.file for verdict in self.verdicts if verdict.action != "skipped"]
        places = range(len(self)) if self.origins is None else self.origins.tolist()
        if len(files) == 1 and (len(self) > 1 or self.origins is not None):
            return [f"{files[0]}[{index}]" for index in places]
        # One verdict a file, and an image each: with several array files there are far fewer.
        if len(files) == len(self) or (self.origins is not None and len(files) > max(places)):
            return [files[index] for index in places]
        return [f"image {index}" for index in places]

    def class_counts(self) -> dict[str, int]:
        """Returns the number of images of each class; empty without labels."""
        if self.labels is None:
            return {}
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, counts, strict=True)}

    def to_dict(self) -> dict[str, Any]:
        """Returns everything but the pixels, as JSON values (the content of `data.json`)."""
        facts = {"resolution": self.resolution, "channels": self.channels}
        return _facts(self, {**facts, "classes": self.class_counts()})


@dataclass(frozen=True, kw_only=True, eq=False)
class PhotoSet:
    """Photos of any sizes, memory-mapped from the cache."""

    name: str  # the known name, or the name of the folder or file
    split: str  # "train" or "test"
    # The file of each photo within the set, or file[index] where a file holds many.
    names: tuple[str, ...]
    hash: str  # SHA-256 (hex) over the sizes and pixels of all: equal exactly when those are
    hashes: tuple[str, ...]  # the same of each photo, to find those that are in two sets
    verdicts: tuple[Verdict, ...]  # one for each file that was looked at
    notes: tuple[str, ...]  # what a person should know about how the photos were read
    channels: int  # 1 (gray) or 3 (RGB)
    pixels: np.ndarray  # uint8 [bytes], read-only: the pixels of one photo after another
    places: np.ndarray  # int64 [N, 3], the first byte, height and width of each photo in `pixels`

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
        low, high = self.places[:, 1:].min(), self.places[:, 1:].max()
        size = f"{self._megapixels():,.1f} megapixels"
        return f"{len(self):,} photos, {size}, sides of {low} to {high}"

    def _megapixels(self) -> float:
        return float(np.prod(self.places[:, 1:], axis=1).sum()) / 1e6

    def chosen(self, indices: Sequence[int]) -> "PhotoSet":
        """Returns the set of these photos, in this order; verdicts and notes stay."""
        names = tuple(self.names[index] for index in indices)
        hashes = tuple(self.hashes[index] for index in indices)
        places = self.places[np.asarray(indices, dtype=np.int64)]
        return replace(self, names=names, hash=hash_of(hashes), hashes=hashes, places=places)

    def to_dict(self) -> dict[str, Any]:
        """Returns everything but the pixels, as JSON values (the content of `data.json`)."""
        sizes = Counter(f"{width}x{height}" for _, height, width in self.places.tolist())
        facts = {"channels": self.channels, "megapixels": round(self._megapixels(), 3)}
        return _facts(self, {**facts, "sizes": dict(sizes.most_common())})


def hash_of(hashes: Sequence[str]) -> str:
    """Returns the SHA-256 (hex) of a set from those of its photos."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _facts(data: ImageData | PhotoSet, more: dict[str, Any]) -> dict[str, Any]:
    actions = Counter(verdict.action for verdict in data.verdicts)
    return {
        "name": data.name,
        "split": data.split,
        "hash": data.hash,
        "images": len(data),
        **more,
        "files": {name: actions[name] for name in ("used", "converted", "skipped")},
        "notes": list(data.notes),
        "verdicts": [vars(verdict) for verdict in data.verdicts],
    }


def skip_reasons(verdicts: Sequence[Verdict]) -> Counter[str]:
    """Returns why files were skipped, with counts."""
    return Counter(verdict.reason for verdict in verdicts if verdict.action == "skipped")
