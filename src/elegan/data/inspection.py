"""Looking at a set before training on it: what is in it, what is wrong with it, what to do."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from elegan.common.errors import EleganError
from elegan.common.files import refuse_overlap
from elegan.data import pictures
from elegan.data.dataset import MAX_RESOLUTION, ImageData, Options, skip_reasons
from elegan.data.duplicates import NEAR_LIMIT, exact_groups, near_groups, overlap
from elegan.data.opening import open_any
from elegan.data.sources import has_test_split

MAX_GROUPS = 20
MAX_SIZES = 20
GRAY_SAMPLE = 256
FEW_IMAGES = 100
FEW_PER_CLASS = 20
IMBALANCE = 3.0
WIDE_ASPECT = 1.6
_MAX_FILES = 40
_BAR = 24


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
        JSON values: all of `ImageData.to_dict()` (name, split, hash, images, resolution, channels,
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
    report = opened.to_dict()
    report["reasons"] = dict(skip_reasons(opened.verdicts).most_common())
    report["sizes"] = _top_sizes(opened.sizes)
    report["duplicates"] = _repeats(opened, seed)
    if split == "train" and len(opened) and has_test_split(data):
        shape = replace(options, resolution=opened.resolution, channels=opened.channels)
        with contextlib.suppress(EleganError):  # a test split that cannot be had is not compared
            test, _ = open_any(data, shape, "test")
            report["duplicates"]["test_images_in_train"] = overlap(test.images, opened.images)
    report["contact_sheet"] = None
    if contact_sheet is not None and len(opened):
        pictures.save_png(
            pictures.contact_sheet(opened.images, opened.labels, seed=seed), contact_sheet
        )
        report["contact_sheet"] = str(contact_sheet)
    report["advice"] = _advice(data, report, opened, fit)
    return report


def _top_sizes(sizes: dict[str, int]) -> dict[str, int]:
    ranked = sorted(sizes.items(), key=lambda item: -item[1])
    top = dict(ranked[:MAX_SIZES])
    if rest := ranked[MAX_SIZES:]:
        top[f"{len(rest)} other sizes"] = sum(count for _, count in rest)
    return top


def _repeats(data: ImageData, seed: int) -> dict[str, Any]:
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


def _advice(data: str, report: dict[str, Any], opened: ImageData, fit: str) -> list[str]:
    """Returns sentences on a report, most important first."""
    count = report["images"]
    if count < 2:
        return ["Nothing to train on: at least 2 usable images are needed, better 100 or more."]
    said = []
    if count < FEW_IMAGES:
        said.append(
            f"Only {count} images: from fewer than {FEW_IMAGES} a generator learns to copy them. "
            "Add images if you can, and look at the nearest-neighbour distances in the report."
        )
    if classes := report["classes"]:
        said += _on_classes(classes)
    said += _on_sizes(opened.sizes, report["resolution"], fit)
    said += _on_duplicates(report["duplicates"])
    # Whether three channels hold only grays is judged on an even sample of the images.
    sample = opened.images[:: max(1, len(opened) // GRAY_SAMPLE)]
    if opened.channels == 3 and (sample == sample[..., :1]).all():
        said.append("All images are gray, stored as colour: --channels 1 trains faster.")
    if skipped := report["files"]["skipped"]:
        said.append(f"Files skipped: {skipped}; the verdict of each says why.")
    said.append(f"To train on it: elegan train {data} --preset robust")
    return said


def _on_classes(classes: dict[str, int]) -> list[str]:
    said = []
    small, large = min(classes, key=classes.__getitem__), max(classes, key=classes.__getitem__)
    if classes[large] >= IMBALANCE * classes[small]:
        even = classes[small] >= FEW_PER_CLASS
        hint = f"--limit {classes[small]} evens them out" if even else "Add to the small ones"
        said.append(
            f"The classes are uneven: '{small}' has {classes[small]} images, '{large}' "
            f"{classes[large]}. {hint}."
        )
    few = [name for name, count in classes.items() if count < FEW_PER_CLASS]
    if few:
        said.append(
            f"{len(few)} of {len(classes)} classes have fewer than {FEW_PER_CLASS} images "
            f"({', '.join(few[:5])}): expect copies there."
        )
    return said


def _on_sizes(sizes: dict[str, int], resolution: int, fit: str) -> list[str]:
    total = sum(sizes.values())
    pairs = [(*map(int, size.split("x")), count) for size, count in sizes.items()]
    said = []
    if len(pairs) > 1:
        smallest, largest = min(pairs), max(pairs)
        said.append(
            f"{len(pairs)} different sizes, from {smallest[0]}x{smallest[1]} to "
            f"{largest[0]}x{largest[1]}: all become {resolution}x{resolution} (fit {fit})."
        )
    smaller = sum(count for width, height, count in pairs if min(width, height) < resolution)
    if smaller:
        side = sorted(min(width, height) for width, height, _ in pairs)[0]
        hint = f" --resolution {side} would not enlarge any." if side >= 16 else ""
        said.append(
            f"{smaller} of {total} images are smaller than {resolution} pixels and are enlarged, "
            f"which blurs them.{hint}"
        )
    wide = sum(count for w, h, count in pairs if max(w, h) > WIDE_ASPECT * min(w, h))
    if wide and fit == "crop":
        said.append(
            f"{wide} of {total} images are much wider or taller than square and lose their ends: "
            "--fit pad keeps them whole."
        )
    return said + on_detail(sizes, resolution)


def on_detail(sizes: dict[str, int], resolution: int) -> list[str]:
    """Says how to keep more detail, where most images have a quarter more pixels a side."""
    shorter = {size: min(map(int, size.split("x"))) for size in sizes}
    sides = sorted(side for size, side in shorter.items() for _ in range(sizes[size]))
    median = sides[len(sides) // 2] if sides else 0
    larger = min(median // 16 * 16, 2 * resolution, MAX_RESOLUTION)
    if larger < 1.25 * resolution:
        return []
    return [
        f"Half of the images are at least {median} pixels: --resolution {larger} keeps more "
        f"detail at about {round((larger / resolution) ** 2)} times the cost a step."
    ]


def _on_duplicates(duplicates: dict[str, Any]) -> list[str]:
    said = []
    if duplicates["exact"]:
        said.append(
            f"Exact repeats of another image: {duplicates['exact']}; a generator gives those more "
            "weight. Remove them unless that is meant."
        )
    if duplicates["near"]:
        said.append(
            f"Near repeats: {duplicates['near']} of {duplicates['compared_for_near']} compared "
            "images are nearly the same as another."
        )
    if leaked := duplicates.get("test_images_in_train"):
        said.append(
            f"{leaked} test images are also in the training split: scores on the test split would "
            "be too good."
        )
    return said


def describe(report: Mapping[str, Any]) -> str:
    """Returns the lines that `elegan inspect` prints of a report of `inspection.inspect`."""
    files = report["files"]
    lines = [
        f"{report['name']}: {report['images']:,} usable images,"
        f" {report['resolution']}x{report['resolution']}x{report['channels']}"
        f"  (files: {files['used']:,} used, {files['converted']:,} converted,"
        f" {files['skipped']:,} skipped)"
    ]
    lines += _verdicts(report["verdicts"])
    if report["sizes"]:
        sizes = ", ".join(f"{size} ({count:,})" for size, count in report["sizes"].items())
        lines.append(f"sizes: {sizes}")
    if classes := report["classes"]:
        width = min(24, max(len(name) for name in classes))
        most = max(1, *classes.values())
        lines += [f"{len(classes)} classes:"] + [
            f"  {name:<{width}}  {count:>8,}  {'#' * round(_BAR * count / most)}"
            for name, count in classes.items()
        ]
    lines += _repeats_in_words(report["duplicates"])
    lines += [f"note: {note}" for note in report["notes"]]
    lines += [f"advice: {sentence}" for sentence in report["advice"]]
    if report["contact_sheet"]:
        lines.append(f"contact sheet: {report['contact_sheet']}")
    return "\n".join(lines)


def _verdicts(verdicts: list[Mapping[str, str]]) -> list[str]:
    # What was skipped matters most, what was used as it is least.
    order = {"skipped": 0, "converted": 1, "used": 2}
    ranked = sorted(verdicts, key=lambda verdict: order[verdict["action"]])
    shown = ranked[:_MAX_FILES]
    width = min(48, max((len(verdict["file"]) for verdict in shown), default=0))
    lines = [
        f"  {verdict['action']:<9}  {verdict['file']:<{width}}  {verdict['reason']}"
        for verdict in shown
    ]
    if len(ranked) > len(shown):
        lines.append(f"  ... and {len(ranked) - len(shown):,} more; --json lists every file")
    return lines


def _repeats_in_words(found: Mapping[str, Any]) -> list[str]:
    lines = [f"duplicates: {found['exact']:,} exact, {found['near']:,} near"]
    for kind in ("exact", "near"):
        lines += [f"  {kind}: {', '.join(group[:6])}" for group in found[f"{kind}_groups"][:5]]
    if found.get("test_images_in_train"):
        lines.append(f"  {found['test_images_in_train']:,} test images are in the training set")
    return lines
