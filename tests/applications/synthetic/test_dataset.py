"""Generated images in a person's own training code."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from elegan.applications.synthetic.mixing import MixedImages
from elegan.common.errors import EleganError, UsageError
from elegan.data.pictures import save_png

CLASSES = ["cat", "dog", "T/shirt"]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Two cats of brightness 10, three shirts of 30."""
    for folder, count, value in (("cat", 2, 10), ("002-T_shirt", 3, 30)):
        for index in range(count):
            pixels = np.full((16, 16, 1), value + index, np.uint8)
            save_png(pixels, tmp_path / "images" / folder / f"{index:05d}.png")
    return tmp_path


def _real() -> TensorDataset:
    return TensorDataset(torch.zeros(6, 1, 16, 16), torch.tensor([0, 0, 1, 1, 2, 2]))


def _report(made: Path, use: bool) -> None:
    verdict = {"use": use, "share": 0.5}
    (made / "report.json").write_text(
        json.dumps({"verdict": verdict, "options": {"balance": True}})
    )


def test_real_images_come_first_and_generated_ones_follow(made: Path) -> None:
    mixed = MixedImages(_real(), made, classes=CLASSES)
    assert len(mixed) == 11
    assert mixed.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert sorted(mixed.made_labels.tolist()) == [0, 0, 2, 2, 2]
    assert mixed[2][1] == 1
    for index in range(6, 11):
        image, label = mixed[index]
        assert image.shape == (1, 16, 16)
        assert round(float(image.mean()) * 255) // 10 == {0: 1, 2: 3}[label]
    with pytest.raises(IndexError):
        mixed[11]


def test_a_loader_gets_the_advised_share_in_balance(made: Path) -> None:
    _report(made, use=True)
    mixed = MixedImages(_real(), made, classes=CLASSES)
    loader = DataLoader(mixed, batch_size=12, sampler=mixed.sampler(length=240))
    images, labels = zip(*loader, strict=True)
    assert torch.bincount(torch.cat(labels)).tolist() == [80, 80, 80]
    generated = torch.cat(images).mean(dim=(1, 2, 3)) > 0
    # Of the dogs there are none: two thirds of the half.
    assert 0.25 < float(generated.float().mean()) < 0.42


def test_after_do_not_use_nothing_is_mixed_in(made: Path) -> None:
    _report(made, use=False)
    assert MixedImages(_real(), made, classes=CLASSES).sampler().share == 0


def test_a_transform_gets_a_picture(made: Path) -> None:
    mixed = MixedImages(_real(), made, classes=CLASSES, transform=lambda image: image.size)
    assert mixed[6][0] == (16, 16)


def test_what_does_not_fit_is_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Name the classes"):
        MixedImages(_real(), made)
    with pytest.raises(UsageError, match="is no class of the real images"):
        MixedImages(_real(), made, classes=["cats", "dog"])
    with pytest.raises(UsageError, match="but 2 labels"):
        MixedImages(_real(), made, classes=CLASSES, labels=[0, 1])
    with pytest.raises(UsageError, match="no report"):
        MixedImages(_real(), made, classes=CLASSES).sampler()
    with pytest.raises(EleganError, match="no generated image"):
        MixedImages(_real(), tmp_path / "nothing", classes=CLASSES)
