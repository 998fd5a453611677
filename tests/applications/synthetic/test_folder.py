"""Whose an output folder is, and what is not measured twice."""

from dataclasses import replace
from pathlib import Path

import pytest

from elegan.applications.synthetic.folder import JOURNAL, SETTINGS, OutputFolder
from elegan.common.errors import EleganError, UsageError
from elegan.options import Augment

OPTIONS = Augment(data="birds", per_class=5)


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"mine")
    with (
        pytest.raises(UsageError, match=r"photo\.png.*touches only what it wrote"),
        OutputFolder(tmp_path).claim(OPTIONS, "hash"),
    ):
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["photo.png"]


def test_other_options_and_other_images_are_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with OutputFolder(out).claim(OPTIONS, "hash"):
        pass
    with OutputFolder(out).claim(OPTIONS, "hash"):
        pass
    with (
        pytest.raises(UsageError, match="per_class: 5 there, 6 asked"),
        OutputFolder(out).claim(replace(OPTIONS, per_class=6), "hash"),
    ):
        pass
    with (
        pytest.raises(UsageError, match="images have changed"),
        OutputFolder(out).claim(OPTIONS, "other"),
    ):
        pass


def test_a_beginning_that_was_killed_goes_on(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "out").claim(OPTIONS, "hash"):
        (tmp_path / "out" / SETTINGS).unlink()
    with OutputFolder(tmp_path / "out").claim(OPTIONS, "hash"):
        assert (tmp_path / "out" / SETTINGS).exists()


@pytest.mark.parametrize("text", ["[]", "{}", "7", "no json"])
def test_settings_of_another_program_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / SETTINGS).write_text(text)
    with pytest.raises(EleganError, match="--out"), OutputFolder(tmp_path).claim(OPTIONS, "hash"):
        pass
    assert [one.name for one in tmp_path.iterdir()] == [SETTINGS]


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with (
        OutputFolder(tmp_path / "out").claim(OPTIONS, "hash"),
        pytest.raises(EleganError, match="Another process"),
        OutputFolder(tmp_path / "out").claim(OPTIONS, "hash"),
    ):
        pass


def test_results_outlive_a_torn_line(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path / "out")
    with folder.claim(OPTIONS, "hash"):
        folder.add("a", {"fold": 1})
    with (tmp_path / "out" / JOURNAL).open("a") as file:
        file.write('{"name": "b", "fou')
    again = OutputFolder(tmp_path / "out")
    with again.claim(OPTIONS, "hash"):
        assert again.find("a") == {"fold": 1}
        assert again.find("b") is None
        again.add("b", 2)
    last = OutputFolder(tmp_path / "out")
    with last.claim(OPTIONS, "hash"):
        assert (last.find("a"), last.find("b")) == ({"fold": 1}, 2)
        assert last.report() is None
