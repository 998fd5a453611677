"""`evaluate`: the figures, their floor, and what they say of copies and missing classes."""

import json

import numpy as np
import pytest

from elegan.common.errors import UsageError
from elegan.metrics import features as sides
from elegan.metrics import scores as scores_module
from elegan.metrics.extractors import extractor_for
from elegan.metrics.features import Extractor
from elegan.metrics.labelled import Labelling
from elegan.metrics.scores import METRICS, evaluate, format_scores
from elegan.reports.scores import protocol

# Of extractors that count modes, of conditional models, and with a discriminator at hand.
ONLY_WHERE_KNOWN = {"test_accuracy", "modes", "reverse_kl", "as_asked", "fooling_rate"}


class Pixels(Extractor):
    """Pixels as features, and brightness as two classes."""

    name, sha256, classes = "pixels", "0" * 64, ("dark", "bright")

    def __init__(self):
        self.calls = 0

    def measure(self, images):
        self.calls += 1
        rows = images.reshape(len(images), -1).astype(np.float32) / 255
        bright = (rows.mean(1) > 0.5).astype(np.float32) * 0.8 + 0.1
        return rows, np.stack([1 - bright, bright], 1)


class Unlabelled(Pixels):
    sha256, classes = "1" * 64, ()

    def measure(self, images):
        return super().measure(images)[0], None


@pytest.fixture(autouse=True)
def _forget():
    sides._memory.clear()


def images(count, seed, bright=0.5):
    random = np.random.default_rng(seed)
    level = np.where(random.random((count, 1, 1, 1)) < bright, 180, 70)
    return (level + random.normal(0, 20, (count, 4, 4, 1))).clip(0, 255).astype(np.uint8)


def test_equal_distributions_score_like_the_floor():
    result = evaluate(
        images(400, 1), images(600, 2), extractor=Pixels(), held_out=images(900, 3), seed=0
    )
    floor = result["floor"]
    assert result["counts"]["floor"] == 400
    assert result["FD-pixels"] < 0.05
    assert floor["FD-pixels"] < 0.05
    assert abs(result["KID-pixels"]) < 0.01
    for name in ("precision", "recall", "density", "coverage"):
        assert result[name] == pytest.approx(floor[name], abs=0.1)
    assert result["near_copies_pixels"] < 0.05
    assert result["class_frequencies"]["bright"] == pytest.approx(0.5, abs=0.1)
    assert result["confidence"] == pytest.approx(0.9)
    assert json.loads(json.dumps(result)) == result


def test_a_missing_mode_shows_in_every_figure_of_diversity():
    result = evaluate(
        images(400, 1, bright=0.0), images(600, 2), extractor=Pixels(), held_out=images(400, 3)
    )
    floor = result["floor"]
    assert result["FD-pixels"] > 20 * floor["FD-pixels"]
    assert result["KID-pixels"] > 10 * abs(floor["KID-pixels"])
    assert result["recall"] < 0.7 * floor["recall"]
    assert result["coverage"] < 0.7 * floor["coverage"]
    assert (result["least_class"], result["greatest_class"]) == (0.0, 1.0)


@pytest.mark.parametrize("held_out", [images(400, 3), None])
def test_copies_are_counted(held_out):
    reference = images(600, 2)
    mixed = np.concatenate([reference[:100], images(300, 1)])
    result = evaluate(mixed, reference, extractor=Pixels(), held_out=held_out)
    for space in ("pixels", "features"):
        assert 100 <= result["counts"][f"near_copies_{space}"] <= 115
        assert result[f"near_copies_{space}"] >= 0.25
        assert result["floor"][f"near_copies_{space}"] == pytest.approx(0.01, abs=0.005)
        assert result["nearest_pixels"] < result["floor"]["nearest_pixels"]


def test_without_held_out_images_halves_of_the_reference_are_the_floor():
    result = evaluate(images(200, 1), images(600, 2), extractor=Pixels(), held_out=None)
    assert result["floor_from"] == "200 reference images against 300 others"
    assert any("No held-out" in note for note in result["notes"])
    # Half of the reference against the other half: no image of it meets itself.
    assert result["floor"]["FD-pixels"] > 0
    assert result["floor"]["nearest_pixels"] > 0


def test_repeats_alone_leave_copying_unjudged():
    reference = images(60, 2)
    result = evaluate(
        images(50, 1), reference, extractor=Pixels(), held_out=np.concatenate([reference[:30]] * 2)
    )
    assert "near_copies_pixels" not in {**result, **result["floor"]}
    assert "Copying cannot be judged in pixels" in format_scores(result)


