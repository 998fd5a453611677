"""Precision, recall, density, coverage and nearest neighbours against brute force."""

import numpy as np
import pytest

from elegan.metrics import distances as manifold
from elegan.metrics import neighbours
from elegan.metrics.distances import manifold_scores
from elegan.metrics.neighbours import nearest, nearness, small_pixels


def points(count, seed, scale=1.0, dimensions=4):
    return np.random.default_rng(seed).normal(0, scale, (count, dimensions)).astype(np.float32)


def brute_force(fakes, reals):
    def radius(rows, k):
        return [sorted(np.linalg.norm(rows - row, axis=1))[k] for row in rows]

    def inside(point, centre, reach):
        return np.linalg.norm(point - centre) <= reach

    real3, fake3, real5 = radius(reals, 3), radius(fakes, 3), radius(reals, 5)
    held = [[inside(f, r, reach) for r, reach in zip(reals, real5, strict=True)] for f in fakes]
    return {
        "precision": np.mean(
            [any(inside(f, r, d) for r, d in zip(reals, real3, strict=True)) for f in fakes]
        ),
        "recall": np.mean(
            [any(inside(r, f, d) for f, d in zip(fakes, fake3, strict=True)) for r in reals]
        ),
        "density": np.sum(held) / (5 * len(fakes)),
        "coverage": np.mean(np.any(held, axis=0)),
    }


@pytest.mark.parametrize("counts", [(30, 30), (23, 41)])
def test_scores_equal_brute_force_across_block_borders(counts, monkeypatch):
    monkeypatch.setattr(manifold, "_BLOCK", 7)
    fakes, reals = points(counts[0], 1, 1.4).astype(float), points(counts[1], 2).astype(float)
    expected = brute_force(fakes, reals)
    assert manifold_scores(fakes, reals) == pytest.approx(expected)
    assert 0.1 < expected["precision"] < 1
    assert 0.1 < expected["coverage"] < 1


def test_dropped_modes_lower_recall_and_coverage_but_not_precision():
    centres = np.eye(4, dtype=np.float32) * 20
    reals = np.concatenate([points(100, seed) + centres[seed] for seed in range(4)])
    whole = np.concatenate([points(100, seed + 9) + centres[seed] for seed in range(4)])
    dropped = np.concatenate([points(200, seed + 9) + centres[seed] for seed in range(2)])
    good, bad = manifold_scores(whole, reals), manifold_scores(dropped, reals)
    assert bad["recall"] < 0.6 * good["recall"]
    assert bad["coverage"] < 0.6 * good["coverage"]
    assert bad["precision"] > 0.9 * good["precision"]


def test_noise_lowers_precision():
    reals = points(200, 0)
    assert manifold_scores(points(200, 1, 5.0), reals)["precision"] < 0.3
    assert manifold_scores(points(200, 1), reals)["precision"] > 0.8


def test_two_points_a_side_are_enough():
    scores = manifold_scores(points(2, 0), points(2, 1))
    assert all(np.isfinite(value) for value in scores.values())


def test_nearest_equals_brute_force_across_block_borders(monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK", 7)
    queries, database = points(20, 0), points(30, 1)
    apart = np.linalg.norm(queries[:, None].astype(float) - database[None], axis=2)
    distances, rows = nearest(queries, database)
    np.testing.assert_array_equal(rows, apart.argmin(1))
    np.testing.assert_allclose(distances, apart.min(1), rtol=1e-6)


def test_nearest_passes_over_an_image_itself(monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK", 7)
    database = points(30, 1)
    own = np.array([3, 8, 29])
    apart = np.linalg.norm(database[own][:, None].astype(float) - database[None], axis=2)
    apart[np.arange(3), own] = np.inf
    distances, rows = nearest(database[own], database, own)
    np.testing.assert_array_equal(rows, apart.argmin(1))
    np.testing.assert_allclose(distances, apart.min(1), rtol=1e-6)


def test_a_copy_is_at_distance_zero_far_from_the_origin():
    database = points(50, 1, dimensions=300) + 1000
    assert nearest(database[:5], database)[0].tolist() == [0.0] * 5


def test_near_copies_are_counted_against_unseen_reals():
    training, unseen, fresh = points(500, 0), points(1000, 1), points(1000, 2)
    honest = nearness(fresh, unseen, training)
    assert honest.expected == pytest.approx(0.01, abs=0.001)
    assert honest.share < 0.03
    half = np.concatenate([training[:100] + 1e-4, fresh[:100]])
    copied = nearness(half, unseen, training)
    assert 100 <= copied.copies <= 105
    assert copied.median < copied.usual
    assert copied.rows[:100].tolist() == list(range(100))


def test_small_pixels_keep_small_images_and_average_large_ones():
    gray = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    np.testing.assert_allclose(small_pixels(gray), gray.reshape(3, -1) / 255, rtol=1e-6)
    colour = np.random.default_rng(0).integers(0, 256, (3, 36, 36, 3), dtype=np.uint8)
    averaged = colour.reshape(3, 18, 2, 18, 2, 3).mean((2, 4)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(small_pixels(colour), averaged.reshape(3, -1) / 255, rtol=1e-5)
