"""Opening a set of images: from what a person types to `ImageData`, by way of the cache."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from elegan.common.errors import EleganError, UsageError
from elegan.data import cache
from elegan.data.array_images import ingest_arrays
from elegan.data.dataset import ImageData, Options, PhotoOptions, Verdict
from elegan.data.ingest import ingest_files
from elegan.data.known import KNOWN
from elegan.data.sources import ArraySource, Source, resolve

MIN_IMAGES = 2
COPY_IMAGES = 256


def open_data(
    data: str,
    *,
    resolution: int | None = None,
    channels: int | None = None,
    fit: str = "crop",
    background: tuple[int, int, int] = (255, 255, 255),
    limit: int | None = None,
    seed: int = 0,
    split: str = "train",
) -> ImageData:
    """Opens a set of images, ingesting it on first use.

    Args:
        data: a known name, a folder, a zip (or a folder inside it), IDX files, .npy or .npz.
        resolution: side in pixels, 16..256; None takes the common square size, else 64.
        channels: 1 (gray) or 3 (RGB); None takes 1 when every image is gray.
        fit: "crop" the centre square, "pad" to a square with `background`, or "stretch".
        background: RGB 0..255 behind transparent pixels and padding.
        limit: keep this many images, chosen by `seed`; of each class where there are classes.
        seed: of that choice.
        split: "train" or "test".

    Raises:
        UsageError: the request is wrong: no such data, split, size or fit.
        EleganError: the data are there but fewer than two images can be used, or the cache cannot
            be written.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"The limit {limit} leaves no image. Name a positive number.")
    options = Options(resolution=resolution, channels=channels, fit=fit, background=background)
    opened, folder = open_any(data, options, split)
    if limit is not None:
        opened = _limited(opened, folder.name, limit, seed)
    if len(opened) < MIN_IMAGES:
        raise EleganError(_too_few(data, opened))
    return opened


def open_any(data: str, options: Options, split: str = "train") -> tuple[ImageData, Path]:
    """Opens a set, also one with no usable image; returns it and its folder in the cache."""
    source = resolve(data, split)
    folder = entry_of(source, options)
    opened = _load(folder, source.name, split)
    return (replace(opened, known=data) if data in KNOWN else opened), folder


def entry_of(source: Source, options: Options | PhotoOptions) -> Path:
    """Returns the entry of a source in the cache, made on first use.

    Raises:
        EleganError: the source cannot be used, or the cache cannot be written.
    """
    stamp = cache.content_key("stamp", source.stamp(), options)
    folder = cache.recall(stamp)
    if folder is not None:
        return folder
    if isinstance(source, ArraySource):
        key, lasting = ingest_arrays(source, options), True
    else:
        key, lasting = ingest_files(source, options)
    if lasting:
        cache.remember(stamp, key)
    return cache.entry_path(key)


def _load(folder: Path, name: str, split: str) -> ImageData:
    images, labels, facts = cache.load(folder)
    return ImageData(
        name=name,
        split=split,
        images=images,
        labels=labels,
        classes=tuple(facts["classes"]),
        hash=facts["hash"],
        verdicts=tuple(Verdict(*verdict) for verdict in facts["verdicts"]),
        notes=tuple(facts["notes"]),
        sizes=facts["sizes"],
        known=facts.get("known", ""),
    )


def limited_indices(labels: np.ndarray | None, count: int, limit: int, seed: int) -> np.ndarray:
    """Returns sorted indices of `limit` of `count` images, of each class where there are labels.

    A class with fewer images is kept whole. A larger limit keeps all that a smaller one does.
    """
    order = np.random.default_rng(seed % 2**64).permutation(count)
    if labels is None:
        return np.sort(order[:limit])
    shuffled = labels[order]
    kept = [order[shuffled == label][:limit] for label in np.unique(labels)]
    return np.sort(np.concatenate(kept)) if kept else np.empty(0, dtype=np.int64)


def _limited(data: ImageData, key: str, limit: int, seed: int) -> ImageData:
    """Returns a seeded subset, itself an entry of the cache so that it stays memory-mapped."""
    chosen = limited_indices(data.labels, len(data), limit, seed)
    if len(chosen) == len(data):
        return data
    key = cache.content_key("limited", key, limit, seed)
    if cache.find(key) is None:
        scope = "of each class" if data.labels is not None else "in all"
        note = f"Limited to {limit} images {scope}: {len(chosen)} of {len(data)}, seed {seed}."
        facts = {
            "resolution": data.resolution,
            "channels": data.channels,
            "classes": data.classes,
            "verdicts": [(v.file, v.action, v.reason) for v in data.verdicts],
            "notes": [*data.notes, note],
            "sizes": data.sizes,
        }
        with cache.new_entry(key) as folder:
            writer = cache.EntryWriter(folder, data.resolution, data.channels)
            try:
                for first in range(0, len(chosen), COPY_IMAGES):
                    writer.append(data.images[chosen[first : first + COPY_IMAGES]])
                writer.finish(None if data.labels is None else data.labels[chosen], facts)
            finally:
                writer.close()
    kept = _load(cache.entry_path(key), data.name, data.split)
    return replace(kept, origins=chosen, known=data.known)


def _too_few(data: str, opened: ImageData) -> str:
    reasons = Counter(v.reason for v in opened.verdicts if v.action == "skipped")
    detail = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(4))
    found = "one usable image only" if len(opened) else "no usable image"
    return (
        f"'{data}' has {found}{f' (skipped: {detail})' if detail else ''}. Training needs at least "
        f"{MIN_IMAGES}, better 100 or more. For a verdict on each file: elegan inspect {data}"
    )
