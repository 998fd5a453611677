"""The verb that makes training data, and says whether it is worth using."""

from pathlib import Path
from typing import Literal

import elegan
from elegan.settings import parse_count
from elegan.verbs.answer import Answer


def augment(
    data: str,
    *,
    per_class: int | None = None,
    out: str = "augmented",
    limit: int | None = None,
    unlabelled: str | None = None,
    balance: bool = False,
    share: float | None = None,
    images: str = "20k",
    draws: int = 5,
    seeds: int = 3,
    steps: int = 200,
    seed: int = 0,
    resolution: int | None = None,
    fit: Literal["crop", "pad", "stretch"] = "crop",
    kinds: str = "digits",
    flip: bool = False,
    band: tuple[float, float] = (0.5, 1.0),
    reject: float = 0.1,
) -> Answer:
    """Make more training images of each class, and say whether they help a classifier.

    Args:
        data: a folder with one subfolder a class, or any labelled data.
        per_class: images to make of each class; with --balance the size to fill classes up to.
        out: a folder for images/, report.html and report.json; the same command goes on in it.
        limit: use so many given images of each class only.
        unlabelled: more images of the same kind without labels: the pool.
        balance: fill up small classes, by default to the size of the largest.
        share: of generated images in training; by default chosen on folds of the given labels.
        images: real images that each generator is trained on, counted each time (also as 20k).
        draws: folds; each has a generator of its own.
        seeds: classifiers for each arm of each draw.
        steps: of each classifier.
        seed: of every draw.
        resolution: side of the images in pixels; by default that of the data.
        fit: how images that are not square become so.
        kinds: what the discriminator's images undergo; photos for photographs.
        flip: a mirrored image is of the same class.
        band: what a classifier's probability of the class asked for must lie within.
        reject: share of each class that the discriminator likes least, dropped.
    """
    found = elegan.augment_data(
        data,
        per_class=per_class,
        out=Path(out),
        limit=limit,
        unlabelled=unlabelled,
        balance=balance,
        share=share,
        images=parse_count(images),
        draws=draws,
        seeds=seeds,
        steps=steps,
        seed=seed,
        resolution=resolution,
        fit=fit,
        kinds=kinds,
        flip=flip,
        band=band,
        reject=reject,
    )
    return Answer(found.text(), {"out": str(found.path), **found.report})
