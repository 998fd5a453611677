"""Nearest neighbours: duplicates among samples, and copies of training images."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from elegan.metrics.distances import squared_distances

VALUES = 1024
"""Images are compared pixel by pixel after averaging down to at most this many values.

32x32 in gray, 18x18 in colour: 60,000 of them take 250 MB.
"""

EXPECTED_SHARE = 0.01
"""The share of unseen real images that the threshold of a near-copy lets through, by its making."""

PAIRS = 16  # so many of the nearest pairs are kept in each space

MAX_NAMED = 5
_ROUNDING = 1e-4  # of the median distance
_BLOCK = 5000
_IMAGES_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """How near generated images, and unseen real ones, come to their nearest training image."""

    median: float  # the median distance of the generated images
    usual: float  # the median distance of the unseen real images
    # The distance that 1 % of the unseen real images stay below, those that repeat a training image
    # left out; 0 where all do, so that nothing can be judged
    threshold: float
    copies: int  # generated images below it
    share: float  # of the generated images below it; about 0.01 when nothing is copied
    expected: float  # the same share of these unseen real images
    distances: NDArray[np.float64]  # of each generated image to its nearest training image
    rows: NDArray[np.int64]  # that training image
    usual_rows: NDArray[np.int64]  # the nearest training image of each unseen real image


def nearness(
    generated: NDArray[np.float32],
    unseen: NDArray[np.float32],
    training: NDArray[np.float32],
    own: NDArray[np.int64] | None = None,
) -> Nearness:
    """Compares distances to the nearest training image, all in the same space [N, D].

    Args:
        unseen: real images that were not trained on.
        own: when `unseen` are training images after all, their rows, which are passed over.
    """
    distances, rows = nearest(generated, training)
    usual, usual_rows = nearest(unseen, training, own)
    new, threshold = distinct(usual), copy_threshold(usual)
    below = distances < threshold
    return Nearness(
        median=float(np.median(distances)),
        usual=float(np.median(usual)),
        threshold=threshold,
        copies=int(below.sum()),
        share=float(below.mean()),
        expected=float((new < threshold).mean()) if len(new) else 0.0,
        distances=distances,
        rows=rows,
        usual_rows=usual_rows,
    )


def distinct(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the distances of those images that do not repeat their nearest one.

    Repeats lie at 0 in pixels; in features at the rounding of float32, which batches differ by.
    """
    apart = distances[distances > 0]
    return apart[apart > _ROUNDING * np.median(apart)] if len(apart) else apart


def copy_threshold(usual: NDArray[np.float64]) -> float:
    """Returns the distance below which an image is a near-copy; 0 where nothing tells it."""
    new = distinct(usual)
    return float(np.quantile(new, EXPECTED_SHARE)) if len(new) else 0.0


