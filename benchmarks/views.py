"""Views: what judging an image in several shifted views adds to a classifier of few labels.

    python benchmarks/views.py

The preset classify with ten labels and 600 images of each digit, judged in 1, 5 and 9 views: on
training images that the run never saw, by which a count of views is chosen, and on the test images,
which are reported and choose nothing.
"""

import time

import numpy as np
from figures import publish, table
from runs import parser, train, trained_with

import elegan
from elegan.data import ImageData, open_data
from elegan.models.classification import VIEWS, class_probabilities
from elegan.training import load_data

IMAGES = 40_000
UNSEEN = 5_000  # images of the training split
FLAGS = ("--preset", "classify", "--labelled", "10", "--limit", "600")


def unseen(run: elegan.Run, data: ImageData, count: int) -> np.ndarray:
    """Returns int64 [count], images of `data` that are not among the run's, in any copy."""
    kept = {image.tobytes() for image in load_data(run.settings).images}
    order = np.random.default_rng(0).permutation(len(data.images))
    found = [index for index in order if data.images[index].tobytes() not in kept]
    return np.sort(np.array(found[:count]))


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
    trained = train(options.runs, "views", "mnist", options.images, FLAGS)
    run = elegan.Run(trained.path)
    rest, test = open_data("mnist"), open_data("mnist", split="test")
    assert rest.labels is not None
    assert test.labels is not None
    chosen = unseen(run, rest, UNSEEN)
    chosen_by = judge(run, rest.images[chosen], rest.labels[chosen])
    reported = judge(run, np.asarray(test.images), test.labels)
    head = ["views", "unseen training images", "wrong", "test images", "wrong", "ms an image"]
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
        f"{table(head, lines)}\n\nPreset classify, 6,000 images of MNIST of which 100 have labels,"
        f" {trained.images:,} images seen, seed 0. Accuracy on {UNSEEN:,} images of the training"
        f" split that the run never saw, and on the {len(test.images):,} test images."
        f" {trained_with([trained])}"
    )
    facts = {"unseen": chosen_by, "test": reported, "trained": trained.facts}
    publish("views", text, facts, options.out)


if __name__ == "__main__":
    main()
