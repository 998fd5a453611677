"""Discriminators of patches, and the heads that contrastive translation needs."""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from elegan.networks.image_translators import EncodingTranslator
from elegan.networks.layers import together

_SLOPE = 0.2
_WIDEST = 8  # times the width of the first level


class PatchDiscriminator(nn.Module):
    """Strided convolutions with spectral norm -> a map of logits, one for each patch.

    No layer mixes images, and none normalises over places. A conditional discriminator gets the
    input image as further planes beside the judged one. Images of any size: a side under 2^levels
    is continued by its last row or column.

    Args:
        channels: planes of what is judged.
        width: channels after the first level, doubled at each further one up to 8 times.
        levels: number of halvings. A logit sees 26, 54 or 110 pixels a side with 2, 3 or 4.

    Source: Isola et al. 2017 (pix2pix), section 3.2.2; spectral norm: Miyato et al. 2018.
    """

    def __init__(self, channels: int, *, width: int = 32, levels: int = 3) -> None:
        super().__init__()
        if levels < 1:
            raise ValueError(f"a patch discriminator has at least one level, not {levels}")
        widths = [width * min(_WIDEST, 2**level) for level in range(levels)]
        self.channels, self.least = channels, 2**levels
        self.levels = nn.ModuleList(
            _convolution(outside, inside, kernel=4, stride=2)
            for outside, inside in itertools.pairwise([channels, *widths])
        )
        self.inner = _convolution(widths[-1], widths[-1])
        self.to_logits = _convolution(widths[-1], 1)
        self.feature_widths = (*widths, widths[-1])

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, channels, H, W] around [-1, 1] -> logits [N, H / 2^levels, W / 2^levels]."""
        return self.judge(images)[0]

    def features(self, images: Tensor) -> list[Tensor]:
        """Images -> feature maps [N, C, h, w] from the image inward, `feature_widths` channels."""
        images = self._large_enough(images)
        maps = []
        for layer in (*self.levels, self.inner):
            images = functional.leaky_relu(layer(images), _SLOPE)
            maps.append(images)
        return maps

    def judge(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Images -> (logits as of `forward`, maps as of `features`), in one pass."""
        maps = self.features(images)
        return self.to_logits(maps[-1])[:, 0], maps

    def stages(self) -> list[nn.Module]:
        """The parts from the image inward; together they hold every parameter once."""
        return [*map(together, self.levels), together(self.inner), together(self.to_logits)]

    def _large_enough(self, images: Tensor) -> Tensor:
        below, right = (max(0, self.least - item) for item in images.shape[-2:])
        if not (below or right):
            return images
        return functional.pad(images, (0, right, 0, below), mode="replicate")


class ProjectionHeads(nn.Module):
    """For each layer of an encoder a perceptron of two layers, from features to unit vectors.

    Args:
        channels: of each layer's feature map.
        width: length of the vectors.

    Source: Park et al. 2020 (CUT), section 3.2 and appendix C.1.
    """

    def __init__(self, channels: tuple[int, ...] | list[int], *, width: int = 128) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(channel, width), nn.ReLU(), nn.Linear(width, width))
            for channel in channels
        )
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_normal_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, features: list[Tensor], places: list[Tensor]) -> list[Tensor]:
        """Feature maps [N, C, h, w] -> float32 vectors [N, P, width] of length 1 at `places`.

        Args:
            places: for each map int64 [P], row by row indices into its h * w places.
        """
        vectors = []
        for head, feature, chosen in zip(self.heads, features, places, strict=True):
            rows = feature.flatten(2)[..., chosen].transpose(1, 2)
            vectors.append(functional.normalize(head(rows).float(), dim=-1))
        return vectors


def draw_places(
    features: list[Tensor], count: int, generator: torch.Generator | None = None
) -> list[Tensor]:
    """Draws up to `count` different places of each feature map [N, C, h, w], int64 [P] each.

    Draws come from torch's default CPU generator unless one is given.
    """
    places = []
    for feature in features:
        total = feature.shape[-2] * feature.shape[-1]
        drawn = torch.randperm(total, generator=generator)[:count]
        places.append(drawn.to(feature.device))
    return places


def _convolution(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Module:
    layer = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=1)
    nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return spectral_norm(layer)


class ContrastiveTranslator(nn.Module):
    """A translator with the heads that compare patches of an image and of its translation.

    Attributes:
        translator: what is delivered.

    Source: Park et al. 2020 (CUT), section 3.2.
    """

    PLACES = 128  # of each feature map (256 in the paper, on images of 256 pixels)

    def __init__(self, translator: EncodingTranslator) -> None:
        super().__init__()
        self.translator = translator
        self.heads = ProjectionHeads(translator.widths_of())

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, I, h, w] -> translations [N, C, h, w]."""
        return self.translator(images)

    def patches(self, made: Tensor, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Returns for each layer unit vectors [N, P, D] of both at the same places, drawn anew.

        Those of `images` are constants.
        """
        mine = self.translator.encode(made)
        with torch.no_grad():
            theirs = self.translator.encode(images)
        places = draw_places(mine, self.PLACES)
        queries = self.heads(mine, places)
        with torch.no_grad():
            keys = self.heads(theirs, places)
        return list(zip(queries, keys, strict=True))

    def stages(self) -> list[nn.Module]:
        """The parts in forward order; together they hold every parameter once."""
        return [*self.translator.stages(), self.heads]


class CycleTranslator(nn.Module):
    """Two translators, from A to B and from B to A.

    Attributes:
        translator: there, from A to B; what is delivered.
        back: from B to A.

    Source: Zhu et al. 2017 (CycleGAN), section 3.
    """

    def __init__(self, translator: nn.Module, back: nn.Module) -> None:
        super().__init__()
        self.translator, self.back = translator, back

    def forward(self, images: Tensor) -> Tensor:
        """Images of A [N, I, h, w] -> like those of B."""
        return self.translator(images)

    def stages(self) -> list[nn.Module]:
        """The parts; together they hold every parameter once."""
        return [self.translator, self.back]


class TwoDiscriminators(nn.Module):
    """A discriminator of patches for each direction.

    Attributes:
        there, back: judge images of B and of A.
        channels: planes that each sees.
    """

    def __init__(self, there: PatchDiscriminator, back: PatchDiscriminator) -> None:
        super().__init__()
        self.there, self.back, self.channels = there, back, there.channels

    def forward(self, images: Tensor) -> Tensor:
        """Images of B [N, C, h, w] -> logits."""
        return self.there(images)

    def stages(self) -> list[nn.Module]:
        """The parts; together they hold every parameter once."""
        return [self.there, self.back]
