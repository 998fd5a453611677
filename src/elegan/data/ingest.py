"""Image files -> one cache entry: a verdict for each file, all in one shape or in their own sizes.

Originals are only ever read. The first pass reads every file's bytes and header and keeps a few
numbers of each; the second decodes and writes to the cache, so that memory stays bounded.
"""

import hashlib
import logging
import os
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from elegan.data import cache, files
from elegan.data.dataset import Options, PhotoOptions, Verdict
from elegan.data.decode import BLANK, Decoded, Target, decode
from elegan.data.files import FileEntry, Listing
from elegan.data.headers import MAX_PIXELS, NO_MEMORY, Hindered, Probe, Unusable, probe
from elegan.data.sources import FileSource

MAX_WORKERS = 8
ANNOUNCE_SECONDS = 5.0

_log = logging.getLogger("elegan")

A = TypeVar("A")
B = TypeVar("B")
Read = Callable[[FileEntry], bytes]


@dataclass(frozen=True)
class Survey:
    """What the first pass learns of a file; `found` says why where it cannot be used."""

    entry: FileEntry
    sha256: str
    found: Probe | Unusable


def ingest_files(source: FileSource, options: Options | PhotoOptions) -> tuple[str, bool]:
    """Makes the cache entry of a source unless it is there.

    Returns:
        its key, and whether it says all of the source: not where a file was `Hindered`, for then
        another time finds more, and the entry must not be remembered as the source's.

    Raises:
        EleganError: the cache cannot be written.
    """
    with warnings.catch_warnings(), files.reader(source.archive) as read:
        # The limits on size are decode's own, stated in the verdict.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        listing = source.listing
        found = ordered_map(lambda entry: _survey(entry, read, options), listing.entries)
        surveys = [*_announced(found, len(listing.entries), f"Reading {source.name}")]
        contents = [(s.entry.name, s.entry.label, s.sha256) for s in surveys]
        hindered = _hindered(surveys)

        def key() -> str:
            read_as = (listing.skipped, listing.classes, listing.notes, options)
            left_out = [sorted(hindered.items())] if hindered else []
            return cache.content_key("files", contents, *read_as, *left_out)

        if cache.find(key()) is None:
            with cache.new_entry(key) as folder:
                hindered |= _write_entry(listing, surveys, options, read, folder)
    return key(), not hindered


def ordered_map(
    function: Callable[[A], B], items: Iterable[A], cost: Callable[[A], int] = lambda item: 0
) -> Iterator[B]:
    """Maps with a few threads, in order, holding no more than a few results at a time.

    With a `cost` in pixels, all results held together stay within `MAX_PIXELS`, or are one.
    """
    workers = min(MAX_WORKERS, os.cpu_count() or 1)
    waiting: deque[tuple[Future[B], int]] = deque()
    held = 0
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            costs = cost(item)
            while waiting and (len(waiting) >= 4 * workers or held + costs > MAX_PIXELS):
                future, freed = waiting.popleft()
                held -= freed
                yield future.result()
            waiting.append((pool.submit(function, item), costs))
            held += costs
        while waiting:
            yield waiting.popleft()[0].result()


def _announced(results: Iterator[A], total: int, what: str) -> Iterator[A]:
    """Passes results on, saying every few seconds how far a long pass is."""
    said = time.monotonic()
    for count, result in enumerate(results, start=1):
        if time.monotonic() - said > ANNOUNCE_SECONDS:
            said = time.monotonic()
            _log.info("%s: %d of %d files", what, count, total)
        yield result


def _read_bytes(read: Read, entry: FileEntry) -> bytes:
    try:
        return read(entry)
    except MemoryError as error:
        raise Hindered(NO_MEMORY) from error
    except OSError as error:
        # The system's errors have a number; that of a damaged member of a zip has none.
        kind = Unusable if error.errno is None else Hindered
        raise kind(f"unreadable: {error.strerror or error}") from error


def _survey(entry: FileEntry, read: Read, options: Options | PhotoOptions) -> Survey:
    sha256 = ""
    try:
        data = _read_bytes(read, entry)
        sha256 = hashlib.sha256(data).hexdigest()
        return Survey(entry, sha256, probe(data, options.background))
    except Unusable as reason:
        return Survey(entry, sha256, reason)


def _settle(surveys: list[Survey], options: Options | PhotoOptions) -> Target:
    """Returns the shape that suits all of these images."""
    probes = [survey.found for survey in surveys if isinstance(survey.found, Probe)]
    sizes = {(found.width, found.height) for found in probes}
    return options.settle(sizes, all(found.gray for found in probes))


