"""From presets, files and words to settings; a wrong name or type is named, never passed over."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from elegan.common.errors import UsageError, did_you_mean, lookup
from elegan.settings.groups import TrainSettings
from elegan.settings.presets import PRESETS

_GONE = {"loss.reconstruction": 0}
"""Settings that are no more, and their value in runs from before that went without them."""


def preset_settings(
    preset: str, data: str, overrides: Mapping[str, Any] | None = None
) -> TrainSettings:
    """Returns the preset's settings with `overrides` (nested as in settings.json) on top.

    Raises:
        UsageError: an unknown preset or key, or a value of the wrong type.
    """
    row = lookup(PRESETS, preset, "preset")
    settings = TrainSettings(data=data, preset=preset)
    return override(override(settings, row.values), overrides or {})


def override(settings: Any, values: Mapping[str, Any], where: str = "") -> Any:
    """Returns a copy of a settings dataclass with values replaced, nested dataclasses too.

    Raises:
        UsageError: a key is unknown (the nearest is named) or a value has the wrong type.
    """
    known = {field.name: field for field in dataclasses.fields(settings)}
    changes: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known and _GONE.get(where + key, ...) == value:
            continue
        if key not in known:
            raise UsageError(
                f"Unknown setting '{where}{key}'.{did_you_mean(key, known)}"
                f" Known: {', '.join(known)}."
            )
        now = getattr(settings, key)
        if dataclasses.is_dataclass(now) and not isinstance(now, type):
            if not isinstance(value, Mapping):
                raise UsageError(f"Setting '{where}{key}' must be an object, not {value!r}.")
            value = override(now, value, f"{where}{key}.")
        elif not _fits(value, known[key].type):
            raise UsageError(
                f"Setting '{where}{key}' takes {_in_words(known[key].type)}, not {value!r}."
            )
        changes[key] = value
    return dataclasses.replace(settings, **changes)


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is of an annotated type; every whole number is also a float, no bool is."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Literal, Union, UnionType):
        return any(_fits(value, item) for item in get_args(kind))
    if not isinstance(kind, type):  # one of a Literal's values
        return type(value) is type(kind) and value == kind
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _in_words(kind: Any) -> str:
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_args(kind):
        return " or ".join(_in_words(item) for item in get_args(kind))
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return words.get(kind, "null" if kind is type(None) else repr(kind))


def from_json(path: Path) -> TrainSettings:
    """Reads a run's settings.json, or one written by hand with only some of its keys.

    Raises:
        UsageError: the file is missing, not JSON, or names unknown settings.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no settings file at {path}.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"Cannot read settings from {path}: {error}") from None
    if not isinstance(values, dict) or "data" not in values:
        raise UsageError(f"{path} does not hold settings: it needs at least the key 'data'.")
    return preset_settings(values.get("preset", TrainSettings.preset), values["data"], values)


def parse_count(text: str) -> int:
    """Reads a count of images: 5000, 200k, 2M.

    Raises:
        UsageError: the text is no positive whole number.
    """
    factor = {"k": 1_000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    digits = text[:-1] if factor > 1 else text
    try:
        count = round(float(digits) * factor)
    except (ValueError, OverflowError):
        count = 0
    if count < 1:
        raise UsageError(f"'{text}' is no count of images. Type a number such as 5000, 200k or 2M.")
    return count
