"""Alarms: three faults made real, and ten healthy runs that must raise none.

    python benchmarks/alarms.py

Each run trains through the command line on MNIST, Fashion-MNIST (6,000 images of either at most) or
stacked digits. The faults are a generator driven into one mode (its rate thirty times too high), a
discriminator that memorises 50 images (no penalty holds it back) and labels that were shuffled. A
run raises what the present rules find in the signals that it wrote at its ticks, so that a changed
rule needs no new training. The warning about few images is left out: it is no fault.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from figures import publish, table
from runs import Trained, parser, short, train, trained_with

import elegan
from elegan.data import open_data
from elegan.training.monitor import Span, alarm_spans, judge_again

IMAGES = 24_000
TICKS = 20
PART = ("--limit", "600")  # of each class: all 60,000 would train alike and take longer to score


@dataclass(frozen=True, kw_only=True)
class Case:
    """A run: its name, what is done in it, its data and flags, and the alarm that must come."""

    name: str
    what: str
    data: str
    flags: tuple[str, ...] = ()
    expected: str | None = None


def faults(shuffled: str) -> tuple[Case, ...]:
    """Returns the runs with a fault; `shuffled` is a file of images with labels of others."""
    fast = ("--optimizer.generator-rate", "0.03")
    bare = ("--limit", "5", "--loss.r1", "0", "--loss.r2", "0")
    return (
        Case(
            name="one-mode",
            what="generator's rate x30",
            data="mnist-5k",
            flags=fast,
            expected="collapse",
        ),
        Case(
            name="memorising",
            what="50 images, no penalty",
            data="mnist-5k",
            flags=bare,
            expected="overfitting",
        ),
        Case(
            name="shuffled",
            what="labels shuffled",
            data=shuffled,
            flags=("--conditional",),
            expected="labels",
        ),
    )


HEALTHY = (
    *(
        Case(name=f"robust-{seed}", what="robust", data="mnist-5k", flags=("--seed", str(seed)))
        for seed in range(3)
    ),
    Case(name="fashion", what="robust", data="fashion-mnist", flags=PART),
    Case(
        name="fashion-conditional",
        what="robust, conditional",
        data="fashion-mnist",
        flags=(*PART, "--conditional"),
    ),
    Case(
        name="normalisation",
        what="robust, conditional by normalisation",
        data="mnist-5k",
        flags=("--conditional", "--network.generator-condition", "normalisation"),
    ),
    Case(
        name="few",
        what="robust, 500 images, adaptive augmentation",
        data="mnist-5k",
        flags=("--limit", "50", "--augment.kinds", "digits"),
    ),
    Case(name="small", what="robust, half the width", data="mnist", flags=(*PART, "--size", "0.5")),
    Case(
        name="pairs",
        what="robust with relativistic simultaneous pairs",
        data="mnist",
        flags=(*PART, "--loss.adversarial", "relativistic-pair", "--simultaneous"),
    ),
    Case(name="stacked", what="robust", data="stacked-mnist"),
)


def shuffle_labels(folder: Path) -> str:
    """Writes the 5,000 digits with each other's labels and returns the file."""
    path = folder / "shuffled.npz"
    if not path.exists():
        data = open_data("mnist-5k")
        assert data.labels is not None
        labels = np.random.default_rng(0).permutation(data.labels)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, images=np.asarray(data.images), labels=labels)
    return str(path)


def raised(run: Trained) -> list[Span]:
    """Returns every alarm over a run's whole course but the warning about few images."""
    return alarm_spans(judge_again(elegan.Run(run.path).events, stop=run.images))


def row_of(case: Case, run: Trained) -> dict[str, Any]:
    """Returns what a case came to, as JSON values."""
    spans = raised(run)
    names = {span.alarm.name for span in spans}
    right = case.expected in names if case.expected else not names
    return {
        "case": case.name,
        "what": case.what,
        "images": run.images,
        "expected": case.expected,
        "alarms": [span.to_dict() for span in spans],
        "right": right,
        "seconds": run.seconds,
        "coverage": run.last_signal("coverage"),
        **run.facts,
    }


def describe(rows: list[dict[str, Any]]) -> str:
    """Returns the table and the count."""
    head = ["run", "what", "images", "expected", "raised (at how many ticks)", "coverage"]
    head.append("as it should")
    lines = []
    for row in rows:
        found = ", ".join(f"{one['name']} ({one['ticks']})" for one in row["alarms"]) or "none"
        ends = [short(row["coverage"]), "yes" if row["right"] else "NO"]
        begins = [row["case"], row["what"], f"{row['images']:,}"]
        lines.append([*begins, row["expected"] or "none", found, *ends])
    bad = [row for row in rows if row["expected"]]
    good = [row for row in rows if not row["expected"]]
    return (
        f"{table(head, lines)}\n\n{sum(row['right'] for row in bad)} of {len(bad)} faults raised"
        f" their alarm; {sum(row['right'] for row in good)} of {len(good)} healthy runs raised"
        f" none. {TICKS} ticks a run, judged by the rules of the commit below; `elegan health RUN`"
        " tells each alarm's cause and remedy."
    )


def main() -> None:
    """Runs what the command line asks for."""
    options_parser = parser(__doc__, images=IMAGES)
    options_parser.add_argument("--only", nargs="*", default=[], help="names of runs; all if none")
    options_parser.add_argument("--half", nargs="*", default=[], help="runs of half as many images")
    options = options_parser.parse_args()
    cases = [*faults(shuffle_labels(options.runs / "data")), *HEALTHY]
    unknown = {*options.only, *options.half} - {case.name for case in cases}
    if unknown:
        sys.exit(f"No run is called {', '.join(sorted(unknown))}.")
    rows, runs = [], []
    for case in cases:
        if options.only and case.name not in options.only:
            continue
        flags = ["--preset", "robust", "--ticks", str(TICKS), "--snapshots", "1", *case.flags]
        images = options.images // 2 if case.name in options.half else options.images
        run = train(options.runs, f"alarms-{case.name}", case.data, images, flags)
        runs.append(run)
        rows.append(row_of(case, run))
    text = f"{describe(rows)} {trained_with(runs)}"
    publish("alarms", text, {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
