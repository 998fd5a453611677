"""The article's two networks: layers, kernels, strides, noise and dropout exactly as it has them.

The convolutions follow the padding rule of the article's framework ("same": what does not
divide evenly is padded after), its initialisation (Glorot uniform, zero biases), its batch
normalisation (momentum 0.99, epsilon 0.001, after the activation) and its leaky slope of 0.2, so
that weights
carried over from there give the same outputs. `docs/article.md` lists what the article's training
code gets wrong.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from elegan.networks.layers import FastDropout
from elegan.networks.registry import PAIRS, ImageShape, NetworkPair

_KERNEL = 5
_DROPOUT = 0.3
_SLOPE = 0.2


class ArticleGenerator(nn.Module):
    """Dense -> 7x7x256 -> three transposed convolutions (128, 64, channels) -> tanh.

    The class embedding of a conditional generator is concatenated to the noise.

    Args:
        shape: a resolution that 4 does not divide is generated larger and cropped.
        width: channels of the narrowest hidden layer; the others are 2 and 4 times as wide.
        latent: length of the noise vector.
    """

    def __init__(self, shape: ImageShape, *, width: int = 64, latent: int = 100) -> None:
        super().__init__()
        self.shape, self.latent = shape, latent
        self.base = (shape.resolution + 3) // 4
        self.base_width = 4 * width
        self.embedding = nn.Embedding(shape.classes, latent) if shape.classes else None
        inputs = latent * (2 if shape.classes else 1)
        self.dense = nn.Linear(inputs, self.base**2 * self.base_width)
        self.up1 = nn.ConvTranspose2d(4 * width, 2 * width, _KERNEL, padding=2)
        self.norm1 = nn.BatchNorm2d(2 * width, eps=1e-3, momentum=0.01)
        self.up2 = _SameTransposed(2 * width, width)
        self.norm2 = nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)
        self.up3 = _SameTransposed(width, shape.channels)
        _initialise(self)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, latent] (, labels int64 [N]) -> images [N, C, R, R] in [-1, 1]."""
        if self.embedding is not None:
            latents = torch.cat([latents, self.embedding(labels)], dim=1)
        hidden = functional.relu(self.dense(latents))
        # The article reshapes to height x width x channels; the permuted view is channels-last
        # already.
        hidden = hidden.view(-1, self.base, self.base, self.base_width).permute(0, 3, 1, 2)
        hidden = self.norm1(functional.relu(self.up1(hidden)))
        hidden = self.norm2(functional.relu(self.up2(hidden)))
        images = torch.tanh(self.up3(hidden))
        return images[..., : self.shape.resolution, : self.shape.resolution]


class ArticleDiscriminator(nn.Module):
    """Two strided convolutions (64, 128) with dropout 0.3 -> one logit.

    The article's sigmoid is left to the loss, which is then stable. A conditional discriminator
    adds the inner product of its features and a class embedding (projection, Miyato and Koyama
    2018).
    """

    def __init__(self, shape: ImageShape, *, width: int = 64, latent: int = 100) -> None:
        super().__init__()
        del latent  # one signature for every pair; only generators read it
        side = (shape.resolution + 3) // 4
        features = side**2 * 2 * width
        self.down1 = nn.Conv2d(shape.channels, width, _KERNEL, stride=2)
        self.drop1 = FastDropout(_DROPOUT)
        self.down2 = nn.Conv2d(width, 2 * width, _KERNEL, stride=2)
        self.drop2 = FastDropout(_DROPOUT)
        self.head = nn.Linear(features, 1)
        self.embedding = nn.Embedding(shape.classes, features) if shape.classes else None
        _initialise(self)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, R, R] in [-1, 1] (, labels int64 [N]) -> logits [N]."""
        hidden = self.drop1(functional.leaky_relu(self.down1(_pad_same(images)), _SLOPE))
        hidden = self.drop2(functional.leaky_relu(self.down2(_pad_same(hidden)), _SLOPE))
        # Height x width x channels, as the article flattens it; a free view in channels-last
        # memory.
        features = hidden.permute(0, 2, 3, 1).flatten(1)
        logits = self.head(features).squeeze(1)
        if self.embedding is not None:
            logits = logits + (features * self.embedding(labels)).sum(dim=1)
        return logits


class _SameTransposed(nn.ConvTranspose2d):
    """A 5x5 transposed convolution of stride 2 with "same" padding: side n -> 2n.

    The full result is cropped by one before and two after. A kernel with a zero row and column in
    front makes the crop even, so that no copy of the larger map is needed.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, _KERNEL, stride=2)

    def forward(self, features: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        kernel = functional.pad(self.weight, (1, 0, 1, 0))
        return functional.conv_transpose2d(features, kernel, self.bias, stride=2, padding=2)


def _pad_same(images: Tensor) -> Tensor:
    # Total padding so that the output side is ceil(n / 2), the odd one after.
    side = images.shape[-1]
    total = (-(-side // 2) - 1) * 2 + _KERNEL - side
    before = total // 2
    return functional.pad(images, (before, total - before) * 2)


def _initialise(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Embedding):
            nn.init.normal_(layer.weight, std=0.02)


PAIRS["article"] = NetworkPair(
    generator=ArticleGenerator,
    discriminator=ArticleDiscriminator,
    width=64,
    latent=100,
    source="the article's MNIST experiment",
)
