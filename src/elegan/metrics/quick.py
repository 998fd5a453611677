"""Cheap signals for the training loop: is the generator collapsing, copying or missing modes?

Everything is measured on pixels averaged down to 12x12, where a few hundred samples compare with
thousands of training images in well under a tenth of a second. That is enough for an alarm and not
for a figure: figures come from `elegan.metrics.scores`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elegan.common.errors import EleganError
from elegan.metrics.distances import squared_distances
from elegan.metrics.neighbours import distinct, nearest, small_pixels

SIDE = 12
REFERENCE_LIMIT = 20_000
HELD_OUT_LIMIT = 500
PAIR_QUANTILE, PAIR_SHARE = 0.001, 0.3
BALL = 5
LABELS_LIMIT = 1_000


@dataclass(frozen=True, kw_only=True)
class QuickReference:
    """What the signals need to know of the real images, prepared once a run."""

    rows: NDArray[np.float32]  # training images [M, D] at 12x12, at most 20,000 of them
    # The distance below which two images count as near-identical: 0.1 % of the pairs of real images
    # are that close, or fewer, for it is at most 0.3 of their median distance
    identical: float
    # The median distance of unseen real images to their nearest training image, those that repeat
    # one left out; 0 where all do
    distance: float
    labels: NDArray[np.int64] | None = None  # int64 [M], the classes of the rows, or None
    agreement: float = 0.0  # share of training images whose nearest other one is of their class
    chance: float = 0.0  # the same of labels that have nothing to do with the images
    compared: int = 0  # training images that `agreement` was taken on


def prepare_reference(
    training: NDArray[np.uint8],
    held_out: NDArray[np.uint8] | None = None,
    seed: int = 0,
    labels: NDArray[np.int64] | None = None,
) -> QuickReference:
    """Returns what `quick_signals` compares with.

    Args:
        training: uint8 [M, H, W, C]; a seeded 20,000 of them are kept. A copy of an image that is
            not kept goes unseen, but copying is a danger of small sets, which are kept whole.
        held_out: real images that are not trained on; without them the training images take the
            part, each compared with all the others.
        labels: int64 [M], the classes of the training images.

    Raises:
        EleganError: fewer than two training images.
    """
    if len(training) < 2:
        raise EleganError(
            f"Health signals compare with real images, and there are {len(training)}. Add more."
        )
    random = np.random.default_rng(seed)
    rows, chosen = _draw(training, REFERENCE_LIMIT, random)
    if held_out is not None and len(held_out):
        unseen, _ = _draw(held_out, HELD_OUT_LIMIT, random)
        distances, _ = nearest(unseen, rows)
    else:
        own = np.arange(min(HELD_OUT_LIMIT, len(rows)))
        distances, _ = nearest(rows[own], rows, own=own)
    new = distinct(distances)
    pairs = _pair_distances(torch.from_numpy(rows[:1000]))
    close, middle = (float(pairs.quantile(share)) for share in (PAIR_QUANTILE, 0.5))
    facts: dict[str, Any] = {}
    if labels is not None:
        # How well labels follow the pictures: 1-nearest-neighbour, each image left out.
        of_rows, own = labels[chosen], np.arange(min(LABELS_LIMIT, len(rows)))
        _, found = nearest(rows[own], rows, own=own)
        facts = {
            "labels": of_rows,
            "agreement": float((of_rows[found] == of_rows[own]).mean()),
            "chance": float(np.square(np.bincount(of_rows) / len(of_rows)).sum()),
            "compared": len(own),
        }
    return QuickReference(
        rows=rows,
        # Pictures of many independent parts, such as stacked digits, all lie about as far apart as
        # their median: their nearest 0.1 % of pairs look nothing alike, and samples that are just
        # paler or smoother than they come as near. Hence the share of the median. 0.01 over all of
        # 12x12 pixels is invisible, and above the rounding of float32.
        identical=max(0.01, min(close, PAIR_SHARE * middle)),
        distance=float(np.median(new)) if len(new) else 0.0,
        **facts,
    )


def quick_signals(
    samples: NDArray[np.uint8],
    reference: QuickReference,
    labels: NDArray[np.int64] | None = None,
) -> dict[str, float]:
    """Returns signals of generated images uint8 [N, H, W, C], N of 2 or more, best 256.

    - `duplicates`, 0 to 1: the share of pairs of samples that are near-identical. Real images have
      0.001 or less by the making of the threshold. Above 0.02 the samples are visibly repetitive; a
      generator that has collapsed to k equally frequent pictures is at 1 / k.
    - `nearest`, 0 upward: the median distance to the nearest training image, divided by that of
      unseen real images. About 1 is healthy. Below 0.5 more than half of the samples are nearer to
      a training image than an unseen one would be, by a factor of two: copying, or samples from
      the simplest corner of the data only (nothing but the digit 1: 0.3), which `coverage` tells
      apart. Above 2 the samples do not look like the data yet. Left out where every unseen image
      repeats a training image.
    - `coverage`, 0 to 1: the share of real images with a sample in the ball that reaches to their
      5th nearest real neighbour (Naeem et al. 2020), among as many reals as samples. A perfect
      generator has about 1 - 2^-5 = 0.97; below 0.5 whole regions of the data are missing.

    And with `labels`, the classes asked for, where the reference has labels too:

    - `label_agreement`, 0 to 1: the share of samples whose nearest training image is of the class
      asked for. `label_agreement_real` is the same of training images among the others, the most
      that can be expected, and `label_agreement_chance` what labels that say nothing of the images
      stay below (their expectation and 2.5 standard errors).
    """
    rows = torch.from_numpy(small_pixels(samples, SIDE))
    anchors = torch.from_numpy(reference.rows[: len(rows)])
    within = min(BALL + 1, len(anchors))
    radii = squared_distances(anchors, anchors).topk(within, largest=False).values[:, -1]
    held = (squared_distances(anchors, rows) <= radii[:, None]).any(1)
    distances, found = nearest(rows.numpy(), reference.rows)
    signals = {
        "duplicates": float((_pair_distances(rows) <= reference.identical).float().mean()),
        "coverage": float(held.float().mean()),
    }
    if reference.distance > 0:
        signals["nearest"] = float(np.median(distances)) / reference.distance
    if labels is not None and reference.labels is not None:
        chance = reference.chance
        error = (chance * (1 - chance) / min(len(rows), reference.compared)) ** 0.5
        signals["label_agreement"] = float((reference.labels[found] == labels).mean())
        signals["label_agreement_real"] = reference.agreement
        signals["label_agreement_chance"] = min(1.0, chance + 2.5 * error)
    return signals


def _pair_distances(rows: Tensor) -> Tensor:
    """Returns the distances of all pairs of different rows, [N (N - 1) / 2]."""
    first, second = torch.triu_indices(len(rows), len(rows), offset=1)
    return squared_distances(rows, rows)[first, second].sqrt()


def _draw(
    images: NDArray[np.uint8], limit: int, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Returns a random `limit` of the images, or all, as rows at 12x12, and which they are.

    In random order even when all are kept: the first rows are the anchors of `coverage`, and files
    often lie class by class.
    """
    chosen = random.permutation(len(images))[:limit]
    parts = [chosen[start : start + 500] for start in range(0, len(chosen), 500)]
    return np.concatenate([small_pixels(images[part], SIDE) for part in parts]), chosen
