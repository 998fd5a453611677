"""A style-modulated pair after StyleGAN2 (Karras et al. 2020), in plain torch.

Modulation scales the convolution's input and demodulation its output, which equals the paper's
weights of each image (its equations 1 and 3) exactly. Unlike those, one convolution with one kernel
serves the whole batch: no grouped convolution, which is several times slower on a CPU, and nothing
that bfloat16 would have to square.

Changed from the paper, for speed without custom kernels: the first convolution of a level runs
before the upsampling, not after; upsampling is bilinear (the paper's filter [1, 3, 3, 1] but for
the edges); pooling is a plain mean; the mapping has 4 layers; the discriminator has no minibatch
statistics, since none of ours may mix the images of a batch. Style mixing is left out.
"""

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.networks.channels import ChannelGroups
from elegan.networks.conditioning import Head, class_embedding, label_map
from elegan.networks.layers import clip, together, widening_ladder
from elegan.networks.registry import PAIRS, Discriminator, Generator, ImageShape, NetworkPair
from elegan.networks.style_layers import (
    ROOT_TWO,
    EqualConvolution,
    EqualLinear,
    ModulatedConvolution,
    StyleLayer,
    activate,
    double_smoothly,
)

_MAPPING_LAYERS = 4
_MAPPING_RATE = 0.01  # the mapping learns a hundred times as slowly
_MEAN_RATE = 0.005  # of the running mean of styles, as in the authors' code
_EPSILON = 1e-8


