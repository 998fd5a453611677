"""What the training verb needs to know of a use before a task of it exists."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from elegan.engine.batches import Stream
from elegan.engine.distributed import World
from elegan.engine.task import Task
from elegan.machine.precision import Precision
from elegan.settings import TrainSettings


@dataclass(frozen=True, kw_only=True)
class Use:
    """One use of the engine.

    Attributes:
        about: one line for `elegan list tasks`.
        check: refuses unknown names and pairings, before anything is read or written.
        open_data: opens what a run trains on; raises EleganError where it cannot serve.
        stream: (settings, data, device, world) -> batches in keyed order.
        build: (settings, data, stream, precision) -> a task with fresh weights.
        stages: of a use that is several runs in turn: (settings, run folder) -> the settings of
            each, by the name of its folder; `stream` and `build` are then never called.
        final_scores: how many times the first quick score of a run the scores at its end take, to
            tell how long a run will last (timed once for each use; a guess for other data).
        join: of such a use: (run folder) writes one model of all.
    """

    about: str
    check: Callable[[TrainSettings], None]
    open_data: Callable[[TrainSettings], Any]
    stream: Callable[[TrainSettings, Any, torch.device, World], Stream]
    build: Callable[[TrainSettings, Any, Any, Precision], Task]
    final_scores: float = 4.0
    stages: Callable[[TrainSettings, Path], Mapping[str, TrainSettings]] | None = None
    join: Callable[[Path], None] | None = None
