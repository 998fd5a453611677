import dataclasses
import errno
import json
import multiprocessing
import os
import platform
from pathlib import Path

import pytest

from elegan.common.errors import EleganError, UsageError
from elegan.settings import TrainSettings
from elegan.training.console import Console, duration
from elegan.training.run_folder import RunFolder, default_folder


def _try_lock(path: str, answers) -> None:
    try:
        with RunFolder(Path(path)).lock():
            answers.put("held")
    except EleganError as error:
        answers.put(str(error))


def test_a_second_process_is_told_and_the_lock_is_freed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def ask() -> str:
        process = context.Process(target=_try_lock, args=(str(tmp_path / "run"), answers))
        process.start()
        process.join(20)
        return answers.get()

    with RunFolder(tmp_path / "run").lock():
        assert "Another process works" in ask()
    assert ask() == "held"


def test_a_held_folder_says_by_whom_and_how_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path / "run")
    assert folder.holder() is None
    with folder.lock():
        folder.note_progress(640, 12.34)
        assert folder.holder() == os.getpid()
        assert folder.progress() == (640, 12.3)
        folder.note_progress(648)
        assert folder.progress() == (648, None)
        monkeypatch.setattr(platform, "node", lambda: "another")
        assert folder.holder() == 0  # a number of another machine's names nobody here
        (folder.path / ".process").write_text("torn")
        assert (folder.holder(), folder.progress()) == (0, (0, None))
    assert folder.holder() is None
    assert not (folder.path / ".process").exists()


def test_a_place_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "run", Path("/proc/elegan-run")):
        with (
            pytest.raises(EleganError, match="Name another with --out"),
            RunFolder(place).lock(),
        ):
            pass


def test_events_come_back_and_torn_lines_are_left_out(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.read_events() == []
    folder.append_event({"event": "start", "images": 0, "health": "数字 \u2028 line"})
    folder.append_event({"event": "tick", "images": 8, "losses": {"d": float("nan")}})
    with folder.events.open("ab") as file:
        file.write(b'{"event": "tick", "images": 16, "health": "\xe6\x95')
    events = folder.read_events()
    assert [one["event"] for one in events] == ["start", "tick"]
    assert events[0]["health"] == "数字 \u2028 line"
    assert events[1]["losses"] == {"d": "nan"}


def test_what_lies_beyond_the_checkpoint_is_forgotten(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for event, images in [
        ("start", 0),
        ("tick", 8),
        ("snapshot", 8),
        ("guard", 12),
        ("tick", 16),
        ("stop", 16),
    ]:
        folder.append_event({"event": event, "images": images})
    with folder.events.open("a") as file:
        file.write('{"torn')
    folder.forget_after(8)
    left = [json.loads(line) for line in folder.events.read_text().splitlines()]
    assert [one["event"] for one in left] == ["start", "tick", "snapshot", "guard"]


def test_a_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path)

    def full(self: Path, *arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    monkeypatch.setattr(Path, "write_bytes", full)
    for write in (
        lambda: folder.append_event({"event": "tick"}),
        lambda: folder.append_log("line"),
        lambda: folder.write_json("settings.json", {}),
    ):
        with pytest.raises(EleganError, match=r"No space left.*checkpoint"):
            write()


@pytest.mark.parametrize(
    "names",
    [
        ("holiday.jpg",),
        (".notes.1",),
        ("lock", "log.txt", "real.png", "samples/0000064.png"),  # names that a run has too
        ("settings.json", ".vscode/launch.json"),
    ],
)
def test_other_peoples_folders_are_left_alone(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{"data": "mine", "seed": 1}')
    with (
        pytest.raises(UsageError, match=rf"{names[0].split('/')[0]}.*--out"),
        RunFolder(tmp_path).lock(),
    ):
        pass
    found = [one.relative_to(tmp_path).as_posix() for one in tmp_path.rglob("*") if one.is_file()]
    assert sorted(found) == sorted(names)
    assert {(tmp_path / name).read_text() for name in names} == {'{"data": "mine", "seed": 1}'}


def test_a_beginning_that_was_killed_is_no_stranger(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run").lock():
        (tmp_path / "run" / "real.png").touch()
    with RunFolder(tmp_path / "run").lock():
        pass
    (tmp_path / "soon").mkdir()
    (tmp_path / "soon" / "lock").touch()  # killed before the mark was written
    with RunFolder(tmp_path / "soon").lock():
        pass


def test_a_run_of_former_times_is_taken_up_and_marked(tmp_path: Path) -> None:
    settings = dataclasses.asdict(TrainSettings(data="mnist"))
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    (tmp_path / "lock").touch()
    with RunFolder(tmp_path).lock():
        (tmp_path / "settings.json").unlink()
    with RunFolder(tmp_path).lock():
        pass


def test_each_verb_takes_only_its_own_folders(tmp_path: Path) -> None:
    with RunFolder(tmp_path, "prune").lock():
        (tmp_path / "pruning.md").touch()
    with pytest.raises(UsageError, match=r"lock, pruning\.md"), RunFolder(tmp_path).lock():
        pass


def test_sweep_removes_half_written_files_and_nothing_else(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    half = ".elegan-999999999-00112233445566ff.tmp"
    for path in (folder.checkpoints, folder.samples, folder.model):
        (path / ".backup.2024").mkdir(parents=True)
        (path / half).touch()
    (folder.checkpoints / half.replace("ff", "00")).mkdir()
    (folder.checkpoints / "0002").mkdir()
    (tmp_path / half).touch()
    folder.sweep()
    assert sorted(one.name for one in folder.checkpoints.iterdir()) == [".backup.2024", "0002"]
    assert [one.name for one in folder.model.iterdir()] == [".backup.2024"]
    assert not (tmp_path / half).exists()


@pytest.mark.parametrize(
    ("data", "name"),
    [("mnist", "mnist-article"), ("photos/cats.zip", "cats-article"), (".", "data-article")],
)
def test_default_folder(data: str, name: str) -> None:
    assert default_folder(data, "article") == Path("runs") / name


def test_a_quiet_console_neither_prints_nor_logs(tmp_path: Path, capsys) -> None:
    with Console(RunFolder(tmp_path), quiet=True) as console:
        console.say("hello")
        console.progress(1, 2, 3.0)
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_the_console_keeps_a_log_and_leaves_stdout_free(tmp_path: Path, capsys) -> None:
    with Console(RunFolder(tmp_path)) as console:
        console.say("[bold]not markup[/bold] 1.5")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "[bold]not markup[/bold] 1.5\n"
    assert (tmp_path / "log.txt").read_text() == "[bold]not markup[/bold] 1.5\n"


def test_durations() -> None:
    assert [duration(one) for one in (-1, 44.6, 200, 7500)] == [
        "0 s",
        "45 s",
        "3 min 20 s",
        "2 h 05 min",
    ]
