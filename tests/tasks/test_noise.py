"""The task `generate`: losses and penalties as weighted, every loss on every network."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import (
    EVERY_PENALTY,
    cpu,
    image_data,
    loop_of,
    register_plain_pair,
    settings,
    task_of,
)

from elegan.applications.generate.task import Generate
from elegan.common.randomness import seed_default
from elegan.losses import ADVERSARIAL, lecam_penalty, zero_centred_penalty
from elegan.networks import PAIRS

NETWORKS = [name for name in PAIRS if not name.startswith("test-")]


def _plain(**overrides) -> Generate:
    """A task whose networks have neither dropout nor batch statistics."""
    return task_of(settings(network={"name": register_plain_pair()}, **overrides))


def _losses(task: Generate, position: int = 0, progress: float = 0.0):
    batch = task.batches.at(position)
    seed_default(0, "step", position)
    with torch.no_grad():
        fakes = task.generate(batch)
    return task.discriminator_loss(batch, fakes, progress), batch, fakes


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("loss", ADVERSARIAL)
def test_a_few_steps_of_every_loss_on_every_network(loss: str, network: str) -> None:
    chosen = settings(
        network={"name": network},
        loss={"adversarial": loss},
        simultaneous=ADVERSARIAL[loss].one_pass,
    )
    loop = loop_of(task_of(chosen, image_data(16)))
    before = [one.clone() for one in loop.task.generator.parameters]
    for position in range(0, 24, 8):
        assert loop.step(loop.batches.at(position))
    assert all(
        not torch.equal(one, other)
        for one, other in zip(before, loop.task.generator.parameters, strict=True)
    )


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_every_penalty_on_every_network_with_classes(network: str, precision: str) -> None:
    chosen = settings(
        network={"name": network}, conditional=True, precision=precision, loss=EVERY_PENALTY
    )
    loop = loop_of(task_of(chosen, image_data(16, classes=4), cpu(precision)))
    for position in range(0, 24, 8):
        assert loop.step(loop.batches.at(position))


def test_penalties_carry_their_weights_and_are_lazy() -> None:
    task = _plain(loss={"r1": 0.7, "r2": 0.3, "penalty_every": 4})
    losses, batch, fakes = _losses(task)
    score = task.discriminator.network
    r1 = 4 * 0.7 * zero_centred_penalty(score, batch.images)
    r2 = 4 * 0.3 * zero_centred_penalty(score, fakes)
    torch.testing.assert_close(losses["r1"], r1.detach())
    torch.testing.assert_close(losses["r2"], r2.detach())
    torch.testing.assert_close(losses["loss"], losses["adversarial"] + r1 + r2)
    for step in range(1, 9):
        lazy, _, _ = _losses(task, 8 * step)
        assert ("r1" in lazy) == (step % 4 == 0)


def test_zero_centred_penalties_grow_with_the_pixels_where_asked() -> None:
    """Images of 16x16 pixels, weights for 8x8: four times the weight, of these two alone."""
    weights = {"r1": 0.7, "r2": 0.3, "lecam": 0.2}
    plain, grown = (
        _losses(_plain(loss={**weights, **more}))[0] for more in ({}, {"penalty_pixels": 64})
    )
    for name, factor in (("r1", 4), ("r2", 4), ("lecam", 1)):
        torch.testing.assert_close(grown[name], factor * plain[name])


def test_zero_centred_penalties_fall_log_linearly_over_the_first_three_tenths() -> None:
    task = _plain(loss={"r1": 1.0, "penalty_decay": 0.01})
    start, half, end, later = (
        _losses(task, progress=progress)[0]["r1"].item() for progress in (0, 0.15, 0.3, 0.9)
    )
    assert half == pytest.approx(0.1 * start)
    assert end == pytest.approx(0.01 * start)
    assert later == pytest.approx(end)


def test_lecam_anchors_are_moving_averages_of_the_scores() -> None:
    task = _plain(loss={"lecam": 0.2})
    anchors = torch.zeros(2)
    for position in (0, 8, 16):
        losses, batch, fakes = _losses(task, position)
        with torch.no_grad():
            real = task.discriminator.network(batch.images)
            fake = task.discriminator.network(fakes)
        anchors = 0.99 * anchors + 0.01 * torch.stack([real.mean(), fake.mean()])
        torch.testing.assert_close(losses["lecam"], 0.2 * lecam_penalty(real, fake, *anchors))
        task.state.update(losses.state)
    torch.testing.assert_close(task.state["lecam_anchors"], anchors)


def test_clipping_bounds_every_weight_of_the_discriminator() -> None:
    loop = loop_of(_plain(loss={"adversarial": "wasserstein", "clip": 0.01}, simultaneous=False))
    loop.step(loop.batches.at(0))
    largest = max(one.abs().max().item() for one in loop.task.discriminator.parameters)
    assert 0 < largest <= 0.01


@pytest.mark.parametrize("name", [name for name, loss in ADVERSARIAL.items() if loss.one_pass])
def test_one_pass_gives_the_generators_own_gradient(name: str) -> None:
    loss = {**EVERY_PENALTY, "adversarial": name, "r2": 0.5}
    task = _plain(loss=loss, simultaneous=True)
    batch = task.batches.at(0)
    seed_default(0, "step")
    fakes = task.generate(batch).detach().requires_grad_()
    losses, generator_losses, ratio = task.simultaneous_losses(batch, fakes, 0.0)
    losses["loss"].backward()
    real, fake = task.discriminator.network(torch.cat([batch.images, fakes])).chunk(2)
    expected = task.loss.generator(real.detach(), fake)
    torch.testing.assert_close(generator_losses["loss"], expected.detach())
    (direct,) = torch.autograd.grad(expected, fakes)
    torch.testing.assert_close(fakes.grad * ratio, direct, rtol=1e-4, atol=1e-8)


def test_wider_networks_take_smaller_steps() -> None:
    task = task_of(settings(size=4.0, optimizer={"generator_rate": 1e-3}))
    assert task.generator.base_rate == pytest.approx(0.5e-3)


def test_initial_weights_follow_the_seed() -> None:
    one, same, other = (task_of(settings(seed=seed)) for seed in (1, 1, 2))
    first = [task.generator.parameters[0] for task in (one, same, other)]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


def test_a_preview_shows_64_samples_of_the_average_and_a_first_batch_the_data(
    tmp_path: Path,
) -> None:
    task = task_of(settings())
    task.preview(tmp_path / "preview.png")
    again = (tmp_path / "preview.png").read_bytes()
    task.preview(tmp_path / "preview.png")
    assert (tmp_path / "preview.png").read_bytes() == again
    scale = 56 // 16
    side = 8 * 16 * scale + 7 * 2
    assert Image.open(tmp_path / "preview.png").size == (side, side)
    task.first_batch(task.batches.at(0), tmp_path / "first.png")
    picture = np.asarray(Image.open(tmp_path / "first.png"))
    order = task.batches.at(0).images[0, 0]
    expected = ((order + 1) * 127.5).round().byte().numpy().repeat(scale, 0).repeat(scale, 1)
    np.testing.assert_array_equal(picture[: 16 * scale, : 16 * scale], expected)


def test_measuring_changes_nothing_that_training_reads() -> None:
    """Signals and scores may come or not: the weights that follow are the same."""
    ends = []
    for measure in (True, False):
        loop = loop_of(task_of(settings(loss=EVERY_PENALTY, network={"name": "dcgan"})))
        for position in range(0, 32, 8):
            loop.step(loop.batches.at(position))
            if measure:
                assert 0 <= loop.task.signals()["fooling_rate"] <= 1
                assert loop.task.score()
                torch.rand(7)
        ends.append(loop._parts())
    for part, tensors in ends[0].items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, ends[1][part][name]), f"{part}.{name}"


def test_signals_see_who_wins() -> None:
    task = task_of(settings())
    fooled = task._monitor.signals(
        lambda images, labels: torch.from_numpy(images.mean(axis=(1, 2, 3), dtype=np.float32)),
        (np.full((64, 16, 16, 1), 255, np.uint8), None),
    )
    assert fooled["fooling_rate"] == 1
    assert fooled["score_gap"] < 0
    caught = task._monitor.signals(
        lambda images, labels: torch.from_numpy(images.mean(axis=(1, 2, 3), dtype=np.float32)),
        (np.zeros((64, 16, 16, 1), np.uint8), None),
    )
    assert caught["fooling_rate"] == 0
    assert caught["score_gap"] > 0
    assert caught["duplicates"] == 1


class _Judging(torch.nn.Module):
    """Gives each image the logit that its first pixel holds; its weights see every pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1, 256))

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return torch.nn.functional.linear(images.flatten(1), self.weight).squeeze(1)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("name", [name for name, loss in ADVERSARIAL.items() if loss.one_pass])
def test_one_pass_gives_both_gradients_however_sure_the_discriminator(
    name: str, precision: str
) -> None:
    """Against separate passes in float64, for logits from -200 to 200."""
    values = [-200.0, -120.0, -90.0, -60.0, -30.0, -3.0, 0.5, 3.0, 30.0, 60.0, 90.0, 120.0, 200.0]
    task = _plain(loss={"adversarial": name}, batch=len(values), precision=precision)
    task.discriminator.network = network = _Judging()
    batch = task.batches.at(0)
    fakes = torch.zeros(len(values), 1, 16, 16)
    fakes[:, 0, 0, 0] = torch.tensor(values)
    for real_logit in (-200.0, 0.0, 200.0):
        reals = torch.zeros_like(fakes)
        reals[:, 0, 0, 0] = real_logit
        leaf = fakes.clone().requires_grad_()
        losses, _, ratio = task.simultaneous_losses(
            dataclasses.replace(batch, images=reals), leaf, 0.0
        )
        network.zero_grad()
        losses["loss"].backward()
        assert leaf.grad is not None
        exact = copy.deepcopy(network).double()
        own = fakes.double().requires_grad_()
        real, fake = exact(reals.double()), exact(own)
        generator = task.loss.generator(real.detach(), fake)
        (turned,) = torch.autograd.grad(generator, own, retain_graph=True)
        (by_weight,) = torch.autograd.grad(task.loss.discriminator(real, fake), exact.weight)
        # One rounding of the logits in bfloat16 is what may differ, and not a whole gradient.
        rtol = 1e-4 if precision == "float32" else 2e-2
        torch.testing.assert_close((leaf.grad * ratio).double(), turned, rtol=rtol, atol=1e-9)
        # Terms of the size of a logit, 200, may cancel here.
        moved = network.weight.grad.double()
        torch.testing.assert_close(moved, by_weight, rtol=rtol, atol=200 * rtol * 1e-2)
