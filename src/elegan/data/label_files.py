"""Labels from a file beside the images: labels.csv, labels.json or dataset.json.

The nearest such file above all images is taken and wins over folders that look like classes. What
does not fit is told by count, with the nearest name: never guessed. A file that cannot be read as
labels is told of and left, since a folder may hold a table that means something else.
"""

import codecs
import csv
import io
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from elegan.common.errors import did_you_mean
from elegan.data.dataset import Verdict, class_order
from elegan.data.files import IMAGE_SUFFIXES, FileEntry, Listing, by_place, reader

NAMES = ("labels.csv", "labels.json", "dataset.json")  # the first is preferred in one folder
LEAST_SHARE = 0.5  # of the images: with labels for fewer, leaving out the rest loses too much
_MAX_BYTES = 64 << 20
_HINTED_AMONG = 5_000  # names that a mistyped one is compared with
_MAX_NAMED = 3
_BESIDE = ("labels", "label", "annotations", "meta", "metadata")
FILE_COLUMNS = ("file", "filename", "file_name", "image", "path", "name", "id")
LABEL_COLUMNS = ("label", "class", "target")


class Unreadable(Exception):
    """Why a file gives no labels, as the end of a sentence on it."""


class Row(NamedTuple):
    """What a file says of one image; the label is "" where it names the image without one."""

    file: str
    label: str


def read_rows(data: bytes, *, is_json: bool) -> list[Row]:
    """Returns the rows in their order.

    Raises:
        Unreadable: the bytes are no text, or not of a shape that tells files and labels apart.
    """
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
        return _from_json(text) if is_json else _from_csv(text)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        why = f"it is not UTF-8 text (line {line}). Save it with the encoding UTF-8."
        raise Unreadable(why) from error
    except csv.Error as error:
        raise Unreadable(f"it is no valid CSV ({error}).") from error


def _from_csv(text: str) -> list[Row]:
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text), delimiter=delimiter)
    lines = [[cell.strip() for cell in line] for line in lines if any(map(str.strip, line))]
    if not lines:
        raise Unreadable("it is empty.")
    head = [cell.lower() for cell in lines[0]]
    file, label = (
        next((head.index(name) for name in names if name in head), None)
        for names in (FILE_COLUMNS, LABEL_COLUMNS)
    )
    if file is not None and label is not None:
        lines = lines[1:]
    elif len(head) == 2 and head[0].endswith(IMAGE_SUFFIXES):
        file, label = 0, 1
    else:
        missing = "image's file" if file is None else "label"
        wanted = FILE_COLUMNS if file is None else LABEL_COLUMNS
        raise Unreadable(
            f"no column is named as the {missing} ({', '.join(wanted[:5])}). Its columns: "
            f"{', '.join(lines[0][:8])}."
        )
    named = [line for line in lines if file < len(line) and line[file]]
    return [Row(line[file], line[label] if label < len(line) else "") for line in named]


def _from_json(text: str) -> list[Row]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is no valid JSON ({error}).") from error
    # {"labels": ...} as StyleGAN's dataset.json has it; null there means: no labels.
    if isinstance(found, dict) and isinstance(found.get("labels"), list | dict | None):
        found = found.get("labels", found)
    if found is None:
        return []
    if isinstance(found, dict):
        return [Row(str(file), _label(value)) for file, value in found.items()]
    if isinstance(found, list):
        return [_item(item) for item in found]
    raise Unreadable("its JSON is neither an object of files and labels nor a list of them.")


def _item(item: Any) -> Row:
    if isinstance(item, list) and len(item) == 2:
        return Row(str(item[0]), _label(item[1]))
    if isinstance(item, dict):
        lower = {str(key).lower(): value for key, value in item.items()}
        files = [lower[name] for name in FILE_COLUMNS if name in lower]
        labels = [lower[name] for name in LABEL_COLUMNS if name in lower]
        if files and files[0] is not None and labels:
            return Row(str(files[0]), _label(labels[0]))
    raise Unreadable(
        f"this part of it does not tell an image's file and its label: {json.dumps(item)[:80]}."
    )


