"""Opening a set: from what a person types to `ImageData` or `PhotoSet`, by way of the cache.

And the order in which a run sees its images.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from elegan.common.errors import EleganError, UsageError
from elegan.data import cache, dataset, files
from elegan.data.array_images import ingest_arrays
from elegan.data.dataset import ImageData, Options, PhotoOptions, PhotoSet, Verdict
from elegan.data.ingest import ingest_files
from elegan.data.known import KNOWN
from elegan.data.sources import ArraySource, Source, resolve

MIN_IMAGES = 2
COPY_IMAGES = 256
_STREAM = 0x6F72646572  # "order": keeps these draws apart from every other use of the same seed


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
    check_limit(limit)
    options = Options(resolution=resolution, channels=channels, fit=fit, background=background)
    opened, folder = open_any(data, options, split)
    if limit is not None:
        opened = _limited(opened, folder.name, limit, seed)
    if len(opened) < MIN_IMAGES:
        found = "one usable image only" if len(opened) else "no usable image"
        few = f"Training needs at least {MIN_IMAGES}, better 100 or more. "
        raise EleganError(no_images(data, opened.verdicts, found, few))
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
        verdicts=facts["verdicts"],
        notes=facts["notes"],
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
        with (
            cache.new_entry(key) as folder,
            closing(cache.EntryWriter(folder, data.resolution, data.channels)) as writer,
        ):
            for first in range(0, len(chosen), COPY_IMAGES):
                writer.append(data.images[chosen[first : first + COPY_IMAGES]])
            writer.finish(
                None if data.labels is None else data.labels[chosen],
                classes=data.classes,
                verdicts=data.verdicts,
                notes=[*data.notes, note],
                sizes=data.sizes,
            )
    kept = _load(cache.entry_path(key), data.name, data.split)
    return replace(kept, origins=chosen, known=data.known)


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
        data, split, background: as for `open_data`.
        channels: 3 (RGB; gray files too) or 1 (gray); None takes 1 when every image is gray.
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
        raise EleganError(no_images(data, photos.verdicts))
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
        hash=dataset.hash_of(hashes),
        hashes=hashes,
        verdicts=facts["verdicts"],
        notes=facts["notes"],
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


def no_images(
    data: str, verdicts: Sequence[Verdict], found: str = "no usable image", few: str = ""
) -> str:
    """Returns the message for a set with too few usable images, with the reasons counted."""
    reasons = dataset.skip_reasons(verdicts).most_common(4)
    detail = "; ".join(f"{count} x {reason}" for reason, count in reasons)
    skipped = f" (skipped: {detail})" if detail else ""
    verdict = f"For a verdict on each file: elegan inspect {data}"
    return f"'{data}' has {found}{skipped}. {few}{verdict}"


@lru_cache(maxsize=64)
def epoch_permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    """Returns the read-only int64 permutation of 0..count-1 that epoch number `epoch` follows.

    The last 64 are kept, since consecutive batches ask for the same one, or, where classes are
    balanced, for one of each class.
    """
    key = np.random.SeedSequence([seed % 2**64, _STREAM, epoch])
    permutation = np.random.Generator(np.random.PCG64(key)).permutation(count).astype(np.int64)
    permutation.setflags(write=False)
    return permutation


def batch_indices(seed: int, position: int, batch: int, count: int) -> np.ndarray:
    """Returns the int64 [batch] indices of the images at `position` of an endless shuffled stream.

    The stream is one permutation of all images after another, each keyed by (seed, epoch), so every
    image is seen once an epoch and any position can be resumed exactly, whatever batch size led
    there. A batch may cross the end of an epoch and may be larger than the set.

    Args:
        position: images seen so far, >= 0.
        batch: images to draw, >= 0.
        count: images in the set, >= 1.

    Raises:
        ValueError: `count` is not positive, or `position` or `batch` is negative.
    """
    if count < 1 or position < 0 or batch < 0:
        raise ValueError(f"No order for count={count}, position={position}, batch={batch}.")
    pieces = []
    while batch > 0:
        epoch, offset = divmod(position, count)
        piece = epoch_permutation(seed, epoch, count)[offset : offset + batch]
        pieces.append(piece)
        position += len(piece)
        batch -= len(piece)
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)
