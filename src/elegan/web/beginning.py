"""New runs: what may be chosen, a look at the data, what a training would do, and its beginning."""

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from elegan.common.errors import EleganError
from elegan.listing import LISTS
from elegan.options import Inspect
from elegan.settings import PRESETS
from elegan.web.folders import ARCHIVES, IMAGES, safe_name
from elegan.web.spelling import flags, said, spelled

MAX_FILES = 20_000
"""Files of one upload."""
_TASKS = ("generate", "classify", "upscale", "restore", "stylize", "characters")
_PLAN_SECONDS = 120

Words = Annotated[str, Field(max_length=1000)]


class Asked(BaseModel):
    """What a new run is told; None where the preset says."""

    data: Words
    task: Literal[_TASKS] | None = None  # pyright: ignore[reportInvalidTypeForm]
    preset: Words | None = None
    images: int | None = Field(default=None, ge=1, le=10**9)
    minutes: float | None = Field(default=None, gt=0, le=100_000)
    size: float | None = Field(default=None, gt=0, le=16)
    resolution: int | None = Field(default=None, ge=16, le=256)
    conditional: bool | None = None
    seed: int | None = Field(default=None, ge=0, le=2**31)
    limit: int | None = Field(default=None, ge=1, le=10**9)
    name: str | None = Field(default=None, max_length=200)


class Look(BaseModel):
    """Data to look at."""

    data: Words
    resolution: int | None = Field(default=None, ge=16, le=256)


class Spell(BaseModel):
    """A form's verb and values."""

    verb: Annotated[str, Field(max_length=40)]
    values: dict[str, Any]


def router(studio: Any) -> APIRouter:
    """The routes of new runs."""
    folders = studio.folders
    routes = APIRouter(prefix="/api")

    @routes.get("/choices")
    def choices() -> dict[str, Any]:
        known = LISTS["data"]()
        return {
            "presets": [
                {
                    "name": name,
                    "about": row.about,
                    "images": row.images,
                    "task": row.values.get("task", "generate"),
                }
                for name, row in PRESETS.items()
            ],
            "tasks": LISTS["tasks"](),
            "data": [{"name": name, "about": about} for name, about in known.items()],
        }

    @routes.get("/folders")
    def listing(path: Annotated[str | None, Query(max_length=4000)] = None) -> dict[str, Any]:
        return folders.listing(path)

    @routes.post("/look")
    def look(asked: Look) -> dict[str, Any]:
        data = _data(folders, asked.data)
        sheets = folders.work / "looks"
        sheets.mkdir(parents=True, exist_ok=True)
        sheet = sheets / f"{secrets.token_hex(8)}.png"
        options = Inspect(data, resolution=asked.resolution, out=str(sheet))
        found = studio.verbs[Inspect](options)
        return {
            **found.to_dict(),
            "text": found.text(),
            "sheet": sheet.stem if sheet.is_file() else None,
        }

    @routes.get("/look/sheet")
    def sheet(which: Annotated[str, Query(pattern="^[0-9a-f]{16}$")]) -> Any:
        from fastapi.responses import FileResponse

        path = folders.work / "looks" / f"{which}.png"
        if not path.is_file():
            raise EleganError("There is no such picture.")
        return FileResponse(path, media_type="image/png")

    @routes.post("/plan")
    def plan(asked: Asked) -> dict[str, Any]:
        words = [*_train_words(folders, asked), "--dry-run", "--json"]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "elegan", *words],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=_PLAN_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise EleganError("It took too long to find out. Start it and see.") from error
        found = json.loads(done.stdout or b"{}")
        if done.returncode or "error" in found:
            raise EleganError(str(found.get("error", "It could not be found out.")))
        keys = ("images", "seconds", "data_summary", "precision", "pace", "out")
        return {key: found[key] for key in keys if key in found}

    @routes.post("/runs")
    def begin(asked: Asked) -> dict[str, Any]:
        words = _train_words(folders, asked)
        run = Path(words[words.index("--out") + 1])
        studio.launcher.start(words, run)
        return {"id": folders.name_of(run)}

    @routes.post("/spell")
    def spell(asked: Spell) -> dict[str, str]:
        return spelled(asked.verb, asked.values)

    @routes.post("/uploads/new")
    def new_upload() -> dict[str, str]:
        """A place for files that are dropped; they stay, for runs resume from them."""
        name = f"images-{secrets.token_hex(4)}"
        return {"id": name, "path": str(folders.runs / "uploaded" / name)}

    @routes.put("/uploads")
    async def upload(
        request: Request,
        upload: Annotated[str, Query(alias="id", pattern="^images-[0-9a-f]{8}$")],
        name: Annotated[str, Query(max_length=1000)],
    ) -> dict[str, Any]:
        parts = [safe_name(part) for part in name.split("/")][-3:]
        suffix = Path(parts[-1]).suffix.lower()
        if not all(parts) or suffix not in (*IMAGES, *ARCHIVES):
            raise EleganError(f"{name} is no image and no archive of images.")
        home = folders.runs / "uploaded" / upload
        target = home.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        if sum(1 for _ in home.rglob("*")) >= MAX_FILES:
            raise EleganError(
                f"More than {MAX_FILES:,} files: put them into a folder and choose it."
            )
        await receive(request, target)
        return {"path": str(target), "folder": str(home)}

    return routes


async def receive(request: Request, target: Path) -> None:
    """Writes the body of a request to a file, whole or not at all."""
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
        part.replace(target)
    except ClientDisconnect as error:  # or more was sent than may be
        raise EleganError("It did not arrive whole.") from error
    except OSError as error:
        raise EleganError(f"It could not be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def _data(folders: Any, data: str) -> str:
    """Returns data as a command names them: a known name, or a path that may be looked into."""
    if data in LISTS["data"]():
        return data
    return str(folders.chosen(data))


def _train_words(folders: Any, asked: Asked) -> list[str]:
    """Returns the words of `elegan train`, the run folder settled."""
    values = asked.model_dump(exclude={"name", "data"})
    data = _data(folders, asked.data)
    plain = (
        asked.name or f"{Path(data).name.split('.')[0]}-{asked.preset or asked.task or 'robust'}"
    )
    given = said("train", {**values, "data": data, "out": str(folders.new_run(plain))})
    return ["train", data, *flags("train", given)]
