"""The verb: given labels in; generated images, a report and a verdict out."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from elegan.applications.synthetic.choosing import Verdict, decide, shares_of
from elegan.applications.synthetic.classifier import Recipe
from elegan.applications.synthetic.folder import IMAGES, PAGE, REPORT, WORK, OutputFolder
from elegan.applications.synthetic.generating import Generation, Train, generate_for
from elegan.applications.synthetic.labelled_set import (
    Given,
    folds,
    open_given,
    open_pool,
    open_test,
)
from elegan.applications.synthetic.page import render
from elegan.applications.synthetic.protocol import (
    BOTH,
    CLASSICAL,
    GAN,
    HALF,
    POOL,
    REAL,
    Outcome,
    Trial,
    judge,
)
from elegan.applications.synthetic.report_data import Experiment, report_facts
from elegan.applications.synthetic.results import Results
from elegan.augmentation import parse_kinds
from elegan.common.errors import UsageError
from elegan.models.samples import Samples
from elegan.options import Augment

FOLD, TEST, WHOLE = "fold", "test split", "all"
SEMI = "semi-supervised discriminator"


@dataclass(frozen=True, kw_only=True, eq=False)
class Augmented:
    """What an augmentation came to.

    Attributes:
        path: the output folder; it is an image folder itself, through `images/`.
        report: the content of report.json.
    """

    path: Path
    report: dict[str, Any]

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
            one = row["score"]
            between = ""
            if one["low"] is not None:
                low, high = (min(1.0, max(0.0, one[side])) for side in ("low", "high"))
                between = f"{100 * low:.1f} to {100 * high:.1f}"
            lines.append(f"{row['label']:<{wide}}  {100 * one['mean']:6.1f}  {between}")
        made = sum(one["kept"] for one in self.report["generated"]["classes"].values())
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
            report = _Augmentation(asked, given, counts, folder, train).run(notes)
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


def wanted(options: Augment, given: Given) -> list[int]:
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


class _Augmentation:
    """One run of the verb, step by step."""

    def __init__(
        self,
        options: Augment,
        given: Given,
        counts: Sequence[int],
        folder: OutputFolder,
        train: Train,
    ) -> None:
        self.train = train
        self.options, self.given, self.counts, self.folder = options, given, counts, folder
        self.recipe = Recipe(steps=options.steps, flip=options.flip)
        self.words = "mean recall of classes" if options.balance else "accuracy"
        self.results = Results(Outcome.recall if options.balance else _accuracy)
        self.semi: list[dict[str, Outcome]] = []

    def run(self, notes: list[str]) -> dict[str, Any]:
        """Does all of it, or what is left of it; returns the report."""
        pool = open_pool(self.options, self.given)
        rows = folds(self.given.labels, self._draws(), self.options.seed)
        self._say(
            f"{len(self.given):,} given images of {len(self.given.classes)} classes:"
            f" {len(rows) + 1} generators, {self.options.images:,} images each, then classifiers"
        )
        generations = [self._generation(draw, own, pool) for draw, own in enumerate(rows)]
        whole = self._generate(self.given, pool, WHOLE)
        # Opened after all that trains, draws and filters; the share is chosen on the folds.
        test = open_test(self.options, self.given, pool)
        trials = [
            self._trial(draw, own, generation, test)
            for draw, (own, generation) in enumerate(zip(rows, generations, strict=True))
        ]
        for draw, trial in enumerate(trials):
            self._say(f"classifiers of draw {draw + 1} of {len(trials)}")
            curve = [(BOTH, share) for share in shares_of(self.options)]
            self._measure(draw, trial, [(REAL, 0.0), (CLASSICAL, 0.0), (HALF, 0.0), *curve])
        verdict = self._decide(test, len(rows))
        for draw, trial in enumerate(trials):
            more = [(GAN, verdict.share)]
            if trial.pool is not None and len(trial.pool):
                more.append((POOL, verdict.share))
            self._measure(draw, trial, more)
        return self._write(whole, trials, verdict, test, notes, pool)

    def _draws(self) -> int:
        """As many folds as were asked for, but no more than there are images of the largest class.

        A class with fewer images is judged in as many folds as it has images.
        """
        return min(self.options.draws, int(self.given.counts.max()))

    def _generation(self, draw: int, own: np.ndarray, pool: np.ndarray | None) -> Generation:
        rest = np.setdiff1d(np.arange(len(self.given)), own)
        return self._generate(self.given.take(rest), pool, f"draw-{draw + 1}")

    def _generate(self, given: Given, pool: np.ndarray | None, name: str) -> Generation:
        folder = self.folder.path / WORK / name
        which = "all given images" if name == WHOLE else f"{name}, {len(given):,} given images"
        self._say(f"generator of {which} (log: {folder / 'generator' / 'log.txt'})")
        with self.folder.explained():
            return generate_for(
                given, pool, self.counts, folder, self.options, self.train, self._say
            )

    def _trial(
        self, draw: int, own: np.ndarray, generation: Generation, test: Given | None
    ) -> Trial:
        rest = np.setdiff1d(np.arange(len(self.given)), own)
        judged = {FOLD: self.given.take(own), **({TEST: test} if test is not None else {})}
        made = generation.made
        trial = Trial(
            name=f"draw-{draw + 1}",
            given=self.given.take(rest),
            judged=judged,
            made=Given(
                name="made", images=made.images, labels=made.labels, classes=self.given.classes
            ),
            pool=generation.pool,
            seed=self.options.seed,
        )
        if generation.semi_supervised is not None:
            self.semi.append(self._judge_semi(trial, generation))
        return trial

    def _judge_semi(self, trial: Trial, generation: Generation) -> dict[str, Outcome]:
        """Judges the discriminator that named the pool: what could be had without more images."""
        name = f"{trial.name}/{SEMI}"
        found = self.folder.find(name)
        if found is None:
            assert generation.semi_supervised is not None
            found = {
                on: judge(generation.semi_supervised(images.images), images)
                for on, images in trial.judged.items()
            }
            self.folder.add(name, found)
        return {
            on: Outcome(right=tuple(one["right"]), total=tuple(one["total"]))
            for on, one in found.items()
        }

    def _measure(self, draw: int, trial: Trial, arms: Sequence[tuple[str, float]]) -> None:
        self.results.measure(
            draw,
            trial,
            arms,
            seeds=self.options.seeds,
            recipe=self.recipe,
            balance=self.options.balance,
            kept=self.folder,
        )

    def _decide(self, test: Given | None, draws: int) -> Verdict:
        return decide(
            self.results,
            shares=shares_of(self.options),
            fixed=self.options.share,
            chosen_on=FOLD,
            judged_on=FOLD if test is None else TEST,
            overlap=1 / (draws - 1),
            labels=len(self.given) * (1 - 1 / draws),
            words=self.words,
        )

    def _write(
        self,
        whole: Generation,
        trials: Sequence[Trial],
        verdict: Verdict,
        test: Given | None,
        notes: list[str],
        pool: np.ndarray | None,
    ) -> dict[str, Any]:
        made = whole.made
        samples = Samples(
            images=made.images,
            labels=made.labels,
            classes=self.given.classes,
            seed=self.options.seed,
            model_sha256=whole.facts["model_sha256"],
        )
        samples.save(self.folder.path / IMAGES)
        experiment = Experiment(
            options=self.options,
            given=self.given,
            counts=tuple(self.counts),
            results=self.results,
            semi=tuple(self.semi),
            verdict=verdict,
            on=FOLD if test is None else TEST,
            judged=sum(len(trial.judged[FOLD]) for trial in trials) if test is None else len(test),
            words=self.words,
            generated=whole.facts,
            pool=None if pool is None else len(pool),
            lacking=tuple(self._lacking(trial.made) for trial in trials),
        )
        text = json.dumps(report_facts(experiment, notes), ensure_ascii=False)
        report = json.loads(text, parse_constant=lambda name: None)  # JSON has no NaN
        self.folder.write(PAGE, render(report, self.given, made))
        self.folder.write(REPORT, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        return report

    def _lacking(self, made: Given) -> tuple[str, ...]:
        return tuple(
            name
            for name, count, due in zip(made.classes, made.counts, self.counts, strict=True)
            if due and not count
        )

    @staticmethod
    def _say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def _accuracy(outcome: Outcome) -> float:
    return outcome.accuracy
