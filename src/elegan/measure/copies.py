"""Copies by name: which samples lie nearest to which training images, and whether that is copying.

A sample is a near-copy where it lies nearer to a training image than 99 % of unseen real images do
(`neighbours.Nearness`). By that making as many as 1 % are expected of a generator that copies
nothing, so a count is told beside that expectation.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elegan.measure.neighbours import EXPECTED_SHARE, Nearness

PAIRS = 16
"""So many of the nearest pairs are kept in each space."""

_NAMED = 5


def nearest_pairs(found: Nearness, looked_at: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Returns the pairs of a sample and its nearest training image, the closest first.

    Each is `sample` and `training` (indices into the sets that were compared), `distance`,
    `relative` (to the threshold of a near-copy; None where that is 0) and `copy`. Of the samples
    nearest to one and the same training image only the closest is kept.

    Args:
        found: of these samples.
        looked_at: int64 [n], which samples they are.
    """
    pairs = []
    seen: set[int] = set()
    for place in np.argsort(found.distances, kind="stable"):
        training, distance = int(found.rows[place]), float(found.distances[place])
        if training in seen:
            continue
        seen.add(training)
        pairs.append(
            {
                "sample": int(looked_at[place]),
                "training": training,
                "distance": distance,
                "relative": distance / found.threshold if found.threshold > 0 else None,
                "copy": distance < found.threshold,
            }
        )
        if len(pairs) == PAIRS:
            break
    return pairs


def copy_facts(
    near: Mapping[str, Nearness], looked_at: NDArray[np.int64], names: Sequence[str] | None
) -> dict[str, Any]:
    """Returns JSON values for each space: `count`, `of`, `expected`, `copied` and `pairs`.

    `copied` are the training images with the most near-copies, named, each with their number.

    Args:
        near: by space.
        looked_at: which samples were compared.
        names: of the training images; by default their indices.
    """
    facts: dict[str, Any] = {}
    for space, found in near.items():
        below = found.rows[found.distances < found.threshold]
        pairs = nearest_pairs(found, looked_at)
        for pair in pairs:
            pair["file"] = _name(pair["training"], names)
        facts[space] = {
            "count": found.copies,
            "of": len(found.rows),
            "expected": EXPECTED_SHARE * len(found.rows),
            "copied": {
                _name(training, names): times
                for training, times in Counter(below.tolist()).most_common(PAIRS)
            },
            "pairs": pairs,
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
        more = ", ..." if sum(copied.values()) < count or len(names) > _NAMED else ""
        said.append(
            f"{count:,} of {of:,} samples are near-copies of training images in {space} (of as many"
            f" unseen real images {expected:.0f}): {', '.join(names[:_NAMED])}{more}."
        )
    if clear:
        where = (
            "Elsewhere no sign of it"
            if any(map(is_copying, copies.values()))
            else "No sign of copying"
        )
        said.append(
            f"{where}: {' and '.join(clear)} are nearer to a training image than 99 % of unseen"
            " real images are, no more than chance explains."
        )
    return said


def _name(row: int, names: Sequence[str] | None) -> str:
    return f"image {row}" if names is None else names[row]
