"""`elegan classify` from the shell: several inputs after the model, JSON, CSV."""

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
