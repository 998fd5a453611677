"""Extractors: the shipped judges, the random network, and what neither may depend on."""

import hashlib
import json
from importlib import resources

import numpy as np
import pytest
import torch

from elegan.common import weights as packaged
from elegan.common.errors import EleganError, UsageError
from elegan.metrics import extractors as judge
from elegan.metrics.distances import fit_gaussian, frechet_distance
from elegan.metrics.extractors import (
    EXTRACTORS,
    ClassifierExtractor,
    RandomExtractor,
    extractor_for,
    made_images,
)


def pictures(count, size=28, channels=1, seed=0):
    made = made_images(count, size, np.random.default_rng(seed))[:, :channels]
    return (made * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def blurred(images, width):
    ramp = np.exp(-(np.arange(-4, 5) ** 2) / (2 * width**2))
    ramp /= ramp.sum()
    padded = np.pad(images.astype(float), ((0, 0), (4, 4), (4, 4), (0, 0)), mode="edge")
    down = sum(weight * padded[:, at : at + images.shape[1]] for at, weight in enumerate(ramp))
    across = sum(weight * down[:, :, at : at + images.shape[2]] for at, weight in enumerate(ramp))
    return across.round().clip(0, 255).astype(np.uint8)


def noisy(images, deviation):
    noise = np.random.default_rng(1).normal(0, 255 * deviation, images.shape)
    return (images + noise).round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", sorted(EXTRACTORS))
@pytest.mark.parametrize(("size", "channels"), [(28, 1), (16, 3), (50, 1), (96, 3)])
def test_every_extractor_takes_any_size_and_colour(name, size, channels):
    extractor = extractor_for(None, name)
    images = pictures(3, size, channels)
    features = extractor.features(images)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    # Each image on its own, whatever its company.
    np.testing.assert_allclose(extractor.features(images[1:2]), features[1:2], atol=1e-4)


def test_the_extractor_follows_from_the_data():
    assert extractor_for("mnist").name == "digits"
    assert extractor_for("mnist-5k").name == "digits"
    assert extractor_for("fashion-mnist").name == "fashion"
    assert extractor_for("/some/folder").name == "random"
    assert extractor_for(None).name == "random"
    assert extractor_for("mnist", "random").name == "random"
    with pytest.raises(UsageError, match="digits"):
        extractor_for("mnist", "digit")


@pytest.mark.parametrize("name", ["digits", "fashion"])
def test_the_card_describes_the_shipped_weights(name):
    extractor = ClassifierExtractor(name)
    blob = (resources.files("elegan.metrics") / "weights" / f"{name}.safetensors").read_bytes()
    assert extractor.sha256 == hashlib.sha256(blob).hexdigest()
    assert extractor.card["test_accuracy"] >= {"digits": 0.993, "fashion": 0.93}[name]
    for fact in ("data", "licence", "command", "seed", "epochs", "device", "seconds"):
        assert extractor.card[fact] is not None
    assert len(extractor.classes) == 10


def test_both_judges_stay_small():
    folder = resources.files("elegan.metrics") / "weights"
    assert sum(len(path.read_bytes()) for path in folder.iterdir()) < 2_000_000


def test_damaged_weights_are_refused(tmp_path, monkeypatch):
    weights = tmp_path / "weights"
    weights.mkdir()
    card = {"sha256": hashlib.sha256(b"whole").hexdigest(), "classes": list("0123456789")}
    (weights / "digits.json").write_text(json.dumps(card))
    (weights / "digits.safetensors").write_bytes(b"half")
    monkeypatch.setattr(packaged.resources, "files", lambda package: tmp_path)
    with pytest.raises(EleganError, match="damaged"):
        judge.load_network("digits")
    with pytest.raises(EleganError, match="missing"):
        judge.load_network("fashion")


def test_probabilities_sum_to_one_and_random_features_have_none():
    images = pictures(5)
    probabilities = extractor_for("mnist").probabilities(images)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert extractor_for(None).probabilities(images) is None


def test_a_gray_image_in_three_channels_is_the_same_image():
    images = pictures(4)
    for name in EXTRACTORS:
        extractor = extractor_for(None, name)
        np.testing.assert_allclose(
            extractor.features(images.repeat(3, axis=3)), extractor.features(images), atol=2e-3
        )


def test_figures_do_not_depend_on_what_training_has_set():
    images = pictures(6)
    extractor = extractor_for("mnist")
    expected = extractor.features(images)
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            np.testing.assert_allclose(extractor.features(images), expected, atol=1e-5)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 28, 28, 1), np.float32),
        np.zeros((2, 28, 28), np.uint8),
        np.zeros((2, 28, 28, 4), np.uint8),
        np.zeros((0, 28, 28, 1), np.uint8),
    ],
)
def test_what_is_no_set_of_images_is_refused(images):
    with pytest.raises(UsageError):
        extractor_for("mnist").features(images)


def test_the_random_network_is_the_same_everywhere():
    # Of the weights, which NumPy's Philox generator fixes: a change would make every published
    # FD-random incomparable.
    assert RandomExtractor().sha256 == (
        "8d0158e83075371e5a34960eb9d36e9beec5ac27dac3fb74f3ed15cdf3176ad0"
    )
    assert RandomExtractor(seed=1).sha256 != RandomExtractor().sha256


def assert_grows_with_damage(extractor, reference, unseen):
    """The distance rises with blur, noise and lost variety, from the floor upward."""
    real = fit_gaussian(extractor.features(reference))

    def distance(images):
        return frechet_distance(fit_gaussian(extractor.features(images)), real)

    floor = distance(unseen)
    brightness = unseen.mean((1, 2, 3)).argsort()
    damages = {
        "blur": [blurred(unseen, width) for width in (0.8, 1.5, 3.0)],
        "noise": [noisy(unseen, deviation) for deviation in (0.08, 0.16, 0.3)],
        "lost modes": [unseen[brightness[int(len(unseen) * lost) :]] for lost in (0.3, 0.5, 0.7)],
        "few distinct": [unseen[np.arange(len(unseen)) % kept] for kept in (100, 30, 10)],
    }
    for damage, steps in damages.items():
        values = [floor, *(distance(images) for images in steps)]
        assert values == sorted(values), damage
        assert values[-1] > 1.5 * floor, damage


def test_random_distance_grows_with_damage_on_made_images():
    assert_grows_with_damage(extractor_for(None), pictures(400, 32, 3, 1), pictures(400, 32, 3, 2))
