"""What figures are made with: runs are noted, curves are drawn, every page's figure has a maker."""

import importlib
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from elegan.common.pixels import to_uint8
from elegan.models import TranslationModel
from elegan.tasks.translation import save_rows

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch):
    """Imports a script of benchmarks/ by name, as it imports the others."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_the_commit_of_a_run_is_that_of_its_beginning(benchmark, tmp_path, monkeypatch) -> None:
    runs = benchmark("runs")
    run = tmp_path / "digits-100"
    monkeypatch.setattr(runs, "commit", lambda: "first")
    runs._note_commit(run)
    run.mkdir()
    (run / "settings.json").write_text("{}")
    (run / "environment.json").write_text(
        '{"threads": 2, "precision": "bf16", "device": "cpu", "reason": "cpu bf16: AMX"}'
    )
    monkeypatch.setattr(runs, "commit", lambda: "second")
    runs._note_commit(run)
    facts = {"commit": "first", "threads": 2, "precision": "bf16", "accelerator": None}
    assert runs._how_trained(run) == facts
    (run / "environment.json").write_text(
        '{"threads": 1, "precision": "bf16", "device": "cuda",'
        ' "reason": "cuda bf16: NVIDIA H200 (compute capability 9.0) multiplies bfloat16"}'
    )
    assert runs._how_trained(run)["accelerator"] == "NVIDIA H200"


def test_runs_of_one_kind_are_named_once(benchmark, tmp_path) -> None:
    runs = benchmark("runs")
    facts = [
        {"commit": "a", "threads": 2, "precision": "bf16", "accelerator": None},
        {"commit": "a", "threads": 2, "precision": "bf16", "accelerator": None},
        {"commit": "b", "threads": 1, "precision": "bf16", "accelerator": "NVIDIA H200"},
    ]
    trained = [
        runs.Trained(path=tmp_path, images=1, seconds=1.0, scores={}, facts=one) for one in facts
    ]
    said = "Trained with commit a, 2 threads, bf16; or with commit b, NVIDIA H200, bf16. "
    assert runs.trained_with(trained).startswith(said)


def test_the_effect_curve_is_a_picture_that_stands_alone(benchmark, tmp_path) -> None:
    mixing = benchmark("mixing")
    rows = [{"share": share, "FD-digits": 2 + 8 * share} for share in (0.0, 0.25, 0.75)]
    mixing.draw_curve(rows, {"FD-digits": 5.0}, tmp_path / "mixing.svg")
    root = ElementTree.parse(tmp_path / "mixing.svg").getroot()
    assert root.tag == f"{SVG}svg"
    assert len(root.findall(f".//{SVG}circle")) == len(rows)
    line = root.find(f".//{SVG}polyline")
    assert line is not None
    places = [tuple(map(float, one.split(","))) for one in line.attrib["points"].split()]
    assert places == sorted(places)
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)  # y points down


def test_a_preview_is_cut_into_its_examples(benchmark, tmp_path) -> None:
    drawn = [torch.rand(6, 3, 32, 32) * 2 - 1 for _ in range(3)]
    save_rows(tmp_path / "0000100.png", *drawn)
    preview = np.asarray(Image.open(tmp_path / "0000100.png"))
    found = benchmark("style_sheets").examples(preview, 3)
    assert len(found) == 6
    shown = 4  # small images are enlarged
    for row, example in enumerate(found):
        for tile, images in zip(example, drawn, strict=True):
            assert np.array_equal(tile[::shown, ::shown], to_uint8(images)[row])


def test_every_figure_of_a_page_is_published_by_a_script() -> None:
    scripts = [path.read_text(encoding="utf-8") for path in BENCHMARKS.glob("*.py")]
    named = r'(?:publish\(\s*|FIGURES = \{|[A-Z]+, |else \(?|name = )"([\w-]+)"'
    published = {name for script in scripts for name in re.findall(named, script)}
    pages = [*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")]
    shown = {
        name
        for page in pages
        for name in re.findall(r"<!-- figure: ([\w-]+) -->", page.read_text(encoding="utf-8"))
    }
    begun = tuple(name for script in scripts for name in re.findall(r'or f"([\w-]+)\{', script))
    assert {name for name in shown - published if not name.startswith(begun)} == set()


def test_every_pair_is_measured_with_the_preset_that_is_meant_for_it(benchmark) -> None:
    sizes = benchmark("sizes")
    chosen = {network: sizes.preset_of(network) for network in sizes.PAIRS}
    assert chosen["residual"] == "robust"
    assert all(chosen[name] == name for name in ("article", "dcgan", "style"))


def test_a_filler_begins_as_the_denoiser_that_is_told_of_some_noise(benchmark, tmp_path) -> None:
    shipped = benchmark("train_shipped")
    denoiser = TranslationModel.load("restore-noise", device="cpu", precision="float32")
    folder = shipped.as_filler(denoiser.folder, tmp_path / "begin")
    filler = TranslationModel.load(folder, device="cpu", precision="float32")
    noisy = np.random.default_rng(0).integers(90, 160, (96, 96, 3), np.uint8)
    expected = denoiser.apply(noisy, task="denoise", found={"noise": 15.0}).astype(int)
    difference = np.abs(filler.apply(noisy).astype(int) - expected)
    assert difference[36:-36, 36:-36].max() <= 1  # beyond a photo's edge nothing was told
    assert np.abs(expected - noisy).mean() > 5
