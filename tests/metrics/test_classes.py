"""Figures of each class, against constructed samples of which the truth is known."""

import json

import numpy as np
import pytest

from elegan.metrics import features as sides
from elegan.metrics.classes import (
    LabelledFeatures,
    class_scores,
    describe_hard,
    fooling_rate,
    hard_classes,
)
from elegan.metrics.distances import coverage_score, manifold_scores
from elegan.metrics.features import Extractor
from elegan.metrics.labelled import Labelling
from elegan.metrics.score_table import format_scores
from elegan.metrics.scores import evaluate

NAMES = ("ant", "bee", "cow", "doe")


def group(count, seed, *, wrong=0.0, narrow=(), shift=0.0, classes=4):
    """Points around a centre for each class; a share of class 1 is drawn from class 2 instead."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    shown = labels.copy()
    shown[(labels == 1) & (random.random(count) < wrong)] = 2
    spread = np.where(np.isin(labels, narrow), 0.02, 1.0)[:, None]
    features = 20 * np.eye(4)[shown] + spread * random.normal(0, 1, (count, 4))
    logits = random.normal(0, 1, count) + shift * (labels == 3)
    return LabelledFeatures(
        features=features.astype(np.float32),
        labels=labels,
        called=(features.argmax(1)),
        logits=logits.astype(np.float32),
    )


def scores(samples, *, asked=True):
    return class_scores(samples, group(800, 1), group(2000, 2), NAMES, asked=asked)


def test_samples_like_the_data_have_no_hard_class():
    found = scores(group(800, 3))
    for one in found.values():
        assert (one["samples"], one["real"]) == (200, 200)
        assert one["accuracy"] == one["accuracy_real"] == 1.0
        assert one["coverage"] == pytest.approx(one["coverage_real"], abs=0.1)
        assert one["fooling_rate"] == pytest.approx(0.5, abs=0.1)
    assert hard_classes(found) == {}


def test_a_class_that_comes_out_as_another_is_named_with_its_figures():
    found = scores(group(800, 3, wrong=0.3))
    assert found["bee"]["accuracy"] == pytest.approx(0.7, abs=0.1)
    assert found["bee"]["taken_for"] == "cow"
    hard = hard_classes(found)
    assert list(hard) == ["bee"]
    assert f"{1 - found['bee']['accuracy']:.1%} of its samples are taken" in hard["bee"]
    assert "most often for cow" in hard["bee"]


def test_a_class_without_variety_is_named():
    found = scores(group(800, 3, narrow=(0,)))
    assert found["ant"]["coverage"] < 0.3 * found["ant"]["coverage_real"]
    assert found["cow"]["coverage"] > 0.8 * found["cow"]["coverage_real"]
    assert list(hard_classes(found)) == ["ant"]
    assert "its coverage is " in hard_classes(found)["ant"]


def test_a_class_that_fools_nobody_is_named():
    found = scores(group(800, 3, shift=-3.0))
    assert found["doe"]["fooling_rate"] < 0.1
    assert list(hard_classes(found)) == ["doe"]


def test_an_unconditional_generator_that_leaves_a_class_out():
    whole = group(800, 3)
    kept = whole.labels != 2
    some = LabelledFeatures(
        features=whole.features[kept], labels=whole.called[kept], called=whole.called[kept]
    )
    found = scores(some, asked=False)
    assert found["cow"]["samples"] == 0
    assert found["cow"]["coverage"] == 0.0
    assert found["ant"]["accuracy"] is None
    hard = hard_classes(found)
    assert list(hard) == ["cow"]
    assert "its coverage is 0% of that of real images (other classes" in hard["cow"]
    assert found["ant"]["coverage"] == pytest.approx(found["ant"]["coverage_real"], abs=0.15)


def test_a_few_images_prove_nothing():
    few = group(60, 3, wrong=0.2)
    found = class_scores(few, group(60, 1), group(60, 2), NAMES, asked=True)
    assert hard_classes(found) == {}
    assert describe_hard(found, {}) == ("No class is clearly harder than the rest.", [])
    found = scores(group(20, 3, wrong=1.0))
    assert hard_classes(found) == {}
    assert "too few images" in describe_hard(found, {})[0]


@pytest.mark.parametrize("asked", [True, False])
def test_of_a_collapsed_or_untrained_run_no_class_passes_for_easy(asked: bool):
    noise = np.random.default_rng(0).normal(0, 0.01, (800, 4)).astype(np.float32)
    labels = np.arange(800) % 4
    found = scores(LabelledFeatures(features=noise, labels=labels, called=labels), asked=asked)
    assert hard_classes(found) == {}
    heading, _ = describe_hard(found, {})
    assert heading.startswith("All classes are hard: the coverage is 0%")
    # That one of them fools the discriminator least makes the others no easier.
    heading, named = describe_hard(found, {"ant": "5% of its samples fool the discriminator"})
    assert heading.startswith("All classes are hard: the coverage is 0%")
    assert named == ["ant: 5% of its samples fool the discriminator."]
    # Near the data, but none of what was asked for.
    samples = group(800, 3)
    others = LabelledFeatures(**{**vars(samples), "called": (samples.called + 1) % 4})
    heading, _ = describe_hard(scores(others), {})
    assert heading.startswith("All classes are hard: the share of samples as asked is 0%")


def test_a_judge_that_is_mostly_wrong_names_no_class():
    real = group(800, 1)
    random = np.random.default_rng(5)
    called = np.where(random.random(800) < 0.4, real.labels, (real.labels + 1) % 4)
    unseen = LabelledFeatures(**{**vars(real), "called": called})
    samples = group(800, 3, narrow=(0,), wrong=0.9)
    found = class_scores(samples, unseen, group(2000, 2), NAMES, asked=True)
    assert hard_classes(found) == {}
    heading, _ = describe_hard(found, {})
    assert "cannot be judged: the judge is right on 4" in heading


def test_fooling_rate_is_the_share_of_pairs():
    random = np.random.default_rng(0)
    fake, real = random.integers(0, 9, 50).astype(float), random.integers(0, 9, 40).astype(float)
    pairs = (fake[:, None] > real) + 0.5 * (fake[:, None] == real)
    assert fooling_rate(fake, real) == pytest.approx(pairs.mean())


def test_coverage_alone_is_that_of_all_four():
    random = np.random.default_rng(0)
    fake, real = random.normal(0, 1, (90, 3)), random.normal(0.5, 1, (70, 3))
    assert coverage_score(fake, real) == manifold_scores(fake, real)["coverage"]


class Levels(Extractor):
    """Pixels as features; with names, brightness tells the two classes."""

    name, sha256 = "levels", "2" * 64

    def __init__(self, classes=()):
        self.classes, self.sha256 = classes, f"{len(classes)}" * 64

    def measure(self, images):
        rows = images.reshape(len(images), -1).astype(np.float32) / 255
        bright = (rows.mean(1, keepdims=True) > 0.5).astype(np.float32)
        return rows, np.concatenate([1 - bright, bright], 1) if self.classes else None


def pictures(labels, seed):
    noise = np.random.default_rng(seed).normal(0, 20, (len(labels), 4, 4, 1))
    return (70 + 110 * labels[:, None, None, None] + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("judge", [(), ("dark", "bright"), ("cats", "dogs")])
@pytest.mark.parametrize("held", [True, False])
def test_evaluate_with_what_was_asked_for(judge, held):
    sides._memory.clear()
    labels = {seed: np.arange(count) % 2 for seed, count in ((1, 300), (2, 600), (3, 400))}
    shown = labels[1].copy()
    shown[:60] = 0  # half of the first 60 were asked to be bright

    def logits(images, asked):
        assert len(images) == len(asked)
        return images.mean((1, 2, 3)).astype(np.float32) / 255 - asked

    result = evaluate(
        pictures(shown, 1),
        pictures(labels[2], 2),
        extractor=Levels(judge),
        held_out=pictures(labels[3], 3) if held else None,
        labelling=Labelling(
            names=("dark", "bright"),
            generated=labels[1],
            reference=labels[2],
            held_out=labels[3] if held else None,
            logits=logits,
        ),
    )
    assert result["as_asked"] == pytest.approx(0.9)
    assert result["floor"]["as_asked"] == 1.0
    assert result["per_class"]["dark"]["accuracy"] == 1.0
    assert result["per_class"]["bright"]["accuracy"] == pytest.approx(0.8)
    assert result["per_class"]["bright"]["taken_for"] == "dark"
    assert result["per_class"]["dark"]["coverage_real"] > 0.8
    assert result["per_class"]["bright"]["fooling_rate"] < 0.45
    assert "bright" in result["hard_classes"]
    # A classifier of other classes is no judge of these.
    own = result["class_judge"] == "levels"
    assert own == (judge == ("dark", "bright"))
    table = format_scores(result)
    assert "Hard classes:\n  bright: 20.0% of its samples are taken for something else" in table
    assert json.loads(json.dumps(result)) == result


def test_unlabelled_data_has_no_classes_to_speak_of():
    sides._memory.clear()
    sets = pictures(np.zeros(60), 1), pictures(np.zeros(60), 2)
    result = evaluate(*sets, extractor=Levels(), held_out=None)
    assert not {"per_class", "hard_classes", "as_asked", "fooling_rate"} & result.keys()
