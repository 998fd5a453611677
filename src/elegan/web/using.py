"""Models in use: which there are, drawing, photos, characters, classes."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from elegan.options import Classify
from elegan.web import applying, drawing, posing
from elegan.web.applying import Number
from elegan.web.loading import Models, Turns
from elegan.web.photographs import MAX_PHOTOS, Photos
from elegan.web.queueing import Queue

_MOST_CLASSES = 3  # that are told of each photo


class Look(BaseModel):
    """Photos of which the class is asked."""

    model: str = Field(max_length=1000)
    photos: list[Number] = Field(min_length=1, max_length=MAX_PHOTOS)
    fit: str = Field(default="crop", pattern="^(crop|pad|stretch)$")


def router(studio: Any) -> APIRouter:
    """The routes of models."""
    work = studio.folders.work
    models, turns = Models(studio.folders), Turns()
    photos, queue = Photos(work / "photos"), Queue(work / "results")
    sets = posing.Sets(work / "characters")
    studio.closing += [queue.close, photos.close, sets.close]
    routes = APIRouter()
    routes.include_router(drawing.router(studio, models, turns))
    routes.include_router(applying.router(studio, models, photos, queue))
    routes.include_router(posing.router(studio, models, turns, sets))

    @routes.get("/api/models")
    def listed() -> dict[str, Any]:
        return {"models": models.rows()}

    @routes.post("/api/classify")
    def classify(asked: Look) -> dict[str, Any]:
        models.refuse(asked.model, "classify")
        chosen = {str(item.path): item for item in map(photos.get, dict.fromkeys(asked.photos))}
        options = Classify(models.get(asked.model).model, list(chosen), fit=asked.fit)  # pyright: ignore[reportArgumentType]
        found = turns.take("", 0, lambda: studio.verbs[Classify](options))
        named = replace(found, names=[chosen[name].name for name in found.names])
        with tempfile.TemporaryDirectory() as folder:
            table = named.save(Path(folder) / "classes.csv").read_text(encoding="utf-8")
        best = (-found.probabilities).argsort(axis=1, kind="stable")[:, :_MOST_CLASSES]
        rows = [
            {
                "photo": chosen[name].id,
                "name": chosen[name].name,
                "classes": [
                    {"name": found.classes[index], "probability": float(shares[index])}
                    for index in order
                ],
            }
            for name, shares, order in zip(found.names, found.probabilities, best, strict=True)
        ]
        notes = list(found.notes)
        for path, item in chosen.items():
            notes = [note.replace(path, item.name) for note in notes]
        return {"rows": rows, "notes": notes, "csv": table}

    return routes
