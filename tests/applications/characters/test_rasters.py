import numpy as np

from elegan.applications.characters.curves import coverage, fill_all


def winding(polygon: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Winding numbers by the sum of angles."""
    to = polygon[None] - places[:, None]
    angle = np.arctan2(to[..., 1], to[..., 0])
    turn = np.diff(np.concatenate([angle, angle[:, :1]], axis=1), axis=1)
    return np.rint(((turn + np.pi) % (2 * np.pi) - np.pi).sum(axis=1) / (2 * np.pi))


def test_samples_are_inside_where_the_winding_number_is_positive() -> None:
    random = np.random.default_rng(1)
    polygons = [random.random((count, 2)) * 40 - 4 for count in (3, 5, 9, 14)]
    turns = np.array([1.0, -1.0, 1.0, -1.0])
    sizes = np.array([len(polygon) for polygon in polygons])
    regions = fill_all(np.concatenate(polygons), sizes, turns, 32, 30)
    rows, columns = np.mgrid[:32, :30]
    places = np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5
    for polygon, turn, region in zip(polygons, turns, regions, strict=True):
        canvas = np.zeros((32, 30), bool)
        canvas[region.place] = region.inside
        expected = winding(polygon, places).reshape(32, 30) * turn > 0
        np.testing.assert_array_equal(canvas, expected)


def test_coverage_is_the_area_in_each_pixel() -> None:
    square = np.array([[0.25, 0.25], [0.625, 0.25], [0.625, 0.75], [0.25, 0.75]])
    expected = np.outer([0, 1, 1, 0], [0, 1, 0.5, 0])
    np.testing.assert_allclose(coverage(square, 4), expected)
    np.testing.assert_allclose(coverage(square[::-1], 4), expected)


def test_what_lies_beyond_the_canvas_is_cut_off() -> None:
    big = np.array([[-1, -1], [2, -1], [2, 2], [-1, 2.0]])
    np.testing.assert_array_equal(coverage(big, 3), np.ones((3, 3)))
    np.testing.assert_array_equal(coverage(big + 5, 3), np.zeros((3, 3)))
