"""What a new use or a new loss costs: one file each, and nothing else knows its name."""

from pathlib import Path
from typing import Any

import pytest
import tiny
import tiny_photos

import elegan
from elegan.applications import TASKS
from elegan.cli import main
from elegan.losses import ADVERSARIAL

TOYS = Path(__file__).parent / "toys"


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TOYS))
    losses, tasks = dict(ADVERSARIAL), dict(TASKS)
    yield
    for registry, before in ((ADVERSARIAL, losses), (TASKS, tasks)):
        registry.clear()
        registry.update(before)


def test_a_loss_is_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import toy_loss  # noqa: F401  # it registers itself

    settings: dict[str, Any] = {"loss": {"adversarial": "toy"}, "simultaneous": False}
    chosen = tiny.settings(tiny.arrays(tmp_path), out=str(tmp_path / "run"), **settings)
    from elegan.applications.runs import train

    assert train(chosen).events[-1]["images"] == 64
    assert main(["list", "losses"]) == 0
    assert "toy" in capsys.readouterr().out


def test_a_task_is_one_file_and_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from toy_task import NEGATIVE

    TASKS["negative"] = NEGATIVE  # the line of the registry

    data, out = tiny_photos.write_photos(tmp_path / "photos"), tmp_path / "run"
    words = ["train", data, "--task", "negative", "--preset", "stylize", "--out", str(out)]
    words += ["--images", "32", "--batch", "4", "--network.width", "8", "--translate.depth", "2"]
    words += ["--translate.patch", "32", "--ticks", "2", "--snapshots", "1"]
    assert main([*words, "--precision", "float32"]) == 0
    assert main(["evaluate", str(out), data, "--json"]) == 0
    assert '"task": "negative"' in capsys.readouterr().out
    assert main(["list", "tasks"]) == 0
    assert "an image in, its negative out" in capsys.readouterr().out
    made = elegan.load(out).apply(tiny_photos.waves(0))
    assert made.shape == (48, 48, 3)
    assert (out / "report.html").exists()
