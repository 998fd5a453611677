"""Data augmentation by a generator: every arm at few labels, and with classes 1:20.

    python benchmarks/augmenting.py
    python benchmarks/augmenting.py --data mnist --labels 20 --images 10000 --draws 2 --seeds 2

A draw is a choice of the labels, made by its number as a seed; each has generators of its own. The
share of generated images is chosen on folds of these labels, each fold with one more generator, or
is --share where there are no folds. Only the arm `more labels` sees labels that were not drawn:
twice as many, or with uneven classes as many of every class as of the large ones. All are judged on
the 10,000 test images.

What was measured is kept under --runs, so that the same command goes on where it stopped.
"""

import sys
from argparse import Namespace
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from figures import publish, table
from runs import parser

from elegan.augmenting.augmented import SEMI, wanted
from elegan.augmenting.choosing import best_share
from elegan.augmenting.classifier import Recipe
from elegan.augmenting.folder import OutputFolder
from elegan.augmenting.generating import generate_for
from elegan.augmenting.given import Given, folds, open_pool
from elegan.augmenting.options import Options
from elegan.augmenting.protocol import (
    BOTH,
    CLASSICAL,
    GAN,
    HALF,
    MORE,
    POOL,
    REAL,
    Outcome,
    Trial,
    judge,
)
from elegan.augmenting.results import Results
from elegan.augmenting.statistics import Interval, interval
from elegan.data import open_data

SETS, LABELS = ("mnist", "fashion-mnist"), (10, 20, 50, 100)
DRAWS, SEEDS, FOLDS = 5, 3, 3
IMAGES, STEPS, PER_CLASS = 20_000, 200, 100
LARGE, SMALL = 100, 5  # labels of a class in the uneven setting: 1:20
ON = "test"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A row of the figure.

    Attributes:
        data: a known name.
        labels: of each class; 0 stands for uneven classes.
        pool: whether all training images are there without labels.
    """

    data: str
    labels: int
    pool: bool = False

    @property
    def name(self) -> str:
        """For folders."""
        how = str(self.labels) if self.labels else f"{LARGE}-to-{SMALL}"
        return f"{self.data}-{how}{'-pool' if self.pool else ''}"

    @property
    def label(self) -> str:
        """For the table."""
        how = f"{self.labels} a class" if self.labels else f"{LARGE} or {SMALL} a class"
        return f"{self.data}, {how}{', and a pool' if self.pool else ''}"


def drawn(setting: Setting, draw: int) -> tuple[Given, Given]:
    """Returns the labels of a draw, and the further ones of the oracle with them among its own."""
    count = setting.labels or LARGE
    large = _given(setting.data, limit=count if not setting.labels else 2 * count, seed=draw)
    small = _given(setting.data, limit=count, seed=draw)
    if setting.labels:
        return small, large
    few = (np.arange(len(small.classes)) + draw) % 2 == 1  # each class is small in some draws
    kept = []
    for label, is_small in enumerate(few.tolist()):
        rows = np.flatnonzero(small.labels == label)
        kept.append(rows[:SMALL] if is_small else rows)
    return small.take(np.sort(np.concatenate(kept))), small


def _given(data: str, **options: Any) -> Given:
    opened = open_data(data, **options)
    assert opened.labels is not None
    return Given(
        name=data,
        images=np.array(opened.images),
        labels=opened.labels.astype(np.int64),
        classes=opened.classes,
    )


def measure(setting: Setting, options: Namespace) -> dict[str, Any]:
    """Runs all draws of a setting; returns the values of its row."""
    test = _given(setting.data, split="test")
    metric = Outcome.recall
    results, shares, copies, semi, small = Results(metric), [], [], [], []
    for draw in range(options.draws):
        given, more = drawn(setting, draw)
        asked = Options(
            data=setting.data,
            per_class=None if not setting.labels else options.per_class,
            limit=setting.labels or LARGE,
            unlabelled=setting.data if setting.pool else None,
            balance=not setting.labels,
            seed=draw,
            draws=max(2, options.folds),
            seeds=options.seeds,
            images=options.images,
            steps=options.steps,
        )
        folder = OutputFolder(options.runs / f"augmenting-{setting.name}-{options.images}-{draw}")
        with folder.claim(asked, given.hash):
            pool = open_pool(asked, given)
            take = partial(_generate, asked=asked, pool=pool, folder=folder)
            share = _choose(given, draw, take, asked, folder, options)
            generation = take(given, "all")
            made = generation.made
            trial = Trial(
                name="all",
                given=given,
                judged={ON: test},
                made=_labelled(made.images, made.labels, given),
                pool=generation.pool,
                more=more,
                seed=draw,
            )
            arms = [(REAL, 0.0), (CLASSICAL, 0.0), (HALF, 0.0), (MORE, 0.0), (GAN, share)]
            arms += [(BOTH, one) for one in asked.shares]
            arms += [(POOL, share)] if generation.pool is not None else []
            _measure(results, draw, trial, arms, asked, folder)
            shares.append(share)
            copies.append(made.copy_rate)
            if generation.semi_supervised is not None:
                semi.append(_recall(judge(generation.semi_supervised(test.images), test)))
            counts = given.counts
            small.append(np.flatnonzero(counts < counts.max() / 2).tolist())
    return _row(setting, results, shares, copies, semi, small)


def _generate(given: Given, name: str, *, asked: Options, pool: Any, folder: OutputFolder) -> Any:
    say = partial(print, file=sys.stderr, flush=True)
    say(f"{folder.path.name}: {name}")
    return generate_for(given, pool, wanted(asked, given), folder.path / "work" / name, asked, say)


def _labelled(images: np.ndarray, labels: np.ndarray, given: Given) -> Given:
    return Given(name="made", images=images, labels=labels, classes=given.classes)


def _choose(
    given: Given, draw: int, take: Any, asked: Options, folder: OutputFolder, options: Namespace
) -> float:
    """Returns the share that does best on folds of the draw's labels, each with its generator."""
    if not options.folds:
        return options.share
    results = Results(Outcome.recall)
    for number, rows in enumerate(folds(given.labels, options.folds, draw)):
        rest = given.take(np.setdiff1d(np.arange(len(given)), rows))
        made = take(rest, f"fold-{number + 1}").made
        trial = Trial(
            name=f"fold-{number + 1}",
            given=rest,
            judged={"fold": given.take(rows)},
            made=_labelled(made.images, made.labels, given),
            seed=draw,
        )
        arms = [(CLASSICAL, 0.0), *((BOTH, one) for one in asked.shares)]
        _measure(results, number, trial, arms, asked, folder)
    return best_share({one: results.gains(BOTH, one, "fold") for one in asked.shares})


