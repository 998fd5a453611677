"""What each correction of the article's experiment brings: the same 50,000 digits for each.

    python benchmarks/article.py

Row by row one thing more is changed, from the experiment as printed (its program mended so that it
runs at all) to preset `article`, which is also trained for two and four times as many. The sheets
are of the 16 fixed noise vectors that the article draws from after each epoch.
"""

import shutil
from pathlib import Path

from figures import publish, table
from runs import parser, short, train, trained_with

IMAGES = 50_000
PRINTED = ("--preset", "article-printed")
INITIAL = (*PRINTED, "--network.name", "article")
MOMENTUM = (*INITIAL, "--optimizer.beta1", "0")
IN_TURN = (*MOMENTUM, "--no-simultaneous")
HINGE = (*IN_TURN, "--loss.adversarial", "hinge", "--loss.instance-noise", "0.3")
ARTICLE = ("--preset", "article")
ROWS = {
    "as printed": PRINTED,
    "+ dense layer: normal weights, deviation sqrt(2/100)": INITIAL,
    "+ Adam without momentum, beta1 0": MOMENTUM,
    "+ alternating updates": IN_TURN,
    "+ hinge loss, noise on what the discriminator sees": HINGE,
    "+ rates 2e-3, rising and falling: preset article": ARTICLE,
}
"""What a row is called -> its flags; the last is the preset."""
SCORES = ("FD-digits", "precision", "recall", "coverage")


def newest_sheet(run: Path) -> Path:
    """Returns the last sheet of a run's fixed noise."""
    return max((run / "samples").glob("*.png"))


def main() -> None:
    """Runs what the command line asks for."""
    options = parser(__doc__, images=IMAGES).parse_args()
    asked = [(label, flags, options.images) for label, flags in ROWS.items()]
    for times in (2, 4):
        asked.append((f"the same, {times} times the images", ARTICLE, times * options.images))
    rows, trained = [], []
    for place, (label, flags, images) in enumerate(asked):
        run = train(options.runs, f"article-{place}", "mnist", images, flags)
        trained.append(run)
        rows.append({"label": label, "scores": run.scores, "trained": run.facts})
    for name, run in (("article-printed", trained[0]), ("article", trained[-1])):
        shutil.copyfile(newest_sheet(run.path), options.out / f"{name}.png")
    lines = [
        [row["label"], f"{run.images:,}", f"{run.seconds / 60:.1f}"]
        + [short(row["scores"][name]) for name in SCORES]
        + [f"{row['scores']['least_class']:.1%} to {row['scores']['greatest_class']:.1%}"]
        for row, run in zip(rows, trained, strict=True)
    ]
    floor = trained[0].scores["floor"]
    lines.append(["real test images", "", "", *(short(floor[name]) for name in SCORES)])
    lines[-1].append(f"{floor['least_class']:.1%} to {floor['greatest_class']:.1%}")
    text = (
        f"{table(['changed', 'images', 'minutes', *SCORES, 'class shares'], lines)}\n\nFull MNIST,"
        f" seed 0; 10,000 samples against 60,000 training images. {trained_with(trained)}"
    )
    publish("article", text, {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
