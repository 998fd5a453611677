"""Characters as files: made from a model's seed or from points, each whole or not at all."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from elegan.applications.characters.model import SIZE, Character, CharacterModel
from elegan.applications.characters.parts import COLOURS, INDEX
from elegan.applications.characters.planes import (
    colours_of_parts,
    on_white,
    picture_of_outlines,
    picture_of_planes,
    picture_of_points,
)
from elegan.applications.characters.points import as_colour, read_points, write_points
from elegan.applications.characters.points import svg as svg_text
from elegan.applications.characters.portrait import portrait
from elegan.applications.characters.vector import svg as svg_of_sketch
from elegan.common.errors import EleganError, UsageError, lookup
from elegan.common.files import write_durably, write_files, written_whole
from elegan.data.pictures import grid, save_gif, save_png

_MAX_COLUMNS, _STAGE_SIZE = 8, 256
_Files = dict[str, Callable[[Path], None]]  # name within the folder -> what writes it


@dataclass(frozen=True, kw_only=True)
class MadeCharacters:
    """What was made and where it lies.

    Attributes:
        characters: in order.
        names: of each, without a suffix.
        files: all that were written.
        out: the folder.
    """

    characters: tuple[Character, ...]
    names: tuple[str, ...]
    files: tuple[Path, ...]
    out: Path

    def text(self) -> str:
        """For a person."""
        count = len(self.characters)
        lines = [f"{count} character{'s' if count != 1 else ''} in {self.out}"]
        for name, made in zip(self.names, self.characters, strict=True):
            if not made.valid:
                lines.append(
                    f"  {name}: no valid maps in {made.attempts} draws; the last are shown"
                )
            if made.dropped:
                lines.append(f"  {name}: without {', '.join(made.dropped)}, which were too faint")
        if self.rejected:
            lines.append(
                f"  {self.rejected} of {self.drawn} maps drawn ({self.rejected / self.drawn:.0%})"
                " were not valid, so others were drawn in their place"
            )
        return "\n".join(lines)

    @property
    def drawn(self) -> int:
        """How many maps were drawn; where points are given, none."""
        return sum(made.attempts for made in self.characters if made.planes is not None)

    @property
    def rejected(self) -> int:
        """How many of them were not valid and drawn anew."""
        return sum(made.attempts - 1 for made in self.characters if made.planes is not None)

    def to_dict(self) -> dict[str, Any]:
        """For a script."""
        pairs = zip(self.names, self.characters, strict=True)
        return {
            "out": str(self.out),
            "maps_drawn": self.drawn,
            "maps_rejected": self.rejected,
            "characters": [{"name": name, **made.to_dict()} for name, made in pairs],
            "files": [str(path) for path in self.files],
        }


def make_characters(
    model: CharacterModel,
    out: str | Path,
    *,
    n: int = 1,
    seed: int = 0,
    attributes: Mapping[str, str] | None = None,
    palette: str | Path | Mapping[str, Any] | None = None,
    points: str | Path | None = None,
    size: int | None = None,
    stages: bool = False,
    transparent: bool = False,
    svg: bool = False,
    sprite_sheet: bool = False,
    gif: bool = False,
    watch: Callable[[int], None] | None = None,
) -> MadeCharacters:
    """Makes characters and writes them into a folder.

    Args:
        palette: "lock" gives all the colours of the first; else colours by slot, or a JSON file
            with these or of a character's points.
        points: a file of points, edited or not, that is rendered in place of a draw.
        size: of the pictures, see `CharacterModel.finished`.
        stages: also pictures of the feature map, the key points and the outline.
        transparent: keep the opacity; else characters stand on white.
        svg: also as SVG, free of any resolution: the drawing; of a model with a style of its own
            the outlines, filled with flat colours.
        sprite_sheet: also all characters in one picture, and where each lies.
        gif: also a film from each to the next and back to the first.

    Raises:
        UsageError: an attribute, value or colour is unknown, flags exclude each other, or a file
            that elegan did not write, or that was edited since, is in the way.
        EleganError: the points cannot be filled, or the folder cannot be written.
    """
    if n < 1:
        raise UsageError(f"-n must be 1 or more, not {n}.")
    out = Path(out)
    locked = isinstance(palette, str | Path) and str(palette) == "lock"
    given = {} if palette is None or locked else _palette(palette)
    if points is not None:
        if n != 1 or attributes or locked:
            raise UsageError(
                "--points says all of one character, so -n, --attribute and --palette lock have"
                " nothing to do. Leave them out; a palette file may be given."
            )
        chosen = read_points(points)
        made = [model.from_points(replace(chosen, palette={**chosen.palette, **given}))]
        names = (Path(points).stem.removesuffix(".points"),)
    else:
        if locked:
            first = model.generate(1, seed=seed, attributes=attributes)[0]
            given = dict(first.points.palette)
        made = model.generate(n, seed=seed, attributes=attributes, palette=given, watch=watch)
        names = tuple(f"{seed}-{number:04d}" for number in range(n))
    files: _Files = {}
    shown = [_shown(model.finished(one, size), transparent) for one in made]
    for name, character, image in zip(names, made, shown, strict=True):
        files |= _of_one(character, name, image, stages=stages)
        if svg:
            files[f"{name}.svg"] = partial(_write_svg, model, character, size)
    if points is not None:  # rendered beside its file, which stays as the person edited it
        own = Path(points).resolve()
        files = {name: write for name, write in files.items() if (out / name).resolve() != own}
    if sprite_sheet:
        files |= _sheet(np.stack(shown), names, transparent)
    if gif:
        files["interpolation.gif"] = partial(_film, model, made, size, transparent)
    try:
        written = write_files(out, files)
    except OSError as error:
        why = error.strerror or error
        raise EleganError(f"Could not write into '{out}': {why}. Name another --out.") from error
    return MadeCharacters(characters=tuple(made), names=names, files=tuple(written), out=out)


def _palette(palette: str | Path | Mapping[str, Any]) -> dict[str, tuple[int, int, int]]:
    """Colours, "#rrggbb" or three numbers in 0..255, by slot.

    Args:
        palette: a mapping, or a file that holds one or a character's points.

    Raises:
        UsageError: a slot is unknown, or a colour is no colour.
    """
    table: Any = palette
    if not isinstance(palette, Mapping):
        try:
            table = json.loads(Path(palette).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise EleganError(
                f"The palette '{palette}' cannot be read: {error}. Name a JSON file such as"
                ' {"hair": "#c04060"}, the .json of a character, or lock.'
            ) from error
        if isinstance(table, dict) and "outlines" in table:
            table = table.get("palette", {})
        if not isinstance(table, dict):
            raise EleganError(f"The palette '{palette}' must hold an object of colours by slot.")
    found = {}
    for slot, value in table.items():
        lookup(dict.fromkeys(COLOURS), slot, "colour slot")
        try:
            written = isinstance(value, str)
            found[slot] = as_colour(bytes.fromhex(value[1:]) if written else value)
            if (written and value[0] != "#") or not all(0 <= tone <= 255 for tone in found[slot]):
                raise ValueError("out of range")
        except (ValueError, TypeError, IndexError, OverflowError):
            raise UsageError(
                f"The colour of '{slot}' is {value!r}. Write it as \"#rrggbb\"."
            ) from None
    return found


def _of_one(made: Character, name: str, image: np.ndarray, *, stages: bool) -> _Files:
    outlines = made.points.outlines
    files: _Files = {
        f"{name}.png": partial(save_png, image),
        f"{name}.points.json": lambda path: write_points(path, made.points),
    }
    if stages:
        facial = np.array(list(made.points.key_points.values()), np.float64).reshape(-1, 2)
        pictures = {
            "2-points": picture_of_points(outlines, facial, _STAGE_SIZE),
            "3-outline": picture_of_outlines(outlines, _STAGE_SIZE),
            "4-character": _enlarged(on_white(made.image)),
        }
        if made.planes is not None:
            pictures = {"1-maps": _enlarged(picture_of_planes(made.planes)), **pictures}
        for stage, picture in pictures.items():
            files[f"{name}-{stage}.png"] = partial(save_png, picture)
    return files


def _write_svg(model: CharacterModel, made: Character, size: int | None, path: Path) -> None:
    palette = np.array([made.points.palette[slot] for slot in COLOURS], np.uint8)
    if model.draws:
        text = svg_of_sketch(portrait(made.points), palette, size or SIZE)
    else:
        flat = np.rint(colours_of_parts(palette) * 255).astype(np.uint8)
        named = {part: f"#{bytes(flat[index]).hex()}" for part, index in INDEX.items()}
        text = svg_text(made.points.outlines, named)
    write_durably(path, text)


def _shown(image: np.ndarray, transparent: bool) -> np.ndarray:
    return image if transparent else on_white(image)


def _enlarged(picture: np.ndarray) -> np.ndarray:
    scale = max(1, _STAGE_SIZE // picture.shape[0])
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def _sheet(images: np.ndarray, names: Sequence[str], transparent: bool) -> _Files:
    """All pictures side by side without gaps, and where each lies."""
    columns = min(_MAX_COLUMNS, len(images))
    size = images.shape[1]
    tone = 0 if transparent else 255
    filling = np.full((-len(images) % columns, *images.shape[1:]), tone, np.uint8)
    sheet = grid(np.concatenate([images, filling]), columns, gap=0)
    places = {
        name: {"x": size * (place % columns), "y": size * (place // columns)}
        for place, name in enumerate(names)
    }
    text = json.dumps({"image": "sprites.png", "size": size, "sprites": places}, indent=1)
    return {
        "sprites.png": partial(save_png, sheet),
        "sprites.json": lambda path: write_durably(path, text),
    }


def _film(
    model: CharacterModel,
    made: Sequence[Character],
    size: int | None,
    transparent: bool,
    path: Path,
) -> None:
    stops = [character.points for character in made]
    pictures = (model.finished(frame, size) for frame in model.film(stops))
    frames = [Image.fromarray(_shown(picture, transparent)) for picture in pictures]
    with written_whole(path) as temporary:
        save_gif(frames, temporary)
