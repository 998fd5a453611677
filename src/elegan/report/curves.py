"""Line charts as inline SVG: pure functions from series of numbers to a string.

Colours, fonts and dashes are classes of `style.css`, so that one drawing serves light, dark and
print. Coordinates are in a fixed view box; the page scales it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 480, 248
LEFT, RIGHT, TOP, BOTTOM = 52, 468, 30, 208
MOST_POINTS = 300
MOST_DOTS = 40
COLOURS = 4
# Over less, a logarithmic axis has too few round values to be read.
LEAST_LOG_RATIO = 8.0


@dataclass(frozen=True, kw_only=True)
class Series:
    """One curve: `y[i]` at `x[i]`, by ascending x; a `y` that is not finite is a gap."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]


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


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    y_label: str,
    x_label: str = "images seen",
    log_y: bool = False,
    y_range: tuple[float, float] | None = None,
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
    series = [_rounded(one) for one in series]
    values = [y for one in series for y in one.y if math.isfinite(y)]
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
    x_values = [x for one in series for x in one.x]
    x_scale = Scale(low=0.0, high=max(*x_values, 1.0), start=LEFT, end=RIGHT)
    y_scale = _y_scale(bounds, log_y)
    last = "; ".join(f"{one.label} {compact(y)}" for one in series if (y := _last(one)) is not None)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(f"{title}. Last values: {last}.")}">',
        *_grid(x_scale, y_scale, x_label, y_label),
        *_marks(marks, x_scale),
    ]
    if floor is not None:
        y = round(y_scale(floor), 1)
        parts.append(f'<line class="floor" x1="{LEFT}" y1="{y}" x2="{RIGHT}" y2="{y}"/>')
    for position, one in enumerate(series):
        parts += _curve(one, position % COLOURS + 1, x_scale, y_scale)
    return "".join([*parts, "</svg>"])


def legend(series: Sequence[Series], floor: str = "") -> str:
    """Returns the key of a chart: swatch, name and last finite value of each series, as HTML."""
    items = []
    for position, one in enumerate(series):
        last = _last(one)
        value = f" <b>{compact(last)}</b>" if last is not None else ""
        colour = position % COLOURS + 1
        items.append(f'<li><i class="swatch s{colour}"></i>{escape(one.label)}{value}</li>')
    if floor:
        items.append(f'<li><i class="swatch floor"></i>{escape(floor)}</li>')
    return f'<ul class="legend">{"".join(items)}</ul>'


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


def compact(value: float) -> str:
    """Returns `value` in three digits: 0.00123, 4.56, 12.3k, 1.2M; very small ones as 1.2e-6."""
    if not math.isfinite(value):
        return "not finite"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999.6 would round to "1e+03" below: let it become 1k here.
        if abs(value) >= size * 0.9995:
            return f"{float(f'{value / size:.3g}'):g}{unit}"
    if value and abs(value) < 1e-4:
        digits, exponent = f"{value:.1e}".split("e")
        return f"{float(digits):g}e{int(exponent)}"
    return f"{float(f'{value:.3g}'):g}"


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


def _grid(x_scale: Scale, y_scale: Scale, x_label: str, y_label: str) -> list[str]:
    parts = []
    rows = log_ticks if y_scale.log else ticks
    for value in rows(y_scale.low, y_scale.high):
        y = round(y_scale(value), 1)
        kind = "zero" if value == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{LEFT}" y1="{y}" x2="{RIGHT}" y2="{y}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 7}" y="{y + 4}" text-anchor="end">'
            f"{compact(value)}</text>"
        )
    for value in ticks(x_scale.low, x_scale.high):
        x = round(x_scale(value), 1)
        parts.append(f'<line class="stub" x1="{x}" y1="{BOTTOM}" x2="{x}" y2="{BOTTOM + 4}"/>')
        anchor = "end" if x > RIGHT - 12 else "middle"
        parts.append(
            f'<text class="tick" x="{x}" y="{BOTTOM + 18}" text-anchor="{anchor}">'
            f"{compact(value)}</text>"
        )
    parts.append(f'<line class="axis" x1="{LEFT}" y1="{BOTTOM}" x2="{RIGHT}" y2="{BOTTOM}"/>')
    parts.append(
        f'<text class="label" x="{LEFT}" y="14">{escape(y_label)}'
        f"{' · log scale' if y_scale.log else ''}</text>"
    )
    parts.append(
        f'<text class="label" x="{RIGHT}" y="{BOTTOM + 36}" text-anchor="end">'
        f"{escape(x_label)}</text>"
    )
    return parts


