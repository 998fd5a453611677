import errno
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from elegan.common.errors import EleganError
from elegan.training import checkpoints

PARTS = {
    "network": {
        "weight": torch.randn(4, 3, 5, 5).contiguous(memory_format=torch.channels_last),
        "half": torch.randn(3).bfloat16(),
        "count": torch.tensor(7),
    },
    "nothing": {},
}


def _save(folder: Path, images: int) -> Path:
    return checkpoints.save(folder, PARTS, {"images": images})


def _names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_every_bit_comes_back(tmp_path: Path) -> None:
    _save(tmp_path, 64)
    parts, facts = checkpoints.load(tmp_path)
    assert facts == {"images": 64}
    assert parts.keys() == PARTS.keys()
    for name, tensor in PARTS["network"].items():
        assert torch.equal(parts["network"][name], tensor)
        assert parts["network"][name].dtype == tensor.dtype


def test_nothing_to_load_is_none(tmp_path: Path) -> None:
    assert checkpoints.load(tmp_path / "none") is None
    (tmp_path / ".0001.123").mkdir()
    assert checkpoints.load(tmp_path) is None


def test_two_are_kept_and_numbers_go_on(tmp_path: Path) -> None:
    for images in range(5):
        _save(tmp_path, images)
    assert _names(tmp_path) == ["0004", "0005"]


def test_only_checkpoints_are_removed(tmp_path: Path) -> None:
    kept = _save(tmp_path, 1)
    shutil.copytree(kept, tmp_path / "0000")  # a copy that somebody made of it
    (tmp_path / "0002").mkdir()
    (tmp_path / "0002" / "notes.txt").touch()
    for images in range(3):
        _save(tmp_path, images)
    assert _names(tmp_path) == ["0000", "0002", "0004", "0005"]


def test_the_newest_is_found_by_number_not_by_time(tmp_path: Path) -> None:
    older, newer = _save(tmp_path, 1), _save(tmp_path, 2)
    os.utime(older, (2e9, 2e9))
    os.utime(newer, (1e9, 1e9))
    assert checkpoints.load(tmp_path)[1] == {"images": 2}
    # And as a number: 10000 comes after 9999, though not in the alphabet.
    newer.rename(tmp_path / "10000")
    older.rename(tmp_path / "9999")
    assert checkpoints.load(tmp_path)[1] == {"images": 2}
    assert _save(tmp_path, 3).name == "10001"


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda one: _flip(one / "network.safetensors"),
        lambda one: (one / "network.safetensors").write_bytes(b""),
        lambda one: (one / "network.safetensors").unlink(),
        lambda one: (one / "manifest.json").unlink(),
        lambda one: (one / "manifest.json").write_text("{"),
        lambda one: (one / "manifest.json").write_text("[]"),
        lambda one: (one / "manifest.json").write_text("{}"),
        lambda one: (one / "manifest.json").write_bytes(b"\xff\xfe"),
    ],
)
def test_a_damaged_newest_is_said_and_the_one_before_it_taken(tmp_path: Path, damage) -> None:
    _save(tmp_path, 1)
    damage(_save(tmp_path, 2))
    said: list[str] = []
    assert checkpoints.load(tmp_path, said.append)[1] == {"images": 1}
    assert len(said) == 1
    assert "0002 is damaged" in said[0]
    # It must not count as one of the two that are kept.
    _save(tmp_path, 3)
    assert "0001" in _names(tmp_path)
    assert checkpoints.load(tmp_path, said.append)[1] == {"images": 3}
    assert len(said) == 1


def test_no_flipped_bit_of_the_manifest_changes_what_is_read(tmp_path: Path) -> None:
    facts = {"images": 64_000, "guard": {"rate_scale": 0.5, "skips": 1}}
    manifest = checkpoints.save(tmp_path, PARTS, facts) / "manifest.json"
    whole = manifest.read_bytes()
    refused = 0
    for place in range(len(whole)):
        for bit in range(0, 8, 3 if b'"files"' in whole[:place] else 1):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            manifest.write_bytes(data)
            try:
                found = checkpoints.load(tmp_path, lambda line: None)
            except EleganError:
                refused += 1
            else:
                assert found is not None
                assert found[1] == facts, (place, bit)  # it fell on white space
    assert refused > 1000


def test_checkpoints_from_before_the_checksum_are_read(tmp_path: Path) -> None:
    path = _save(tmp_path, 8) / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["sha256"]
    path.write_text(json.dumps({**manifest, "version": 1}, indent=2))
    assert checkpoints.load(tmp_path)[1] == {"images": 8}


