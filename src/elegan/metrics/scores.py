"""Every figure of a set of generated images, each beside what real images score in its place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elegan.common.errors import UsageError
from elegan.metrics.distances import (
    fit_gaussian,
    frechet_distance,
    kernel_distance,
    manifold_scores,
    mode_scores,
)
from elegan.metrics.features import (
    Extractor,
    FeatureSet,
    RealBaseline,
    draw,
    extract,
    real_baseline,
)
from elegan.metrics.labelled import UNKNOWN, Labelling, MatchedSet, labelled_scores
from elegan.metrics.neighbours import copy_facts, nearness, small_pixels
from elegan.metrics.score_table import METRICS as METRICS
from elegan.metrics.score_table import format_scores as format_scores

MANIFOLD_COUNT = 10_000  # images of each side that precision to coverage are taken on
NEIGHBOUR_COUNT = 2_000  # images whose nearest training image is looked up
ENOUGH = 2_000  # with fewer the Fréchet distance is mostly its bias, and a note says so


def evaluate(
    generated: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    *,
    extractor: Extractor,
    held_out: NDArray[np.uint8] | None,
    labelling: Labelling = UNKNOWN,
    reference_names: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Returns every score of generated images, ready for JSON; `METRICS` says what each means.

    `floor` holds the same scores of real images that are not in the reference: `held_out`, as many
    as were generated, or without them one random half of the reference against the other (for
    neighbours: each reference image against all others). The features of real images are kept in
    memory for the next call, the last four sets of them; nothing is written to disk.

    Args:
        generated: uint8 [N, H, W, C].
        reference: the training images, uint8 [M, H, W, C]; may be memory-mapped.
        extractor: what features are taken from (`extractors.extractor_for`).
        held_out: real images that were not trained on, or None.
        labelling: what is known of classes. Where the extractor knows none, an image is given the
            label of its nearest reference image in features.
        reference_names: of the training images, to name those that are copied.

    Raises:
        UsageError: a set is not uint8 [N, H, W, C], has fewer than two images (four in the
            reference when nothing is held out), or the shapes differ.
    """
    _check(generated, reference, held_out)
    random = np.random.default_rng(seed)
    samples = extract(generated, extractor, remember=False)
    real = extract(reference, extractor)
    baseline = real_baseline(real, held_out, extractor, len(samples), random)
    count = min(MANIFOLD_COUNT, len(samples), len(baseline.unseen), len(baseline.against))
    looked_at = draw(len(samples), NEIGHBOUR_COUNT, random)
    unseen_images = reference if held_out is None else held_out
    unseen = real if held_out is None else extract(held_out, extractor)
    unseen_at = draw(len(unseen), NEIGHBOUR_COUNT, random)
    passed_over = unseen_at if held_out is None else None
    chosen = (generated[looked_at], unseen_images[unseen_at], reference)
    near = {
        "pixels": nearness(*(small_pixels(images) for images in chosen), own=passed_over),
        "features": nearness(
            samples.features[looked_at], unseen.features[unseen_at], real.features, passed_over
        ),
    }
    judged = {space: found for space, found in near.items() if found.threshold > 0}
    rows, unseen_rows = near["features"].rows, near["features"].usual_rows
    labels = labelling.reference
    naming = (extractor.classes, labels)
    labelled, labelled_baseline = labelled_scores(
        MatchedSet(images=generated, found=samples, rows=looked_at, nearest=rows),
        MatchedSet(images=unseen_images, found=unseen, rows=unseen_at, nearest=unseen_rows),
        real,
        labelling,
        extractor,
        held_out=held_out is not None,
        seed=seed,
    )
    own = _distances(samples, real, extractor.name, count, seed)
    real_own = _distances(baseline.unseen, baseline.against, extractor.name, count, seed)
    precisions = own["precision"], real_own["precision"]
    return {
        "extractor": {
            "name": extractor.name,
            "sha256": extractor.sha256,
            "dimensions": real.features.shape[1],
            **({"caution": extractor.caution} if extractor.caution else {}),
        },
        "counts": {
            "generated": len(samples),
            "reference": len(real),
            "floor": len(baseline.unseen),
            "precision_to_coverage": count,
            "neighbours": len(looked_at),
            **{f"near_copies_{space}": found.copies for space, found in near.items()},
        },
        "seed": seed,
        **own,
        **_modes(generated, labels, extractor),
        **labelled,
        **_classes(samples, rows, naming),
        **{f"nearest_{space}": found.median for space, found in near.items()},
        **{f"near_copies_{space}": found.share for space, found in judged.items()},
        "copies": copy_facts(near, looked_at, reference_names),
        "reference_thresholds": {space: found.threshold for space, found in near.items()},
        "floor_from": baseline.source,
        "floor": {
            **real_own,
            **_modes(held_out, labels, extractor),
            **labelled_baseline,
            **_classes(baseline.unseen, unseen_rows, naming),
            **{f"nearest_{space}": found.usual for space, found in near.items()},
            **{f"near_copies_{space}": found.expected for space, found in judged.items()},
        },
        "notes": _notes(samples, real, baseline, held_out is None, precisions, count),
    }