def _label(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value).strip()
    raise Unreadable(f"a label must be one word or number, not {json.dumps(value)[:60]}.")


def arrange(listing: Listing, split: str) -> tuple[Listing, bool]:
    """Reads what the folders of a listing mean (`files.by_place`), and a file of labels beside.

    Returns:
        the arranged listing, and whether there is a test split. For split "test" without one the
        listing is that of the training images; the caller refuses.
    """
    tables = tuple(entry for entry in listing.entries if entry.parts[-1].lower() in NAMES)
    images = tuple(entry for entry in listing.entries if entry not in tables)
    arranged, has_test = by_place(replace(listing, entries=images), split)
    return _apply(tables, arranged, images), has_test


def _apply(
    tables: Sequence[FileEntry], arranged: Listing, everything: Sequence[FileEntry]
) -> Listing:
    """Returns the arranged listing with the labels of the best of `tables`, if one can be used.

    `everything` is all before it was arranged: rows may speak of another split.
    """

    def noted(*notes: str) -> Listing:
        return replace(arranged, notes=(*arranged.notes, *notes))

    names = [entry.name for entry in arranged.entries if entry.looks_like_image]
    fitting = _fitting(tables, names)
    reasons = ["labels, not an image" if t in fitting[:1] else "labels, not read" for t in tables]
    skipped = [Verdict(t.name, "skipped", why) for t, why in zip(tables, reasons, strict=True)]
    arranged = replace(arranged, skipped=(*arranged.skipped, *skipped))
    if not fitting:
        return arranged
    table, *others = fitting
    try:
        with reader(arranged.archive) as read:
            data = read(table)
        if len(data) > _MAX_BYTES:
            raise Unreadable(f"it is larger than {_MAX_BYTES >> 20} MiB.")
        rows = read_rows(data, is_json=table.name.lower().endswith(".json"))
    except OSError as error:
        return noted(f"{table.name} is not used: it cannot be read ({error}).")
    except Unreadable as reason:
        return noted(f"{table.name} is not used: {reason}")
    if not rows:
        return arranged  # a dataset.json without labels says nothing of them
    match = _Match(rows, table, everything)
    labelled = sum(name in match.labels for name in names)
    if labelled < max(1, LEAST_SHARE * len(names)):
        return noted(
            f"{table.name} is not used: it labels {labelled:,} of {len(names):,} images. Name the"
            " images in it as they are named here, or leave only those that it labels.",
            *match.on_strays(names),
        )
    instead = f" and win over the {len(arranged.classes)} subfolders" if arranged.classes else ""
    other = f"; not read: {', '.join(entry.name for entry in others)}" if others else ""
    first = f"Labels come from {table.name}{instead}{other}."
    return match.labelled(noted(first, *match.on_strays(names), *match.on_left_out(names)))


def _fitting(tables: Sequence[FileEntry], names: Sequence[str]) -> list[FileEntry]:
    """Returns the tables whose folder holds every image, the nearest to the images first."""

    def holds(place: tuple[str, ...]) -> bool:
        return all(name.startswith("".join(f"{part}/" for part in place)) for name in names)

    def fits(place: tuple[str, ...]) -> bool:
        # A folder such as labels/ stands beside that of the images.
        beside = bool(place) and place[-1].lower() in _BESIDE and holds(place[:-1])
        return beside or holds(place)

    above = [table for table in tables if names and fits(table.parts[:-1])]
    return sorted(above, key=lambda t: (-len(t.parts), NAMES.index(t.parts[-1].lower())))


