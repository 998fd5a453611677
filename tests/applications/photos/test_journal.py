"""The journal of an output folder: what is whole, what is ours, what must not be replaced."""

import os
from pathlib import Path

import pytest

from elegan.applications.photos.journal import NAME, Journal
from elegan.common.errors import EleganError

OPTIONS = {"scale": 2, "model": "abc"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "x.png"
    path.write_bytes(b"source")
    return path


def _made(folder: Path, source: Path, output: str = "x.png", *, whole: bool = True) -> None:
    with Journal(folder) as journal:
        journal.begin(source, output, OPTIONS)
        (folder / output).write_bytes(b"result")
        if whole:
            journal.finish(source, output, OPTIONS)


def test_a_finished_file_is_known_by_the_next_call(tmp_path: Path, source: Path) -> None:
    _made(tmp_path / "out", source)
    with Journal(tmp_path / "out") as journal:
        assert journal.finished(source, OPTIONS) == "x.png"
        assert journal.finished(source, {**OPTIONS, "scale": 3}) is None
        assert journal.refusal(source, "x.png") is None  # ours: other flags replace it
        assert journal.is_output(tmp_path / "out" / "x.png")
        assert not journal.is_output(source)


def test_a_changed_source_or_a_lost_result_is_made_again(tmp_path: Path, source: Path) -> None:
    _made(tmp_path / "out", source)
    (tmp_path / "out" / "x.png").unlink()
    with Journal(tmp_path / "out") as journal:
        assert journal.finished(source, OPTIONS) is None
    _made(tmp_path / "out", source)
    source.write_bytes(b"another source")
    with Journal(tmp_path / "out") as journal:
        assert journal.finished(source, OPTIONS) is None
        assert journal.refusal(source, "x.png") is None


def test_what_was_begun_only_is_not_whole_but_ours(tmp_path: Path, source: Path) -> None:
    _made(tmp_path / "out", source, whole=False)
    with Journal(tmp_path / "out") as journal:
        assert journal.finished(source, OPTIONS) is None
        assert journal.refusal(source, "x.png") is None


def test_files_of_others_are_refused(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "out"
    _made(out, source)
    other = source.with_name("other.png")
    other.write_bytes(b"other")
    (out / "mine.png").write_bytes(b"mine")
    with Journal(out) as journal:
        assert "did not write it" in (journal.refusal(source, "mine.png") or "")
        assert f"made of {source}" in (journal.refusal(other, "x.png") or "")
        assert journal.refusal(other, "free.png") is None
    (out / "x.png").write_bytes(b"retouched by hand")
    with Journal(out) as journal:
        assert journal.finished(source, OPTIONS) is None
        assert "changed since" in (journal.refusal(source, "x.png") or "")


def test_a_folder_of_photos_may_be_moved(tmp_path: Path, source: Path) -> None:
    _made(tmp_path / "out", source)
    moved = tmp_path / "elsewhere" / "x.png"
    moved.parent.mkdir()
    source.rename(moved)
    with Journal(tmp_path / "out") as journal:
        assert journal.finished(moved, OPTIONS) == "x.png"


def test_a_torn_or_strange_line_costs_nothing_but_itself(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "out"
    _made(out, source)
    with (out / NAME).open("ab") as file:
        file.write(b'[1]\n"text"\n{"source": 1}\n\xff\xfe\n{"source": "/half')
    second = source.with_name("y.png")
    second.write_bytes(b"second")
    _made(out, second, "y.png")
    with Journal(out) as journal:
        assert journal.finished(source, OPTIONS) == "x.png"
        assert journal.finished(second, OPTIONS) == "y.png"


def test_a_name_that_is_no_text_can_be_noted(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    path.write_bytes(b"x")
    _made(tmp_path / "out", path)
    with Journal(tmp_path / "out") as journal:
        assert journal.finished(path, OPTIONS) == "x.png"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for place in (tmp_path / "file" / "out", tmp_path / "file"):
        with pytest.raises(EleganError, match="--out FOLDER"):
            Journal(place)
    assert (tmp_path / "file").read_text() == "precious"
