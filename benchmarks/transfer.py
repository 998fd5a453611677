"""Transfer: 1,000 pictures of clothes, from scratch and from a generator of digits.

    python benchmarks/transfer.py

The base is the preset robust on full MNIST. From it, runs on 100 images a class of Fashion-MNIST
begin with its weights, with the lower stages of the discriminator frozen or not (Mo et al. 2020),
beside one from scratch, at equal images. Distances are taken to all 60,000 training images.
"""

from typing import Any

from figures import publish, table
from runs import Trained, parser, picture, short, train, trained_with

IMAGES, BASE = 100_000, 200_000
LIMIT = 100  # a class
ARMS = {
    "from scratch": ("transfer-scratch", None),
    "from digits, nothing frozen": ("transfer-free", ""),
    "from digits, D:1 frozen": ("transfer-D1", "D:1"),
    "from digits, G:1 frozen": ("transfer-G1", "G:1"),
    "from digits, D:1 and G:1 frozen": ("transfer-D1-G1", "D:1,G:1"),
}
"""What a row is called -> the name of its folder and what is frozen; None begins from scratch."""
SCORES = ("FD-fashion", "precision", "coverage")
COPIED = ("near_copies_pixels", "near_copies_features")


def run_arms(options: Any) -> tuple[Trained, list[Trained]]:
    """Trains the base and every arm."""
    base = train(options.runs, "digits-robust", "mnist", options.base)
    trained = []
    for name, frozen in ARMS.values():
        words = ["--limit", str(LIMIT)]
        if frozen is not None:
            words += ["--from", str(base.path)]
        if frozen:
            words += ["--freeze", frozen]
        trained.append(train(options.runs, name, "fashion-mnist", options.images, words))
    return base, trained


def describe(rows: list[dict[str, Any]], runs: tuple[Trained, list[Trained]], samples: int) -> str:
    """Returns the table and what it was taken with."""
    base, trained = runs
    lines = [
        [
            row["label"],
            *(short(row["scores"][name]) for name in SCORES),
            *(short(row["copies"][name], ".1%") for name in COPIED),
            f"{row['seconds']:.0f}",
        ]
        for row in rows
    ]
    floor = rows[0]["scores"]["floor"]
    lines.append(["10,000 real test images", *(short(floor[name]) for name in SCORES)])
    own = rows[0]["copies"]["floor"]
    lines[-1] += [*(short(own[name], ".1%") for name in COPIED), ""]
    head = ["begun", *SCORES, "copies in pixels", "copies in features", "seconds"]
    return (
        f"{table(head, lines)}\n\nPreset robust, {trained[0].images:,} images seen of the same"
        f" 1,000, seed 0; the base saw {base.images:,} digits. {samples:,} samples against 60,000"
        " images; copies are nearer to one of the 1,000 than 99 % of real test images are."
        f" {trained_with([base, *trained])}"
    )


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__, images=IMAGES)
    flags.add_argument("--base", type=int, default=BASE, help="images that the base sees")
    options = flags.parse_args()
    runs = run_arms(options)
    rows = [
        {
            "label": label,
            "seconds": run.seconds,
            "scores": run.scored("fashion-mnist", options.samples),
            "copies": run.scores,
            "trained": run.facts,
        }
        for label, run in zip(ARMS, runs[1], strict=True)
    ]
    for name, row in (("transfer-scratch", 0), ("transfer-digits", 1)):
        picture(runs[1][row].path, options.out / f"{name}.png", ["-n", "64"])
    publish("transfer", describe(rows, runs, options.samples), {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
