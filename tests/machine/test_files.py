import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from elegan.machine.files import remove_temporaries, save_tensors, sha256, write_durably


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    write_durably(path, "old")
    write_durably(path, "数字 😀")
    assert path.read_text(encoding="utf-8") == "数字 😀"
    assert [one.name for one in tmp_path.iterdir()] == ["facts.json"]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "facts.json"
    write_durably(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_durably(path, "new")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["facts.json"]


def test_tensors_keep_every_bit(tmp_path: Path) -> None:
    image = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    tensors = {"image": image, "step": torch.tensor(3.0), "half": torch.randn(3).bfloat16()}
    save_tensors(tmp_path / "a.safetensors", tensors)
    again = load_file(tmp_path / "a.safetensors")
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)
    # Others on the machine may read what the umask lets them.
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc").startswith("ba7816bf8f01cfea")


def test_only_what_writers_left_is_removed(tmp_path: Path) -> None:
    left = [".settings.json.4711", ".0003.17", ".0000064.png.17.00ff12ab"]
    kept = ["settings.json", ".hidden", ".git", "0003", ".v1.0-notes"]
    for name in left + kept:
        (tmp_path / name).touch()
    (tmp_path / ".0004.18").mkdir()
    (tmp_path / ".0004.18" / "part").touch()
    remove_temporaries(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(kept)
