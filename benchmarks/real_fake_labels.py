"""Labels of the loop: smoothing, flipping and noise, one at a time.

    python benchmarks/real_fake_labels.py

The preset dcgan with the non-saturating loss, whose labels these are, on full MNIST at equal
images. (The article's own recipe collapses whatever is done to its labels, see docs/log.md.)
"""

from figures import publish, table
from runs import parser, short, train, trained_with

IMAGES = 20_000
BASE = (
    *("--preset", "dcgan", "--loss.adversarial", "non-saturating"),
    *("--ticks", "10", "--snapshots", "1"),  # the scores at the end are what is compared
)
ARMS = {
    "none": ("none", ()),
    "one-sided smoothing 0.1": ("smoothing", ("--loss.smoothing", "0.1")),
    "5 % of labels flipped": ("flip", ("--loss.flip", "0.05")),
    "noise of 0.2 on images, falling": ("noise", ("--loss.instance-noise", "0.2")),
}
"""What a row is called -> the name of its folder and its flags."""
SCORES = ("FD-digits", "precision", "coverage", "fooling_rate", "greatest_class")


def main() -> None:
    """Runs what the command line asks for."""
    options = parser(__doc__, images=IMAGES).parse_args()
    rows, trained = [], []
    for label, (name, words) in ARMS.items():
        run = train(options.runs, f"labels-{name}", "mnist", options.images, (*BASE, *words))
        scores = run.scored("mnist", options.samples)
        rows.append(
            {"label": label, "seconds": run.seconds, "scores": scores, "trained": run.facts}
        )
        trained.append(run)
    lines = [[row["label"], *(short(row["scores"].get(one)) for one in SCORES)] for row in rows]
    floor = rows[0]["scores"]["floor"]
    lines.append(["real test images", *(short(floor.get(one)) for one in SCORES)])
    head = ["real/fake labels", *SCORES[:3], "fooling rate", "share of the greatest class"]
    text = (
        f"{table(head, lines)}\n\nPreset dcgan, non-saturating loss, full MNIST,"
        f" {trained[0].images:,} images each, seed 0; {options.samples:,} samples"
        f" against 60,000 images. {trained_with(trained)}"
    )
    publish("real-fake-labels", text, {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
