import pytest
import torch
from torch import nn

from elegan.settings import OptimizerSettings
from elegan.training.players import Player, rate_factor


def _schedule(**values) -> OptimizerSettings:
    return OptimizerSettings(**values)


def test_constant_rates() -> None:
    assert [rate_factor(at, _schedule()) for at in (0, 0.5, 1)] == [1, 1, 1]


def test_warm_up_rises_linearly() -> None:
    settings = _schedule(warmup=0.1)
    assert [rate_factor(at, settings) for at in (0, 0.05, 0.1, 0.7)] == [0, 0.5, 1, 1]


def test_cosine_and_linear_fall_from_hold_to_the_end() -> None:
    cosine, linear = (
        _schedule(schedule=name, hold=0.2, warmup=0.1) for name in ("cosine", "linear")
    )
    for settings in (cosine, linear):
        assert rate_factor(0.05, settings) == 0.5
        assert rate_factor(0.2, settings) == 1
        assert rate_factor(0.6, settings) == pytest.approx(0.5)
        assert rate_factor(1.0, settings) == pytest.approx(0, abs=1e-12)
        assert rate_factor(1.3, settings) == pytest.approx(0, abs=1e-12)
    assert rate_factor(0.4, linear) == pytest.approx(0.75)
    assert rate_factor(0.4, cosine) == pytest.approx(0.5 * (1 + 2**-0.5))


def _player(network: nn.Module, **values) -> Player:
    return Player(network, rate=0.1, settings=OptimizerSettings(**values))


def test_a_step_is_adam_at_the_scheduled_rate() -> None:
    network = nn.Linear(1, 1, bias=False)
    before = network.weight.item()
    player = _player(network, beta1=0.5, beta2=0.9, epsilon=1e-8)
    assert player.backward({"loss": 3 * network.weight.sum()})
    assert player.gradient_norm == pytest.approx(3)
    player.step(0.5)
    # The first step of Adam is the rate times the sign of the gradient.
    assert network.weight.item() == pytest.approx(before - 0.05, abs=1e-6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_bad_numbers_are_told(bad: float) -> None:
    network = nn.Linear(2, 1)
    player = _player(network)
    assert player.backward({"loss": network(torch.ones(1, 2)).sum()})
    assert not player.backward({"loss": network(torch.ones(1, 2)).sum() * bad})
    # A loss that is fine whose gradient is not: the root at zero.
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    assert not player.backward({"loss": network(torch.ones(1, 2)).sqrt().sum()})


def test_frozen_parameters_stay_frozen() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    network[0].requires_grad_(False)
    player = _player(network)
    player.set_requires_grad(False)
    player.set_requires_grad(True)
    assert [one.requires_grad for one in network.parameters()] == [False, False, True, True]


def test_buffers_can_be_put_back() -> None:
    network = nn.BatchNorm1d(2)
    player = _player(network)
    player.keep_buffers()
    network(torch.full((4, 2), float("nan")))
    assert network.running_mean.isnan().all()
    player.put_back_buffers()
    assert torch.equal(network.running_mean, torch.zeros(2))
    assert network.num_batches_tracked == 0
