"""A character's points, which a person can edit, as a file; and its outlines as SVG."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from elegan.applications.characters.curves import closed_beziers
from elegan.applications.characters.outlines import check
from elegan.applications.characters.parts import (
    COLOURS,
    INSIDE,
    KEY_POINTS,
    PARTS,
    check_attributes,
)
from elegan.common.errors import EleganError, did_you_mean
from elegan.common.files import written_whole

Colours = Mapping[str, tuple[int, int, int]]
"""(r, g, b) in 0..255 by slot of `COLOURS`."""
FORMAT, VERSION = "elegan-points", 1
REQUIRED = ("face", "eye-left", "eye-right", "mouth")
"""Parts without which there is no character."""

_KEYS = ("format", "version", "outlines", "key_points", "palette", "attributes")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_DIGITS = 5  # a hundred-thousandth of the canvas


@dataclass(frozen=True, eq=False)
class CharacterPoints:
    """A character as points.

    Attributes:
        outlines: float64 [N, 2] by part, in canvas units, clockwise.
        key_points: float64 [2] by name; some or all.
        palette: some colours or all.
        attributes: as asked for; some or none.
    """

    outlines: Mapping[str, np.ndarray]
    key_points: Mapping[str, np.ndarray] = field(default_factory=dict)
    palette: Colours = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


def write_points(path: str | Path, points: CharacterPoints) -> None:
    """Writes a character's points, one part a line, whole or not at all.

    Raises:
        EleganError: the file cannot be written.
    """

    def rounded(place: np.ndarray) -> list[float]:
        return [round(float(value), _DIGITS) for value in place]

    table = {
        "format": FORMAT,
        "version": VERSION,
        "attributes": dict(points.attributes),
        "palette": {
            slot: f"#{bytes(map(int, colour)).hex()}" for slot, colour in points.palette.items()
        },
        "key_points": {name: rounded(place) for name, place in points.key_points.items()},
        "outlines": {
            name: [rounded(point) for point in points.outlines[name]]
            for name in PARTS
            if name in points.outlines
        },
    }
    lines = []
    for key, value in table.items():
        text = json.dumps(value)
        if isinstance(value, dict) and value:
            inner = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            text = f"{{\n{inner}\n }}"
        lines.append(f" {json.dumps(key)}: {text}")
    try:
        with written_whole(path) as temporary:
            temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    except OSError as error:
        why = error.strerror or error
        raise EleganError(f"Could not write '{path}': {why}. Name another place.") from error


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
    except (ValueError, RecursionError) as error:
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
    outlines = _object(table, "outlines", PARTS, "part")
    if missing := [name for name in REQUIRED if name not in outlines]:
        raise EleganError(
            f"There is no outline of {', '.join(missing)}, without which there is no character."
        )
    for name, outer in INSIDE.items():
        if name in outlines and outer not in outlines:
            raise EleganError(f"'{name}' is seen through '{outer}' only, which is missing.")
    arrays = {name: _array(f"The outline of '{name}'", value) for name, value in outlines.items()}
    for name, points in arrays.items():
        check(name, points)
    key_points = {}
    for name, value in _object(table, "key_points", KEY_POINTS, "key point").items():
        point = _array(f"The key point '{name}'", [value])[0]
        if not ((point >= 0) & (point <= 1)).all():
            raise EleganError(
                f"The key point '{name}' lies off the canvas, at ({point[0]:.3f}, {point[1]:.3f})."
                " Both numbers lie between 0 and 1."
            )
        key_points[name] = point
    palette = {}
    for slot, value in _object(table, "palette", COLOURS, "colour slot").items():
        if not isinstance(value, str) or not _COLOUR.fullmatch(value):
            raise EleganError(f"The colour of '{slot}' is {value!r}. Write it as \"#rrggbb\".")
        palette[slot] = as_colour(bytes.fromhex(value[1:]))
    attributes = _object(table, "attributes")
    for name, value in attributes.items():
        if not isinstance(value, str):
            raise EleganError(f"The attribute '{name}' is {value!r}. Write a word.")
    return CharacterPoints(arrays, key_points, palette, check_attributes(attributes))


def _object(
    table: Mapping[str, Any], key: str, known: tuple[str, ...] = (), what: str = ""
) -> dict[str, Any]:
    """The value of a key, whose own names are checked where they are known."""
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise EleganError(f'"{key}" must be an object {{...}} of names and values.')
    if known:
        _known(value, known, what)
    return value


def _known(table: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    for name in table:
        if name not in known:
            raise EleganError(
                f"Unknown {what} '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}."
            )


def _array(what: str, value: Any) -> np.ndarray:
    pairs = isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(map(_is_finite, pair)) for pair in value
    )
    if not pairs:
        raise EleganError(f"{what} must be made of pairs of numbers [x, y].")
    return np.array(value, np.float64).reshape(-1, 2)


def _is_finite(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def as_colour(values: Iterable[float]) -> tuple[int, int, int]:
    """Returns three numbers as a colour."""
    red, green, blue = (int(value) for value in values)
    return red, green, blue


def blended(start: CharacterPoints, end: CharacterPoints, share: float) -> CharacterPoints:
    """Returns points and colours at a share, 0 to 1, of the way between those of two characters.

    Parts that one of them lacks come or go half way.
    """
    outlines = {}
    for name in PARTS:
        ends = start.outlines.get(name), end.outlines.get(name)
        if ends[0] is not None and ends[1] is not None and len(ends[0]) == len(ends[1]):
            outlines[name] = (1 - share) * ends[0] + share * ends[1]
        elif (nearer := ends[share >= 0.5]) is not None:
            outlines[name] = nearer
    for name, outer in INSIDE.items():
        if outer not in outlines:
            outlines.pop(name, None)
    palette = {}
    for slot in COLOURS:
        pair = np.array([start.palette[slot], end.palette[slot]], np.float64)
        palette[slot] = as_colour(np.rint(pair[0] * (1 - share) + pair[1] * share))
    both = start.key_points.keys() & end.key_points.keys()
    key_points = {
        name: (1 - share) * start.key_points[name] + share * end.key_points[name] for name in both
    }
    nearest = (start, end)[share >= 0.5]
    return CharacterPoints(outlines, key_points, palette, nearest.attributes)


def svg_path(points: np.ndarray, scale: float = 1.0) -> str:
    """Returns the closed curve through points [N, 2] as the `d` of an SVG path, exactly."""
    pieces = closed_beziers(points) * scale
    places = [[f"{x:.6g},{y:.6g}" for x, y in piece] for piece in pieces]
    return " ".join([f"M{places[0][0]}", *(f"C{' '.join(piece[1:])}" for piece in places), "Z"])


def svg(
    outlines: Mapping[str, np.ndarray],
    colours: Mapping[str, str] | None = None,
    *,
    size: int = 512,
    line: float = 0.004,
) -> str:
    """Returns an SVG document of the outlines of parts, from back to front, each under its name.

    Args:
        colours: what to fill parts with, as "#rrggbb"; none for the lines alone.
        size: of the picture in user units.
        line: width of lines, in canvas units.
    """
    clips, shapes = [], []
    for name in PARTS:
        if name not in outlines:
            continue
        path = svg_path(outlines[name], size)
        clip = ""
        if (outer := INSIDE.get(name)) in outlines and outer is not None:
            around = svg_path(outlines[outer], size)
            clips.append(f'<clipPath id="in-{outer}"><path d="{around}"/></clipPath>')
            clip = f' clip-path="url(#in-{outer})"'
        colour = escape((colours or {}).get(name, "none"), quote=True)
        shapes.append(f'<path id="{name}" fill="{colour}"{clip} d="{path}"/>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}">'
    group = f'<g stroke="#2b2430" stroke-width="{line * size:.4g}" stroke-linejoin="round">'
    return "\n".join([head, f"<defs>{''.join(clips)}</defs>", group, *shapes, "</g>", "</svg>", ""])