class _Match:
    """What the rows say of the images, found by path from the labels, from the top, or bare name.

    Attributes:
        labels: of each image that has one, by its name within the set.
        torn: images with two or more labels, which are joined by a comma.
        strays: file names in rows that match no image, in order.
    """

    def __init__(self, rows: list[Row], table: FileEntry, everything: Sequence[FileEntry]) -> None:
        self._table = table.name
        self._above = _plain("/".join(table.parts[:-1]))
        names = [entry.name for entry in everything if entry.looks_like_image]
        self._exact = {_plain(name): name for name in names}
        bare = [_plain(name).rsplit("/", 1)[-1] for name in names]
        # Without folder, or without suffix too; a name that fits two images fits none.
        self._bare = _unique(zip(bare, names, strict=True))
        stems = [name.rsplit(".", 1)[0] for name in bare]
        self._stems = _unique(zip(stems, names, strict=True))
        found: dict[str, list[str]] = {}
        self.strays: list[str] = []
        for row in rows:
            name = self._find(_plain(row.file))
            if name is None:
                self.strays.append(row.file)
            elif row.label and row.label not in found.setdefault(name, []):
                found[name].append(row.label)
        self.labels = {name: labels[0] for name, labels in found.items() if len(labels) == 1}
        self.torn = {name: ", ".join(labels) for name, labels in found.items() if len(labels) > 1}

    def _find(self, path: str) -> str | None:
        within = f"{self._above}/{path}" if self._above else path
        for known, name in ((self._exact, within), (self._exact, path), (self._bare, path)):
            if name in known:
                return known[name]
        if path in self._stems:
            return self._stems[path]
        # Written from a folder above this set, or from its folder of images.
        bare = self._bare.get(path.rsplit("/", 1)[-1])
        if bare is None:
            return None
        short, long = sorted((_plain(bare), path), key=len)
        return bare if f"/{long}".endswith(f"/{short}") else None

    def on_strays(self, names: Sequence[str]) -> list[str]:
        if not self.strays:
            return []
        among = [name for name in names if name not in self.labels] or names
        bare = [name.rsplit("/", 1)[-1] for name in among[:_HINTED_AMONG]]
        first = self.strays[0].replace("\\", "/").rsplit("/", 1)[-1]
        rows = f"{len(self.strays):,} rows match"
        rows = rows if len(self.strays) > 1 else f"1 row of {self._table} matches"
        return [f"{rows} no image: {_some(self.strays)}.{did_you_mean(first, bare)}"]

    def on_left_out(self, names: Sequence[str]) -> list[str]:
        torn = [f"{name} ({self.torn[name]})" for name in names if name in self.torn]
        without = [name for name in names if name not in self.labels and name not in self.torn]
        first = without[0].rsplit("/", 1)[-1] if without else ""
        near = did_you_mean(first, self.strays[:_HINTED_AMONG])
        notes, more = [], "gives more than one label"
        for out, why, hint in ((torn, more, ""), (without, "has no label", near)):
            if not out:
                continue
            images = "1 image is" if len(out) == 1 else f"{len(out):,} images are"
            notes.append(f"{images} left out, since {self._table} {why}: {_some(out)}.{hint}")
        return notes

    def labelled(self, arranged: Listing) -> Listing:
        """Returns the images that have a label, a verdict on each of the others."""
        names = [entry.name for entry in arranged.entries]
        present = {self.labels[name] for name in names if name in self.labels}
        classes = tuple(sorted(present, key=class_order))
        indices = {name: index for index, name in enumerate(classes)}
        kept, skipped = [], list(arranged.skipped)
        for entry in arranged.entries:
            if label := self.labels.get(entry.name):
                # A class that is renamed must not find the entry of the cache with its old name.
                stamp = f"{entry.stamp}-{label}"
                kept.append(replace(entry, label=indices[label], stamp=stamp))
                continue
            why = f"no label in {self._table}"
            if torn := self.torn.get(entry.name):
                why = f"several labels in {self._table}: {torn}"
            why = why if entry.looks_like_image else "not named like an image"
            skipped.append(Verdict(entry.name, "skipped", why))
        return replace(arranged, entries=tuple(kept), skipped=tuple(skipped), classes=classes)


def _plain(name: str) -> str:
    """One form for what several systems write: ./a\\b.png is a/b.png, accents composed."""
    path = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    return path.removeprefix("./").strip("/")


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    pairs = list(pairs)
    times = Counter(key for key, _ in pairs)
    return {key: name for key, name in pairs if times[key] == 1}


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMED])
    return shown + (f" and {len(names) - _MAX_NAMED:,} more" if len(names) > _MAX_NAMED else "")
