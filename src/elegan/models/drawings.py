"""Line drawings in colours: each area that lines enclose gets one colour, at any size.

A network that learnt from small drawings sees a small copy of the drawing, its lines as thick as in
training. What it paints goes into two layers, of lines and of what lies between them; the drawing
itself says, pixel by pixel, which is seen.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from elegan.common.errors import EleganError
from elegan.data.degradations import resize_bicubic
from elegan.data.found_masks import connected, dilate, running
from elegan.data.transparency import spread_visible
from elegan.models.inference import (
    InferenceOptions,
    composed,
    reduced,
    refuse_image,
    refuse_options,
    resampled,
    to_pixels,
    to_planes,
    white,
    with_colours_of,
)
from elegan.models.translation import TranslationModel

_HALF = 0.5  # of the way from ink to paper
_PURE = 0.25  # of ink in a pixel of paper, and of paper in one of ink
_PAPER = 95  # percentile of brightness that is taken for paper
_WORKED = 768  # longest side at which areas are told apart
BETWEEN = 0.25
"""Share of pixels neither dark nor light above which an image is no line drawing."""


def areas(light: np.ndarray, gap: int = 0) -> np.ndarray:
    """Numbers what lines enclose.

    Lines need not quite meet: what is open is divided where a disc of radius `gap` does not pass,
    then one of half of it (trapped balls; Zhang et al. 2009).

    Args:
        light: bool [h, w], False on lines.
        gap: half of the widest gap that is closed, in pixels.

    Returns:
        int [h, w], 0 on lines and in what reaches the rim, else from 1 on.
    """
    number = connected(light, corners=False) + 1
    number[np.isin(number, _on_rim(number))] = 0
    for radius in (gap, gap // 2):
        if radius == 0:
            continue
        free = light & (number == 0)
        parts = connected(free & ~dilate(~free, radius), corners=False) + 1
        while True:
            before = np.count_nonzero(parts)
            for axis in (0, 1):
                wider = running(parts, 1, axis=axis, least=False)
                parts = np.where(free & (parts == 0), wider, parts)
            if np.count_nonzero(parts) == before:
                break
        parts[np.isin(parts, _on_rim(parts))] = 0
        number = np.where(parts > 0, parts + number.max(), number)
    return np.unique(np.append(number, 0), return_inverse=True)[1][:-1].reshape(light.shape)


def _on_rim(number: np.ndarray) -> np.ndarray:
    return np.unique(np.concatenate([number[0], number[-1], number[:, 0], number[:, -1]]))


def evened(colours: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Gives each area of float32 [h, w, C] its mean; [h, w] numbers them, 0 stays as it is."""
    flat, index = colours.reshape(-1, colours.shape[2]), number.reshape(-1)
    count = np.maximum(np.bincount(index), 1)
    means = np.stack([np.bincount(index, plane) / count for plane in flat.T], axis=1)
    return np.where(number[..., None] > 0, means[number], colours).astype(np.float32)


def line_width(light: np.ndarray) -> float:
    """Returns how thick lines are in the mean, in pixels; 0 where there are none.

    Twice their area by the length of their rims.

    Args:
        light: bool [h, w], False on lines.
    """
    rims = sum(np.count_nonzero(np.diff(light, axis=axis)) for axis in (0, 1))
    # Of a line at an angle both ways count; in the mean of all angles 4 / pi times its length.
    return 2 * np.count_nonzero(~light) / (rims * np.pi / 4) if rims else 0.0


def facts_of_drawings(photos: Sequence[np.ndarray]) -> dict[str, float]:
    """Returns the mean longest side and line width of drawings uint8 [h, w, 3], for the recipe."""
    widths = [line_width(one.mean(axis=2) > 255 * _HALF) for one in photos]
    return {
        "side": float(np.mean([max(one.shape[:2]) for one in photos])),
        "line": round(float(np.median(widths)), 2),
    }


