"""The discriminator as a classifier: inputs of every kind, matched labels, honest counts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from elegan.common.errors import EleganError, UsageError
from elegan.models import Model, save_model
from elegan.models.classification import class_probabilities, classify
from elegan.networks import PAIRS, ImageShape, NetworkPair, build_discriminator, build_generator

SIDE = 16
NAMES = ("top", "bottom")


class Halves(nn.Module):
    """Class logits: how bright the upper and the lower half are."""

    def __init__(self, shape: ImageShape, **sizes: Any) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(4.0))

    @property
    def head(self) -> "Halves":
        return self

    def features(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return images.mean(dim=(1, 3)).unflatten(1, (2, SIDE // 2)).mean(dim=2)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        return self.sharpness * features


def _images(places: list[int]) -> np.ndarray:
    """Images with the upper (0) or lower (1) half bright."""
    images = np.full((len(places), SIDE, SIDE, 1), 20, dtype=np.uint8)
    for image, place in zip(images, places, strict=True):
        image[place * SIDE // 2 : (place + 1) * SIDE // 2] = 220
    return images


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    return _model(tmp_path / "model", monkeypatch)


def _model(folder: Path, monkeypatch: pytest.MonkeyPatch, condition: str = "joint") -> Model:
    pair = NetworkPair(
        generator=PAIRS["article"].generator,
        discriminator=Halves,  # pyright: ignore[reportArgumentType]
        width=8,
        latent=4,
        source="tests",
    )
    monkeypatch.setitem(PAIRS, "test-judge", pair)
    shape = ImageShape(resolution=SIDE, channels=1)
    sizes = {"width": 8, "latent": 4}
    save_model(
        folder,
        build_generator("test-judge", shape, **sizes),
        name="test-judge",
        shape=shape,
        sizes=sizes,
        classes=(),
        task="classify",
        training={},
        discriminator=build_discriminator("test-judge", shape),
        discriminator_sizes={"condition": condition},
        discriminator_classes=NAMES,
    )
    return Model.load(folder, device="cpu", precision="float32")


def test_probabilities_are_the_softmax_of_the_class_logits(model: Model) -> None:
    found = class_probabilities(model, _images([0, 1, 1]), batch=2)
    bright, dark = 220 / 127.5 - 1, 20 / 127.5 - 1
    expected = 1 / (1 + np.exp(-4 * (bright - dark)))
    assert found[:, 1] == pytest.approx([1 - expected, expected, expected], abs=1e-6)
    assert class_probabilities(model, _images([])).shape == (0, 2)


def test_image_files_and_folders_together(model: Model, tmp_path: Path) -> None:
    big = np.kron(_images([1])[0, :, :, 0], np.ones((3, 3), dtype=np.uint8))
    Image.fromarray(big).convert("RGB").save(tmp_path / "one.png")
    folder = tmp_path / "flat"
    folder.mkdir()
    for index, image in enumerate(_images([0, 1])):
        Image.fromarray(image[..., 0]).save(folder / f"{index}.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    inputs = [str(folder), str(tmp_path / "one.png"), str(tmp_path / "bad.png")]
    found = classify(model, inputs)
    assert [Path(name).name for name, _, _ in found.rows()] == ["one.png", "0.png", "1.png"]
    assert [label for _, label, _ in found.rows()] == ["bottom", "top", "bottom"]
    assert any("bad.png" in note for note in found.notes)
    facts = found.to_dict()
    assert facts["counts"] == {"top": 1, "bottom": 2}
    assert facts["labelled"] == 0
    assert "accuracy" not in facts


def test_labels_are_matched_by_name_not_by_number(model: Model, tmp_path: Path) -> None:
    # In alphabetical order "bottom" is class 0 of the folder, and class 1 of the model.
    places = {"bottom": [1, 1, 0], "top": [0, 0], "other": [0]}
    for name, rows in places.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        for index, image in enumerate(_images(rows)):
            Image.fromarray(image[..., 0]).save(tmp_path / "data" / name / f"{index}.png")
    found = classify(model, [str(tmp_path / "data")])
    facts = found.to_dict()
    assert (facts["images"], facts["labelled"]) == (6, 5)
    assert facts["accuracy"] == pytest.approx(4 / 5)
    assert facts["confusion"] == [[2, 0], [1, 2]]
    assert facts["accuracy_per_class"] == {"top": 1.0, "bottom": pytest.approx(2 / 3)}
    assert any("other" in note for note in found.notes)
    text = found.text()
    assert "accuracy 80.00% (4 of 5)" in text
    assert "bottom taken for top 1x" in text


def test_the_test_split_is_judged_where_there_is_one(model: Model, tmp_path: Path) -> None:
    np.savez(
        tmp_path / "data.npz",
        x_train=_images([0, 0, 0]),
        y_train=np.array(["bottom"] * 3),
        x_test=_images([0, 1]),
        y_test=np.array(["top", "bottom"]),
    )
    assert classify(model, [str(tmp_path / "data.npz")]).to_dict()["accuracy"] == 1
    trained = classify(model, [str(tmp_path / "data.npz")], split="train").to_dict()
    assert (trained["images"], trained["accuracy"]) == (3, 0)


def test_every_prediction_goes_into_the_csv_file(model: Model, tmp_path: Path) -> None:
    np.save(tmp_path / "many.npy", _images([0, 1] * 600))
    found = classify(model, [str(tmp_path / "many.npy")])
    assert "predictions" not in found.to_dict()
    assert "and 1,150 more" in found.text()
    lines = found.save(tmp_path / "new" / "out.csv").read_text().splitlines()
    assert lines[0] == "file,class,probability"
    assert len(lines) == 1201
    assert lines[2].split(",")[1] == "bottom"
    (tmp_path / "file").touch()
    with pytest.raises(EleganError, match="--out"):
        found.save(tmp_path / "file" / "out.csv")


def test_a_model_without_classifier_says_how_to_train_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _model(tmp_path, monkeypatch, condition="projection")
    with pytest.raises(EleganError, match="--preset classify --labelled"):
        classify(model, ["x"])
    facts = json.loads((tmp_path / "model.json").read_text())
    del facts["discriminator"]
    (tmp_path / "model.json").write_text(json.dumps(facts))
    with pytest.raises(EleganError, match="--preset classify --labelled"):
        classify(Model.load(tmp_path), ["x"])


def test_inputs_that_cannot_be_used_are_explained(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one image"):
        classify(model, [])
    with pytest.raises(UsageError, match="no data"):
        classify(model, [str(tmp_path / "nowhere")])
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(EleganError, match=r"No image can be used: .*empty file"):
        classify(model, [str(tmp_path / "bad.png")])


@pytest.mark.parametrize("condition", ["joint", "classifier"])
def test_registered_networks_classify(tmp_path: Path, condition: str) -> None:
    shape = ImageShape(resolution=SIDE, channels=1)
    sizes = {"width": 8, "latent": 4}
    classes = ("a", "b", "c")
    judged = ImageShape(resolution=SIDE, channels=1, classes=3)
    discriminator = build_discriminator("residual", judged, **sizes, condition=condition).eval()
    save_model(
        tmp_path,
        build_generator("residual", shape, **sizes),
        name="residual",
        shape=shape,
        sizes=sizes,
        classes=(),
        task="classify",
        training={},
        discriminator=discriminator,
        discriminator_sizes={**sizes, "condition": condition},
        discriminator_classes=classes,
    )
    images = _images([0, 1])
    found = class_probabilities(Model.load(tmp_path, device="cpu", precision="float32"), images)
    tensor = torch.from_numpy(images / 127.5 - 1).float().permute(0, 3, 1, 2)
    logits = discriminator.head.classify(discriminator.features(tensor))
    np.testing.assert_allclose(found, logits.softmax(1).detach().numpy(), atol=1e-5)
