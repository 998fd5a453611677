"""Pruning: half of a digits generator's channels taken out, with and without fine-tuning.

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
from elegan.models import Model

IMAGES = 200_000
FINETUNE = 50_000
SPARSITY = 0.5
DRAWN = 10_000
SCORES = ("FD-digits", "precision", "coverage")


def prune(base: Trained, folder: Path, finetune: int = 0) -> Path:
    """Prunes the base into a folder, or takes what is there; returns the folder."""
    if not list(folder.rglob("model.json")):
        words = ["prune", str(base.path), "mnist", "--sparsity", str(SPARSITY)]
        words += ["--finetune", str(finetune)] if finetune else []
        command = [*ELEGAN, *words, "--out", str(folder)]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return folder


def speeds(models: list[Model], rounds: int, count: int) -> list[list[float]]:
    """Returns images a second of each model, drawn in turns."""
    found: list[list[float]] = [[] for _ in models]
    for turn in range(rounds + 1):
        for model, own in zip(models, found, strict=True):
            began = time.perf_counter()
            model.generate(count, seed=turn)
            own.append(count / (time.perf_counter() - began))
    return [own[1:] for own in found]  # the first warms up


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=IMAGES)
    flags.add_argument("--finetune", type=int, default=FINETUNE)
    flags.add_argument("--rounds", type=int, default=7)
    options = flags.parse_args()
    base = train(options.runs, "digits-robust", "mnist", options.images)
    half = f"{base.path.name}-half"
    folders = {
        "whole": base.path,
        "half the channels": prune(base, options.runs / half),
        f"half, fine-tuned for {options.finetune:,} images": prune(
            base, options.runs / f"{half}-finetuned-{options.finetune}", options.finetune
        ),
    }
    models = [Model.load(folder) for folder in folders.values()]
    measured = speeds(models, options.rounds, min(DRAWN, options.samples))
    rows: list[dict[str, Any]] = []
    for (label, folder), model, own in zip(folders.items(), models, measured, strict=True):
        rows.append(
            {
                "label": label,
                "parameters": sum(one.numel() for one in model.network.parameters()),
                "sizes": model.facts["sizes"],
                "images_per_second": own,
                "ratio": statistics.median(own) / statistics.median(measured[0]),
                "scores": elegan.evaluate(folder, "mnist", n=options.samples),
            }
        )
    picture(folders["half the channels"], options.out / "pruning-before.png", ["-n", "64"])
    picture(list(folders.values())[-1], options.out / "pruning-after.png", ["-n", "64"])
    publish(
        "pruning", describe(rows, base, options), {"rows": rows, "base": base.facts}, options.out
    )


def describe(rows: list[dict[str, Any]], base: Trained, options: Any) -> str:
    """Returns the table and what it was taken with."""
    lines = [
        [
            row["label"],
            f"{row['parameters']:,}",
            f"{statistics.median(row['images_per_second']):,.0f}",
            f"{row['ratio']:.2f}",
            *(short(row["scores"][name]) for name in SCORES),
        ]
        for row in rows
    ]
    floor = rows[0]["scores"]["floor"]
    lines.append(["real test images", "", "", "", *(short(floor[name]) for name in SCORES)])
    head = ["generator", "parameters", "images/s", "speed ratio", *SCORES]
    return (
        f"{table(head, lines)}\n\nPreset robust, full MNIST, {base.images:,} images, seed 0;"
        f" {options.samples:,} samples against 60,000 images. Medians of {options.rounds} turns."
        f" {trained_with([base])}"
    )


if __name__ == "__main__":
    main()
