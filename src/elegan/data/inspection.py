"""Looking at a set before training on it: what is in it, what is wrong with it, what to do."""

import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from elegan.common.errors import EleganError
from elegan.common.files import refuse_overlap
from elegan.data import advice
from elegan.data.dataset import ImageData, Options
from elegan.data.duplicates import NEAR_LIMIT, exact_groups, near_groups, overlap
from elegan.data.opening import open_any
from elegan.data.pictures import contact_sheet as sheet_of
from elegan.data.pictures import save_png
from elegan.data.sources import has_test_split

MAX_GROUPS = 20
MAX_SIZES = 20
GRAY_SAMPLE = 256


def inspect(
    data: str,
    *,
    resolution: int | None = None,
    channels: int | None = None,
    fit: str = "crop",
    background: tuple[int, int, int] = (255, 255, 255),
    split: str = "train",
    contact_sheet: str | Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Reads every file of a set and says what it found; works also where nothing can be used.

    Args:
        data: as for `open_data`, and so are the arguments up to `split`.
        contact_sheet: where to write a PNG with a seeded choice of the images, a row for each
            class; not written where no image can be used.
        seed: of that choice, and of the sample that is compared for near duplicates.

    Returns:
        JSON values: all of `ImageData.facts()` (name, split, hash, images, resolution, channels,
        classes with counts, files by action, notes, verdicts), and `reasons` (why files were
        skipped, with counts), `sizes` (original "WIDTHxHEIGHT", with counts), `duplicates`,
        `advice` (sentences) and `contact_sheet` (path or None). `duplicates` counts the exact and
        near ones and, where there is a test split, the test images that are also in training.

    Raises:
        UsageError, EleganError: as `open_data`, except for too few usable images; and the contact
            sheet would lie within the data.
    """
    if contact_sheet is not None:
        refuse_overlap(Path(contact_sheet), data)
    options = Options(resolution=resolution, channels=channels, fit=fit, background=background)
    opened, _ = open_any(data, options, split)
    report = opened.facts()
    report["reasons"] = dict(
        Counter(v.reason for v in opened.verdicts if v.action == "skipped").most_common()
    )
    report["sizes"] = _top_sizes(opened.sizes)
    report["duplicates"] = _duplicates(opened, seed)
    if split == "train" and len(opened) and has_test_split(data):
        shape = Options(
            resolution=opened.resolution, channels=opened.channels, fit=fit, background=background
        )
        with contextlib.suppress(EleganError):  # a test split that cannot be had is not compared
            test, _ = open_any(data, shape, "test")
            report["duplicates"]["test_images_in_train"] = overlap(test.images, opened.images)
    report["contact_sheet"] = None
    if contact_sheet is not None and len(opened):
        save_png(sheet_of(opened.images, opened.labels, seed=seed), contact_sheet)
        report["contact_sheet"] = str(contact_sheet)
    report["advice"] = advice.advise(
        data,
        report,
        opened.sizes,
        fit=fit,
        colourless=_is_colourless(opened),
    )
    return report


def image_names(data: ImageData) -> list[str]:
    """See `ImageData.image_names`."""
    return data.image_names()


def _top_sizes(sizes: dict[str, int]) -> dict[str, int]:
    ranked = sorted(sizes.items(), key=lambda item: -item[1])
    top = dict(ranked[:MAX_SIZES])
    if rest := ranked[MAX_SIZES:]:
        top[f"{len(rest)} other sizes"] = sum(count for _, count in rest)
    return top


def _duplicates(data: ImageData, seed: int) -> dict[str, Any]:
    """Counts the images that could be left out, and names the first groups."""
    names = data.image_names()
    exact = exact_groups(data.images)
    repeated = {index for group in exact for index in group[1:]}
    single = np.array([index for index in range(len(data)) if index not in repeated], dtype=int)
    compared = np.random.default_rng(seed).permutation(single)[:NEAR_LIMIT]
    near = near_groups(data.images, np.sort(compared)) if len(compared) else []
    return {
        "exact": len(repeated),
        "exact_groups": [[names[index] for index in group] for group in exact[:MAX_GROUPS]],
        "near": sum(len(group) - 1 for group in near),
        "near_groups": [[names[index] for index in group] for group in near[:MAX_GROUPS]],
        "compared_for_near": len(compared),
    }


def _is_colourless(data: ImageData) -> bool:
    """Whether three channels hold only grays, judged on an even sample of the images."""
    if data.channels != 3 or len(data) == 0:
        return False
    sample = data.images[:: max(1, len(data) // GRAY_SAMPLE)]
    return bool((sample == sample[..., :1]).all())
