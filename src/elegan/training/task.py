"""What the loop needs of a task, and what `run` must know of it before it is built."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from elegan.common.distributed import World
from elegan.common.precision import Precision
from elegan.data.batches import Batch, Stream
from elegan.settings import TrainSettings
from elegan.training.ema import Ema
from elegan.training.players import Player
from elegan.training.run_folder import RunFolder

State = Mapping[str, Tensor | None]
"""Values of a task's own state by name; None where there is no longer one."""


class Losses(dict[str, Tensor]):
    """Named scalars of a step: "loss" is minimised, the others are detached, for the record.

    Attributes:
        state: what of the task's state the step changes. The loop keeps it where the step proved
            finite, and drops it where it did not.
    """

    def __init__(self, losses: Mapping[str, Tensor], state: State | None = None) -> None:
        super().__init__(losses)
        self.state: State = state or {}


class Task(Protocol):
    """One use of the engine.

    Attributes:
        generator, discriminator: the players.
        ema: the average of the generator's weights.
        state: the task's own tensors by name, which its steps read and the loop alone writes.
        takes_loss_flags: whether the run may be told of any loss, penalty and augmentation, so that
            a remedy may name them.
        simultaneous: whether both players move by one pass (`simultaneous_losses`), or alternate.
    """

    generator: Player
    discriminator: Player
    ema: Ema
    state: dict[str, Tensor]
    takes_loss_flags: bool

    @property
    def simultaneous(self) -> bool: ...

    @property
    def settings(self) -> TrainSettings:
        """The run's, what was left to the data being settled."""
        ...

    def phase(self, progress: float) -> tuple[float, float]:
        """Returns how far the phase that the run is in has come, and a factor on both rates in it.

        Both from 0 to 1, at `progress` of the run. Rates rise and fall once a phase.
        """
        ...

    def begin(self, say: Callable[[str], None]) -> None:
        """Prepares a run that begins (not one that is resumed): weights from elsewhere, say."""
        ...

    def capacity(self) -> dict[str, Any]:
        """Returns what the players cost, as JSON values."""
        ...

    def generate(self, batch: Batch) -> Tensor:
        """Returns images for this batch, float [N, C, R, R] in [-1, 1], with gradients."""
        ...

    def discriminator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses | None:
        """Returns the discriminator's losses on real images and on `fakes` (detached).

        None where it rests in this step and the generator learns without it.
        """
        ...

    def generator_loss(self, batch: Batch, fakes: Tensor, progress: float) -> Losses:
        """Returns the generator's losses on `fakes`, through which gradients flow."""
        ...

    def simultaneous_losses(
        self, batch: Batch, fakes: Tensor, progress: float
    ) -> tuple[Losses, Losses, Tensor]:
        """Returns both players' losses from one pass, and a ratio [N, 1, 1, 1].

        The ratio turns the gradient of the discriminator's loss by each of `fakes` (a leaf that
        requires gradients) into that of the generator's loss.
        """
        ...

    def after_discriminator_step(self, batch: Batch) -> None:
        """Called after each of the discriminator's finite steps: moves weights, not state."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """Returns all of the task's own that a checkpoint holds; often nothing."""
        ...

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes back what `state_dict` returned."""
        ...

    def real_sheet(self, path: Path) -> None:
        """Writes a picture of the data."""
        ...

    def first_batch(self, batch: Batch, path: Path) -> None:
        """Writes a picture of a batch as the discriminator sees it."""
        ...

    def preview(self, path: Path) -> None:
        """Writes a picture made from fixed inputs by the averaged generator."""
        ...

    def signals(self) -> dict[str, float]:
        """Measures how the duel stands; cheap enough for every tick."""
        ...

    def score(self) -> dict[str, float]:
        """Scores the averaged generator; for every snapshot."""
        ...

    def save_model(self, folder: Path, training: Mapping[str, Any]) -> None:
        """Writes the averaged generator as a model folder, with facts about its training."""
        ...


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """All that is known of a task: whoever meets its name looks here.

    Attributes:
        about: one line for `elegan list tasks`.
        check: refuses unknown names and pairings, before anything is read or written.
        open_data: opens what a run trains on; raises EleganError where it cannot serve.
        stream: (settings, data, device, world) -> batches in keyed order.
        build: (settings, data, stream, precision) -> a task with fresh weights.
        load: (path, device, precision) -> the model that a run of the task delivers.
        score: (model, data, **options) -> JSON values; each option has a default.
        format_scores: these -> text for a terminal.
        score_run: (run folder, settings) scores what a run delivers on its own data, writes
            scores.json, and returns it as text.
        usage: what to type to use a run: {run} stands for its folder, {whole} for the one above.
        commands: further ones and what they do; {data} stands for the data.
        from_images: whether what it delivers takes images, not noise.
        final_scores: how many times the first quick score of a run the scores at its end take, to
            tell how long a run will last (timed once for each task; a guess for other data).
        enough: data -> images from which on what is made is worth looking at.
        train, plan: in place of `run.train` and `run.plan`, of a task that is several runs one
            after another; its stream and build are never called.
    """

    about: str
    check: Callable[[TrainSettings], None]
    open_data: Callable[[TrainSettings], Any]
    stream: Callable[[TrainSettings, Any, torch.device, World], Stream]
    build: Callable[[TrainSettings, Any, Any, Precision], Task]
    load: Callable[[Path, str, str], Any]
    score: Callable[..., dict[str, Any]]
    format_scores: Callable[[Mapping[str, Any]], str]
    score_run: Callable[[RunFolder, TrainSettings], str]
    usage: str
    commands: Sequence[tuple[str, str]] = ()
    from_images: bool = False
    final_scores: float = 4.0
    enough: Callable[[Any], int] | None = None
    train: "Callable[[TrainSettings, TaskSpec, Hooks], None] | None" = None
    plan: "Callable[[TrainSettings, TaskSpec], dict[str, Any]] | None" = None


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What is called while a run goes on.

    Attributes:
        write_report: writes the report of a run folder and returns its path.
        on_tick: is given each measurement: its event, as events.jsonl holds it.
    """

    write_report: Callable[[Path], Path]
    on_tick: Callable[[dict[str, Any]], None] | None = None
