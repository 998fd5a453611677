"""The loop: batch, generate, discriminator step, generator step, average, tick, snapshot.

There is one loop for every use. A task says what is generated and what is lost; this file says
when.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from elegan.common import distributed
from elegan.common.errors import EleganError
from elegan.common.interruption import InterruptedRun, Interruption
from elegan.common.precision import Precision
from elegan.common.randomness import seed_default
from elegan.data.batches import Batch, Stream
from elegan.settings import TrainSettings
from elegan.training import checkpoints
from elegan.training.console import Console, duration
from elegan.training.guard import Guard
from elegan.training.monitor import health
from elegan.training.players import Player, rate_factor
from elegan.training.run_folder import RunFolder
from elegan.training.task import Losses, Task

_SLOW = 3.0  # times slower than the fastest tick, beyond which it is said


@dataclass(kw_only=True)
class TrainingLoop:
    """One training run.

    Attributes:
        task: the use.
        batches: real images.
        folder: the run folder, locked by the caller.
        settings: resolved.
        stop: images at which the run ends.
        images: real images seen so far, all processes together.
        seconds: of wall time that earlier sittings of the run took.
        began: when this sitting began, on the clock of `time.perf_counter`.
        rest: seconds that are still to come after the last step: scoring and the report.
        on_tick: is given the event of each tick, in the process that leads.
    """

    task: Task
    batches: Stream
    folder: RunFolder
    settings: TrainSettings
    precision: Precision
    console: Console
    stop: int
    images: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.perf_counter)
    rest: float = 0.0
    on_tick: Callable[[dict[str, Any]], None] | None = None
    guard: Guard = field(default_factory=Guard)

    def __post_init__(self) -> None:
        self.world = distributed.world()
        self._sums: dict[str, float] = defaultdict(float)
        self._steps = 0
        self._raised: set[str] = set()  # alarms of the last tick, so that each is printed once
        self._stepping = 0.0  # seconds of steps since the last tick
        self._warm = False  # whether a tick has passed: what came before it was a warm-up
        self._fastest: dict[bool, float] = {}  # images/s with and without the discriminator
        self._noted = 0.0  # when how far it is was last written
        self._start: tuple[int, float] | None = None  # images and seconds when the first step began

    # --- the loop ---------------------------------------------------------------------------

    def run(self) -> None:
        """Trains from wherever the run stands to its end.

        Raises:
            InterruptedRun: after Ctrl-C or SIGTERM, once everything is saved.
            EleganError: the numbers went bad beyond repair, or a file could not be written.
        """
        if self.images == 0:
            self._save()  # there is always a checkpoint to roll back to
        self.console.doing("training")
        self._start = (self.images, self.elapsed)
        with Interruption() as interruption:
            while self.images < self.stop:
                began = time.perf_counter()
                finite = self.step(self.batches.at(self.images))
                before, self.images = self.images, self.images + self.settings.batch
                self._stepping += time.perf_counter() - began
                self._progress()

                ended = self.images >= self.stop
                snapshot = self._is_snapshot_due(before)
                action = self.guard.judge(finite)
                if snapshot and action in ("go", "skip") and not self._is_finite():
                    action = self.guard.escalate()
                self._act(action)
                if action == "rollback":
                    continue
                if snapshot or self._is_due(before, self.settings.ticks):
                    self._tick()
                if snapshot:
                    self._snapshot()
                signal_number = distributed.largest(interruption.signal_number or 0)
                if signal_number and not ended:
                    self._stop_early(signal_number)
        self._event("stop", reason="done")

    @property
    def elapsed(self) -> float:
        """Seconds of wall time since the run began, over all sittings."""
        return self.seconds + time.perf_counter() - self.began

    def conclude(self) -> None:
        """Writes what a kill left out between the last checkpoint and the end of `run`."""
        if self.world.leads:
            self._save_model()
            last = self.folder.read_events()[-1:]
            done = {"event": "stop", "images": self.images, "reason": "done"}
            if not last or not done.items() <= last[0].items():
                self._event("stop", reason="done")

    def step(self, batch: Batch) -> bool:
        """One step of both players; returns whether every number in it was finite.

        Where one was not, neither its player nor the average has moved, nor any batch statistics.
        """
        for player in self._players().values():
            player.keep_buffers()
        finite = self._exchange(batch)
        if not finite:
            for player in self._players().values():
                player.put_back_buffers()
        return finite

    def _exchange(self, batch: Batch) -> bool:
        task, progress = self.task, batch.position / self.stop
        in_phase, share = task.phase(progress)
        factor = share * rate_factor(in_phase, self.settings.optimizer) * self.guard.rate_scale
        seed_default(self.settings.seed, "step", batch.position, self.world.rank)
        with self.precision.autocast():
            fakes = task.generate(batch)
        moves = self._simultaneous if task.simultaneous else self._alternating
        found = moves(batch, fakes, progress, factor)
        if found is None:
            return False
        losses, generator_losses = found
        task.ema.update(batch.position + batch.whole, batch.whole)
        if losses is not None:
            self._add("discriminator", losses, task.discriminator)
        self._add("generator", generator_losses, task.generator)
        self._steps += 1
        return True

    def _alternating(
        self, batch: Batch, fakes: Tensor, progress: float, factor: float
    ) -> tuple[Losses | None, Losses] | None:
        """The discriminator moves, then the generator against the moved discriminator."""
        task = self.task
        losses = task.discriminator_loss(batch, fakes.detach(), progress)
        if losses is not None:
            if not task.discriminator.backward(losses):
                return None
            task.discriminator.step(factor)
            self._keep(losses)
            task.after_discriminator_step(batch)
        # The discriminator only passes gradients on here; its own would be computed for nothing.
        task.discriminator.set_requires_grad(False)
        generator_losses = task.generator_loss(batch, fakes, progress)
        finite = task.generator.backward(generator_losses)
        task.discriminator.set_requires_grad(True)
        if not finite:
            return None
        task.generator.step(factor)
        self._keep(generator_losses)
        return losses, generator_losses

    def _keep(self, losses: Losses) -> None:
        """Takes over what a finite step changes of the task's state."""
        for name, value in losses.state.items():
            if value is None:
                self.task.state.pop(name, None)
            else:
                self.task.state[name] = value

    def _simultaneous(
        self, batch: Batch, fakes: Tensor, progress: float, factor: float
    ) -> tuple[Losses, Losses] | None:
        """Both move by the same discriminator, which is passed through once instead of twice.

        Its backward pass already holds each generated image's gradient of the discriminator's
        loss; the generator's differs from it by one factor an image, which the task knows.
        """
        task = self.task
        leaf = fakes.detach().requires_grad_()
        losses, generator_losses, ratio = task.simultaneous_losses(batch, leaf, progress)
        if not task.discriminator.backward(losses):
            return None
        assert leaf.grad is not None
        if not task.generator.backward(generator_losses, through=(fakes, leaf.grad * ratio)):
            return None
        task.discriminator.step(factor)
        self._keep(losses)
        task.after_discriminator_step(batch)
        task.generator.step(factor)
        return losses, generator_losses

    def _progress(self) -> None:
        """Shows how far the run is, here and, each second, to whoever watches the folder."""
        images, left = min(self.images, self.stop), self._left()
        self.console.progress(images, self.stop, left)
        now = time.perf_counter()
        if self.world.leads and now - self._noted >= 1:
            self._noted = now
            self.folder.note_progress(images, left)

    def _is_snapshot_due(self, before: int) -> bool:
        if self.settings.snapshots:
            return self._is_due(before, self.settings.snapshots)
        epoch = self.batches.training_count
        return self.images // epoch > before // epoch or self.images >= self.stop

    def _is_due(self, before: int, times: int) -> bool:
        """Whether one of `times` equal parts of the run, the last included, has just ended."""
        now = min(self.images, self.stop)
        return now * times // self.stop > before * times // self.stop

    # --- what happens now and then ----------------------------------------------------------

    def _tick(self) -> None:
        """Measures, writes one event, prints one line."""
        speed, stepping = self._speed(), self._stepping
        means = {name: total / max(1, self._steps) for name, total in self._sums.items()}
        self._sums.clear()
        self._steps, self._stepping, self._warm = 0, 0.0, True
        if not self.world.leads:
            return
        norms = {name: means.pop(name) for name in list(means) if name.startswith("gradient_norm")}
        signals = {**self.task.signals(), **norms}
        sentence, alarms = health(
            signals,
            self.images / self.stop,
            self.folder.read_events(),
            losses=means,
            images=self.batches.countable,
            settings=replace(self.task.settings, precision=self.precision.name),
            takes_loss_flags=self.task.takes_loss_flags,
        )
        event = self._event(
            "tick",
            losses=means,
            signals=signals,
            images_per_second=speed,
            health=sentence,
            alarms=[asdict(alarm) for alarm in alarms],
        )
        if self.on_tick is not None:
            self.on_tick(event)
        images = min(self.images, self.stop)
        rate = f", {speed:,.0f} images/s" if speed else ""
        self.console.tick(
            f"{images:>9,}/{self.stop:,} images, {duration(self.elapsed)}{rate}"
            f"  D {means.get('discriminator', 0):.3f}  G {means.get('generator', 0):.3f}"
            f"  {sentence}",
            f"{images / self.stop:>4.0%} {images:>9,}  {sentence}",
        )
        for alarm in alarms:
            if alarm.name not in self._raised:
                self.console.alarm(f"  alarm: {alarm}")
        self._raised = {alarm.name for alarm in alarms}
        if speed is not None and stepping > 1:  # of a moment nothing can be said
            self._say_if_slow(speed, playing="discriminator" in means)

    def _speed(self) -> float | None:
        """Images a second of the steps since the last tick; None where they were a warm-up."""
        if not self._warm or not self._stepping:
            return None
        return self._steps * self.settings.batch / self._stepping

    def _say_if_slow(self, speed: float, *, playing: bool) -> None:
        """Says when steps take three times as long as they did, and what to do about it."""
        fastest = self._fastest.get(playing, speed)
        self._fastest[playing] = max(speed, fastest)
        if speed < fastest / _SLOW:
            self.console.alarm(
                f"  slow: {speed:,.0f} images/s, where {fastest:,.0f} were reached. Something else"
                " keeps the processor busy: stop it, or press Ctrl-C and type"
                f" elegan resume {self.folder.path}, which measures anew how many threads are best."
            )
            del self._fastest[playing]  # said once, until it is faster again

    def _left(self) -> float | None:
        """Seconds to the end of the run, ticks, snapshots and scoring included."""
        if self._start is None or self.images <= self._start[0]:
            return None
        images, seconds = self._start
        each = (self.elapsed - seconds) / (self.images - images)
        return max(0, self.stop - self.images) * each + self.rest

    def _snapshot(self) -> None:
        """Writes samples, a score, the model and a checkpoint."""
        if self.world.leads:
            self.console.doing("scoring")
            with self.folder.explained("samples"):
                self.task.preview(self.folder.samples / f"{self.images:07d}.png")
            scores = self.task.score()
            if scores:
                self._event("snapshot", scores=scores)
                figures = ", ".join(f"{name} {value:.3g}" for name, value in scores.items())
                share = min(1.0, self.images / self.stop)
                self.console.say(f"{share:>4.0%}  {figures}")
            else:
                self._event("snapshot")
            self.console.doing("training")
        self._save()

    def _save(self) -> None:
        """Writes a checkpoint and the model; every process waits for it."""
        if self.world.leads:
            checkpoints.save(self.folder.checkpoints, self._parts(), self._facts())
            self._save_model()
        distributed.barrier()

    def _save_model(self) -> None:
        with self.folder.explained("model"):
            self.task.save_model(self.folder.model, self._training())

    def _stop_early(self, signal_number: int) -> None:
        if self._is_finite():  # otherwise the last checkpoint is what there is to save
            self._save()
        self._event("stop", reason=f"signal {signal_number}")
        raise InterruptedRun(
            f"Stopped at {self.images:,} of {self.stop:,} images; everything is saved."
            f" To go on, type: elegan resume {self.folder.path}",
            signal_number,
        )

    def _act(self, action: str) -> None:
        """Carries out what the guard decided."""
        if action == "go":
            return
        reason = f"a loss or gradient was not finite near {self.images:,} images"
        self._event("guard", action=action, reason=reason)
        self.console.alarm(f"  guard: {reason}; {action}")
        if action == "rollback":
            self.restore(rolling_back=True)
            if self.world.leads:
                self.folder.forget_after(self.images)
            self.console.alarm(f"  guard: learning rates are now x{self.guard.rate_scale:g}")
        elif action == "stop":
            exact = ", or type --precision float32" if self.precision.name != "float32" else ""
            raise EleganError(
                f"Training stopped: {reason}, again after {self.guard.rollbacks_allowed} rollbacks"
                " at lower rates. Lower --optimizer.generator-rate and"
                f" --optimizer.discriminator-rate{exact}. The last finite model is in"
                f" {self.folder.model}."
            )

    # --- state ------------------------------------------------------------------------------

    def restore(self, *, rolling_back: bool = False) -> bool:
        """Takes the newest whole checkpoint; returns whether there was one.

        Args:
            rolling_back: keeps the guard's count and the time spent.
        """
        found = checkpoints.load(self.folder.checkpoints, self.console.say)
        if found is None:
            return False
        parts, facts = found
        for name, module in self._modules().items():
            checkpoints.restore_module(module, parts[name])
        for name, player in self._players().items():
            checkpoints.restore_optimizer(player.optimizer, parts[f"{name}_optimizer"])
        self.task.load_state_dict(parts.get("task", {}))
        self.images = facts["images"]
        if not rolling_back:
            self.seconds = facts["seconds"]
            self.guard.restore(facts["guard"])
        self._sums.clear()
        self._steps, self._stepping, self._warm = 0, 0.0, False
        return True

    def _players(self) -> dict[str, Player]:
        return {"generator": self.task.generator, "discriminator": self.task.discriminator}

    def _modules(self) -> dict[str, nn.Module]:
        players = {name: player.network for name, player in self._players().items()}
        return {**players, "ema": self.task.ema.network}

    def _parts(self) -> dict[str, Mapping[str, Tensor]]:
        parts: dict[str, Mapping[str, Tensor]] = {
            name: module.state_dict() for name, module in self._modules().items()
        }
        for name, player in self._players().items():
            parts[f"{name}_optimizer"] = checkpoints.optimizer_tensors(player.optimizer)
        own = self.task.state_dict()
        return {**parts, "task": own} if own else parts

    def _is_finite(self) -> bool:
        """Whether all that a checkpoint would hold is finite, in every process."""
        faulty = any(
            tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())
            for tensors in self._parts().values()
            for tensor in tensors.values()
        )
        return not distributed.largest(int(faulty))

    def _facts(self) -> dict[str, Any]:
        return {"images": self.images, "seconds": self.elapsed, "guard": self.guard.to_dict()}

    def _training(self) -> dict[str, Any]:
        data = self.batches.data
        return {
            "data": data.name,
            "data_hash": data.hash,
            "preset": self.settings.preset,
            "seed": self.settings.seed,
            "images": self.images,
            "seconds": round(self.elapsed, 1),
            "precision": self.precision.reason,
        }

    def _add(self, side: str, losses: Losses, player: Player) -> None:
        self._sums[f"gradient_norm_{side}"] += player.gradient_norm
        for name, value in losses.items():
            self._sums[side if name == "loss" else name] += value.item()

    def _event(self, name: str, **values: Any) -> dict[str, Any]:
        seconds = round(self.elapsed, 3)
        event = {"event": name, "images": self.images, "seconds": seconds, **values}
        if self.world.leads:
            self.folder.append_event(event)
        return event