def test_a_precision_above_real_images_is_called_what_it_is():
    # Half the spread about each level: nearer to the middle than real images are.
    random = np.random.default_rng(1)
    level = np.where(random.random((400, 1, 1, 1)) < 0.5, 180, 70)
    narrow = (level + random.normal(0, 10, (400, 4, 4, 1))).astype(np.uint8)
    result = evaluate(narrow, images(600, 2), extractor=Pixels(), held_out=images(400, 3))
    assert result["precision"] > result["floor"]["precision"] + 0.1
    assert "blurred or of few kinds" in " ".join(result["notes"])
    assert "blurred" in format_scores(result)
    fair = evaluate(images(400, 1), images(600, 2), extractor=Pixels(), held_out=images(400, 3))
    assert "blurred" not in format_scores(fair)


def test_random_features_say_that_they_cannot_judge_likeness():
    random = np.random.default_rng(0)
    sets = [random.integers(0, 256, (30, 40, 40, 3), dtype=np.uint8) for _ in range(2)]
    result = evaluate(*sets, extractor=extractor_for(None, "random"), held_out=None)
    assert "cannot judge likeness" in format_scores(result)
    assert "cannot judge likeness" in " ".join(protocol(result))
    judged = evaluate(*sets, extractor=extractor_for(None, "digits"), held_out=None)
    assert "likeness" not in format_scores(judged)


def test_small_counts_are_warned_of(monkeypatch):
    few = evaluate(images(100, 1), images(90, 2), extractor=Pixels(), held_out=images(50, 3))
    assert any("Only 90 images" in note for note in few["notes"])
    assert any("real data are scored on 50 images" in note for note in few["notes"])
    monkeypatch.setattr(scores_module, "ENOUGH", 80)
    enough = evaluate(images(100, 1), images(90, 2), extractor=Pixels(), held_out=images(100, 3))
    assert enough["notes"] == []


def test_labels_of_the_nearest_image_stand_in_for_classes():
    reference = images(600, 2)
    labels = (reference.mean((1, 2, 3)) > 125).astype(np.int64) * 7
    result = evaluate(
        images(300, 1, bright=0.2),
        reference,
        extractor=Unlabelled(),
        held_out=None,
        labelling=Labelling(reference=labels),
    )
    assert result["class_frequencies"]["7"] == pytest.approx(0.2, abs=0.08)
    assert "confidence" not in result
    bare = evaluate(images(300, 1), reference, extractor=Unlabelled(), held_out=None)
    assert "class_frequencies" not in bare
    assert "precision" in format_scores(bare)


def test_real_features_are_taken_once_and_figures_repeat():
    extractor = Pixels()
    sets = images(100, 1), images(200, 2)
    first = evaluate(*sets, extractor=extractor, held_out=images(100, 3), seed=5)
    assert extractor.calls == 3
    again = evaluate(*sets, extractor=extractor, held_out=images(100, 3), seed=5)
    assert extractor.calls == 4
    assert again == first
    # Other pixels in an array of the same shape are other data.
    evaluate(sets[0], images(200, 8), extractor=extractor, held_out=images(100, 3))
    assert extractor.calls == 6


def test_at_most_four_sets_are_remembered():
    for seed in range(7):
        evaluate(images(10, 1), images(20, seed), extractor=Pixels(), held_out=None)
    assert len(sides._memory) == 4


def test_the_table_shows_every_score_and_class_beside_its_floor():
    result = evaluate(images(50, 1), images(60, 2), extractor=Pixels(), held_out=images(50, 3))
    table = format_scores(result)
    for name in METRICS.keys() - ONLY_WHERE_KNOWN:
        assert f"\n{name}" in table
    for name in ("dark", "bright", "50 held-out images", "Only 50 images"):
        assert name in table
    (line,) = (line for line in table.splitlines() if line.startswith("precision"))
    assert f"{result['floor']['precision']:.4f}" in line


@pytest.mark.parametrize(
    ("generated", "reference", "held_out"),
    [
        (images(1, 1), images(9, 2), None),
        (images(9, 1), images(3, 2), None),
        (images(9, 1), images(9, 2), images(1, 3)),
        (images(9, 1)[:, :3], images(9, 2), None),
        (images(9, 1)[..., 0], images(9, 2), None),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(generated, reference, held_out):
    with pytest.raises(UsageError, match="shape"):
        evaluate(generated, reference, extractor=Pixels(), held_out=held_out)


@pytest.mark.parametrize("name", ["digits", "random"])
def test_the_shipped_extractors_score_colour_images(name):
    random = np.random.default_rng(0)
    sets = [random.integers(0, 256, (30, 40, 40, 3), dtype=np.uint8) for _ in range(2)]
    result = evaluate(*sets, extractor=extractor_for(None, name), held_out=None)
    assert np.isfinite(result[f"FD-{name}"])
