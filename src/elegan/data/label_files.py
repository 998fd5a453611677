"""Labels from a file beside the images: labels.csv, labels.json or dataset.json.

The nearest such file above all images is taken and wins over folders that look like classes. What
does not fit is told by count, with the nearest name: never guessed. A file that cannot be read as
labels is told of and left, since a folder may hold a table that means something else.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from elegan.common.errors import did_you_mean
from elegan.data.dataset import Verdict
from elegan.data.label_formats import Row, Unreadable, read_rows
from elegan.data.listing import FileEntry, Listing, class_order, reader

NAMES = ("labels.csv", "labels.json", "dataset.json")
"""In the order of preference where several lie in one folder."""

LEAST_SHARE = 0.5
"""With labels for fewer of the images than this, leaving the rest out would lose too much."""

_MAX_BYTES = 64 << 20
_HINTED_AMONG = 5_000  # names that a mistyped one is compared with
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class _Match:
    """What the rows say of the images.

    Attributes:
        labels: of each image that has one, by its name within the set.
        torn: images with two or more labels, which are joined by a comma.
        strays: file names in rows that match no image, in order.
    """

    labels: dict[str, str]
    torn: dict[str, str]
    strays: tuple[str, ...]


def set_apart(listing: Listing) -> tuple[Listing, tuple[FileEntry, ...]]:
    """Returns the listing without the files that are named like labels, and those files."""
    tables = tuple(entry for entry in listing.entries if entry.parts[-1].lower() in NAMES)
    rest = tuple(entry for entry in listing.entries if entry not in tables)
    return replace(listing, entries=rest), tables


def apply(
    tables: Sequence[FileEntry], arranged: Listing, everything: Sequence[FileEntry]
) -> Listing:
    """Returns the arranged listing with the labels of the best of `tables`, if one can be used.

    Args:
        tables: what `set_apart` found.
        arranged: the images as their places order them, perhaps with classes from folders.
        everything: all files before they were arranged; rows may speak of those of another split.
    """
    images = [entry for entry in arranged.entries if entry.looks_like_image]
    fitting = _fitting(tables, images)
    skipped = [*arranged.skipped, *(_about(table, table in fitting[:1]) for table in tables)]
    arranged = replace(arranged, skipped=tuple(skipped))
    if not fitting:
        return arranged
    table = fitting[0]
    try:
        rows = _rows(table, arranged)
    except Unreadable as reason:
        note = f"{table.name} is not used: {reason}"
        return replace(arranged, notes=(*arranged.notes, note))
    if not rows:
        return arranged  # a dataset.json without labels says nothing of them
    match = _match(rows, table, everything)
    names = [image.name for image in images]
    labelled = sum(name in match.labels for name in names)
    if labelled < max(1, LEAST_SHARE * len(images)):
        notes = (
            f"{table.name} is not used: it labels {labelled:,} of {len(images):,} images. Name the"
            " images in it as they are named here, or leave only those that it labels.",
            *_on_strays(table, match, names),
        )
        return replace(arranged, notes=(*arranged.notes, *notes))
    instead = f" and win over the {len(arranged.classes)} subfolders" if arranged.classes else ""
    other = f"; not read: {', '.join(one.name for one in fitting[1:])}" if fitting[1:] else ""
    notes = (
        f"Labels come from {table.name}{instead}{other}.",
        *_on_strays(table, match, names),
        *_on_left_out(table, match, names),
    )
    return _labelled(replace(arranged, notes=(*arranged.notes, *notes)), match, table)


def _fitting(tables: Sequence[FileEntry], images: Sequence[FileEntry]) -> list[FileEntry]:
    """Returns the tables whose folder holds every image, the nearest to the images first."""
    if not images:
        return []
    places = [(table.parts[:-1], table) for table in tables]
    above = [
        (place, table)
        for place, table in places
        if all(image.parts[: len(place)] == place for image in images)
        or (place[-1:] and _is_beside(place, images))
    ]
    above.sort(key=lambda item: (-len(item[0]), NAMES.index(item[1].parts[-1].lower())))
    return [table for _, table in above]


def _is_beside(place: tuple[str, ...], images: Sequence[FileEntry]) -> bool:
    """Whether a folder such as labels/ or annotations/ stands beside that of the images."""
    named = place[-1].lower() in ("labels", "label", "annotations", "meta", "metadata")
    return named and all(image.parts[: len(place) - 1] == place[:-1] for image in images)


def _about(table: FileEntry, chosen: bool) -> Verdict:
    return Verdict(table.name, "skipped", "labels, not an image" if chosen else "labels, not read")


def _rows(table: FileEntry, listing: Listing) -> list[Row]:
    try:
        with reader(listing.archive) as read:
            data = read(table)
    except Exception as error:  # zipfile raises many kinds on damaged members
        raise Unreadable(f"it cannot be read ({error}).") from error
    if len(data) > _MAX_BYTES:
        raise Unreadable(f"it is larger than {_MAX_BYTES >> 20} MiB.")
    return read_rows(data, is_json=table.name.lower().endswith(".json"))


def _match(rows: Iterable[Row], table: FileEntry, everything: Sequence[FileEntry]) -> _Match:
    """Finds the image of each row: by its path from the labels, from the top, or by bare name."""
    above = "/".join(table.parts[:-1])
    known = _Names([entry.name for entry in everything if entry.looks_like_image], above)
    found: dict[str, list[str]] = {}
    strays: list[str] = []
    for row in rows:
        name = known.find(row.file)
        if name is None:
            strays.append(row.file)
        elif row.label and row.label not in found.setdefault(name, []):
            found[name].append(row.label)
    return _Match(
        labels={name: labels[0] for name, labels in found.items() if len(labels) == 1},
        torn={name: ", ".join(labels) for name, labels in found.items() if len(labels) > 1},
        strays=tuple(strays),
    )


class _Names:
    """The images of a set by every name that a row may call them."""

    def __init__(self, names: Sequence[str], above: str) -> None:
        self._exact = {_plain(name): name for name in names}
        self._above = _plain(above)
        bare = [_plain(name).rsplit("/", 1)[-1] for name in names]
        # Without folder, or without suffix too; a name that fits two images fits none.
        self._bare = _unique(zip(bare, names, strict=True))
        stems = [one.rsplit(".", 1)[0] for one in bare]
        self._stems = _unique(zip(stems, names, strict=True))

    def find(self, written: str) -> str | None:
        path = _plain(written)
        within = f"{self._above}/{path}" if self._above else path
        for name in (within, path):
            if name in self._exact:
                return self._exact[name]
        return self._bare.get(path) or self._stems.get(path) or self._under(path)

    def _under(self, path: str) -> str | None:
        """A path written from a folder above this set, or from its folder of images."""
        bare = self._bare.get(path.rsplit("/", 1)[-1])
        if bare is None:
            return None
        short, long = sorted((_plain(bare), path), key=len)
        return bare if f"/{long}".endswith(f"/{short}") else None


def _plain(name: str) -> str:
    """One form for what several systems write: ./a\\b.png is a/b.png, accents composed."""
    path = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    return path.removeprefix("./").strip("/")


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    pairs = list(pairs)
    times = Counter(key for key, _ in pairs)
    return {key: name for key, name in pairs if times[key] == 1}


def _on_strays(table: FileEntry, match: _Match, names: Sequence[str]) -> list[str]:
    """Returns how many rows match no image, and what the first may mean."""
    if not match.strays:
        return []
    among = [name for name in names if name not in match.labels] or names
    bare = [name.rsplit("/", 1)[-1] for name in among[:_HINTED_AMONG]]
    first = match.strays[0].replace("\\", "/").rsplit("/", 1)[-1]
    count = len(match.strays)
    rows = f"1 row of {table.name} matches" if count == 1 else f"{count:,} rows match"
    return [f"{rows} no image: {_some(match.strays)}.{did_you_mean(first, bare)}"]


def _on_left_out(table: FileEntry, match: _Match, names: Sequence[str]) -> list[str]:
    """Returns how many images have two labels or none, and what the first may be called."""
    notes = []
    torn = [f"{name} ({match.torn[name]})" for name in names if name in match.torn]
    if torn:
        notes.append(
            f"{_count(len(torn))} left out, since {table.name} gives more than one label: "
            f"{_some(torn)}."
        )
    without = [name for name in names if name not in match.labels and name not in match.torn]
    if without:
        near = did_you_mean(without[0].rsplit("/", 1)[-1], match.strays[:_HINTED_AMONG])
        notes.append(
            f"{_count(len(without))} left out, since {table.name} has no label: "
            f"{_some(without)}.{near}"
        )
    return notes


def _labelled(arranged: Listing, match: _Match, table: FileEntry) -> Listing:
    """Returns the images that have a label, a verdict on each of the others."""
    present = {match.labels[entry.name] for entry in arranged.entries if entry.name in match.labels}
    classes = tuple(sorted(present, key=class_order))
    indices = {name: index for index, name in enumerate(classes)}
    kept, skipped = [], list(arranged.skipped)
    for entry in arranged.entries:
        label = match.labels.get(entry.name)
        if label is not None:
            # A class that is renamed must not find the entry of the cache with its old name.
            stamp = f"{entry.stamp}-{label}"
            kept.append(replace(entry, label=indices[label], stamp=stamp))
        elif entry.looks_like_image:
            torn = match.torn.get(entry.name)
            why = f"several labels in {table.name}: {torn}" if torn else f"no label in {table.name}"
            skipped.append(Verdict(entry.name, "skipped", why))
        else:
            skipped.append(Verdict(entry.name, "skipped", "not named like an image"))
    return replace(arranged, entries=tuple(kept), skipped=tuple(skipped), classes=classes)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")


def _count(count: int) -> str:
    return "1 image is" if count == 1 else f"{count:,} images are"
