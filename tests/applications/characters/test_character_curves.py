import itertools

import numpy as np

from elegan.applications.characters.curves import (
    closed_beziers,
    closed_curve,
    cut_off,
    evaluate,
    polylines,
    signed_area,
)


def pyramid(points: np.ndarray, index: int, share: float) -> np.ndarray:
    """Barry and Goldman's pyramid for the piece after point `index`, as the paper draws it."""
    p = [points[(index + step) % len(points)] for step in (-1, 0, 1, 2)]
    t = [0.0]
    for one, other in itertools.pairwise(p):
        t.append(t[-1] + np.sqrt(np.linalg.norm(other - one)))
    now = t[1] + share * (t[2] - t[1])

    def mix(a: np.ndarray, b: np.ndarray, start: float, end: float) -> np.ndarray:
        return ((end - now) * a + (now - start) * b) / (end - start)

    a = [mix(p[k], p[k + 1], t[k], t[k + 1]) for k in range(3)]
    b = [mix(a[k], a[k + 1], t[k], t[k + 2]) for k in range(2)]
    return mix(b[0], b[1], t[1], t[2])


def test_bezier_pieces_are_the_centripetal_spline_exactly() -> None:
    points = np.random.default_rng(0).random((9, 2))
    pieces = closed_beziers(points)
    np.testing.assert_allclose(pieces[:, 0], points)
    dense = evaluate(pieces, 10)
    for index in range(9):
        for step in range(10):
            np.testing.assert_allclose(
                dense[index, step], pyramid(points, index, step / 10), atol=1e-9
            )


def test_points_that_coincide_do_no_harm() -> None:
    points = np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]])
    assert np.isfinite(closed_curve(points)).all()


def test_corners_break_the_tangent_and_open_curves_end_at_their_last_knot() -> None:
    square = [(0.0, 0.0, 1), (1.0, 0.0, 1), (1.0, 1.0, 1), (0.0, 1.0, 1)]
    lines = polylines([square, [(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)]], [True, False], 4)
    assert lines.counts.tolist() == [16, 9]
    assert abs(signed_area(lines.points[:16])) == 1  # straight between corners
    np.testing.assert_allclose(lines.points[[16, -1]], [[0, 0], [2, 0]])
    assert lines.turns()[0] == 1


def test_normals_point_to_the_right_of_the_way() -> None:
    lines = polylines([[(0.0, 0.0), (1.0, 0.0)]], [False])
    np.testing.assert_allclose(lines.normals(), np.broadcast_to([0.0, 1.0], (9, 2)))


def test_what_leaves_the_canvas_is_cut_off_at_its_rim() -> None:
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    circle = np.array([0.5, 1.0]) + 0.3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    half = cut_off(circle)
    assert half.max() <= 1
    np.testing.assert_allclose(signed_area(half), np.pi * 0.3**2 / 2, rtol=1e-4)
    assert len(cut_off(circle + np.array([0, 2]))) == 0
