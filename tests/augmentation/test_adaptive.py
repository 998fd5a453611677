"""The controller's speed and memory, its statistics, and pseudo augmentation."""

import math

import pytest
import torch

from elegan.augmentation import (
    AdaptiveController,
    pairwise_statistic,
    pseudo,
    sign_statistic,
    validation_statistic,
)


def test_statistics_of_logits() -> None:
    real, fake = torch.tensor([2.0, -1.0, 0.5, 3.0]), torch.tensor([3.0, -2.0, -0.5, 3.0])
    assert sign_statistic(real).item() == pytest.approx((3 - 1) / 4)
    assert pairwise_statistic(real, fake).item() == pytest.approx((2 - 1) / 4)  # one tie
    assert pairwise_statistic(real + 9, fake + 9) == pairwise_statistic(real, fake)


def test_a_target_among_pairs_is_the_stricter_by_what_is_said() -> None:
    random = torch.Generator().manual_seed(0)
    apart = 0.8416  # a standard normal lies below it in 80 % of cases: r_t = 0.6
    real = torch.randn(200_000, generator=random) + apart
    fake = torch.randn(200_000, generator=random) - apart
    assert sign_statistic(real).item() == pytest.approx(0.6, abs=0.01)
    assert pairwise_statistic(real, fake).item() == pytest.approx(0.77, abs=0.01)


def test_validation_statistic_runs_from_0_to_1() -> None:
    train, fake = torch.tensor([3.0, 5.0]), torch.tensor([-1.0, 1.0])
    assert validation_statistic(train, torch.tensor([4.0]), fake).item() == 0
    assert validation_statistic(train, torch.tensor([0.0]), fake).item() == 1
    assert validation_statistic(train, torch.tensor([1.0, 3.0]), fake).item() == pytest.approx(0.5)
    assert validation_statistic(train, train, train).item() == 0


def test_it_moves_every_fourth_step_by_the_images_seen_since() -> None:
    controller = AdaptiveController(speed=1000)
    moved = [controller.observe(0.9, 10) for _ in range(8)]
    assert moved == [False, False, False, True] * 2
    assert controller.probability == pytest.approx(2 * 4 * 10 / 1000)


def test_from_0_to_1_takes_speed_images() -> None:
    controller = AdaptiveController(speed=64 * 400)
    for _ in range(399):
        controller.observe(torch.tensor(1.0), 64)
    assert controller.probability < 1
    controller.observe(1.0, 64)
    assert controller.probability == pytest.approx(1)


def test_down_below_the_target_and_never_out_of_bounds() -> None:
    controller = AdaptiveController(speed=100, initial=0.5, maximum=0.8)
    for _ in range(4):
        controller.observe(0.6, 5)  # on target is not above it
    assert controller.probability == pytest.approx(0.5 - 0.2)
    for _ in range(40):
        controller.observe(-1.0, 5)
    assert controller.probability == 0
    for _ in range(40):
        controller.observe(1.0, 5)
    assert controller.probability == pytest.approx(0.8)


def test_the_mean_of_the_window_decides_not_its_last_step() -> None:
    controller = AdaptiveController(speed=100)
    for statistic in (1.0, 1.0, 1.0, 0.0):
        controller.observe(statistic, 1)
    assert controller.statistic == pytest.approx(0.75)
    assert controller.probability > 0
    for statistic in (0.0, 0.0, 0.0, 1.0):  # what was decided upon is forgotten
        controller.observe(statistic, 1)
    assert controller.statistic == pytest.approx(0.25)
    assert controller.probability == 0


def test_resumed_it_goes_on_as_if_never_stopped() -> None:
    statistics = torch.rand(101, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.2
    whole = AdaptiveController(speed=777)
    for statistic in statistics:
        whole.observe(statistic, 3)
    first = AdaptiveController(speed=777)
    for statistic in statistics[:50]:  # in the middle of a window
        first.observe(statistic, 3)
    saved = first.tensors()
    first.observe(1.0, 1000)  # what happens later does not reach what was saved
    second = AdaptiveController(speed=777)
    second.restore({**saved, "another part's": torch.zeros(3)})
    for statistic in statistics[50:]:
        second.observe(statistic, 3)
    assert 0 < whole.probability < 1
    assert second.probability == whole.probability
    assert second.tensors() == whole.tensors()


@pytest.mark.parametrize("wrong", [{"maximum": 1.5}, {"initial": -0.1}, {"speed": 0}, {"every": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AdaptiveController(**wrong)  # pyright: ignore[reportArgumentType]


def test_pseudo_replaces_whole_images_at_the_rate() -> None:
    real, fakes = torch.zeros(4000, 1, 2, 2), torch.arange(1.0, 4001).view(-1, 1, 1, 1)
    fakes = fakes.expand(4000, 1, 2, 2).clone().requires_grad_()
    mixed = pseudo(real, fakes, torch.tensor(0.3), torch.Generator().manual_seed(0))
    replaced = mixed[:, 0, 0, 0] != 0
    assert replaced.float().mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / 4000))
    assert torch.equal(mixed[replaced], fakes.detach()[replaced])
    assert torch.equal(mixed[~replaced], real[~replaced])
    assert not mixed.requires_grad


def test_pseudo_at_0_draws_nothing() -> None:
    real, before = torch.zeros(3, 1, 2, 2), torch.get_rng_state()
    assert pseudo(real, real + 1, 0.0) is real
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(pseudo(real, real + 1, 1.0), real + 1)
