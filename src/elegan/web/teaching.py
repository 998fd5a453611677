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
from elegan.web.plane import MOST_POINTS, SPREAD, PlaneTask, PointBatches, loop_of, modes, points

FIELD, LINES, SHOWN, ARROWS = 40, 13, 300, 60
_DRAWN = 1000  # points that are measured, of which the first are shown
SIDE = 1.3
"""The field goes from -SIDE to SIDE in both directions."""
_SESSIONS = 16
_SECONDS = 0.25  # of moves that one request makes at most
_NEAR = 4 * SPREAD  # of a mode, in the plane
_MIDDLES = {"least-squares": 0.5}  # between the two targets, where 0 is not
_PROBABILITIES = {"minimax", "non-saturating"}  # whose logits are log-odds
_COMPARED = {"wasserstein", "relativistic-pair", "relativistic-average"}  # logits have no zero
_DIGITS = "mnist-5k"

Target = Literal["ring", "grid", "moons", "spiral", "drawn"]
Place = tuple[
    Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)],
    Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)],
]
Rate = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Epsilon = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class Game(BaseModel):
    """What is played with: the data, the loss, how fast each player moves.

    Attributes:
        points: how many real ones there are to learn from.
        moves: of the discriminator for each of the generator.
        lead: steps of the discriminator alone before the first of both, which the page asks for.
        epsilon: Adam's. A gradient far below it moves nothing; above it, its size is divided out.
    """

    kind: Literal["plane", "digits"] = "plane"
    target: Target = "ring"
    drawn: list[Place] = Field(default=[], max_length=500)
    points: int = Field(default=MOST_POINTS, ge=4, le=MOST_POINTS)
    loss: str = Field(default="non-saturating", max_length=40)
    generator_rate: Rate = 1e-3
    discriminator_rate: Rate = 4e-3
    r1: Weight = 0.05
    moves: int = Field(default=1, ge=1, le=20)
    lead: int = Field(default=0, ge=0, le=1000)
    epsilon: Epsilon = 1e-8
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


_LEADING = {"lead": 300, "discriminator_rate": 0.01, "moves": 5, "epsilon": 0.01, "seed": 2}
_WIDE = {"target": "moons", "width": 128, "moves": 3}
LESSONS: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "collapse": (
        {"generator_rate": 0.02, "discriminator_rate": 0.01, "r1": 0.0, "seed": 1},
        {"seed": 1},
    ),
    "winning": (
        {**_LEADING, "loss": "minimax", "r1": 0.0},
        {**_LEADING, "generator_rate": 3e-3, "r1": 0.1},
    ),
    "memorising": (
        {**_WIDE, "points": 6, "r1": 0.0},
        {**_WIDE},
    ),
}
"""Games that go wrong, each with the one that mends it."""


class Session:
    """A game that is going on.

    Attributes:
        loop: that of real runs; its `images` count what was seen.
        moved: how many steps each player has made.
        happened: the steps of the last move, each with its numbers.
    """

    def __init__(self, game: Game) -> None:
        self.game = game
        self.loop = _plane(game) if game.kind == "plane" else _digits(game)
        self.task: Any = self.loop.task
        self.moved = {"discriminator": 0, "generator": 0}
        self.happened: list[dict[str, Any]] = []

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
        shown = fakes.detach()
        real, fake, _ = self._probabilities(batch.images, shown)
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
            {"step": "score", "who": who, "fake": fake.mean().item()},
            {"step": "loss", "who": who, "value": loss.get("loss"), "parts": loss},
            {"step": "backward", "who": who, "norm": player.gradient_norm},
            {
                "step": "update",
                "who": who,
                "rate": player.base_rate,
                "weights": sum(one.numel() for one in player.parameters),
            },
        ]
        if who == "discriminator":
            self.happened[2]["real"] = real.mean().item()
        if self.game.kind == "plane":
            self.happened[1]["first"] = _rounded(shown[0].flatten())

    def _logits(self, images: Tensor) -> Tensor:
        """Scores images without leaving a trace: spectral norm counts the passes of training."""
        network = self.task.discriminator.network.eval()
        with self.task.precision.autocast():
            logits = network(images.float()).float()
        network.train()
        return logits

    @torch.no_grad()
    def _probabilities(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, float]:
        """Returns what the discriminator gives both sides, and the logit that is as good as 0.

        Cross-entropy makes a logit a probability. Other losses make it a score: then the middle
        stands for one half, between the loss's targets, or between both sides where it has none.
        """
        sides = self._logits(real), self._logits(fake)
        middle = _MIDDLES.get(self.game.loss, 0.0)
        if self.game.loss in _COMPARED:
            middle = (sides[0].mean() + sides[1].mean()).item() / 2
        return (sides[0] - middle).sigmoid(), (sides[1] - middle).sigmoid(), middle

    # --- what is shown ----------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Returns what the page draws, as JSON values."""
        shown = self._plane() if self.game.kind == "plane" else self._sheet()
        return {"images": self.loop.images, "moved": self.moved, "happened": self.happened, **shown}

    @torch.no_grad()
    def _plane(self) -> dict[str, Any]:
        generator, real = self.task.generator.network, self.loop.batches.real  # pyright: ignore[reportAttributeAccessIssue]
        noise = torch.randn(_DRAWN, 2, generator=keyed_generator(0, "shown noise"))
        steps = torch.linspace(-SIDE, SIDE, FIELD)
        places = torch.cartesian_prod(steps, steps).flip(1)  # row by row, y outside
        # So each cell of the grid holds about as much noise as any other.
        quantiles = torch.special.ndtri(torch.linspace(0.02, 0.98, LINES))
        corners = torch.cartesian_prod(quantiles, quantiles)
        made = generator(noise).flatten(1)
        found, fooled, middle = self._probabilities(*map(_images, (real[:_DRAWN], made)))
        field = (self._logits(_images(places)) - middle).sigmoid().view(FIELD, FIELD)
        unseen = points(self.game.target, _DRAWN, torch.tensor(self.game.drawn or [(0.0, 0.0)]), -1)
        return {
            "noise": _rounded(noise[:SHOWN]),
            "real": _rounded(real[:SHOWN]),
            "made": _rounded(made[:SHOWN]),
            "field": _rounded(field),
            "grid": _rounded(generator(corners).view(LINES, LINES, 2)),
            "arrows": _rounded(self.arrows(made[:ARROWS])),
            **_judged(found, fooled),
            "modes": _covered(made, modes(self.game.target)),
            "near": _distance(made, real),
            "unseen": _distance(unseen, made),
        }

    def arrows(self, made: Tensor) -> Tensor:
        """Returns where the generator's loss would have points go: [N, 2] -> [N, 2].

        The negative gradient of its loss, a mean over points, by each of them, times their number.
        """
        places = _images(made.detach()).requires_grad_()
        real = self.loop.batches.at(0).images
        with torch.enable_grad():
            logits = self._logits(real).mean().expand(len(made)).detach()
            loss = self.task.loss.generator(logits, self._logits(places))
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
        found, fooled, _ = self._probabilities(real, made)
        return {
            "noise": _rounded(noise[:, :2]),
            "made": _picture(to_uint8(made)),
            "real": _picture(to_uint8(real)),
            **_judged(found, fooled),
        }


