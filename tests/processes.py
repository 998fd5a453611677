"""Training in processes of its own, which can be killed.

They are forked from a server that has imported torch and never used it, which takes milliseconds.
"""

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from elegan.settings import TrainSettings

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["elegan.training.run", "elegan.reports", "torch._dynamo", "torch.distributed"]
)


def start(target: Callable[..., None], *arguments: Any) -> Any:
    """Starts `target`, which must be a function of a module that tests can import."""
    process = _context.Process(target=_guarded, args=(target, *arguments))
    process.start()
    return process


def finish(process: Any, timeout: float = 120) -> int:
    """Waits for a process and returns its exit code, negative for a signal."""
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError("the process did not end")
    return process.exitcode


def _guarded(target: Callable[..., None], *arguments: Any) -> None:
    from elegan.common.errors import EleganError

    try:
        target(*arguments)
    except EleganError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception:
        traceback.print_exc()
        sys.exit(99)


def train(settings: TrainSettings) -> None:
    from elegan.applications.runs import train

    train(settings)


def train_until_killed(settings: TrainSettings, moment: int, counted: Path | None = None) -> None:
    """Trains, and dies by SIGKILL at the `moment`th of the moments that matter.

    These are every step, and before and after every flush to disk and every rename.

    Args:
        counted: gets the number of moments that passed, when the run was not killed.
    """
    from elegan.training.loop import TrainingLoop

    passed = 0

    def pass_moment() -> None:
        nonlocal passed
        passed += 1
        if passed == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            pass_moment()
            result = function(*arguments, **options)
            pass_moment()
            return result

        return call

    os.fsync, os.replace, os.rename = map(watched, (os.fsync, os.replace, os.rename))
    TrainingLoop.step = watched(TrainingLoop.step)
    train(settings)
    if counted is not None:
        counted.write_text(str(passed))


def train_as(rank: int, size: int, port: int, settings: TrainSettings) -> None:
    """One process of several, on networks without batch statistics and dropout."""
    from tiny import register_plain_pair

    register_plain_pair()
    os.environ.update(
        RANK=str(rank),
        WORLD_SIZE=str(size),
        LOCAL_RANK=str(rank),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    train(settings)
