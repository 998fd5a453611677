"""Two sides of photos, paired or not, for the tasks that turn one into the other."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from elegan.common.errors import EleganError
from elegan.data import files
from elegan.data.dataset import PhotoOptions, PhotoSet, Verdict
from elegan.data.opening import check_limit, limited, no_images, open_source, plain_source
from elegan.data.pair_matching import LOOKED_FOR, Pair, Side, decide, find_sides, keys_of
from elegan.data.sources import ArraySource, FileSource, Source, no_test, resolve


@dataclass(frozen=True, kw_only=True, eq=False)
class PairSet:
    """Sources and the targets they are to become."""

    name: str  # of the set, as that of a `PhotoSet`
    split: str  # "train" or "test"
    sources: PhotoSet  # photos to start from; with `targets` in the same order where paired
    targets: PhotoSet  # photos to arrive at, of the same sizes where paired
    paired: bool  # whether photo i of both belongs together
    layout: str  # what was looked for and found, in plain words
    direction: str  # what becomes what
    notes: tuple[str, ...]  # what else a person should know
    # On the files outside both; those inside have theirs in `sources` and `targets`.
    verdicts: tuple[Verdict, ...]
    hash: str  # SHA-256 (hex) over all pixels, sizes and whether they are paired

    def __len__(self) -> int:
        """The number of pairs; of the larger side where they are not paired."""
        return max(len(self.sources), len(self.targets))

    @property
    def summary(self) -> str:
        """How many pairs, or how many on each side, and what becomes what."""
        count = f"{len(self):,} pairs"
        if not self.paired:
            count = f"{len(self.sources):,} sources and {len(self.targets):,} targets, unpaired"
        return f"{count}: {self.direction}"

    def to_dict(self) -> dict[str, Any]:
        """Returns everything but the pixels, as JSON values (the content of `data.json`)."""
        return {
            "name": self.name,
            "split": self.split,
            "hash": self.hash,
            "images": len(self),
            "paired": self.paired,
            "layout": self.layout,
            "notes": list(self.notes),
            "verdicts": [vars(verdict) for verdict in self.verdicts],
            "sources": self.sources.to_dict(),
            "targets": self.targets.to_dict(),
        }


def open_pairs(
    data: str,
    *,
    target: str | None = None,
    split: str = "train",
    paired: bool | None = None,
    reverse: bool = False,
    limit: int | None = None,
    seed: int = 0,
    background: tuple[int, int, int] = (255, 255, 255),
    smallest: int = 32,
) -> PairSet:
    """Opens two sets of photos, matched by their names or not.

    Understood are: folders A/ and B/; trainA/ and trainB/ (testA/, testB/); two folders of any
    names, which may lie in train/ and test/; images twice as wide as high, A left and B right; and
    DATA with `target` as two sets. A is the source and B the target.

    Args:
        data, split, background, smallest: as for `open_photos`.
        target: a second set that holds the targets; `data` are the sources then.
        paired: True matches the files by their names, without their suffixes; False keeps all of
            both; None decides by the names and, where those match, by the sizes.
        reverse: B is the source and A the target.
        limit: keep this many pairs, or of each side where they are not paired, chosen by `seed`.
        seed: of that choice.

    Raises:
        UsageError: the request is wrong: no such data, split or limit.
        EleganError: the data are there but hold no such two sides, or nothing usable in them.
    """
    check_limit(limit)
    options = PhotoOptions(background=background, smallest=smallest)
    if target is not None:
        name, sides, found = _two_sets(data, target, split, options)
        outside: tuple[Verdict, ...] = ()
    else:
        name, sides, found, outside = _one_set(data, split, options)
    for side in sides:
        if not len(side.photos):
            raise EleganError(no_images(side.called, side.photos.verdicts))
    sides, is_paired, said = decide(sides, paired)
    if reverse:
        sides = (sides[1], sides[0])
    sources, targets = (
        side.photos if limit is None else limited(side.photos, limit, seed) for side in sides
    )
    notes = tuple(dict.fromkeys([*sources.notes, *targets.notes]))
    hashes = f"{sources.hash} {targets.hash} {is_paired}"
    layout = f"Looked for {LOOKED_FOR}." if target is None else "Two sets were named."
    return PairSet(
        name=name,
        split=split,
        sources=sources,
        targets=targets,
        paired=is_paired,
        layout=f"{layout} Found {found}. {said}",
        direction=f"{sides[0].called} become {sides[1].called}"
        + (", reversed" if reverse else "; the other way with --translate.reverse"),
        notes=notes,
        verdicts=outside,
        hash=hashlib.sha256(hashes.encode()).hexdigest(),
    )


def has_test_pairs(data: str, target: str | None = None) -> bool:
    """Returns whether `open_pairs` would find test images. Reads no pixels."""
    try:
        if target is not None:
            return all(resolve(name, "test") is not None for name in (data, target))
        sides = find_sides(resolve(data, "train"), "test")
        if sides is not None:
            return sides.has_split
        resolve(data, "test")
    except EleganError:
        return False
    return True


def _two_sets(data: str, target: str, split: str, options: PhotoOptions) -> tuple[str, Pair, str]:
    """Opens DATA as sources and another set as targets."""
    first, second = (
        _side(plain_source(resolve(named, split), split), named, split, options)
        for named in (data, target)
    )
    counts = [f"'{side.called}' ({len(side.photos)} images)" for side in (first, second)]
    return f"{first.photos.name} to {second.photos.name}", (first, second), " and ".join(counts)


def _one_set(
    data: str, split: str, options: PhotoOptions
) -> tuple[str, Pair, str, tuple[Verdict, ...]]:
    """Opens both sides of DATA: two folders in it, else the halves of its images."""
    source = resolve(data, "train")
    sides = find_sides(source, split)
    if sides is None:
        return *_halves(data, split, options), ()
    if not sides.has_split:
        raise no_test(data)
    assert isinstance(source, FileSource)
    first, second = (
        _side(replace(source, listing=listing), folder, split, options)
        for listing, folder in zip(sides.listings, sides.folders, strict=True)
    )
    counts = [f"{side.called} ({len(side.photos)} images)" for side in (first, second)]
    return source.name, (first, second), " and ".join(counts), sides.skipped


def _halves(data: str, split: str, options: PhotoOptions) -> tuple[str, Pair, str]:
    """Opens images twice as wide as high as their left and right halves.

    Raises:
        EleganError: most of the images are not so; it says what was looked for and found.
    """
    source = resolve(data, split)
    if isinstance(source, ArraySource):
        raise EleganError(
            f"'{data}' holds arrays, in which no two sides are found. Name a second set as the "
            "target, or keep the images as files."
        )
    source = plain_source(source, split)
    left, right = (
        _side(source, f"the {part} halves", split, replace(options, part=part))
        for part in ("left", "right")
    )
    photos = left.photos
    refused = sum("not twice as wide as high" in verdict.reason for verdict in photos.verdicts)
    if refused >= len(photos):
        raise EleganError(_no_sides(data, source, len(photos), refused))
    return source.name, (left, right), f"{len(photos)} images twice as wide as high: side by side"


def _no_sides(data: str, source: Source, halved: int, refused: int) -> str:
    assert isinstance(source, FileSource)
    depth = 0
    folders, loose = files.image_groups(source.found.entries, depth)
    while len(folders) == 1 and not loose:
        depth += 1
        folders, loose = files.image_groups(source.found.entries, depth)
    names = [f"{name}/ ({count} images)" for name, count in list(folders.items())[:6]]
    where = f"the folders {', '.join(names)}" if names else "images in one folder only"
    beside = f", {loose} images beside them" if names and loose else ""
    return (
        f"'{data}' does not say what is to become what. Looked for {LOOKED_FOR}. Found {where}"
        f"{beside}; {halved} of {halved + refused} images are twice as wide as high. Arrange them "
        "so, or name two sets: one as the data, one as the target."
    )


def _side(source: Source, called: str, split: str, options: PhotoOptions) -> Side:
    photos = open_source(source, split, options)
    if isinstance(source, ArraySource):
        keys = {name: str(index) for index, name in enumerate(photos.names)}
    else:
        entries = source.listing.entries
        keys = keys_of([entry.name for entry in entries if entry.looks_like_image])
        # An image need not be named like one.
        keys = {**{name: name for name in photos.names}, **keys}
    return Side(called=called, photos=photos, keys=keys)
