"""Quick signals: a collapsed, a copied, a one-sided and a healthy set of samples."""

import numpy as np
import pytest

from elegan.common.errors import EleganError
from elegan.metrics.quick import prepare_reference, quick_signals


def blobs(count, seed, size=28, channels=1, right=1.0):
    """Bright discs on black, each with its own place and radius."""
    random = np.random.default_rng(seed)
    row = random.uniform(0.2, 0.8, (count, 1, 1))
    column = random.uniform(0.2, 0.2 + 0.6 * right, (count, 1, 1))
    radius = random.uniform(0.1, 0.3, (count, 1, 1))
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    apart = np.hypot(y - row, x - column) / radius
    image = 255 / (1 + np.exp(12 * (apart - 1)))
    return image[..., None].repeat(channels, axis=3).round().astype(np.uint8)


@pytest.fixture(scope="module")
def reference():
    return prepare_reference(blobs(3000, 0), blobs(500, 1))


def test_healthy_samples(reference):
    signals = quick_signals(blobs(256, 2), reference)
    assert signals["duplicates"] < 0.005
    assert signals["nearest"] == pytest.approx(1, abs=0.2)
    assert signals["coverage"] > 0.9


def test_collapsed_samples(reference):
    one = quick_signals(np.repeat(blobs(1, 2), 256, axis=0), reference)
    assert one["duplicates"] == pytest.approx(1)
    assert one["coverage"] < 0.2
    four = quick_signals(np.tile(blobs(4, 2), (64, 1, 1, 1)), reference)
    assert four["duplicates"] == pytest.approx(0.25, abs=0.02)
    assert four["coverage"] < 0.3


def test_pale_and_smooth_samples_of_many_independent_parts_are_not_alike():
    """Sixteen small discs each: all pairs of such images are about as far apart."""

    def sheets(count, seed):
        parts = blobs(16 * count, seed, size=7).reshape(count, 4, 4, 7, 7)
        return parts.transpose(0, 1, 3, 2, 4).reshape(count, 28, 28, 1)

    reference = prepare_reference(sheets(3000, 0), sheets(500, 1))
    samples = sheets(256, 2)
    mean = samples.mean(0)
    pale = (mean + 0.6 * (samples - mean)).round().astype(np.uint8)
    assert quick_signals(samples, reference)["duplicates"] < 0.001
    assert quick_signals(pale, reference)["duplicates"] < 0.001
    alike = (mean + 0.1 * (samples - mean)).round().astype(np.uint8)
    assert quick_signals(alike, reference)["duplicates"] > 0.9
    assert quick_signals(np.tile(samples[:4], (64, 1, 1, 1)), reference)[
        "duplicates"
    ] == pytest.approx(0.25, abs=0.02)


def test_copied_samples(reference):
    copies = quick_signals(blobs(3000, 0)[:256], reference)
    assert copies["nearest"] < 0.05
    assert copies["coverage"] > 0.9


def test_noise_is_far_from_the_data(reference):
    noise = np.random.default_rng(0).integers(0, 256, (256, 28, 28, 1), dtype=np.uint8)
    signals = quick_signals(noise, reference)
    assert signals["nearest"] > 2
    assert signals["coverage"] < 0.1


def test_one_side_of_the_data_missing(reference):
    signals = quick_signals(blobs(256, 2, right=0.4), reference)
    assert signals["coverage"] < 0.75
    assert signals["nearest"] < 1.3


def test_without_held_out_images_the_training_images_do():
    alone = prepare_reference(blobs(3000, 0))
    assert quick_signals(blobs(256, 2), alone)["nearest"] == pytest.approx(1, abs=0.2)


def test_order_of_the_training_images_does_not_matter():
    images = blobs(3000, 0)
    ordered = images[images.mean((1, 2, 3)).argsort()]
    signals = quick_signals(blobs(256, 2), prepare_reference(ordered, blobs(500, 1)))
    assert signals["coverage"] > 0.9


def test_colour_and_large_images():
    prepared = prepare_reference(blobs(300, 0, 64, 3), blobs(100, 1, 64, 3))
    signals = quick_signals(blobs(64, 2, 64, 3), prepared)
    assert signals["coverage"] > 0.85
    assert all(isinstance(value, float) for value in signals.values())


def test_repeats_in_the_data_leave_the_usual_distance_as_it_is():
    random = np.random.default_rng(0)
    training, unseen = (random.integers(0, 256, (200, 12, 12, 1), np.uint8) for _ in range(2))
    usual = prepare_reference(training, unseen).distance
    repeated = np.concatenate([training[:150], unseen[:50]])
    assert prepare_reference(training, repeated).distance == pytest.approx(usual, rel=0.05)
    every = prepare_reference(training, training[:50])
    assert "nearest" not in quick_signals(unseen, every)


def test_fewest_images():
    prepared = prepare_reference(blobs(2, 0))
    assert all(np.isfinite(value) for value in quick_signals(blobs(2, 1), prepared).values())
    with pytest.raises(EleganError, match="Add more"):
        prepare_reference(blobs(1, 0))


def labelled_blobs(count, seed):
    """Discs on the left are of class 0, those on the right of class 1, as many of each."""
    images = np.concatenate([blobs(count, seed, right=0.2), blobs(count, seed + 100)[:, :, ::-1]])
    return images, np.repeat([0, 1], count)


def test_labels_that_follow_the_pictures():
    images, labels = labelled_blobs(400, 0)
    reference = prepare_reference(images, labels=labels)
    samples, asked = labelled_blobs(100, 1)
    good = quick_signals(samples, reference, asked)
    assert good["label_agreement"] == pytest.approx(good["label_agreement_real"], abs=0.1)
    assert good["label_agreement_real"] > 0.75
    # Two even classes: half of all pairs agree by chance, and 2.5 standard errors of 200 samples.
    assert good["label_agreement_chance"] == pytest.approx(0.5 + 2.5 * 0.5 / 200**0.5)
    unheeded = quick_signals(samples, reference, np.random.default_rng(0).permutation(asked))
    assert unheeded["label_agreement"] < unheeded["label_agreement_chance"]
    assert "label_agreement" not in quick_signals(samples, reference)


def test_shuffled_labels_agree_by_chance_only():
    images, labels = labelled_blobs(400, 0)
    for seed in range(5):
        shuffled = np.random.default_rng(seed).permutation(labels)
        signals = quick_signals(
            images[:200], prepare_reference(images, labels=shuffled), labels[:200]
        )
        assert signals["label_agreement_real"] < signals["label_agreement_chance"]
    # Classes of unequal size agree by chance more often: 0.9^2 + 0.1^2.
    uneven = prepare_reference(images, labels=(np.arange(800) % 10 == 0).astype(np.int64))
    assert uneven.chance == pytest.approx(0.82)
