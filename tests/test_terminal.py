"""What a person meets in a real terminal: every long verb in a pseudo-terminal of 80 and 120 columns."""

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


def in_terminal(*words: str, columns: int = 80, stop_at: str | None = None) -> Screen:
    """Runs a command with a terminal as its stdin, stdout and stderr.

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
    out = tmp_path / "run"
    words = ["train", data, "--out", str(out), "--images", "4000", "--ticks", "4", *TINY]
    words += ["--snapshots", "2"]
    screen = in_terminal(*words, columns=columns)
    screen.check()
    for named in ("measuring the speed", "training", "scoring", "writing the report"):
        assert named in screen.text
    ticks = [row for row in screen.rows if re.match(r" {0,3}\d+%  +[\d,]+ images  ", row)]
    if columns == 80:
        assert len(ticks) == 4
    assert all(len(row) <= columns for row in screen.rows if row not in str(out))
    # The bar moves between ticks too.
    assert len(set(re.findall(r"([\d,]+)/4,000 images", screen.text))) > 6
    closing = screen.text[screen.text.rindex("done: ") :].strip().splitlines()
    assert len(closing) <= 6
    assert "Next: elegan generate" in screen.text


@pytest.mark.parametrize("columns", [80, 120])
def test_interrupt_and_resume_in_a_terminal(columns: int, data: str, tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    words = ["train", data, "--out", out, "--images", "30000", "--ticks", "40", *TINY]
    words += ["--snapshots", "4"]
    stopped = in_terminal(*words, columns=columns, stop_at="/30,000 images")
    stopped.check(130)
    assert f"elegan resume {out}" in "".join(stopped.text.split("\r\n"))
    resumed = in_terminal("resume", out, columns=columns)
    resumed.check()
    assert "resuming at" in resumed.text


def test_an_alarm_stands_out(data: str, tmp_path: Path) -> None:
    # With a rate far too high the numbers go bad, which the guard says in colour.
    words = ["train", data, "--out", str(tmp_path / "run"), "--images", "4000", *TINY]
    words += ["--optimizer.generator-rate", "1e30", "--optimizer.discriminator-rate", "1e30"]
    screen = in_terminal(*words)
    screen.check(1)
    assert re.search(r"\x1b\[1;33m  guard: ", screen.raw)


@pytest.mark.parametrize("columns", [80, 120])
def test_photos_in_a_terminal(columns: int, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    tiny_photos.write_side(photos, count=3)
    out = tmp_path / "larger"
    screen = in_terminal("upscale", str(photos), "--out", str(out), columns=columns)
    screen.check()
    assert len(list(out.iterdir())) >= 3


@pytest.mark.slow
def test_augment_in_a_terminal(tmp_path: Path) -> None:
    labels = np.arange(40) % 2
    np.savez(tmp_path / "data.npz", images=tiny.pixels(), labels=labels)
    words = ["augment", str(tmp_path / "data.npz")]
    words += ["--per-class", "4", "--out", str(tmp_path / "made"), "--images", "64"]
    words += ["--draws", "2", "--seeds", "1", "--steps", "4"]
    in_terminal(*words).check()


@pytest.mark.slow
def test_the_demo_in_a_terminal(tmp_path: Path) -> None:
    run = str(tmp_path / "demo")
    trained = in_terminal("train", "mnist-5k", "--out", run, "--minutes", "0.2")
    trained.check()
    drawn = in_terminal("generate", run, "-n", "100", "--out", f"{run}/digits.png")
    drawn.check()
    assert (Path(run) / "digits.png").exists()
