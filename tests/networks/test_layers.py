import pytest
import torch
from torch import nn
from torch.nn import functional

from elegan.networks.layers import (
    FastDropout,
    PixelNoise,
    clip,
    gated,
    resolution_ladder,
    scaled_width,
    together,
    upsample_to,
    widening_ladder,
)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_dropout_rate_and_scale(rate: float) -> None:
    torch.manual_seed(0)
    layer = FastDropout(rate).train()
    assert layer.rate == pytest.approx(rate, abs=1 / 512)
    count = 1_000_000
    result = layer(torch.ones(count))
    dropped = (result == 0).double().mean().item()
    # Five standard deviations of a share of a million draws.
    assert dropped == pytest.approx(layer.rate, abs=5 * (rate * (1 - rate) / count) ** 0.5)
    kept = result[result != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - layer.rate)))


def test_dropout_draws_each_element_on_its_own() -> None:
    torch.manual_seed(0)
    mask = (FastDropout(0.5).train()(torch.ones(80_000)) != 0).double()
    for lag in (1, 2, 4, 7, 8, 16):  # eight elements come from one random word
        correlation = torch.corrcoef(torch.stack([mask[:-lag], mask[lag:]]))[0, 1]
        assert abs(correlation) < 0.02
    again = (FastDropout(0.5).train()(torch.ones(80_000)) != 0).double()
    assert abs(torch.corrcoef(torch.stack([mask, again]))[0, 1]) < 0.02


def test_dropout_is_the_identity_in_evaluation_and_at_rate_0() -> None:
    features = torch.randn(3, 5)
    assert torch.equal(FastDropout(0.3).eval()(features), features)
    assert torch.equal(FastDropout(0.0).train()(features), features)


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 5, 7)])
def test_dropout_keeps_shape_type_and_memory_order(shape: tuple[int, ...]) -> None:
    layer = FastDropout(0.3).train()
    for dtype in (torch.float32, torch.bfloat16):
        features = torch.ones(shape, dtype=dtype)
        if len(shape) == 4:
            features = features.contiguous(memory_format=torch.channels_last)
        result = layer(features)
        assert result.shape == features.shape
        assert result.dtype == dtype
        assert result.stride() == features.stride()


def test_dropout_passes_gradients_through_what_it_kept() -> None:
    features = torch.ones(1000, requires_grad=True)
    result = FastDropout(0.3).train()(features)
    result.sum().backward()
    assert torch.equal(features.grad, result.detach())


def test_dropout_follows_the_default_generator() -> None:
    layer, features = FastDropout(0.3).train(), torch.ones(99)
    torch.manual_seed(4)
    first = layer(features)
    torch.manual_seed(4)
    assert torch.equal(layer(features), first)
    assert not torch.equal(layer(features), first)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_dropout_refuses_impossible_rates(rate: float) -> None:
    with pytest.raises(ValueError):
        FastDropout(rate)


def test_resolution_ladder() -> None:
    assert resolution_ladder(28) == [28, 14, 7]
    assert resolution_ladder(100) == [100, 50, 25, 13, 7]
    assert resolution_ladder(256)[-1] == 4


def test_upsample_repeats_pixels_and_crops_to_odd_sides() -> None:
    small = torch.arange(4.0).view(1, 1, 2, 2)
    assert upsample_to(small, 4)[0, 0].tolist() == [
        [0, 0, 1, 1],
        [0, 0, 1, 1],
        [2, 2, 3, 3],
        [2, 2, 3, 3],
    ]
    assert upsample_to(small, 3)[0, 0].tolist() == [[0, 0, 1], [0, 0, 1], [2, 2, 3]]


def test_the_size_dial_gives_multiples_of_eight() -> None:
    assert [scaled_width(64, size) for size in (0.01, 0.5, 1, 1.3)] == [8, 32, 64, 80]


def test_pixel_noise_begins_at_0_and_then_is_one_map_for_all_channels() -> None:
    torch.manual_seed(0)
    layer, features = PixelNoise(5), torch.zeros(3, 4, 5, 5)
    assert torch.equal(layer.train()(features), features)
    nn.init.constant_(layer.strength, 0.5)
    noise = layer(features)
    assert torch.equal(noise[:, 0], noise[:, 3])
    assert not torch.equal(noise[0], noise[1])
    fixed = layer.eval()(features)
    torch.testing.assert_close(fixed, 0.5 * layer.fixed.expand(3, 4, 5, 5))


def test_clipping_is_soft_in_training_only() -> None:
    values = torch.tensor([-3.0, -1.0, 0.5, 2.0], requires_grad=True)
    assert clip(values, training=False).tolist() == [-1, -1, 0.5, 1]
    soft = clip(values, training=True)
    torch.testing.assert_close(soft, torch.tensor([-1.2, -1.0, 0.5, 1.1]))
    soft.sum().backward()
    torch.testing.assert_close(values.grad[[0, 2, 3]], torch.tensor([0.1, 1.0, 0.1]))
    assert clip(values.bfloat16(), training=True).dtype == torch.float32


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_gated_unit_is_torchs_and_keeps_the_memory_order(order: torch.memory_format) -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 6, 5, 5).contiguous(memory_format=order).requires_grad_()
    result, expected = gated(maps), functional.glu(maps, dim=1)
    torch.testing.assert_close(result, expected)
    direction = torch.randn(2, 3, 5, 5).contiguous(memory_format=order)
    (gradient,) = torch.autograd.grad(result, maps, direction)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, maps, direction)[0])
    assert result.is_contiguous(memory_format=order)
    assert gradient.is_contiguous(memory_format=order)


def test_widths_double_inward() -> None:
    assert widening_ladder(28, 2) == ([28, 14, 7], [2, 4, 16])
    assert widening_ladder(256, 2)[1] == [2, 4, 8, 16, 32, 32, 32]


def test_a_stage_leaves_out_what_is_not_there() -> None:
    layer = nn.Linear(1, 1)
    assert list(together(None, layer, None)) == [layer]