class DrawingModel(TranslationModel):
    """A stylizer that learnt to colour line drawings (`translate.flat`)."""

    @property
    def opaque(self) -> bool:
        return True

    def windows(self, height: int, width: int, use: InferenceOptions) -> int:
        return 1

    def strips(
        self,
        image: np.ndarray,
        *,
        mask: np.ndarray | None = None,
        use: InferenceOptions | None = None,
    ) -> Iterator[np.ndarray]:
        """See `TranslationModel.strips`.

        Raises:
            EleganError: the image is no line drawing.
        """
        use = use or InferenceOptions()
        refuse_options(use, self.task, self.scale)
        refuse_image(image, mask, self.scale)
        between = share_between(image)
        if between > BETWEEN:
            raise EleganError(
                f"it is no line drawing: {between:.0%} of it is neither dark nor light. Another"
                " style takes a model of your own: `elegan train DATA --task stylize`, --model RUN"
            )
        yield from self.coloured(image, mask, use)

    def coloured(
        self, image: np.ndarray, mask: np.ndarray | None = None, use: InferenceOptions | None = None
    ) -> Iterator[np.ndarray]:
        """What `strips` yields, whatever the image shows."""
        use = use or InferenceOptions()
        small = reduced(image, _WORKED)
        ink, paper = _levels(small)
        worked = _darkness(small, ink, paper)
        top = 0
        for layers in resampled([self._layers(worked)], worked.shape, image.shape[:2]):
            rows = slice(top, top + len(layers))
            top = rows.stop
            dark = _darkness(image[rows], ink, paper)[..., None]
            made = dark * layers[..., :3] + (1 - dark) * layers[..., 3:]
            pixels = self._settled(made, image[rows], use)
            if mask is not None:
                pixels = composed(np.broadcast_to(image[rows], pixels.shape), pixels, mask[rows])
            yield pixels
        if use.on_window is not None:
            use.on_window()

    def _settled(self, made: np.ndarray, old: np.ndarray, use: InferenceOptions) -> np.ndarray:
        """Rows of colours in 0..1 -> pixels of the old ones' type, with their colours if asked."""
        planes = torch.from_numpy(made).permute(2, 0, 1)[None] * 2 - 1
        before = to_planes(old, torch.device("cpu")).expand_as(planes)
        planes = torch.lerp(before, planes, self.share)
        return to_pixels(
            with_colours_of(planes, before) if use.preserve_colour else planes, old.dtype
        )

    def _layers(self, worked: np.ndarray) -> np.ndarray:
        """Darkness [h, w] in 0..1 -> [h, w, 6] in 0..1: RGB of lines, and of what is between."""
        facts: Any = self.recipe["drawings"]
        factor = max(1.0, max(worked.shape) / facts["side"])
        small = worked
        if factor > 1:
            missing = facts["line"] * factor - line_width(worked <= _HALF)
            thick = np.maximum(worked, dilate(worked > _HALF, max(0, round(missing / 2))))
            size = [max(1, round(side / factor)) for side in worked.shape]
            small = resize_bicubic(thick, (size[0], size[1])).clip(0, 1)
        made = self._painted(small)
        lines, between = (
            _enlarged(_spread(made, known), worked.shape)
            for known in (small > 1 - _PURE, small < _PURE)
        )
        light = worked < _PURE
        number = areas(light, round(facts["line"] * factor))
        between = evened(between, number)
        outside = light & (number == 0)
        if outside.any():  # one ground, where the network may have guessed shapes
            between[outside] = np.median(between[outside], axis=0)
        return np.concatenate([lines, _spread(between, light)], axis=2)

    @torch.inference_mode()
    def _painted(self, small: np.ndarray) -> np.ndarray:
        """Darkness [h, w] -> what the network paints, RGB float32 [h, w, 3] in 0..1."""
        planes = to_planes(1 - small[..., None], self.precision.device)
        with self.precision.autocast():
            made = self.network(planes.expand(1, 3, -1, -1)).float()
        return to_pixels(made, np.dtype(np.float32))


def share_between(image: np.ndarray) -> float:
    """Returns the share of pixels of [h, w, C] that are neither ink nor paper."""
    small = reduced(image, _WORKED)
    dark = _darkness(small, *_levels(small))
    return float((np.abs(dark - _HALF) < _HALF / 2).mean())


def _levels(image: np.ndarray) -> tuple[float, float]:
    """Returns the brightness of ink and of paper, in 0..1."""
    gray = image.mean(axis=2, dtype=np.float32) / white(image.dtype)
    paper = float(np.percentile(gray, _PAPER))
    return min(float(gray.min()), paper - 0.1), paper


def _darkness(image: np.ndarray, ink: float, paper: float) -> np.ndarray:
    """[h, w, C] -> float32 [h, w], 0 where there is paper and 1 where there is ink."""
    gray = image.mean(axis=2, dtype=np.float32) / np.float32(white(image.dtype))
    return ((paper - gray) / (paper - ink)).clip(0, 1)


def _spread(colours: np.ndarray, known: np.ndarray) -> np.ndarray:
    return colours if not known.any() else spread_visible(colours, known.astype(np.float32))


def _enlarged(colours: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return resize_bicubic(colours, size).clip(0, 1)
