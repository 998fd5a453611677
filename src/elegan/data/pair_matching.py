"""Which photos of two sides belong together, by their names and then their sizes."""

import difflib
import itertools
import os.path
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from elegan.common.errors import EleganError
from elegan.data.dataset import Verdict
from elegan.data.photos import PhotoSet

HINTED = 50  # files without a partner that get the nearest name, which is slow to find
_HINTED_AMONG = 2_000
LEAST_SHARE = 0.5
"""Of the smaller side: names that match for fewer than this do not make two sides paired."""


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


@dataclass(frozen=True, kw_only=True)
class Matched:
    """Which names of two sides belong together.

    Attributes:
        pairs: (name in A, name in B), in the order of A.
        repeated: names whose key another file before them has.
        by_core: whether the names had to be stripped of their common beginnings and ends.
    """

    pairs: tuple[tuple[str, str], ...]
    repeated: frozenset[str] = frozenset()
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
    known: list[dict[str, str]] = []
    for side in (first, second):
        names: dict[str, str] = {}
        for name, key in side.items():
            if names.setdefault(key, name) != name:
                repeated.add(name)
        known.append(names)
    pairs = tuple((name, known[1][key]) for key, name in known[0].items() if key in known[1])
    return Matched(pairs=pairs, repeated=frozenset(repeated))


def lonely(
    names: Sequence[str], keys: dict[str, str], others: dict[str, str], where: str
) -> dict[str, str]:
    """Returns for each of `names`, which have no partner, a reason that offers the nearest name.

    Args:
        names: some of those in `keys`.
        keys: the key of each name of this side.
        others: the key of each name of the other side that has no partner either; where there is
            none, the hint is left out.
        where: what the other side is called.
    """
    candidates = {key: name for name, key in list(others.items())[:_HINTED_AMONG]}
    reasons = {}
    for place, name in enumerate(names):
        near = difflib.get_close_matches(keys[name], candidates, 1, 0.5) if place < HINTED else []
        hint = f"; the nearest name there is '{candidates[near[0]]}'" if near else ""
        reasons[name] = f"no file of this name in {where}{hint}"
    return reasons


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
    one, two = sides
    matched = match(one.usable_keys(), two.usable_keys())
    fewer = min(len(one.photos), len(two.photos))
    share = f"{len(matched.pairs):,} of {fewer:,} names match"
    if paired is None and len(matched.pairs) < LEAST_SHARE * fewer:
        hint = " Asked for paired, only those that match are taken." if matched.pairs else ""
        return sides, False, f"{share}: unpaired.{hint}"
    first, second = one.sizes(), two.sizes()
    equal = [pair for pair in matched.pairs if first[pair[0]] == second[pair[1]]]
    if paired is None and len(equal) < LEAST_SHARE * len(matched.pairs):
        why = f"{share}, but {len(matched.pairs) - len(equal):,} of them differ in size"
        return sides, False, f"{why}: unpaired."
    sides = _matched_sides(sides, matched, equal)
    if not equal:
        raise EleganError(_no_pair(sides))
    left_out = len(matched.pairs) - len(equal)
    said = f"{share}{' without what all begin or end with' if matched.by_core else ''}: paired"
    return sides, True, f"{said}{f'; {left_out:,} differ in size' if left_out else ''}."


def _matched_sides(sides: Pair, matched: Matched, equal: Sequence[tuple[str, str]]) -> Pair:
    """Returns both sides with the pairs only, and a verdict on every photo that is left out."""
    kept = []
    for place, (side, other) in enumerate(zip(sides, reversed(sides), strict=True)):
        names = [pair[place] for pair in equal]
        partners = {pair[place]: pair[1 - place] for pair in matched.pairs}
        sizes, others = side.sizes(), other.sizes()
        reasons = {
            name: f"{_written(sizes[name])}, but its partner '{partner}' is "
            f"{_written(others[partner])}: the sizes of a pair must be equal"
            for name, partner in partners.items()
            if sizes[name] != others[partner]
        }
        alone = [name for name in side.photos.names if name not in partners]
        reasons |= _reasons(alone, side, other, matched, {*partners.values()})
        kept.append(side.keep(names, reasons))
    return kept[0], kept[1]


def _written(size: tuple[int, int]) -> str:
    """Returns (height, width) as people write it."""
    return f"{size[1]}x{size[0]}"


def _reasons(
    alone: Sequence[str], side: Side, other: Side, matched: Matched, taken: set[str]
) -> dict[str, str]:
    """Returns why each of these photos has no partner."""
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
    free = {name: key for name, key in other.usable_keys().items() if name not in taken}
    candidates = free or other.usable_keys()
    return reasons | lonely(missing, side.keys, candidates, other.called)


def _no_pair(sides: Pair) -> str:
    reasons = [
        f"'{verdict.file}': {verdict.reason}"
        for verdict in sides[0].photos.verdicts
        if verdict.action == "skipped"
    ]
    return (
        f"No file of {sides[0].called} has a partner in {sides[1].called}; for example "
        f"{'; '.join(reasons[:2])}. Give both of a pair one name, or take them as "
        "unpaired."
    )
