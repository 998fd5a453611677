"""A pattern that repeats over a whole photo, found in its spectrum and taken off by folding.

Stripes, halftone dots, lace, a screen: what lies over the photo is the same after every step of a
square lattice or of a row of lines. Folded by that step, the photo under it averages out and the
pattern stays. Where it covers, the photo is what is seen less the ink, over what shines through.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from elegan.models.filters import Clearing, Filter
from elegan.models.inference import white

Waves = np.ndarray[Any, np.dtype[np.complex128]]
SHORTEST, LONGEST = 3.2, 64.0
"""Pixels from one repetition to the next."""
_LOOKED_AT, _RANKED_AT = 768, 384  # pixels a side of the middle that is measured, and ranked
_HIGHEST = 0.47  # cycles a pixel
_RINGS = 6  # an octave: the photo's own spectrum is their median
_PEAKS, _TRIED, _SHORTLIST = 10, 40, 6
_LEAST_PEAK, _MOST_PEAK = 2.0, 8.0  # logarithm of a peak's power over the photo's own
_BY_CHANCE = 2.3  # about the highest of nine places where there is no peak
_EXPLAINED = 0.08  # share of a photo's detail that is a pattern for certain
_MOST = 2  # patterns of one photo
_LEAST_SEEN = 1.5 / 255  # its deviation: below is what rounding leaves
_BINS = 64  # along each direction of the lattice, at most
_FEW = 150  # samples of a bin: below, its neighbours help
_POLISHED = 5  # overtones up to here make a step exact
_FINER, _FINEST = 2, 0.02  # places a bin of the spectrum that is searched; a last move, in bins
_OPACITY, _ROUNDS = (0.02, 0.9), 12
_LINES = np.arange(1, 13).astype(complex)
_GRID = np.array([complex(a, b) for a in range(-6, 7) for b in range(7) if b > 0 or a > 0], complex)
"""Overtones: the lattice of frequencies of a square lattice is that of the Gaussian integers."""
_PARTS = np.array(
    [complex(a, b) for a in range(4) for b in range(-3, 4) if a > 0 or b > 0], complex
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pattern:
    """What lies over a photo.

    Attributes:
        step: cycles a pixel, to the right as the real part and down as the imaginary one.
        origin: (row, column) of phase 0.
        cover: float32 [n, m], how far each phase is covered, 0 to 1; m is 1 for lines.
        opacity: of what covers, 0 to 1.
        ink: its colour times its opacity, [C].
        explained: share of the photo's detail that it explains.
    """

    step: complex
    origin: tuple[int, int]
    cover: np.ndarray
    opacity: float
    ink: np.ndarray
    explained: float

    def at(self, rows: slice, width: int) -> np.ndarray:
        """How far some rows are covered, float32 [h, width], bilinear between phases."""
        down = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None] - self.origin[0]
        right = np.arange(width, dtype=np.float64)[None] - self.origin[1]
        total = np.float32(0)
        places = [
            _between(phase, count)
            for phase, count in zip(_phases(self.step, down, right), self.cover.shape, strict=True)
        ]
        for (row, share), (column, other) in itertools.product(*places):
            total = total + self.cover[row, column] * (share * other)
        return np.broadcast_to(total, (len(down), width))

    def taken_off(self, rows: slice, seen: np.ndarray) -> np.ndarray:
        """What lies below in some rows, float32 [h, W, C] in 0..1."""
        cover = self.at(slice(rows.start, rows.start + len(seen)), seen.shape[1])[..., None]
        clear = (seen - cover * self.ink) / (1 - cover * np.float32(self.opacity))
        return clear.clip(0, 1).astype(np.float32)


class PatternFilter(Filter):
    """A restorer of the family destripe."""

    family, kinds = "destripe", ("stripes",)
    method, note = "folding-1", "by folding; where nothing repeats, nothing changes"

    def look(self, image: np.ndarray) -> Clearing | None:
        """See `Filter.look`."""
        part, origin = _middle(image, _LOOKED_AT)
        seen = part.astype(np.float32) / np.float32(white(image.dtype))
        patterns: list[Pattern] = []
        # What is left of lace may be another lattice.
        while len(patterns) < _MOST and (found := find_pattern(seen)) is not None:
            seen = found.taken_off(slice(0, len(seen)), seen)
            patterns.append(replace(found, origin=origin))

        def clearing(rows: slice, seen: np.ndarray) -> np.ndarray:
            return reduce(lambda left, one: one.taken_off(rows, left), patterns, seen)

        return clearing if patterns else None


def find_pattern(seen: np.ndarray) -> Pattern | None:
    """Finds what repeats over a photo; None where nothing does for certain.

    Args:
        seen: float32 [H, W, 1 or 3] in 0..1.
    """
    if min(seen.shape[:2]) < LONGEST:
        return None
    near, _ = _middle(seen, _RANKED_AT)
    ranked = []
    for step, overtones in _candidates(near):
        detail = _detail(near, step)
        found = _refined(detail, step, overtones)
        ranked.append((_folded(detail, found, overtones)[1], found, overtones))
    if not ranked:
        return None
    _, step, overtones = max(ranked, key=lambda item: item[0])
    detail = _detail(seen, step)
    step = _polished(detail, _refined(detail, step, overtones), overtones)
    profile, _ = _folded(detail, step, overtones)
    low, high = np.quantile(profile, (0.05, 0.95))
    covers = ((profile - low) / max(high - low, 1e-9)).clip(0, 1).astype(np.float32)
    fits = [_inked(seen, detail, step, cover) for cover in (covers, 1 - covers)]
    best = max(fits, key=lambda item: item.explained)
    seen_of_it = best.explained * float(np.square(detail).mean())
    certain = best.explained >= _EXPLAINED and seen_of_it >= _LEAST_SEEN**2
    return best if certain else None


def _middle(image: np.ndarray, side: int) -> tuple[np.ndarray, tuple[int, int]]:
    top, left = (max(0, (length - side) // 2) for length in image.shape[:2])
    return image[top : top + side, left : left + side], (top, left)


def _detail(seen: np.ndarray, step: complex) -> np.ndarray:
    """A photo [h, w, C] less its mean over about two repetitions."""
    return seen - _mean(seen, step)


def _mean(seen: np.ndarray, step: complex) -> np.ndarray:
    radius = max(1, min(round(1 / abs(step)) // 2, min(seen.shape[:2]) // 4))
    planes = torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))[None]
    for _ in range(2):
        planes = functional.pad(planes, (radius,) * 4, mode="replicate")
        planes = functional.avg_pool2d(planes, (2 * radius + 1, 1), 1)
        planes = functional.avg_pool2d(planes, (1, 2 * radius + 1), 1)
    return planes[0].numpy().transpose(1, 2, 0)


def _candidates(seen: np.ndarray) -> list[tuple[complex, Waves]]:
    """Returns steps that peaks of a spectrum may be overtones of: the likeliest of each form."""
    power, excess = _spectrum(seen)
    peaks = _peaks(power, excess)
    chosen: list[tuple[complex, Waves]] = []
    for overtones, parts in ((_LINES, _LINES[:6]), (_GRID, _PARTS)):
        steps = [peak / part for peak in peaks for part in parts if abs(peak / part) > 1 / LONGEST]
        steps.sort(key=lambda step: -_likely(excess, step, overtones))
        kept: list[complex] = []
        for step in [*steps[:_TRIED], *peaks[:_SHORTLIST]]:
            if all(abs(step - other) > 1 / len(seen) for other in kept):
                kept.append(step)
        chosen += [(step, overtones) for step in kept[: 2 * _SHORTLIST]]
    return chosen


def _windowed(planes: np.ndarray) -> np.ndarray:
    """[h, w, C] -> [C, h, w], falling to 0 at the edges."""
    window = np.hanning(planes.shape[0])[:, None] * np.hanning(planes.shape[1])
    return (planes.transpose(2, 0, 1) * window).astype(np.float32)


def _spectrum(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the power [h, w], and of it over the median of frequencies about as high."""
    waves = np.fft.fft2(_windowed(seen - seen.mean(axis=(0, 1))))
    power = np.log(np.square(np.abs(waves)).sum(axis=0) + 1e-12)
    down, right = (np.fft.fftfreq(side) for side in power.shape)
    radius = np.maximum(np.hypot(down[:, None], right), 1 / max(power.shape))
    rings = np.round(np.log2(radius) * _RINGS).astype(int)
    excess = power.copy()
    for ring in np.unique(rings):
        inside = rings == ring
        excess[inside] -= np.median(power[inside])
    return power, excess


