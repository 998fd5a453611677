"""Few images in colour: 137 drawings of animals, begun from nothing and from the shipped icons.

    python benchmarks/few_colour.py FOLDER

Recall says how much of the variety of the real images is drawn; copies are samples that are nearer
to a training image than 99 % of real images are to each other.
"""

from typing import Any

from figures import publish, table
from runs import Trained, parser, picture, short, train, trained_with

IMAGES = 60_000  # in ten to fifteen minutes of a core
ARMS = {"from nothing": "nothing", "from icons": "icons"}
"""What a row is called -> what `--from` names."""
SIDE = ("--resolution", "64")
SHOWN = ("recall", "precision", "coverage", "FD-random", "near_copies_pixels")


def describe(runs: dict[str, Trained]) -> str:
    """Returns the table."""
    first = next(iter(runs.values()))
    rows = [[name, *_cells(run.scores)] for name, run in runs.items()]
    rows.append(["one half of the real images against the other", *_cells(first.scores["floor"])])
    head = ["begun", "recall", "precision", "coverage", "FD-random", "copies in pixels"]
    minutes = " and ".join(f"{run.seconds / 60:.0f}" for run in runs.values())
    count = first.scores["counts"]["reference"]
    return (
        f"{table(head, rows)}\n\nPreset robust, 64 pixels, {first.images:,} images seen of the same"
        f" {count} in {minutes} minutes, seed 0; as many samples."
        f" {trained_with(list(runs.values()))}"
    )


def _cells(scores: dict[str, Any]) -> list[str]:
    return [short(scores[name], ".1%" if "copies" in name else ".3g") for name in SHOWN]


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=IMAGES)
    flags.add_argument("data", help="a folder or an archive of pictures in colour")
    options = flags.parse_args()
    runs = {
        name: train(
            options.runs, f"few-{base}", options.data, options.images, (*SIDE, "--from", base)
        )
        for name, base in ARMS.items()
    }
    for base, run in zip(ARMS.values(), runs.values(), strict=True):
        picture(run.path, options.out / f"few-{base}.png", ["-n", "48"])
    rows = {name: {key: run.scores[key] for key in SHOWN} for name, run in runs.items()}
    publish("few-colour", describe(runs), {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
