"""Characters: drawn by seed, their points moved, and rendered anew."""

import json
import secrets
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from elegan.applications.characters.model import CharacterModel
from elegan.applications.characters.parts import COLOURS, INSIDE, KEY_POINTS, PARTS
from elegan.applications.characters.planes import on_white
from elegan.applications.characters.points import CharacterPoints, parse_points
from elegan.common.errors import EleganError
from elegan.data.pictures import png_bytes
from elegan.options import Character
from elegan.web.loading import Models, Seated, Turns

MAX_CHARACTERS, MAX_SETS, MAX_POINTS = 16, 24, 400
"""Characters of one draw, draws whose files are kept, and points of an outline."""
_KINDS = {".png": "image/png", ".svg": "image/svg+xml", ".json": "application/json"}
_EDITED = "character.points.json"

Word = Annotated[str, Field(max_length=60)]
Name = Annotated[str, Field(max_length=1000)]
# In canvas units, of which an outline may leave the canvas by a little.
Unit = Annotated[float, Field(ge=-10, le=10)]
Place = Annotated[list[Unit], Field(min_length=2, max_length=2)]
Outline = Annotated[list[Place], Field(max_length=MAX_POINTS)]


class Draw(Seated):
    """Characters to be drawn."""

    model: Name
    n: int = Field(default=6, ge=1, le=MAX_CHARACTERS)
    seed: int = Field(default=0, ge=0, le=2**31)
    attribute: dict[Word, Word] = Field(default={}, max_length=20)
    transparent: bool = False


class Points(BaseModel):
    """What a file NAME.points.json holds; `parse_points` says what is wrong with it."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")
    format: Word = ""
    version: int = Field(default=0, ge=0, le=1000)
    outlines: dict[Word, Outline] = Field(default={}, max_length=60)
    key_points: dict[Word, Place] = Field(default={}, max_length=60)
    palette: dict[Word, Word] = Field(default={}, max_length=60)
    attributes: dict[Word, Word] = Field(default={}, max_length=60)


class Pose(Seated):
    """A character as points."""

    model: Name
    points: Points
    transparent: bool = False


class Sets:
    """Folders of characters that were made; the newest are kept.

    Args:
        folder: in which they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: OrderedDict[str, dict[str, Path]] = OrderedDict()

    def new(self) -> tuple[str, Path]:
        """Returns the number and the place of a further one."""
        number = secrets.token_hex(6)
        return number, self._folder / number

    def keep(self, number: str, files: Any) -> None:
        self._files[number] = {path.name: path for path in files}
        while len(self._files) > MAX_SETS:
            self.drop(next(iter(self._files)))

    def drop(self, number: str) -> None:
        """Removes the files of one, whole or not."""
        self._files.pop(number, None)
        shutil.rmtree(self._folder / number, ignore_errors=True)

    def file(self, number: str, name: str) -> Path:
        """Returns a file of one.

        Raises:
            EleganError: it is not there.
        """
        path = self._files.get(number, {}).get(name)
        if path is None or not path.is_file():
            raise EleganError("There is no such file any more. Draw the characters again.")
        return path

    def close(self) -> None:
        """Removes all."""
        shutil.rmtree(self._folder, ignore_errors=True)


def router(studio: Any, models: Models, turns: Turns, sets: Sets) -> APIRouter:
    """The routes of characters."""
    routes = APIRouter(prefix="/api/characters")

    @routes.get("/about")
    def about(model: Annotated[str, Query(max_length=1000)]) -> dict[str, Any]:
        found = _model(models, model)
        return {
            "attributes": {name: list(values) for name, values in found.attributes.items()},
            "colours": list(COLOURS),
            "parts": list(PARTS),
            "inside": INSIDE,
            "key_points": list(KEY_POINTS),
            "resolution": found.resolution,
        }

    @routes.post("")
    def draw(asked: Draw) -> Any:
        def act() -> dict[str, Any]:
            number, out = sets.new()
            options = Character(
                _model(models, asked.model),
                n=asked.n,
                seed=asked.seed,
                attribute=dict(asked.attribute),
                stages=True,
                svg=True,
                transparent=asked.transparent,
                out=str(out),
            )
            return _made(studio, sets, number, options)

        return turns.take(asked.seat, asked.turn, act)

    @routes.post("/render")
    def render(asked: Pose) -> Any:
        points = _points(asked)

        def act() -> Response:
            model = _model(models, asked.model)
            image = model.finished(model.from_points(points))
            shown = image if asked.transparent else on_white(image)
            return Response(png_bytes(shown), media_type="image/png")

        return turns.take(asked.seat, asked.turn, act)

    @routes.post("/make")
    def make(asked: Pose) -> Any:
        """The files of an edited character, as the verb writes them."""
        _points(asked)

        def act() -> dict[str, Any]:
            model = _model(models, asked.model)
            number, out = sets.new()
            file = out / _EDITED
            try:
                out.mkdir(parents=True)
                file.write_text(asked.points.model_dump_json(), encoding="utf-8")
            except OSError as error:
                raise EleganError(f"It could not be written: {error.strerror}.") from error
            options = Character(
                model,
                points=str(file),
                stages=True,
                svg=True,
                transparent=asked.transparent,
                out=str(out / "made"),
            )
            return _made(studio, sets, number, options)

        return turns.take(asked.seat, asked.turn, act)

    @routes.get("/file")
    def save(
        number: Annotated[str, Query(alias="id", pattern="^[0-9a-f]{12}$")],
        name: Annotated[str, Query(max_length=200)],
        download: bool = False,
    ) -> FileResponse:
        path = sets.file(number, name)
        kind = _KINDS.get(path.suffix, "application/octet-stream")
        return FileResponse(path, media_type=kind, filename=path.name if download else None)

    return routes


def _points(asked: Pose) -> CharacterPoints:
    return parse_points(asked.points.model_dump())


def _model(models: Models, name: str) -> Any:
    found = models.get(name).model
    if not isinstance(found, CharacterModel):
        raise EleganError("This model does not make characters. Choose another one.")
    return found


def _made(studio: Any, sets: Sets, number: str, options: Character) -> dict[str, Any]:
    """Makes characters by the verb; returns their points and the names of their files."""
    try:
        made = studio.verbs[Character](options)
    except BaseException:
        sets.drop(number)
        raise
    sets.keep(number, made.files)
    by_name = {path.name: path for path in made.files}
    rows = []
    for name, character in zip(made.names, made.characters, strict=True):
        table = json.loads(by_name[f"{name}.points.json"].read_text(encoding="utf-8"))
        stages = [file for file in by_name if file.startswith(f"{name}-") and "." in file]
        rows.append(
            {
                "name": name,
                "points": table,
                "picture": f"{name}.png",
                "stages": sorted(stages),
                "files": [f"{name}.png", f"{name}.svg", f"{name}.points.json"],
                "valid": character.valid,
                "dropped": list(character.dropped),
            }
        )
    return {"id": number, "characters": rows, "text": made.text().partition("\n")[2]}
