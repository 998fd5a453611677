"""Files of labels -> rows of (file, label): CSV and three shapes of JSON."""

import codecs
import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from elegan.data.listing import IMAGE_SUFFIXES

FILE_COLUMNS = ("file", "filename", "file_name", "image", "path", "name", "id")
LABEL_COLUMNS = ("label", "class", "target")
_DELIMITERS = ",;\t"


class Unreadable(Exception):
    """Why a file gives no labels, as the end of a sentence on it."""


@dataclass(frozen=True)
class Row:
    """What a file says of one image; the label is "" where it names the image without one."""

    file: str
    label: str


def read_rows(data: bytes, *, is_json: bool) -> list[Row]:
    """Returns the rows in their order.

    Raises:
        Unreadable: the bytes are no text, or not of a shape that tells files and labels apart.
    """
    text = _decode(data)
    return _from_json(text) if is_json else _from_csv(text)


def _decode(data: bytes) -> str:
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Unreadable(
            f"it is not UTF-8 text (line {line}). Save it with the encoding UTF-8."
        ) from error


def _from_csv(text: str) -> list[Row]:
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise Unreadable(f"it is no valid CSV ({error}).") from error
    lines = [[cell.strip() for cell in line] for line in lines if any(map(str.strip, line))]
    if not lines:
        raise Unreadable("it is empty.")
    head = [cell.lower() for cell in lines[0]]
    columns = _column(head, FILE_COLUMNS), _column(head, LABEL_COLUMNS)
    if columns[0] is not None and columns[1] is not None:
        file, label = columns[0], columns[1]
        lines = lines[1:]
    elif len(head) == 2 and head[0].endswith(IMAGE_SUFFIXES):
        file, label = 0, 1
    else:
        missing = "image's file" if columns[0] is None else "label"
        wanted = FILE_COLUMNS if columns[0] is None else LABEL_COLUMNS
        raise Unreadable(
            f"no column is named as the {missing} ({', '.join(wanted[:5])}). Its columns: "
            f"{', '.join(lines[0][:8])}."
        )
    return [
        Row(line[file], line[label] if label < len(line) else "")
        for line in lines
        if file < len(line) and line[file]
    ]


def _column(head: list[str], names: Iterable[str]) -> int | None:
    return next((head.index(name) for name in names if name in head), None)


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
        file = next((lower[name] for name in FILE_COLUMNS if name in lower), None)
        if file is not None and any(name in lower for name in LABEL_COLUMNS):
            value = next(lower[name] for name in LABEL_COLUMNS if name in lower)
            return Row(str(file), _label(value))
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
