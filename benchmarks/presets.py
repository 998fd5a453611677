"""The presets for generation side by side: the same digits, equal images, none tuned for them.

    python benchmarks/presets.py

Also the preset robust with the hinge loss and its players in turn, for of the relativistic pairs at
once two things differ from it. A sheet of each is drawn beside the table.
"""

from pathlib import Path

from figures import publish, table
from runs import parser, picture, short, train, trained_with

IMAGES = 20_000
ARMS = {
    "robust": ("--preset", "robust"),
    "robust, hinge in turn": (
        *("--preset", "robust"),
        *("--loss.adversarial", "hinge", "--no-simultaneous"),
    ),
    "dcgan": ("--preset", "dcgan"),
    "attention": ("--preset", "attention"),
    "style": ("--preset", "style"),
    "few-shot": ("--preset", "few-shot"),
}
"""What a row is called -> its flags."""
LEAN = ("--ticks", "8", "--snapshots", "1")  # the scores at the end are what is compared
SCORES = ("FD-digits", "precision", "recall", "coverage")


def main() -> None:
    """Runs what the command line asks for."""
    options = parser(__doc__, images=IMAGES).parse_args()
    rows, trained = [], []
    for label, flags in ARMS.items():
        name = label.replace(", ", "-").replace(" ", "-")
        run = train(options.runs, f"presets-{name}", "mnist", options.images, (*flags, *LEAN))
        scores = run.scored("mnist", options.samples)
        picture(run.path, _sheet(options.out, name), ("-n", "32", "--seed", "0"))
        trained.append(run)
        rows.append(
            {"label": label, "seconds": run.seconds, "scores": scores, "trained": run.facts}
        )
    lines = [
        [row["label"], f"{row['seconds'] / 60:.1f}", *(short(row["scores"][one]) for one in SCORES)]
        for row in rows
    ]
    floor = rows[0]["scores"]["floor"]
    lines.append(["real test images", "", *(short(floor[one]) for one in SCORES)])
    text = (
        f"{table(['preset', 'minutes', *SCORES], lines)}\n\nFull MNIST,"
        f" {trained[0].images:,} images each with the schedule of that many, seed 0;"
        f" {options.samples:,} samples against 60,000 images. {trained_with(trained)}"
    )
    publish("presets", text, {"rows": rows}, options.out)


def _sheet(out: Path, name: str) -> Path:
    return out / f"presets-{name}.png"


if __name__ == "__main__":
    main()
