"""Few labels: the accuracy of a discriminator that learns classes from 10 labels each.

    python benchmarks/few_labels.py

MNIST's 60,000 training images, of which 10 a class have labels; which ones, and everything else,
follows from the seed. Accuracy is that on the 10,000 test images, once, at the end of training.
"""

import statistics
from typing import Any

from figures import last_json, publish, table
from runs import ELEGAN, Trained, parser, train, trained_with

IMAGES = 525_000
LABELS_EACH = 10
CLASSES = 10
SEEDS = (0, 1, 2)
FLAGS = ("--preset", "classify", "--labelled", str(LABELS_EACH))
ARMS = {
    "preset classify": ("few-labels", FLAGS),
    "without pseudo-labels": ("few-labels-plain", (*FLAGS, "--loss.pseudo-labels", "0")),
}
"""What a row is called -> the name of its folders and its flags."""


def measure(options: Any) -> tuple[list[dict[str, Any]], list[Trained]]:
    """Trains every arm with every seed and classifies the test images."""
    rows, trained = [], []
    arms = ARMS if options.all else dict([next(iter(ARMS.items()))])
    for label, (name, flags) in arms.items():
        accuracies = []
        for seed in options.seeds:
            words = (*flags, "--seed", str(seed))
            run = train(options.runs, f"{name}-seed-{seed}", "mnist", options.images, words)
            command = [*ELEGAN, "classify", str(run.path), "mnist", "--split", "test", "--json"]
            accuracies.append(last_json(command)["accuracy"])
            trained.append(run)
        own = trained[-len(options.seeds) :]
        rows.append(
            {
                "label": label,
                "accuracies": accuracies,
                "mean": statistics.mean(accuracies),
                "minutes": statistics.mean(run.seconds for run in own) / 60,
                "runs": [run.facts for run in own],
            }
        )
    return rows, trained


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=IMAGES)
    flags.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    flags.add_argument("--all", action="store_true", help="also without pseudo-labels")
    options = flags.parse_args()
    rows, trained = measure(options)
    head = ["trained", *(f"seed {seed}" for seed in options.seeds), "mean", "minutes each"]
    lines = [
        [
            row["label"],
            *(f"{one:.2%}" for one in row["accuracies"]),
            f"{row['mean']:.2%}",
            f"{row['minutes']:.0f}",
        ]
        for row in rows
    ]
    text = (
        f"{table(head, lines)}\n\nTest accuracy on MNIST's 10,000 test images with"
        f" {LABELS_EACH * CLASSES} labels; {trained[0].images:,} images seen each."
        " Published: 99.07 % (Salimans et al. 2016, mean of 10 choices of the"
        f" labels). {trained_with(trained)}"
    )
    publish("few-labels", text, {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
