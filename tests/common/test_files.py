import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from elegan.common.errors import UsageError
from elegan.common.files import (
    refuse_overlap,
    remove_temporaries,
    save_tensors,
    sha256,
    temporary_beside,
    write_durably,
    write_files,
)


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


_HALF = ".elegan-999999999-00112233445566ff.tmp"  # no process has such a number


def test_only_what_killed_writers_left_is_removed(tmp_path: Path) -> None:
    living = f".elegan-{os.getppid()}-00112233445566ff.tmp"
    kept = [".notes.1", ".backup.2024", ".a.png.17.00ff12ab", ".elegan-1.tmp", "0003", living]
    for name in (_HALF, *kept):
        (tmp_path / name).touch()
    (tmp_path / _HALF.replace("ff.tmp", "00.tmp")).mkdir()
    (tmp_path / _HALF.replace("ff.tmp", "00.tmp") / "part").touch()
    remove_temporaries(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(kept)


def test_what_is_half_written_has_a_name_that_is_removed(tmp_path: Path) -> None:
    for name in ("a.json", "数" * 80 + ".png"):  # a long name must not make one too long
        with temporary_beside(tmp_path / name) as temporary:
            temporary.touch()
            remove_temporaries(tmp_path)  # of this process's number, as after a restart
            assert not temporary.exists()


def test_a_young_leftover_of_a_shared_folder_stays(tmp_path: Path) -> None:
    (tmp_path / _HALF).touch()
    remove_temporaries(tmp_path, seconds=3600)
    assert (tmp_path / _HALF).exists()
    os.utime(tmp_path / _HALF, (0, 0))
    remove_temporaries(tmp_path, seconds=3600)
    assert not (tmp_path / _HALF).exists()


def _writer(text: str):
    return lambda path: write_durably(path, text)


def test_own_files_are_replaced_and_those_of_others_never(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.txt": _writer("one"), "b.txt": _writer("two")})
    write_files(tmp_path, {"a.txt": _writer("three")})
    assert (tmp_path / "a.txt").read_text() == "three"
    (tmp_path / "c.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"c\.txt is there already and is not elegan's.*--out"):
        write_files(tmp_path, {"a.txt": _writer("four"), "c.txt": _writer("four")})
    (tmp_path / "b.txt").write_text("edited")
    with pytest.raises(UsageError, match=r"b\.txt .*was changed since elegan wrote it"):
        write_files(tmp_path, {"a.txt": _writer("four"), "b.txt": _writer("four")})
    texts = [(tmp_path / name).read_text() for name in ("a.txt", "b.txt", "c.txt")]
    assert texts == ["three", "edited", "mine"]


def test_what_a_kill_left_of_a_folder_is_written_again(tmp_path: Path) -> None:
    def killed(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_files(tmp_path, {"a.txt": killed})
    write_files(tmp_path, {"a.txt": _writer("whole")})
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_results_do_not_lie_within_the_data_nor_the_data_within_them(tmp_path: Path) -> None:
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    (tmp_path / "photos-made").mkdir()
    photos = str(tmp_path / "photos")
    for out in ("photos", "photos/run", "photos/cats/../run/deep", "."):
        with pytest.raises(UsageError, match="one lies within the other"):
            refuse_overlap(tmp_path / out, photos)
    refuse_overlap(tmp_path / "photos-made", photos, "mnist", None)
