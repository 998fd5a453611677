"""Layers of the style pair: equalised learning rate, modulated convolution, smooth upsampling."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.networks.layers import PixelNoise

_SLOPE = 0.2
_EPSILON = 1e-8
ROOT_TWO = math.sqrt(2)


class EqualLinear(nn.Module):
    """A linear layer with equalised learning rate (Karras et al. 2018, section 4.1).

    Weights are stored at unit variance over `rate` and scaled when used, so that an optimizer that
    normalises its steps moves all layers at the same relative speed, times `rate`.
    """

    def __init__(self, inputs: int, outputs: int, *, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.scale, self.rate = rate * inputs**-0.5, rate
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))

    def scaled_weight(self) -> Tensor:
        """[outputs, inputs], as it is applied."""
        return self.weight * self.scale

    def forward(self, inputs: Tensor) -> Tensor:
        """[N, inputs] -> [N, outputs]."""
        return functional.linear(inputs, self.scaled_weight(), self.bias * self.rate)


class EqualConvolution(nn.Module):
    """A convolution with equalised learning rate that keeps the side."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, *, bias: bool = True) -> None:
        super().__init__()
        self.scale = (inputs * kernel**2) ** -0.5
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def scaled_weight(self) -> Tensor:
        """[outputs, inputs, kernel, kernel], as it is applied."""
        return self.weight * self.scale

    def forward(self, features: Tensor) -> Tensor:
        """[N, inputs, h, h] -> [N, outputs, h, h]."""
        padding = self.weight.shape[-1] // 2
        return functional.conv2d(features, self.scaled_weight(), self.bias, padding=padding)


class ModulatedConvolution(nn.Module):
    """A convolution whose input channels are scaled by each image's style.

    With demodulation each output channel is divided by the norm of its scaled weights, so that
    unit variance in gives unit variance out. The norm is computed in float32.

    Source: Karras et al. 2020, section 2.2, equations 1 to 3.
    """

    def __init__(
        self, inputs: int, outputs: int, style: int, kernel: int = 3, *, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.affine = EqualLinear(style, inputs, bias=1.0)
        self.convolution = EqualConvolution(inputs, outputs, kernel, bias=False)
        self.demodulate = demodulate

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        """Features [N, inputs, h, h], styles [N, style] -> [N, outputs, h, h]."""
        scales = self.affine(styles)
        hidden = self.convolution(features * scales.to(features.dtype)[:, :, None, None])
        if not self.demodulate:
            return hidden
        with torch.autocast(features.device.type, enabled=False):
            power = self.convolution.scaled_weight().float().square().sum(dim=(2, 3))
            norms = (scales.float().square() @ power.T + _EPSILON).rsqrt()
        # Dividing the result by the norm is dividing the weights (equation 3) by it.
        return hidden * norms.to(hidden.dtype)[:, :, None, None]


class StyleLayer(nn.Module):
    """Modulated convolution, (doubling,) noise, bias, leaky ReLU: to [N, outputs, side, side]."""

    def __init__(self, inputs: int, outputs: int, style: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.convolution = ModulatedConvolution(inputs, outputs, style)
        self.noise = PixelNoise(side)
        self.bias = nn.Parameter(torch.zeros(outputs, 1, 1))

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        """Features [N, inputs, h, h], styles [N, style]; side = h, 2h or 2h - 1."""
        hidden = double_smoothly(self.convolution(features, styles), self.side)
        return activate(self.noise(hidden) + self.bias.to(hidden.dtype))


def double_smoothly(features: Tensor, side: int) -> Tensor:
    """Bilinear upsampling [N, C, h, h] -> [N, C, side, side], side = h, 2h or 2h - 1."""
    if features.shape[-1] == side:
        return features
    doubled = functional.interpolate(features, scale_factor=2.0, mode="bilinear")
    return doubled if doubled.shape[-1] == side else doubled[..., :side, :side]


def activate(features: Tensor) -> Tensor:
    """Leaky ReLU (slope 0.2) times the square root of 2, which about keeps the variance."""
    return functional.leaky_relu(features, _SLOPE) * ROOT_TWO