class Level(nn.Module):
    """All that happens at one side: layers of the given widths, then what they add to the image."""

    def __init__(self, widths: list[int], style: int, side: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            StyleLayer(inputs, outputs, style, side)
            for inputs, outputs in itertools.pairwise(widths)
        )
        outputs = widths[-1]
        self.to_image = ModulatedConvolution(outputs, channels, style, kernel=1, demodulate=False)

    def forward(
        self, features: Tensor, image: Tensor | None, styles: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Features [N, widths[0], h, h], the image so far [N, C, h, h], styles [N, style].

        Returns:
            (features [N, widths[-1], side, side], the image [N, C, side, side], float32).
        """
        for layer in self.layers:
            features = layer(features, styles)
        added = self.to_image(features, styles)
        if image is not None:
            added = added + double_smoothly(image, features.shape[-1])
        return features, added


class StyleGenerator(Generator):
    """Latent -> mapping -> style; a learned 4x4 (to 7x7) map -> levels, each adding to the image.

    The image is the sum of what each level adds, upsampled (the paper's skip generator). It is
    clipped to [-1, 1] as the pair `residual` does.

    Args:
        width: channels at the image's own side, doubled inward up to 16 times.
        latent: length of the noise vector and of the style vector.
        condition: one of `GENERATOR_CONDITIONS`. "concat" joins a class embedding to the latent
            before the mapping; "normalisation" gives each class a gain and a bias on the styles.

    Attributes:
        mean_style: running mean of the styles seen in training, float32 [latent].
    """

    mean_style: Tensor

    def __init__(
        self,
        shape: ImageShape,
        *,
        width: int = 16,
        latent: int = 128,
        condition: str = "concat",
    ) -> None:
        super().__init__()
        self.shape, self.latent = shape, latent
        joined = bool(shape.classes) and condition == "concat"
        self.embedding = class_embedding(shape.classes, latent, 1.0) if joined else None
        widths_in = [latent * (2 if joined else 1), *[latent] * (_MAPPING_LAYERS - 1)]
        self.mapping = nn.ModuleList(
            EqualLinear(inputs, latent, rate=_MAPPING_RATE, gain=ROOT_TWO) for inputs in widths_in
        )
        self.class_gain = self.class_bias = None
        if shape.classes and not joined:
            self.class_gain = class_embedding(shape.classes, latent, 0.0)
            self.class_bias = class_embedding(shape.classes, latent, 0.0)
        self.register_buffer("mean_style", torch.zeros(latent))
        sides, widths = widening_ladder(shape.resolution, width)
        sides, widths = sides[::-1], widths[::-1]
        self.constant = nn.Parameter(torch.randn(1, widths[0], sides[0], sides[0]))
        layers = [[widths[0]] * 2, *([a, b, b] for a, b in itertools.pairwise(widths))]
        self.levels = nn.ModuleList(
            Level(own, latent, side, shape.channels)
            for own, side in zip(layers, sides, strict=True)
        )

    def map(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent] (, labels int64 [N]) -> styles float32 [N, latent]."""
        with torch.autocast(latents.device.type, enabled=False):
            hidden = _unit(latents.float())
            if self.embedding is not None:
                hidden = torch.cat([hidden, _unit(self.embedding(labels))], dim=1)
            for layer in self.mapping:
                hidden = activate(layer(hidden))
            if self.class_gain is not None and self.class_bias is not None:
                hidden = hidden * (1 + self.class_gain(labels)) + self.class_bias(labels)
            return hidden

    def synthesise(self, styles: Tensor) -> Tensor:
        """Styles [N, latent], or [N, levels, latent] with one for each level -> images.

        Images are float32 [N, C, R, R], in [-1, 1] in evaluation mode.
        """
        if styles.ndim == 2:
            styles = styles[:, None].expand(-1, len(self.levels), -1)
        hidden, image = self.constant.expand(len(styles), -1, -1, -1), None
        for level, own in zip(self.levels, styles.unbind(dim=1), strict=True):
            hidden, image = level(hidden, image, own)
        assert image is not None
        return clip(image, training=self.training)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent] (, labels int64 [N]) -> images float32 [N, C, R, R]."""
        styles = self.map(latents, labels)
        if self.training:
            with torch.no_grad():
                self.mean_style.lerp_(styles.mean(dim=0), _MEAN_RATE)
        return self.synthesise(styles)

    def stages(self) -> list[nn.Module]:
        mapping = together(self.embedding, *self.mapping, self.class_gain, self.class_bias)
        first = together(nn.ParameterList([self.constant]), self.levels[0])
        return [mapping, first, *self.levels[1:]]

    def entry_weights(self) -> Tensor:
        """[rows, latent]: the weights from the style to the scales of all 3x3 convolutions."""
        return torch.cat(
            [
                layer.convolution.affine.scaled_weight()
                for layer in self.modules()
                if isinstance(layer, StyleLayer)
            ]
        )

    def channel_groups(self, groups: ChannelGroups) -> None:
        net: Any = self  # layers within layers have no types
        layers = [layer for level in net.levels for layer in level.layers]
        last = {id(level.layers[-1]): level.to_image for level in net.levels}
        for index in range(len(layers) + 1):
            readers = [layers[index].convolution] if index < len(layers) else []
            writers, tensors = [], [(net, "constant", 1)]
            if index:
                layer = layers[index - 1]
                writers, tensors = [layer.convolution.convolution], [(layer.convolution, "bias", 0)]
                readers += [last[id(layer)]] if id(layer) in last else []
            tensors += [
                (reader.affine, name, 0) for reader in readers for name in ("weight", "bias")
            ]
            width = readers[0].convolution.weight.shape[1]
            convolutions = [reader.convolution for reader in readers]
            groups.add(width, writers=writers, readers=convolutions, tensors=tensors)


class DownLevel(nn.Module):
    """(convolution, pooling, convolution) beside (pooling, 1x1 convolution), halving the side."""

    def __init__(self, outside: int, inside: int) -> None:
        super().__init__()
        self.first = EqualConvolution(outside, outside, gain=ROOT_TWO)
        # Both ways are halved in variance before they are added.
        self.second = EqualConvolution(outside, inside)
        self.shortcut = EqualConvolution(outside, inside, 1, bias=False, gain=1 / ROOT_TWO)

    def forward(self, features: Tensor) -> Tensor:
        """[N, outside, h, h] -> [N, inside, ceil(h / 2), ceil(h / 2)]."""
        hidden = functional.avg_pool2d(activate(self.first(features)), 2, ceil_mode=True)
        shortcut = self.shortcut(functional.avg_pool2d(features, 2, ceil_mode=True))
        return activate(self.second(hidden)) + shortcut


class StyleDiscriminator(Discriminator):
    """1x1 convolution -> residual levels -> convolution -> dense -> logit.

    Args:
        width: as the generator's.
        condition: one of `DISCRIMINATOR_CONDITIONS`.
    """

    def __init__(
        self,
        shape: ImageShape,
        *,
        width: int = 16,
        latent: int = 128,
        condition: str = "projection",
    ) -> None:
        super().__init__()
        del latent  # one signature for every pair; only generators read it
        self.label_map = label_map(shape.classes, shape.resolution, condition)
        sides, widths = widening_ladder(shape.resolution, width)
        channels = shape.channels + (self.label_map is not None)
        self.from_image = EqualConvolution(channels, widths[0], 1, gain=ROOT_TWO)
        self.levels = nn.ModuleList(
            DownLevel(outside, inside) for outside, inside in itertools.pairwise(widths)
        )
        inner = widths[-1]
        self.last = EqualConvolution(inner, inner, gain=ROOT_TWO)
        self.dense = EqualLinear(inner * sides[-1] ** 2, inner, gain=ROOT_TWO)
        self.head = Head(inner, shape.classes, condition)

    def features(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] around [-1, 1] (, labels int64 [N]) -> features [N, F]."""
        if self.label_map is not None:
            images = self.label_map(images, labels)
        hidden = activate(self.from_image(images))
        for level in self.levels:
            hidden = level(hidden)
        hidden = activate(self.last(hidden))
        return activate(self.dense(hidden.permute(0, 2, 3, 1).flatten(1)))

    def stages(self) -> list[nn.Module]:
        first = together(self.label_map, self.from_image)
        return [first, *self.levels, self.last, self.dense]


def _unit(vectors: Tensor) -> Tensor:
    """Scales each row to a mean square of 1."""
    return vectors * (vectors.square().mean(dim=1, keepdim=True) + _EPSILON).rsqrt()


PAIRS["style"] = NetworkPair(
    generator=StyleGenerator,
    discriminator=StyleDiscriminator,
    width=16,
    latent=128,
    source="StyleGAN2 (Karras et al. 2020), narrow: styles to mix, truncate and edit; wants R1",
)
