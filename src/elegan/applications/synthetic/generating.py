"""From given labels, and the pool where there is one, to filtered generated images."""

import contextlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from elegan.applications.synthetic.classifier import (
    MixedSampler,
    Recipe,
    probabilities,
    train_classifier,
)
from elegan.applications.synthetic.filtering import REASONS, Made, draw_filtered
from elegan.applications.synthetic.labelled_set import Given, write_arrays
from elegan.common.files import write_durably, written_whole
from elegan.common.randomness import key
from elegan.models.classification import class_probabilities
from elegan.options import Augment
from elegan.settings import TrainSettings, override, preset_settings

CONFIDENT = 0.95
"""An image of the pool whose class the semi-supervised discriminator is so sure of is used."""
SIZE = 0.5
"""Capacity of a generator that has few images to learn from: half the preset's widths, for half the
time."""
FILTERING = 2
"""Classifiers whose mean probability filters, where there is no pool."""
_SIGNAL_FROM = 100  # given images from which the unseen among them can steer augmentation
_SHARED = ("network", "batch", "precision", "device", "ticks", "snapshots", "size")

Say = Callable[[str], None]
Train = Callable[[TrainSettings], Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Generation:
    """What was made of some given labels.

    Attributes:
        made: generated images that passed the filter.
        pool: images of the pool with the classes that they were taken for; None without a pool.
        semi_supervised: class probabilities by the discriminator that learned from given labels and
            the pool, as a function of images; None without a pool.
        facts: JSON values for the report.
    """

    made: Made
    pool: Given | None
    semi_supervised: Callable[[np.ndarray], np.ndarray] | None
    facts: dict[str, Any]


def generate_for(
    given: Given,
    pool: np.ndarray | None,
    counts: Sequence[int],
    folder: Path,
    options: Augment,
    train: Train,
    say: Say,
) -> Generation:
    """Trains a conditional generator on what is given, draws and filters; resumes what was begun.

    With a pool, a discriminator first learns classes from both (task `classify`); its confident
    classes make the pool, or that part of it, images with labels for the generator.

    Args:
        given: all the labels that may be used here.
        pool: uint8 [M, R, R, C] without labels, or None.
        counts: images wanted of each class.
        folder: for the runs and `made.npz`.
        train: settings -> a finished run, with its `model`.

    Raises:
        InterruptedRun: after the run was saved; the next call goes on with it.
    """
    images, labels = [given.images], [given.labels]
    named, semi_supervised = None, None
    if pool is not None:
        say("  classes of the pool ...")
        learned = _trained(train, _classify_settings(given, pool, folder, options)).model
        semi_supervised = partial(class_probabilities, learned)
        named = _named_pool(given, pool, semi_supervised)
        images.append(named.images)
        labels.append(named.labels)
    data = write_arrays(folder / "generator.npz", images, labels)
    run = _trained(train, _generator_settings(data, len(given), folder, options))
    facts_path, arrays_path = folder / "made.json", folder / "made.npz"
    if not facts_path.exists():
        judge = semi_supervised or _ensemble(given, options)
        made = draw_filtered(
            run.model,
            given,
            judge,
            counts,
            band=options.band,
            reject=options.reject,
            seed=options.seed,
        )
        _keep(made, arrays_path)
        facts = {
            "given": len(given),
            "pool": 0 if pool is None else len(pool),
            "pool_used": 0 if named is None else len(named),
            "images_seen": run.model.config["training"]["images"],
            "model_sha256": run.model.config["sha256"],
            "copy_rate": made.copy_rate,
            "classes": made.facts(given.classes),
        }
        write_durably(facts_path, json.dumps(facts, indent=1) + "\n")
    facts = json.loads(facts_path.read_text(encoding="utf-8"))
    made = _kept(arrays_path)
    kept, drawn = len(made.labels), int(made.drawn.sum())
    say(f"  {kept:,} of {sum(counts):,} wanted images passed the filter, {drawn:,} were drawn")
    return Generation(made=made, pool=named, semi_supervised=semi_supervised, facts=facts)


def _trained(train: Train, settings: TrainSettings) -> Any:
    """Trains with nothing on the screen; all of it stands in the run's log.txt.

    There are several runs, and their remedies name flags that the verb does not have.
    """
    with contextlib.redirect_stderr(io.StringIO()):
        return train(settings)


def _generator_settings(data: str, given: int, folder: Path, options: Augment) -> TrainSettings:
    signal = "held-out" if given >= _SIGNAL_FROM else "scores"
    values = {
        "out": str(folder / "generator"),
        "conditional": True,
        "size": SIZE,
        "images": options.images,
        "seed": options.seed,
        "balance": options.balance,
        "ticks": 10,
        "snapshots": 2,
        "augment": {"kinds": options.kinds, "mode": "adaptive", "signal": signal},
    }
    return override(preset_settings("robust", data, values), options.gan)


def _classify_settings(
    given: Given, pool: np.ndarray, folder: Path, options: Augment
) -> TrainSettings:
    """Settings of the semi-supervised run: the last class holds the images of unknown class."""
    unknown = len(given.classes)
    labels = [given.labels, np.full(len(pool), unknown)]
    data = write_arrays(folder / "pool.npz", [given.images, pool], labels)
    values = {
        "out": str(folder / "classifier"),
        "images": options.images,
        "seed": options.seed,
        "unlabelled": str(unknown),
        "ticks": 10,
        "snapshots": 2,
    }
    shared = {name: value for name, value in options.gan.items() if name in _SHARED}
    return override(preset_settings("classify", data, values), shared)


def _named_pool(given: Given, pool: np.ndarray, judge: Callable[[np.ndarray], np.ndarray]) -> Given:
    """Returns the images of the pool whose class the judge is sure of, with that class."""
    found = judge(pool)
    rows = np.flatnonzero(found.max(axis=1) >= CONFIDENT)
    labels = found.argmax(axis=1)[rows].astype(np.int64)
    return Given(name="pool", images=pool[rows], labels=labels, classes=given.classes)


def _ensemble(given: Given, options: Augment) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the mean probabilities of classifiers that were trained on the given labels."""
    recipe = Recipe(steps=options.steps, flip=options.flip)
    networks = []
    for index in range(FILTERING):
        seed = key(options.seed, "filter", index)
        sampler = MixedSampler(given.labels, share=0.0, seed=seed, balance=True)
        networks.append(
            train_classifier(
                given.images,
                given.labels,
                sampler,
                len(given.classes),
                recipe=recipe,
                classical=True,
                seed=seed,
            )
        )
    return lambda images: np.mean([probabilities(one, images) for one in networks], axis=0)


def _keep(made: Made, path: Path) -> None:
    dropped = np.stack([made.dropped[reason] for reason in REASONS])
    with written_whole(path) as temporary, temporary.open("xb") as file:
        np.savez(file, images=made.images, labels=made.labels, drawn=made.drawn, dropped=dropped)


def _kept(path: Path) -> Made:
    with np.load(path) as stored:
        dropped: dict[str, np.ndarray] = dict(zip(REASONS, stored["dropped"], strict=True))
        return Made(
            images=stored["images"],
            labels=stored["labels"],
            drawn=stored["drawn"],
            dropped=dropped,
        )
