"""Runs whose images are put into clusters: what is found, kept, resumed, handed on and drawn."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

import elegan
from elegan.applications.runs import train
from elegan.models import Model, interpolation
from elegan.models.interpolation import save_walk
from elegan.settings import TrainSettings

COUNT = 450  # two clusters of 200 images at least


@pytest.fixture(scope="module", name="data")
def _data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Stripes across and down, twice as many of the first."""
    random = np.random.default_rng(0)
    images = random.integers(0, 40, (COUNT, 16, 16, 1))
    across = np.arange(COUNT) % 3 > 0
    stripes = np.where(np.arange(16) // 2 % 2, 180, 0)
    images += np.where(across[:, None, None, None], stripes[:, None, None], stripes[:, None])
    path = tmp_path_factory.mktemp("data") / "stripes.npz"
    np.savez(path, images=images.astype(np.uint8), labels=across.astype(np.int64))
    return str(path)


def _settings(data: str, out: Path, **overrides) -> TrainSettings:
    network = {"name": "residual", "clusters": 8, "width": 8, "latent": 8}
    return tiny.settings(data, out=str(out), simultaneous=False, network=network, **overrides)


@pytest.fixture(scope="module", name="whole")
def _whole(data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(_settings(data, folder))
    return folder


def test_what_looks_alike_is_one_cluster_and_is_drawn_as_often(whole: Path):
    model = elegan.load(whole)
    assert model.shape.clusters == 2  # not 8 of so few images
    shares = model.network.shares
    assert shares.sum().item() == pytest.approx(1)
    assert shares.max().item() == pytest.approx(2 / 3, abs=0.02)  # less those held out
    latents = torch.randn(3000, model.latent)
    often = model.clusters(latents)[:, int(shares.argmax())].mean()
    assert often == pytest.approx(shares.max().item(), abs=0.03)
    assert model.classes == ()
    assert model.generate(4, seed=1).labels is None


def test_a_resumed_run_puts_every_image_where_it_was(data: str, whole: Path, tmp_path: Path):
    settings = _settings(data, tmp_path / "run")
    train(dataclasses.replace(settings, images=24))
    train(settings)
    kept, found = (tiny.newest_checkpoint(run) for run in (whole, tmp_path / "run"))
    assert tiny.differences(found, kept) == []


def test_clusters_keep_their_numbers_when_a_run_begins_with_a_model(data: str, whole, tmp_path):
    train(_settings(data, tmp_path / "run", seed=5, transfer={"source": str(whole)}))
    kept, found = (elegan.load(run).discriminator.centres for run in (whole, tmp_path / "run"))
    assert (kept - found).norm() < 0.2 * (kept[0] - kept[1]).norm()


def test_few_images_and_known_classes_make_no_clusters(data: str, tmp_path: Path):
    few = _settings(data, tmp_path / "few", limit=150)
    asked = dataclasses.replace(_settings(data, tmp_path / "asked"), conditional=True)
    for settings in (few, asked):
        train(dataclasses.replace(settings, images=8))
        assert elegan.load(settings.out).shape.clusters == 0


def test_a_walk_blends_clusters_in_place_of_leaping(whole: Path, tmp_path: Path, monkeypatch):
    model = elegan.load(whole)
    codes = torch.zeros(2, model.latent)
    codes[:, -2:] = torch.tensor([[3.0, -3.0], [-3.0, 3.0]])
    shares = model.clusters(codes)
    assert (shares == [[1, 0], [0, 1]]).all()
    drawn, draw = [], Model.from_latents
    monkeypatch.setattr(interpolation, "latent_noise", lambda *_: codes)
    monkeypatch.setattr(
        Model, "from_latents", lambda *given: (drawn.append(given[2][0]), draw(*given))[1]
    )
    save_walk(model, tmp_path / "w.gif", points=2, frames=2, columns=1)
    assert np.array(drawn).tolist() == [[1, 0], [0.5, 0.5], [0, 1], [0.5, 0.5]]


def test_what_one_run_knows_another_takes_though_it_has_no_clusters(data: str, whole, tmp_path):
    plain = _settings(data, tmp_path / "plain", images=8)
    train(dataclasses.replace(plain, network=dataclasses.replace(plain.network, clusters=0)))
    settings = _settings(data, tmp_path / "told", images=8, transfer={"source": plain.out})
    train(settings)
    log = (tmp_path / "told" / "log.txt").read_text()
    assert "begun anew" in log
    assert "tensors taken" in log


def test_a_run_says_what_the_data_decided(whole: Path, data: str, tmp_path: Path):
    assert "images are put into 2 clusters" in (whole / "log.txt").read_text()
    np.savez(tmp_path / "colour.npz", images=tiny.pixels(40, 16, 3))
    few = _settings(
        str(tmp_path / "colour.npz"), tmp_path / "few", images=16, augment={"kinds": "auto"}
    )
    train(few)
    assert "images augmented: photos, adaptive" in (tmp_path / "few" / "log.txt").read_text()
    train(dataclasses.replace(few, images=24))  # "auto" is still what was asked
    assert elegan.Run(tmp_path / "few").settings.augment.kinds == "auto"
