"""Every figure of a set of generated images, each beside what real images score in its place."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elegan.errors import UsageError
from elegan.measure.features import Extractor
from elegan.measure.frechet import fit_gaussian, frechet_distance
from elegan.measure.kernel import kernel_distance
from elegan.measure.manifold import manifold_scores
from elegan.measure.neighbours import near_copies, nearest, small_pixels
from elegan.measure.score_table import METRICS, format_scores

__all__ = ["METRICS", "evaluate", "format_scores"]

MANIFOLD_COUNT = 10_000
"""Precision, recall, density and coverage are taken on at most so many images of each side."""

NEIGHBOUR_COUNT = 2_000
"""Nearest training neighbours are looked up for at most so many images."""

ENOUGH = 2_000
"""With fewer images the Fréchet distance is mostly its bias, and a note says so."""

_REMEMBERED = 4
_memory: dict[tuple[str, bytes], _Side] = {}


@dataclass(frozen=True, kw_only=True)
class _Side:
    """One set of images as the extractor sees it."""

    images: NDArray[np.uint8]
    features: NDArray[np.float32]
    probabilities: NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: NDArray[np.int64]) -> _Side:
        chosen = None if self.probabilities is None else self.probabilities[rows]
        return _Side(images=self.images[rows], features=self.features[rows], probabilities=chosen)


@dataclass(frozen=True, kw_only=True)
class _Floor:
    """Real images in the place of the generated ones, and what they are compared with."""

    unseen: _Side
    against: _Side
    source: str


def evaluate(
    generated: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    *,
    extractor: Extractor,
    held_out: NDArray[np.uint8] | None,
    reference_labels: NDArray[np.int64] | None = None,
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
        reference_labels: int64 [M]; where the extractor knows no classes, an image is given the
            label of its nearest reference image in features.
        seed: of the halves, subsets and subsamples.

    Raises:
        UsageError: a set is not uint8 [N, H, W, C], has fewer than two images (four in the
            reference when nothing is held out), or the shapes differ.
    """
    _check(generated, reference, held_out)
    random = np.random.default_rng(seed)
    samples = _see(generated, extractor, remember=False)
    real = _see(reference, extractor)
    floor = _floor(real, held_out, extractor, len(samples), random)
    count = min(MANIFOLD_COUNT, len(samples), len(floor.unseen), len(floor.against))
    looked_at = _draw(samples, NEIGHBOUR_COUNT, random)
    own = None
    if held_out is None:
        own = np.sort(random.choice(len(real), min(NEIGHBOUR_COUNT, len(real)), replace=False))
        unseen = real.take(own)
    else:
        unseen = _draw(floor.unseen, NEIGHBOUR_COUNT, random)
    neighbours = _neighbours(looked_at, unseen, real, own)
    labels = (extractor.classes, reference_labels)
    classes = _classes(samples, neighbours.rows, labels)
    floor_classes = _classes(floor.unseen, neighbours.unseen_rows, labels)
    return {
        "extractor": {
            "name": extractor.name,
            "sha256": extractor.sha256,
            "dimensions": real.features.shape[1],
        },
        "counts": {
            "generated": len(samples),
            "reference": len(real),
            "floor": len(floor.unseen),
            "precision_to_coverage": count,
            "neighbours": len(looked_at),
            **neighbours.counts,
        },
        "seed": seed,
        **_distances(samples, real, extractor.name, count, seed),
        **classes,
        **neighbours.scores,
        "reference_thresholds": neighbours.thresholds,
        "floor_from": floor.source,
        "floor": {
            **_distances(floor.unseen, floor.against, extractor.name, count, seed),
            **floor_classes,
            **neighbours.floor,
        },
        "notes": _notes(samples, real, floor, held_out is None),
    }


def _distances(
    side: _Side, against: _Side, extractor: str, count: int, seed: int
) -> dict[str, float]:
    kernel, deviation = kernel_distance(side.features, against.features, seed=seed)
    random = np.random.default_rng(seed)
    balls = (_draw(part, count, random).features for part in (side, against))
    return {
        f"FD-{extractor}": frechet_distance(
            fit_gaussian(side.features), fit_gaussian(against.features)
        ),
        f"KID-{extractor}": kernel,
        f"KID-{extractor}_deviation": deviation,
        **manifold_scores(*balls),
    }


@dataclass(frozen=True, kw_only=True)
class _Neighbours:
    """Distances to the nearest training image: scores, their floor, and the rows found."""

    scores: dict[str, float]
    floor: dict[str, float]
    counts: dict[str, int]
    thresholds: dict[str, float]
    rows: NDArray[np.int64]
    unseen_rows: NDArray[np.int64]


