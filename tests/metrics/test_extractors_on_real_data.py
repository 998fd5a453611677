"""The judges and the random network on real images."""

import gzip
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elegan.data import open_data
from elegan.metrics.distances import fit_gaussian, frechet_distance
from elegan.metrics.extractors import extractor_for

DATA = Path(os.environ.get("ELEGAN_DATA", "/nonexistent"))
pytestmark = [pytest.mark.data, pytest.mark.skipif(not DATA.is_dir(), reason="no ELEGAN_DATA")]


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_judge_is_as_accurate_as_its_card_says(name):
    test = open_data(name, split="test")
    extractor = extractor_for(name)
    chosen = extractor.probabilities(test.images).argmax(1)
    accuracy = (chosen == test.labels).mean()
    assert accuracy == pytest.approx(extractor.card["test_accuracy"], abs=0.0003)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_features_are_standardised_on_the_training_set(name):
    train = open_data(name)
    features = extractor_for(name).features(train.images[::10])
    # Batch statistics were averaged over batches, the weights rounded, and this is but a tenth.
    np.testing.assert_allclose(features.mean(0), 0, atol=0.2)
    np.testing.assert_allclose(features.std(0), 1, atol=0.1)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_true_files_are_recognised_wherever_they_lie(tmp_path: Path, name: str, split: str):
    prefix = {"train": "train", "test": "t10k"}[split]
    for path in (DATA / name).glob(f"{prefix}-*"):
        (tmp_path / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
    assert open_data(str(tmp_path), split=split, limit=20).known == name


def test_random_distance_grows_with_damage_on_photographs():
    from test_extractors import assert_grows_with_damage

    crops = photograph_crops(DATA / "bsds-train200.zip", count=800, side=48)
    assert_grows_with_damage(extractor_for(None), crops[:400], crops[400:])


def test_digits_distance_sees_a_missing_class_and_repeats():
    train, test = open_data("mnist"), open_data("mnist", split="test")
    extractor = extractor_for("mnist")
    reference = fit_gaussian(extractor.features(train.images[:10_000]))

    def distance(images):
        return frechet_distance(fit_gaussian(extractor.features(images)), reference)

    # Every third: the first half of the test set is known to be the easier one.
    images, labels = test.images[::3], test.labels[::3]
    floor = distance(images)
    assert floor < 0.5
    assert distance(images[labels != 3]) > 5 * floor
    assert distance(np.repeat(images[:100], 30, axis=0)) > 10 * floor


def photograph_crops(archive, count, side):
    random, crops = np.random.default_rng(0), []
    with zipfile.ZipFile(archive) as files:
        names = [name for name in files.namelist() if name.lower().endswith((".jpg", ".png"))]
        for name in names:
            pixels = np.asarray(Image.open(io.BytesIO(files.read(name))).convert("RGB"))
            for _ in range(-(-count // len(names))):
                row = random.integers(0, pixels.shape[0] - side)
                column = random.integers(0, pixels.shape[1] - side)
                crops.append(pixels[row : row + side, column : column + side])
    return np.stack(crops)[random.permutation(len(crops))][:count]
