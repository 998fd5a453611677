"""Players begun from trained weights and partly frozen."""

import dataclasses
from pathlib import Path

import pytest
import torch
from tiny import image_data, loop_of, settings, task_of

from elegan.common.errors import EleganError, UsageError
from elegan.networks.conditioning import class_rows
from elegan.settings import TransferSettings
from elegan.training.players import network_sizes

NETWORKS = ["article", "dcgan", "residual", "style"]


def _trained(folder: Path, **overrides):
    task = task_of(
        settings(**overrides), image_data(classes=4 if overrides.get("conditional") else 0)
    )
    loop = loop_of(task)
    for position in (0, 8, 16):
        assert loop.step(task.batches.at(position))
    task.save_model(folder / "model", {"images": 24})
    return task


def _heir(source: Path, freeze: str = "", data=None, **overrides):
    chosen = settings(seed=7, **overrides)
    transfer = TransferSettings(source=str(source), freeze=freeze)
    return task_of(dataclasses.replace(chosen, transfer=transfer), data)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_run_begins_with_the_average_and_the_discriminator(network: str, tmp_path: Path) -> None:
    old = _trained(tmp_path, network={"name": network})
    said: list[str] = []
    new = _heir(tmp_path, network={"name": network})
    new.begin(said.append)
    for mine, theirs in (
        (new.generator.network, old.ema.network),
        (new.ema.network, old.ema.network),
        (new.discriminator.network, old.discriminator.network),
    ):
        expected = theirs.state_dict()
        for name, tensor in mine.state_dict().items():
            assert torch.equal(tensor, expected[name]), name
    assert len(said) == 2
    assert "tensors taken" in said[0]
    assert "begun anew" not in said[0]


def test_frozen_stages_stay_and_the_others_move(tmp_path: Path) -> None:
    _trained(tmp_path, network={"name": "residual"})
    new = _heir(tmp_path, "D:1,G:1", network={"name": "residual"})
    new.begin(lambda _: None)
    players = {"G": new.generator, "D": new.discriminator}
    before = {
        name: {key: one.clone() for key, one in player.network.named_parameters()}
        for name, player in players.items()
    }
    loop = loop_of(new)
    for position in range(0, 40, 8):
        assert loop.step(new.batches.at(position))
    for name, player in players.items():
        frozen = {id(one) for one in player.network.stages()[0].parameters()}
        assert frozen
        for key, one in player.network.named_parameters():
            assert torch.equal(one, before[name][key]) == (id(one) in frozen), (name, key)


def test_other_class_and_channel_counts_take_what_fits_and_say_what_not(tmp_path: Path) -> None:
    _trained(tmp_path, network={"name": "residual"}, conditional=True)
    said: list[str] = []
    data = image_data(channels=3, classes=2)
    new = _heir(tmp_path, data=data, network={"name": "residual"}, conditional=True)
    new.begin(said.append)
    assert "2 of 2 classes are known to it" in said[0]  # of four there
    assert "begun anew" in said[1]
    assert "to_patches.weight" in said[1]  # gray there, colour here
    assert "from_patches.weight" in said[2]
    assert loop_of(new).step(new.batches.at(0))


@pytest.mark.parametrize("network", ["residual", "style", "article"])
def test_what_is_known_of_a_class_is_found_by_its_name(network: str, tmp_path: Path) -> None:
    old = _trained(tmp_path, network={"name": network}, conditional=True)
    names = ("other", "class3", "class0")
    data = dataclasses.replace(image_data(classes=3), classes=names)
    new = _heir(tmp_path, data=data, network={"name": network}, conditional=True)
    fresh = {key: one.clone() for key, one in new.generator.network.state_dict().items()}
    said: list[str] = []
    new.begin(said.append)
    assert "2 of 3 classes are known" in said[0]
    for mine, theirs in (
        (new.generator.network, old.ema.network),
        (new.discriminator.network, old.discriminator.network),
    ):
        rows = class_rows(mine)
        assert rows
        for key in rows:
            here, there = mine.state_dict()[key], theirs.state_dict()[key]
            assert torch.equal(here[[1, 2]], there[[3, 0]]), key
    for key in class_rows(new.generator.network):
        assert torch.equal(new.generator.network.state_dict()[key][0], fresh[key][0]), key


def test_a_model_of_another_network_is_refused(tmp_path: Path) -> None:
    _trained(tmp_path, network={"name": "residual"})
    new = _heir(tmp_path, network={"name": "dcgan"})
    with pytest.raises(EleganError, match="No tensor of the generator"):
        new.begin(lambda _: None)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    _trained(tmp_path, network={"name": "residual"})
    weights = next((tmp_path / "model").glob("discriminator-*"))
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(EleganError, match="SHA-256"):
        _heir(tmp_path, network={"name": "residual"}).begin(lambda _: None)


def test_freezing_everything_is_refused(tmp_path: Path) -> None:
    for freeze in ("D:99", "G:99", "G:2"):  # at 16 pixels the generator is of two stages
        with pytest.raises(UsageError, match="is too much"):
            _heir(tmp_path, freeze, network={"name": "residual"})


def test_a_pruned_generator_has_a_width_of_its_own() -> None:
    chosen = settings(network={"name": "residual", "width": 16, "generator_width": 8})
    task = task_of(chosen)
    generator, discriminator = network_sizes(chosen, task.shape)
    assert (generator["width"], discriminator["width"]) == (16 // 2, 16)
    assert task.sizes == (generator, discriminator)
