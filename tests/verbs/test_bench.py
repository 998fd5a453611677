"""`elegan bench`: what is counted and said."""

import json

import pytest
import torch

import elegan
from elegan.cli import main
from elegan.speed import Arithmetic, describe


def test_operations_are_counted_in_passes_of_any_order():
    layer = torch.nn.Conv2d(3, 5, 3, padding=1, bias=False)
    images = torch.randn(2, 3, 8, 8, requires_grad=True)
    once = 2 * 2 * 8 * 8 * 3 * 5 * 9
    with Arithmetic() as counted:
        out = layer(images)
    assert counted.total == once
    with Arithmetic() as counted:
        torch.autograd.grad(out.square().sum(), [images, layer.weight], create_graph=True)
    assert counted.total == 2 * once
    with Arithmetic() as counted:
        (slope,) = torch.autograd.grad(layer(images).square().sum(), images, create_graph=True)
        slope.square().sum().backward()
    assert counted.total >= 5 * once  # the double backward pass too


@pytest.fixture(scope="module", name="found")
def _found():
    return elegan.bench(presets=("article", "robust"), resolution=16, seconds=0.1)


def test_presets_are_measured_beside_the_ceiling(found):
    assert list(found["presets"]) == ["article", "robust"]
    assert all(value > 0 for value in found["ceiling"].values())
    for row in found["presets"].values():
        reached = row["operations"] * row["images_per_second"]
        assert row["share"] == pytest.approx(reached / found["ceiling"]["convolution"])
        assert row["seconds"] == pytest.approx(row["images"] / row["images_per_second"])
        assert row["drawing_share"] > 0
    assert found["presets"]["robust"]["operations"] > 1e7


def test_the_table_says_share_time_and_what_helps(found):
    row = {**found["presets"]["robust"], "share": 0.1, "seconds": 90.0}
    text = describe({**found, "presets": {"robust": row}, "precision": "cpu float32: as asked"})
    assert "10%" in text and "1 min 30 s" in text  # noqa: PT018
    assert "Far from it: robust" in text
    assert "computes in float32" in text
    assert max(map(len, text.splitlines())) <= 80


def test_what_draws_nothing_is_refused(capsys):
    assert main(["bench", "--presets", "upscale", "--json"]) == 2
    assert "not 'upscale'" in json.loads(capsys.readouterr().out)["error"]