def test_all_damaged_is_an_error_and_nothing_is_removed(tmp_path: Path) -> None:
    for images in (1, 2):
        _flip(_save(tmp_path, images) / "network.safetensors")
    with pytest.raises(EleganError, match=r"No checkpoint in .* can be read"):
        checkpoints.load(tmp_path, lambda line: None)
    assert _names(tmp_path) == ["0001", "0002"]


def test_another_format_is_not_read(tmp_path: Path) -> None:
    path = _save(tmp_path, 1) / "manifest.json"
    path.write_text(path.read_text().replace('"version": 2', '"version": 3'))
    said: list[str] = []
    with pytest.raises(EleganError):
        checkpoints.load(tmp_path, said.append)
    assert "format 3" in said[0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_never_saved(tmp_path: Path, bad: float) -> None:
    _save(tmp_path, 1)
    with pytest.raises(checkpoints.NotFiniteError, match=r"network\.weight"):
        checkpoints.save(tmp_path, {"network": {"weight": torch.tensor([1.0, bad])}}, {})
    assert _names(tmp_path) == ["0001"]


@pytest.mark.parametrize("failing", range(6))
def test_a_full_disk_is_explained_and_older_ones_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    for images in (1, 2):
        _save(tmp_path, images)
    calls = iter(range(100))
    real = os.fsync

    def full(descriptor: int) -> None:
        if next(calls) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    if failing < 4:  # two parts, the manifest, the folder
        with pytest.raises(EleganError, match=r"No space left.*Earlier checkpoints are whole"):
            _save(tmp_path, 3)
    else:
        _save(tmp_path, 3)
    monkeypatch.undo()
    found = checkpoints.load(tmp_path)[1]["images"]
    assert found == (2 if failing < 3 else 3)
    assert not [name for name in _names(tmp_path) if name.startswith(".")]


def test_a_really_full_disk(tmp_path: Path) -> None:
    """The system's own refusal, in a process whose files may not grow."""
    resource = pytest.importorskip("resource")
    _save(tmp_path, 1)
    big = {"network": {"weight": torch.randn(100_000)}}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(EleganError, match="File too large"):
            checkpoints.save(tmp_path, big, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _names(tmp_path) == ["0001"]


def test_leftovers_of_a_process_with_the_same_number_do_not_hinder(tmp_path: Path) -> None:
    left = tmp_path / f".0001.{os.getpid()}"
    left.mkdir(parents=True)
    (left / "stray").touch()
    assert _names(_save(tmp_path, 1)) == [
        "manifest.json",
        "network.safetensors",
        "nothing.safetensors",
    ]


def test_the_manifest_names_every_file_and_its_hash(tmp_path: Path) -> None:
    manifest = json.loads((_save(tmp_path, 5) / "manifest.json").read_text())
    assert manifest["sequence"] == 1
    assert manifest["facts"] == {"images": 5}
    assert set(manifest["files"]) == {"network.safetensors", "nothing.safetensors"}
    assert all(len(digest) == 64 for digest in manifest["files"].values())


def test_adam_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    def make() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(36, 1))
        network.to(memory_format=torch.channels_last)
        return network, torch.optim.Adam(network.parameters(), 0.1, fused=True)

    def step(network: nn.Module, optimizer: torch.optim.Optimizer, number: int) -> None:
        images = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(number))
        optimizer.zero_grad()
        network(images).square().sum().backward()
        optimizer.step()

    network, optimizer = make()
    for number in range(3):
        step(network, optimizer, number)
    state = checkpoints.optimizer_tensors(optimizer)
    checkpoints.save(tmp_path, {"network": network.state_dict(), "optimizer": state}, {})
    other, other_optimizer = make()
    step(other, other_optimizer, 99)  # what stood there before must not matter
    parts, _ = checkpoints.load(tmp_path)
    checkpoints.restore_module(other, parts["network"])
    checkpoints.restore_optimizer(other_optimizer, parts["optimizer"])
    for number in range(3, 6):
        step(network, optimizer, number)
        step(other, other_optimizer, number)
    for mine, theirs in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
        assert mine.stride() == theirs.stride()
        again, once = other_optimizer.state[theirs], optimizer.state[mine]
        assert torch.equal(again["exp_avg_sq"], once["exp_avg_sq"])
        assert again["exp_avg"].stride() == once["exp_avg"].stride()


def test_another_network_is_refused() -> None:
    network = nn.Linear(2, 2)
    for tensors in ({}, {"weight": torch.zeros(2, 2)}, nn.Linear(3, 2).state_dict()):
        with pytest.raises(EleganError, match="another network"):
            checkpoints.restore_module(network, tensors)


def test_a_folder_that_is_moved_still_loads(tmp_path: Path) -> None:
    _save(tmp_path / "a", 1)
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert checkpoints.load(tmp_path / "b")[1] == {"images": 1}