def _peaks(power: np.ndarray, excess: np.ndarray) -> list[complex]:
    """Returns the peaks that stand out most, and those of most power."""
    padded = torch.from_numpy(np.pad(excess, 2, mode="wrap"))[None, None]
    highest = functional.max_pool2d(padded, 5, 1)[0, 0].numpy()
    down, right = (np.fft.fftfreq(side) for side in excess.shape)
    steps = right[None] + 1j * down[:, None]
    within = (abs(steps) > 1 / LONGEST) & (abs(steps) < 1 / SHORTEST)
    half = (steps.imag > 0) | ((steps.imag == 0) & (steps.real > 0))
    places = np.flatnonzero((excess == highest) & (excess > _LEAST_PEAK) & within & half)
    ranked = (places[np.argsort(-values.ravel()[places])][:_PEAKS] for values in (power, excess))
    return steps.ravel()[list(dict.fromkeys(np.concatenate(list(ranked)).tolist()))].tolist()


def _likely(excess: np.ndarray, step: complex, overtones: Waves) -> float:
    """How far the overtones of a step stand out of the photo's spectrum, the higher the surer.

    Divided by the root of their number: a step of twice as many, half of which are not there, is
    less likely.
    """
    waves = _resolved(overtones, step)
    height, width = excess.shape
    rows, columns = np.rint([waves.imag * height, waves.real * width]).astype(int)
    near = [
        excess[(rows + down) % height, (columns + right) % width]
        for down, right in itertools.product((-1, 0, 1), repeat=2)
    ]
    standing = (np.max(near, axis=0).clip(0, _MOST_PEAK) - _BY_CHANCE).clip(-1)
    return float(standing.sum() / np.sqrt(len(waves) + 2))