def _measure(
    results: Results, draw: int, trial: Trial, arms: Any, asked: Options, folder: OutputFolder
) -> None:
    recipe = Recipe(steps=asked.steps)
    results.measure(
        draw,
        trial,
        arms,
        seeds=asked.seeds,
        recipe=recipe,
        balance=asked.balance,
        kept=folder,
    )


def _recall(found: dict[str, list[int]]) -> float:
    return Outcome(right=tuple(found["right"]), total=tuple(found["total"])).recall()


def _row(
    setting: Setting,
    results: Results,
    shares: list[float],
    copies: list[float],
    semi: list[float],
    small: list[list[int]],
) -> dict[str, Any]:
    plain = {arm: results.values(arm, 0.0, ON) for arm in (HALF, REAL, CLASSICAL, MORE)}
    # Of the arms that mix, each draw's value at the share that its own folds chose.
    mixed = {
        arm: [_at(results, draw, arm, share) for draw, share in enumerate(shares)]
        for arm in (GAN, BOTH, POOL)
        if results.has(arm, shares[0])
    }
    mixed["generated only"] = results.values(BOTH, 1.0, ON)
    if semi:
        mixed[SEMI] = semi
    values = {**plain, **mixed}
    gain = np.subtract(values[BOTH], values[CLASSICAL]).tolist()
    facts: dict[str, Any] = {
        "setting": vars(setting),
        "label": setting.label,
        "shares": shares,
        "copy_rates": copies,
        "values": values,
        "means": {arm: interval(one).facts() for arm, one in values.items()},
        "gain": interval(gain).facts(),
        "curve": {
            f"{share:g}": interval(results.gains(BOTH, share, ON)).facts()
            for share in sorted({at for _, arm, at, _ in results.outcomes if arm == BOTH})
        },
    }
    if any(small):
        facts["small"] = {
            arm: float(np.mean([_at(results, *one) for one in places]))
            for arm, places in (
                (CLASSICAL, [(draw, CLASSICAL, 0.0, own) for draw, own in enumerate(small)]),
                (BOTH, [(draw, BOTH, shares[draw], own) for draw, own in enumerate(small)]),
            )
        }
    return facts


