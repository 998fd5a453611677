"""Pruning: half of a digits generator's channels taken out, taught and fine-tuned.

    python benchmarks/pruning.py

The base is the preset robust on full MNIST. Speeds are of 10,000 images drawn in memory by each
generator in turn, --rounds times, so that a drift of the machine's speed meets all; the ratio is
that of the medians.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from figures import publish, table
from runs import ELEGAN, Trained, parser, picture, short, train, trained_with

import elegan
from elegan.metrics.capacity import cost
from elegan.models import Model

IMAGES = 200_000
FINETUNE = 50_000
SPARSITY = 0.5
DRAWN = 10_000
SCORES = ("FD-digits", "precision", "coverage")


def prune(base: Trained, folder: Path, flags: list[str]) -> Path:
    """Prunes the base into a folder, or takes what is there; returns the folder."""
    if not (folder / "pruning.json").exists():
        words = ["prune", str(base.path), "mnist", "--sparsity", str(SPARSITY), *flags]
        # Its own scores are not used: a few samples will do.
        command = [*ELEGAN, *words, "--n", "100", "--out", str(folder)]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return folder


def prune_all(base: Trained, options: Any) -> dict[str, Path]:
    """Returns the folder of each row's model by what the row is called."""
    half = options.runs / f"{base.path.name}-half"
    tuned = str(options.finetune)
    return {
        "whole": base.path,
        "half the channels, as cut": prune(base, Path(f"{half}-cut"), ["--steps", "0"]),
        "half, taught by the whole": prune(base, half, []),
        f"half, taught, then {options.finetune:,} images of training": prune(
            base, Path(f"{half}-finetuned-{tuned}"), ["--finetune", tuned]
        ),
    }


def speeds(models: list[Model], rounds: int, count: int) -> list[list[float]]:
    """Returns images a second of each model, drawn in turns."""
    found: list[list[float]] = [[] for _ in models]
    for turn in range(rounds + 1):
        for model, own in zip(models, found, strict=True):
            began = time.perf_counter()
            model.generate(count, seed=turn)
            own.append(count / (time.perf_counter() - began))
    return [own[1:] for own in found]  # the first warms up


def describe(rows: list[dict[str, Any]], base: Trained, options: Any) -> str:
    """Returns the table and what it was taken with."""
    lines = [
        [
            row["label"],
            f"{row['cost']['parameters']:,}",
            f"{row['cost']['macs'] / 1e6:.1f}",
            f"{statistics.median(row['images_per_second']):,.0f}",
            f"{row['ratio']:.2f}",
            *(short(row["scores"][name]) for name in SCORES),
        ]
        for row in rows
    ]
    floor = rows[0]["scores"]["floor"]
    lines.append(["real test images", "", "", "", "", *(short(floor[name]) for name in SCORES)])
    head = ["generator", "parameters", "million MACs", "images/s", "speed ratio", *SCORES]
    return (
        f"{table(head, lines)}\n\nPreset robust, full MNIST, {base.images:,} images, seed 0;"
        f" {options.samples:,} samples against 60,000 images. Speed: medians of {options.rounds}"
        f" turns. {trained_with([base])}"
    )


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=IMAGES)
    flags.add_argument("--finetune", type=int, default=FINETUNE)
    flags.add_argument("--rounds", type=int, default=7)
    options = flags.parse_args()
    base = train(options.runs, "digits-robust", "mnist", options.images)
    folders = prune_all(base, options)
    models = [Model.load(folder) for folder in folders.values()]
    measured = speeds(models, options.rounds, min(DRAWN, options.samples))
    rows: list[dict[str, Any]] = [
        {
            "label": label,
            "cost": cost(model.network, model.shape),
            "sizes": model.config["sizes"],
            "images_per_second": own,
            "ratio": statistics.median(own) / statistics.median(measured[0]),
            "scores": elegan.evaluate(model, "mnist", n=options.samples),
        }
        for label, model, own in zip(folders, models, measured, strict=True)
    ]
    for name, folder in zip(("cut", "taught", "tuned"), list(folders.values())[1:], strict=True):
        picture(folder, options.out / f"pruning-{name}.png", ["-n", "16"])
    text = describe(rows, base, options)
    publish("pruning", text, {"rows": rows, "trained": base.facts}, options.out)


if __name__ == "__main__":
    main()
