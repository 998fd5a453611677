"""Networks from images to images: what all of them have in common, and their registry.

A translator says how far it looks (`margin`) and how its grid lies (`stride`), so that an image of
any size can be worked on in tiles whose results equal those of the whole. Saved models name their
network here; nothing else is looked up.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor, nn
from torch.nn import functional

from elegan.common.errors import UsageError, lookup
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
        height, width = (item * self.shape.scale for item in images.shape[-2:])
        translated = self.translate(pad_to_multiple(images, self.stride)).float()
        return clip(translated[..., :height, :width], training=self.training)

    def translate(self, images: Tensor) -> Tensor:
        """The same for sides that are multiples of `stride`, before clipping."""
        raise NotImplementedError

    def stages(self) -> list[nn.Module]:
        """The parts in forward order; together they hold every parameter once."""
        raise NotImplementedError

    @contextlib.contextmanager
    def record_statistics(self) -> Iterator[None]:
        """While it lasts, normalisations keep the statistics of the images that pass.

        Pass one image, or as many as are replayed later; the last pass counts. A network without
        `global_statistics` keeps nothing.
        """
        layers = self._statistics_layers()
        for layer in layers:
            layer.recording = True
        try:
            yield
        finally:
            for layer in layers:
                layer.recording = False

    @contextlib.contextmanager
    def replay_statistics(self) -> Iterator[None]:
        """While it lasts, normalisations take the statistics kept, whatever image passes.

        So a tile comes out as part of its image. A network without `global_statistics` is as ever.

        Raises:
            ValueError: a normalisation has kept none.
        """
        layers = self._statistics_layers()
        if any(layer.kept is None for layer in layers):
            raise ValueError("no statistics to replay: pass an image under record_statistics first")
        for layer in layers:
            layer.replaying = True
        try:
            yield
        finally:
            for layer in layers:
                layer.replaying = False

    def _statistics_layers(self) -> list["StatisticsLayer"]:
        return [module for module in self.modules() if isinstance(module, StatisticsLayer)]


class StatisticsLayer(nn.Module):
    """A normalisation over places whose statistics can be kept and replayed.

    Attributes:
        kept: the statistics of the last pass that was recorded; no part of the saved state.
    """

    def __init__(self) -> None:
        super().__init__()
        self.recording = self.replaying = False
        self.kept: tuple[Tensor, Tensor] | None = None

    def held(self) -> bool:
        """Whether the next pass records or replays."""
        return self.recording or self.replaying

    def statistics(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Those kept while replaying, else those of the features, kept while recording."""
        if self.replaying:
            assert self.kept is not None
            return self.kept
        measured = self.measure(features)
        if self.recording:
            mean, variance = measured
            self.kept = mean.detach(), variance.detach()
        return measured

    def measure(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features [N, C, h, w] -> means and variances [N, C, 1, 1]."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Look:
    """How far one layer looks: place i of its output depends on places f*i - before to f*i + after.

    Attributes:
        factor: f, places of the layer's input for each of its output: 2 where it halves, 0.5 where
            it doubles (place i then lies in place i // 2).
    """

    before: int
    after: int
    factor: float = 1

    @classmethod
    def around(cls, places: int) -> Self:
        """A layer that keeps the size and looks as far to either side."""
        return cls(before=places, after=places)


CELL = Look(before=0, after=1, factor=2)
"""Halving within cells of two: a pixel unshuffle, or pooling."""
DOUBLING = Look(before=0, after=0, factor=0.5)
"""Doubling within cells of two: a pixel shuffle, or nearest-neighbour upsampling."""


def farthest(looks: Sequence[Look], stride: int) -> int:
    """Returns the margin of a network whose longest path has these layers, in forward order.

    Each place within a stride is followed back to the first and the last pixel that reach it.
    """
    margin = 0
    for pixel in range(stride):
        first = last = pixel
        for look in reversed(looks):
            first = int(first * look.factor // 1) - look.before
            last = int(last * look.factor // 1) + look.after
        margin = max(margin, pixel - first, last - pixel)
    return margin


@dataclass(frozen=True, kw_only=True)
class TranslatorKind:
    """A registered translator, built as `build(shape, width=..., depth=...)`.

    Attributes:
        width: default channel count that every layer's width is a multiple of.
        depth: default number of residual blocks, in all or for each level, or of levels: the
            class says which.
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
    below, right = (-item % multiple for item in images.shape[-2:])
    if not (below or right):
        return images
    return functional.pad(images, (0, right, 0, below), mode="replicate")
