"""What each recipe makes of the same arithmetic, on data of several kinds.

    python benchmarks/arena.py
    python benchmarks/arena.py --only cats --budget 60

A budget is so many TFLOP of convolutions and products, counted over whole steps of both players, so
that a result on one machine tells about another: `elegan bench` says how many of them a machine
does in a second. Every recipe trains with the same seeds; scores stand beside those of real data.
"""

import math
import os
import statistics
from dataclasses import dataclass, replace
from pathlib import Path

from figures import publish, table
from runs import parser, picture, short, train, trained_with

from elegan.data import open_data
from elegan.speed import operations


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What is trained on: a name or path, TFLOP a run, the side where images have no one size."""

    data: str
    budget: float
    side: int | None = None


_DATA = Path(os.environ.get("ELEGAN_DATA", "."))
GROUNDS = {
    "digits": Ground(data="mnist", budget=20),
    "clothes": Ground(data="fashion-mnist", budget=20),
    "cats": Ground(data=str(_DATA / "fewshot-cats100.zip"), budget=60, side=64),
}
RECIPES = {
    "robust": ("--preset", "robust"),
    "robust, told of nothing": (
        *("--preset", "robust", "--network.clusters", "0", "--augment.kinds", "none"),
        *("--loss.r1", "1", "--loss.r2", "1", "--loss.penalty-pixels", "4096"),
    ),
    "style": ("--preset", "style"),
    "dcgan": ("--preset", "dcgan"),
}
SCORES = ("precision", "recall", "coverage")


def count(preset: str, ground: Ground) -> int:
    """Returns the images that a run may see, whole batches."""
    data = open_data(ground.data, resolution=ground.side)
    each, batch = operations(preset, data.resolution, data.channels)
    return math.ceil(ground.budget * 1e12 / each / batch) * batch


def spread(values: list[float]) -> str:
    """Returns the mean and, of several, their deviation."""
    mean = short(statistics.mean(values))
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.2g}"


def main() -> None:
    """Runs what the command line asks for."""
    words = parser(__doc__)
    words.add_argument("--only", nargs="*", choices=GROUNDS, default=list(GROUNDS))
    words.add_argument("--recipes", nargs="*", choices=RECIPES, default=list(RECIPES))
    words.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    words.add_argument("--name", help="of the figure; by default arena- and the ground")
    words.add_argument("--budget", type=float, help="TFLOP a run, in place of each ground's own")
    options = words.parse_args()
    for name in options.only:
        ground = GROUNDS[name]
        if options.budget:
            ground = replace(ground, budget=options.budget)
        side = () if ground.side is None else ("--resolution", str(ground.side))
        rows, lines, trained = [], [], []
        for recipe in options.recipes:
            flags, images = RECIPES[recipe], count(RECIPES[recipe][1], ground)
            folder = f"arena-{name}-{recipe.replace(', ', '-').replace(' ', '-')}"
            runs = [
                train(
                    options.runs,
                    f"{folder}-{seed}",
                    ground.data,
                    images,
                    (*side, *flags, "--seed", str(seed), "--snapshots", "1"),
                )
                for seed in options.seeds
            ]
            trained += runs
            picture(runs[0].path, options.out / f"{folder}.png", ("-n", "64"))
            scores = [run.scores for run in runs]
            distance = next(key for key in scores[0] if key.startswith("FD-"))
            rows.append({"recipe": recipe, "images": images, "scores": scores})
            seconds = statistics.mean(run.seconds for run in runs)
            copies = [score.get("near_copies_features", math.nan) for score in scores]
            lines.append(
                [recipe, f"{images:,}", f"{seconds / 60:.1f}"]
                + [spread([score[key] for score in scores]) for key in (distance, *SCORES)]
                + [f"{statistics.mean(copies):.1%}"]
            )
        real = rows[0]["scores"][0]["floor"]
        lines.append(
            ["real data", "", "", *(short(real.get(key)) for key in (distance, *SCORES)), ""]
        )
        head = ["recipe", "images", "minutes", distance, *SCORES, "copies in features"]
        text = (
            f"{table(head, lines)}\n\n{ground.budget:g} TFLOP a run; seeds"
            f" {', '.join(map(str, options.seeds))}: mean and deviation. {trained_with(trained)}"
        )
        publish(options.name or f"arena-{name}", text, {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
