"""Preset robust with its players moving at once or in turn, relativistic or hinge: equal time.

    python benchmarks/updates.py

In turn the generator meets the discriminator that has just moved, and a step takes longer. How much
longer is measured first, the ways taking turns; each way then sees so many images that all take the
same time. Three seeds each, judged against all of MNIST.
"""

import math
import statistics

from figures import publish, table
from runs import parser, short, train, trained_with

from elegan.applications import TASKS
from elegan.common.distributed import World
from elegan.common.precision import choose
from elegan.settings import preset_settings
from elegan.training.pace import measure_speed
from elegan.training.run import prepare

IMAGES, ROUNDS, SEEDS = 60_000, 3, (0, 1, 2)
WAYS = {
    "simultaneous, relativistic pairs": (True, "relativistic-pair"),
    "alternating, relativistic pairs": (False, "relativistic-pair"),
    "alternating, hinge": (False, "hinge"),
}
"""What a row is called -> whether the players move at once, and their loss."""
SCORES = ("FD-digits", "precision", "recall", "coverage")


def speeds() -> dict[str, float]:
    """Returns images a second of each way: medians of rounds in which they take turns."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way, (at_once, loss) in WAYS.items():
            values = {"simultaneous": at_once, "loss": {"adversarial": loss}}
            settings = preset_settings("robust", "mnist", values)
            data, precision = TASKS[settings.task].open_data(settings), choose()
            batches, make_task = prepare(TASKS[settings.task], settings, data, precision, World())
            found[way].append(measure_speed(settings, batches, make_task, precision, minutes=2.0))
    return {way: statistics.median(values) for way, values in found.items()}


def interval(values: list[float]) -> str:
    """Returns the mean and its deviation over seeds."""
    return f"{statistics.mean(values):.3g} ± {statistics.stdev(values):.2g}"


def main() -> None:
    """Runs what the command line asks for."""
    words = parser(__doc__, images=IMAGES)
    words.add_argument("--slower", type=float, nargs=2, help="take these ratios; measure nothing")
    options = words.parse_args()
    if options.slower:
        ratios = dict(zip(WAYS, (1.0, *options.slower), strict=True))
    else:
        rates = speeds()
        fastest = max(rates.values())
        ratios = {way: fastest / rate for way, rate in rates.items()}
    rows, trained = [], []
    for way, ratio in ratios.items():
        images = math.ceil(options.images / ratio / 1_000) * 1_000
        name = "updates-" + way.replace(", ", "-").replace(" ", "-")
        simultaneous, loss = WAYS[way]
        flags = (
            "--simultaneous" if simultaneous else "--no-simultaneous",
            "--loss.adversarial",
            loss,
        )
        runs = [
            train(
                options.runs,
                f"{name}-{seed}",
                "mnist",
                images,
                ("--preset", "robust", *flags, "--seed", str(seed), "--snapshots", "1"),
            )
            for seed in SEEDS
        ]
        scores = [run.scores for run in runs]
        trained += runs
        rows.append({"way": way, "ratio": ratio, "images": images, "scores": scores})
    lines = [
        [row["way"], short(row["ratio"]), f"{row['images']:,}"]
        + [interval([one[name] for one in row["scores"]]) for name in SCORES]
        + [
            f"{min(one['least_class'] for one in row['scores']):.1%} to "
            f"{max(one['greatest_class'] for one in row['scores']):.1%}"
        ]
        for row in rows
    ]
    head = ["players, loss", "time a step", "images", *SCORES, "class shares"]
    text = (
        f"{table(head, lines)}\n\nPreset robust on MNIST, seeds {', '.join(map(str, SEEDS))}: mean"
        " and deviation; images such that all take the same time. 10,000 samples against 60,000"
        f" training images. {trained_with(trained)}"
    )
    publish("updates", text, {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
