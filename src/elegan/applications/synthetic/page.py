"""The page report.html of an augmentation: verdict, arms, share curve, classes, images."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from elegan.applications.synthetic.filtering import Made
from elegan.applications.synthetic.labelled_set import Given
from elegan.applications.synthetic.protocol import BOTH, CLASSICAL
from elegan.data.pictures import grid, to_pillow
from elegan.reports.curves import Series, interval_chart, line_chart
from elegan.reports.html import embedded, fill

MAX_COLUMNS = 10  # images of a class in a row
MAX_CLASSES = 20


def render(report: Mapping[str, Any], given: Given, made: Made) -> str:
    """Returns the whole page; it loads nothing.

    Args:
        report: the content of report.json.
        given: the given images, some of which are shown.
        made: the delivered images.
    """
    counts, metric = report["data"]["classes"], f"{report['metric']['words']}, %"
    sides = (("given", given.images, given.labels), ("generated", made.images, made.labels))
    arms = report["arms"]
    base = next((arm["score"]["mean"] for arm in arms if arm["arm"] == CLASSICAL), None)
    return fill(
        "augmentation.html",
        report=report,
        title=f"Generated images for {report['data']['name']}",
        lead=f"{sum(counts.values()):,} given labels in {len(counts)} classes",
        metric=metric,
        arms_chart=interval_chart([(arm["label"], arm["score"]) for arm in arms], base=base),
        share_chart=_share_chart(report, metric),
        between=_between,
        without=CLASSICAL,
        generated=BOTH,
        strips={
            name: {what: _strip(images[labels == label]) for what, images, labels in sides}
            for label, name in enumerate(given.classes[:MAX_CLASSES])
        },
    )


def _share_chart(report: Mapping[str, Any], metric: str) -> str:
    rows = report["curve"]
    curve = Series(
        label="real + classical + generated",
        x=tuple(row["share"] for row in rows),
        y=tuple(100 * row["score"]["mean"] for row in rows),
    )
    return line_chart(
        [curve],
        title="Effect of the share",
        x_label="share of generated images",
        y_label=metric,
        floor=curve.y[0],
    )


def _strip(images: np.ndarray) -> str:
    """Returns the first of some images side by side, as a URI; "" where there are none."""
    shown = images[:MAX_COLUMNS]
    if not len(shown):
        return ""
    scale = max(1, 40 // images.shape[1])
    return embedded(to_pillow(grid(shown, MAX_COLUMNS, scale=scale))).uri


def _between(found: Mapping[str, Any], sign: str = "") -> str:
    """Returns the interval of a score, or with sign "+" of a gain, within what either can be."""
    if found["low"] is None:
        return ""
    least = -100 if sign else 0
    low, high = (min(100, max(least, 100 * found[side])) for side in ("low", "high"))
    return f"{low:{sign}.1f} to {high:{sign}.1f}"
