"""Outlines fitted to soft maps: to a fraction of a pixel, in the order of the points given."""

import numpy as np
import pytest

from elegan.applications.characters.fitting import aligned, fit_outline
from elegan.applications.characters.outlines import fill, first_crossing, fitted, iou

SIDE = 32
ANGLES = np.arange(32) * (2 * np.pi / 32)


def oval(x: float, y: float, width: float, height: float) -> np.ndarray:
    """The 32 points of an oval, clockwise from its top."""
    return np.stack([x + width * np.sin(ANGLES), y - height * np.cos(ANGLES)], axis=1)


def test_points_that_are_off_come_to_where_the_map_has_the_outline() -> None:
    truth = oval(0.47, 0.52, 0.21, 0.13)
    mask = fill(truth, SIDE)
    off = truth * 1.04 + 0.012 * np.sin(3 * ANGLES)[:, None] - 0.015
    before = iou(fill(off, 4 * SIDE), fill(truth, 4 * SIDE))
    found, error = fit_outline(off, mask)
    assert before < 0.9
    assert iou(fill(found, 4 * SIDE), fill(truth, 4 * SIDE)) > 0.97
    assert error == pytest.approx(float(np.square(fill(found, SIDE) - mask).sum()), rel=0.05)
    # Each point is moved, none becomes another.
    assert np.abs(found - truth).max() < 0.05


def test_a_part_thinner_than_a_pixel_keeps_its_area_and_length() -> None:
    truth = oval(0.5, 0.51, 0.15, 0.35 / SIDE)  # 0.7 of a pixel high
    mask = fill(truth, SIDE)
    assert mask.max() < 0.75
    found, _ = fit_outline(oval(0.5, 0.515, 0.14, 0.9 / SIDE), mask)
    fine = fill(found, 8 * SIDE), fill(truth, 8 * SIDE)
    assert abs(fine[0].sum() / fine[1].sum() - 1) < 0.05
    assert iou(*fine) > 0.8


def test_what_fits_already_stays_and_no_fit_crosses_itself() -> None:
    truth = oval(0.5, 0.5, 0.2, 0.2)
    found, error = fit_outline(truth, fill(truth, SIDE))
    assert np.abs(found - truth).max() < 0.05 / SIDE
    assert error < 1e-3
    random = np.random.default_rng(0)
    noise = random.random((SIDE, SIDE)).astype(np.float32)
    moved, left = fit_outline(truth, noise)
    assert first_crossing(moved) is None
    assert left <= float(np.square(fill(truth, SIDE) - noise).sum())
    assert ((moved >= 0) & (moved <= 1)).all()


def test_points_along_a_traced_outline_keep_their_order_and_start() -> None:
    truth = oval(0.5, 0.45, 0.25, 0.15)
    polygon = fitted(fill(truth, SIDE))[0]
    for start in (0, 5, 31):
        turned = np.roll(truth, start, axis=0)
        assert np.abs(aligned(np.roll(polygon, 9, axis=0), turned) - turned).max() < 0.03