def _refined(detail: np.ndarray, step: complex, overtones: Waves) -> complex:
    """Moves a step to where its overtones have most power, low ones first."""
    height, width = detail.shape[:2]
    size = (_FINER * height, _FINER * width)
    spectrum = np.fft.rfft2(_windowed(detail), size)
    heights = np.sqrt(np.square(np.abs(spectrum)).sum(axis=0))

    def power(place: complex, chosen: Waves) -> float:
        waves: Any = _resolved(chosen, place)
        waves = np.where(waves.real < 0, -waves, waves)  # the other half is its mirror image
        rows, columns = waves.imag * size[0], waves.real * size[1]
        top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
        down, right = rows - top, columns - left
        parts = [
            heights[(top + y) % size[0], left + x] * abs(1 - y - down) * abs(1 - x - right)
            for y, x in itertools.product((0, 1), repeat=2)
        ]
        return float(np.square(np.sum(parts, axis=0)).sum())

    begun, place = step, 1 / max(height, width)
    for reach in (2, 4, 8, 12):
        chosen = overtones[abs(overtones) <= reach]
        step = _climbed(
            step,
            lambda at, chosen=chosen: power(at, chosen) if abs(at - begun) < 1.5 * place else 0.0,
            (place / 2, _FINEST * place / reach),
        )
    return step


def _polished(detail: np.ndarray, step: complex, overtones: Waves) -> complex:
    """Moves a step by less than a place of that search, by the power of its overtones itself."""
    planes = _windowed(detail)
    down, right = (np.arange(side) - side / 2 for side in planes.shape[1:])
    chosen = overtones[abs(overtones) <= _POLISHED]

    def power(at: complex) -> float:
        waves = _resolved(chosen, at)
        turns = np.outer(right, waves.real) * (2 * np.pi)
        even, odd = (planes @ wave(turns).astype(np.float32) for wave in (np.cos, np.sin))
        along = np.exp(-2j * np.pi * np.outer(down, waves.imag))
        sums = ((even - 1j * odd) * along).sum(axis=1)
        return float(np.square(np.abs(sums)).sum())

    place = 1 / max(planes.shape) / _POLISHED
    return _climbed(step, power, (0.1 * place, 0.005 * place))


def _resolved(overtones: Waves, step: complex) -> Waves:
    """Returns the overtones of a step that a grid of pixels shows."""
    waves: Waves = overtones * step
    return waves[np.maximum(abs(waves.real), abs(waves.imag)) < _HIGHEST]


def _climbed(
    step: complex, power: Callable[[complex], float], moves: tuple[float, float]
) -> complex:
    """Moves a step to where the power is highest, by moves from a first to a last length."""
    (move, last), best = moves, power(step)
    while move > last:
        ways = [step + way * move for way in (1, -1, 1j, -1j)]
        values = [power(way) for way in ways]
        if max(values) > best:
            best, step = max(values), ways[int(np.argmax(values))]
        else:
            move /= 2
    return step


