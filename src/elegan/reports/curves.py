"""The charts of pages as inline SVG: line charts, and dots with their intervals.

Here the places are computed; `templates/macros.html` draws them. Colours, fonts and dashes are
classes of the page's style, so that one drawing serves light, dark and print. Coordinates are in a
fixed view box; the page scales it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from elegan.reports.html import fill_macro
from elegan.reports.words import compact

WIDTH, HEIGHT = 480, 248
LEFT, RIGHT, TOP, BOTTOM = 52, 468, 30, 208
MAX_POINTS = 300
MAX_DOTS = 40
COLOURS = 4
# Over less, a logarithmic axis has too few round values to be read.
LEAST_LOG_RATIO = 8.0
ROW, DOTS_LEFT, DOTS_RIGHT = 30, 300, 680


@dataclass(frozen=True, kw_only=True)
class Series:
    """One curve: `y[i]` at `x[i]`, by ascending x; a `y` that is not finite is a gap."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    @property
    def last(self) -> float | None:
        """The last finite value."""
        return next((y for y in reversed(self.y) if math.isfinite(y)), None)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A moment worth a vertical line: `kind` is "guard", "resume" or "alarm"."""

    x: float
    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Maps [low, high] to the pixels [start, end], evenly or by the logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def inside(self, value: float) -> float:
        """The pixel of `value`, or of the end that it lies beyond, to a tenth."""
        return round(self(min(max(value, self.low), self.high)), 1)


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    y_label: str,
    x_label: str = "images seen",
    log_y: bool = False,
    y_range: Sequence[float] | None = None,
    floor: float | None = None,
    marks: Sequence[Mark] = (),
) -> str:
    """Draws `series` into one `<svg>`.

    A curve of more than 300 points is drawn as the mean of 300 equal bins of x over the band from
    their least to their greatest value, so that no peak is lost. Points whose value is not finite
    (or not positive, on a logarithmic axis) break the curve; those not finite are crossed at the
    top edge.

    Args:
        title, y_label, x_label: plain text; escaped here.
        log_y: logarithmic y, where the positive values differ by a factor of more than 8.
        y_range: the least range of y to show, for quantities with known bounds.
        floor: a y value to draw as a dashed reference line.
        marks: vertical lines.

    Returns:
        An SVG element; an empty string when no series has a finite value.
    """
    # The arithmetic of the axes underflows near the smallest floats; to a reader these are zero.
    series = [
        replace(curve, y=tuple(0.0 if abs(y) < 1e-290 else y for y in curve.y)) for curve in series
    ]
    values = [y for curve in series for y in curve.y if math.isfinite(y)]
    if not values:
        return ""
    positive = [y for y in (*values, floor or 0.0) if y > 0]
    log_y = log_y and bool(positive) and max(positive) > LEAST_LOG_RATIO * min(positive)
    if log_y:
        values = [y for y in values if y > 0]
    bounds = [*values, *(y_range or ())]
    if floor is not None and (floor > 0 or not log_y):
        bounds.append(floor)
    else:
        floor = None
    last_x = max(x for curve in series for x in curve.x)
    x_scale = Scale(low=0.0, high=max(last_x, 1.0), start=LEFT, end=RIGHT)
    y_scale = _y_scale(bounds, log_y)
    chart = {
        "size": (WIDTH, HEIGHT),
        "frame": (LEFT, RIGHT, TOP, BOTTOM),
        "title": title,
        "last": [(curve.label, curve.last) for curve in series if curve.last is not None],
        "x_label": x_label,
        "y_label": f"{y_label} · log scale" if log_y else y_label,
        "x_scale": x_scale,
        "y_scale": y_scale,
        "x_ticks": ticks(x_scale.low, x_scale.high),
        "y_ticks": _labelled(y_scale),
        "marks": marks,
        "floor": floor,
        "curves": [_curve(curve, x_scale, y_scale) for curve in series],
    }
    return fill_macro("line_chart", chart)


def interval_chart(
    rows: Sequence[tuple[str, Mapping[str, float | None]]], *, base: float | None
) -> str:
    """Draws a dot with its interval for each row into one `<svg>`, in percent.

    Args:
        rows: a label, and shares by the name of `mean`, `low` and `high`; these two None where
            unknown. Of an interval the part within [0, 1] is drawn.
        base: the share at a dashed reference line.
    """
    sides = (score[side] for _, score in rows for side in ("low", "mean", "high"))
    known = [100 * value for value in sides if value is not None]
    low, high = max(0.0, min(known)), min(100.0, max(known))
    margin = max(0.5, 0.04 * (high - low))
    scale = Scale(low=low - margin, high=high + margin, start=DOTS_LEFT, end=DOTS_RIGHT)
    return fill_macro("interval_chart", rows, base, scale, ROW)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Returns about `count` multiples of 1, 2 or 5 times a power of ten within [low, high]."""
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / count))
    steps = [factor * power for factor in (1, 2, 5, 10)]
    step = min(steps, key=lambda step: abs(math.log((high - low) / step / count)))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Returns round values within [low, high]: powers of ten, with 2 and 5 over short ranges."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = math.log10(high / low)
    stride = max(1, math.ceil(decades / 6))
    factors = (1, 2, 5) if decades <= 2.2 else (1,)
    found = [
        float(f"{factor}e{k}")
        for k in range(first, last + 1)
        if k % stride == 0
        for factor in factors
    ]
    return [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def _labelled(scale: Scale) -> list[tuple[float, str]]:
    """The ticks of an axis with their texts, of as many digits as tell them apart."""
    values = (log_ticks if scale.log else ticks)(scale.low, scale.high)
    step = values[1] - values[0] if len(values) > 1 else 0.0
    if scale.log or step < 1e-4 or max(map(abs, values)) >= 1e4:
        return [(value, compact(value)) for value in values]
    digits = max(0, math.ceil(-math.log10(step) - 1e-9))
    return [(value, f"{value:.{digits}f}") for value in values]


def _y_scale(values: Sequence[float], log: bool) -> Scale:
    low, high = min(values), max(values)
    if log:
        return Scale(low=low / 1.1, high=high * 1.1, start=BOTTOM, end=TOP, log=True)
    # A constant, and what differs from one by rounding alone, needs some range to be drawn in.
    size = max(abs(low), abs(high))
    if high - low <= size * 1e-9:
        low, high = low - (size or 1.0) / 2, high + (size or 1.0) / 2
    margin = (high - low) * 0.05
    # Zero is shown where it is near: a curve near the axis reads as near zero.
    low = 0.0 if 0 <= low < high / 2 else low - margin
    return Scale(low=low, high=high + margin, start=BOTTOM, end=TOP)


def _curve(series: Series, x_scale: Scale, y_scale: Scale) -> dict[str, Any]:
    """The places of a curve: where it is not finite, its unbroken lines, its few dots."""
    smallest = 0.0 if y_scale.log else -math.inf
    points = list(zip(series.x, series.y, strict=True))
    lines: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if math.isfinite(y) and y > smallest:
            lines[-1].append((x, y))
        elif lines[-1]:
            lines.append([])
    drawn = []
    for line in filter(None, lines):
        bins = _thin(line)
        band = [(x, high) for x, _, _, high in bins]
        band += [(x, low) for x, _, low, _ in reversed(bins)]
        drawn.append(
            {
                "band": _points(band, x_scale, y_scale) if len(bins) < len(line) else "",
                "line": _points([(x, mean) for x, mean, _, _ in bins], x_scale, y_scale),
                "dots": line if len(points) <= MAX_DOTS else [],
            }
        )
    lost = [x for x, y in points if not math.isfinite(y)]
    return {"label": series.label, "lost": lost, "lines": drawn}


def _points(points: Iterable[tuple[float, float]], x_scale: Scale, y_scale: Scale) -> str:
    return " ".join(f"{x_scale(x):.1f},{y_scale(y):.1f}" for x, y in points)


def _thin(points: Sequence[tuple[float, float]]) -> list[tuple[float, float, float, float]]:
    """Returns (x, mean, least, greatest) of at most 300 bins of equal width in x."""
    if len(points) <= MAX_POINTS:
        return [(x, y, y, y) for x, y in points]
    first, width = points[0][0], (points[-1][0] - points[0][0]) / MAX_POINTS
    bins: dict[int, list[tuple[float, float]]] = {}
    for x, y in points:
        index = min(int((x - first) / width), MAX_POINTS - 1) if width else 0
        bins.setdefault(index, []).append((x, y))
    return [
        (
            sum(x for x, _ in part) / len(part),
            sum(y for _, y in part) / len(part),
            min(y for _, y in part),
            max(y for _, y in part),
        )
        for part in bins.values()
    ]
