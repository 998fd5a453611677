"""Networks from images to images: what all of them have in common, and their registry.

A translator says how far it looks (`margin`) and how its grid lies (`stride`), so that an image of
any size can be worked on in tiles whose results equal those of the whole. Saved models name their
network here; nothing else is looked up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from elegan.errors import UsageError, lookup
from elegan.networks.layers import clip


@dataclass(frozen=True)
class TranslationShape:
    """What goes in and what comes out.

    Attributes:
        inputs: planes of an input: colours first, then masks and constant planes where there are.
        outputs: planes of an output, 1 or 3 colours.
        scale: output pixels a side for each input pixel.
    """

    inputs: int
    outputs: int = 3
    scale: int = 1


class Translator(nn.Module):
    """Images float [N, inputs, h, w] in [-1, 1] -> [N, outputs, h * scale, w * scale].

    Any h and w from 1 on: below and to the right the image is continued by its last row and column
    up to a multiple of `stride`. Outputs are in [-1, 1] in evaluation mode; in training mode they
    may overshoot.

    Attributes:
        stride: a tile must begin at multiples of it, counted in input pixels.
        margin: an output pixel depends on no input pixel farther than this from the one it lies in,
            in rows or in columns; with `global_statistics` only while these are replayed.
        global_statistics: whether a normalisation looks at the whole image.
    """

    shape: TranslationShape
    stride: int = 1
    margin: int
    global_statistics: bool = False

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, inputs, h, w] in [-1, 1] -> float32 [N, outputs, h * scale, w * scale]."""
        height, width = (one * self.shape.scale for one in images.shape[-2:])
        translated = self.translate(pad_to_multiple(images, self.stride)).float()
        return clip(translated[..., :height, :width], training=self.training)

    def translate(self, images: Tensor) -> Tensor:
        """The same for sides that are multiples of `stride`, before clipping."""
        raise NotImplementedError

    def stages(self) -> list[nn.Module]:
        """The parts in forward order; together they hold every parameter once."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class TranslatorKind:
    """A registered translator, built as `build(shape, width=..., depth=...)`.

    Attributes:
        width: default channel count that every layer's width is a multiple of.
        depth: default number of residual blocks, in all or for each level.
    """

    build: Callable[..., Translator]
    width: int
    depth: int
    source: str


TRANSLATORS: dict[str, TranslatorKind] = {}
"""Every translator by name; each module adds its own rows."""


def build_translator(name: str, shape: TranslationShape, **sizes: Any) -> Translator:
    """Builds a registered translator.

    Args:
        sizes: `width` and `depth`; what is left out takes the default of the kind.

    Raises:
        UsageError: the name is unknown, or the kind cannot take the shape.
    """
    kind = lookup(TRANSLATORS, name, "translator")
    return kind.build(shape, **{"width": kind.width, "depth": kind.depth, **sizes})


def require_same_size(shape: TranslationShape, name: str) -> None:
    """Refuses a scale in a network whose outputs are as large as its inputs.

    Raises:
        UsageError: the scale is not 1.
    """
    if shape.scale != 1:
        raise UsageError(
            f"The network '{name}' does not change the size of an image, so scale {shape.scale} is"
            " beyond it. Use 'upscaler', or scale 1."
        )


def require_colours(shape: TranslationShape, name: str) -> None:
    """Refuses a shape without colours among the inputs that the outputs could begin with.

    Raises:
        UsageError: there are fewer input than output planes.
    """
    if shape.inputs < shape.outputs:
        raise UsageError(
            f"The network '{name}' adds to its input's first {shape.outputs} planes, but there are"
            f" only {shape.inputs}. Give it at least as many input as output planes."
        )


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Continues images [N, C, h, w] below and to the right until both sides are multiples."""
    below, right = (-one % multiple for one in images.shape[-2:])
    if not (below or right):
        return images
    return functional.pad(images, (0, right, 0, below), mode="replicate")
