"""The article's networks against a naive computation of what its framework does."""

import numpy as np
import pytest
import torch
from torch import nn

from elegan.networks import ImageShape, build_discriminator, build_generator

MNIST = ImageShape(resolution=28, channels=1)


def _count(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())


def test_parameter_counts_are_the_articles() -> None:
    generator = build_generator("article", MNIST, width=64, latent=100)
    dense = 100 * 12_544 + 12_544
    up = [5 * 5 * 256 * 128 + 128, 5 * 5 * 128 * 64 + 64, 5 * 5 * 64 * 1 + 1]
    norms = 2 * 128 + 2 * 64
    assert _count(generator) == dense + sum(up) + norms
    discriminator = build_discriminator("article", MNIST, width=64, latent=100)
    down = [5 * 5 * 1 * 64 + 64, 5 * 5 * 64 * 128 + 128]
    assert _count(discriminator) == sum(down) + 7 * 7 * 128 + 1


def _before(side: int, stride: int, kernel: int = 5) -> int:
    """Padding before, by the rule "same": the odd pixel goes after."""
    outputs = -(-side // stride)
    return max((outputs - 1) * stride + kernel - side, 0) // 2


def _convolution(images: np.ndarray, layer: nn.Module, stride: int) -> np.ndarray:
    """images [C, H, H] -> [O, ceil(H / stride), ...], one output pixel after another."""
    weight, bias = layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
    side, before = images.shape[1], _before(images.shape[1], stride)
    outputs = -(-side // stride)
    padded = np.pad(images, ((0, 0), (before, 8), (before, 8)))
    result = np.zeros((len(weight), outputs, outputs))
    for y in range(outputs):
        for x in range(outputs):
            window = padded[:, y * stride : y * stride + 5, x * stride : x * stride + 5]
            result[:, y, x] = (weight * window).sum(axis=(1, 2, 3)) + bias
    return result


def _transposed(images: np.ndarray, layer: nn.Module, stride: int) -> np.ndarray:
    """The adjoint of the convolution above: each input pixel paints its kernel."""
    weight, bias = layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
    side = images.shape[1]
    outputs = side * stride
    before = _before(outputs, stride)
    canvas = np.zeros((weight.shape[1], outputs + 16, outputs + 16))
    for y in range(side):
        for x in range(side):
            top, left = 8 + y * stride - before, 8 + x * stride - before
            painted = np.tensordot(images[:, y, x], weight, 1)
            canvas[:, top : top + 5, left : left + 5] += painted
    return canvas[:, 8 : 8 + outputs, 8 : 8 + outputs] + bias[:, None, None]


def _norm(images: np.ndarray, layer: nn.BatchNorm2d) -> np.ndarray:
    def column(values: torch.Tensor) -> np.ndarray:
        return values.detach().double().numpy()[:, None, None]

    scaled = (images - column(layer.running_mean)) / np.sqrt(column(layer.running_var) + 1e-3)
    return scaled * column(layer.weight) + column(layer.bias)


def _randomise(network: nn.Module) -> nn.Module:
    torch.manual_seed(5)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            nn.init.normal_(buffer)
        elif name.endswith("running_var"):
            nn.init.uniform_(buffer, 0.5, 2)
    return network.eval()


def _layers(network: nn.Module, *kinds: type[nn.Module]) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, kinds)]


def test_discriminator_is_the_articles() -> None:
    for side in (28, 17):  # 17 is padded unequally at one level and equally at the other
        shape = ImageShape(resolution=side, channels=2)
        network = _randomise(build_discriminator("article", shape, width=3, latent=4))
        first, second = _layers(network, nn.Conv2d)
        (head,) = _layers(network, nn.Linear)
        images = torch.randn(1, 2, side, side)
        hidden = images[0].double().numpy()
        for layer in (first, second):
            hidden = _convolution(hidden, layer, stride=2)
            hidden = np.where(hidden > 0, hidden, 0.2 * hidden)
        flat = hidden.transpose(1, 2, 0).ravel()  # height, width, channels: the article's order
        weight, bias = head.weight.detach().double().numpy()[0], head.bias.item()
        np.testing.assert_allclose(network(images).item(), flat @ weight + bias, rtol=1e-4)


def test_generator_is_the_articles() -> None:
    shape = ImageShape(resolution=16, channels=2)
    network = _randomise(build_generator("article", shape, width=2, latent=4))
    (dense,) = _layers(network, nn.Linear)
    up1, up2, up3 = _layers(network, nn.ConvTranspose2d)
    norm1, norm2 = _layers(network, nn.BatchNorm2d)
    latents = torch.randn(1, 4)
    weight, bias = dense.weight.detach().double().numpy(), dense.bias.detach().double().numpy()
    hidden = np.maximum(weight @ latents[0].double().numpy() + bias, 0)
    hidden = hidden.reshape(4, 4, 8).transpose(2, 0, 1)
    hidden = _norm(np.maximum(_transposed(hidden, up1, 1), 0), norm1)
    hidden = _norm(np.maximum(_transposed(hidden, up2, 2), 0), norm2)
    expected = np.tanh(_transposed(hidden, up3, 2))
    np.testing.assert_allclose(network(latents)[0].detach().numpy(), expected, atol=1e-4)


def test_batch_statistics_move_as_the_articles_do() -> None:
    # Its framework keeps 0.99 of the old mean at each step.
    network = build_generator("article", ImageShape(resolution=16, channels=1), width=2, latent=4)
    norm = _layers(network, nn.BatchNorm2d)[0]
    seen = []
    norm.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0].detach()))
    network.train()(torch.randn(8, 4))
    expected = 0.01 * seen[0].mean(dim=(0, 2, 3))
    torch.testing.assert_close(norm.running_mean, expected)


def test_initial_weights_are_glorot_uniform_with_zero_biases() -> None:
    network = build_generator("article-printed", MNIST, width=64, latent=100)
    (dense,) = _layers(network, nn.Linear)
    limit = (6 / (100 + 12_544)) ** 0.5
    assert dense.weight.abs().max() <= limit
    assert dense.weight.abs().max() > 0.99 * limit
    assert (dense.bias == 0).all()


def test_the_corrected_dense_layer_keeps_the_noise_as_large_as_it_comes() -> None:
    latents = torch.randn(64, 100)
    deviations = {}
    for name in ("article", "article-printed"):
        (dense,) = _layers(build_generator(name, MNIST, width=64, latent=100), nn.Linear)
        deviations[name] = dense(latents).relu().square().mean().sqrt().item()
    assert deviations["article"] == pytest.approx(1, abs=0.05)  # He et al. 2015, eq. 10
    assert deviations["article-printed"] < 0.1


def test_dropout_works_in_training_only() -> None:
    network = build_discriminator("article", MNIST, width=8, latent=8)
    images = torch.randn(2, 1, 28, 28)
    network.train()
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))
