"""Preset robust on an idle machine and beside one busy process: threads, speed, minutes kept.

    python benchmarks/busy.py

Beside another process threads that wait for each other spin, so that all of them can be slower than
one. First the speed with every number of threads, then a run of --minutes: what it chose, and how
long the whole command took. Do not set OMP_NUM_THREADS: it would choose.
"""

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from figures import publish, table

from elegan.applications import TASKS
from elegan.common.distributed import World
from elegan.common.precision import choose
from elegan.settings import preset_settings
from elegan.training.pace import measure_speed
from elegan.training.run import prepare

DATA = "mnist-5k"


@contextlib.contextmanager
def busy():
    """Keeps one core busy."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def speeds() -> dict[int, float]:
    """Returns images a second by number of threads."""
    settings = preset_settings("robust", DATA)
    data, precision = TASKS[settings.task].open_data(settings), choose()
    batches, make_task = prepare(TASKS[settings.task], settings, data, precision, World())
    found = {}
    most = torch.get_num_threads()
    for count in sorted({most, 1}, reverse=True):
        torch.set_num_threads(count)
        found[count] = measure_speed(settings, batches, make_task, precision, minutes=3.0)
    torch.set_num_threads(most)
    return found


def run_for(minutes: float) -> dict[str, Any]:
    """Trains through the command line; returns threads, images, score and the seconds it took."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        words = ["train", DATA, "--minutes", str(minutes), "--out", str(out)]
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "elegan.cli", *words], check=True)
        seconds = time.perf_counter() - began
        log = (out / "log.txt").read_text(encoding="utf-8")
        threads = re.search(r"computing with (\d+) thread", log)
        done = re.search(r"done: ([\d,]+) images.*?(FD-digits [\d.]+)", log)
        assert threads
        assert done
        return {
            "threads": int(threads[1]),
            "images": done[1],
            "score": done[2],
            "seconds": seconds,
        }


def main() -> None:
    """Runs what the command line asks for."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--minutes", type=float, default=2.0)
    words.add_argument("--out", type=Path, default=Path("docs/figures"))
    options = words.parse_args()
    rows = []
    for label, company in (("idle", contextlib.nullcontext), ("one busy process", busy)):
        with company():
            rows.append({"machine": label, "speeds": speeds(), **run_for(options.minutes)})
    counts = list(rows[0]["speeds"])
    lines = [
        [row["machine"]]
        + [f"{row['speeds'][count]:,.0f}" for count in counts]
        + [str(row["threads"]), f"{row['seconds']:.0f}", row["images"], row["score"]]
        for row in rows
    ]
    head = ["machine", *(f"images/s, {count} threads" for count in counts)]
    head += ["threads chosen", f"seconds of --minutes {options.minutes:g}", "images", "score"]
    text = (
        f"{table(head, lines).replace('1 threads', '1 thread')}\n\nPreset robust on {DATA}, seed 0."
        " The seconds are those of the whole command, start and report included."
    )
    publish("busy", text, {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
