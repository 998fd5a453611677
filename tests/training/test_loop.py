"""The loop and its guard, with faults put in at chosen steps."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch
from tiny import cpu, loop_of, newest_checkpoint, register_plain_pair, settings, task_of

from elegan.common.errors import EleganError
from elegan.common.interruption import InterruptedRun, Interruption
from elegan.training import checkpoints
from elegan.training.console import Console
from elegan.training.loop import TrainingLoop
from elegan.training.run_folder import RunFolder

BATCH = 8


def _duel(folder: Path, **overrides) -> TrainingLoop:
    return loop_of(task_of(settings(**overrides)), folder)


def _state(loop: TrainingLoop) -> dict[str, torch.Tensor]:
    return {
        f"{part}.{name}": tensor.clone()
        for part, tensors in loop._parts().items()
        for name, tensor in tensors.items()
    }


def _moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name.split(".")[0] for name in after if not torch.equal(before[name], after[name])}


def _poison(loop: TrainingLoop, side: str, *, positions: range | set[int]) -> None:
    """Makes one side's loss NaN at these positions."""
    task = loop.task
    apart = {"discriminator": task.discriminator_loss, "generator": task.generator_loss}
    together = task.simultaneous_losses

    def spoil(losses, batch):
        bad = batch.position in positions
        return {**losses, "loss": losses["loss"] * float("nan")} if bad else losses

    def simultaneous(batch, fakes, progress):
        by_discriminator, by_generator, ratio = together(batch, fakes, progress)
        if side == "discriminator":
            return spoil(by_discriminator, batch), by_generator, ratio
        return by_discriminator, spoil(by_generator, batch), ratio

    setattr(task, f"{side}_loss", lambda batch, *rest: spoil(apart[side](batch, *rest), batch))
    task.simultaneous_losses = simultaneous


def _events(loop: TrainingLoop, kind: str) -> list[dict]:
    return [one for one in loop.folder.read_events() if one["event"] == kind]


@pytest.mark.parametrize("simultaneous", [True, False])
@pytest.mark.parametrize("side", ["discriminator", "generator"])
def test_a_faulty_step_moves_nothing_that_it_must_not(side: str, simultaneous: bool) -> None:
    loop = _duel(Path(), loss={"lecam": 0.1}, simultaneous=simultaneous)
    for position in (0, BATCH):
        assert loop.step(loop.batches.at(position))
    before = _state(loop)
    _poison(loop, side, positions={2 * BATCH})
    assert not loop.step(loop.batches.at(2 * BATCH))
    moved = _moved(before, _state(loop))
    if side == "generator" and not simultaneous:  # the discriminator's half of the step was sound
        assert moved == {"discriminator", "discriminator_optimizer", "task"}
    else:
        assert moved == set()
    assert loop.step(loop.batches.at(3 * BATCH))


def test_images_that_are_not_finite_leave_no_trace_in_statistics_and_anchors() -> None:
    loop = _duel(Path(), loss={"lecam": 0.1}, network={"name": "dcgan"})
    loop.step(loop.batches.at(0))
    before = _state(loop)
    real = loop.task.generate

    def generate(batch):
        with torch.no_grad():
            for layer in loop.task.generator.network.modules():
                if isinstance(layer, torch.nn.BatchNorm2d):
                    layer.running_mean.fill_(float("nan"))
        return real(batch) * float("nan")

    loop.task.generate = generate
    assert not loop.step(loop.batches.at(BATCH))
    assert _moved(before, _state(loop)) == set()


def test_a_skip_is_an_event_and_the_run_goes_on(tmp_path: Path) -> None:
    loop = _duel(tmp_path)
    _poison(loop, "discriminator", positions={16, 24})
    loop.run()
    guard = _events(loop, "guard")
    assert [one["action"] for one in guard] == ["skip", "skip"]
    assert [one["images"] for one in guard] == [24, 32]
    assert loop.images == 64
    assert all(torch.isfinite(one).all() for one in newest_checkpoint(tmp_path).values())


