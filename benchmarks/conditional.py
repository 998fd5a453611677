"""Digits on request: is a sample of the class asked for, and does asking cost quality?

    python benchmarks/conditional.py
    python benchmarks/conditional.py --all    # and the other ways to tell the networks the class

The preset robust with and without `--conditional`, at equal images of full MNIST. 10,000 samples of
each, a conditional model's classes in turn, are named by the shipped digits network and compared
with the 60,000 training images; the floor is what the 10,000 test images score.
"""

from typing import Any

from figures import publish, table
from runs import Trained, parser, picture, short, train, trained_with

IMAGES = 200_000
WAYS = {
    "joined to the noise; projection": ("digits-conditional", ()),
    "joined to the noise; classifier": (
        "digits-conditional-classifier",
        ("--network.discriminator-condition", "classifier"),
    ),
    "class normalisation; projection": (
        "digits-conditional-normalisation",
        ("--network.generator-condition", "normalisation"),
    ),
    "joined to the noise; input map": (
        "digits-conditional-concat",
        ("--network.discriminator-condition", "concat"),
    ),
}
"""How the generator and the discriminator are told the class -> folder and flags."""


def describe(rows: list[dict[str, Any]], trained: list[Trained], samples: int) -> str:
    """Returns the table of the runs and what it was taken with."""
    head = ["generator; discriminator", "seconds", "as asked", "FD-digits", "coverage", "hard"]
    lines = [
        [
            row["label"],
            f"{row['seconds']:.0f}",
            short(row["scores"].get("as_asked"), ".2%"),
            *(short(row["scores"][name]) for name in ("FD-digits", "coverage")),
            ", ".join(row["scores"]["hard_classes"]) or "none",
        ]
        for row in rows
    ]
    floor = rows[1]["scores"]["floor"]
    lines.append(["real test images", "", short(floor["as_asked"], ".2%")])
    lines[-1] += [*(short(floor[name]) for name in ("FD-digits", "coverage")), ""]
    return f"{table(head, lines)}\n\n{_protocol(trained, samples)}"


def describe_classes(row: dict[str, Any], trained: list[Trained], samples: int) -> str:
    """Returns the table of a run's classes, which of them are hard and why."""
    lines = [
        [
            name,
            short(one["accuracy"], ".2%"),
            short(one["accuracy_real"], ".2%"),
            one["taken_for"] or "",
            short(one["coverage"]),
            short(one["coverage_real"]),
            short(one["fooling_rate"], ".0%"),
        ]
        for name, one in row["scores"]["per_class"].items()
    ]
    head = ["class", "as asked", "real images", "else taken for", "coverage", "real images"]
    hard = "; ".join(f"{name}: {why}" for name, why in row["scores"]["hard_classes"].items())
    return (
        f"{table([*head, 'fooling rate'], lines)}\n\nClearly harder than the rest:"
        f" {hard or 'none'}. {row['label'].capitalize()}. {_protocol(trained[1:2], samples)}"
    )


def _protocol(trained: list[Trained], samples: int) -> str:
    return (
        f"Preset robust, full MNIST, {trained[0].images:,} images each, seed 0; {samples:,} samples"
        f" against 60,000 images. {trained_with(trained)}"
    )


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=IMAGES)
    flags.add_argument("--all", action="store_true", help="every way to tell the class")
    options = flags.parse_args()
    plan: dict[str, tuple[str, tuple[str, ...]]] = {"unconditional": ("digits-robust", ())}
    for label, (name, words) in list(WAYS.items())[: None if options.all else 2]:
        plan[label] = (name, ("--conditional", *words))
    rows, trained = [], []
    for label, (name, words) in plan.items():
        run = train(options.runs, name, "mnist", options.images, words)
        scores = run.scored("mnist", options.samples)
        rows.append(
            {"label": label, "seconds": run.seconds, "scores": scores, "trained": run.facts}
        )
        trained.append(run)
    picture(trained[1].path, options.out / "conditional.png", ["-n", "100"])
    text = describe(rows, trained, options.samples)
    publish("conditional", text, {"rows": rows}, options.out)
    text = describe_classes(rows[1], trained, options.samples)
    publish("hard-classes", text, rows[1], options.out)


if __name__ == "__main__":
    main()
