"""Stacked digits: how many of 1,000 modes a generator reaches, and how evenly, by loss.

    python benchmarks/stacked_digits.py --today

Three MNIST digits as red, green and blue make 1,000 equally frequent modes (Metz et al. 2017).
25,600 samples, as in the literature, are named by the shipped digits network, one colour at a time;
the reverse Kullback-Leibler divergence is sum p log(p / q) of the shares of generated and of real
images. The floor is what as many real triples of test digits score.
"""

from dataclasses import dataclass
from typing import Any

from figures import publish, table
from runs import Trained, parser, picture, short, train, trained_with

SAMPLES = 25_600
LONG, PRESET, EQUAL = 1_200_000, 900_000, 300_000
SCORES = ("modes", "reverse_kl", "FD-stacked-digits")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run: the name of its folder, what the table calls it, its flags."""

    name: str
    label: str
    flags: tuple[str, ...] = ()


OWN = Row(
    name="stacked-relativistic-pair",
    label="relativistic pairs, R1 + R2",
    flags=(
        *("--loss.adversarial", "relativistic-pair", "--simultaneous"),
        *("--network.clusters", "0", "--loss.r1", "1", "--loss.r2", "1"),
    ),
)
TODAY = Row(
    name="stacked-robust",
    label="hinge in turn, clusters: preset robust",
    flags=("--snapshots", "1"),
)
HINGE = Row(
    name="stacked-hinge",
    label="hinge",
    flags=("--network.clusters", "0", "--loss.r1", "1", "--loss.r2", "1"),
)
WASSERSTEIN = Row(
    name="stacked-wasserstein-gp",
    label="Wasserstein, gradient penalty 10",
    flags=(
        *("--simultaneous", "--loss.adversarial", "wasserstein"),
        *("--loss.r1", "0", "--loss.r2", "0", "--network.clusters", "0"),
        *("--loss.wasserstein-gp", "10", "--loss.penalty-every", "1"),
    ),
)


def score(row: Row, trained: Trained, samples: int) -> dict[str, Any]:
    """Returns what the table and the figure's file say of a run."""
    scores = trained.scored("stacked-mnist", samples)
    return {
        "label": row.label,
        "images": trained.images,
        "seconds": trained.seconds,
        **{name: scores[name] for name in SCORES},
        "floor": {name: scores["floor"][name] for name in SCORES},
        "floor_count": scores["counts"]["floor"],
        "trained": trained.facts,
    }


def describe(rows: list[dict[str, Any]], trained: list[Trained], samples: int) -> str:
    """Returns the table and what it was taken with."""
    lines = [
        [row["label"], f"{row['images']:,}", f"{row['seconds'] / 60:.0f}", f"{row['modes']:,}"]
        + [short(row[name]) for name in SCORES[1:]]
        for row in rows
    ]
    floor, count = rows[0]["floor"], rows[0]["floor_count"]
    lines.append([f"{count:,} triples of real test digits", "", "", f"{floor['modes']:,}"])
    lines[-1] += [short(floor[name]) for name in SCORES[1:]]
    head = ["loss", "images", "minutes", "modes of 1,000", "reverse KL", "FD-stacked-digits"]
    return (
        f"{table(head, lines)}\n\nPreset robust but for the loss, 28x28 in colour, seed 0;"
        f" {samples:,} samples each. Minutes are of training alone. {trained_with(trained)}"
    )


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=EQUAL)
    flags.add_argument("--long", type=int, default=LONG, help="images that the long run sees")
    flags.add_argument("--preset", type=int, default=PRESET, help="images that the preset sees")
    flags.add_argument("--today", action="store_true", help="the preset as it is today, no other")
    flags.set_defaults(samples=SAMPLES)
    options = flags.parse_args()
    plan = [(TODAY, options.preset)]
    if not options.today:
        plan.append((OWN, options.long))
        plan += [(row, options.images) for row in (OWN, HINGE, WASSERSTEIN)]
    trained = [
        train(options.runs, row.name, "stacked-mnist", images, row.flags) for row, images in plan
    ]
    rows = [score(row, run, options.samples) for (row, _), run in zip(plan, trained, strict=True)]
    name = "stacked-digits-today" if options.today else "stacked-digits"
    picture(trained[0].path, options.out / f"{name}.png", ["-n", "100"])
    text = describe(rows, trained, options.samples)
    publish(name, text, {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
