"""The style pair against explicit weights, known filters and its own parts."""

import pytest
import torch
from torch.nn import functional

from elegan.networks import ImageShape, build_discriminator, build_generator
from elegan.networks.style import StyleGenerator
from elegan.networks.style_layers import (
    EqualLinear,
    ModulatedConvolution,
    StyleLayer,
    double_smoothly,
)

SHAPE = ImageShape(resolution=16, channels=3)
SIZES = {"width": 8, "latent": 12}


def _generator(shape: ImageShape = SHAPE, condition: str = "concat") -> StyleGenerator:
    torch.manual_seed(0)
    network = build_generator("style", shape, **SIZES, condition=condition)
    assert isinstance(network, StyleGenerator)
    for layer in network.modules():  # noise that is off would pass every test
        if isinstance(layer, StyleLayer):
            torch.nn.init.constant_(layer.noise.strength, 0.3)
    return network


def _explicit(
    layer: ModulatedConvolution, features: torch.Tensor, styles: torch.Tensor
) -> torch.Tensor:
    """Karras et al. 2020, equations 1 and 3: weights of each image, one grouped convolution."""
    count, inputs, side, _ = features.shape
    weight = layer.convolution.scaled_weight()
    scales = styles @ layer.affine.scaled_weight().T + layer.affine.bias
    weights = weight[None] * scales[:, None, :, None, None]
    if layer.demodulate:
        norm = (weights.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).sqrt()
        weights = weights / norm
    grouped = weights.reshape(-1, inputs, *weight.shape[2:])
    padding = weight.shape[-1] // 2
    merged = features.reshape(1, -1, side, side)
    result = functional.conv2d(merged, grouped, groups=count, padding=padding)
    return layer.gain * (result.view(count, -1, side, side) + layer.bias[:, None, None])


