"""The content of report.json: every figure of an augmentation and how it was taken."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from elegan.applications.synthetic.choosing import Verdict, interval, shares_of
from elegan.applications.synthetic.classifier import precision
from elegan.applications.synthetic.folder import option_values
from elegan.applications.synthetic.labelled_set import Given
from elegan.applications.synthetic.protocol import (
    ARMS,
    BOTH,
    CLASSICAL,
    GAN,
    HALF,
    POOL,
    REAL,
    Outcome,
)
from elegan.applications.synthetic.results import Results
from elegan.options import Augment

FORMAT, VERSION = "elegan-augmentation", 1
MINORITY = 0.5
"""A class with less than this share of the largest class's images is small."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Experiment:
    """All that a report is made of.

    Attributes:
        options: what was asked.
        given: the given labels.
        counts: images wanted of each class.
        results: outcomes of the classifiers.
        semi: of each draw, outcomes of the semi-supervised discriminator; empty without a pool.
        verdict: share, gain, sentence.
        on: the judged set that the verdict rests on.
        judged: images judged in all, each once a classifier.
        words: for the metric.
        generated: facts of the generation that is delivered.
        pool: images of the pool, None without one.
        lacking: of each draw, the classes of which images were wanted and none passed the filter.
    """

    options: Augment
    given: Given
    counts: tuple[int, ...]
    results: Results
    semi: tuple[Mapping[str, Outcome], ...]
    verdict: Verdict
    on: str
    judged: int
    words: str
    generated: Mapping[str, Any]
    pool: int | None
    lacking: tuple[tuple[str, ...], ...]

    @property
    def draws(self) -> int:
        """How many there were."""
        return self.verdict.gain.draws

    @property
    def overlap(self) -> float:
        """See `statistics.interval`."""
        return 1 / (self.draws - 1) if self.draws > 1 else 0.0


def report_facts(experiment: Experiment, notes: list[str]) -> dict[str, Any]:
    """Returns JSON values: verdict, arms, share curve, recall of each class, images, protocol."""
    one = experiment
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": one.verdict.to_dict(),
        "metric": {"words": one.words, "on": one.on},
        "arms": _arms(one),
        "curve": _curve(one),
        "recall": _recall(one),
        "minority": _minority(one),
        "generated": {
            **one.generated,
            "wanted": dict(zip(one.given.classes, one.counts, strict=True)),
        },
        "data": {
            "name": one.given.name,
            "hash": one.given.hash,
            "classes": dict(zip(one.given.classes, one.given.counts.tolist(), strict=True)),
            "resolution": int(one.given.images.shape[1]),
            "channels": int(one.given.images.shape[3]),
            "pool": one.pool,
        },
        "protocol": protocol(one),
        "notes": [*notes, *_notes(one)],
        "options": option_values(one.options),
        "environment": {
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "threads": torch.get_num_threads(),
            "classifiers": precision().name,
        },
    }


def _arms(one: Experiment) -> list[dict[str, Any]]:
    share = one.verdict.share
    wanted = [(HALF, 0.0), (REAL, 0.0), (CLASSICAL, 0.0), (GAN, share), (BOTH, share)]
    wanted += [(POOL, share)]
    if share != 1:
        wanted.append((BOTH, 1.0))
    rows = [_row(one, arm, at) for arm, at in wanted if one.results.has(arm, at)]
    if one.semi:
        values = [one.results.metric(found[one.on]) for found in one.semi]
        rows.append(
            {
                "arm": "semi-supervised discriminator",
                "label": "the pool's discriminator itself",
                "about": "learned from given labels and pool together; no further images",
                "share": None,
                "score": interval(values, overlap=one.overlap).to_dict(),
                "draws": values,
            }
        )
    return rows


def _row(one: Experiment, arm: str, share: float) -> dict[str, Any]:
    values = one.results.values(arm, share, one.on)
    label, about = arm, ARMS[arm].about
    if arm == BOTH and share == 1:
        label, about = "generated only, classical", "no real image, all augmented"
    elif ARMS[arm].mixed:
        label = f"{arm}, share {share:g}"
    row = {
        "arm": arm,
        "label": label,
        "about": about,
        "share": share if ARMS[arm].mixed else None,
        "score": interval(values, overlap=one.overlap).to_dict(),
        "draws": values,
    }
    if arm != CLASSICAL:
        gains = one.results.gains(arm, share, one.on)
        row["gain"] = interval(gains, overlap=one.overlap).to_dict()
    return row


def _curve(one: Experiment) -> list[dict[str, Any]]:
    """Real + classical with each share of generated images; 0 is the arm without any."""
    rows = [_row(one, CLASSICAL, 0.0)]
    rows += [_row(one, BOTH, share) for share in shares_of(one.options)]
    for row, share in zip(rows, (0.0, *shares_of(one.options)), strict=True):
        row["share"] = share
        del row["label"], row["about"]
    return rows


