"""What a tick measures: who wins, on which images, class by class."""

import numpy as np
import pytest
import torch
from tiny import image_data, settings, task_of
from torch import Tensor

from elegan.tasks import signals as gauge_module
from elegan.tasks.signals import SampleMonitor


def gauge_of(count: int = 200, classes: int = 0) -> tuple[SampleMonitor, np.ndarray, Tensor | None]:
    """A gauge, and real images to pass off as samples with their labels."""
    data = image_data(count, classes=classes)
    chosen = settings(conditional=classes > 0)
    task = task_of(chosen, data)
    images = np.asarray(data.images[:60])
    labels = None if data.labels is None else torch.from_numpy(data.labels[:60])
    return SampleMonitor(task.batches, seed=0), images, labels


def ranks(images: np.ndarray, labels: Tensor | None) -> Tensor:
    return torch.arange(len(images)).float()


def test_the_gap_comes_with_its_error_and_the_scale() -> None:
    gauge, images, _ = gauge_of()
    held = len(gauge._held)
    assert held >= 4
    calls: list[Tensor] = []

    def logits(images: np.ndarray, labels: Tensor | None) -> Tensor:
        calls.append(torch.randn(len(images)) + 3 * (len(calls) == 2))
        return calls[-1]

    found = gauge.signals(logits, (images, None))
    fake, unseen, seen = calls
    # As many of each in the mixture, so that its deviation does not depend on how many there are.
    times = len(fake) * len(unseen)
    mixture = torch.cat([fake.repeat(times // len(fake)), unseen.repeat(times // len(unseen))])
    spread = mixture.std(correction=0).item()
    assert found["score_scale"] == pytest.approx(spread, rel=1e-4)
    assert found["score_gap"] == pytest.approx((unseen.mean() - fake.mean()).item() / spread, 1e-4)
    within = ((seen.var(correction=0) + unseen.var(correction=0)) / 2).sqrt()
    gap = (seen.mean() - unseen.mean()) / within
    assert gap > 1.5
    assert found["held_out_gap"] == pytest.approx(gap.item(), rel=1e-4)
    error = (seen.var() / len(seen) + unseen.var() / len(unseen)).sqrt() / within
    assert found["held_out_gap_error"] == pytest.approx(error.item(), rel=1e-4)
    low = (unseen < seen.quantile(0.05)).float().mean().item()
    assert low > 0.3
    assert found["held_out_low"] == pytest.approx(low)


def test_what_chance_explains_of_few_unseen_images() -> None:
    """Of 5 images with p = 0.05, P(X >= 3) = 0.0012 and P(X >= 2) = 0.023."""
    assert gauge_module._chance(5) == 2 / 5
    for count in (10, 60, 256):
        most = round(gauge_module._chance(count) * count)
        drawn = np.random.default_rng(0).binomial(count, 0.05, 200_000)
        assert (drawn > most).mean() < 0.0025
        assert (drawn >= most).mean() > 0.0015


def test_without_unseen_images_nothing_is_said_of_them() -> None:
    gauge, images, _ = gauge_of(30)
    found = gauge.signals(ranks, (images, None))
    assert not {"held_out_gap", "held_out_gap_error"} & found.keys()
    assert "fooling_rate" in found


def test_a_conditional_run_is_measured_class_by_class() -> None:
    gauge, images, labels = gauge_of(400, classes=2)
    assert labels is not None

    def logits(shown: np.ndarray, asked: Tensor | None) -> Tensor:
        assert asked is not None
        assert len(asked) == len(shown)
        # Samples of class 1 score above every real image, those of class 0 below.
        return torch.where(asked == 1, 1.0, -1.0) * (5.0 if len(shown) == 60 else 1.0)

    found = gauge.signals(logits, (images, labels))
    assert found["fooling_rate_of_class0"] == 0.0
    assert found["fooling_rate_of_class1"] == 1.0
    assert {"label_agreement", "label_agreement_real", "label_agreement_chance"} <= found.keys()


def test_a_class_that_is_scored_higher_hides_nothing() -> None:
    gauge, images, labels = gauge_of(400, classes=2)

    def logits(shown: np.ndarray, asked: Tensor | None) -> Tensor:
        assert asked is not None
        # Within each class every sample scores below every real image.
        return 10.0 * asked + torch.linspace(0, 0.5, len(asked)) - 1.0 * (len(shown) == 60)

    found = gauge.signals(logits, (images, labels))
    assert found["fooling_rate"] == 0.0
    assert found["score_gap"] > 1.5
    assert abs(found["held_out_gap"]) < 0.5
    assert found["score_scale"] < 1.0


def test_of_many_classes_no_figure_each() -> None:
    gauge, images, labels = gauge_of(400, classes=25)
    found = gauge.signals(ranks, (images, labels))
    assert not any(name.startswith("fooling_rate_of_") for name in found)
    assert "label_agreement" in found
