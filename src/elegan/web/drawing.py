"""Drawing from a model: sheets, directions as sliders, and walks from one image to another."""

import io
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import ConfigDict, Field
from torch import Tensor

from elegan.common.errors import EleganError
from elegan.data.pictures import grid, png_bytes, save_gif, to_pillow
from elegan.models import Model
from elegan.models.directions import find_directions
from elegan.models.interpolation import between
from elegan.models.model import latent_noise
from elegan.models.samples import Samples
from elegan.options import Interpolate
from elegan.web.loading import Loaded, Models, Seated, Turns

COLUMNS = 10
"""Images in a row of a sheet that the page takes apart."""
MAX_IMAGES, MAX_MOVES, FRAMES = 100, 6, 24
_MEASURED = 1024  # styles whose spread is the unit of a slider
_FILM_SIDE = 256  # pixels that small images of a film are enlarged to

Name = Annotated[str, Field(max_length=1000)]


class Draw(Seated):
    """What is drawn, `n` images of which each depends on the seed and its number alone.

    Attributes:
        moves: how far along each direction, in standard deviations.
    """

    model_config = ConfigDict(allow_inf_nan=False)
    model: Name
    n: int = Field(default=36, ge=1, le=MAX_IMAGES)
    seed: int = Field(default=0, ge=0, le=2**31)
    label: str | None = Field(default=None, max_length=200)
    truncation: float | None = Field(default=None, gt=0, le=10)
    moves: list[Annotated[float, Field(ge=-10, le=10)]] = Field(default=[], max_length=MAX_MOVES)


class Walk(Draw):
    """A way between two images of a draw; `share` of it has been gone."""

    start: int = Field(ge=0, lt=MAX_IMAGES)
    end: int = Field(ge=0, lt=MAX_IMAGES)
    share: float = Field(default=0.0, ge=0, le=1)


class Tour(Seated):
    """A walk through many points, as `elegan interpolate` makes it."""

    model: Name
    seed: int = Field(default=0, ge=0, le=2**31)
    label: str | None = Field(default=None, max_length=200)
    columns: int = Field(default=3, ge=1, le=6)


def router(studio: Any, models: Models, turns: Turns) -> APIRouter:
    """The routes of models that draw."""
    routes = APIRouter(prefix="/api/draw")

    def rendered(asked: Seated, act: Any, kind: str = "image/png") -> Response:
        return Response(turns.take(asked.seat, asked.turn, act), media_type=kind)

    @routes.get("/about")
    def about(model: Annotated[str, Query(max_length=1000)]) -> dict[str, Any]:
        loaded = generator(models, model)
        return {
            "classes": list(loaded.model.classes),
            "styles": loaded.model.has_styles,
            "resolution": loaded.model.shape.resolution,
            "directions": len(turns.take("", 0, lambda: steps_of(loaded))),
        }

    @routes.post("")
    def draw(asked: Draw) -> Response:
        def sheet() -> bytes:
            images = samples_of(generator(models, asked.model), asked).images
            return png_bytes(grid(images, COLUMNS, gap=0))

        return rendered(asked, sheet)

    @routes.post("/sheet")
    def save_sheet(asked: Draw) -> Response:
        return rendered(
            asked, lambda: png_bytes(samples_of(generator(models, asked.model), asked).sheet())
        )

    @routes.post("/arrays")
    def save_arrays(asked: Draw) -> Response:
        def arrays() -> bytes:
            samples = samples_of(generator(models, asked.model), asked)
            with tempfile.TemporaryDirectory() as folder:
                return samples.save(Path(folder) / "samples.npz").read_bytes()

        return rendered(asked, arrays, "application/octet-stream")

    @routes.post("/walk")
    def walk(asked: Walk) -> Response:
        def image() -> bytes:
            return png_bytes(walked(generator(models, asked.model), asked, [asked.share])[0])

        return rendered(asked, image)

    @routes.post("/film")
    def film(asked: Walk) -> Response:
        shares = [frame / FRAMES for frame in range(FRAMES + 1)]
        shares += shares[-2:0:-1]
        return rendered(
            asked, lambda: _gif(walked(generator(models, asked.model), asked, shares)), "image/gif"
        )

    @routes.post("/tour")
    def tour(asked: Tour) -> Response:
        def gif() -> bytes:
            model = generator(models, asked.model).model
            more = asked.model_dump(include={"seed", "label", "columns"})
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "interpolation.gif"
                studio.verbs[Interpolate](Interpolate(model, out=path, **more))
                return path.read_bytes()

        return rendered(asked, gif, "image/gif")

    return routes