def nearest(
    queries: NDArray[np.float32],
    database: NDArray[np.float32],
    own: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Returns the Euclidean distance to, and the row of, the nearest row of `database`.

    The search multiplies matrices in float32; the distance that is returned is then taken exactly,
    so that a true copy is at 0. Memory is bounded by blocks of 5,000 database rows.

    Args:
        queries: [N, D].
        database: [M, D]; converted to float32 block by block.
        own: for each query, its own row in the database, which is passed over.
    """
    wanted = torch.as_tensor(queries, dtype=torch.float32)
    best = torch.full((len(wanted),), torch.inf)
    rows = torch.zeros(len(wanted), dtype=torch.int64)
    for start in range(0, len(database), _BLOCK):
        block = torch.as_tensor(database[start : start + _BLOCK], dtype=torch.float32)
        distances = squared_distances(wanted, block)
        if own is not None:
            here = np.flatnonzero((own >= start) & (own < start + len(block)))
            distances[here, own[here] - start] = torch.inf
        values, places = distances.min(1)
        closer = values < best
        best[closer], rows[closer] = values[closer], places[closer] + start
    found = rows.numpy()
    apart = np.asarray(queries, np.float64) - np.asarray(database[found], np.float64)
    return np.sqrt(np.square(apart).sum(1)), found


def small_pixels(images: NDArray[np.uint8], side: int | None = None) -> NDArray[np.float32]:
    """Returns images uint8 [N, H, W, C] as rows [N, D] in [0, 1], averaged down where larger.

    Args:
        images: may be memory-mapped; 200 are read at a time.
        side: largest height and width of the result; by default what keeps D within `VALUES`.
    """
    channels = images.shape[3]
    side = side or math.isqrt(VALUES // channels)
    height, width = min(side, images.shape[1]), min(side, images.shape[2])
    rows = np.empty((len(images), channels * height * width), np.float32)
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        block = torch.from_numpy(np.array(images[start : start + _IMAGES_AT_ONCE]))
        small = F.adaptive_avg_pool2d(block.permute(0, 3, 1, 2).float(), (height, width)) / 255
        rows[start : start + len(block)] = small.flatten(1).numpy()
    return rows


def nearest_pairs(found: Nearness, looked_at: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Returns the pairs of a sample and its nearest training image, the closest first.

    Each is `sample` and `training` (indices into the sets that were compared), `distance`,
    `relative` (to the threshold of a near-copy; None where that is 0) and `copy`. Of the samples
    nearest to one and the same training image only the closest is kept.

    Args:
        looked_at: int64 [n], which samples they are.
    """
    order = np.argsort(found.distances, kind="stable")
    closest = np.sort(np.unique(found.rows[order], return_index=True)[1])[:PAIRS]
    return [
        {
            "sample": int(looked_at[place]),
            "training": int(found.rows[place]),
            "distance": distance,
            "relative": distance / found.threshold if found.threshold > 0 else None,
            "copy": distance < found.threshold,
        }
        for place in order[closest]
        for distance in [float(found.distances[place])]
    ]


def copy_facts(
    near: Mapping[str, Nearness], looked_at: NDArray[np.int64], names: Sequence[str] | None
) -> dict[str, Any]:
    """Returns JSON values for each space: `count`, `of`, `expected`, `copied` and `pairs`.

    `copied` are the training images with the most near-copies, named, each with their number.

    Args:
        names: of the training images; by default their indices.
    """

    def name(row: int) -> str:
        return f"image {row}" if names is None else names[row]

    facts: dict[str, Any] = {}
    for space, found in near.items():
        copied = Counter(found.rows[found.distances < found.threshold].tolist())
        facts[space] = {
            "count": found.copies,
            "of": len(found.rows),
            "expected": EXPECTED_SHARE * len(found.rows),
            "copied": {name(row): times for row, times in copied.most_common(PAIRS)},
            "pairs": [
                {**pair, "file": name(pair["training"])} for pair in nearest_pairs(found, looked_at)
            ],
        }
    return facts


def can_be_judged(facts: Mapping[str, Any]) -> bool:
    """Whether there is a distance below which a sample would be a near-copy."""
    pairs = [pair for pair in facts["pairs"] if isinstance(pair, Mapping)]
    return all(pair.get("relative") is not None for pair in pairs)


def is_copying(facts: Mapping[str, Any]) -> bool:
    """Whether there are more near-copies than chance explains, by three standard errors."""
    expected = facts["expected"]
    return facts["count"] > expected + 3 * math.sqrt(expected) + 1


def describe_copies(copies: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Returns sentences that name what is copied, say that nothing is, or that none can tell."""
    said, clear = [], []
    for space, facts in copies.items():
        count, of, expected = facts["count"], facts["of"], facts["expected"]
        if not can_be_judged(facts):
            said.append(
                f"Copying cannot be judged in {space}: the unseen real images repeat training"
                " images exactly, so no distance tells a copy. Take repeats out of the data"
                " (`elegan inspect` counts them) and type `elegan evaluate` again."
            )
            continue
        if not is_copying(facts):
            clear.append(f"{count:,} of {of:,} samples in {space}")
            continue
        copied = facts["copied"]
        names = [f"{name} ({times} times)" if times > 1 else name for name, times in copied.items()]
        more = ", ..." if sum(copied.values()) < count or len(names) > MAX_NAMED else ""
        said.append(
            f"{count:,} of {of:,} samples are near-copies of training images in {space} (of as many"
            f" unseen real images {expected:.0f}): {', '.join(names[:MAX_NAMED])}{more}."
        )
    if clear:
        elsewhere = any(map(is_copying, copies.values()))
        where = "Elsewhere no sign of it" if elsewhere else "No sign of copying"
        said.append(
            f"{where}: {' and '.join(clear)} are nearer to a training image than 99 % of unseen"
            " real images are, no more than chance explains."
        )
    return said
