"""Pages say what is there: figures as they were measured, links that lead somewhere, settings."""

import dataclasses
import importlib.util
import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import tiny_photos

import elegan
from elegan.applications.runs import train
from elegan.data.label_files import FILE_COLUMNS, LABEL_COLUMNS, NAMES
from elegan.metrics.extractors import EXTRACTORS
from elegan.metrics.score_table import METRICS
from elegan.options import VERBS, types_of
from elegan.settings import PRESETS, TrainSettings
from elegan.training import alarms

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures"
MOST_BYTES = 200_000


@pytest.fixture(scope="module")
def figures():
    path = ROOT / "benchmarks" / "embed_figures.py"
    spec = importlib.util.spec_from_file_location("embed_figures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _pages() -> list[Path]:
    return sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")])


def test_figures_in_the_pages_are_those_measured(figures) -> None:
    """To mend a failure: python benchmarks/embed_figures.py"""
    assert figures.pages() == _pages()
    for page in _pages():
        text = page.read_text(encoding="utf-8")
        assert figures.embed(text, FIGURES) == text, page.name


def test_a_figure_replaces_what_stood_in_its_block(figures, tmp_path: Path) -> None:
    (tmp_path / "speed.md").write_text("| 2 |\n")
    page = "a\n<!-- figure: speed -->\nold\n<!-- /figure -->\nb\n"
    filled = "a\n<!-- figure: speed -->\n\n| 2 |\n\n<!-- /figure -->\nb\n"
    assert figures.embed(page, tmp_path) == filled
    assert figures.embed(filled, tmp_path) == filled
    (tmp_path / "speed.md").unlink()
    assert figures.embed(filled, tmp_path) == page.replace("old\n", "")


@pytest.mark.parametrize(
    "page",
    [
        "<!-- figure: one -->\n",
        "<!-- figure: one -->\n<!-- figure: two -->\n<!-- /figure -->\n",
    ],
)
def test_a_block_that_is_not_closed_is_refused(figures, tmp_path: Path, page: str) -> None:
    with pytest.raises(ValueError, match="not closed"):
        figures.embed(page, tmp_path)


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """But for what a benchmark writes: pictures and figures are not there before it has run."""
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve()
        if "://" not in target and FIGURES not in path.parents:
            assert path.exists(), f"{page.name}: {target}"


def test_pictures_are_small() -> None:
    pictures = [path for path in FIGURES.glob("*") if path.suffix in (".png", ".gif", ".jpg")]
    large = [path.name for path in pictures if path.stat().st_size >= MOST_BYTES]
    assert large == []


def _names(settings: object, prefix: str = "") -> list[str]:
    found = []
    for one in dataclasses.fields(settings):  # pyright: ignore[reportArgumentType]
        value = getattr(settings, one.name)
        if dataclasses.is_dataclass(value):
            found += _names(value, f"{one.name}.")
        else:
            found.append(prefix + one.name)
    return found


@pytest.fixture(scope="module")
def reference() -> str:
    return (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def formats() -> str:
    return (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")


def _code(text: str) -> set[str]:
    """What a page sets in `code`."""
    return set(re.findall(r"`([^`\n]+)`", text))


def test_the_reference_names_every_setting_and_preset(reference: str) -> None:
    wanted = {*_names(TrainSettings(data="")), *PRESETS, *NAMES, *FILE_COLUMNS, *LABEL_COLUMNS}
    assert wanted - _code(reference) == set()


def test_the_reference_shows_every_flag_of_every_verb(reference: str) -> None:
    usage = reference.partition("```\n")[2].partition("```")[0]
    shown = dict(re.findall(r"^elegan ([a-z]+)((?:.|\n(?=  ))*)", usage, re.MULTILINE))
    assert list(shown) == list(VERBS)
    for verb, words in shown.items():
        named = {
            "n" if flag == "-n" else flag.lstrip("-").replace("-", "_")
            for flag in re.findall(r"(?<![\w-])--?\w[\w-]*", words)
        }
        places = [one.name for one in dataclasses.fields(VERBS[verb]) if not one.kw_only]
        places = [] if verb == "character" else places  # whose model is a flag in the shell
        flags = set(types_of(VERBS[verb])) - set(places)
        if verb != "train":  # whose settings have a table
            assert named == flags, verb


def test_the_reference_shows_all_of_the_python_interface(reference: str) -> None:
    calls = {name for name in elegan.__all__ if name != "EleganError"}
    assert [name for name in calls if f"`elegan.{name}" not in reference] == []
    assert [name for name in EXTRACTORS if name not in reference] == []


def test_formats_name_every_alarm_and_score(formats: str) -> None:
    names = re.findall(r'^        name="([a-z-]+)"', inspect.getsource(alarms), re.MULTILINE)
    assert len(names) == len(alarms.RULES)
    assert {*names, *(one for one in METRICS if len(one) > 3)} - _code(formats) == set()


# In the page one word stands for many: a class, an extractor, a part of a checkpoint.
ONE_FOR_MANY = {
    r"fooling_rate_of_.+": "fooling_rate_of_NAME",
    r"FD-random \(\d+\)": "FD-digits (2,000)",
    r"KID-random \(\d+ whole images\)": "KID-random (32 whole images)",
    r"(FD|KID)-random": r"\1-NAME",
    r"(augment|average)\..+": r"\1.*",
    r"(generator|discriminator)-[0-9a-f]{8}": r"\1-CHECKSUM",
    r"\d{7}\.png": "NNNNNNN.png",
    r"(translator|fidelity|discriminator)-[0-9a-f]{8}": r"\1-CHECKSUM",
    r"(fidelity)\..+": r"\1.*",
}


@pytest.fixture(scope="module", params=["generate", "classify"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> elegan.Run:
    """A small run whose files have about all that files can have."""
    folder = tmp_path_factory.mktemp("formats")
    labels = np.arange(60) % 2
    arrays = {"images": tiny.pixels(60), "labels": labels}
    test = {"test_images": tiny.pixels(40, seed=1), "test_labels": labels[:40]}
    np.savez(folder / "data.npz", **arrays, **test)
    few: dict[str, Any] = {"images": 32, "batch": 8, "ticks": 2, "snapshots": 1}
    network = {"width": 8, "latent": 8}
    if request.param == "classify":
        special: dict[str, Any] = {"preset": "classify", "labelled": 4}
    else:
        special = {"conditional": True, "augment": {"kinds": "cutout"}, "mixing": {"replay": 0.5}}
        special["simultaneous"] = False
    return elegan.train(folder / "data.npz", out=folder / "run", network=network, **few, **special)


def _keys(values: Mapping[str, Any], ending_at: tuple[str, ...] = ()) -> set[str]:
    """Every key at every depth, but for those below `ending_at`, which are names of data."""
    found = set(values)
    for name, value in values.items():
        inner = value if isinstance(value, list) else [value]
        for one in inner if name not in ending_at else []:
            found |= _keys(one, ending_at) if isinstance(one, Mapping) else set()
    return found


def test_formats_name_all_that_a_run_writes(run: elegan.Run, formats: str) -> None:
    scores = dict(run.scores)
    scores["per_class"] = next(iter(scores["per_class"].values()))
    _assert_named(_written_by(run, scores), formats)


def _written_by(run: elegan.Run, scores: Mapping[str, Any] | None = None) -> set[str]:
    """Names of files, and of all that is in them."""
    scores = run.scores if scores is None else scores
    data = {"class_frequencies", "hard_classes", "copied", "accuracy_per_class", "counts", "floor"}
    found = _keys(scores, ending_at=(*data,)) | set(scores.get("floor", ()))
    for event in run.events:
        found |= _keys(event)
    found |= _keys(json.loads((run.path / "model" / "model.json").read_text()))
    checkpoint = tiny.newest_checkpoint(run.path)
    found |= {name.removeprefix("task.") for name in checkpoint if name.startswith("task.")}
    manifest = json.loads(next(run.path.glob("checkpoints/*/manifest.json")).read_text())
    found |= _keys(manifest, ending_at=("files",))
    found |= {path.name for path in run.path.rglob("*") if path.is_file()} - {"lock", ".lock"}
    return found


def _assert_named(found: set[str], formats: str) -> None:
    named = set()
    for name in found:
        for pattern, instead in ONE_FOR_MANY.items():
            name = re.sub(f"^{pattern}(?=$|_deviation$|[.]safetensors$)", instead, name)
        named.add(name)
    pages = {part for code in _code(formats) for part in (code, code.rsplit("/", 1)[-1])}
    assert named - pages == set()


@pytest.mark.parametrize("preset", ["upscale", "stylize-cycle"])
def test_formats_name_all_that_a_translating_run_writes(
    preset: str, formats: str, tmp_path: Path
) -> None:
    if preset == "upscale":
        data = tiny_photos.write_photos(tmp_path / "data")
    else:
        data = tiny_photos.write_pairs(tmp_path / "data")
    chosen = tiny_photos.settings(preset, data, out=str(tmp_path / "run"), images=16)
    _assert_named(_written_by(train(chosen)), formats)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_readme_has_a_row_for_every_preset_but_those_to_compare_with(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    without = [name for name in PRESETS if f"| `{name}` |" not in text]
    assert without == ["style"]
    assert all(f"`{name}`" in text for name in without)
