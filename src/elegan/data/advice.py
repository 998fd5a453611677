"""Plain words about a set of images: what will hurt training, and what to type about it."""

from typing import Any

from elegan.data.dataset import MAX_RESOLUTION

FEW_IMAGES = 100
FEW_PER_CLASS = 20
IMBALANCE = 3.0
WIDE_ASPECT = 1.6


def advise(
    data: str, report: dict[str, Any], sizes: dict[str, int], *, fit: str, colourless: bool
) -> list[str]:
    """Returns sentences on a report of `inspection.inspect`, most important first.

    Args:
        data: as typed, for the commands in the advice.
        report: with the keys of `ImageData.facts()` and `duplicates`.
        sizes: count of each original "WIDTHxHEIGHT".
        fit: how images were made square.
        colourless: whether three channels hold only grays.
    """
    if report["images"] < 2:
        return ["Nothing to train on: at least 2 usable images are needed, better 100 or more."]
    said = [
        *_on_number(report),
        *_on_classes(report["classes"]),
        *_on_sizes(sizes, report["resolution"], fit),
        *_on_duplicates(report["duplicates"]),
    ]
    if colourless:
        said.append("All images are gray, stored as colour: --channels 1 trains faster.")
    if skipped := report["files"]["skipped"]:
        said.append(f"Files skipped: {skipped}; the verdict of each says why.")
    said.append(f"To train on it: elegan train {data} --preset robust")
    return said


def _on_number(report: dict[str, Any]) -> list[str]:
    count = report["images"]
    if count >= FEW_IMAGES:
        return []
    return [
        f"Only {count} images: from fewer than {FEW_IMAGES} a generator learns to copy them. "
        "Add images if you can, and look at the nearest-neighbour distances in the report."
    ]


def _on_classes(classes: dict[str, int]) -> list[str]:
    if not classes:
        return []
    said = []
    small = min(classes, key=lambda name: classes[name])
    large = max(classes, key=lambda name: classes[name])
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
    sides = sorted(side for w, h, count in pairs for side in [min(w, h)] * count)
    median = sides[len(sides) // 2]
    if median >= 2 * resolution and resolution < MAX_RESOLUTION:
        larger = min(2 * resolution, MAX_RESOLUTION)
        said.append(
            f"Half of the images are at least {median} pixels: --resolution {larger} keeps more "
            f"detail at about {round((larger / resolution) ** 2)} times the cost a step."
        )
    return said


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
