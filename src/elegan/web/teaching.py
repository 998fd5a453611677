"""The game of both players, move by move: what the article describes, played by the real loop."""

import base64
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from fastapi import APIRouter
from pydantic import BaseModel, Field
from torch import Tensor

from elegan.applications import TASKS
from elegan.common.distributed import World
from elegan.common.errors import EleganError
from elegan.common.pixels import to_uint8
from elegan.common.precision import choose
from elegan.common.randomness import generator as keyed_generator
from elegan.common.randomness import seed_default
from elegan.data.pictures import grid, png_bytes
from elegan.losses import ADVERSARIAL
from elegan.settings import preset_settings
from elegan.training.loop import TrainingLoop
from elegan.training.run import prepare
from elegan.web.plane import MOST_POINTS, PlaneTask, PointBatches, loop_of, modes, points

FIELD, LINES, SHOWN, ARROWS = 40, 13, 300, 60
SIDE = 1.3
"""The field goes from -SIDE to SIDE in both directions."""
_SESSIONS = 16
_SECONDS = 0.25  # of moves that one request makes at most
_NEAR = 4 * 0.03  # of a mode, in the plane
_DIGITS = "mnist-5k"

Target = Literal["ring", "grid", "moons", "spiral", "drawn"]
Place = tuple[
    Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)],
    Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)],
]
Rate = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class Game(BaseModel):
    """What is played with: the data, the loss, how fast each player moves."""

    kind: Literal["plane", "digits"] = "plane"
    target: Target = "ring"
    drawn: list[Place] = Field(default=[], max_length=500)
    points: int = Field(default=MOST_POINTS, ge=4, le=MOST_POINTS)
    loss: str = Field(default="non-saturating", max_length=40)
    generator_rate: Rate = 1e-3
    discriminator_rate: Rate = 1e-3
    r1: Weight = 0.0
    moves: int = Field(default=1, ge=1, le=20)
    lead: int = Field(default=0, ge=0, le=300)
    width: int = Field(default=64, ge=4, le=256)
    seed: int = Field(default=0, ge=0, le=2**31)


class Move(BaseModel):
    """Who moves in a game, and how often."""

    id: str = Field(max_length=40)
    who: Literal["discriminator", "generator", "both"]
    count: int = Field(default=1, ge=0, le=200)


class End(BaseModel):
    """A game that is over."""

    id: str = Field(max_length=40)


LESSONS: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "collapse": (
        {"target": "grid", "generator_rate": 1e-2, "discriminator_rate": 1e-2},
        {"target": "grid", "discriminator_rate": 2e-3, "r1": 0.05, "moves": 2},
    ),
    "winning": (
        {"loss": "minimax", "discriminator_rate": 1e-2, "moves": 10, "lead": 300},
        {"lead": 300, "r1": 0.3},
    ),
    "memorising": (
        {"target": "moons", "points": 6, "moves": 5, "width": 256},
        {"target": "moons", "r1": 0.1, "width": 256},
    ),
}
"""Games that go wrong, each with the one that mends it."""


