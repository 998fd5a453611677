import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from elegan.training.ema import Ema, decay


def test_decay_halves_at_the_half_life_and_ramps_up() -> None:
    assert decay(10**9, 1000, half_life=1000, ramp=0.05) == 0.5
    assert decay(10**9, 250, half_life=1000, ramp=0.05) ** 4 == pytest.approx(0.5)
    # Early on the half-life is 5 % of the images seen: 2,000 of them give 100.
    assert decay(2_000, 100, half_life=10_000, ramp=0.05) == pytest.approx(0.5)
    assert decay(2_000, 10_000, half_life=10_000, ramp=0.0) == pytest.approx(0.5)
    ramp = [decay(images, 64, 10_000, 0.05) for images in (64, 640, 6_400, 64_000, 640_000)]
    assert ramp == sorted(ramp)
    assert ramp[0] < 1e-5


def test_the_average_follows_its_formula() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    average = Ema(network, half_life=300, ramp=0.5)
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    for step in range(1, 6):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        network(torch.randn(8, 3))  # moves the batch statistics
        average.update(step * 100, 100)
        keep = 0.5 ** (100 / min(300, step * 100 * 0.5))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                expected[name] = keep * expected[name] + (1 - keep) * value
            else:
                expected[name] = value.clone()
    for name, value in average.network.state_dict().items():
        torch.testing.assert_close(value, expected[name])


def test_the_average_is_frozen_and_in_evaluation_mode() -> None:
    network = nn.Linear(2, 2)
    average = Ema(network, half_life=1, ramp=0)
    assert not average.network.training
    assert not any(one.requires_grad for one in average.network.parameters())
    assert all(one.requires_grad for one in network.parameters())
    before = network.weight.clone()
    average.update(1, 1)
    assert torch.equal(network.weight, before)


@pytest.mark.parametrize("layer", [nn.Conv2d(6, 12, 3), nn.ConvTranspose2d(6, 12, 3)])
def test_averaged_weights_under_spectral_norm_really_have_norm_one(layer: nn.Module) -> None:
    """Weights that turn keep the vectors behind: averaged vectors would measure no weight."""
    torch.manual_seed(0)
    network = spectral_norm(layer)
    average = Ema(network, half_life=400, ramp=0)
    for step in range(1, 201):
        with torch.no_grad():
            network.parametrizations.weight.original.add_(  # pyright: ignore
                torch.randn(layer.weight.shape), alpha=0.05
            )
        network(torch.randn(2, 6, 8, 8))  # in training: moves the vectors of the network
        average.update(step * 8, 8)
    weight = average.network.weight.transpose(0, int(isinstance(layer, nn.ConvTranspose2d)))
    norm = torch.linalg.matrix_norm(weight.flatten(1), 2).item()
    assert norm == pytest.approx(1, abs=0.1)  # one power iteration lags a little; without, 4 to 170
