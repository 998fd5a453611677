"""Photos: their upload, the jobs that change them, and what came out."""

import tempfile
import zipfile
from collections.abc import AsyncGenerator, Callable, Container, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from elegan.applications.photos.journal import Translated, Watch
from elegan.common.errors import EleganError
from elegan.options import Restore, Stylize, Upscale
from elegan.settings.limits import check_limits
from elegan.web.beginning import receive
from elegan.web.loading import Models
from elegan.web.photographs import (
    MAX_MASK_BYTES,
    MAX_PHOTOS,
    PREVIEW,
    THUMBNAIL,
    Photos,
    preview,
)
from elegan.web.queueing import Item, Job, Queue

VERBS: Mapping[str, Any] = {"upscale": Upscale, "restore": Restore, "stylize": Stylize}

Number = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
Asked = Annotated[str, Query(alias="id", pattern="^[0-9a-f]{12}$")]


class Change(BaseModel):
    """How photos are to be changed; None where the verb's default serves.

    Attributes:
        painted: whether photos with a painted mask are changed there only.
        mask: what to change where no mask is painted.
    """

    model_config = ConfigDict(allow_inf_nan=False)
    verb: Literal["upscale", "restore", "stylize"]
    photos: list[Number] = Field(min_length=1, max_length=MAX_PHOTOS)
    model: str | None = Field(default=None, max_length=1000)
    strength: float | None = Field(default=None, ge=0, le=1)
    format: Literal["auto", "png", "jpeg", "webp", "tiff"] | None = None
    quality: int | None = Field(default=None, ge=1, le=100)
    scale: float | None = Field(default=None, gt=0, le=16)
    task: str | None = Field(default=None, pattern="^[a-z]{1,20}$")
    painted: bool = True
    mask: str | None = Field(default=None, pattern="^(auto|alpha|#[0-9a-fA-F]{6})$")
    dilate: int | None = Field(default=None, ge=0, le=200)
    feather: int | None = Field(default=None, ge=0, le=200)
    preserve_colour: bool | None = None
    flatten: bool | None = None


class Act(BaseModel):
    """What is to be done with a job."""

    id: Number
    act: Literal["cancel", "retry"]


class Drop(BaseModel):
    """Photos that are not needed any more."""

    photos: list[Number] = Field(max_length=MAX_PHOTOS)


def router(studio: Any, models: Models, photos: Photos, queue: Queue) -> APIRouter:
    """The routes of photos and of the queue."""
    routes = APIRouter(prefix="/api")

    @routes.get("/photos")
    def listed() -> dict[str, Any]:
        return {"photos": [photo.row() for photo in photos.all()], "most": MAX_PHOTOS}

    @routes.put("/photos")
    async def upload(
        request: Request, name: Annotated[str, Query(min_length=1, max_length=1000)]
    ) -> dict[str, Any]:
        length = request.headers.get("content-length", "0")
        number, path = photos.place(
            name, int(length) if length.isascii() and length.isdigit() else 0
        )
        try:
            await receive(_Counted(request, lambda size: photos.grow(number, size)), path)
            return (await run_in_threadpool(photos.add, number, name, path)).row()
        finally:
            photos.settle(number)

    @routes.post("/photos/remove")
    def remove(asked: Drop) -> dict[str, Any]:
        if any(map(queue.uses, asked.photos)):  # all or none of them
            raise EleganError("A job still needs this photo. Cancel the job first.")
        for number in asked.photos:
            photos.remove(number)
        return listed()

    @routes.get("/photos/preview")
    def look(number: Asked, small: bool = False) -> FileResponse:
        photo = photos.get(number)
        return _shown(photo.path, small)

    @routes.put("/photos/mask")
    async def mask(request: Request, number: Asked) -> dict[str, Any]:
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
            if len(content) > MAX_MASK_BYTES:
                raise EleganError("The mask is too large.")
        return (await run_in_threadpool(photos.set_mask, number, bytes(content))).row()

    @routes.get("/photos/mask")
    def painted(number: Asked) -> FileResponse:
        path = photos.get(number).mask
        if path is None:
            raise EleganError("There is no mask on this photo.")
        return FileResponse(path, media_type="image/png")

    @routes.get("/jobs")
    def jobs() -> dict[str, Any]:
        return {"jobs": _told(queue, {photo.id for photo in photos.all()})}

    @routes.post("/jobs")
    def submit(asked: Change) -> dict[str, Any]:
        chosen = [photos.get(number) for number in dict.fromkeys(asked.photos)]
        if asked.model is not None:
            models.refuse(asked.model, asked.verb)
        check_limits(_options(asked))
        items = [Item(photo=photo.id, name=photo.name) for photo in chosen]
        return queue.submit(asked.verb, items, _worker(studio, models, photos, asked)).row()

    @routes.post("/jobs/act")
    def act(asked: Act) -> dict[str, Any]:
        (queue.cancel if asked.act == "cancel" else queue.retry)(asked.id)
        return jobs()

    @routes.get("/results/preview")
    def result(number: Asked, photo: Number, small: bool = False) -> FileResponse:
        path = _output(queue.job(number), photo)
        return _shown(path, small)

    @routes.get("/results/file")
    def save(number: Asked, photo: Number) -> FileResponse:
        path = _output(queue.job(number), photo)
        return FileResponse(path, filename=path.name)

    @routes.get("/results/zip")
    def save_all(verb: Literal["upscale", "restore", "stylize"]) -> FileResponse:
        whole = _newest(queue, verb, {photo.id for photo in photos.all()})
        if not whole:
            raise EleganError("Nothing is finished yet.")
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - it is sent, then removed
            dir=photos.folder.parent, suffix=".zip", delete=False
        )
        try:
            with file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, path in whole.items():
                    archive.write(path, name)
        except OSError as error:
            Path(file.name).unlink(missing_ok=True)
            raise EleganError(f"The zip could not be made: {error.strerror}.") from error
        done = BackgroundTask(Path(file.name).unlink, missing_ok=True)
        return FileResponse(file.name, filename=f"{verb}.zip", background=done)

    return routes