def test_rollback_restores_the_checkpoint_and_halves_the_rates(tmp_path: Path) -> None:
    loop = _duel(tmp_path, images=128, optimizer={"warmup": 0.0, "schedule": "constant"})
    loop.guard.skips_allowed = 1
    at_snapshot: dict[str, torch.Tensor] = {}
    restored: dict[str, torch.Tensor] = {}
    faults = {72, 80}
    _poison(loop, "generator", positions=faults)
    save, restore = loop._save, loop.restore

    def note_save() -> None:
        at_snapshot.clear()
        at_snapshot.update(_state(loop))
        save()

    def note_restore(**options) -> bool:
        found = restore(**options)
        restored.update(_state(loop))
        assert loop.images == 64
        faults.clear()
        return found

    loop._save, loop.restore = note_save, note_restore  # pyright: ignore[reportAttributeAccessIssue]
    loop.run()
    assert [one["action"] for one in _events(loop, "guard")] == ["skip", "rollback"]
    assert loop.guard.rate_scale == 0.5
    assert restored.keys() == at_snapshot.keys()
    assert loop.images == 128
    # What is written twice must be told once.
    ticks = [one["images"] for one in _events(loop, "tick")]
    assert ticks == sorted(set(ticks))
    rates = {
        group["lr"]
        for player in (loop.task.generator, loop.task.discriminator)
        for group in player.optimizer.param_groups
    }
    assert rates == {0.5 * loop.settings.optimizer.generator_rate}


def test_rollback_brings_back_every_tensor(tmp_path: Path) -> None:
    loop = _duel(tmp_path, loss={"lecam": 0.1})
    loop.step(loop.batches.at(0))
    loop.images = BATCH
    loop._save()
    before = _state(loop)
    for position in (8, 16):
        loop.step(loop.batches.at(position))
    loop.seconds = 5.0
    loop._act("rollback")
    assert _moved(before, _state(loop)) == set()
    assert (loop.images, loop.seconds) == (BATCH, 5.0)


def test_faults_without_end_stop_the_run_with_a_message(tmp_path: Path) -> None:
    loop = _duel(tmp_path)
    loop.guard.skips_allowed = 1
    _poison(loop, "discriminator", positions=range(24, 999))
    with pytest.raises(EleganError, match="generator-rate") as error:
        loop.run()
    assert not isinstance(error.value, InterruptedRun)
    actions = [one["action"] for one in _events(loop, "guard")]
    assert actions == ["skip", "rollback"] * 3 + ["skip", "stop"]
    assert loop.guard.rate_scale == 1 / 8
    assert all(torch.isfinite(one).all() for one in newest_checkpoint(tmp_path).values())


def test_weights_that_went_bad_are_rolled_back_at_a_snapshot(tmp_path: Path) -> None:
    loop = _duel(tmp_path)
    real, spoiled = loop.step, []

    def step(batch):
        finite = real(batch)
        if batch.position == 24 and not spoiled:  # just before the snapshot at 32
            spoiled.append(True)
            with torch.no_grad():
                loop.task.generator.parameters[0].fill_(float("inf"))
        return finite

    loop.step = step  # pyright: ignore[reportAttributeAccessIssue]
    loop.run()
    assert [one["action"] for one in _events(loop, "guard")] == ["rollback"]
    assert loop.images == 64
    assert all(torch.isfinite(one).all() for one in newest_checkpoint(tmp_path).values())


def test_a_rollback_takes_the_older_checkpoint_when_the_newest_is_damaged(tmp_path: Path) -> None:
    loop = _duel(tmp_path)
    loop._save()
    loop.images = BATCH
    loop._save()
    (tmp_path / "checkpoints" / "0002" / "ema.safetensors").write_bytes(b"")
    assert loop.restore()
    assert loop.images == 0


