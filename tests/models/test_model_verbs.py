"""The verbs that use a model, from the shell: several inputs after the model, JSON, files."""

import json
from pathlib import Path

import numpy as np
import tiny

from elegan.cli import main
from elegan.models import save_model
from elegan.networks import ImageShape, build_discriminator, build_generator

SIZES = {"width": 8, "latent": 4}


def _write(folder: Path) -> str:
    shape = ImageShape(resolution=16, channels=1, classes=3)
    save_model(
        folder,
        build_generator("residual", shape, **SIZES),
        name="residual",
        shape=shape,
        sizes=SIZES,
        classes=("a", "b", "c"),
        task="classify",
        training={},
        discriminator=build_discriminator("residual", shape, **SIZES, condition="joint"),
        discriminator_sizes={**SIZES, "condition": "joint"},
    )
    return str(folder)


def test_classify(tmp_path: Path, capsys) -> None:
    model = _write(tmp_path / "model")
    first = tiny.arrays(tmp_path, 5)
    np.savez(tmp_path / "second.npz", images=tiny.pixels(4), labels=np.array(["a", "b", "c", "a"]))
    out = tmp_path / "all.csv"
    words = ["classify", model, first, str(tmp_path / "second.npz"), "--json", "--out", str(out)]
    assert main(words) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["images"], facts["labelled"]) == (9, 4)
    assert sum(facts["counts"].values()) == 9
    assert len(facts["predictions"]) == 9
    rows = out.read_text().splitlines()
    assert rows[0] == "file,class,probability,label"
    assert [row.split(",")[-1] for row in rows[-4:]] == ["a", "b", "c", "a"]
    assert main(["classify", model, first]) == 0
    assert "5 images:" in capsys.readouterr().out


def test_project_and_draw_again(tmp_path: Path, capsys) -> None:
    model = _write(tmp_path / "model")
    assert main(["generate", model, "-n", "2", "--label", "b", "--out", str(tmp_path / "t")]) == 0
    files = sorted(str(path) for path in (tmp_path / "t").rglob("*.png"))
    out = tmp_path / "out"
    few = ["--steps", "4", "--candidates", "8", "--restarts", "2", "--label", "b"]
    capsys.readouterr()
    assert main(["project", model, *files, "--out", str(out), *few, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert len(facts["psnr"]) == len(facts["names"]) == 2
    assert Path(facts["pairs"]).exists()
    again = str(tmp_path / "again.npz")
    assert main(["generate", model, "--latents", facts["latents"], "--out", again]) == 0
    with np.load(again) as arrays:
        assert arrays["images"].shape == (2, 16, 16, 1)
        assert arrays["labels"].tolist() == [1, 1]
    assert main(["generate", model, "--latents", facts["latents"], "--label", "a"]) == 2


def test_directions(tmp_path: Path, capsys) -> None:
    model = _write(tmp_path / "model")
    words = ["directions", model, "-n", "2", "--out", str(tmp_path / "s.png"), "--json"]
    assert main(words) == 0
    facts = json.loads(capsys.readouterr().out)
    assert len(facts["gains"]) == 2
    with np.load(facts["directions"]) as arrays:
        assert arrays["directions"].shape == (2, 4)