def _distances(
    found: FeatureSet, against: FeatureSet, extractor: str, count: int, seed: int
) -> dict[str, float]:
    kernel, deviation = kernel_distance(found.features, against.features, seed=seed)
    random = np.random.default_rng(seed)
    gaussians = (fit_gaussian(part.features) for part in (found, against))
    balls = (part.features[draw(len(part), count, random)] for part in (found, against))
    return {
        f"FD-{extractor}": frechet_distance(*gaussians),
        f"KID-{extractor}": kernel,
        f"KID-{extractor}_deviation": deviation,
        **manifold_scores(*balls),
    }


def _modes(
    images: NDArray[np.uint8] | None, labels: NDArray[np.int64] | None, extractor: Extractor
) -> dict[str, Any]:
    """Returns how many modes the images are of, where the extractor counts them."""
    if images is None or labels is None or not extractor.modes:
        return {}
    shares = np.bincount(labels, minlength=extractor.modes) / len(labels)
    return mode_scores(extractor.mode_of(images), shares)


def _classes(
    found: FeatureSet,
    rows: NDArray[np.int64],
    labels: tuple[tuple[str, ...], NDArray[np.int64] | None],
) -> dict[str, Any]:
    """Returns the share of each class, the least and the greatest, and the mean confidence.

    Args:
        rows: the nearest reference image, in features, of some of them.
        labels: the extractor's class names, and the labels of the reference.
    """
    names, reference_labels = labels
    scores: dict[str, Any] = {}
    if found.probabilities is not None:
        chosen = found.probabilities.argmax(1)
        scores["confidence"] = float(found.probabilities.max(1).mean())
    elif reference_labels is not None:
        known = np.unique(reference_labels)
        names = tuple(map(str, known))
        chosen = np.searchsorted(known, reference_labels[rows])
    else:
        return {}
    shares = np.bincount(chosen, minlength=len(names)) / len(chosen)
    scores["least_class"], scores["greatest_class"] = float(shares.min()), float(shares.max())
    scores["class_frequencies"] = {
        name: float(share) for name, share in zip(names, shares, strict=True)
    }
    return scores


def _notes(
    samples: FeatureSet,
    real: FeatureSet,
    baseline: RealBaseline,
    halves: bool,
    precisions: tuple[float, float],
    count: int,
) -> list[str]:
    notes = []
    if halves:
        notes.append(
            "No held-out images: the scores of real data compare two random parts of the "
            f"reference, {baseline.source}."
        )
    smallest = min(len(samples), len(real))
    if smallest < ENOUGH:
        notes.append(
            f"Only {smallest:,} images on one side: a Fréchet distance grows as images get fewer. "
            "Compare it with figures taken at the same count only, or read the kernel distance."
        )
    if len(baseline.unseen) < len(samples):
        notes.append(
            f"The real data are scored on {len(baseline.unseen):,} images and {len(samples):,} "
            "were generated, so their Fréchet distance is a little too high."
        )
    # A precision above that of real images, where chance does not explain it.
    precision, usual = precisions
    share = min(max(usual, 0.05), 0.95)
    if precision > usual + 3 * math.sqrt(2 * share * (1 - share) / count):
        notes.append(
            f"The precision, {precision:.2f}, is above the {usual:.2f} of real images: samples are"
            " blurred or of few kinds, and crowd where real images are densest. It is no merit."
        )
    return notes


def _check(
    generated: NDArray[np.uint8], reference: NDArray[np.uint8], held_out: NDArray[np.uint8] | None
) -> None:
    needed = [("generated", generated, 2), ("reference", reference, 4 if held_out is None else 2)]
    if held_out is not None:
        needed.append(("held-out", held_out, 2))
    for name, images, least in needed:
        if images.ndim != 4 or len(images) < least or images.shape[1:] != reference.shape[1:]:
            raise UsageError(
                f"The {name} images have shape {list(images.shape)}; scores need at least {least} "
                f"of shape [N, H, W, C], of the reference's size {list(reference.shape[1:])}."
            )
