"""Copies by name: which training images are copied, and when a count is no more than chance."""

import numpy as np
import pytest

from elegan.metrics.neighbours import (
    Nearness,
    copy_facts,
    describe_copies,
    is_copying,
    nearest_pairs,
    nearness,
)


def points(count, seed):
    return np.random.default_rng(seed).normal(0, 1, (count, 6)).astype(np.float32)


def near(samples) -> Nearness:
    return nearness(samples, points(2000, 1), points(3000, 2))


def test_every_copied_image_is_named_with_its_number() -> None:
    training = points(3000, 2)
    samples = points(400, 3)
    samples[10:50] = training[7] + 1e-4
    samples[60] = training[9]
    facts = copy_facts(
        {"pixels": near(samples)}, np.arange(400), [f"{row}.png" for row in range(3000)]
    )
    found = facts["pixels"]
    assert found["copied"]["7.png"] == 40
    assert found["copied"]["9.png"] == 1
    assert (found["of"], found["expected"]) == (400, 4.0)
    assert is_copying(found)
    first, second = found["pairs"][:2]
    assert (first["sample"], first["training"], first["file"]) == (60, 9, "9.png")
    assert first["relative"] == pytest.approx(0.0, abs=1e-6)
    # Forty samples beside one image are one pair.
    assert (second["training"], second["copy"]) == (7, True)
    assert len({pair["training"] for pair in found["pairs"]}) == len(found["pairs"]) == 16
    (text,) = describe_copies(facts)
    assert f"{found['count']} of 400 samples are near-copies" in text
    assert "7.png (40 times), " in text


def test_indices_are_those_of_the_whole_set() -> None:
    looked_at = np.array([5, 17, 40])
    found = near(points(3, 4))
    pairs = nearest_pairs(found, looked_at)
    assert {pair["sample"] for pair in pairs} <= set(looked_at.tolist())
    for pair in pairs:
        place = int(np.flatnonzero(looked_at == pair["sample"])[0])
        assert pair["distance"] == found.distances[place]
        assert pair["relative"] == pytest.approx(pair["distance"] / found.threshold)


def test_as_many_as_chance_gives_are_no_copies() -> None:
    facts = copy_facts({"features": near(points(2000, 5))}, np.arange(2000), None)
    assert 5 <= facts["features"]["count"] <= 40
    assert not is_copying(facts["features"])
    (text,) = describe_copies(facts)
    assert text.startswith(f"No sign of copying: {facts['features']['count']} of 2,000 samples in")
    assert facts["features"]["pairs"][0]["file"].startswith("image ")


def test_some_repeats_in_the_data_do_not_switch_the_search_off() -> None:
    """107 of 2,000 unseen images repeat training images; 1 % of the others set the threshold."""
    training, unseen = points(3000, 2), points(2000, 1)
    plain = nearness(points(400, 3), unseen, training)
    unseen[:107] = training[:107]
    samples = points(400, 3)
    samples[:40] = training[7] + 1e-4
    found = nearness(samples, unseen, training)
    assert found.threshold == pytest.approx(plain.threshold, rel=0.1)
    assert found.expected == pytest.approx(0.01, abs=0.002)
    facts = copy_facts({"pixels": found}, np.arange(400), None)
    assert is_copying(facts["pixels"])
    # Repeats whose features differ by the rounding of another batch are repeats all the same.
    unseen[:107] += 1e-6
    assert nearness(samples, unseen, training).threshold == found.threshold


def test_training_data_full_of_repeats() -> None:
    """Where unseen images repeat training images, no distance is below the threshold of 0."""
    training = points(100, 2)
    found = nearness(training[:50], training, training)
    facts = copy_facts({"pixels": found}, np.arange(50), None)
    assert facts["pixels"]["count"] == 0
    assert facts["pixels"]["pairs"][0]["relative"] is None
    (text,) = describe_copies(facts)
    assert text.startswith("Copying cannot be judged in pixels")
    both = {**facts, **copy_facts({"features": near(points(400, 3))}, np.arange(400), None)}
    first, second = describe_copies(both)
    assert first == text
    assert second.startswith("No sign of copying: ")
    assert "pixels" not in second
