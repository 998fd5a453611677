"""Which files of a set are the sources and which the targets, by the folders they lie in."""

import re
from dataclasses import dataclass, replace

from elegan.data import files
from elegan.data.dataset import Verdict
from elegan.data.listing import FileEntry, Listing

LOOKED_FOR = (
    "folders A/ and B/, trainA/ and trainB/, two folders of any names (in train/ too), and files "
    "twice as wide as high"
)
_AB_SPLITS = {"train": ("train",), "test": files.TEST_NAMES}


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The two sides of a set.

    Attributes:
        first, second: the files of A and of B, as listings without classes.
        folders: their folders, '/'-separated within the set.
        skipped: verdicts on all other files.
        has_split: whether the split that was asked for is there.
    """

    first: Listing
    second: Listing
    folders: tuple[str, str]
    skipped: tuple[Verdict, ...]
    has_split: bool


def find_sides(listing: Listing, split: str) -> Sides | None:
    """Finds the folders of A and B of a split; None where no two folders stand for them.

    - A lone folder around everything is looked through.
    - `trainA/` and `trainB/` (with `testA/`, `testB/`), `A/` and `B/`, in any case of letters.
    - `train/` beside `test/` (or `val/`): the split's own folder is looked into.
    - Two folders of any names, in the order of those.
    - Within the two sides, `train/` beside `test/` again.
    """
    place: tuple[str, ...] = ()
    in_split = False
    while True:
        entries = [entry for entry in listing.entries if entry.parts[: len(place)] == place]
        groups, loose = files.image_groups(tuple(entries), len(place))
        lower = {re.sub("[-_ ]", "", name.lower()): name for name in groups}
        if "traina" in lower and "trainb" in lower:
            wanted = [(f"{name}a", f"{name}b") for name in _AB_SPLITS[split]]
            found = next((pair for pair in wanted if set(pair) <= set(lower)), None)
            one, two = found or ("traina", "trainb")
            return _sides(listing, [(*place, lower[one]), (*place, lower[two])], found is not None)
        if "a" in lower and "b" in lower:
            chosen = [(*place, lower["a"]), (*place, lower["b"])]
            return _within(listing, chosen, split, in_split)
        if loose or not groups:
            return None
        train, test = files.split_folders(groups)
        if train and test and not in_split:
            in_split = True
            place = (*place, test if split == "test" else train)
        elif len(groups) == 1:
            place = (*place, next(iter(groups)))
        elif len(groups) == 2:
            return _within(listing, [(*place, name) for name in sorted(groups)], split, in_split)
        else:
            return None


def _within(listing: Listing, places: list[tuple[str, ...]], split: str, in_split: bool) -> Sides:
    """Looks for train/ beside test/ within both sides, where the split is not decided yet."""
    if in_split:
        return _sides(listing, places, True)
    inner = []
    for place in places:
        entries = tuple(e for e in listing.entries if e.parts[: len(place)] == place)
        train, test = files.split_folders(files.image_groups(entries, len(place))[0])
        if not (train and test):
            return _sides(listing, places, split == "train")
        inner.append((*place, test if split == "test" else train))
    return _sides(listing, inner, True)


def _sides(listing: Listing, places: list[tuple[str, ...]], has_split: bool) -> Sides:
    parts: list[list[FileEntry]] = [[], []]
    names = [f"{'/'.join(place)}/" for place in places]
    skipped = list(listing.skipped)
    for entry in listing.entries:
        for side, place in enumerate(places):
            if entry.parts[: len(place)] == place:
                parts[side].append(entry)
                break
        else:
            skipped.append(Verdict(entry.name, "skipped", f"outside {names[0]} and {names[1]}"))
    first, second = (
        replace(listing, entries=tuple(entries), skipped=(), notes=()) for entries in parts
    )
    return Sides(
        first=first,
        second=second,
        folders=(names[0], names[1]),
        skipped=tuple(skipped),
        has_split=has_split,
    )