def _recall(one: Experiment) -> dict[str, dict[str, float | None]]:
    """Of each class, by name: the recall of real + classical without and with generated images."""
    found: dict[str, dict[str, float | None]] = {}
    for label, name in enumerate(one.given.classes):
        found[name] = {
            arm: _mean(one, arm, share, [label])
            for arm, share in ((CLASSICAL, 0.0), (BOTH, one.verdict.share))
        }
    return found


def _mean(one: Experiment, arm: str, share: float, classes: list[int]) -> float | None:
    """Returns the mean recall over classifiers, in each of which every judged image counts."""
    right = total = 0
    for (_, name, at, _), outcome in one.results.outcomes.items():
        if (name, at) == (arm, share):
            right += sum(outcome[one.on].right[label] for label in classes)
            total += sum(outcome[one.on].total[label] for label in classes)
    return right / total if total else None


def _minority(one: Experiment) -> dict[str, Any] | None:
    """The recall of small classes with its gain; None where no class is small."""
    counts = one.given.counts
    small = np.flatnonzero(counts < MINORITY * counts.max()).tolist()
    if not small:
        return None

    def recall(outcome: Outcome) -> float:
        return outcome.recall(small)

    share = one.verdict.share
    values = {
        arm: one.results.values(arm, at, one.on, recall)
        for arm, at in ((CLASSICAL, 0.0), (BOTH, share))
    }
    gains = one.results.gains(BOTH, share, one.on, metric=recall)
    told = not np.isnan([*gains]).any()
    return {
        "classes": [one.given.classes[label] for label in small],
        **{arm: float(np.nanmean(found)) for arm, found in values.items()},
        "gain": interval(gains, overlap=one.overlap).to_dict() if told else None,
    }


def protocol(one: Experiment) -> str:
    """Returns how the figures were taken, for a person."""
    options, given = one.options, one.given
    if one.on == "fold":
        where = (
            f"judged on its own fold, {one.judged:,} images in all folds; its share is the one that"
            " did best on the other folds"
        )
    else:
        where = (
            f"judged on the {one.judged:,} images of the test split, which were opened after the"
            " generators were trained and filtered; the share was chosen on the folds"
        )
    if options.share is not None:
        where = where.split(";")[0] + f"; the share {options.share:g} was asked for"
    pool = f" and {one.pool:,} images without labels" if one.pool is not None else ""
    return (
        f"{one.draws} folds of {len(given):,} given labels{pool}; for each a generator of its own"
        f" ({options.images:,} images seen), trained and filtered on the other folds,"
        f" and {options.seeds} classifiers of every arm, {options.steps} steps of equal size each,"
        f" {where}. Differences are paired: same images, same initial weights, same order of"
        " classes. Intervals are of Student's t over the draws, widened for what the folds share"
        " (Nadeau and Bengio 2003)."
        + (" Every arm draws all classes equally often." if options.balance else "")
    )


def _notes(one: Experiment) -> list[str]:
    notes = []
    missing = [
        f"{name} ({found['kept']:,} of {count:,})"
        for (name, found), count in zip(one.generated["classes"].items(), one.counts, strict=True)
        if found["kept"] < count
    ]
    if missing:
        notes.append(
            f"Too few images passed the filter: {', '.join(missing)}. Train longer with --images,"
            " or widen --band."
        )
    for draw, names in enumerate(one.lacking):
        if names:
            notes.append(
                f"Draw {draw + 1}: no image passed the filter of {', '.join(names)}, so there real"
                " ones stand in the place of generated ones in every arm."
            )
    counts = one.given.counts
    if int(counts.min()) < one.draws:
        notes.append(f"A class has {counts.min()} images: it is judged in as many folds only.")
    used = one.generated["pool_used"]
    if one.pool is not None and used < one.pool:
        notes.append(
            f"{used:,} of {one.pool:,} images of the pool have a class that the semi-supervised"
            " discriminator is sure of (0.95), and are used."
        )
    return [*notes, *_simpler(one)]


def _simpler(one: Experiment) -> list[str]:
    """Says which of the rows that need no generated image do at least as well with the pool."""
    ours = float(np.mean(one.results.values(BOTH, one.verdict.share, one.on)))
    others = {}
    if one.results.has(POOL, one.verdict.share):
        values = one.results.values(POOL, one.verdict.share, one.on)
        others["real + classical + the pool itself"] = float(np.mean(values))
    if one.semi:
        values = [one.results.metric(found[one.on]) for found in one.semi]
        others["the pool's discriminator (elegan train --preset classify)"] = float(np.mean(values))
    return [
        f"Simpler and no worse: {name} has {100 * score:.1f} %, with generated images it is"
        f" {100 * ours:.1f} %."
        for name, score in others.items()
        if score >= ours
    ]
