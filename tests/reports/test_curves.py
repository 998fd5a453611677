"""Curves: points where the values say, ticks that are round, gaps where numbers are not finite."""

import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from elegan.reports.curves import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Mark,
    Scale,
    Series,
    line_chart,
    log_ticks,
    ticks,
)
from elegan.reports.words import compact


def series(*y: float, label: str = "loss") -> Series:
    return Series(label=label, x=tuple(float(100 * i) for i in range(len(y))), y=y)


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def polylines(svg: str) -> list[list[tuple[float, float]]]:
    lines = [node.attrib["points"] for node in parse(svg).iter("polyline")]
    return [[tuple(map(float, p.split(","))) for p in line.split()] for line in lines]  # type: ignore[misc]


def axis(svg: str) -> dict[float, float]:
    """Reads the y axis back: the value that each label shows, and its pixel."""
    labels = [
        (node.text or "", float(node.attrib["y"]) - 4)
        for node in parse(svg).iter("text")
        if node.attrib.get("text-anchor") == "end" and float(node.attrib["x"]) < LEFT
    ]
    return {float(text): y for text, y in labels}


def test_points_lie_where_the_axis_says() -> None:
    svg = line_chart([series(0.0, 4.0, 1.0)], title="t", y_label="y")
    (points,) = polylines(svg)
    labels = axis(svg)
    assert [x for x, _ in points] == [LEFT, (LEFT + RIGHT) / 2, RIGHT]
    assert points[0][1] == pytest.approx(labels[0.0], abs=0.1)
    assert points[1][1] == pytest.approx(labels[4.0], abs=0.1)
    assert points[2][1] == pytest.approx(labels[1.0], abs=0.1)
    assert labels[0.0] == BOTTOM


def test_a_logarithmic_axis_spaces_decades_evenly() -> None:
    svg = line_chart([series(1000.0, 10.0, 0.1)], title="t", y_label="y", log_y=True)
    ((first, second, third),) = polylines(svg)
    assert third[1] - second[1] == pytest.approx(second[1] - first[1], abs=0.2)
    assert "log scale" in svg


def test_a_value_that_is_not_finite_breaks_the_curve_and_is_marked() -> None:
    svg = line_chart([series(1.0, 2.0, math.nan, math.inf, 3.0, 4.0)], title="t", y_label="y")
    first, second = polylines(svg)
    assert len(first) == 2
    assert len(second) == 2
    assert svg.count('class="lost"') == 2
    assert "nan" not in svg.lower().replace("loss is not finite", "")


def test_a_logarithmic_axis_breaks_at_zero_without_a_fault_mark() -> None:
    svg = line_chart([series(1.0, 0.0, 20.0, 3.0)], title="t", y_label="y", log_y=True)
    assert [len(line) for line in polylines(svg)] == [1, 2]
    assert 'class="lost"' not in svg


def test_only_zeros_fall_back_to_an_even_axis() -> None:
    svg = line_chart([series(0.0, 0.0)], title="t", y_label="y", log_y=True)
    assert "log scale" not in svg
    assert len(polylines(svg)) == 1


def test_a_narrow_range_falls_back_to_an_even_axis() -> None:
    svg = line_chart([series(221.0, 250.0)], title="t", y_label="y", log_y=True)
    assert "log scale" not in svg
    assert len(axis(svg)) >= 3


def test_nothing_finite_draws_nothing() -> None:
    assert line_chart([series(math.nan)], title="t", y_label="y") == ""
    assert line_chart([], title="t", y_label="y") == ""


@pytest.mark.parametrize("value", [0.0, -3.0, 5e-324, 1e-300, 1e300, 1e16])
@pytest.mark.parametrize("log_y", [False, True])
def test_a_constant_and_extreme_values_stay_inside_the_frame(value: float, log_y: bool) -> None:
    svg = line_chart([series(value, value)], title="t", y_label="y", log_y=log_y)
    for line in polylines(svg):
        assert all(TOP - 0.1 <= y <= BOTTOM + 0.1 for _, y in line)


