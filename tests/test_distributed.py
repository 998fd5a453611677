"""N processes with a share of the batch each equal one process with the whole of it.

True to rounding for networks in which no layer mixes the images of a batch or draws numbers: batch
normalisation sees a process's own share only, and dropout masks are drawn for each process, which
the screen says.
"""

import dataclasses
import json
import os
import signal
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from processes import finish, start, train_as

from elegan.applications.runs import train
from elegan.common.distributed import World, average, join, largest, together
from elegan.common.errors import UsageError
from elegan.networks import PAIRS
from elegan.settings import TrainSettings
from elegan.training.run import caution


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


PLAIN = tiny.register_plain_pair()


def _settings(
    tmp_path: Path, name: str, *, network: str = PLAIN, loss: str = "hinge", **overrides
) -> TrainSettings:
    penalties = {"r1": 1.0, "r2": 1.0, "lecam": 0.1, "penalty_every": 2}
    return tiny.settings(
        tiny.arrays(tmp_path),
        out=str(tmp_path / name),
        network={"name": network},
        loss={"adversarial": loss, **penalties},
        simultaneous=loss != "hinge",
        optimizer={"epsilon": 1e-3},  # else Adam turns the rounding of a zero into a whole step
        **overrides,
    )


def _train_by_two(settings: TrainSettings) -> list:
    port = _free_port()
    return [start(train_as, rank, 2, port, settings) for rank in (0, 1)]


@pytest.mark.parametrize(
    ("network", "loss"),
    [(PLAIN, "hinge"), (PLAIN, "relativistic-average"), ("residual", "relativistic-pair")],
)
def test_two_processes_equal_one(tmp_path: Path, network: str, loss: str) -> None:
    one, two = (_settings(tmp_path, name, network=network, loss=loss) for name in ("one", "two"))
    processes = _train_by_two(two)
    train(one)
    assert [finish(process) for process in processes] == [0, 0]
    mine, theirs = (tiny.newest_checkpoint(tmp_path / name) for name in ("one", "two"))
    assert mine.keys() == theirs.keys()
    for name, fresh in tiny.task_of(one).generator.network.state_dict().items():
        assert (mine[f"generator.{name}"] - fresh).abs().max() > 1e-5, name
    for name in mine:
        torch.testing.assert_close(mine[name], theirs[name], rtol=1e-3, atol=1e-6, msg=name)
    events = (tmp_path / "two" / "events.jsonl").read_text().splitlines()
    assert sum('"event": "tick"' in line for line in events) == 4
    assert sum('"event": "start"' in line for line in events) == 1


def test_two_processes_know_the_same_clusters_and_begin_with_the_same_weights(tmp_path: Path):
    np.savez(tmp_path / "many.npz", images=tiny.pixels(450))
    base = _settings(tmp_path, "base", network="residual")
    base = dataclasses.replace(base, data=str(tmp_path / "many.npz"))
    base = dataclasses.replace(base, network=dataclasses.replace(base.network, clusters=2))
    train(base)
    begun = dataclasses.replace(base.transfer, source=base.out)
    one, two = (
        dataclasses.replace(base, out=str(tmp_path / name), seed=7, transfer=begun)
        for name in ("one", "two")
    )
    processes = _train_by_two(two)
    train(one)
    assert [finish(process) for process in processes] == [0, 0]
    mine, theirs = (tiny.newest_checkpoint(Path(run.out)) for run in (one, two))
    for name in mine:
        torch.testing.assert_close(mine[name], theirs[name], rtol=1e-3, atol=1e-6, msg=name)
    assert len(mine["discriminator.centres"]) == 2


def _mean_of_all_rows(rank: int, size: int, port: int, folder: Path) -> None:
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(size))
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    world = join()
    rows = torch.arange(12.0).view(6, 2)[world.share(6)].requires_grad_()
    loss = together(rows).mean(0).square().sum()
    loss.backward()
    assert rows.grad is not None
    torch.save({"loss": loss.detach(), "gradient": rows.grad / size}, folder / f"{rank}.pt")


def test_what_is_taken_of_all_rows_together_has_the_gradient_of_the_whole(tmp_path: Path) -> None:
    port = _free_port()
    processes = [start(_mean_of_all_rows, rank, 2, port, tmp_path) for rank in (0, 1)]
    assert [finish(process) for process in processes] == [0, 0]
    whole = torch.arange(12.0).view(6, 2).requires_grad_()
    loss = whole.mean(0).square().sum()
    loss.backward()
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    assert whole.grad is not None
    for one in found:
        torch.testing.assert_close(one["loss"], loss.detach())
    torch.testing.assert_close(torch.cat([one["gradient"] for one in found]), whole.grad)


def test_the_screen_says_what_two_processes_do_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = {name: tiny.task_of(tiny.settings(network={"name": name})) for name in PAIRS}
    assert not any(caution(8, task.generator.network) for task in networks.values())
    monkeypatch.setattr("elegan.common.distributed.world", lambda: World(0, 2))
    said = {
        name: caution(8, task.generator.network, task.discriminator.network)
        for name, task in networks.items()
    }
    assert said["residual"] == ""
    assert "own 4 images" in said["dcgan"]
    assert "dropout and noise" not in said["dcgan"]
    assert "own 4 images; each process draws its own dropout" in said["article"]
    assert "dropout and noise" in said["style"]


def test_two_processes_resume_and_both_heed_a_signal_to_one(tmp_path: Path) -> None:
    settings = _settings(tmp_path, "two", images=1_000_000)
    processes = _train_by_two(settings)
    events, patience = tmp_path / "two" / "events.jsonl", time.monotonic() + 60
    while not (tmp_path / "two" / "model" / "model.json").exists():
        assert time.monotonic() < patience
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(processes[1].pid, signal.SIGTERM)
    assert [finish(process) for process in processes] == [143, 143]
    assert '"signal 15"' in events.read_text()
    seen = _images(tmp_path / "two")
    again = _train_by_two(dataclasses.replace(settings, images=seen + 16))
    assert [finish(process) for process in again] == [0, 0]
    assert _images(tmp_path / "two") == seen + 16


def _images(run: Path) -> int:
    newest = max((run / "checkpoints").glob("[0-9]*"), key=lambda path: int(path.name))
    return json.loads((newest / "manifest.json").read_text())["facts"]["images"]


def test_a_batch_that_cannot_be_shared_equally_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elegan.common.distributed.join", lambda: World(0, 3))
    with pytest.raises(UsageError, match="multiple of 3"):
        train(_settings(tmp_path, "run"))


def test_alone_nothing_is_communicated() -> None:
    tensor = torch.tensor([1.0, 2.0])
    average([tensor])
    assert tensor.tolist() == [1, 2]
    assert largest(7) == 7
