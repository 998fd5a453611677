"""The same verbs in Python: what a person holds goes in, and of that kind comes out."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

import elegan
from elegan import options
from elegan.cli import PHOTOS

SMALL: dict[str, Any] = {"preset": "article-printed", "images": 32, "batch": 8, "ticks": 2}
SMALL |= {"snapshots": 1, "precision": "float32", "network": {"width": 8, "latent": 8}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> "elegan.Run":
    folder = tmp_path_factory.mktemp("api")
    return elegan.train(tiny.arrays(folder), out=folder / "run", **SMALL)


def _photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 24, 3)).astype(np.uint8)


def test_every_verb_has_a_function_whose_parameters_are_its_options() -> None:
    for verb, kind in options.VERBS.items():
        call = getattr(elegan, verb)
        accepted = list(inspect.signature(call).parameters)
        accepted = accepted[1:] if verb in PHOTOS else accepted  # without the images
        assert accepted == list(inspect.signature(kind).parameters), verb
        assert all(f"    {name}: " in call.__doc__ for name in accepted), verb


def test_every_option_is_explained() -> None:
    for kind in options.VERBS.values():
        silent = [name for name, text in options.help_of(kind).items() if not text]
        assert kind is options.Train or not silent, kind


def test_arrays_tensors_and_data_sets_are_trained_on_and_give_the_same(tmp_path: Path) -> None:
    images = tiny.pixels()
    data = [(Image.fromarray(image[..., 0]), index % 2) for index, image in enumerate(images)]
    given = {"array": images, "tensor": torch.from_numpy(images), "set": data}
    ticks: list[dict[str, Any]] = []
    found = {
        name: elegan.train(value, out=tmp_path / name, on_tick=ticks.append, **SMALL)
        for name, value in given.items()
    }
    assert len({tiny.model_sha256(one.path) for one in found.values()}) == 1
    assert [tick["images"] for tick in ticks] == [16, 32] * 3
    assert {"losses", "signals", "health"} <= ticks[0].keys()
    assert elegan.resume(tmp_path / "array").events[-1]["images"] == 32
    labelled = elegan.train(data, out=tmp_path / "labelled", conditional=True, **SMALL)
    assert labelled.model.classes == ("0", "1")
    with pytest.raises(elegan.UsageError, match="all be of one size"):
        elegan.train([images[0], images[0, :8]], **SMALL)


def test_a_group_of_settings_as_a_dataclass_changes_what_differs(tmp_path: Path) -> None:
    from elegan.settings import NetworkSettings, OptimizerSettings

    small: dict[str, Any] = {**SMALL, "network": NetworkSettings(width=8, latent=8)}
    asked = elegan.plan(tiny.arrays(tmp_path), optimizer=OptimizerSettings(beta2=0.5), **small)
    assert asked["settings"]["optimizer"]["beta2"] == 0.5
    assert asked["settings"]["optimizer"]["beta1"] == 0.9  # the preset's
    assert asked["settings"]["network"]["name"] == "article-printed"


def test_pixels_give_pixels_of_their_kind() -> None:
    photo = _photo()
    array = elegan.upscale(photo, scale=2)
    assert array.shape == (40, 48, 3)
    tensor = elegan.upscale(torch.from_numpy(photo).permute(2, 0, 1), scale=2)
    assert np.array_equal(tensor.permute(1, 2, 0).numpy(), array)
    assert np.array_equal(np.asarray(elegan.upscale(Image.fromarray(photo), scale=2)), array)
    clear = Image.fromarray(photo)
    clear.putalpha(128)
    made = elegan.upscale(clear, scale=2)
    assert (made.mode, made.size) == ("RGBA", (48, 40))
    assert np.array_equal(np.asarray(made)[..., :3], array)


def test_paths_give_files(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(_photo()).save(tmp_path / name)
    paths = [tmp_path / "a.png", str(tmp_path / "b.png")]
    found = elegan.upscale(paths, out=tmp_path / "out")
    assert found.files == [tmp_path / "out" / "a.png", tmp_path / "out" / "b.png"]
    assert found.to_dict()["counts"]["done"] == 2


def test_unknown_names_and_values_beyond_their_limits_are_refused(run) -> None:
    with pytest.raises(elegan.UsageError, match="Did you mean 'scale'"):
        elegan.upscale(_photo(), scal=2)  # pyright: ignore[reportCallIssue]
    with pytest.raises(elegan.UsageError, match="--scale must be above 0 and finite, at most 16"):
        elegan.upscale(_photo(), scale=40)
    with pytest.raises(elegan.UsageError, match="--seed must be 0 or more"):
        elegan.generate(run, seed=-1)


def test_gradients_flow_through_a_model(run) -> None:
    latents = torch.zeros(2, run.model.latent, requires_grad=True)
    run.model(latents).square().sum().backward()
    assert latents.grad is not None
    assert float(latents.grad.abs().sum()) > 0
    images = torch.zeros(1, 3, 16, 16, requires_grad=True)
    larger = elegan.load("upscale-x2", precision="float32")(images)
    larger.square().sum().backward()
    assert larger.shape == (1, 3, 32, 32)
    assert float(images.grad.abs().sum()) > 0  # pyright: ignore[reportOptionalMemberAccess]


def test_models_are_saved_and_loaded_elsewhere(run, tmp_path: Path) -> None:
    run.model.save_pretrained(tmp_path / "model")
    again = elegan.Model.from_pretrained(tmp_path / "model", precision="float32").to("cpu")
    first, second = (elegan.generate(model, n=3).images for model in (run, again))
    assert np.array_equal(first, second)


def test_notebooks_show_pictures(run) -> None:
    samples = elegan.generate(run, n=4)
    assert samples._repr_png_().startswith(b"\x89PNG")
    assert "<img" in run._repr_html_()


def test_what_each_verb_returns_has_words_and_values(run, tmp_path: Path) -> None:
    found = [elegan.health(run.path), elegan.report(run.path), elegan.list("losses")]
    found += [elegan.interpolate(run, n=2, frames=1, columns=1, out=tmp_path / "walk.gif")]
    found += [elegan.directions(run, n=2, samples=1, out=tmp_path / "found.png"), run]
    assert all(one.text() and one.to_dict() for one in found)
    assert (tmp_path / "walk.gif").exists()
