"""The task `classify`: which images have labels, what is minimised, what is delivered."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import cpu, image_data, loop_of, settings
from torch.nn import functional

from elegan.applications.classify.task import CLASSIFY, Classify, _pseudo_label_loss
from elegan.common import distributed
from elegan.common.errors import EleganError, UsageError
from elegan.common.randomness import seed_default
from elegan.data.batches import Batches
from elegan.models import Model
from elegan.settings import TrainSettings


def _settings(**overrides) -> TrainSettings:
    values = {
        "task": "classify",
        "labelled": 2,
        "simultaneous": False,
        "loss": {"adversarial": "non-saturating", "pseudo_labels": 1.0},
        "augment": {"kinds": "translation,rotation", "mode": "fixed", "probability": 0.8},
        "network": {"name": "residual", "width": 8},
        **overrides,
    }
    return settings(**values)


def _task(data=None, **overrides) -> Classify:
    chosen = _settings(**overrides)
    data = data or image_data(40, classes=4)
    precision = cpu(chosen.precision)
    batches = Batches(
        data,
        batch=chosen.batch,
        seed=chosen.seed,
        device=precision.device,
        world=distributed.world(),
        conditional=False,
    )
    return Classify(chosen, data, batches, precision)


def test_so_many_images_of_each_class_have_labels_and_no_held_out_one() -> None:
    task = _task()
    found = task.data.labels[task.labelled]
    assert np.bincount(found).tolist() == [2] * 4
    assert not set(task.labelled) & set(task.batches.held_out_indices)


def test_only_labelled_images_give_their_labels_away() -> None:
    """The step is the same whatever the labels of all other images are."""
    losses = []
    for change in (False, True):
        data = image_data(40, classes=4)
        task = _task(data)
        if change:
            hidden = np.setdiff1d(np.arange(40), task.labelled)
            data.labels[hidden] = (data.labels[hidden] + 1) % 4
        batch = task.batches.at(0)
        seed_default(0, "step", 0)
        fakes = task.generate(batch).detach()
        losses.append(task.discriminator_loss(batch, fakes, 0.0))
    for name, value in losses[0].items():
        torch.testing.assert_close(losses[1][name], value, rtol=0, atol=0)


def test_a_class_may_stand_for_images_of_unknown_class() -> None:
    data = image_data(40, classes=4)
    task = _task(data, unlabelled="class1", labelled=None)
    assert task.names == ("class0", "class2", "class3")
    trained = task.batches.training_indices
    assert set(task.labelled) == set(trained[data.labels[trained] != 1])
    numbers = {0: 0, 2: 1, 3: 2}
    expected = [numbers[label] for label in data.labels[task.labelled]]
    assert task._classes_of.tolist() == expected
    with pytest.raises(UsageError, match="is no class of the data"):
        _task(data, unlabelled="clas9")


def test_the_parts_of_the_loss_add_up() -> None:
    task = _task(loss={"pseudo_labels": 0.5, "classification": 2.0})
    batch = task.batches.at(0)
    losses = task.discriminator_loss(batch, task.generate(batch).detach(), 0.0)
    parts = losses["classification"] + losses["adversarial"] + losses["pseudo_labels"]
    torch.testing.assert_close(losses["loss"].detach(), parts)


def test_pseudo_labels_come_from_confident_weak_views_only() -> None:
    weak = torch.tensor([[0.96, 0.04, 0], [0.6, 0.3, 0.1], [0, 0, 1.0]], requires_grad=True)
    strong = torch.randn(3, 3, requires_grad=True)
    loss, share = _pseudo_label_loss(weak, strong)
    expected = functional.cross_entropy(strong[[0, 2]], torch.tensor([0, 2]), reduction="sum") / 3
    torch.testing.assert_close(loss, expected)
    assert share.item() == pytest.approx(2 / 3)
    loss.backward()
    assert weak.grad is None  # targets are constants
    assert strong.grad[1].abs().sum() == 0


def test_pseudo_labels_are_drawn_toward_the_shares_of_the_labelled() -> None:
    task = _task()
    logits = torch.tensor([[2.0, 1.8, 0, 0]]).repeat(8, 1)
    for _ in range(2000):  # class 0 seems to swallow all, class 2 and 3 seem never to come
        aligned, task.state["mean_prediction"] = task._aligned(logits)
    torch.testing.assert_close(aligned.mean(0), torch.full((4,), 0.25), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(task.state["mean_prediction"], logits[0].softmax(0))
    plain = _task(loss={"alignment": 0.0, "pseudo_labels": 1.0})
    plain.state.update(task.state)
    torch.testing.assert_close(plain._aligned(logits)[0], logits.softmax(1))


def test_the_generator_matches_the_mean_features_of_the_same_steps_real_images() -> None:
    task = _task(augment={"kinds": "", "mode": "fixed"}, loss={"pseudo_labels": 0.0})
    batch = task.batches.at(0)
    seed_default(0, "step", 0)
    fakes = task.generate(batch)
    task.discriminator_loss(batch, fakes.detach(), 0.0)
    real = task._features
    network = task.discriminator.network
    expected = (real.mean(0) - network.features(fakes).mean(0)).square().mean()
    torch.testing.assert_close(task.generator_loss(batch, fakes, 0.0)["loss"], expected)


def test_it_learns_separable_classes_from_two_labels_each(tmp_path: Path) -> None:
    """Discs, bright or dark, left or right: after 60 steps unlabelled images are told apart."""
    data = image_data(80, classes=2)
    half = data.images.shape[2] // 2
    data.images[:] = 20
    data.images[data.labels == 0, :, :half] = 230
    data.images[data.labels == 1, :, half:] = 230
    data.images[:] += np.random.default_rng(0).integers(0, 20, data.images.shape, dtype=np.uint8)
    rates = {"discriminator_rate": 3e-3, "generator_rate": 1e-3}
    task = _task(data, optimizer=rates, augment={"kinds": "brightness", "mode": "fixed"})
    loop = loop_of(task, stop=480)
    for position in range(0, 480, 8):
        assert loop.step(task.batches.at(position))
    task.save_model(tmp_path, {"images": 480})
    model = Model.load(tmp_path, device="cpu", precision="float32")
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2).float() / 127.5 - 1
    network = model.discriminator
    with torch.no_grad():
        found = network.head.classify(network.features(images)).argmax(1).numpy()
    assert (found == data.labels).mean() > 0.95
    assert model.config["training"]["labelled"] == 4
    assert not model.classes  # the generator is unconditional
    assert model.config["discriminator"]["classes"] == list(data.classes)


def test_state_travels_with_the_average() -> None:
    task, other = _task(), _task(seed=5)
    loop = loop_of(task)
    for position in (0, 8, 16):
        assert loop.step(task.batches.at(position))
    other.load_state_dict(task.state_dict())
    for mine, theirs in zip(
        task.average.network.parameters(), other.average.network.parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_data_without_labels_and_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(EleganError, match=r"labels\.csv"):
        _task(image_data(40))
    for overrides, name in (
        ({"conditional": True}, "--conditional"),
        ({"loss": {"r1": 1.0, "adversarial": "non-saturating"}}, "--loss.r1"),
        ({"loss": {"adversarial": "hinge"}}, "--loss.adversarial"),
        ({"loss": {"adversarial": "non-saturating", "flip": 0.1}}, "--loss.flip"),
        ({"augment": {"kinds": "digits"}}, "--augment.mode"),
        ({"mixing": {"replay": 0.5}}, "--mixing"),
        ({"balance": True}, "Leave out --balance"),
    ):
        with pytest.raises(UsageError, match=name):
            CLASSIFY.check(_settings(**overrides))
