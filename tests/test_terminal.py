"""What a person meets in a real terminal: the long verbs, at 80 and 120 columns."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tiny
import tiny_photos

TINY = ["--preset", "article", "--network.width", "8", "--network.latent", "8"]
TINY += ["--batch", "8", "--precision", "float32"]
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Screen:
    """What a command left on its terminal."""

    code: int
    raw: str
    columns: int

    @property
    def text(self) -> str:
        return _CONTROL.sub("", self.raw)

    @property
    def rows(self) -> list[str]:
        """Everything that was ever written between two ends of line or returns to its beginning."""
        return [row for row in re.split(r"[\r\n]+", self.text) if row.strip()]

    def check(self, code: int = 0) -> None:
        assert self.code == code, self.text
        assert "Traceback" not in self.text
        assert "0/0" not in self.text
        assert self.raw.rfind("\x1b[?25h") >= self.raw.rfind("\x1b[?25l")  # the cursor is back


def in_terminal(*words: str, folder: Path, columns: int = 80, stop_at: str | None = None) -> Screen:
    """Runs a command in `folder` with a terminal as its stdin, stdout and stderr.

    Args:
        stop_at: Ctrl-C is pressed once this text is on the screen.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    told = {"TERM": "xterm-256color", "PYTHONUNBUFFERED": "1"}
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "elegan.cli", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        cwd=folder,
        env={**kept, **told},
    )
    os.close(theirs)
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    raw, pressed = b"", False
    with contextlib.suppress(OSError):  # the end of a pseudo-terminal is an error on Linux
        while part := os.read(ours, 65536):
            raw += part
            if stop_at and not pressed and stop_at.encode() in raw:
                process.send_signal(signal.SIGINT)
                pressed = True
    code = process.wait()
    watchdog.cancel()
    os.close(ours)
    return Screen(code, raw.decode(errors="replace"), columns)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.arrays(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("columns", [80, 120])
def test_train_in_a_terminal(columns: int, data: str, tmp_path: Path) -> None:
    words = ["train", data, "--out", "run", "--images", "4000", "--ticks", "4", *TINY]
    screen = in_terminal(*words, "--snapshots", "2", folder=tmp_path, columns=columns)
    screen.check()
    for named in ("measuring the speed", "training", "scoring", "writing the report"):
        assert named in screen.text
    ticks = [row for row in screen.rows if re.match(r" *\d+% +[\d,]+  [a-z]", row)]
    assert len(ticks) == (4 if columns == 80 else 0)  # a wider terminal has room for more
    ticks += [row for row in screen.rows if re.match(r" +[\d,]+/4,000 images, .*  D .*  G ", row)]
    assert len(ticks) == 4
    assert all(len(row) <= columns for row in ticks)
    # The bar moves between ticks too.
    bar = [row for row in screen.rows if "\u2501" in row]
    assert all(len(row) <= columns for row in bar)
    assert len(set(re.findall(r"([\d,]+)/4,000 images", "".join(bar)))) > 6
    closing = screen.rows[screen.rows.index(_last(screen, "done: ")) :]
    assert len([row for row in closing if row not in bar]) == 5
    assert any(row.startswith("Next: elegan generate run") for row in closing)


@pytest.mark.parametrize("columns", [80, 120])
def test_interrupt_and_resume_in_a_terminal(columns: int, data: str, tmp_path: Path) -> None:
    words = ["train", data, "--out", "run", "--images", "30000", *TINY, "--snapshots", "4"]
    screen = in_terminal(*words, folder=tmp_path, columns=columns, stop_at="/30,000 images")
    screen.check(130)
    assert "elegan resume run" in screen.text
    resumed = in_terminal("resume", "run", folder=tmp_path, columns=columns)
    resumed.check()
    assert _last(resumed, "resuming at ")
    assert _last(resumed, "done: 30,000 images")


def test_an_alarm_stands_out(data: str, tmp_path: Path) -> None:
    # With a rate far too high the numbers go bad, which the guard says in colour.
    words = ["train", data, "--out", "run", "--images", "4000", *TINY]
    words += ["--optimizer.generator-rate", "1e30", "--optimizer.discriminator-rate", "1e30"]
    screen = in_terminal(*words, folder=tmp_path)
    screen.check(1)
    assert "\x1b[1;33m  guard: " in screen.raw


@pytest.mark.parametrize("columns", [80, 120])
def test_photos_in_a_terminal(columns: int, tmp_path: Path) -> None:
    tiny_photos.write_side(tmp_path / "photos", count=3)
    words = ["upscale", "photos", "--out", "larger"]
    in_terminal(*words, folder=tmp_path, columns=columns).check()
    assert len(list((tmp_path / "larger").iterdir())) >= 3


def test_interrupted_photos_in_a_terminal(tmp_path: Path) -> None:
    tiny_photos.write_side(tmp_path / "photos", count=40)
    words = ["upscale", "photos", "--out", "larger"]
    in_terminal(*words, folder=tmp_path, stop_at="[1/40]").check(130)
    assert len(list((tmp_path / "larger").glob("*.png"))) < 40
    in_terminal(*words, folder=tmp_path).check()
    assert len(list((tmp_path / "larger").glob("*.png"))) == 40


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_augment_in_a_terminal(columns: int, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", images=tiny.pixels(), labels=np.arange(40) % 2)
    words = ["augment", "data.npz", "--per-class", "4", "--out", "made", "--images", "64"]
    # A generator of 64 images makes what no classifier is sure of: let all of it pass.
    words += ["--draws", "2", "--seeds", "1", "--steps", "4", "--band", "0", "1"]
    in_terminal(*words, folder=tmp_path, columns=columns, stop_at="draw-1").check(130)
    in_terminal(*words, folder=tmp_path, columns=columns).check()


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_the_demo_in_a_terminal(columns: int, tmp_path: Path) -> None:
    words = ["train", "mnist-5k", "--out", "demo", "--minutes", "0.2"]
    in_terminal(*words, folder=tmp_path, columns=columns).check()
    words = ["generate", "demo", "-n", "100", "--out", "demo/digits.png"]
    in_terminal(*words, folder=tmp_path, columns=columns).check()
    assert (tmp_path / "demo" / "digits.png").exists()


def _last(screen: Screen, start: str) -> str:
    return next(row for row in reversed(screen.rows) if row.startswith(start))
