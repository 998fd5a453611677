"""The application: what each address is answered with. Who may ask is settled in `safety`."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from elegan.common.errors import EleganError
from elegan.web import beginning, teaching, using, watching
from elegan.web.folders import Folders
from elegan.web.launching import Launcher
from elegan.web.loading import Overtaken

STATIC = Path(str(files("elegan.web").joinpath("static")))


@dataclass(kw_only=True)
class Studio:
    """What the routes share.

    Attributes:
        verbs: what carries out each verb, given its options (`elegan.options`).
        stopping: set as soon as the server is asked to end.
        hurrying: called then, for what would hold it up.
        closing: called when the server has ended.
    """

    folders: Folders
    launcher: Launcher
    verbs: Mapping[type, Callable[..., Any]]
    stopping: threading.Event = field(default_factory=threading.Event)
    hurrying: list[Callable[[], None]] = field(default_factory=list)
    closing: list[Callable[[], None]] = field(default_factory=list)

    def stop(self) -> None:
        self.stopping.set()
        for end in self.hurrying:
            end()

    def close(self) -> None:
        for end in self.closing:
            end()


def create_app(folders: Folders, verbs: Mapping[type, Callable[..., Any]]) -> FastAPI:
    """Returns the application over some folders.

    `app.state.stop()` ends what would hold the server up, `app.state.close()` the rest.
    """
    studio = Studio(folders=folders, launcher=Launcher(folders.work / "logs"), verbs=verbs)
    app = FastAPI(title="elegan studio", docs_url=None, redoc_url=None)
    app.state.close, app.state.stop = studio.close, studio.stop
    app.add_exception_handler(EleganError, _explain)
    app.add_exception_handler(Overtaken, _overtaken)
    app.add_exception_handler(RequestValidationError, _explain_request)
    for page in (watching, beginning, using, teaching):
        app.include_router(page.router(studio))

    @app.get("/", include_in_schema=False)
    def index() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC))
    return app


def _explain(request: Request, error: Any) -> JSONResponse:
    status = 404 if str(error).startswith("There is no ") else 400
    return JSONResponse({"error": str(error)}, status)


def _overtaken(request: Request, error: Any) -> JSONResponse:
    return JSONResponse({"error": "A newer request came."}, 409)


def _explain_request(request: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:])
    return JSONResponse({"error": f"{place or 'The request'}: {first['msg']}."}, 422)
