"""The content of report.json, every figure of an augmentation and how it was taken; its page."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from elegan.applications.synthetic.choosing import GainVerdict, interval, shares_of
from elegan.applications.synthetic.classifier import precision
from elegan.applications.synthetic.filtering import FilteredImages
from elegan.applications.synthetic.folder import option_values
from elegan.applications.synthetic.labelled_set import LabelledSet
from elegan.applications.synthetic.protocol import (
    ARMS,
    BOTH,
    CLASSICAL,
    GAN,
    HALF,
    POOL,
    REAL,
    SEMI,
    ClassCounts,
    Results,
)
from elegan.data.pictures import grid, to_pillow
from elegan.options import Augment
from elegan.reports.curves import Series, interval_chart, line_chart
from elegan.reports.html import embedded, fill

FORMAT, VERSION = "elegan-augmentation", 1
MINORITY = 0.5  # A class with less than this share of the largest class's images is small
MAX_COLUMNS = 10  # images of a class in a row
MAX_CLASSES = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Experiment:
    """All that a report is made of."""

    options: Augment  # what was asked
    given: LabelledSet  # the given labels
    counts: tuple[int, ...]  # images wanted of each class
    results: Results  # counts of the classifiers
    verdict: GainVerdict  # share, gain, sentence
    on: str  # the judged set that the verdict rests on
    judged: int  # images judged in all, each once a classifier
    words: str  # for the metric
    generated: Mapping[str, Any]  # facts of the generation that is delivered
    pool: int | None  # images of the pool, None without one
    # Of each draw, the classes of which images were wanted and none passed the filter
    lacking: tuple[tuple[str, ...], ...]

    def interval(self, values: list[float], least: float = -1.0) -> dict[str, Any]:
        """Returns the JSON values of the interval of one value a draw."""
        draws = self.verdict.gain.draws
        overlap = 1 / (draws - 1) if draws > 1 else 0.0
        return interval(values, overlap=overlap, least=least).to_dict()


def report_facts(experiment: Experiment, notes: list[str]) -> dict[str, Any]:
    """Returns JSON values: verdict, arms, share curve, recall of each class, images, protocol."""
    given, verdict = experiment.given, experiment.verdict
    results, on = experiment.results, experiment.on
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": verdict.to_dict(),
        "metric": {"words": experiment.words, "on": on},
        "arms": _arms(experiment),
        "curve": _curve(experiment),
        "recall": {
            name: {
                CLASSICAL: results.recall_of(label, CLASSICAL, 0.0, on),
                BOTH: results.recall_of(label, BOTH, verdict.share, on),
            }
            for label, name in enumerate(given.classes)
        },
        "minority": _minority(experiment),
        "generated": {
            **experiment.generated,
            "wanted": dict(zip(given.classes, experiment.counts, strict=True)),
        },
        "data": {
            "name": given.name,
            "hash": given.hash,
            "classes": dict(zip(given.classes, given.counts.tolist(), strict=True)),
            "resolution": int(given.images.shape[1]),
            "channels": int(given.images.shape[3]),
            "pool": experiment.pool,
        },
        "protocol": protocol(experiment),
        "notes": [*notes, *_notes(experiment)],
        "options": option_values(experiment.options),
        "environment": {
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "threads": torch.get_num_threads(),
            "classifiers": precision().name,
        },
    }


def _arms(experiment: Experiment) -> list[dict[str, Any]]:
    share = experiment.verdict.share
    wanted = [(HALF, 0.0), (REAL, 0.0), (CLASSICAL, 0.0), (GAN, share), (BOTH, share)]
    wanted += [(POOL, share), *([(BOTH, 1.0)] if share != 1 else []), (SEMI, 0.0)]
    return [_row(experiment, arm, at) for arm, at in wanted if experiment.results.has(arm, at)]


def _row(experiment: Experiment, arm: str, share: float) -> dict[str, Any]:
    results, on = experiment.results, experiment.on
    values = results.values(arm, share, on)
    mixed = arm != SEMI and bool(ARMS[arm].mixed)
    if arm == SEMI:
        label = "the pool's discriminator itself"
        about = "learned from given labels and pool together; no further images"
    elif arm == BOTH and share == 1:
        label, about = "generated only, classical", "no real image, all augmented"
    else:
        label, about = f"{arm}, share {share:g}" if mixed else arm, ARMS[arm].about
    row = {
        "arm": arm,
        "label": label,
        "about": about,
        "share": share if mixed else None,
        "score": experiment.interval(values, least=0.0),
        "draws": values,
    }
    if arm not in (CLASSICAL, SEMI):
        row["gain"] = experiment.interval(results.gains(arm, share, on))
    return row


def _curve(experiment: Experiment) -> list[dict[str, Any]]:
    """Real + classical with each share of generated images; 0 is the arm without any."""
    rows = []
    for share in (0.0, *shares_of(experiment.options)):
        row = _row(experiment, BOTH if share else CLASSICAL, share)
        del row["label"], row["about"]
        rows.append({**row, "share": share})
    return rows


def _minority(experiment: Experiment) -> dict[str, Any] | None:
    """The recall of small classes with its gain; None where no class is small."""
    counts, results, on = experiment.given.counts, experiment.results, experiment.on
    small = np.flatnonzero(counts < MINORITY * counts.max()).tolist()
    if not small:
        return None
    recall, share = partial(ClassCounts.recall, classes=small), experiment.verdict.share
    gains = results.gains(BOTH, share, on, metric=recall)
    return {
        "classes": [experiment.given.classes[label] for label in small],
        CLASSICAL: float(np.nanmean(results.values(CLASSICAL, 0.0, on, recall))),
        BOTH: float(np.nanmean(results.values(BOTH, share, on, recall))),
        "gain": None if np.isnan(gains).any() else experiment.interval(gains),
    }


def protocol(experiment: Experiment) -> str:
    """Returns how the figures were taken, for a person."""
    options, judged = experiment.options, f"{experiment.judged:,} images"
    if experiment.on == "fold":
        where = f"judged on its own fold, {judged} in all folds"
        chosen = "its share is the one that did best on the other folds"
    else:
        where = (
            f"judged on the {judged} of the test split, which were opened after the"
            " generators were trained and filtered"
        )
        chosen = "the share was chosen on the folds"
    if options.share is not None:
        chosen = f"the share {options.share:g} was asked for"
    pool = experiment.pool
    return (
        f"{experiment.verdict.gain.draws} folds of {len(experiment.given):,} given labels"
        f"{'' if pool is None else f' and {pool:,} images without labels'}; for each a generator"
        f" of its own ({options.images:,} images seen), trained and filtered on the other folds,"
        f" and {options.seeds} classifiers of every arm, {options.steps} steps of equal size each,"
        f" {where}; {chosen}. Differences are paired: same images, same initial weights, same order"
        " of classes. Intervals are of Student's t over the draws, widened for what the folds share"
        " (Nadeau and Bengio 2003)."
        + (" Every arm draws all classes equally often." if options.balance else "")
    )


def _notes(experiment: Experiment) -> list[str]:
    notes, generated, pool = [], experiment.generated, experiment.pool
    found = zip(generated["classes"].items(), experiment.counts, strict=True)
    missing = [
        f"{name} ({counts['kept']:,} of {wanted:,})"
        for (name, counts), wanted in found
        if counts["kept"] < wanted
    ]
    if missing:
        notes.append(
            f"Too few images passed the filter: {', '.join(missing)}. Train longer with --images,"
            " or widen --band."
        )
    notes += [
        f"Draw {draw}: no image passed the filter of {', '.join(names)}, so there real"
        " ones stand in the place of generated ones in every arm."
        for draw, names in enumerate(experiment.lacking, 1)
        if names
    ]
    fewest = int(experiment.given.counts.min())
    if fewest < experiment.verdict.gain.draws:
        notes.append(f"A class has {fewest} images: it is judged in as many folds only.")
    if pool is not None and generated["pool_used"] < pool:
        notes.append(
            f"{generated['pool_used']:,} of {pool:,} images of the pool have a class that the"
            " semi-supervised discriminator is sure of (0.95), and are used."
        )
    return [*notes, *_simpler(experiment)]


def _simpler(experiment: Experiment) -> list[str]:
    """Says which of the rows that need no generated image do at least as well with the pool."""
    results, share, on = experiment.results, experiment.verdict.share, experiment.on
    ours = np.mean(results.values(BOTH, share, on))
    others = {
        "real + classical + the pool itself": (POOL, share),
        "the pool's discriminator (elegan train --preset classify)": (SEMI, 0.0),
    }
    scores = {
        name: np.mean(results.values(arm, at, on))
        for name, (arm, at) in others.items()
        if results.has(arm, at)
    }
    return [
        f"Simpler and no worse: {name} has {100 * score:.1f} %, with generated images it is"
        f" {100 * ours:.1f} %."
        for name, score in scores.items()
        if score >= ours
    ]


def render(report: Mapping[str, Any], given: LabelledSet, made: FilteredImages) -> str:
    """Returns the page of report.json, with some given and delivered images; it loads nothing."""
    counts, metric = report["data"]["classes"], f"{report['metric']['words']}, %"
    sides = (("given", given.images, given.labels), ("generated", made.images, made.labels))
    arms, curve = report["arms"], report["curve"]
    base = next((arm["score"]["mean"] for arm in arms if arm["arm"] == CLASSICAL), None)
    means = tuple(100 * row["score"]["mean"] for row in curve)
    shares = tuple(row["share"] for row in curve)
    return fill(
        "augmentation.html",
        report=report,
        title=f"Generated images for {report['data']['name']}",
        lead=f"{sum(counts.values()):,} given labels in {len(counts)} classes",
        metric=metric,
        arms_chart=interval_chart([(arm["label"], arm["score"]) for arm in arms], base=base),
        share_chart=line_chart(
            [Series(label="real + classical + generated", x=shares, y=means)],
            title="Effect of the share",
            x_label="share of generated images",
            y_label=metric,
            floor=means[0],
        ),
        between=between,
        without=CLASSICAL,
        generated=BOTH,
        strips={
            name: {what: _strip(images[labels == label]) for what, images, labels in sides}
            for label, name in enumerate(given.classes[:MAX_CLASSES])
        },
    )


def _strip(images: np.ndarray) -> str:
    """Returns the first of some images side by side, as a URI; "" where there are none."""
    if not len(images):
        return ""
    scale = max(1, 40 // images.shape[1])
    return embedded(to_pillow(grid(images[:MAX_COLUMNS], MAX_COLUMNS, scale=scale))).uri


def between(found: Mapping[str, Any], sign: str = "") -> str:
    """Returns the interval of a score, or with sign "+" of a gain, within what either can be."""
    if found["low"] is None:
        return ""
    least = -100 if sign else 0
    low, high = (min(100, max(least, 100 * found[side])) for side in ("low", "high"))
    return f"{low:{sign}.1f} to {high:{sign}.1f}"
