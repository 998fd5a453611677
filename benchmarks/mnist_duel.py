"""Full MNIST, the same time for each: the article in Keras, printed and corrected, and here.

    python benchmarks/mnist_duel.py --keras keras-env/bin/python --data $ELEGAN_DATA/mnist

Each trains alone on the machine, one after another, for --minutes: elegan with reading, measuring
and all scores counted, Keras with its steps alone. Preset robust is trained with three seeds. Then
10,000 samples of each are scored with the shipped digits network against the 60,000 training
images. Last, short runs of robust show how soon it is where the corrected Keras ended.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from figures import last_json, publish, table

from elegan.data import open_data
from elegan.metrics.extractors import extractor_for
from elegan.metrics.labelled import Labelling
from elegan.metrics.scores import evaluate

SAMPLES, SEEDS = 10_000, (0, 1, 2)
SHORT = (4_000, 6_000, 8_000, 12_000)  # images of the short runs, until one is good enough


def train_keras(
    options: argparse.Namespace, folder: Path, flags: Sequence[str] = ()
) -> dict[str, Any]:
    """Trains the peer and returns its figures and samples."""
    out = folder / f"keras{''.join(flags)}.npz"
    script = Path(__file__).with_name("keras_article.py")
    command = [options.keras, str(script), "--data", str(options.data), "--json"]
    command += ["--seconds", str(60 * options.minutes), "--seed", str(options.seed), *flags]
    facts = last_json([*command, "--out", str(out)])
    return {**facts, "samples": np.load(out)["images"]}


def train_elegan(
    preset: str, seed: int, how_long: Sequence[str], options: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Trains a preset through the command line and returns its figures and samples."""
    run = folder / f"{preset}-{seed}-{how_long[1]}"
    out = run.with_suffix(".npz")
    elegan = [sys.executable, "-m", "elegan.cli"]
    train = [*elegan, "train", "mnist", "--preset", preset, "--out", str(run), "--json"]
    facts = last_json([*train, *how_long, "--seed", str(seed)])
    draw = [*elegan, "generate", str(run), "-n", str(SAMPLES), "--out", str(out), "--json"]
    drawn = last_json(draw)
    if how_long[0] == "--minutes" and seed == SEEDS[0]:
        picture = options.out / f"mnist-{preset}.png"
        subprocess.run([*elegan, "generate", str(run), "-n", "100", "--out", picture], check=True)
    return {
        "library": f"elegan {preset}" + (f", seed {seed}" if preset == "robust" else ""),
        "images": facts["images"],
        "seconds": facts["seconds"],
        "images_per_second": facts["images"] / facts["seconds"],
        "sampling_images_per_second": drawn["images_per_second"],
        "samples": np.load(out)["images"],
    }


def score(rows: list[dict[str, Any]]) -> None:
    """Adds the scores to each row, in place of its samples."""
    training, test = open_data("mnist"), open_data("mnist", split="test")
    extractor = extractor_for("mnist")
    for row in rows:
        row["scores"] = evaluate(
            row.pop("samples"),
            np.asarray(training.images),
            extractor=extractor,
            held_out=np.asarray(test.images),
            labelling=Labelling(reference=training.labels),
        )


def reach(goal: float, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Returns after how many images and seconds robust is, in the mean of the seeds, at `goal`."""
    for images in SHORT:
        how_long = ("--images", str(images), "--snapshots", "1", "--ticks", "4")
        rows = [train_elegan("robust", seed, how_long, options, folder) for seed in SEEDS]
        score(rows)
        found = statistics.mean(row["scores"]["FD-digits"] for row in rows)
        if found <= goal:
            break
    seconds = statistics.mean(row["seconds"] for row in rows)
    text = (
        f"Runs of robust over {images:,} images, {seconds:.0f} seconds each without the scores at"
        f" the end, have {found:.3g}, mean of {len(SEEDS)} seeds."
    )
    return {"images": images, "seconds": seconds, "FD-digits": found, "text": text}


def describe(rows: list[dict[str, Any]], options: argparse.Namespace) -> str:
    """Returns the table and the ratios."""
    names = ["FD-digits", "precision", "recall", "coverage"]
    lines = []
    for row in rows:
        shares = list(row["scores"]["class_frequencies"].values())
        lines.append(
            [row["library"], f"{row['images']:,}", f"{row['seconds']:.0f}"]
            + [f"{row['scores'][name]:.3g}" for name in names]
            + [f"{min(shares):.1%} to {max(shares):.1%}"]
        )
    floor = rows[0]["scores"]["floor"]
    lines.append(["10,000 real test images", "", ""])
    lines[-1] += [f"{floor[name]:.3g}" if name in floor else "" for name in names] + [""]
    head = ["trained", "images", "seconds", *names, "class shares"]
    printed, corrected = (row["scores"]["FD-digits"] for row in rows[:2])
    ours = statistics.mean(row["scores"]["FD-digits"] for row in rows if "robust" in row["library"])
    return (
        f"{table(head, lines)}\n\nThe mean FD-digits of robust, {ours:.3g}, goes"
        f" {printed / ours:.0f} times into that of Keras and {corrected / ours:.1f} times into that"
        f" of Keras, corrected. Data: full MNIST, {options.minutes:g} minutes each"
        " (of Keras the steps alone, of elegan all that the command does);"
        f" {SAMPLES:,} samples against 60,000 training images."
    )


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keras", required=True, help="python of the Keras environment")
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST's IDX files")
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="elegan-duel-"))
    try:
        rows = [train_keras(options, folder), train_keras(options, folder, ["--corrected"])]
        time = ("--minutes", str(options.minutes))
        rows.append(train_elegan("article", 0, time, options, folder))
        rows += [train_elegan("robust", seed, time, options, folder) for seed in SEEDS]
        score(rows)
        soon = reach(rows[1]["scores"]["FD-digits"], options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = f"{describe(rows, options)} {soon['text']}"
    publish("mnist-duel", text, {"rows": rows, "reached": soon}, options.out)


if __name__ == "__main__":
    main()
