"""From given labels, and the pool where there is one, to filtered generated images."""

import contextlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from elegan.applications.synthetic.classifier import Recipe, probabilities, train_classifier
from elegan.applications.synthetic.filtering import FilteredImages, draw_filtered
from elegan.applications.synthetic.labelled_set import LabelledSet, write_arrays
from elegan.applications.synthetic.mixing import MixedSampler
from elegan.applications.synthetic.protocol import Probabilities
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
FILTERING = 2  # classifiers whose mean probability filters, where there is no pool
_SIGNAL_FROM = 100  # given images from which the unseen among them can steer augmentation
_SHARED = ("network", "batch", "precision", "device", "ticks", "snapshots", "size")

Say = Callable[[str], None]
Train = Callable[[TrainSettings], Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Generation:
    """What was made of some given labels."""

    made: FilteredImages  # generated images that passed the filter
    # Images of the pool with the classes that they were taken for; None without a pool
    pool: LabelledSet | None
    # Class probabilities by the discriminator that learned from given labels and the pool; None
    # without a pool
    semi_supervised: Probabilities | None
    facts: dict[str, Any]  # JSON values for the report


def generate_for(
    given: LabelledSet,
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
        pool: uint8 [M, R, R, C] without labels, or None.
        folder: for the runs and `made.npz`.
        train: settings -> a finished run, with its `model`.

    Raises:
        InterruptedRun: after the run was saved; the next call goes on with it.
    """
    images, labels = [given.images], [given.labels]
    named, semi_supervised = None, None
    if pool is not None:
        say("  classes of the pool ...")
        unknown = len(given.classes)  # the last class holds the images of unknown class
        known = [given.labels, np.full(len(pool), unknown)]
        data = write_arrays(folder / "pool.npz", [given.images, pool], known)
        shared = {name: value for name, value in options.gan.items() if name in _SHARED}
        values = {"out": str(folder / "classifier"), "unlabelled": str(unknown)}
        learned = _trained(train, "classify", data, options, values, shared).model
        semi_supervised = partial(class_probabilities, learned)
        found = semi_supervised(pool)
        rows = np.flatnonzero(found.max(axis=1) >= CONFIDENT)
        own = found.argmax(axis=1)[rows].astype(np.int64)
        named = LabelledSet(name="pool", images=pool[rows], labels=own, classes=given.classes)
        images.append(named.images)
        labels.append(named.labels)
    data = write_arrays(folder / "generator.npz", images, labels)
    signal = "held-out" if len(given) >= _SIGNAL_FROM else "scores"
    values = {
        "out": str(folder / "generator"),
        "conditional": True,
        "size": SIZE,
        "balance": options.balance,
        "augment": {"kinds": options.kinds, "mode": "adaptive", "signal": signal},
    }
    run = _trained(train, "robust", data, options, values, options.gan)
    facts_path, arrays_path = folder / "made.json", folder / "made.npz"
    if not facts_path.exists():
        made = draw_filtered(
            run.model,
            given,
            semi_supervised or _ensemble(given, options),
            counts,
            band=options.band,
            reject=options.reject,
            seed=options.seed,
        )
        with written_whole(arrays_path) as temporary, temporary.open("xb") as file:
            np.savez(file, **vars(made))
        facts = {
            "given": len(given),
            "pool": 0 if pool is None else len(pool),
            "pool_used": 0 if named is None else len(named),
            "images_seen": run.model.config["training"]["images"],
            "model_sha256": run.model.config["sha256"],
            "copy_rate": made.copy_rate,
            "classes": made.to_dict(given.classes),
        }
        write_durably(facts_path, json.dumps(facts, indent=1) + "\n")
    facts = json.loads(facts_path.read_text(encoding="utf-8"))
    with np.load(arrays_path) as stored:
        made = FilteredImages(**stored)
    kept, drawn = len(made.labels), int(made.drawn.sum())
    say(f"  {kept:,} of {sum(counts):,} wanted images passed the filter, {drawn:,} were drawn")
    return Generation(made=made, pool=named, semi_supervised=semi_supervised, facts=facts)


def _trained(
    train: Train,
    preset: str,
    data: str,
    options: Augment,
    values: dict[str, Any],
    gan: Mapping[str, Any],
) -> Any:
    """Trains with nothing on the screen; all of it stands in the run's log.txt.

    There are several runs, and their remedies name flags that the verb does not have.
    """
    values = {**values, "images": options.images, "seed": options.seed, "ticks": 10, "snapshots": 2}
    with contextlib.redirect_stderr(io.StringIO()):
        return train(override(preset_settings(preset, data, values), gan))


def _ensemble(given: LabelledSet, options: Augment) -> Probabilities:
    """Returns the mean probabilities of classifiers that were trained on the given labels."""
    images, labels, classes = given.images, given.labels, len(given.classes)
    recipe, networks = Recipe(steps=options.steps, flip=options.flip), []
    for index in range(FILTERING):
        own = key(options.seed, "filter", index)
        sampler = MixedSampler(labels, share=0.0, seed=own, balance=True)
        networks.append(
            train_classifier(
                images, labels, sampler, classes, recipe=recipe, classical=True, seed=own
            )
        )
    return lambda images: np.mean([probabilities(network, images) for network in networks], axis=0)
