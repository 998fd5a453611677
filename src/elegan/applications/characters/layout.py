"""The folder layout of characters: what its files hold, and how their names map to ours.

`images/ID.png` (RGBA), `masks/ID.png` (palette PNG, an index for each part), `landmarks.json`,
`labels.csv` and `meta.json`, in a folder or a zip; docs/formats.md describes each field.
"""

import csv
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elegan.applications.characters.parts import COLOURS, INDEX, KEY_POINTS
from elegan.common.errors import EleganError, UsageError, did_you_mean
from elegan.data import files
from elegan.data.files import FileEntry

PAIRS = {"eyes": ("eye-left", "eye-right"), "eyebrows": ("brow-left", "brow-right")}
"""Names of masks that hold two parts of ours, which are told apart by their landmarks."""

ALIASES = {"background": "", "hair": "front-hair", "head": "face", "details": "face"}
ALIASES["earrings"] = "face"
"""Other names of masks; "" is no part at all. What is painted on a face is face."""

UNLIKE = ("glasses",)
"""Names of masks that hide what they lie on and are none of our parts: such characters are left
out."""

ATTRIBUTE_NAMES = {"hair": "hair-style", "eyebrows": "brows", "head": "face"}
_PLAIN = (
    " Of pictures alone the stages cannot be learnt, for nothing says where the parts are. Leave"
    " --task characters out: then they are generated plainly, from noise to pixels."
)
_MAX_NAMED = 3
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The files of a folder of characters, with its tables read and checked.

    Attributes:
        name: of the folder or zip.
        ids: of its characters, in order.
        images, masks: the file of each, by id.
        archive: the zip, or None.
        mask_names: the name of each index of the masks.
        landmarks: of each id, places in canvas units: of key points by name, and "l" and "r" of
            pairs as (name, side).
        labels: of each id, text by column.
        licence: from meta.json.
        stamp: changes when a file does.
    """

    name: str
    ids: tuple[str, ...]
    images: Mapping[str, FileEntry]
    masks: Mapping[str, FileEntry]
    archive: Path | None
    mask_names: Mapping[int, str]
    landmarks: Mapping[str, Mapping[str, tuple[float, float]]]
    labels: Mapping[str, Mapping[str, str]]
    licence: str
    stamp: str


def read_layout(data: str) -> Layout:
    """Finds and checks the files of a folder of characters; no image is decoded.

    Args:
        data: a folder or a zip, or the name of one in $ELEGAN_DATA.

    Raises:
        UsageError: there is no such folder or zip, or it is not laid out as characters are.
        EleganError: images without masks or landmarks, one character only, a table that cannot be
            read.
    """
    path = _find(data)
    listing = files.walk_zip(path) if path.is_file() else files.walk_folder(path)
    entries = {entry.name: entry for entry in listing.entries}
    root = _root(data, list(entries))
    images = _by_id(entries, f"{root}images/")
    masks = _by_id(entries, f"{root}masks/")
    with files.reader(listing.archive) as read:

        def text(name: str) -> str:
            if root + name not in entries:
                raise EleganError(
                    f"'{data}' has no {name}, without which its characters cannot be read."
                    " docs/formats.md, Characters, describes it."
                )
            entry = entries[root + name]
            try:
                return read(entry).decode("utf-8-sig")
            except Exception as error:  # zipfile raises many kinds on damaged members
                raise EleganError(f"'{entry.name}' cannot be read: {error}.") from error

        meta = _json(text("meta.json"), "meta.json")
        landmarks = _landmarks(_json(text("landmarks.json"), "landmarks.json"))
        labels = _labels(text("labels.csv")) if root + "labels.csv" in entries else {}
    if len(images) < 2:
        raise EleganError(
            f"'{data}' holds {len(images)} character: nothing can be learnt from one. Add images to"
            " its folder images/, each with a mask and landmarks."
        )
    if not masks:
        raise UsageError(f"'{data}' has no masks.{_PLAIN}")
    _complete(data, "mask", "masks/ID.png", images, masks)
    _complete(data, "entry in landmarks.json", "landmarks.json", images, landmarks)
    _complete(data, "row in labels.csv", "labels.csv", images, labels or images)
    licence = meta.get("license") or meta.get("licence") or ""
    used = [entries[name].stamp for name in sorted(entries) if name.startswith(root)]
    return Layout(
        name=path.stem,
        ids=tuple(sorted(images)),
        images=images,
        masks=masks,
        archive=listing.archive,
        mask_names=_mask_names(meta),
        landmarks=landmarks,
        labels=labels,
        licence=str(licence.get("text", "") if isinstance(licence, dict) else licence),
        stamp=repr((root, used)),
    )


def _find(data: str) -> Path:
    places = [Path(data).expanduser()]
    if home := os.environ.get("ELEGAN_DATA"):
        places += [Path(home) / data, Path(home) / f"{data}.zip"]
    for place in places:
        if place.is_dir() or (place.is_file() and place.suffix.lower() == ".zip"):
            return place
    raise UsageError(
        f"There is no folder or zip of characters '{data}'. Name one that holds images/, masks/,"
        " landmarks.json and meta.json."
    )


def _root(data: str, names: Sequence[str]) -> str:
    """Returns what stands before images/, with a slash, in the names of a folder's files."""
    folders = {name[: name.rfind("/") + 1] for name in names}
    roots = [name.removesuffix("images/") for name in folders if name.endswith("images/")]
    if not roots:
        pictures = any(name.lower().endswith(files.IMAGE_SUFFIXES) for name in names)
        raise UsageError(
            f"'{data}' has no folder images/: a folder of characters holds images/, masks/,"
            f" landmarks.json and meta.json.{_PLAIN if pictures else ''}"
        )
    return min(roots, key=len)


