"""Few images: 500 digits, with and without augmentation of what the discriminator sees.

    python benchmarks/few_images.py

Runs at equal images on the same 500 digits of MNIST (50 a class): none; DiffAugment, always;
kinds fit for digits at the adaptive probability of ADA; adaptive pseudo augmentation (APA), which
passes generated images off as real ones. Distances are taken to all 60,000 training images, of
which a run has seen 500; copies are looked for among those 500.
"""

from typing import Any

from figures import publish, table
from runs import Trained, parser, picture, short, train, trained_with

import elegan

IMAGES = 200_000
LIMIT = 50  # a class
DISTANCES = ("FD-digits", "precision", "coverage")
COPIED = ("near_copies_pixels", "near_copies_features")
COPIES = 2_000  # samples that copies are looked for among
ARMS = {
    "none": ("few-none", ()),
    "DiffAugment, always": (
        "few-diffaugment",
        ("--augment.kinds", "diffaugment", "--augment.mode", "fixed"),
    ),
    "adaptive (ADA), kinds for digits": ("few-adaptive", ("--augment.kinds", "digits")),
    "adaptive by unseen images (ADA), kinds for digits": (
        "few-held-out",
        ("--augment.kinds", "digits", "--augment.signal", "held-out", "--augment.target", "0.5"),
    ),
    "adaptive pseudo (APA)": ("few-pseudo", ("--augment.pseudo",)),
}
"""What a row is called -> the name of its folder and its flags."""
BARE = ("--loss.adversarial", "non-saturating", "--loss.r1", "0", "--loss.r2", "0")
BARE_ARMS = {
    "non-saturating loss without penalties: none": ("few-bare-none", BARE),
    "non-saturating loss without penalties: adaptive (ADA), kinds for digits": (
        "few-bare-adaptive",
        (*BARE, "--augment.kinds", "digits", "--augment.images", "20000"),
    ),
}
"""The same networks where nothing but augmentation holds the discriminator back."""


def measure(label: str, trained: Trained, samples: int) -> dict[str, Any]:
    """Returns what the table and the figure's file say of a run."""
    scores = trained.scored("mnist", samples)
    copies = elegan.evaluate(trained.path, "mnist", n=min(COPIES, samples), limit=LIMIT)
    near = {name: copies[name] for name in COPIED}
    return {
        "label": label,
        "seconds": trained.seconds,
        "FD-digits": scores["FD-digits"],
        "coverage": scores["coverage"],
        "precision": scores["precision"],
        "floor": {
            **{name: scores["floor"][name] for name in DISTANCES},
            **{name: copies["floor"][name] for name in COPIED},
        },
        **near,
        "held_out_gap": trained.last_signal("held_out_gap"),
        "probability": trained.last_signal("augmentation"),
        "trained": trained.facts,
    }


def describe(rows: list[dict[str, Any]], trained: list[Trained], samples: int) -> str:
    """Returns the table, how much the arms gain and what they were taken with."""
    lines = [
        [
            row["label"],
            *(short(row[name]) for name in DISTANCES),
            *(short(row[name], ".1%") for name in COPIED),
            short(row["held_out_gap"], ".2f"),
            short(row["probability"], ".2f"),
        ]
        for row in rows
    ]
    floor = rows[0]["floor"]
    lines.append(["10,000 real test images", *(short(floor[name]) for name in DISTANCES)])
    lines[-1] += [*(short(floor[name], ".1%") for name in COPIED), "", ""]
    head = ["augmentation", *DISTANCES, "copies in pixels", "copies in features"]
    head += ["training over unseen", "probability at the end"]
    groups = rows[: len(ARMS)], rows[len(ARMS) :]
    gains = "; ".join(
        f"{row['label']} {group[0]['FD-digits'] / row['FD-digits']:.2f}"
        for group in groups
        for row in group[1:]
    )
    return (
        f"{table(head, lines)}\n\nFD-digits of none divided by that of: {gains}. Preset robust,"
        f" {trained[0].images:,} images seen of the same 500 (10 of them held out), seed 0;"
        f" {samples:,} samples against 60,000 images. A copy is nearer to one of the 500"
        " than 99 % of real test images are;"
        " 'training over unseen' is how far the discriminator scores training images above unseen"
        f" ones, in standard deviations of either. {trained_with(trained)}"
    )


def main() -> None:
    """Runs what the command line asks for."""
    options = parser(__doc__, images=IMAGES).parse_args()
    arms = {**ARMS, **BARE_ARMS}
    trained = [
        train(options.runs, name, "mnist", options.images, ("--limit", str(LIMIT), *words))
        for name, words in arms.values()
    ]
    rows = [measure(label, run, options.samples) for label, run in zip(arms, trained, strict=True)]
    best = min(range(len(rows)), key=lambda row: rows[row]["FD-digits"])
    for name, row in (("few-images-none", 0), ("few-images-best", best)):
        picture(trained[row].path, options.out / f"{name}.png", ["-n", "64"])
    text = describe(rows, trained, options.samples)
    publish("few-images", text, {"rows": rows}, options.out)


if __name__ == "__main__":
    main()
