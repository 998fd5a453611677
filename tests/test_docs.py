"""Pages say what is there: figures as they were measured, links that lead somewhere, settings."""

import dataclasses
import importlib.util
import re
from pathlib import Path

import pytest

from elegan.settings import PRESETS, TrainSettings
from elegan.verbs import VERBS

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


def test_the_reference_names_every_setting_and_verb() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    missing = [name for name in _names(TrainSettings(data="")) if f"`{name}`" not in text]
    assert missing == []
    assert [verb for verb in VERBS if f"elegan {verb}" not in text] == []


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_readme_has_a_row_for_every_preset(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [name for name in PRESETS if f"| `{name}` |" not in text] == []
