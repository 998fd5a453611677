"""What the discriminator is shown: mixing, replay, augmentation, noise, and their state."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import image_data, loop_of, register_plain_pair, settings, task_of

from elegan.common.errors import UsageError
from elegan.common.randomness import seed_default
from elegan.losses import ADVERSARIAL
from elegan.tasks.discriminator_input import DiscriminatorInput, Past

CPU = torch.device("cpu")
IMAGES = Past(torch.zeros(8, 1, 16, 16), None)


def NOTHING() -> None:
    pytest.fail("unseen images are not asked for")


def _plain(**overrides):
    return task_of(settings(network={"name": register_plain_pair()}, **overrides))


def _input(adversarial: str = "non-saturating", **overrides) -> DiscriminatorInput:
    return DiscriminatorInput(settings(**overrides), ADVERSARIAL[adversarial], CPU, {})


def _observe(shown: DiscriminatorInput, *given) -> None:
    """A step of eight images that proved finite: the loop takes over what it observed."""
    shown.state.update(shown.observed(*given, 8))


def test_without_settings_everything_is_shown_as_it_is() -> None:
    task = _plain()
    batch = task.batches.at(0)
    assert task.shown.real_stream(batch, lambda: pytest.fail("nothing is drawn")) is batch.images
    assert torch.equal(task.shown.show(batch.images, 0.0), batch.images)
    assert task.shown.past(8) is None
    assert task.state.keys() == {"lecam_anchors"}


def test_instance_noise_falls_to_nothing_by_the_middle_of_the_run() -> None:
    shown = _input(loss={"instance_noise": 0.4})
    images = torch.zeros(64, 1, 16, 16)
    deviations = [shown.show(images, progress).std().item() for progress in (0.0, 0.25, 0.5, 0.9)]
    assert deviations == pytest.approx([0.4, 0.2, 0.0, 0.0], abs=0.01)


def test_so_many_of_the_real_images_are_generated_ones() -> None:
    task = _plain(batch=32, mixing={"generated": 0.25})
    replaced = 0
    for position in range(0, 3200, 32):
        batch = task.batches.at(position)
        shown = task.shown.real_stream(batch, lambda: torch.full((32, 1, 16, 16), 9.0))
        rows = (shown == 9.0).flatten(1).all(1)
        assert torch.equal(shown[~rows], batch.images[~rows])
        replaced += int(rows.sum())
    assert replaced / 3200 == pytest.approx(0.25, abs=0.03)


def test_a_named_model_supplies_the_generated_images(tmp_path: Path) -> None:
    donor = task_of(settings())
    donor.save_model(tmp_path / "model", {"images": 0})
    task = _plain(mixing={"generated": 1.0, "model": str(tmp_path)})
    batch = task.batches.at(0)
    shown = task.shown.real_stream(batch, lambda: pytest.fail("the model draws them"))
    assert not torch.equal(shown, batch.images)
    pool = {one.numpy().tobytes() for one in task.shown._pool}
    assert all(one.numpy().tobytes() in pool for one in shown)
    chosen = settings(conditional=True, mixing={"generated": 0.5, "model": str(tmp_path)})
    with pytest.raises(UsageError, match="unconditional"):
        task_of(chosen, image_data(classes=4))


def test_replay_keeps_the_latest_and_enters_the_loss_by_its_weight() -> None:
    task = _plain(mixing={"replay": 0.5, "replay_size": 20})
    batch = task.batches.at(0)
    seen = []
    for step in range(4):
        fakes = torch.full((8, 1, 16, 16), step / 8)
        task.state.update(task.discriminator_loss(batch, fakes, 0.0).state)
        seen.append(fakes)
    kept = task.state["replay"]
    assert torch.equal(kept.float(), torch.cat(seen)[-20:])
    # Every replayed image alike: the mixed loss can be computed by hand.
    task.state["replay"] = torch.full((4, 1, 16, 16), 0.5, dtype=torch.float16)
    fakes = torch.zeros(8, 1, 16, 16)
    loss = task.discriminator_loss(batch, fakes, 0.0)["loss"]
    network, cost = task.discriminator.network, task.loss.discriminator
    real = network(batch.images)
    now = cost(real, network(fakes))
    past = cost(real, network(torch.full((8, 1, 16, 16), 0.5)))
    torch.testing.assert_close(loss, 0.5 * now + 0.5 * past)


def test_replayed_images_keep_the_labels_that_they_were_drawn_for() -> None:
    shown = _input(conditional=True, mixing={"replay": 0.5, "replay_size": 20})
    for step in range(4):
        images = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 1, 4, 4) + 8 * step
        fakes = Past(images, torch.arange(8) + 8 * step)
        _observe(shown, torch.ones(8), torch.ones(8), fakes, NOTHING)
    past = shown.past(64)
    assert past is not None
    assert torch.equal(past.images[:, 0, 0, 0].long(), past.labels)
    assert past.labels.min() >= 12  # the latest 20 of 32


def test_adaptive_probability_rises_while_the_discriminator_is_sure_and_travels() -> None:
    shown = _input(augment={"kinds": "translation", "images": 320.0})
    real, fake = torch.full((8,), 5.0), torch.full((8,), -5.0)
    for _ in range(8):  # two moves of 32 images each
        _observe(shown, real, fake, IMAGES, NOTHING)
    assert shown.probability == pytest.approx(2 * 32 / 320)
    assert shown.signals() == {"augmentation": shown.probability}
    other = _input(augment={"kinds": "translation", "images": 320.0})
    other.state.update(shown.state)
    assert other.probability == shown.probability
    for _ in range(8):
        _observe(shown, -real, fake, IMAGES, NOTHING)
    assert shown.probability == 0


@pytest.mark.parametrize(("given", "expected"), [(None, 1.0), (0.0, 0.0), (0.3, 0.3)])
def test_a_fixed_probability_is_what_it_says(given: float | None, expected: float) -> None:
    shown = _input(augment={"kinds": "brightness", "mode": "fixed", "probability": given})
    assert shown.probability == expected
    images = torch.zeros(500, 1, 4, 4)
    changed = (shown.show(images, 0.0) != images).flatten(1).any(1).float().mean().item()
    assert changed == pytest.approx(expected, abs=0.07)


def test_pseudo_replaces_the_share_that_is_named() -> None:
    task = _plain(batch=32, augment={"pseudo": True, "mode": "fixed", "probability": 0.2})
    replaced = 0
    for position in range(0, 1600, 32):
        batch = task.batches.at(position)
        shown = task.shown.real_stream(batch, lambda: torch.full((32, 1, 16, 16), 9.0))
        replaced += int((shown == 9.0).flatten(1).all(1).sum())
    assert replaced / 1600 == pytest.approx(0.2, abs=0.04)


def test_the_first_batch_is_pictured_as_the_discriminator_sees_it(tmp_path: Path) -> None:
    pictures = []
    for kinds in ("", "brightness"):
        task = _plain(augment={"kinds": kinds, "mode": "fixed"})
        task.first_batch(task.batches.at(0), tmp_path / "first.png")
        pictures.append((tmp_path / "first.png").read_bytes())
    assert pictures[0] != pictures[1]


def test_relativistic_losses_are_judged_by_pairs() -> None:
    shown = _input("relativistic-pair", augment={"kinds": "translation", "images": 320.0})
    # Every real logit is below zero, but above its partner's.
    for _ in range(4):
        _observe(shown, torch.full((8,), -1.0), torch.full((8,), -2.0), IMAGES, NOTHING)
    assert shown.probability > 0


def test_the_probability_can_follow_unseen_images_instead() -> None:
    """r_v: at 0 unseen images score as training images do, at 1 as generated ones."""
    chosen = {"kinds": "translation", "images": 320.0, "signal": "held-out", "target": 0.5}
    real, fake = torch.full((8,), 2.0), torch.full((8,), -2.0)
    for unseen, rises in ((-1.0, True), (1.0, False)):
        shown = _input(augment=chosen)
        for _ in range(4):
            _observe(shown, real, fake, IMAGES, lambda at=unseen: torch.full((5,), at))
        assert (shown.probability > 0) == rises


def test_unseen_images_are_judged_where_the_probability_follows_them() -> None:
    values = {"kinds": "translation", "images": 64.0, "signal": "held-out", "target": 0.0}
    loop = loop_of(task_of(settings(network={"name": "residual"}, augment=values)))
    asked = []
    judge = loop.task._unseen_logits
    loop.task._unseen_logits = lambda *given: asked.append(judge(*given)) or asked[-1]
    for position in range(0, 32, 8):
        assert loop.step(loop.batches.at(position))
    assert [len(one) for one in asked] == [4] * 4  # of 40 images four are held out


def test_what_a_step_observed_changes_nothing_by_itself() -> None:
    shown = _input(augment={"kinds": "translation"}, mixing={"replay": 0.5})
    before = {name: value.clone() for name, value in shown.state.items()}
    observed = shown.observed(torch.ones(8), -torch.ones(8), IMAGES, NOTHING, 8)
    assert observed.keys() == {*before, "replay"}
    assert before.keys() == shown.state.keys()
    assert all(torch.equal(before[name], shown.state[name]) for name in before)


@pytest.mark.parametrize(
    "overrides",
    [
        {"augment": {"kinds": "digits", "probability": 0.5}},
        {"augment": {"kinds": "diffaugment", "mode": "fixed"}},
        {"augment": {"pseudo": True, "probability": 0.5}},
        {"mixing": {"replay": 0.5}},
        {"mixing": {"generated": 0.5}},
        {"loss": {"smoothing": 0.1, "flip": 0.1, "instance_noise": 0.2}},
    ],
)
@pytest.mark.parametrize("simultaneous", [False, True])
def test_both_ways_of_moving_train_with_it(overrides, simultaneous: bool) -> None:
    values = {"network": {"name": "residual"}, "simultaneous": simultaneous, **overrides}
    values["loss"] = {"adversarial": "relativistic-pair", **overrides.get("loss", {})}
    loop = loop_of(task_of(settings(**values)))
    before = [one.clone() for one in loop.task.generator.parameters]
    for position in range(0, 32, 8):
        assert loop.step(loop.batches.at(position))
    moved = [
        not torch.equal(one, was)
        for one, was in zip(loop.task.generator.parameters, before, strict=True)
    ]
    assert all(moved)


def test_one_pass_gives_the_gradients_of_two_under_augmentation() -> None:
    """The generator's gradient through the shared pass equals that of its own loss."""
    task = task_of(
        settings(
            network={"name": "residual"},
            loss={"adversarial": "relativistic-pair"},
            augment={"kinds": "translation,brightness", "mode": "fixed"},
        )
    )
    batch = task.batches.at(0)
    fakes = task.generate(batch).detach()
    seed_default(0, "step", 0)
    leaf = fakes.clone().requires_grad_()
    losses, _, ratio = task.simultaneous_losses(batch, leaf, 0.0)
    losses["loss"].backward()
    through = leaf.grad * ratio
    seed_default(0, "step", 0)
    leaf = fakes.clone().requires_grad_()
    shown = task.shown.show(batch.images, 0.0), task.shown.show(leaf, 0.0)
    real, fake = (task.discriminator.network(one) for one in shown)
    task.loss.generator(real.detach(), fake).backward()
    torch.testing.assert_close(through, leaf.grad, rtol=1e-3, atol=1e-6)
    assert np.isfinite(through.numpy()).all()
