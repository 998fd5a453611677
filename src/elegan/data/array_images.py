"""Stored arrays -> one cache entry: values mapped to uint8, in one shape or in their own sizes."""

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from elegan.common.errors import EleganError
from elegan.data import cache
from elegan.data.arrays import PixelArray
from elegan.data.dataset import Options, PhotoOptions, Verdict, class_order
from elegan.data.decode import Target, fit_square, too_small
from elegan.data.known import recognise
from elegan.data.pictures import to_pillow
from elegan.data.sources import ArraySource


def ingest_arrays(source: ArraySource, options: Options | PhotoOptions) -> str:
    """Makes the cache entry of a source unless it is there; returns its key.

    Raises:
        EleganError: the values are not those of images, or the cache cannot be written.
    """
    key = cache.content_key("arrays", source.digest(), options)
    if cache.find(key) is None:
        with cache.new_entry(key) as folder:
            _write_entry(source, options, folder)
    return key


def _write_entry(source: ArraySource, options: Options | PhotoOptions, folder: Path) -> None:
    stored = [(array, _Layout(array.shape)) for array in source.load()]
    sizes: Counter[str] = Counter()
    for array, layout in stored:
        sizes[f"{layout.width}x{layout.height}"] += array.shape[0]
    target = options.settle(
        {(layout.width, layout.height) for _, layout in stored},
        all(layout.channels == 1 for _, layout in stored),
    )
    verdicts, names = [], []
    with closing(cache.EntryWriter(folder, target.resolution, target.channels)) as writer:
        for array, layout in stored:
            if min(layout.width, layout.height) < target.smallest:
                reason = too_small(layout.width, layout.height, target)
                verdicts.append(Verdict(array.file, "skipped", reason))
                continue
            mapping = _Mapping(array)
            for chunk in array.chunks():
                writer.append(_to_target(layout.channels_last(mapping(chunk)), target))
            names += [f"{array.file}[{index}]" for index in range(array.shape[0])]
            reasons = [f"{array.shape[0]} images", mapping.reason, layout.reason(target)]
            converted = bool(mapping.reason) or layout.channels != target.channels
            reason = "; ".join(part for part in reasons if part)
            verdicts.append(Verdict(array.file, "converted" if converted else "used", reason))
        labels, classes = None, []
        more: dict[str, Any] = {"known": recognise(source.paths)}
        if target.resolution is None:
            more["names"] = names
        else:
            labels, classes = _labels(source, [array for array, _ in stored])
        found = {"classes": classes, "verdicts": verdicts, "sizes": sizes}
        writer.finish(labels, notes=[], **found, **more)


