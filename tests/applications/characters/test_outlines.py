import re

import numpy as np
import pytest

from elegan.applications.characters.curves import closed_curve, evaluate
from elegan.applications.characters.outlines import (
    check,
    compose,
    fill,
    first_crossing,
    iou,
    resample,
)
from elegan.applications.characters.parts import INDEX, PARTS, plan_character
from elegan.applications.characters.points import svg, svg_path
from elegan.applications.characters.renderer import render
from elegan.common.errors import EleganError


def ring(count: int = 12, radius: float = 0.3) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return 0.5 + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_32_points_give_the_part_back() -> None:
    shares = {name: [] for name in PARTS}
    for index in range(3):
        drawn = render(plan_character(0, index), 96, samples=8)
        for part, polygon in enumerate(drawn.outlines):
            if polygon is not None:
                points = resample(polygon, 32)
                assert first_crossing(points) is None
                shares[PARTS[part]].append(iou(fill(points, 96), drawn.amodal[part]))
    for name, values in shares.items():
        assert np.mean(values) >= 0.95, name


def test_a_curve_that_crosses_itself_is_named_with_its_pieces() -> None:
    points = ring()
    points[[3, 4]] = points[[4, 3]]
    with pytest.raises(EleganError, match=r"'front-hair' crosses itself at") as raised:
        check("front-hair", points)
    one, two = map(int, re.findall(r"between(?: points)? (\d+) and", str(raised.value)))
    assert {one, two} <= {2, 3, 4, 5}
    assert first_crossing(ring()) is None


def test_a_crossing_is_found_where_it_is() -> None:
    eight = np.array([[0.2, 0.2], [0.8, 0.8], [0.8, 0.2], [0.2, 0.8]])
    crossing = first_crossing(eight)
    assert crossing is not None
    assert crossing[:2] == (0, 2)
    np.testing.assert_allclose(crossing[2], [0.5, 0.5], atol=0.02)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (ring()[::-1], "'face' runs anticlockwise"),
        (ring() + np.array([0.4, 0]), r"'face' leaves the canvas at points 0, 1.*\(1.200, 0.500\)"),
        (ring()[:2], "'face' needs three or more"),
        (np.linspace([0.1, 0.1], [0.9, 0.9], 5), "'face' encloses nothing"),
        (ring() * [np.nan, 1], "'face' has no number at points 0, 1, 2, 3 and 8 more"),
    ],
)
def test_what_cannot_be_filled_is_refused(points: np.ndarray, message: str) -> None:
    with pytest.raises(EleganError, match=message):
        check("face", points)


def test_good_outlines_pass() -> None:
    check("face", ring())
    check("clothes", np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]]))


def test_svg_paths_are_the_same_curve() -> None:
    points = ring(7) + np.random.default_rng(0).normal(0, 0.03, (7, 2))
    path = svg_path(points, 100)
    numbers = np.array(re.findall(r"-?[\d.]+(?:e-?\d+)?", path), float).reshape(-1, 2)
    start, rest = numbers[:1], numbers[1:].reshape(7, 3, 2)
    starts = np.concatenate([start, rest[:-1, 2]])
    pieces = np.concatenate([starts[:, None], rest], axis=1)
    np.testing.assert_allclose(
        evaluate(pieces, 8).reshape(-1, 2), 100 * closed_curve(points), atol=1e-3
    )
    assert path.endswith("Z")


def test_svg_lies_in_the_order_of_parts_and_clips_the_iris() -> None:
    outlines = {"iris-left": ring(radius=0.1), "face": ring(), "eye-left": ring(radius=0.05)}
    document = svg(outlines, {"face": "#ffccaa"})
    assert document.index('id="face"') < document.index('id="eye-left"')
    assert document.index('id="eye-left"') < document.index('id="iris-left"')
    assert 'fill="#ffccaa"' in document
    assert 'clip-path="url(#in-eye-left)"' in document


def test_composition_hides_what_lies_behind_and_irises_outside_eyes() -> None:
    masks = np.zeros((len(PARTS), 1, 3), np.float32)
    masks[INDEX["face"]] = 1
    masks[INDEX["front-hair"], 0] = [1, 0.25, 0]
    masks[INDEX["eye-left"], 0] = [0, 0, 0.5]
    masks[INDEX["iris-left"], 0] = [0, 1, 1]
    seen = compose(masks)
    np.testing.assert_allclose(seen[INDEX["face"], 0], [0, 0.75, 0.25])
    np.testing.assert_allclose(seen[INDEX["iris-left"], 0], [0, 0, 0.5])
    np.testing.assert_allclose(seen.sum(axis=0), 1)


def test_iou_of_soft_masks() -> None:
    one, other = np.array([[1, 0.5, 0]]), np.array([[1, 1, 0]])
    assert iou(one, other) == 0.75
    assert iou(one * 0, other * 0) == 1
