"""The two sides of a set, by its folders; which of their photos belong together, by their names."""

import difflib
import itertools
import os.path
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from elegan.common.errors import EleganError
from elegan.data import files
from elegan.data.dataset import PhotoSet, Verdict
from elegan.data.files import FileEntry, Listing
from elegan.data.sources import ArraySource, Source

LOOKED_FOR = (
    "folders A/ and B/, trainA/ and trainB/, two folders of any names (in train/ too), and files "
    "twice as wide as high"
)
MAX_HINTS = 50  # files without a partner that get the nearest name, which is slow to find
_HINTED_AMONG = 2_000
LEAST_SHARE = 0.5  # of the smaller side: names that match for fewer do not make sides paired


@dataclass(frozen=True)
class FoundSides:
    """The two sides of a set."""

    listings: tuple[Listing, ...]  # the files of A and of B, without classes
    folders: tuple[str, ...]  # their folders, '/'-separated within the set
    skipped: tuple[Verdict, ...]  # verdicts on all other files
    has_split: bool  # whether the split that was asked for is there


def find_sides(source: Source, split: str) -> FoundSides | None:
    """Finds the folders of A and B of a split; None where no two folders stand for them.

    - A lone folder around everything is looked through.
    - `trainA/` and `trainB/` (with `testA/`, `testB/`), `A/` and `B/`, in any case of letters.
    - `train/` beside `test/` (or `val/`): the split's own folder is looked into.
    - Two folders of any names, in the order of those.
    - Within the two sides, `train/` beside `test/` again.
    """
    if isinstance(source, ArraySource):
        return None
    listing, place, in_split = source.found, (), False
    while True:
        groups, loose = files.image_groups(_within(listing, place), len(place))
        lower = {re.sub("[-_ ]", "", name.lower()): name for name in groups}
        if "traina" in lower and "trainb" in lower:
            names = ("train",) if split == "train" else files.TEST_NAMES
            wanted = [(f"{name}a", f"{name}b") for name in names]
            found = next((pair for pair in wanted if set(pair) <= set(lower)), None)
            places = [(*place, lower[name]) for name in found or ("traina", "trainb")]
            return _sides(listing, places, found is not None)
        train, test = files.split_folders(groups)
        if "a" in lower and "b" in lower:
            sides = [lower["a"], lower["b"]]
        elif loose or not groups:
            return None
        elif train and test and not in_split:
            in_split = True
            place = (*place, test if split == "test" else train)
            continue
        elif len(groups) == 1:
            place = (*place, *groups)
            continue
        elif len(groups) == 2:
            sides = sorted(groups)
        else:
            return None
        places = [(*place, name) for name in sides]
        return _sides(listing, places, True) if in_split else _split_sides(listing, places, split)


def _within(listing: Listing, place: tuple[str, ...]) -> tuple[FileEntry, ...]:
    return tuple(entry for entry in listing.entries if entry.parts[: len(place)] == place)


def _split_sides(listing: Listing, places: list[tuple[str, ...]], split: str) -> FoundSides:
    """Looks for train/ beside test/ within both sides."""
    inner = []
    for place in places:
        groups, _ = files.image_groups(_within(listing, place), len(place))
        train, test = files.split_folders(groups)
        if not (train and test):
            return _sides(listing, places, split == "train")
        inner.append((*place, test if split == "test" else train))
    return _sides(listing, inner, True)


def _sides(listing: Listing, places: list[tuple[str, ...]], has_split: bool) -> FoundSides:
    parts = [_within(listing, place) for place in places]
    folders = tuple(f"{'/'.join(place)}/" for place in places)
    taken = {entry.name for entries in parts for entry in entries}
    outside = f"outside {folders[0]} and {folders[1]}"
    skipped = [
        Verdict(entry.name, "skipped", outside)
        for entry in listing.entries
        if entry.name not in taken
    ]
    plain = [replace(listing, entries=entries, skipped=(), notes=()) for entries in parts]
    return FoundSides(tuple(plain), folders, (*listing.skipped, *skipped), has_split)


def keys_of(names: Sequence[str]) -> dict[str, str]:
    """Returns what each file is matched by: its path below the folders common to all, no suffix."""
    folders = [name.split("/")[:-1] for name in names]
    common = _common(folders)
    return {name: os.path.splitext("/".join(name.split("/")[common:]))[0] for name in names}


def _common(values: Collection[Any]) -> int:
    """Returns how many letters, or parts of a path, all begin with."""
    if not values:
        return 0
    ends = zip(min(values), max(values), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], ends))


def cores_of(keys: dict[str, str]) -> dict[str, str]:
    """Returns the keys without what all of them begin and end with: 'rain-12' becomes '12'.

    Digits are never taken away, since '11' and '12' begin alike too.
    """
    values = list(keys.values())
    prefix = re.sub(r"\d+$", "", values[0][: _common(values)])
    rests = [value[len(prefix) :][::-1] for value in values]
    suffix = re.sub(r"\d+$", "", rests[0][: _common(rests)])
    return {name: value[len(prefix) : len(value) - len(suffix)] for name, value in keys.items()}


@dataclass(frozen=True)
class Matched:
    """Which names of two sides belong together."""

    pairs: tuple[tuple[str, str], ...]  # (name in A, name in B), in the order of A
    repeated: frozenset[str] = frozenset()  # names whose key another file before them has
    # Whether the names had to be stripped of their common beginnings and ends.
    by_core: bool = False


