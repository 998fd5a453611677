"""Views: what judging an image in several shifted views adds to a classifier of few labels.

    python benchmarks/views.py --images 40000

The first run of few_labels.py, judged in 1, 5 and 9 views: on training images whose labels it never
saw, by which a count of views is chosen, and on the test images, which are reported and choose
nothing.
"""

import time
from typing import Any

import numpy as np
from few_labels import ARMS
from figures import publish, table

import elegan
from elegan.data import open_data
from elegan.engine.distributed import World
from elegan.models.classification import VIEWS, class_probabilities
from elegan.training import load_data, prepare
from runs import parser, train, trained_with

IMAGES = 40_000
JUDGED = 20_000  # training images without labels


def unlabelled(run: elegan.Run, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns images and true labels of training images that the run had no labels of."""
    data, precision = load_data(run.settings), run.model.precision
    _, make_task = prepare(run.settings, data, precision, World())
    task: Any = make_task()
    rest = np.setdiff1d(np.arange(len(data.images)), task.labelled)
    chosen = np.sort(np.random.default_rng(0).choice(rest, count, replace=False))
    assert data.labels is not None
    return np.asarray(data.images[chosen]), data.labels[chosen]


def judge(run: elegan.Run, images: np.ndarray, labels: np.ndarray) -> list[dict[str, float]]:
    """Returns accuracy, errors and milliseconds an image for each count of views."""
    rows = []
    for views in VIEWS:
        began = time.perf_counter()
        found = class_probabilities(run.model, images, views=views).argmax(axis=1)
        seconds = time.perf_counter() - began
        wrong = int((found != labels).sum())
        accuracy = 1 - wrong / len(labels)
        milliseconds = 1000 * seconds / len(labels)
        rows.append(
            {"views": views, "accuracy": accuracy, "wrong": wrong, "milliseconds": milliseconds}
        )
    return rows


def main() -> None:
    """Runs what the command line asks for."""
    options = parser(__doc__, images=IMAGES).parse_args()
    name, flags = next(iter(ARMS.values()))
    words = (*flags, "--seed", "0")
    trained = train(options.runs, f"{name}-seed-0", "mnist", options.images, words)
    run = elegan.Run(trained.path)
    test = open_data("mnist", split="test")
    assert test.labels is not None
    chosen_by = judge(run, *unlabelled(run, JUDGED))
    reported = judge(run, np.asarray(test.images), test.labels)
    head = ["views", "unlabelled training images", "wrong", "test images", "wrong", "ms an image"]
    lines = [
        [
            str(own["views"]),
            f"{own['accuracy']:.2%}",
            str(own["wrong"]),
            f"{other['accuracy']:.2%}",
            str(other["wrong"]),
            f"{own['milliseconds']:.2f}",
        ]
        for own, other in zip(chosen_by, reported, strict=True)
    ]
    text = (
        f"{table(head, lines)}\n\nPreset classify with 100 labels, full MNIST, {trained.images:,}"
        f" images seen, seed 0. {JUDGED:,} training images whose labels the run never saw, and the"
        f" {len(test.images):,} test images. {trained_with([trained])}"
    )
    facts = {"unlabelled": chosen_by, "test": reported, "trained": trained.facts}
    publish("views", text, facts, options.out)


if __name__ == "__main__":
    main()