def test_a_long_curve_is_thinned_without_losing_its_peak() -> None:
    y = [1.0] * 5000
    y[2500] = 50.0
    svg = line_chart([series(*y)], title="t", y_label="y")
    (line,) = polylines(svg)
    assert len(line) <= 300
    (band,) = [node.attrib["points"] for node in parse(svg).iter("polygon")]
    top = min(float(point.split(",")[1]) for point in band.split())
    assert top == pytest.approx(axis(svg)[50.0], abs=0.2)


def test_marks_stand_at_their_images() -> None:
    marks = [Mark(x=100.0, kind="guard", text="guard: <skip>")]
    svg = line_chart([series(1.0, 2.0, 3.0)], title="t", y_label="y", marks=marks)
    (group,) = [g for g in parse(svg).iter("g") if g.attrib["class"] == "mark guard"]
    line = group.find("line")
    assert line is not None
    assert float(line.attrib["x1"]) == (LEFT + RIGHT) / 2
    assert group.findtext("title") == "guard: <skip>"


def test_the_floor_is_drawn_at_its_value_and_widens_the_axis() -> None:
    svg = line_chart([series(10.0, 200.0)], title="t", y_label="y", log_y=True, floor=0.1)
    (floor,) = [n for n in parse(svg).iter("line") if n.attrib["class"] == "floor"]
    assert float(floor.attrib["y1"]) == pytest.approx(axis(svg)[0.1], abs=0.1)


def test_labels_are_escaped() -> None:
    evil = '<script>"&'
    svg = line_chart([series(1.0, label=evil)], title=evil, y_label=evil, x_label=evil)
    assert "<script>" not in svg
    parse(svg)


def test_the_last_value_is_the_last_finite_one() -> None:
    curve = series(1.0, 2.0, math.nan)
    assert curve.last == 2.0
    assert series(math.nan).last is None
    assert "Last values: loss 2." in line_chart([curve], title="t", y_label="y")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 1_200_000.0, [0, 200_000, 400_000, 600_000, 800_000, 1_000_000, 1_200_000]),
        (-1.0, 1.0, [-1.0, -0.5, 0.0, 0.5, 1.0]),
        (3.0, 3.0, [3.0]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected


def test_ticks_are_few_and_inside_at_any_scale() -> None:
    for exponent in range(-12, 13):
        for mantissa in (1.0, 1.7, 3.3, 6.1, 9.9):
            high = mantissa * 10.0**exponent
            found = ticks(0.1 * high, high)
            assert 3 <= len(found) <= 9
            assert all(0.1 * high * (1 - 1e-9) <= value <= high * (1 + 1e-9) for value in found)


def test_log_ticks_are_decades_with_steps_between_over_short_ranges() -> None:
    assert log_ticks(0.01, 1000.0) == [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]
    assert log_ticks(1.0, 10.0) == [1.0, 2.0, 5.0, 10.0]
    assert len(log_ticks(1e-12, 1e12)) <= 8


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (0.031, "0.031"),
        (3.14159, "3.14"),
        (999.4, "999"),
        (999.7, "1k"),
        (1250.0, "1.25k"),
        (1_200_000.0, "1.2M"),
        (-25_000.0, "-25k"),
        (1.23e-6, "1.2e-6"),
        (math.nan, "not finite"),
    ],
)
def test_compact_numbers(value: float, expected: str) -> None:
    assert compact(value) == expected


def test_scale_maps_its_ends() -> None:
    scale = Scale(low=1.0, high=100.0, start=200.0, end=0.0, log=True)
    assert [scale(1.0), scale(10.0), scale(100.0)] == pytest.approx([200.0, 100.0, 0.0])


def test_colours_are_classes_not_values() -> None:
    svg = line_chart([series(1.0, 2.0)], title="t", y_label="y")
    assert not re.search(r"#[0-9a-f]{3,6}|rgb\(|style=", svg)


def test_ticks_that_lie_near_each_other_are_told_apart() -> None:
    curve = Series(label="psnr", x=(0.0, 1.0, 2.0), y=(25.71, 25.78, 25.83))
    drawn = line_chart([curve], title="PSNR", y_label="dB")
    labels = re.findall(r'text-anchor="end">(25\.\d+)</text>', drawn)
    assert len(labels) > 2
    assert len(set(labels)) == len(labels)