def match(first: dict[str, str], second: dict[str, str]) -> Matched:
    """Matches names by their keys, or, where no key is common, by their cores if all of those fit.

    Args:
        first, second: the key of each name, from `keys_of`.
    """
    matched = _match(first, second)
    if matched.pairs or min(len(first), len(second)) < 2:
        return matched
    cores = _match(cores_of(first), cores_of(second))
    whole = len(cores.pairs) == len(first) == len(second) and not cores.repeated
    return replace(cores, by_core=True) if whole else matched


def _match(first: dict[str, str], second: dict[str, str]) -> Matched:
    repeated: set[str] = set()
    known: list[dict[str, str]] = [{}, {}]
    for side, names in zip((first, second), known, strict=True):
        repeated |= {name for name, key in side.items() if names.setdefault(key, name) != name}
    pairs = tuple((name, known[1][key]) for key, name in known[0].items() if key in known[1])
    return Matched(pairs, frozenset(repeated))


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side while it is being matched: what it is called, its photos, the key of each file."""

    called: str
    photos: PhotoSet
    keys: dict[str, str]

    def sizes(self) -> dict[str, tuple[int, int]]:
        return {name: self.photos.size(index) for index, name in enumerate(self.photos.names)}

    def usable_keys(self) -> dict[str, str]:
        return {name: self.keys[name] for name in self.photos.names}

    def keep(self, names: Sequence[str], refused: dict[str, str]) -> "Side":
        """Returns the side with these photos in this order, and verdicts on the refused ones."""
        places = {name: index for index, name in enumerate(self.photos.names)}
        verdicts = tuple(
            Verdict(verdict.file, "skipped", refused[verdict.file])
            if verdict.file in refused
            else verdict
            for verdict in self.photos.verdicts
        )
        kept = self.photos.chosen([places[name] for name in names])
        return replace(self, photos=replace(kept, verdicts=verdicts))


Pair = tuple[Side, Side]


def decide(sides: Pair, paired: bool | None) -> tuple[Pair, bool, str]:
    """Returns the sides, matched or not, whether they are paired, and why in words.

    Raises:
        EleganError: pairs were asked for, and there are none.
    """
    if paired is False:
        return sides, False, "Taken as unpaired, as asked for."
    matched = match(*(side.usable_keys() for side in sides))
    fewer = min(len(side.photos) for side in sides)
    share = f"{len(matched.pairs):,} of {fewer:,} names match"
    if paired is None and len(matched.pairs) < LEAST_SHARE * fewer:
        hint = " Asked for paired, only those that match are taken." if matched.pairs else ""
        return sides, False, f"{share}: unpaired.{hint}"
    first, second = (side.sizes() for side in sides)
    equal = [pair for pair in matched.pairs if first[pair[0]] == second[pair[1]]]
    if paired is None and len(equal) < LEAST_SHARE * len(matched.pairs):
        why = f"{share}, but {len(matched.pairs) - len(equal):,} of them differ in size"
        return sides, False, f"{why}: unpaired."
    sides = _matched_sides(sides, matched, equal)
    if not equal:
        reasons = [
            f"'{verdict.file}': {verdict.reason}"
            for verdict in sides[0].photos.verdicts
            if verdict.action == "skipped"
        ]
        raise EleganError(
            f"No file of {sides[0].called} has a partner in {sides[1].called}; for example "
            f"{'; '.join(reasons[:2])}. Give both of a pair one name, or take them as "
            "unpaired."
        )
    left_out = len(matched.pairs) - len(equal)
    said = f"{share}{' without what all begin or end with' if matched.by_core else ''}: paired"
    return sides, True, f"{said}{f'; {left_out:,} differ in size' if left_out else ''}."


def _matched_sides(sides: Pair, matched: Matched, equal: Sequence[tuple[str, str]]) -> Pair:
    """Returns both sides with the pairs only, and a verdict on every photo that is left out."""
    kept = []
    for place, (side, other) in enumerate(zip(sides, reversed(sides), strict=True)):
        names = [pair[place] for pair in equal]
        partners = {pair[place]: pair[1 - place] for pair in matched.pairs}
        sizes, others = (
            {name: f"{width}x{height}" for name, (height, width) in part.sizes().items()}
            for part in (side, other)
        )
        reasons = {
            name: f"{sizes[name]}, but its partner '{partner}' is {others[partner]}: the sizes of"
            " a pair must be equal"
            for name, partner in partners.items()
            if sizes[name] != others[partner]
        }
        alone = [name for name in side.photos.names if name not in partners]
        reasons |= _reasons(alone, side, other, matched, {*partners.values()})
        kept.append(side.keep(names, reasons))
    return kept[0], kept[1]


def _reasons(
    alone: Sequence[str], side: Side, other: Side, matched: Matched, taken: set[str]
) -> dict[str, str]:
    """Returns why each of these photos has no partner, the first with the nearest name there."""
    said = {v.file: v.reason for v in other.photos.verdicts if v.action == "skipped"}
    lost = {key: name for name, key in other.keys.items() if name in said}
    reasons, missing = {}, []
    for name in alone:
        key = side.keys[name]
        if name in matched.repeated:
            reasons[name] = "another file before it has this name, with another suffix"
        elif key in lost:
            reasons[name] = f"its partner '{lost[key]}' is skipped: {said[lost[key]]}"
        else:
            missing.append(name)
    usable = other.usable_keys()
    free = {name: key for name, key in usable.items() if name not in taken} or usable
    candidates = {key: name for name, key in list(free.items())[:_HINTED_AMONG]}
    for place, name in enumerate(missing):
        key = side.keys[name]
        near = difflib.get_close_matches(key, candidates, 1, 0.5) if place < MAX_HINTS else []
        hint = f"; the nearest name there is '{candidates[near[0]]}'" if near else ""
        reasons[name] = f"no file of this name in {other.called}{hint}"
    return reasons
