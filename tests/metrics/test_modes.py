"""Mode counting: shares, divergence, and the digits judge on three planes."""

import numpy as np
import pytest

from elegan.metrics.distances import mode_scores
from elegan.metrics.extractors import extractor_for


def test_shares_of_the_reference_have_no_divergence_and_every_mode() -> None:
    labels = np.repeat([0, 1, 2, 3], [4, 3, 2, 1])
    found = mode_scores(labels, np.array([0.4, 0.3, 0.2, 0.1]))
    assert found["modes"] == 4
    assert found["reverse_kl"] == pytest.approx(0, abs=1e-12)


def test_one_mode_of_k_equal_ones_diverges_by_log_k() -> None:
    found = mode_scores(np.zeros(10, np.int64), np.full(8, 1 / 8))
    assert found == {"modes": 1, "reverse_kl": pytest.approx(np.log(8))}


def test_the_direction_is_generated_from_real() -> None:
    # sum p log(p/q) with p = (3/4, 1/4), q = (1/2, 1/2); the other direction gives 0.1438.
    found = mode_scores(np.array([0, 0, 0, 1]), np.array([0.5, 0.5]))
    assert found["reverse_kl"] == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5))


def test_planes_are_judged_alone_and_in_order() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (6, 28, 28, 3), dtype=np.uint8)
    digits, stacked = extractor_for("mnist"), extractor_for("stacked-mnist")
    planes = [digits.probabilities(images[..., [plane]]).argmax(1) for plane in range(3)]
    np.testing.assert_array_equal(
        stacked.mode_of(images), 100 * planes[0] + 10 * planes[1] + planes[2]
    )
    features = stacked.features(images)
    assert features.shape == (6, 192)
    np.testing.assert_array_equal(features[:, 64:128], digits.features(images[..., [1]]))