class Session:
    """A game that is going on.

    Attributes:
        loop: that of real runs; its `images` count what was seen.
        lock: held while somebody moves.
    """

    def __init__(self, game: Game) -> None:
        self.game, self.lock = game, threading.Lock()
        self.loop = _plane(game) if game.kind == "plane" else _digits(game)
        self.task: Any = self.loop.task
        self.moved = {"discriminator": 0, "generator": 0}
        self.happened: list[dict[str, Any]] = []
        for _ in range(game.lead):
            self._move("discriminator")

    def move(self, who: str, count: int) -> None:
        """Makes so many moves, or as many as a quarter of a second allows; the last is told of."""
        ends = time.perf_counter() + _SECONDS
        for _ in range(count):
            if who == "both":
                for _ in range(self.game.moves):
                    self._move("discriminator")
                told = self.happened
                self._move("generator")
                self.happened = [*told, *self.happened]
            else:
                self._move(who)
            if time.perf_counter() > ends:
                break

    def _move(self, who: str) -> None:
        loop, task = self.loop, self.task
        batch = loop.batches.at(loop.images)
        seed_default(loop.settings.seed, "step", loop.images)
        with task.precision.autocast():
            fakes = task.generate(batch)
        sides = self._logits(batch.images), self._logits(fakes.detach())
        real, fake = (side.sigmoid().mean().item() for side in sides)
        player = getattr(task, who)
        moves = loop.move_discriminator if who == "discriminator" else loop.move_generator
        finite, losses = moves(batch, fakes, 0.0, 1.0)
        if not finite:
            raise EleganError("The numbers went beyond all bounds. Begin anew, with lower rates.")
        loop.images += batch.whole
        if who == "generator":
            task.ema.update(loop.images, batch.whole)
        self.moved[who] += 1
        loss = {} if losses is None else {name: value.item() for name, value in losses.items()}
        self.happened = [
            {"step": "noise", "who": who, "count": batch.whole},
            {"step": "generate", "who": who, "count": batch.whole},
            {
                "step": "score",
                "who": who,
                "fake": fake,
                **({"real": real} if who[0] == "d" else {}),
            },
            {"step": "loss", "who": who, "value": loss.get("loss"), "parts": loss},
            {"step": "backward", "who": who, "norm": player.gradient_norm},
            {"step": "update", "who": who, "rate": player.base_rate},
        ]

    @torch.no_grad()
    def _logits(self, images: Tensor) -> Tensor:
        with self.task.precision.autocast():
            return self.task.discriminator.network(images.float()).float()

    # --- what is shown ----------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Returns what the page draws, as JSON values."""
        shown = self._plane() if self.game.kind == "plane" else self._sheet()
        return {"images": self.loop.images, "moved": self.moved, "happened": self.happened, **shown}

    def _plane(self) -> dict[str, Any]:
        generator, discriminator = self.task.generator.network, self.task.discriminator.network
        real = self.loop.batches.real  # pyright: ignore[reportAttributeAccessIssue]
        noise = torch.randn(MOST_POINTS // 2, 2, generator=keyed_generator(0, "shown noise"))
        steps = torch.linspace(-SIDE, SIDE, FIELD)
        places = torch.cartesian_prod(steps, steps).flip(1)  # row by row, y outside
        quantiles = torch.special.ndtri(torch.linspace(0.02, 0.98, LINES))
        corners = torch.cartesian_prod(quantiles, quantiles)
        with torch.no_grad():
            field = discriminator(places.view(-1, 2, 1, 1)).sigmoid().view(FIELD, FIELD)
            made = generator(noise).flatten(1)
            warped = generator(corners).view(LINES, LINES, 2)
            found = discriminator(real[: len(made)].view(-1, 2, 1, 1)) > 0
            fooled = discriminator(made.view(-1, 2, 1, 1)) > 0
        caught = torch.cat([found, ~fooled]).float().mean().item()
        return {
            "real": _rounded(real[:SHOWN]),
            "made": _rounded(made[:SHOWN]),
            "field": _rounded(field),
            "grid": _rounded(warped),
            "arrows": _rounded(self.arrows(made[:ARROWS])),
            "accuracy": caught,
            "modes": _covered(made, modes(self.game.target)),
            "near": _nearness(made, real),
        }

    def arrows(self, made: Tensor) -> Tensor:
        """Returns where the generator's loss would have points go: [N, 2] -> [N, 2].

        The negative gradient of its loss, a mean over points, by each of them, times their number.
        """
        places = made.detach().view(-1, 2, 1, 1).requires_grad_()
        network = self.task.discriminator.network
        real = self.loop.batches.at(0).images
        logits = network(real).mean().expand(len(made)).detach()
        loss = self.task.loss.generator(logits, network(places))
        (gradient,) = torch.autograd.grad(loss, places)
        return -len(made) * gradient.flatten(1)

    @torch.no_grad()
    def _sheet(self) -> dict[str, Any]:
        noise = torch.randn(
            64, self.task.generator.network.latent, generator=keyed_generator(0, "shown noise")
        )
        positions = range(0, 64, self.loop.settings.batch)
        real = torch.cat([self.loop.batches.at(position).images for position in positions])
        network = self.task.generator.network.eval()
        with self.task.precision.autocast():
            made = network(noise).float()
        network.train()
        sides = self._logits(real), self._logits(made)
        right = torch.cat([sides[0] > 0, sides[1] <= 0])
        real_share, fake_share = (side.sigmoid().mean().item() for side in sides)
        return {
            "made": _picture(to_uint8(made)),
            "real": _picture(to_uint8(real)),
            "accuracy": right.float().mean().item(),
            "probabilities": {"real": real_share, "fake": fake_share},
        }


def _plane(game: Game) -> TrainingLoop:
    if game.target == "drawn" and len(game.drawn) < 2:
        raise EleganError("Draw a line first.")
    settings = _told(game, "plane", batch=64)
    drawn = torch.tensor(game.drawn or [(0.0, 0.0)])
    real = points(game.target, game.points, drawn, game.seed)
    return loop_of(PlaneTask(settings, game.width), PointBatches(real, settings), settings)


def _digits(game: Game) -> TrainingLoop:
    if game.lead:
        raise EleganError("A lead is for points: on digits it would take minutes.")
    settings = _told(game, _DIGITS, batch=16)
    spec, precision = TASKS[settings.task], choose("cpu")
    data = spec.open_data(settings)
    batches, make_task = prepare(spec, settings, data, precision, World())
    task: Any = make_task()
    return loop_of(task, batches, settings)


def _told(game: Game, data: str, batch: int) -> Any:
    """Returns the settings of a real run that a game stands for."""
    if game.loss not in ADVERSARIAL:
        raise EleganError(f"There is no loss '{game.loss}'.")
    return preset_settings(
        "robust",
        data,
        {
            "batch": batch,
            "seed": game.seed,
            "images": 10**9,
            "network": {"clusters": 0, "width": max(8, game.width // 4)},
            "augment": {"kinds": ""},
            "loss": {
                "adversarial": game.loss,
                "r1": game.r1,
                "r2": 0.0,
                "penalty_every": 1,
                "penalty_pixels": None,
            },
            "optimizer": {
                "generator_rate": game.generator_rate,
                "discriminator_rate": game.discriminator_rate,
                "schedule": "constant",
                "warmup": 0.0,
            },
        },
    )


def _covered(made: Tensor, centres: Tensor) -> dict[str, int] | None:
    """How many modes hold at least a quarter of their share of the points."""
    if not len(centres):
        return None
    distances, nearest = torch.cdist(made, centres).min(dim=1)
    counts = torch.bincount(nearest[distances < _NEAR], minlength=len(centres))
    least = len(made) / len(centres) / 4
    return {"covered": int((counts >= least).sum()), "of": len(centres)}


def _nearness(made: Tensor, real: Tensor) -> float:
    """The median distance of generated points to the nearest real one."""
    return torch.cdist(made, real).min(dim=1).values.median().item()


def _rounded(values: Tensor) -> Any:
    return np.nan_to_num(values.double().numpy()).round(3).tolist()


def _picture(images: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(png_bytes(grid(images, 8))).decode()


@dataclass
class _Table:
    """The games that go on; of too many the one that rested longest is given up."""

    games: "OrderedDict[str, Session]"
    lock: threading.Lock

    def add(self, session: Session) -> str:
        name = secrets.token_hex(8)
        with self.lock:
            self.games[name] = session
            while len(self.games) > _SESSIONS:
                self.games.popitem(last=False)
        return name

    def find(self, name: str) -> Session:
        with self.lock:
            if name not in self.games:
                raise EleganError("There is no such game any more.")
            self.games.move_to_end(name)
            return self.games[name]

    def end(self, name: str) -> None:
        with self.lock:
            self.games.pop(name, None)


def router(studio: Any) -> APIRouter:
    """The routes of the game."""
    table = _Table(OrderedDict(), threading.Lock())
    routes = APIRouter(prefix="/api/teach")

    @routes.get("/lessons")
    def lessons() -> dict[str, Any]:
        return {
            "lessons": {
                name: {"wrong": Game(**wrong).model_dump(), "mended": Game(**mended).model_dump()}
                for name, (wrong, mended) in LESSONS.items()
            },
            "losses": list(ADVERSARIAL),
            "field": {"side": SIDE, "cells": FIELD},
        }

    @routes.post("/begin")
    def begin(asked: Game) -> dict[str, Any]:
        session = Session(asked)
        return {"id": table.add(session), **session.state()}

    @routes.post("/move")
    def move(asked: Move) -> dict[str, Any]:
        session = table.find(asked.id)
        with session.lock:
            session.move(asked.who, asked.count)
            return session.state()

    @routes.post("/end")
    def end(asked: End) -> dict[str, bool]:
        table.end(asked.id)
        return {"ended": True}

    return routes