def _by_id(entries: Mapping[str, FileEntry], prefix: str) -> dict[str, FileEntry]:
    return {
        name[len(prefix) :].rsplit(".", 1)[0]: entry
        for name, entry in entries.items()
        if name.startswith(prefix) and entry.looks_like_image
    }


def _complete(
    data: str, what: str, where: str, images: Mapping[str, Any], others: Mapping[str, Any]
) -> None:
    missing = sorted(set(images) - set(others))
    if missing:
        shown = ", ".join(missing[:_MAX_NAMED])
        more = f" and {len(missing) - _MAX_NAMED:,} more" if len(missing) > _MAX_NAMED else ""
        near = did_you_mean(missing[0], sorted(set(others) - set(images))[:5000])
        some = "image has" if len(missing) == 1 else "images have"
        raise EleganError(
            f"{len(missing):,} {some} no {what} in '{data}': {shown}{more}.{near} Add it in"
            f" {where}, or take the image out of images/."
        )


def _json(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise EleganError(f"{name} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise EleganError(f"{name} must hold an object {{...}}.")
    return value


def _mask_names(meta: Mapping[str, Any]) -> dict[int, str]:
    """Reads which part each index of a mask is; unknown names are refused."""
    known = (*INDEX, *PAIRS, *ALIASES, *UNLIKE)
    try:
        names = {int(index): str(name) for index, name in meta["mask_labels"].items()}
    except (KeyError, AttributeError, ValueError) as error:
        raise EleganError(
            'meta.json must hold "mask_labels", an object of the index and the name of each part,'
            ' such as {"0": "background", "1": "face"}.'
        ) from error
    for name in names.values():
        if name not in known:
            raise EleganError(
                f"meta.json names a part '{name}' that is not known.{did_you_mean(name, known)}"
                f" Known: {', '.join(known)}."
            )
    return names


def _landmarks(table: Mapping[str, Any]) -> dict[str, dict[str, tuple[float, float]]]:
    """Reads places, in pixels of an image `size` wide, as canvas units."""
    size, entries = table.get("size"), table.get("landmarks")
    if not isinstance(size, (int, float)) or size <= 0 or not isinstance(entries, dict):
        raise EleganError(
            'landmarks.json must hold "size", the side of the images in pixels, and "landmarks", an'
            " object with an entry for each image."
        )
    result = {}
    for name, entry in entries.items():
        try:
            result[name] = _places(entry, float(size))
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise EleganError(
                f"landmarks.json cannot be understood for '{name}': {error}. Give places as [x, y]"
                " in pixels."
            ) from error
    return result


def _places(entry: Mapping[str, Any], size: float) -> dict[str, tuple[float, float]]:
    places: dict[str, tuple[float, float]] = {}
    for part, found in entry.items():
        if part == "points":
            for name, point in found.items():
                if name not in KEY_POINTS:
                    raise ValueError(f"unknown key point '{name}'.{did_you_mean(name, KEY_POINTS)}")
                places[name] = _point(point, size)
        elif part in PAIRS and "l" in found and "r" in found:
            middle = "-middle" if part == "eyebrows" else ""
            for side, name in zip("lr", PAIRS[part], strict=True):
                places[name + middle] = _point(found[side], size)
        elif part == "mouth" and "bbox" in found:
            left, top, right, bottom = (float(value) for value in found["bbox"])
            places["mouth"] = _point([(left + right) / 2, (top + bottom) / 2], size)
    return places


def _point(value: Sequence[float], size: float) -> tuple[float, float]:
    x, y = (float(number) / size for number in value)
    if not (np.isfinite(x) and np.isfinite(y)):
        raise ValueError("a place is not a number")
    return x, y


def _labels(text: str) -> dict[str, dict[str, str]]:
    rows = csv.DictReader(io.StringIO(text))
    columns = rows.fieldnames or []
    if "id" not in columns:
        raise EleganError(
            "labels.csv has no column 'id' with the name of each image without its suffix."
        )
    for column in columns:
        slot = column.removeprefix("color_")
        if slot != column and slot not in COLOURS:
            raise EleganError(
                f"labels.csv has a column '{column}', but there is no colour '{slot}'."
                f"{did_you_mean(slot, COLOURS)} Known: {', '.join(COLOURS)}."
            )
    labels = {row["id"]: {key: value or "" for key, value in row.items()} for row in rows}
    for name, row in labels.items():
        for column, value in row.items():
            if column and column.startswith("color_") and value and not _COLOUR.fullmatch(value):
                raise EleganError(
                    f"labels.csv: the {column} of '{name}' is '{value}'. Write #RRGGBB."
                )
    return labels