def test_ticks_and_snapshots_come_at_their_share_of_the_run(tmp_path: Path) -> None:
    loop = _duel(tmp_path)
    loop.run()
    assert [one["images"] for one in _events(loop, "tick")] == [16, 32, 48, 64]
    assert [one["images"] for one in _events(loop, "snapshot")] == [32, 64]
    assert [one["reason"] for one in _events(loop, "stop")] == ["done"]
    assert sorted(one.name for one in (tmp_path / "samples").iterdir()) == [
        "0000032.png",
        "0000064.png",
    ]
    tick = _events(loop, "tick")[-1]
    assert {"discriminator", "generator"} <= tick["losses"].keys()
    assert {"fooling_rate", "held_out_gap", "gradient_norm_generator"} <= tick["signals"].keys()
    assert tick["images_per_second"] > 0


def test_moving_at_once_is_moving_in_turn_but_for_the_turn() -> None:
    """The generator's step on the very same scores: the same loss gives the same gradients."""
    moved = {}
    for simultaneous in (True, False):
        # A discriminator that stands still in both, so that "in turn" sees the same scores.
        rates = {"discriminator_rate": 1e-30}
        loop = _duel(
            Path(),
            simultaneous=simultaneous,
            optimizer=rates,
            network={"name": register_plain_pair()},
        )
        assert loop.step(loop.batches.at(0))
        moved[simultaneous] = loop.task.generator
    assert moved[True].gradient_norm == pytest.approx(moved[False].gradient_norm, rel=1e-4)
    for one, other in zip(moved[True].parameters, moved[False].parameters, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_names_the_command_that_goes_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    loop = _duel(tmp_path)
    real = loop.step

    def step(batch):
        if batch.position == 24:
            os.kill(os.getpid(), number)
        return real(batch)

    loop.step = step  # pyright: ignore[reportAttributeAccessIssue]
    handler = signal.getsignal(number)
    with pytest.raises(InterruptedRun, match=f"elegan resume {tmp_path}") as error:
        loop.run()
    assert error.value.exit_code == 128 + number
    assert signal.getsignal(number) == handler
    assert checkpoints.load(tmp_path / "checkpoints")[1]["images"] == 32
    assert _events(loop, "stop")[0]["images"] == 32


def _stop_twice() -> None:
    with Interruption():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)


def test_a_second_sigterm_acts_at_once() -> None:
    process = multiprocessing.get_context("fork").Process(target=_stop_twice)
    process.start()
    process.join(20)
    assert process.exitcode == -signal.SIGTERM


def test_a_second_interrupt_acts_at_once_and_unwinds() -> None:
    # So that whoever hid the cursor shows it again.
    with Interruption():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_bf16_keeps_weights_and_averages_in_float32(tmp_path: Path) -> None:
    task = task_of(settings(precision="bf16", loss={"r1": 1.0}), precision=cpu("bf16"))
    loop = loop_of(task, tmp_path)
    assert loop.step(loop.batches.at(0))
    floats = [one for one in _state(loop).values() if one.is_floating_point()]
    assert {one.dtype for one in floats} == {torch.float32}


def test_an_alarm_is_printed_once_while_it_lasts(tmp_path: Path) -> None:
    loop = _duel(tmp_path)
    loop.console = Console(RunFolder(tmp_path))
    shares = iter([0.9, 0.8, 0.0, 0.7])
    loop.task.signals = lambda: {"duplicates": next(shares)}
    loop.run()
    log = (tmp_path / "log.txt").read_text().splitlines()
    assert ["90%" in line for line in log if "alarm: collapse" in line] == [True, False]
    names = [[alarm["name"] for alarm in one["alarms"]] for one in _events(loop, "tick")]
    assert ["collapse" in one for one in names] == [True, True, False, True]


def test_a_third_of_the_speed_is_said_once_with_a_remedy(tmp_path: Path) -> None:
    loop = loop_of(task_of(settings()), tmp_path)
    loop.console = Console(loop.folder)
    log = tmp_path / "log.txt"
    for speed in (500.0, 600.0, 210.0):
        loop._say_if_slow(speed, playing=True)
    loop._say_if_slow(150.0, playing=False)  # a phase of its own, whose steps cost something else
    assert not log.exists()
    loop._say_if_slow(190.0, playing=True)
    loop._say_if_slow(180.0, playing=True)
    (line,) = log.read_text().splitlines()
    assert "190 images/s, where 600 were reached" in line
    assert f"elegan resume {tmp_path}" in line
