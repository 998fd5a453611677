"""Pruning from run to smaller model: what is written, measured, refused and learned."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

import elegan
from elegan.applications.pruning import prune, sampling_speeds
from elegan.cli import main
from elegan.common.errors import UsageError
from elegan.models import Model, latent_noise, save_model
from elegan.networks import ImageShape, build_discriminator, build_generator


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.arrays(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(data: str, tmp_path_factory: pytest.TempPathFactory) -> elegan.Run:
    return elegan.train(
        data,
        preset="robust",
        images=64,
        batch=8,
        ticks=2,
        snapshots=1,
        precision="float32",
        network={"width": 16, "latent": 8},
        out=tmp_path_factory.mktemp("runs") / "run",
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elegan.applications.pruning._SECONDS", 0.01)


def _write(folder: Path, name: str = "residual", classes: tuple[str, ...] = ()) -> Path:
    shape = ImageShape(resolution=16, channels=1, classes=len(classes))
    sizes = {"width": 16, "latent": 8}
    torch.manual_seed(0)
    save_model(
        folder,
        build_generator(name, shape, **sizes),
        name=name,
        shape=shape,
        sizes=sizes,
        classes=classes,
        task="generate",
        training={"images": 64},
        discriminator=build_discriminator(name, shape, **sizes),
    )
    return folder


def test_a_pruned_model_is_an_ordinary_model_of_half_the_width(
    run: elegan.Run, data: str, tmp_path: Path
) -> None:
    found = prune(run, data, out=tmp_path / "out", steps=4, n=40)
    small, large = Model.load(tmp_path / "out"), run.model
    assert small.config["sizes"] == {**large.config["sizes"], "width": 8}
    assert small.config["training"]["pruned"]["sparsity"] == 0.5
    assert len(small.generate(3)) == 3
    kept = small.discriminator.state_dict()
    for key, tensor in large.discriminator.state_dict().items():
        assert torch.equal(kept[key], tensor)
    before, after = found.rows["before"], found.rows["pruned"]
    assert before["parameters"] == sum(one.numel() for one in large.network.parameters())
    assert 3 < before["macs"] / after["macs"] < 4.1
    distance = next(key for key in before if key.startswith("FD-"))
    assert after[distance] > 0
    assert found.speedup == after["images_per_second"] / before["images_per_second"]
    assert distance in found.text()
    facts = json.loads((tmp_path / "out" / "pruning.json").read_text())
    assert facts["rows"]["pruned"]["width"] == 8
    assert (tmp_path / "out" / "pruning.md").read_text() == found.text() + "\n"
    again = elegan.load(run.path, precision="float32")
    assert again.config["sha256"] == large.config["sha256"]


def test_fine_tuning_goes_on_from_the_pruned_model_with_the_runs_settings(
    run: elegan.Run, tmp_path: Path
) -> None:
    found = elegan.prune(run.path, out=tmp_path / "out", finetune=16, steps=2)
    assert list(found.rows) == ["before", "pruned", "fine-tuned"]
    tuned = elegan.Run(tmp_path / "out" / "finetune")
    settings = tuned.settings
    assert (settings.images, settings.batch) == (16, run.settings.batch)
    assert (settings.network.width, settings.network.generator_width) == (16, 8)
    assert settings.data == run.settings.data
    assert "from" in (tuned.path / "log.txt").read_text()
    final = Model.load(tmp_path / "out")
    assert final.config["sha256"] == tuned.model.config["sha256"]
    assert "pruned" in final.config["training"]


@pytest.mark.parametrize("name", ["article", "dcgan", "residual", "style"])
def test_every_network_is_pruned(name: str, tmp_path: Path) -> None:
    folder = _write(tmp_path / "model", name, ("a", "b"))
    found = prune(folder, out=tmp_path / "out", steps=2)
    assert found.model.generate(4).labels.tolist() == [0, 1, 0, 1]  # pyright: ignore[reportOptionalMemberAccess]
    assert found.rows["pruned"]["macs"] < 0.5 * found.rows["before"]["macs"]


def test_the_taught_generator_is_nearer_to_the_first_than_the_cut_one(
    run: elegan.Run, tmp_path: Path
) -> None:
    latents = latent_noise(64, 8, seed=77)
    wanted = run.model.from_latents(latents).astype(float)
    errors = []
    for steps in (0, 60):
        found = prune(run.model, out=tmp_path / str(steps), steps=steps)
        errors.append(np.abs(found.model.from_latents(latents) - wanted).mean())
    assert errors[1] < 0.8 * errors[0]


def test_the_same_seed_prunes_alike(run: elegan.Run, tmp_path: Path) -> None:
    hashes = [
        prune(run.path, out=tmp_path / name, steps=3, seed=seed).model.config["sha256"]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sparsity": 0.0}, "between 0 and 1"),
        ({"sparsity": 1.0}, "between 0 and 1"),
        ({"sparsity": 0.1}, "Nothing can be removed"),
        ({"importance": "luck"}, "Known: activation, weight"),
        ({"finetune": 0}, "above 0"),
        ({"finetune": 8}, "needs data"),
    ],
)
def test_impossible_requests_are_refused_before_anything_is_written(
    tmp_path: Path, options: dict, said: str
) -> None:
    folder = _write(tmp_path / "model")
    with pytest.raises(UsageError, match=said):
        prune(folder, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_finished_pruning_is_not_overwritten(tmp_path: Path) -> None:
    folder = _write(tmp_path / "model")
    prune(folder, out=tmp_path / "out", steps=1)
    with pytest.raises(UsageError, match="another folder with --out"):
        prune(folder, out=tmp_path / "out", steps=1)


def test_speeds_are_those_of_each_model(tmp_path: Path) -> None:
    model = Model.load(_write(tmp_path / "model"))
    speeds = sampling_speeds([model, model], rounds=3)
    assert len(speeds) == 2
    assert all(speed > 0 for speed in speeds)


def test_prune_from_the_shell(run: elegan.Run, data: str, tmp_path: Path, capsys) -> None:
    out = str(tmp_path / "out")
    words = ["prune", str(run.path), data, "--sparsity", "0.5", "--out", out, "--steps", "2"]
    assert main([*words, "-n", "40", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["rows"]["pruned"]["width"] == 8
    assert Path(facts["out"], "model", "model.json").exists()


def test_a_model_is_never_replaced_by_its_own_pruning(run: elegan.Run, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match=r"touches only what it wrote.*--out"):
        prune(run, out=run.path, steps=0)
    assert before == {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