def _at(
    results: Results, draw: int, arm: str, share: float, classes: list[int] | None = None
) -> float:
    found = [
        outcome[ON].recall(classes)
        for (own, name, at, _), outcome in results.outcomes.items()
        if (own, name, at) == (draw, arm, share)
    ]
    return float(np.mean(found))


def _cell(one: dict[str, Any] | None) -> str:
    return "" if one is None else f"{100 * one['mean']:.1f}"


def describe(rows: list[dict[str, Any]], options: Namespace) -> str:
    """Returns the table, the verdicts and what they were taken with."""
    arms = [REAL, CLASSICAL, GAN, BOTH, "generated only", POOL, SEMI, MORE]
    arms = [arm for arm in arms if any(arm in row["means"] for row in rows)]
    head = ["labels", *arms, "gain (95 % interval)", "share", "copies", "verdict"]
    lines = []
    for row in rows:
        gain = Interval(**row["gain"])
        between = "" if gain.low is None else f" ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
        lines.append(
            [
                row["label"],
                *(_cell(row["means"].get(arm)) for arm in arms),
                f"{100 * gain.mean:+.1f}{between}",
                ", ".join(f"{share:g}" for share in row["shares"]),
                f"{100 * float(np.mean(row['copy_rates'])):.1f} %",
                "use" if gain.above_zero else "do not use",
            ]
        )
    small = [
        f"{row['label']}: recall of the small classes {100 * row['small'][CLASSICAL]:.1f} %"
        f" without and {100 * row['small'][BOTH]:.1f} % with generated images."
        for row in rows
        if "small" in row
    ]
    how = f"on {options.folds} folds of each draw's labels" if options.folds else "in advance"
    return (
        f"{table(head, lines)}\n\n{' '.join(small)}{' ' if small else ''}Mean recall of the ten"
        f" classes on the 10,000 test images, %, over {options.draws} draws of the labels with a"
        f" generator each ({options.images:,} images seen) and {options.seeds} classifiers of"
        f" {options.steps} steps for each arm. Gain: real + classical + GAN over real + classical,"
        f" paired by draw; the share was chosen {how}. More labels: twice as many, or with uneven"
        " classes as many of each as of the large ones; those who have them need no generator. Of"
        " a pool the labels are not looked at."
    )


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=IMAGES)
    flags.add_argument("--data", nargs="+", default=list(SETS))
    flags.add_argument("--labels", type=int, nargs="+", default=[*LABELS, 0], help="0: uneven")
    flags.add_argument("--pool", type=int, nargs="*", default=[10], help="with a pool at these")
    flags.add_argument("--draws", type=int, default=DRAWS)
    flags.add_argument("--seeds", type=int, default=SEEDS)
    flags.add_argument("--folds", type=int, default=FOLDS, help="0: the share is --share")
    flags.add_argument("--share", type=float, default=0.25)
    flags.add_argument("--steps", type=int, default=STEPS)
    flags.add_argument("--per-class", type=int, default=PER_CLASS)
    options = flags.parse_args()
    settings = [
        Setting(data=data, labels=labels, pool=pool)
        for data in options.data
        for pool, counts in ((False, options.labels), (True, options.pool))
        for labels in counts
    ]
    rows = [measure(setting, options) for setting in settings]
    publish("augmenting", describe(rows, options), {"rows": rows}, Path(options.out))


if __name__ == "__main__":
    main()