@pytest.mark.parametrize(("kernel", "demodulate"), [(3, True), (1, False)])
def test_modulated_convolution_equals_weights_of_each_image(kernel: int, demodulate: bool) -> None:
    torch.manual_seed(0)
    layer = ModulatedConvolution(5, 7, 4, kernel, demodulate=demodulate, gain=1.5)
    torch.nn.init.normal_(layer.bias)
    features, styles = torch.randn(3, 5, 6, 6), torch.randn(3, 4, requires_grad=True)
    mine, theirs = layer(features, styles), _explicit(layer, features, styles)
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
    direction = torch.randn_like(mine)
    inputs = [styles, layer.convolution.weight]
    for one, other in zip(
        torch.autograd.grad(mine, inputs, direction),
        torch.autograd.grad(theirs, inputs, direction),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_demodulation_keeps_the_variance_whatever_the_style() -> None:
    torch.manual_seed(0)
    layer = ModulatedConvolution(16, 64, 4)
    styles = 5 * torch.randn(2, 4)
    result = layer(torch.randn(2, 16, 64, 64), styles)[..., 2:-2, 2:-2]
    # In each output channel: white noise of variance 1 meets weights of norm 1.
    torch.testing.assert_close(result.var(dim=(2, 3)), torch.ones(2, 64), rtol=0.15, atol=0)


def test_equalised_layers_begin_at_unit_gain_and_move_at_their_rate() -> None:
    torch.manual_seed(0)
    for rate in (1.0, 0.01):
        layer = EqualLinear(256, 256, rate=rate)
        inputs = torch.randn(64, 256)
        before = layer(inputs)
        assert before.std().item() == pytest.approx(1, rel=0.05)
        with torch.no_grad():  # a step of Adam's size in one direction
            layer.weight += 1e-3
        expected = inputs.sum(dim=1, keepdim=True) * rate * 1e-3 / 16
        moved = layer(inputs) - before
        torch.testing.assert_close(moved, expected.expand_as(moved), rtol=0.01, atol=1e-5)


def test_doubling_is_the_papers_filter() -> None:
    impulse = torch.zeros(1, 1, 7, 7)
    impulse[..., 3, 3] = 1
    line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    doubled = double_smoothly(impulse, 14)
    torch.testing.assert_close(doubled[0, 0, 5:9, 5:9], torch.outer(line, line))
    assert doubled.sum().item() == pytest.approx(4)
    assert torch.equal(double_smoothly(impulse, 13), doubled[..., :13, :13])
    assert double_smoothly(impulse, 7) is impulse


def test_forward_is_mapping_then_synthesis() -> None:
    network, latents = _generator().eval(), torch.randn(3, 12)
    styles = network.map(latents)
    assert styles.shape == (3, 12)
    assert torch.equal(network(latents), network.synthesise(styles))
    # Noise direction counts, its length does not: latents are normalised.
    torch.testing.assert_close(network.map(5 * latents), styles, rtol=1e-4, atol=1e-5)


def test_styles_can_differ_by_level() -> None:
    network = _generator().eval()
    styles = network.map(torch.randn(2, 12))
    levels = len(network.levels)
    repeated = styles[:, None].repeat(1, levels, 1)
    torch.testing.assert_close(network.synthesise(repeated), network.synthesise(styles))
    mixed = repeated.clone()
    mixed[:, -1] = styles.flip(0)
    fine = (network.synthesise(mixed) - network.synthesise(styles)).abs().mean()
    mixed = repeated.clone()
    mixed[:, 0] = styles.flip(0)
    coarse = (network.synthesise(mixed) - network.synthesise(styles)).abs().mean()
    assert fine > 0
    assert coarse > 0
    assert not torch.isclose(fine, coarse)


def test_the_mean_style_follows_training_only() -> None:
    network, latents = _generator(), torch.randn(8, 12)
    styles = network.train().map(latents)
    assert not network.mean_style.any()
    network(latents)
    torch.testing.assert_close(network.mean_style, 0.005 * styles.mean(dim=0).detach())
    before = network.mean_style.clone()
    network.eval()(latents)
    network.train().map(latents)
    assert torch.equal(network.mean_style, before)


def test_noise_is_fresh_in_training_and_fixed_in_evaluation() -> None:
    network = _generator()
    latents = torch.randn(1, 12).repeat(2, 1)
    images = network.train()(latents)
    assert not torch.allclose(images[0], images[1])
    images = network.eval()(latents)
    torch.testing.assert_close(images[0], images[1])
    assert torch.equal(network(latents), images)


def test_path_lengths_can_be_trained() -> None:
    """Karras et al. 2020, equation 4: the gradient by the style is differentiated once more."""
    network = _generator().train()
    styles = network.map(torch.randn(2, 12))
    images = network.synthesise(styles)
    (gradient,) = torch.autograd.grad(
        (images * torch.randn_like(images)).sum(), styles, create_graph=True
    )
    lengths = gradient.square().sum(dim=1).sqrt()
    assert (lengths > 0).all()
    lengths.var().backward()
    for name, parameter in network.named_parameters():
        if "affine.weight" in name:
            assert parameter.grad.abs().max() > 0


def test_entry_weights_move_the_scales_of_all_layers() -> None:
    network = _generator()
    layers = [one.convolution for one in network.modules() if isinstance(one, StyleLayer)]
    styles, step = torch.randn(1, 12), torch.randn(12)
    moved = [layer.affine(styles + step) - layer.affine(styles) for layer in layers]
    torch.testing.assert_close(
        torch.cat(moved, dim=1)[0], network.entry_weights() @ step, rtol=1e-4, atol=1e-5
    )


def test_class_styles_begin_alike_and_then_differ() -> None:
    shape = ImageShape(resolution=16, channels=1, classes=3)
    network = _generator(shape, "normalisation")
    latents = torch.randn(1, 12).repeat(3, 1)
    plain = network.map(latents, torch.tensor([0, 1, 2]))
    torch.testing.assert_close(plain[0], plain[2])
    torch.nn.init.normal_(network.class_gain.weight)
    torch.nn.init.normal_(network.class_bias.weight)
    styles = network.map(latents, torch.tensor([0, 1, 2]))
    expected = plain * (1 + network.class_gain.weight) + network.class_bias.weight
    torch.testing.assert_close(styles, expected)


def test_a_residual_level_about_keeps_the_variance() -> None:
    torch.manual_seed(0)
    network = build_discriminator("style", ImageShape(resolution=64, channels=3), width=16)
    features = network.features(torch.randn(4, 3, 64, 64))
    assert 0.2 < features.std() < 5
