"""New runs: what may be chosen, a look at the data, what a training would do, and its beginning."""

import hashlib
import json
import secrets
import subprocess
import sys
import threading
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

_LEVELS = 8  # of folders, of a folder that is dropped
_SHEETS = 20  # contact sheets that are kept
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
    folders, plans = studio.folders, _Plans()
    studio.hurrying.append(plans.give_up)
    received: dict[str, int] = {}  # files of each upload
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
        for old in sorted(sheets.iterdir(), key=lambda item: item.stat().st_mtime)[:-_SHEETS]:
            old.unlink(missing_ok=True)
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
        found = plans.find_out(_train_words(folders, asked, folders.runs / "plan"))
        keys = ("images", "seconds", "data_summary", "precision", "pace", "out")
        return {key: found[key] for key in keys if key in found}

    @routes.post("/runs")
    def begin(asked: Asked) -> dict[str, Any]:
        data = _data(folders, asked.data)
        plain = f"{Path(data).name.split('.')[0]}-{asked.preset or asked.task or 'robust'}"
        run = folders.new_run(asked.name or plain)
        try:
            studio.launcher.start(_train_words(folders, asked, run), run)
        except EleganError:
            run.rmdir()
            raise
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
        *above, last = [part for part in name.replace("\\", "/").split("/") if part] or [""]
        if Path(last).suffix.lower() not in (*IMAGES, *ARCHIVES):
            raise EleganError(f"{name[-80:]} is no image and no archive of images.")
        received[upload] = received.get(upload, 0) + 1
        if received[upload] > MAX_FILES:
            raise EleganError(
                f"More than {MAX_FILES:,} files: put them into a folder and choose it."
            )
        home = folders.runs / "uploaded" / upload
        stem, suffix = Path(last).stem, Path(last).suffix.lower()
        target = home.joinpath(*map(_own_name, above[-_LEVELS:]), _own_name(stem) + suffix)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EleganError(f"It could not be written: {error.strerror}.") from error
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


def _train_words(folders: Any, asked: Asked, run: Path) -> list[str]:
    """Returns the words of `elegan train` that works in the folder `run`."""
    data = _data(folders, asked.data)
    values = asked.model_dump(exclude={"name", "data"})
    given = said("train", {**values, "data": data, "out": str(run)})
    return ["train", data, *flags("train", given)]


def _own_name(name: str) -> str:
    """Returns a safe name that no other name has: what had to change is told by a few digits."""
    plain = safe_name(name)
    if plain == name:
        return plain
    digits = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain or 'image'}-{digits}"


class _Plans:
    """Dry runs, one at a time: a newer one ends the one before."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def find_out(self, words: list[str]) -> dict[str, Any]:
        """Returns what `elegan WORDS --dry-run --json` says.

        Raises:
            EleganError: it failed, took too long, or was given up.
        """
        command = [sys.executable, "-m", "elegan", *words, "--dry-run", "--json"]
        with self._lock:
            self.give_up()
            process = self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            said, _ = process.communicate(timeout=_PLAN_SECONDS)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.communicate()
            raise EleganError("It took too long to find out. Start it and see.") from error
        found = json.loads(said or b"{}")
        if process.returncode or "error" in found:
            raise EleganError(str(found.get("error", "It was not found out.")))
        return found

    def give_up(self) -> None:
        """Ends the one that goes on."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
