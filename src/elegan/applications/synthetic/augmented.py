"""The verb: given labels in; generated images, a report and a verdict out."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from elegan.applications.synthetic.choosing import decide, shares_of
from elegan.applications.synthetic.classifier import Recipe
from elegan.applications.synthetic.folder import IMAGES, PAGE, REPORT, WORK, OutputFolder
from elegan.applications.synthetic.generating import Generation, Train, generate_for
from elegan.applications.synthetic.labelled_set import (
    LabelledSet,
    folds,
    open_given,
    open_pool,
    open_test,
)
from elegan.applications.synthetic.protocol import (
    BOTH,
    CLASSICAL,
    GAN,
    HALF,
    POOL,
    REAL,
    SEMI,
    ClassCounts,
    Results,
    Split,
    evaluate_once,
)
from elegan.applications.synthetic.report import Experiment, between, render, report_facts
from elegan.augmentation import parse_kinds
from elegan.common.errors import UsageError
from elegan.models.samples import Samples
from elegan.options import Augment

FOLD, TEST, WHOLE = "fold", "test split", "all"


@dataclass(frozen=True, kw_only=True, eq=False)
class Augmented:
    """What an augmentation came to."""

    path: Path  # the output folder; it is an image folder itself, through `images/`
    report: dict[str, Any]  # the content of report.json

    @property
    def verdict(self) -> dict[str, Any]:
        """`use`, `sentence`, `share`, `gain`, `worth_labels`."""
        return self.report["verdict"]

    @property
    def use(self) -> bool:
        """Whether the generated images help."""
        return bool(self.verdict["use"])

    @property
    def images(self) -> Path:
        """The folder with one subfolder a class."""
        return self.path / IMAGES

    @cached_property
    def page(self) -> Path:
        """The HTML report."""
        return self.path / PAGE

    def to_dict(self) -> dict[str, Any]:
        return {"out": str(self.path), **self.report}

    def text(self) -> str:
        """Returns what a person reads in a terminal."""
        rows = self.report["arms"]
        wide = max(len(row["label"]) for row in rows)
        metric = self.report["metric"]["words"]
        lines = [f"{'':<{wide}}  {metric}, %  95 % interval"]
        for row in rows:
            score = row["score"]
            lines.append(f"{row['label']:<{wide}}  {100 * score['mean']:6.1f}  {between(score)}")
        made = sum(counts["kept"] for counts in self.report["generated"]["classes"].values())
        lines += ["", *self.report["notes"], self.report["verdict"]["sentence"]]
        return "\n".join([*lines, f"{made:,} images -> {self.images}; report: {self.page}"])


def augment_data(asked: Augment, train: Train) -> Augmented:
    """Makes further training images of each class, and says whether they help a classifier.

    Each fold of the given labels gets a generator of its own, trained on the other folds; it is
    there that the share is chosen and, unless there is a test split, that the verdict is taken. The
    images that are delivered come from one more generator, trained on all given labels. The same
    call again goes on where it stopped.

    Args:
        train: settings -> a finished run, with its `model`.

    Raises:
        UsageError: impossible options, or a folder that holds something else.
        EleganError: the data do not serve, or a place cannot be written.
        InterruptedRun: Ctrl-C or SIGTERM while a generator was trained, after saving.
    """
    check(asked)
    given, notes = open_given(asked)
    counts = wanted(asked, given)
    folder = OutputFolder(Path(asked.out))
    with folder.claim(asked, given.hash):
        report = folder.report()
        if report is None:
            report = _augment(asked, given, counts, folder, train, notes)
    return Augmented(path=folder.path, report=report)


def check(asked: Augment) -> None:
    """Refuses what could not work, before anything is read or written.

    Raises:
        UsageError: names the flag, its value and what is accepted.
    """
    if asked.per_class is None and not asked.balance:
        raise UsageError(
            "Say how many images of each class to make: --per-class N."
            " Or fill up small classes with --balance."
        )
    low, high = asked.band
    if not 0 <= low < high <= 1:
        raise UsageError(f"--band is two rising numbers within 0 and 1, not {low} {high}.")
    parse_kinds(asked.kinds)


def wanted(options: Augment, given: LabelledSet) -> list[int]:
    """Returns how many images of each class are to be made.

    Raises:
        UsageError: classes are to be filled up, and none lacks an image.
    """
    counts = given.counts.tolist()
    if not options.balance:
        return [options.per_class or 0] * len(counts)
    full = options.per_class or max(counts)
    lacking = [max(0, full - count) for count in counts]
    if not any(lacking):
        raise UsageError(
            f"--balance has nothing to fill: every class has {full} images already."
            " Ask for more with --per-class, or leave --balance out."
        )
    return lacking


def _augment(
    options: Augment,
    given: LabelledSet,
    counts: Sequence[int],
    folder: OutputFolder,
    train: Train,
    notes: list[str],
) -> dict[str, Any]:
    """Does all of it, or what is left of it; returns the report."""
    pool = open_pool(options, given)
    # A class with fewer images than folds is judged in as many folds as it has images.
    rows = folds(given.labels, min(options.draws, int(given.counts.max())), options.seed)
    draws = len(rows)
    _say(
        f"{len(given):,} given images of {len(given.classes)} classes:"
        f" {draws + 1} generators, {options.images:,} images each, then classifiers"
    )

    def generate(own: LabelledSet, name: str) -> Generation:
        place = folder.path / WORK / name
        which = "all given images" if name == WHOLE else f"{name}, {len(own):,} given images"
        _say(f"generator of {which} (log: {place / 'generator' / 'log.txt'})")
        with folder.explained():
            return generate_for(own, pool, counts, place, options, train, _say)

    rest = [given.take(np.setdiff1d(np.arange(len(given)), own)) for own in rows]
    generations = [generate(own, f"draw-{draw}") for draw, own in enumerate(rest, 1)]
    whole = generate(given, WHOLE)
    # Opened after all that trains, draws and filters; the share is chosen on the folds.
    test = open_test(options, given, pool)
    results = Results(ClassCounts.recall if options.balance else attrgetter("accuracy"))
    splits = []
    for draw, (rows_of_fold, own, found) in enumerate(zip(rows, rest, generations, strict=True)):
        split = Split(
            name=f"draw-{draw + 1}",
            given=own,
            judged={FOLD: given.take(rows_of_fold), **({TEST: test} if test is not None else {})},
            made=found.made.labelled(given.classes),
            pool=found.pool,
            seed=options.seed,
        )
        splits.append(split)
        if found.semi_supervised is not None:
            # What could be had without more images: the discriminator that named the pool.
            counted = evaluate_once(
                split, f"{split.name}/{SEMI}", lambda own=found.semi_supervised: own, folder
            )
            results.counts[draw, SEMI, 0.0, 0] = counted
    words = "mean recall of classes" if options.balance else "accuracy"
    measure = partial(
        results.measure,
        seeds=options.seeds,
        recipe=Recipe(steps=options.steps, flip=options.flip),
        balance=options.balance,
        kept=folder,
    )
    shares = shares_of(options)
    for draw, split in enumerate(splits):
        _say(f"classifiers of draw {draw + 1} of {draws}")
        curve = [(BOTH, share) for share in shares]
        measure(draw, split, [(REAL, 0.0), (CLASSICAL, 0.0), (HALF, 0.0), *curve])
    on = FOLD if test is None else TEST
    verdict = decide(
        results,
        shares=shares,
        fixed=options.share,
        chosen_on=FOLD,
        judged_on=on,
        overlap=1 / (draws - 1),
        labels=len(given) * (1 - 1 / draws),
        words=words,
    )
    for draw, split in enumerate(splits):
        more = [(GAN, verdict.share)]
        if split.pool is not None and len(split.pool):
            more.append((POOL, verdict.share))
        measure(draw, split, more)
    experiment = Experiment(
        options=options,
        given=given,
        counts=tuple(counts),
        results=results,
        verdict=verdict,
        on=on,
        judged=sum(len(split.judged[FOLD]) for split in splits) if test is None else len(test),
        words=words,
        generated=whole.facts,
        pool=None if pool is None else len(pool),
        lacking=tuple(
            tuple(
                name
                for name, made, due in zip(given.classes, split.made.counts, counts, strict=True)
                if due and not made
            )
            for split in splits
        ),
    )
    Samples(
        images=whole.made.images,
        labels=whole.made.labels,
        classes=given.classes,
        seed=options.seed,
        model_sha256=whole.facts["model_sha256"],
    ).save(folder.path / IMAGES)
    text = json.dumps(report_facts(experiment, notes), ensure_ascii=False)
    report = json.loads(text, parse_constant=lambda name: None)  # JSON has no NaN
    folder.write(PAGE, render(report, given, whole.made))
    folder.write(REPORT, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    return report


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