def _write_entry(
    listing: Listing,
    surveys: list[Survey],
    options: Options | PhotoOptions,
    read: Read,
    folder: Path,
) -> dict[str, str]:
    """Decodes every image into the entry at `folder`; returns the files that were hindered and why.

    A file found damaged only on decoding may have decided the shape of all; then the shape is
    settled again without it and the images are written once more.
    """
    usable = [survey for survey in surveys if isinstance(survey.found, Probe)]
    skipped = [
        Verdict(survey.entry.name, "skipped", str(survey.found))
        for survey in surveys
        if isinstance(survey.found, Unusable)
    ]
    skipped += listing.skipped
    hindered = _hindered(surveys)
    while True:
        target = _settle(usable, options)
        with closing(cache.EntryWriter(folder, target.resolution, target.channels)) as writer:
            kept, verdicts, sizes = _decode_all(usable, target, read, writer, hindered)
            lost = [verdict for verdict in verdicts if verdict.action == "skipped"]
            if lost and _settle(kept, options) != target:
                usable, skipped = kept, skipped + lost
                writer.discard()
                continue
            labels, classes, notes = _labels(listing, kept)
            notes += [
                f"Left out this time, and tried again the next: {name} ({why})."
                for name, why in sorted(hindered.items())
            ]
            if blank := sum(BLANK in verdict.reason for verdict in verdicts):
                notes.append(
                    f"Blank: of {blank} of {len(kept)} images nothing is seen on"
                    f" {options.background}, which is laid under what is transparent. Choose"
                    " another ground, such as --ground black."
                )
            # The order of file names is also that of the images.
            verdicts = sorted([*verdicts, *skipped], key=lambda verdict: verdict.file.split("/"))
            names = [survey.entry.name for survey in kept]
            writer.finish(
                labels, classes=classes, verdicts=verdicts, notes=notes, sizes=sizes, names=names
            )
            return hindered


def _hindered(surveys: list[Survey]) -> dict[str, str]:
    return {s.entry.name: str(s.found) for s in surveys if isinstance(s.found, Hindered)}


def _decode_all(
    usable: list[Survey],
    target: Target,
    read: Read,
    writer: cache.EntryWriter,
    hindered: dict[str, str],
) -> tuple[list[Survey], list[Verdict], dict[str, int]]:
    """Returns the files that could be decoded, a verdict for each, and the count of each size.

    Files that were hindered are added to those given.
    """

    def attempt(survey: Survey) -> Decoded | Unusable:
        try:
            return decode(_read_bytes(read, survey.entry), target)
        except Unusable as reason:
            return reason

    kept: list[Survey] = []
    verdicts: list[Verdict] = []
    sizes: Counter[str] = Counter()

    def pixels(survey: Survey) -> int:
        """How many a decoded file that keeps its size holds at most."""
        found = survey.found
        if target.resolution is not None or not isinstance(found, Probe):
            return 0
        return min(found.width * found.height, MAX_PIXELS)

    results = _announced(ordered_map(attempt, usable, pixels), len(usable), "Converting")
    for survey, result in zip(usable, results, strict=True):
        name = survey.entry.name
        if isinstance(result, Unusable):
            verdicts.append(Verdict(name, "skipped", str(result)))
            if isinstance(result, Hindered):
                hindered[name] = str(result)
            continue
        writer.append(result.pixels[None])
        kept.append(survey)
        sizes["{}x{}".format(*result.size)] += 1
        said = [*result.conversions, result.resizing]
        reason = "; ".join(part for part in said if part) or "as it is"
        verdicts.append(Verdict(name, "converted" if result.conversions else "used", reason))
    return kept, verdicts, dict(sizes.most_common())


def _labels(listing: Listing, kept: list[Survey]) -> tuple[np.ndarray | None, list[str], list[str]]:
    """Returns (int64 labels or None, classes that have images, notes)."""
    notes = list(listing.notes)
    labels = np.array([survey.entry.label for survey in kept], dtype=np.int64)
    present = np.unique(labels[labels >= 0])
    empty = [name for index, name in enumerate(listing.classes) if index not in present]
    if empty:
        notes.append(f"Without a usable image, so not a class: {', '.join(empty)}.")
    if len(present) == 0:
        return None, [], notes
    classes = [listing.classes[index] for index in present]
    return np.searchsorted(present, labels), classes, notes
