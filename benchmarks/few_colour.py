"""Few images in colour: 137 drawings of animals, begun from nothing and from the shipped icons.

    python benchmarks/few_colour.py FOLDER

Recall says how much of the variety of the real images is drawn; copies are samples that are nearer
to a training image than 99 % of real images are to each other.
"""

from typing import Any

from figures import publish, table
from runs import Trained, parser, picture, short, train, trained_with

import elegan

IMAGES = 60_000  # in ten to fifteen minutes of a core
ARMS = {"from nothing": ("nothing", ()), "from icons": ("icons", ("--from", "icons"))}
"""What a row is called -> the name of its folder and its flags."""
SIDE = ("--resolution", "64")
SHOWN = ("recall", "precision", "coverage", "FD-random", "near_copies_pixels")


def describe(runs: dict[str, Trained]) -> str:
    """Returns the table."""
    first = next(iter(runs.values()))
    rows = [[name, *_cells(run.scores)] for name, run in runs.items()]
    rows.append(["one half of the real images against the other", *_cells(first.scores["floor"])])
    head = ["begun", "recall", "precision", "coverage", "FD-random", "copies in pixels"]
    quick = {
        name: [
            (event["images"], next(iter(event["scores"].values())))
            for event in elegan.Run(run.path).events
            if event["event"] == "snapshot"
        ]
        for name, run in runs.items()
    }
    moments = ["images seen", *(f"{seen:,}" for seen, _ in quick[next(iter(quick))])]
    way = [[name, *(f"{value:.2f}" for _, value in found)] for name, found in quick.items()]
    minutes = " and ".join(f"{run.seconds / 60:.0f}" for run in runs.values())
    count = first.scores["counts"]["reference"]
    return (
        f"{table(head, rows)}\n\n{table(moments, way)}\n\nQuick FD-random on the way. Preset"
        f" robust, 64 pixels, {first.images:,} images seen of the same {count} in {minutes}"
        f" minutes, seed 0; as many samples. {trained_with(list(runs.values()))}"
    )


def _cells(scores: dict[str, Any]) -> list[str]:
    return [short(scores[name], ".1%" if "copies" in name else ".3g") for name in SHOWN]


def main() -> None:
    """Runs what the command line asks for."""
    asked = parser(__doc__, images=IMAGES)
    asked.add_argument("data", help="a folder or an archive of pictures in colour")
    options = asked.parse_args()
    runs = {
        row: train(options.runs, f"few-{name}", options.data, options.images, (*SIDE, *flags))
        for row, (name, flags) in ARMS.items()
    }
    for (name, _), run in zip(ARMS.values(), runs.values(), strict=True):
        picture(run.path, options.out / f"few-{name}.png", ["-n", "32"])
    rows = {name: {key: run.scores[key] for key in SHOWN} for name, run in runs.items()}
    publish("few-colour", describe(runs), {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
