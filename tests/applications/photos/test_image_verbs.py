"""upscale, restore and stylize from the shell: JSON, exit codes, Ctrl-C in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import translators
from PIL import Image
from translators import photo

from elegan.applications.photos.journal import NAME
from elegan.cli import main


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _photos(count: int, height: int = 40, width: int = 50) -> str:
    Path("in").mkdir()
    for index in range(count):
        Image.fromarray(photo(height, width) // 2 + np.uint8(index)).save(f"in/{index:02}.png")
    return "in"


def _ask(capsys, *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(list(words))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_folder_of_photos_and_the_answer_as_json(capsys) -> None:
    model = translators.write(Path("model"), "upscale", scale=2)
    words = ["upscale", _photos(3), "--model", model, "--scale", "2.5", "--out", "out", "--json"]
    code, out, said = _ask(capsys, *words)
    facts = json.loads(out)
    assert code == 0
    assert out.count("\n") == 1
    assert facts["counts"] == {"done": 3, "kept": 0, "failed": 0, "left": 0}
    assert facts["files"][0]["size"] == [125, 100]
    assert "[3/3] in/02.png -> 02.png 125x100" in said
    assert Image.open("out/02.png").size == (125, 100)
    code, out, said = _ask(capsys, *words)
    assert json.loads(out)["counts"]["kept"] == 3
    assert "3 were finished before" in said


def test_one_bad_file_of_many_is_exit_code_1_and_the_others_are_done(capsys) -> None:
    model = translators.write(Path("model"), "restore")
    folder = _photos(2)
    Path("in/00.png").write_text("not an image")
    code, out, said = _ask(capsys, "restore", folder, "--model", model, "--json")
    assert code == 1
    assert json.loads(out)["counts"] == {"done": 1, "kept": 0, "failed": 1, "left": 0}
    assert "failed: in/00.png: a text file, not an image" in said
    assert Path("restored/01.png").exists()
    code, out, _ = _ask(capsys, "restore", folder, "--model", model)
    assert code == 1
    assert "1 were finished before; 1 failed" in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["upscale"], 2, "Name at least one image"),
        (["upscale", "inn"], 2, "Did you mean 'in'"),
        (["upscale", "in", "--model", "net"], 2, "elegan restore INPUT --model net"),
        (["restore", "in", "--model", "nothing"], 1, "There is nothing at nothing"),
        (["restore", "in", "--model", "in"], 1, "holds no model"),
        (["restore", "in", "--model", "net", "--task", "derian"], 2, "Did you mean 'derain'"),
        (["restore", "in", "--model", "net", "--out", "in"], 2, "both input and --out"),
        (["restore", "in", "--model", "net", "--mask", "m.png"], 2, "There is no mask 'm.png'"),
        (["stylize", "in", "--model", "net", "--strength", "0.5"], 2, "for 'restore'"),
    ],
)
def test_what_goes_wrong_is_said_in_one_message(words: list, code: int, said: str, capsys) -> None:
    _photos(1)
    translators.write(Path("net"), "restore")
    found, out, printed = _ask(capsys, *words)
    assert (found, out) == (code, "")
    assert printed.startswith("elegan: ")
    assert said in printed
    assert "Traceback" not in printed
    assert sorted(one.name for one in Path().iterdir()) == ["in", "net"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_and_the_same_command_again(number: signal.Signals, capsys) -> None:
    model = translators.write(Path("model"), "upscale", scale=2)
    command = [sys.executable, "-m", "elegan", "upscale", _photos(12, 120, 120), "--model", model]
    command += ["--out", "out", "--tile", "16"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    patience = time.monotonic() + 60
    while not Path("out/00.png").exists():
        assert process.poll() is None
        assert time.monotonic() < patience
        time.sleep(0.02)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert b"The same command goes on from there" in said
    assert b"Traceback" not in said
    files = sorted(one.name for one in Path("out").iterdir() if one.name != NAME)
    assert 1 <= len(files) < 12
    assert all(np.asarray(Image.open(f"out/{name}")).shape == (240, 240, 3) for name in files)
    capsys.readouterr()
    assert main([*command[3:], "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert counts == {"done": 12 - len(files), "kept": len(files), "failed": 0, "left": 0}


MEASURED = """
import resource, sys
from pathlib import Path
import numpy as np
import translators
from PIL import Image
import elegan
from elegan.data.pictures import write_rows

Image.MAX_IMAGE_PIXELS = None
side = 10_000
across = np.arange(side)

def rows():
    for top in range(0, side, 100):
        down = np.arange(top, top + 100)[:, None]
        gray = 128 + 60 * np.sin(across / 37) + 60 * np.cos(down / 53)
        yield np.stack([gray, 0.8 * gray, 255 - gray], axis=-1).astype(np.uint8)

write_rows("photo.png", rows(), width=side, height=side, channels=3)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(path,) = elegan.restore("photo.png", model=translators.model("restore"), out="out").files
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with Image.open(path) as image:
    print(*image.size, before, peak)
"""


@pytest.mark.slow
def test_a_hundred_megapixels_need_less_than_two_gigabytes() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", MEASURED]
    done = subprocess.run(command, capture_output=True, check=True, env=environment, timeout=900)
    width, height, before, peak = map(int, done.stdout.split())
    assert (width, height) == (10_000, 10_000)
    assert before < 1_000_000  # kibibytes: the measurement is not of the photo's making
    assert peak < 2_000_000
