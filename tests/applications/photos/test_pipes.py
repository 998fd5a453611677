"""`-` for standard input and output: the bytes of one photo, and nothing else."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import translators
from PIL import Image

from elegan.cli import main

PHOTO = translators.photo()


def _png() -> bytes:
    held = io.BytesIO()
    Image.fromarray(PHOTO).save(held, "PNG")
    return held.getvalue()


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return translators.write(tmp_path / "model", "upscale", scale=2)


def _sends(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))


def test_a_photo_goes_through_as_bytes(model: str, monkeypatch, capfdbinary) -> None:
    _sends(monkeypatch, _png())
    assert main(["upscale", "-", "--model", model, "--out", "-"]) == 0
    out, err = capfdbinary.readouterr()
    with Image.open(io.BytesIO(out)) as made:
        assert made.format == "PNG"
        assert made.size == (2 * PHOTO.shape[1], 2 * PHOTO.shape[0])
    assert b"stdin.png" in err
    assert sorted(path.name for path in Path().iterdir()) == ["model"]


def test_either_side_may_be_a_file(model: str, monkeypatch, capfdbinary) -> None:
    _sends(monkeypatch, _png())
    assert main(["upscale", "-", "--model", model, "--out", "made"]) == 0
    file = np.asarray(Image.open("made/stdin.png"))
    capfdbinary.readouterr()
    Path("photo.png").write_bytes(_png())
    assert main(["upscale", "photo.png", "--model", model, "--out", "-"]) == 0
    out = np.asarray(Image.open(io.BytesIO(capfdbinary.readouterr().out)))
    np.testing.assert_array_equal(out, file)


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["-", "b.png", "--out", "-"], "one photo", 2),
        ([".", "--out", "-"], "one photo", 2),
        (["-", "--out", "-", "--json"], "both the photo", 2),
        (["-", "--out", "-"], "is empty", 1),
    ],
)
def test_what_cannot_be_piped_is_refused_before_a_byte_is_written(
    model: str, monkeypatch, capfd, words: list[str], said: str, code: int
) -> None:
    _sends(monkeypatch, b"")
    assert main(["upscale", *words, "--model", model]) == code
    out, err = capfd.readouterr()
    assert said in err
    assert "PNG" not in out


def test_a_terminal_is_spared_the_bytes(model: str, monkeypatch, capsys) -> None:
    _sends(monkeypatch, _png())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["upscale", "-", "--model", model, "--out", "-"]) == 2
    assert "unreadable" in capsys.readouterr().err


def test_a_photo_that_fails_writes_nothing_and_says_so(model: str, monkeypatch, capfd) -> None:
    _sends(monkeypatch, b"no image at all")
    assert main(["upscale", "-", "--model", model, "--out", "-"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "stdin" in err