class _Counted(Request):
    """A request whose body is counted while it comes.

    Args:
        count: called with the bytes that have come so far; what it raises ends the request.
    """

    def __init__(self, request: Request, count: Callable[[int], None]) -> None:
        super().__init__(request.scope, request.receive)
        self._count = count

    async def stream(self) -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in super().stream():
            size += len(chunk)
            self._count(size)
            yield chunk


def _options(asked: Change) -> Any:
    """Returns the verb's options, without what is chosen for each photo.

    Raises:
        EleganError: an option is given that the verb does not have.
    """
    kind = VERBS[asked.verb]
    given = asked.model_dump(exclude={"verb", "photos", "model", "painted"}, exclude_none=True)
    if strange := sorted(name for name in given if name not in kind.__dataclass_fields__):
        raise EleganError(f"'{strange[0]}' is no option of {asked.verb}.")
    return kind(**given)


def _worker(studio: Any, models: Models, photos: Photos, asked: Change) -> Any:
    def carry(item: Item, out: Path, watch: Watch) -> Translated:
        photo = photos.get(item.photo)
        options = vars(_options(asked)) | {"out": str(out), "watch": watch}
        if asked.model is not None:
            options["model"] = models.get(asked.model).model
        if asked.verb == "restore" and asked.painted and photo.mask is not None:
            options["mask"] = str(photo.mask)
        if asked.verb == "restore" and options["mask"] is None:
            options |= {"dilate": None, "feather": None}  # of photos that have no mask
        return studio.verbs[VERBS[asked.verb]](VERBS[asked.verb](**options), [str(photo.path)])

    return carry


def _output(job: Job, photo: str) -> Path:
    for item in job.items:
        if item.photo == photo and item.output is not None and item.output.is_file():
            return item.output
    raise EleganError("There is no such result any more.")


def _told(queue: Queue, photos: Container[str]) -> list[dict[str, Any]]:
    """Returns jobs from the newest on; of those that have ended, what no newer one did again."""
    seen: set[tuple[str, str]] = set()
    rows = []
    for job in queue.jobs():
        new = [item for item in job.items if (job.verb, item.photo) not in seen]
        seen |= {(job.verb, item.photo) for item in new}
        kept = job.items if job.is_open else [item for item in new if item.photo in photos]
        rows += [job.row(kept)] * bool(kept)
    return rows


def _newest(queue: Queue, verb: str, photos: Container[str]) -> dict[str, Path]:
    """Returns the newest result of each of these photos, by names of which no two are alike."""
    found: dict[str, Item] = {}
    for job in queue.jobs():
        for item in job.items if job.verb == verb else ():
            if item.photo in photos and item.output is not None and item.output.is_file():
                found.setdefault(item.photo, item)
    named: dict[str, Path] = {}
    taken: set[str] = set()
    for item in found.values():
        assert item.output is not None
        whole = Path(item.name).with_name(item.output.name)
        name, number = whole, 2
        while name.as_posix().casefold() in taken:
            name, number = whole.with_name(f"{whole.stem}-{number}{whole.suffix}"), number + 1
        taken.add(name.as_posix().casefold())
        named[name.as_posix()] = item.output
    return named


def _shown(path: Path, small: bool) -> FileResponse:
    made = preview(path, path.parent / "shown", THUMBNAIL if small else PREVIEW)
    with made.open("rb") as file:
        kind = "image/png" if file.read(4) == b"\x89PNG" else "image/jpeg"
    return FileResponse(made, media_type=kind)