def _phases(step: complex, down: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Phases along the step and across it, in 0..1."""
    along = (step.real * right + step.imag * down) % 1
    return along, (-step.imag * right + step.real * down) % 1


def _between(phase: np.ndarray, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The two bins that a phase lies between, and their shares."""
    if count == 1:
        return [(np.zeros(phase.shape, int), np.ones(phase.shape, np.float32))]
    place = phase * count - 0.5
    first = np.floor(place).astype(int)
    share = (place - first).astype(np.float32)
    return [(first % count, 1 - share), ((first + 1) % count, share)]


def _folded(detail: np.ndarray, step: complex, overtones: Waves) -> tuple[np.ndarray, float]:
    """Folds the detail [h, w, C] of a photo by a step.

    Returns:
        The mean of each phase [n, m], along the colour that changes most; and the share of the
        detail that it explains, less what as many bins would explain by chance.
    """
    height, width, channels = detail.shape
    count = int(np.clip(np.ceil(2 / abs(step)), 6, _BINS))
    shape = (count, 1 if overtones is _LINES else count)
    phases = _phases(step, np.arange(height)[:, None], np.arange(width)[None])
    along, across = (
        np.minimum((phase * side).astype(int), side - 1)
        for phase, side in zip(phases, shape, strict=True)
    )
    bins = (along * shape[1] + across).ravel()
    size = shape[0] * shape[1]
    weights = [None, *detail.reshape(-1, channels).T]
    sums = np.stack([np.bincount(bins, one, size) for one in weights]).reshape(-1, *shape)
    if sums[0].min() < _FEW:  # a step of whole pixels leaves bins empty
        sums = np.sum(
            [
                np.roll(sums, (down, right), (1, 2)) * (2 - abs(down)) * (2 - abs(right))
                for down, right in itertools.product((-1, 0, 1), repeat=2)
            ],
            axis=0,
        )
    samples, totals = sums[0].ravel(), sums[1:].reshape(channels, -1).T
    means = totals / np.maximum(samples, 1)[:, None]
    means -= np.average(means, axis=0, weights=samples)
    shares = samples / samples.sum()
    values, ways = np.linalg.svd(means * np.sqrt(shares)[:, None], full_matrices=False)[1:]
    profile = (means @ ways[0]).reshape(shape)
    explained = values[0] ** 2 / max(float(np.square(detail).sum(axis=2).mean()), 1e-9)
    return profile, float(explained - size / len(bins))


def _inked(
    seen: np.ndarray,
    detail: np.ndarray,
    step: complex,
    covers: np.ndarray,
) -> Pattern:
    """Finds opacity and ink by least squares, for how far each phase is covered.

    Of cover c, a photo P, opacity o and ink k is seen P (1 - o c) + k c. Around a place P is about
    (mean - k mean(c)) / (1 - o mean(c)), so its detail is about (c - mean(c)) (k - o P).
    """
    height, width, channels = seen.shape
    laid = Pattern(step=step, origin=(0, 0), cover=covers, opacity=0, ink=np.zeros(1), explained=0)
    cover = laid.at(slice(0, height), width)[..., None].astype(np.float32)
    around, mean = _mean(cover, step), seen - detail
    swing = cover - around
    power = float(np.square(swing).sum()) + 1e-6
    opacity, ink = np.float32(0.4), np.float32(0.4) * mean.mean(axis=(0, 1))
    below = mean
    for _ in range(_ROUNDS):
        below = (mean - around * ink) / (1 - opacity * around)
        # Normal equations in one ink a channel and one opacity for all.
        left = np.diag([power] * channels + [float(np.square(swing * below).sum()) + 1e-6])
        left[:channels, channels] = -(swing**2 * below).sum(axis=(0, 1))
        left[channels, :channels] = left[:channels, channels]
        right = [*(swing * detail).sum(axis=(0, 1)), -float((swing * below * detail).sum())]
        wanted = float(np.clip(np.linalg.solve(left, np.array(right))[channels], *_OPACITY))
        opacity = np.float32((opacity + wanted) / 2)
        inks = (swing * (detail + swing * opacity * below)).sum(axis=(0, 1)) / power
        ink = ((ink + inks.clip(0, opacity)) / 2).astype(np.float32)
    left_over = detail - swing * (ink - opacity * below)
    explained = 1 - float(np.square(left_over).sum()) / max(float(np.square(detail).sum()), 1e-9)
    return Pattern(
        step=step,
        origin=(0, 0),
        cover=covers,
        opacity=float(opacity),
        ink=ink,
        explained=explained,
    )
