import numpy as np

from elegan.applications.characters.curves import coverage, signed_area
from elegan.applications.characters.outlines import fitted, from_start, outline, resample, trace


def circle(radius: float, count: int = 400, middle: tuple[float, float] = (0.5, 0.5)) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.array(middle) + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_a_soft_disc_is_traced_to_a_small_part_of_a_pixel() -> None:
    (loop,) = trace(coverage(circle(0.3), 64))
    radius = np.linalg.norm(loop - 0.5, axis=1)
    assert np.abs(radius - 0.3).max() * 64 < 0.12
    assert signed_area(loop) > 0


def test_holes_run_backwards_and_the_largest_piece_comes_first() -> None:
    mask = coverage(circle(0.3, middle=(0.35, 0.5)), 64) - coverage(
        circle(0.1, middle=(0.35, 0.5)), 64
    )
    mask += coverage(circle(0.08, middle=(0.85, 0.5)), 64)
    areas = [signed_area(loop) for loop in trace(mask)]
    expected = [np.pi * 0.09, -np.pi * 0.01, np.pi * 0.0064]
    np.testing.assert_allclose(areas, expected, rtol=0.03)


def test_a_mask_that_fills_the_canvas_is_outlined_at_its_rim() -> None:
    (loop,) = trace(np.ones((8, 8), bool))
    assert loop.min() == 0
    assert loop.max() == 1
    assert trace(np.zeros((8, 8))) == []
    assert outline(np.zeros((8, 8))) is None


def test_thin_soft_things_keep_their_area() -> None:
    thin = circle(0.3) * (1, 0.03) + np.array([0, 0.4])
    mask = coverage(thin, 64)
    assert signed_area(trace(mask)[0]) < 0.9 * signed_area(thin)
    np.testing.assert_allclose(signed_area(fitted(mask)[0]), signed_area(thin), rtol=0.05)
    assert len(fitted(mask)) == 1


def test_random_masks_give_closed_loops_that_enclose_the_mask() -> None:
    mask = np.random.default_rng(0).random((24, 24)) > 0.5
    loops = trace(mask, 0.5)
    # By Green's theorem over all loops, each cut corner taking the same share off and on.
    total = sum(signed_area(loop) for loop in loops) * 24**2
    assert abs(total - mask.sum()) < 0.15 * mask.sum()


def test_the_order_of_the_polygon_does_not_matter() -> None:
    shape = circle(0.3) * (1.0, 0.6)
    expected = resample(shape, 32)
    for other in (shape[::-1], np.roll(shape, 123, axis=0)):
        np.testing.assert_allclose(resample(other, 32), expected, atol=2e-3)
    assert expected.shape == (32, 2)
    np.testing.assert_allclose(expected[0], [0.5, 0.3 - 0.18], atol=1e-3)  # the middle of the top
    assert expected[1, 0] > 0.5
    assert signed_area(expected) > 0


def test_even_points_are_evenly_spaced() -> None:
    points = resample(circle(0.3, 4000), 40)
    steps = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-3)


def test_the_start_is_the_highest_place_above_the_middle() -> None:
    u = np.array([[0.1, 0.1], [0.3, 0.1], [0.3, 0.7], [0.7, 0.7], [0.7, 0.1], [0.9, 0.1],
                  [0.9, 0.9], [0.1, 0.9]])  # fmt: skip
    np.testing.assert_allclose(from_start(u)[0], [0.5, 0.7])
