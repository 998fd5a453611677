"""The file of a character's points: outlines, key points and colours that a person can edit."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from elegan.applications.characters.drawing.plan import check_attributes
from elegan.applications.characters.outlines import check, compose, fill
from elegan.applications.characters.parts import COLOURS, INDEX, INSIDE, KEY_POINTS, PARTS
from elegan.common.errors import EleganError, did_you_mean
from elegan.common.files import written_whole

FORMAT, VERSION = "elegan-points", 1
REQUIRED = ("face", "eye-left", "eye-right", "mouth")
"""Parts without which there is no character."""

_KEYS = ("format", "version", "outlines", "key_points", "palette", "attributes")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_DIGITS = 5  # a hundred-thousandth of the canvas


@dataclass(frozen=True, kw_only=True, eq=False)
class CharacterPoints:
    """A character as points.

    Attributes:
        outlines: float64 [N, 2] by part, in canvas units, clockwise.
        key_points: float64 [2] by name; some or all.
        palette: (r, g, b) in 0..255 by slot of `COLOURS`; some or all.
        attributes: as asked for; some or none.
    """

    outlines: Mapping[str, np.ndarray]
    key_points: Mapping[str, np.ndarray] = field(default_factory=dict)
    palette: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)

    def masks(self, size: int) -> np.ndarray:
        """Fills the outlines: float32 [P, size, size], each part by itself."""
        masks = np.zeros((len(PARTS), size, size), np.float32)
        for name, points in self.outlines.items():
            masks[INDEX[name]] = fill(points, size)
        return masks

    def maps(self, size: int) -> np.ndarray:
        """What is seen of each part: float32 [P, size, size]."""
        return compose(self.masks(size))


def write_points(path: str | Path, points: CharacterPoints) -> None:
    """Writes a character's points, one part a line, whole or not at all.

    Raises:
        EleganError: the file cannot be written.
    """
    table = {
        "format": FORMAT,
        "version": VERSION,
        "attributes": dict(points.attributes),
        "palette": {
            slot: f"#{bytes(map(int, colour)).hex()}" for slot, colour in points.palette.items()
        },
        "key_points": {name: _rounded(place) for name, place in points.key_points.items()},
        "outlines": {
            name: [_rounded(point) for point in points.outlines[name]]
            for name in PARTS
            if name in points.outlines
        },
    }
    try:
        with written_whole(path) as temporary:
            temporary.write_text(_laid_out(table), encoding="utf-8")
    except OSError as error:
        why = error.strerror or error
        raise EleganError(f"Could not write '{path}': {why}. Name another place.") from error


def _rounded(place: np.ndarray) -> list[float]:
    return [round(float(value), _DIGITS) for value in place]


def _laid_out(table: Mapping[str, Any]) -> str:
    """JSON with each part on a line of its own, so that a person finds it."""
    lines = []
    for key, value in table.items():
        if isinstance(value, dict) and value:
            inner = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            lines.append(f" {json.dumps(key)}: {{\n{inner}\n }}")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_points(path: str | Path) -> CharacterPoints:
    """Reads and checks a character's points.

    Raises:
        EleganError: the file cannot be read, is of another format, lacks a part, or an outline
            cannot be filled (see `outlines.check`); the message names the file, part and points.
        UsageError: an attribute is unknown.
    """
    path = Path(path)
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise EleganError(f"The points '{path}' cannot be read: {error}.") from error
    except ValueError as error:
        raise EleganError(
            f"The points '{path}' are not JSON any more: {error}. Look there for a missing comma"
            " or bracket."
        ) from error
    try:
        return parse_points(table)
    except EleganError as error:
        raise type(error)(f"{path}: {error}") from error


def parse_points(table: Any) -> CharacterPoints:
    """The same for what is read from JSON already."""
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise EleganError(f'This is no file of points: it must hold "format": "{FORMAT}".')
    if table.get("version") != VERSION:
        raise EleganError(
            f"Version {table.get('version')} of the format is not known, only {VERSION}."
        )
    _known(table, _KEYS, "key")
    outlines = _object(table, "outlines")
    _known(outlines, PARTS, "part")
    missing = [name for name in REQUIRED if name not in outlines]
    if missing:
        raise EleganError(
            f"There is no outline of {', '.join(missing)}, without which there is no character."
        )
    for name, outer in INSIDE.items():
        if name in outlines and outer not in outlines:
            raise EleganError(f"'{name}' is seen through '{outer}' only, which is missing.")
    arrays = {name: _array(f"The outline of '{name}'", value) for name, value in outlines.items()}
    for name, points in arrays.items():
        check(name, points)
    places = _object(table, "key_points")
    _known(places, KEY_POINTS, "key point")
    key_points = {}
    for name, value in places.items():
        point = _array(f"The key point '{name}'", [value])[0]
        if not ((point >= 0) & (point <= 1)).all():
            raise EleganError(
                f"The key point '{name}' lies off the canvas, at ({point[0]:.3f}, {point[1]:.3f})."
                " Both numbers lie between 0 and 1."
            )
        key_points[name] = point
    palette = _object(table, "palette")
    _known(palette, COLOURS, "colour slot")
    attributes = check_attributes(_object(table, "attributes"))
    return CharacterPoints(
        outlines=arrays,
        key_points=key_points,
        palette={slot: _colour(slot, value) for slot, value in palette.items()},
        attributes=attributes,
    )


def _object(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise EleganError(f'"{key}" must be an object {{...}} of names and values.')
    return value


def _known(table: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    for name in table:
        if name not in known:
            raise EleganError(
                f"Unknown {what} '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}."
            )


def _array(what: str, value: Any) -> np.ndarray:
    pairs = isinstance(value, list) and all(
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(x, (int, float)) and math.isfinite(x) for x in pair)
        for pair in value
    )
    if not pairs:
        raise EleganError(f"{what} must be made of pairs of numbers [x, y].")
    return np.array(value, np.float64).reshape(-1, 2)


def _colour(slot: str, value: Any) -> tuple[int, int, int]:
    if not isinstance(value, str) or not _COLOUR.fullmatch(value):
        raise EleganError(f"The colour of '{slot}' is {value!r}. Write it as \"#rrggbb\".")
    red, green, blue = bytes.fromhex(value[1:])
    return red, green, blue
