"""Data augmentation by a generator: every arm at few labels, and with classes 1:20.

    python benchmarks/augmenting.py
    python benchmarks/augmenting.py --only mnist-10 mnist-100-to-5

A draw is a choice of the labels, made by its number as a seed; each has a generator of its own,
trained on all of these labels. The share of generated images, --share, is set beforehand, so that
nothing is chosen on the test images: the other shares show the curve and decide nothing. Only the
arm `more labels` sees labels that were not drawn: twice as many, or with uneven classes as many of
every class as of the large ones. All are judged on the 10,000 test images.

Each draw takes minutes. What was measured is kept under --runs, so that the same command goes on
where it stopped, and a setting is published from its second draw on; one that was published with
the same options is not measured again.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from augmenting_table import ONLY, describe
from figures import commit, publish
from runs import parser

from elegan.applications.runs import train
from elegan.applications.synthetic.augmented import wanted
from elegan.applications.synthetic.choosing import SHARES, interval
from elegan.applications.synthetic.classifier import Recipe
from elegan.applications.synthetic.folder import OutputFolder
from elegan.applications.synthetic.generating import generate_for
from elegan.applications.synthetic.labelled_set import LabelledSet, open_pool
from elegan.applications.synthetic.protocol import (
    BOTH,
    CLASSICAL,
    GAN,
    MORE,
    POOL,
    REAL,
    SEMI,
    ClassCounts,
    Results,
    Split,
    count_right,
)
from elegan.data import open_data
from elegan.options import Augment

DRAWS, SEEDS, SHARE = 5, 3, 0.25
IMAGES, STEPS, PER_CLASS = 20_000, 200, 100
LARGE, SMALL = 100, 5  # labels of a class in the uneven setting: 1:20
ON = "test"
_ASKED = ("images", "steps", "draws", "seeds", "share", "shares", "per_class")


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


SETTINGS = (
    Setting(data="mnist", labels=10),
    Setting(data="fashion-mnist", labels=10),
    Setting(data="mnist", labels=50),
    Setting(data="mnist", labels=0),
    Setting(data="mnist", labels=10, pool=True),
    Setting(data="fashion-mnist", labels=50),
    Setting(data="fashion-mnist", labels=0),
    Setting(data="fashion-mnist", labels=10, pool=True),
    *(
        Setting(data=data, labels=labels)
        for labels in (20, 100)
        for data in ("mnist", "fashion-mnist")
    ),
)
"""In the order in which they are measured: the most telling first."""


def drawn(setting: Setting, draw: int) -> tuple[LabelledSet, LabelledSet]:
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


def _given(data: str, **options: Any) -> LabelledSet:
    opened = open_data(data, **options)
    assert opened.labels is not None
    return LabelledSet(
        name=data,
        images=np.array(opened.images),
        labels=opened.labels.astype(np.int64),
        classes=opened.classes,
    )


def measure(setting: Setting, options: Namespace) -> Iterator[dict[str, Any]]:
    """Runs the draws of a setting; yields the values of its row after each but the first."""
    test = _given(setting.data, split="test")
    results, copies, semi, small = Results(ClassCounts.recall), [], [], []
    for draw in range(options.draws):
        given, more = drawn(setting, draw)
        asked = _asked(setting, draw, options)
        folder = OutputFolder(options.runs / f"augmenting-{setting.name}-{options.images}-{draw}")
        with folder.claim(asked, given.hash):
            say = partial(print, folder.path.name, file=sys.stderr, flush=True)
            generation = generate_for(
                given,
                open_pool(asked, given),
                wanted(asked, given),
                folder.path / "work" / "all",
                asked,
                train,
                say,
            )
            made = generation.made
            split = Split(
                name="all",
                given=given,
                judged={ON: test},
                made=made.labelled(given.classes),
                pool=generation.pool,
                more=more,
                seed=draw,
            )
            arms = [(REAL, 0.0), (CLASSICAL, 0.0), (MORE, 0.0), (GAN, options.share)]
            arms += [(BOTH, one) for one in sorted({*options.shares, options.share, 1.0})]
            arms += [(POOL, options.share)] if generation.pool is not None else []
            say("classifiers")
            results.measure(
                draw,
                split,
                arms,
                seeds=options.seeds,
                recipe=Recipe(steps=options.steps),
                balance=asked.balance,
                kept=folder,
            )
        copies.append(made.copy_rate)
        if generation.semi_supervised is not None:
            semi.append(count_right(generation.semi_supervised(test.images), test).recall())
        counts = given.counts
        small.append(np.flatnonzero(counts < counts.max() / 2).tolist())
        if draw:
            yield row(setting, results, options.share, copies, semi, small)


def _asked(setting: Setting, draw: int, options: Namespace) -> Augment:
    return Augment(
        data=setting.data,
        per_class=options.per_class if setting.labels else None,
        limit=setting.labels or LARGE,
        unlabelled=setting.data if setting.pool else None,
        balance=not setting.labels,
        share=options.share,
        seed=draw,
        seeds=options.seeds,
        images=options.images,
        steps=options.steps,
    )


def row(
    setting: Setting,
    results: Results,
    share: float,
    copies: list[float],
    semi: list[float],
    small: list[list[int]],
) -> dict[str, Any]:
    """Returns the values of a setting: of each draw, and their means with intervals.

    Args:
        share: of generated images, in the arms that the verdict is about.
        copies: the copy rate of each draw.
        semi: of each draw, the recall of the discriminator that learned from a pool.
        small: of each draw, its classes with few labels.
    """
    plain = {arm: results.values(arm, 0.0, ON) for arm in (REAL, CLASSICAL, MORE)}
    mixed = {
        arm: results.values(arm, share, ON) for arm in (GAN, BOTH, POOL) if results.has(arm, share)
    }
    values = {
        **plain,
        **mixed,
        ONLY: results.values(BOTH, 1.0, ON),
        **({SEMI: semi} if semi else {}),
    }
    shares = sorted({at for _, arm, at, _ in results.counts if arm == BOTH})
    facts: dict[str, Any] = {
        "setting": setting.name,
        "label": setting.label,
        "copy_rates": copies,
        "values": values,
        "means": {arm: interval(one).to_dict() for arm, one in values.items()},
        "gain": interval(results.gains(BOTH, share, ON)).to_dict(),
        "curve": {f"{at:g}": interval(results.gains(BOTH, at, ON)).to_dict() for at in shares},
        "commit": commit(),
    }
    if any(small):
        facts["small"] = {
            arm: float(
                np.mean([_of(results, draw, arm, at, own) for draw, own in enumerate(small)])
            )
            for arm, at in ((CLASSICAL, 0.0), (BOTH, share))
        }
    return facts


def _of(results: Results, draw: int, arm: str, share: float, classes: list[int]) -> float:
    """Returns the recall of some classes, the mean over the classifiers of a draw."""
    found = [
        counts[ON].recall(classes)
        for (own, name, at, _), counts in results.counts.items()
        if (own, name, at) == (draw, arm, share)
    ]
    return float(np.mean(found))


def published(options: Namespace) -> dict[str, dict[str, Any]]:
    """Returns the rows of the figure by setting, but none that was taken with other options."""
    path = Path(options.out) / "augmenting.json"
    if not path.is_file():
        return {}
    facts = json.loads(path.read_text(encoding="utf-8"))
    if facts["options"] != _options(options):
        return {}
    return {one["setting"]: one for one in facts["rows"]}


def _options(options: Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in _ASKED}


def main() -> None:
    """Runs what the command line asks for."""
    names = [one.name for one in SETTINGS]
    flags = parser(__doc__, images=IMAGES)
    flags.add_argument("--only", nargs="+", choices=names, default=names, help="these settings")
    flags.add_argument("--draws", type=int, default=DRAWS)
    flags.add_argument("--seeds", type=int, default=SEEDS)
    flags.add_argument("--share", type=float, default=SHARE, help="that the verdict is about")
    flags.add_argument("--shares", type=float, nargs="*", default=list(SHARES), help="of the curve")
    flags.add_argument("--steps", type=int, default=STEPS)
    flags.add_argument("--per-class", type=int, default=PER_CLASS)
    options = flags.parse_args()
    rows = published(options)
    for setting in SETTINGS:
        done = rows[setting.name]["gain"]["draws"] if setting.name in rows else 0
        if setting.name not in options.only or done >= options.draws:
            continue
        for found in measure(setting, options):
            rows[setting.name] = found
            ordered = [rows[name] for name in names if name in rows]
            text = describe(
                ordered,
                [one.label for one in SETTINGS if one.name not in rows],
                images=options.images,
                seeds=options.seeds,
                steps=options.steps,
                share=options.share,
            )
            facts = {"options": _options(options), "rows": ordered}
            publish("augmenting", text, facts, Path(options.out))


if __name__ == "__main__":
    main()