def _plane(game: Game) -> TrainingLoop:
    if game.target == "drawn" and len(game.drawn) < 2:
        raise EleganError("Draw a line first.")
    settings = _told(game, "plane", batch=64)
    drawn = torch.tensor(game.drawn or [(0.0, 0.0)])
    real = points(game.target, game.points, drawn, game.seed)
    return loop_of(PlaneTask(settings, game.width), PointBatches(real, settings), settings)


def _digits(game: Game) -> TrainingLoop:
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
            "network": {"clusters": 0, "width": min(max(8, game.width // 4), 32)},
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
                "epsilon": game.epsilon,
                "schedule": "constant",
                "warmup": 0.0,
            },
        },
    )


def _judged(real: Tensor, fake: Tensor) -> dict[str, Any]:
    """What the discriminator gives both sides, and on what share it is right; each counts half."""
    right = (real > 0.5).float().mean() + (fake <= 0.5).float().mean()
    probabilities = {"real": real.mean().item(), "fake": fake.mean().item()}
    return {"accuracy": right.item() / 2, "probabilities": probabilities}


def _covered(made: Tensor, centres: Tensor) -> dict[str, int] | None:
    """How many modes hold at least a quarter of their share of the points."""
    if not len(centres):
        return None
    distances, nearest = torch.cdist(made, centres).min(dim=1)
    counts = torch.bincount(nearest[distances < _NEAR], minlength=len(centres))
    least = len(made) / len(centres) / 4
    return {"covered": int((counts >= least).sum()), "of": len(centres)}


def _distance(ones: Tensor, others: Tensor) -> float:
    """The median distance of each of the ones to the nearest of the others."""
    return torch.cdist(ones, others).min(dim=1).values.median().item()


def _images(places: Tensor) -> Tensor:
    """Points [N, 2] as the networks take them, [N, 2, 1, 1]."""
    return places.view(-1, 2, 1, 1)


def _rounded(values: Tensor) -> Any:
    return np.nan_to_num(values.double().numpy()).round(3).tolist()


def _picture(images: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(png_bytes(grid(images, 8))).decode()


@dataclass
class _Table:
    """The games that go on; of too many the one that rested longest is given up.

    Attributes:
        lock: held while games are made or moved. One for all, for they share torch's default
            random generators; so each draws the same numbers whatever the others do.
    """

    games: "OrderedDict[str, Session]"
    lock: threading.Lock

    def add(self, session: Session) -> str:
        name = secrets.token_hex(8)
        self.games[name] = session
        while len(self.games) > _SESSIONS:
            self.games.popitem(last=False)
        return name

    def find(self, name: str) -> Session:
        if name not in self.games:
            raise EleganError("There is no such game any more.")
        self.games.move_to_end(name)
        return self.games[name]


def router(studio: Any) -> APIRouter:
    """The routes of the game."""
    table = _Table(OrderedDict(), threading.Lock())
    routes = APIRouter(prefix="/api/teach")

    @routes.get("/lessons")
    def lessons() -> dict[str, Any]:
        return {
            "fair": Game().model_dump(),
            "lessons": {
                name: {"wrong": Game(**wrong).model_dump(), "mended": Game(**mended).model_dump()}
                for name, (wrong, mended) in LESSONS.items()
            },
            "losses": list(ADVERSARIAL),
            "scores": [name for name in ADVERSARIAL if name not in _PROBABILITIES],
            "field": {"side": SIDE, "cells": FIELD},
        }

    @routes.post("/begin")
    def begin(asked: Game) -> dict[str, Any]:
        with table.lock:
            session = Session(asked)
            return {"id": table.add(session), **session.state()}

    @routes.post("/move")
    def move(asked: Move) -> dict[str, Any]:
        with table.lock:
            session = table.find(asked.id)
            session.move(asked.who, asked.count)
            return session.state()

    @routes.post("/end")
    def end(asked: End) -> dict[str, bool]:
        with table.lock:
            table.games.pop(asked.id, None)
        return {"ended": True}

    return routes