class _Layout:
    """Where height, width and channels are in a stored array of images."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._channels_first = len(shape) == 4 and shape[3] not in (1, 3, 4)
        if self._channels_first:
            self.channels, self.height, self.width = shape[1:]
        else:
            self.height, self.width, self.channels = (*shape[1:], 1)[:3]

    def channels_last(self, chunk: np.ndarray) -> np.ndarray:
        if chunk.ndim == 3:
            return chunk[..., None]
        return chunk.transpose(0, 2, 3, 1) if self._channels_first else chunk

    def reason(self, target: Target) -> str:
        """Returns what the shape of the images undergoes."""
        parts = []
        if self.channels == 4:
            parts.append(f"transparency flattened on {target.background}")
        elif self.channels != target.channels:
            parts.append("gray to RGB" if target.channels == 3 else "colour to gray")
        side = target.resolution
        if side is not None and (self.width, self.height) != (side, side):
            parts.append(f"{target.fit} {self.width}x{self.height} to {side}x{side}")
        return "; ".join(parts)


class _Mapping:
    """How values become 0..255; the range is found by a first pass where the type needs it.

    Floats are taken as 0..1, -1..1 or 0..255, whichever is the first that holds every value.

    Raises:
        EleganError: the values fit none of these, or are not finite.
    """

    def __init__(self, array: PixelArray) -> None:
        self._scale, self._shift, self.reason = 1.0, 0.0, ""
        kind, size = array.dtype.kind, array.dtype.itemsize
        if kind == "u" and size == 1:
            return
        if kind == "b":
            self._scale, self.reason = 255.0, "true and false as 255 and 0"
            return
        low, high = _range(array)
        name = array.dtype.name
        if kind == "u" and size == 2 and high > 255:
            self._scale, self.reason = 255 / 65535, "16-bit scaled to 8-bit"
        elif kind == "f" and low >= 0 and high <= 1:
            self._scale, self.reason = 255.0, f"{name} 0..1 scaled to 0..255"
        elif kind == "f" and low >= -1 and high <= 1:
            self._scale, self._shift, self.reason = 127.5, 1.0, f"{name} -1..1 scaled to 0..255"
        elif low >= 0 and high <= 255:
            self.reason = f"{name} 0..255 rounded"
        else:
            raise EleganError(
                f"'{array.file}' holds {name} values {low:g}..{high:g}. Images are 0..255, or "
                "floats within 0..1 or -1..1: scale them and save again."
            )

    def __call__(self, chunk: np.ndarray) -> np.ndarray:
        if chunk.dtype == np.uint8:
            return chunk
        values = (chunk.astype(np.float32) + self._shift) * self._scale
        return np.rint(values).clip(0, 255).astype(np.uint8)


def _range(array: PixelArray) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for chunk in array.chunks():
        if not np.isfinite(chunk).all():
            raise EleganError(
                f"'{array.file}' holds values that are not finite numbers. Replace them and "
                "save again."
            )
        low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
    return low, high


def _to_target(images: np.ndarray, target: Target) -> np.ndarray:
    """Brings uint8 [n, H, W, 1 | 3 | 4] to uint8 [n, R, R, C], or to C channels only."""
    side = target.resolution
    height, width = (side or images.shape[1]), (side or images.shape[2])
    if images.shape[1:] == (height, width, target.channels):
        return images
    if images.shape[3] == 4:
        alpha = images[..., 3:].astype(np.float32) / 255
        flat = images[..., :3] * alpha + np.array(target.background) * (1 - alpha)
        images = np.rint(flat).astype(np.uint8)
    mode = "L" if target.channels == 1 else "RGB"
    fitted = [
        np.asarray(fit_square(to_pillow(np.ascontiguousarray(image)).convert(mode), target))
        for image in images
    ]
    return np.stack(fitted).reshape(len(images), height, width, target.channels)


def _labels(source: ArraySource, arrays: list[PixelArray]) -> tuple[np.ndarray | None, list[str]]:
    """Returns (int64 labels or None, class names).

    With given names the values are their indices; else each value that occurs is a class.

    Raises:
        EleganError: a label is outside the named classes, or the labels are not whole numbers.
    """
    stored = [array.labels for array in arrays]
    if any(labels is None for labels in stored):
        return None, []
    labels = np.concatenate([labels for labels in stored if labels is not None])
    if labels.dtype.kind == "f" and (labels == np.rint(labels)).all():
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "biuUS":
        raise EleganError(f"The labels of '{source.name}' are {labels.dtype}, not whole numbers.")
    if source.classes is not None:
        if labels.min() < 0 or labels.max() >= len(source.classes):
            raise EleganError(
                f"'{source.name}' has labels {labels.min()}..{labels.max()} for "
                f"{len(source.classes)} classes: the file is not the one it should be."
            )
        return labels.astype(np.int64), list(source.classes)
    values, indices = np.unique(labels, return_inverse=True)
    names = [value.decode() if isinstance(value, bytes) else str(value) for value in values]
    order = sorted(range(len(names)), key=lambda index: class_order(names[index]))
    return np.argsort(order)[indices].astype(np.int64), [names[index] for index in order]