def _neighbours(
    samples: _Side, unseen: _Side, real: _Side, own: NDArray[np.int64] | None
) -> _Neighbours:
    scores, floor, counts, thresholds = {}, {}, {}, {}
    rows = unseen_rows = np.zeros(0, np.int64)
    for name in ("pixels", "features"):
        if name == "pixels":
            wanted, known, database = (
                small_pixels(side.images) for side in (samples, unseen, real)
            )
        else:
            wanted, known, database = (side.features for side in (samples, unseen, real))
        distances, rows = nearest(wanted, database)
        usual, unseen_rows = nearest(known, database, own)
        copies, expected = near_copies(distances, usual), near_copies(usual, usual)
        scores[f"nearest_{name}"] = float(np.median(distances))
        floor[f"nearest_{name}"] = float(np.median(usual))
        scores[f"near_copies_{name}"] = copies.share
        floor[f"near_copies_{name}"] = expected.share
        counts[f"near_copies_{name}"] = copies.count
        thresholds[name] = copies.threshold
    return _Neighbours(
        scores=scores,
        floor=floor,
        counts=counts,
        thresholds=thresholds,
        rows=rows,
        unseen_rows=unseen_rows,
    )


def _classes(
    side: _Side,
    rows: NDArray[np.int64],
    labels: tuple[tuple[str, ...], NDArray[np.int64] | None],
) -> dict[str, Any]:
    """Returns the share of each class, the least and the greatest, and the mean confidence.

    Args:
        side: the images to be named.
        rows: the nearest reference image, in features, of some of them.
        labels: the extractor's class names, and the labels of the reference.
    """
    names, reference_labels = labels
    scores: dict[str, Any] = {}
    if side.probabilities is not None:
        chosen = side.probabilities.argmax(1)
        scores["confidence"] = float(side.probabilities.max(1).mean())
    elif reference_labels is not None:
        known = np.unique(reference_labels)
        names = tuple(str(label) for label in known)
        chosen = np.searchsorted(known, reference_labels[rows])
    else:
        return {}
    shares = np.bincount(chosen, minlength=len(names)) / len(chosen)
    scores["least_class"], scores["greatest_class"] = float(shares.min()), float(shares.max())
    scores["class_frequencies"] = {
        name: float(share) for name, share in zip(names, shares, strict=True)
    }
    return scores


def _floor(
    real: _Side,
    held_out: NDArray[np.uint8] | None,
    extractor: Extractor,
    generated: int,
    random: np.random.Generator,
) -> _Floor:
    if held_out is not None:
        # As many as were generated: the Fréchet distance falls as images are added.
        unseen = _draw(_see(held_out, extractor), generated, random)
        return _Floor(unseen=unseen, against=real, source=f"{len(unseen):,} held-out images")
    order = random.permutation(len(real))
    half = len(real) // 2
    unseen = real.take(np.sort(order[:half][:generated]))
    against = real.take(np.sort(order[half:]))
    source = f"{len(unseen):,} reference images against {len(against):,} others"
    return _Floor(unseen=unseen, against=against, source=source)


def _see(images: NDArray[np.uint8], extractor: Extractor, *, remember: bool = True) -> _Side:
    if not remember:
        features, probabilities = extractor.measure(images)
        return _Side(images=images, features=features, probabilities=probabilities)
    pixels = hashlib.blake2b(np.ascontiguousarray(images).data, digest_size=16).digest()
    key = (extractor.sha256, pixels)
    if key not in _memory:
        side = _see(images, extractor, remember=False)
        while len(_memory) >= _REMEMBERED:
            _memory.pop(next(iter(_memory)))
        _memory[key] = side
    return _memory[key]


def _draw(side: _Side, limit: int, random: np.random.Generator) -> _Side:
    if len(side) <= limit:
        return side
    return side.take(np.sort(random.choice(len(side), limit, replace=False)))


def _notes(samples: _Side, real: _Side, floor: _Floor, halves: bool) -> list[str]:
    notes = []
    if halves:
        notes.append(
            "No held-out images: the floor compares two random parts of the reference, "
            f"{floor.source}."
        )
    smallest = min(len(samples), len(real))
    if smallest < ENOUGH:
        notes.append(
            f"Only {smallest:,} images on one side: a Fréchet distance grows as images get fewer. "
            "Compare it with figures taken at the same count only, or read the kernel distance."
        )
    if len(floor.unseen) < len(samples):
        notes.append(
            f"The floor has {len(floor.unseen):,} images and {len(samples):,} were generated, "
            "so its Fréchet distance is a little too high."
        )
    return notes


def _check(
    generated: NDArray[np.uint8], reference: NDArray[np.uint8], held_out: NDArray[np.uint8] | None
) -> None:
    needed = {
        "generated": (generated, 2),
        "reference": (reference, 2 if held_out is not None else 4),
    }
    if held_out is not None:
        needed["held-out"] = (held_out, 2)
    for name, (images, least) in needed.items():
        if images.ndim != 4 or len(images) < least or images.shape[1:] != reference.shape[1:]:
            raise UsageError(
                f"The {name} images have shape {list(images.shape)}; scores need at least {least} "
                f"of shape [N, H, W, C], of the reference's size {list(reference.shape[1:])}."
            )