def generator(models: Models, name: str) -> Loaded:
    """Returns a model that draws.

    Raises:
        EleganError: it is of another kind.
    """
    loaded = models.get(name)
    if not isinstance(loaded.model, Model):
        raise EleganError("This model does not draw from noise. Choose another one.")
    return loaded


def steps_of(loaded: Loaded) -> Tensor:
    """Returns one standard deviation along each direction of a model, float32 [n, latent]."""
    if "steps" not in loaded.known:
        loaded.known["steps"] = _measured_steps(loaded.model)
    return loaded.known["steps"]


def _measured_steps(model: Model) -> Tensor:
    if not hasattr(model.network, "entry_weights"):  # a network of a person's own
        return torch.empty(0, model.latent)
    found = find_directions(model, min(MAX_MOVES, model.latent))
    if not found.of_styles:
        return found.vectors
    many = model.styles(latent_noise(_MEASURED, model.latent, 0), model.labels_for(_MEASURED, None))
    return found.vectors * (many.flatten(0, -2) @ found.vectors.T).std(dim=0)[:, None]


def samples_of(loaded: Loaded, asked: Draw) -> Samples:
    """Draws what is asked; without moves exactly as `Model.generate` does."""
    model: Model = loaded.model
    if not any(asked.moves):
        return model.generate(
            asked.n, seed=asked.seed, label=asked.label, truncation=asked.truncation
        )
    codes, kinds = codes_of(loaded, asked)
    return model.samples(
        _images(model, codes, kinds), model.labels_for(asked.n, asked.label), asked.seed
    )


def codes_of(loaded: Loaded, asked: Draw) -> tuple[Tensor, np.ndarray | None]:
    """Returns latents or styles, moved; and of latents the classes or clusters, which stay."""
    model: Model = loaded.model
    kinds = model.labels_for(asked.n, asked.label)
    if model.has_styles:
        noise = latent_noise(asked.n, model.latent, asked.seed)
        codes = model.styles(noise, kinds, asked.truncation)
    else:
        codes = latent_noise(asked.n, model.latent, asked.seed)
        kinds = model.clusters(codes) if kinds is None else kinds
    for move, step in zip(asked.moves, steps_of(loaded), strict=False):
        codes = codes + move * step
    return codes, kinds


def walked(loaded: Loaded, asked: Walk, shares: list[float]) -> np.ndarray:
    """Returns images uint8 [N, R, R, C] at shares of the way between two images of a draw."""
    wide = asked.model_copy(update={"n": max(asked.start, asked.end) + 1})
    codes, kinds = codes_of(loaded, wide)
    places = [slice(place, place + 1) for place in (asked.start, asked.end)]
    start, end = (codes[place] for place in places)
    of_start, of_end = (None if kinds is None else kinds[place] for place in places)
    frames = [between(loaded.model, (start, end), (of_start, of_end), share) for share in shares]
    return np.concatenate(frames)


def _images(model: Model, codes: Tensor, kinds: np.ndarray | None) -> np.ndarray:
    return model.from_styles(codes) if model.has_styles else model.from_latents(codes, kinds)


def _gif(images: np.ndarray) -> bytes:
    scale = max(1, _FILM_SIDE // images.shape[1])
    frames = [to_pillow(image.repeat(scale, axis=0).repeat(scale, axis=1)) for image in images]
    content = io.BytesIO()
    save_gif(frames, content)
    return content.getvalue()
