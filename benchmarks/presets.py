"""The presets for generation side by side: the same digits, equal images, none tuned for them.

    python benchmarks/presets.py
    python benchmarks/presets.py --longer      four of them, of which two are slow on a CPU

Also the preset robust with relativistic pairs and simultaneous updates, as it was before. An image
grid of each is drawn beside the table.
"""

from figures import publish, table
from runs import parser, picture, short, train, trained_with

IMAGES, LONGER = 20_000, 170_000
ARMS = {
    "robust": ("--preset", "robust"),
    "robust, simultaneous pairs": (
        *("--preset", "robust"),
        *("--loss.adversarial", "relativistic-pair", "--simultaneous"),
    ),
    "dcgan": ("--preset", "dcgan"),
    "attention": ("--preset", "attention"),
    "style": ("--preset", "style"),
    "few-shot": ("--preset", "few-shot"),
}
"""What a row is called -> its flags."""
LONGER_ARMS = ("robust", "robust, simultaneous pairs", "attention", "style")
LEAN = ("--ticks", "8", "--snapshots", "1")  # the scores at the end are what is compared
SCORES = ("FD-digits", "precision", "recall", "coverage")


def main() -> None:
    """Runs what the command line asks for."""
    words = parser(__doc__)
    words.add_argument(
        "--longer", action="store_true", help=f"{LONGER:,} images in place of {IMAGES:,}"
    )
    options = words.parse_args()
    figure, images = ("presets-longer", LONGER) if options.longer else ("presets", IMAGES)
    rows, trained = [], []
    for label in LONGER_ARMS if options.longer else ARMS:
        name = label.replace(", ", "-").replace(" ", "-")
        run = train(options.runs, f"presets-{name}", "mnist", images, (*ARMS[label], *LEAN))
        scores = run.scored("mnist", options.samples)
        picture(run.path, options.out / f"{figure}-{name}.png", ("-n", "32", "--seed", "0"))
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
    publish(figure, text, {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
