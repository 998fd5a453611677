"""The text of the figure of augmentation: a row a setting, the verdicts, the gain by share."""

from typing import Any

import numpy as np
from figures import table

from elegan.applications.synthetic.choosing import Interval
from elegan.applications.synthetic.protocol import BOTH, CLASSICAL, GAN, MORE, POOL, REAL, SEMI

ONLY = "generated only"
"""The arm real + classical + GAN at share 1."""


def describe(
    rows: list[dict[str, Any]],
    missing: list[str],
    *,
    images: int,
    seeds: int,
    steps: int,
    share: float,
) -> str:
    """Returns the tables, the verdicts and what they were taken with.

    Args:
        rows: of `augmenting.row`.
        missing: labels of settings that were not measured.
        images: that each generator saw.
        seeds: classifiers of each arm.
        steps: of each classifier.
        share: that the verdict is about.
    """
    arms = [REAL, CLASSICAL, GAN, BOTH, ONLY, POOL, SEMI, MORE]
    arms = [arm for arm in arms if any(arm in one["means"] for one in rows)]
    shares = sorted({share for one in rows for share in one["curve"]}, key=float)
    lines, curves = [], []
    for one in rows:
        gain = Interval(**one["gain"])
        cells = [one["means"].get(arm) for arm in arms]
        lines.append(
            [
                one["label"],
                f"{gain.draws}",
                *("" if cell is None else f"{100 * cell['mean']:.1f}" for cell in cells),
                _signed(one["gain"]),
                f"{100 * float(np.mean(one['copy_rates'])):.1f} %",
                "use" if gain.above_zero else "do not use",
            ]
        )
        curves.append([one["label"], *(_signed(one["curve"][share]) for share in shares)])
    head = ["labels", "draws", *arms, "gain (95 % interval)", "copies", "verdict"]
    small = [
        f"{one['label']}: recall of the small classes {100 * one['small'][CLASSICAL]:.1f} %"
        f" without and {100 * one['small'][BOTH]:.1f} % with generated images."
        for one in rows
        if "small" in one
    ]
    curve = table(["gain at a share of", *shares], curves)
    return "\n\n".join(
        [
            table(head, lines),
            f"Mean recall of the ten classes on the 10,000 test images, %. Every draw of the labels"
            f" has a generator of its own ({images:,} images seen) and {seeds}"
            f" classifiers of {steps} steps for each arm. Gain: real + classical + GAN over"
            f" real + classical, paired by draw, at the share {share:g}, set beforehand."
            " More labels: twice as many, or with uneven classes as many of each as of the large"
            " ones. Of a pool the labels are not looked at.",
            *small,
            curve,
            "These show how the gain goes with the share. A share picked from them would be one"
            " picked on the test images, so they decide nothing.",
            *([f"Not measured yet: {'; '.join(missing)}."] if missing else []),
        ]
    )


def _signed(one: dict[str, Any]) -> str:
    between = (
        "" if one["low"] is None else f" ({100 * one['low']:+.1f} to {100 * one['high']:+.1f})"
    )
    return f"{100 * one['mean']:+.1f}{between}"
