"""Nearest training neighbours: does a generator copy what it was shown?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from elegan.measure.manifold import squared_distances

VALUES = 1024
"""Images are compared pixel by pixel after averaging down to at most this many values.

32x32 in gray, 18x18 in colour: 60,000 of them take 250 MB.
"""

EXPECTED_SHARE = 0.01
"""The share of unseen real images that the threshold of a near-copy lets through, by its making."""

_ROUNDING = 1e-4  # of the median distance

_BLOCK = 5000

_IMAGES_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """How near generated images, and unseen real ones, come to their nearest training image.

    Attributes:
        median: the median distance of the generated images.
        usual: the median distance of the unseen real images.
        threshold: the distance that 1 % of the unseen real images stay below, those that repeat a
            training image left out; 0 where all do, so that nothing can be judged.
        copies: generated images below it.
        share: of the generated images below it; about 0.01 when nothing is copied.
        expected: the same share of these unseen real images.
        distances: of each generated image to its nearest training image.
        rows: that training image.
        usual_rows: the nearest training image of each unseen real image.
    """

    median: float
    usual: float
    threshold: float
    copies: int
    share: float
    expected: float
    distances: NDArray[np.float64]
    rows: NDArray[np.int64]
    usual_rows: NDArray[np.int64]


def nearness(
    generated: NDArray[np.float32],
    unseen: NDArray[np.float32],
    training: NDArray[np.float32],
    own: NDArray[np.int64] | None = None,
) -> Nearness:
    """Compares distances to the nearest training image, all in the same space [N, D].

    Args:
        generated: generated images.
        unseen: real images that were not trained on.
        training: training images.
        own: when `unseen` are training images after all, their rows, which are passed over.
    """
    distances, rows = nearest(generated, training)
    usual, usual_rows = nearest(unseen, training, own)
    new, threshold = distinct(usual), copy_threshold(usual)
    return Nearness(
        median=float(np.median(distances)),
        usual=float(np.median(usual)),
        threshold=threshold,
        copies=int((distances < threshold).sum()),
        share=float((distances < threshold).mean()),
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
    """Returns the distance below which an image is a near-copy; 0 where nothing tells it.

    Args:
        usual: distances of real images to the nearest other one.
    """
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
