"""The runs that figures compare: trained through the command line, one after another, and kept.

A run goes to a folder of a fixed name that ends in the count of images, so that the same figure
asks for the same folder again: a run that was cut off goes on, a complete one is not repeated.
Beside RUN stands RUN.commit, the commit of the code that it began with.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import commit, last_json

import elegan

ELEGAN = [sys.executable, "-m", "elegan.cli"]
SAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A complete run.

    Attributes:
        path: its folder.
        images: real images seen.
        seconds: of wall time, without the scores at the end.
        scores: scores.json, taken against the run's own data.
        facts: JSON values for the figure: the command, commit, threads and number format.
    """

    path: Path
    images: int
    seconds: float
    scores: dict[str, Any]
    facts: dict[str, Any]

    def scored(self, data: str, samples: int) -> dict[str, Any]:
        """Returns the scores of so many samples against all of `data`.

        Those that the run ended with are taken where they are just these.
        """
        settings = elegan.Run(self.path).settings
        own = settings.data == data and settings.limit is None and settings.seed == 0
        if own and self.scores["counts"]["generated"] == samples:
            return self.scores
        return elegan.evaluate(self.path, data, n=samples)

    def last_signal(self, name: str) -> float | None:
        """Returns a signal of the last tick, None where the run does not measure it."""
        ticks = [event for event in elegan.Run(self.path).events if event["event"] == "tick"]
        return ticks[-1]["signals"].get(name) if ticks else None


def parser(about: str | None, *, images: int | None = None) -> argparse.ArgumentParser:
    """Returns the flags that every figure has; `images` is the default of --images."""
    made = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    made.add_argument("--runs", type=Path, default=Path("runs/figures"), help="where runs are kept")
    made.add_argument("--out", type=Path, default=Path("docs/figures"), help="where figures go")
    made.add_argument("--samples", type=int, default=SAMPLES, help="generated images scored a run")
    if images is not None:
        made.add_argument("--images", type=int, default=images, help="real images that a run sees")
    return made


def train(runs: Path, name: str, data: str, images: int, flags: Sequence[str] = ()) -> Trained:
    """Trains to `images`, or resumes, or takes what is complete, in the folder NAME-IMAGES.

    Args:
        flags: of `elegan train`, after DATA.

    Raises:
        CalledProcessError: the command failed; what it said has been printed.
    """
    path = runs / f"{name}-{images}"
    words = ["train", data, "--images", str(images), *flags, "--out", str(path)]
    print(f"elegan {' '.join(words)}", file=sys.stderr, flush=True)
    _note_commit(path)
    facts = last_json([*ELEGAN, *words, "--json"])
    return Trained(
        path=path,
        images=facts["images"],
        seconds=facts["seconds"],
        scores=facts["scores"],
        facts={"command": f"elegan {' '.join(words)}", **_how_trained(path)},
    )


def _note_commit(path: Path) -> None:
    """Writes with what a run begins; nothing where it has begun, for that was then."""
    if not (path / "settings.json").exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f"{path.name}.commit").write_text(f"{commit()}\n", encoding="utf-8")


def _how_trained(path: Path) -> dict[str, Any]:
    note = path.with_name(f"{path.name}.commit")
    environment = json.loads((path / "environment.json").read_text(encoding="utf-8"))
    return {
        "commit": note.read_text(encoding="utf-8").strip() if note.is_file() else "not noted",
        "threads": environment["threads"],
        "precision": environment["precision"],
        "accelerator": _accelerator(environment),
    }


def _accelerator(environment: Mapping[str, Any]) -> str | None:
    """The name of the card that a run was trained on; None on a CPU."""
    if environment["device"] != "cuda":
        return None
    return environment["reason"].partition(": ")[2].partition(" (compute")[0]


def picture(run: Path, out: Path, flags: Sequence[str] = ()) -> None:
    """Draws a sheet of a model into `out`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    command = [*ELEGAN, "generate", str(run), "--out", str(out), *flags]
    subprocess.run(command, check=True, stdout=sys.stderr)


def trained_with(runs: Sequence[Trained]) -> str:
    """Returns the sentence that says with what the runs of a figure were trained."""
    ways = sorted({_way(one.facts) for one in runs})
    times = "Times are wall times, on a machine that other work may have shared."
    return f"Trained with {'; or with '.join(ways)}. {times}"


def _way(facts: dict[str, Any]) -> str:
    threads = f"{facts['threads']} thread{'s' if facts['threads'] != 1 else ''}"
    return f"commit {facts['commit']}, {facts['accelerator'] or threads}, {facts['precision']}"


def crops_seen(training: Mapping[str, Any]) -> str:
    """Returns what a shipped model's network saw, in which time, on what; the first run first."""
    legs = [*training.get("begun_with", ()), training]
    return ", then ".join(
        f"{one['images']:,} crops in {one['seconds'] / 60:.0f} minutes"
        f" ({one.get('device', training['precision'])})"
        for one in legs
    )


def short(value: float | None, form: str = ".3g") -> str:
    """Returns a cell of a table; empty where there is no figure."""
    return "" if value is None else format(value, form)
