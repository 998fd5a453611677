"""What a set of images is once it has been read: pixels, labels and a verdict for each file."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from elegan.common.errors import UsageError
from elegan.data.decode import Target

MIN_RESOLUTION = 16
MAX_RESOLUTION = 256
DEFAULT_RESOLUTION = 64
FITS = ("crop", "pad", "stretch")

Action = Literal["used", "converted", "skipped"]


@dataclass(frozen=True)
class Verdict:
    """What became of one file.

    Attributes:
        file: path within the set, '/'-separated and printable.
        action: "used" (its colours as they are, at most resized), "converted" or "skipped".
        reason: why, in plain words.
    """

    file: str
    action: Action
    reason: str


@dataclass(frozen=True, kw_only=True)
class Options:
    """How images become arrays of one shape.

    Attributes:
        resolution: side in pixels, 16..256; None takes the common square size, else 64.
        channels: 1 (gray) or 3 (RGB); None takes 1 when every image is gray.
        fit: "crop" the centre square, "pad" to a square with the background, or "stretch".
        background: RGB 0..255 behind transparent pixels and padding.

    Raises:
        UsageError: a value is outside these.
    """

    resolution: int | None = None
    channels: int | None = None
    fit: str = "crop"
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
            if width == height and MIN_RESOLUTION <= width <= MAX_RESOLUTION:
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

    Attributes:
        channels: 1 (gray) or 3 (RGB); None takes 1 when every image is gray.
        background: RGB 0..255 behind transparent pixels.
        smallest: least width and height in pixels; what is smaller is skipped.
        part: "whole", or the "left" or "right" half of images twice as wide as high.

    Raises:
        UsageError: a value is outside these.
    """

    channels: int | None = 3
    background: tuple[int, int, int] = (255, 255, 255)
    smallest: int = 32
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


def _check_colours(channels: int | None, background: tuple[int, ...]) -> None:
    if channels not in (None, 1, 3):
        raise UsageError(f"Images have 1 channel (gray) or 3 (colour), not {channels}.")
    if len(background) != 3 or not all(0 <= value <= 255 for value in background):
        raise UsageError(f"The background is three values of 0..255, not {background}.")


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageData:
    """A set of images of one shape, ready to be drawn from.

    Attributes:
        name: the known name, or the name of the folder or file.
        split: "train" or "test".
        images: uint8 [N, R, R, C], memory-mapped and read-only.
        labels: int64 [N], each an index into `classes`; None when there are none.
        classes: names of the classes; empty without labels.
        hash: SHA-256 (hex) over pixels, labels and classes: equal exactly when the data are.
        verdicts: one for each file that was looked at.
        notes: what a person should know about how the data were read.
        sizes: how many images had which original size, as "WIDTHxHEIGHT".
        origins: int64 [N], the place of each image among all that were read; None when all are
            here.
        known: the known data set that it is, by the name that was asked for or recognised by its
            files; "" for any other, whatever its folder is called.
    """

    name: str
    split: str
    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    hash: str
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    sizes: dict[str, int]
    origins: np.ndarray | None = None
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
        side = self.resolution
        return f"{len(self):,} images {side}x{side}x{self.channels}"

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

    def facts(self) -> dict[str, Any]:
        """Returns everything but the pixels, as JSON values (the content of `data.json`)."""
        actions = Counter(verdict.action for verdict in self.verdicts)
        return {
            "name": self.name,
            "split": self.split,
            "hash": self.hash,
            "images": len(self),
            "resolution": self.resolution,
            "channels": self.channels,
            "classes": self.class_counts(),
            "files": {name: actions[name] for name in ("used", "converted", "skipped")},
            "notes": list(self.notes),
            "verdicts": [vars(verdict) for verdict in self.verdicts],
        }
