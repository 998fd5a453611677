"""From what the network of points says to outlines that agree with the maps and can be filled."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from elegan.data.characters.curves import clockwise
from elegan.data.characters.fitting import aligned, fit_outline
from elegan.data.characters.outlines import check
from elegan.data.characters.parts import INSIDE, PARTS
from elegan.data.characters.tracing import fitted
from elegan.errors import EleganError
from elegan.models.character_planes import ON_FACE, present


@dataclass(frozen=True, kw_only=True)
class FoundOutlines:
    """The outlines of a character.

    Attributes:
        outlines: points [32, 2] by part, which can be filled.
        traced: parts whose outline was found by tracing the map: that of the network could not be
            filled or agreed less with the map.
        dropped: parts of the map for which neither served.
    """

    outlines: Mapping[str, np.ndarray]
    traced: tuple[str, ...]
    dropped: tuple[str, ...]


def find_outlines(amodal: np.ndarray, guesses: np.ndarray) -> FoundOutlines:
    """Fits outlines to maps, from the network's guesses and from the maps' own level lines.

    Places that a network says are off by a fraction of a pixel, in which a mouth has room, and
    along an outline they are hardly defined. So the network gives the order and where to begin; the
    maps say where the outline is (`fitting.fit_outline`).

    Args:
        amodal: maps of parts by themselves [P, M, M] in 0..1.
        guesses: [P, 32, 2], the network's outlines; those of missing parts mean nothing.
    """
    outlines, traced, dropped = {}, [], []
    for index in np.flatnonzero(present(amodal)).tolist():
        name = PARTS[index]
        found = _fitted(name, guesses[index], amodal[index], outlines.get("face"))
        if found is None or (name in INSIDE and INSIDE[name] not in outlines):
            dropped.append(name)
            continue
        outlines[name], by_tracing = found
        if by_tracing:
            traced.append(name)
    return FoundOutlines(outlines=outlines, traced=tuple(traced), dropped=tuple(dropped))


def _fitted(
    name: str, guess: np.ndarray, mask: np.ndarray, face: np.ndarray | None
) -> tuple[np.ndarray, bool] | None:
    """The better of two fits, and whether it began by tracing; None where neither can be filled."""
    beginnings = [(_fillable(name, guess), False)]
    if loops := fitted(mask):
        along = _fillable(name, aligned(loops[0], guess))
        if along is not None and not (name in ON_FACE and _is_stray(along, face)):
            beginnings.append((along, True))
    fits = []
    for points, by_tracing in beginnings:
        if points is not None:
            moved, error = fit_outline(points, mask)
            fits.append((error, _fillable(name, moved), points, by_tracing))
    if not fits:
        return None
    _, moved, points, by_tracing = min(fits, key=lambda one: one[0])
    return (points if moved is None else moved), by_tracing


def _is_stray(points: np.ndarray, face: np.ndarray | None) -> bool:
    """Whether a feature's traced outline lies beside the face: a speck of noise in its map."""
    if face is None:
        return False
    middle = points.mean(axis=0)
    return bool(((middle < face.min(axis=0)) | (middle > face.max(axis=0))).any())


def _fillable(name: str, points: np.ndarray) -> np.ndarray | None:
    """The points, clockwise and on the canvas, or None where they cannot be filled."""
    points = clockwise(np.asarray(points, np.float64).clip(0, 1))
    try:
        check(name, points)
    except EleganError:
        return None
    return points