def _marks(marks: Iterable[Mark], x_scale: Scale) -> list[str]:
    parts = []
    for mark in marks:
        x = round(min(max(x_scale(mark.x), LEFT), RIGHT), 1)
        parts.append(
            f'<g class="mark {escape(mark.kind)}"><title>{escape(mark.text)}</title>'
            f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{BOTTOM}"/>'
            f'<path d="M{x - 4:g} {TOP - 6}h8l-4 7z"/></g>'
        )
    return parts


def _curve(series: Series, colour: int, x_scale: Scale, y_scale: Scale) -> list[str]:
    parts = []
    smallest = 0.0 if y_scale.log else -math.inf
    for x, y in zip(series.x, series.y, strict=True):
        if not math.isfinite(y):
            at = round(x_scale(x), 1)
            parts.append(
                f'<path class="lost" d="M{at - 3:g} {TOP}l6 6m0 -6l-6 6">'
                f"<title>{escape(series.label)} is not finite</title></path>"
            )
    for run in _unbroken(series, smallest):
        thinned = _thin(run)
        if len(thinned) < len(run):
            upper = [(x, high) for x, _, _, high in thinned]
            lower = [(x, low) for x, _, low, _ in reversed(thinned)]
            band = _points([*upper, *lower], x_scale, y_scale)
            parts.append(f'<polygon class="band s{colour}" points="{band}"/>')
        line = [(x, mean) for x, mean, _, _ in thinned]
        parts.append(
            f'<polyline class="line s{colour}" points="{_points(line, x_scale, y_scale)}"/>'
        )
        if len(series.x) <= MOST_DOTS:
            parts += [
                f'<circle class="dot s{colour}" cx="{x_scale(x):.1f}" cy="{y_scale(y):.1f}" '
                f'r="2.6"><title>{escape(series.label)} {compact(y)} at {compact(x)}</title>'
                "</circle>"
                for x, y in line
            ]
    return parts


def _points(points: Iterable[tuple[float, float]], x_scale: Scale, y_scale: Scale) -> str:
    return " ".join(f"{x_scale(x):.1f},{y_scale(y):.1f}" for x, y in points)


def _unbroken(series: Series, smallest: float) -> list[list[tuple[float, float]]]:
    """Splits a series where a value cannot be drawn."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(series.x, series.y, strict=True):
        if math.isfinite(y) and y > smallest:
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _thin(points: Sequence[tuple[float, float]]) -> list[tuple[float, float, float, float]]:
    """Returns (x, mean, least, greatest) of at most 300 bins of equal width in x."""
    if len(points) <= MOST_POINTS:
        return [(x, y, y, y) for x, y in points]
    first, width = points[0][0], (points[-1][0] - points[0][0]) / MOST_POINTS
    bins: dict[int, list[tuple[float, float]]] = {}
    for x, y in points:
        index = min(int((x - first) / width), MOST_POINTS - 1) if width else 0
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


def _rounded(series: Series) -> Series:
    # The arithmetic of the axes underflows near the smallest floats; to a reader these are zero.
    y = tuple(0.0 if abs(value) < 1e-290 else value for value in series.y)
    return Series(label=series.label, x=series.x, y=y)


def _last(series: Series) -> float | None:
    return next((y for y in reversed(series.y) if math.isfinite(y)), None)
