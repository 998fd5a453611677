"""Layers of the style pair: equalised learning rate, modulated convolution, smooth upsampling.

The activation is a leaky ReLU times the square root of 2, which about keeps the variance (Karras et
al. 2018). Since that commutes with positive factors, the root is given to the layer before as its
`gain`, where it scales weights instead of maps.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.networks.layers import PixelNoise

ROOT_TWO = math.sqrt(2)
_SLOPE = 0.2
_EPSILON = 1e-8


class EqualLinear(nn.Module):
    """A linear layer with equalised learning rate (Karras et al. 2018, section 4.1).

    Weights are stored at unit variance over `rate` and scaled when used, so that an optimizer that
    normalises its steps moves all layers at the same relative speed, times `rate`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        rate: float = 1.0,
        bias: float = 0.0,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.scale, self.bias_scale = gain * rate * inputs**-0.5, gain * rate
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))

    def scaled_weight(self) -> Tensor:
        """[outputs, inputs], as it is applied."""
        return self.weight * self.scale

    def forward(self, inputs: Tensor) -> Tensor:
        """[N, inputs] -> [N, outputs]."""
        return functional.linear(inputs, self.scaled_weight(), self.bias * self.bias_scale)


class EqualConvolution(nn.Module):
    """A convolution with equalised learning rate that keeps the side."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, *, bias: bool = True, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.scale, self.gain = gain * (inputs * kernel**2) ** -0.5, gain
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def scaled_weight(self) -> Tensor:
        """[outputs, inputs, kernel, kernel], as it is applied."""
        return self.weight * self.scale

    def forward(self, features: Tensor) -> Tensor:
        """[N, inputs, h, h] -> [N, outputs, h, h]."""
        bias = None if self.bias is None else self.bias * self.gain
        padding = self.weight.shape[-1] // 2
        return functional.conv2d(features, self.scaled_weight(), bias, padding=padding)


class ModulatedConvolution(nn.Module):
    """A convolution whose input channels are scaled by each image's style, plus a bias.

    With demodulation each output channel is divided by the norm of its scaled weights, so that
    unit variance in gives unit variance out. Dividing the result is dividing the weights. The norm
    is computed in float32.

    Source: Karras et al. 2020, section 2.2, equations 1 to 3.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        style: int,
        kernel: int = 3,
        *,
        demodulate: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.affine = EqualLinear(style, inputs, bias=1.0)
        self.convolution = EqualConvolution(inputs, outputs, kernel, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.demodulate, self.gain = demodulate, gain

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        """Features [N, inputs, h, h], styles [N, style] -> [N, outputs, h, h].

        The result has the features' number format with demodulation, else float32.
        """
        scales = self.affine(styles)
        hidden = self.convolution(features * scales.to(features.dtype)[:, :, None, None])
        bias = (self.gain * self.bias)[:, None, None]
        if not self.demodulate:
            return self.gain * hidden.float() + bias
        with torch.autocast(features.device.type, enabled=False):
            power = self.convolution.scaled_weight().float().square().sum(dim=(2, 3))
            factors = self.gain * (scales.float().square() @ power.T + _EPSILON).rsqrt()
        factors = factors.to(hidden.dtype)[:, :, None, None]
        return torch.addcmul(bias.to(hidden.dtype), hidden, factors)


class StyleLayer(nn.Module):
    """Modulated convolution, (doubling,) noise, leaky ReLU: to [N, outputs, side, side]."""

    def __init__(self, inputs: int, outputs: int, style: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.convolution = ModulatedConvolution(inputs, outputs, style, gain=ROOT_TWO)
        self.noise = PixelNoise(side)

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        """Features [N, inputs, h, h], styles [N, style]; side = h, 2h or 2h - 1."""
        hidden = double_smoothly(self.convolution(features, styles), self.side)
        return activate(self.noise(hidden))


def double_smoothly(features: Tensor, side: int) -> Tensor:
    """Bilinear upsampling [N, C, h, h] -> [N, C, side, side], side = h, 2h or 2h - 1."""
    if features.shape[-1] == side:
        return features
    doubled = functional.interpolate(features, scale_factor=2.0, mode="bilinear")
    return doubled if doubled.shape[-1] == side else doubled[..., :side, :side]


def activate(features: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2; its gain is the layer's before (see the top of this file)."""
    return functional.leaky_relu(features, _SLOPE)
