"""Scores of a model that learnt without pairs: whether its images are like those of the target."""

from typing import Any

import numpy as np

from elegan.data.degradations import resize_bicubic
from elegan.data.pairs import PairSet
from elegan.data.photos import PhotoSet
from elegan.measure.extractors import extractor_for
from elegan.measure.kernel import kernel_distance
from elegan.models import TranslationModel

_SIDE = 64  # the extractor reduces larger images to this anyway


def score_unpaired(model: TranslationModel, pairs: PairSet) -> dict[str, Any]:
    """Kernel distances of images to those of the target.

    Rows are the sources as they are, the sources with their colours matched to the targets' (mean
    and deviation of each channel), what the model makes of them, and one half of the targets
    against the other: the floor.
    """
    sources, targets = _images(pairs.sources), _images(pairs.targets)
    made = [model.apply(image) for image in sources]
    extractor = extractor_for(None, _SIDE, 3)
    truth = extractor.features(_stack(targets))
    pixels = np.concatenate([one.reshape(-1, 3) for one in targets]).astype(np.float64)
    recoloured = [matched(one, pixels.mean(0), pixels.std(0)) for one in sources]
    halves = truth[::2], truth[1::2]
    sets = {"input": sources, "colours matched": recoloured, "model": made}
    rows = []
    for name, images in sets.items():
        distance, spread = kernel_distance(extractor.features(_stack(images)), truth)
        rows.append(_row(name, len(images), distance, spread))
    rows.append(_row("half of the targets", len(halves[0]), *kernel_distance(*halves)))
    return {
        "rows": rows,
        "protocol": f"Kernel distance (KID-{extractor.name}) to the target's images, lower is"
        " better; its deviation over random subsets.",
    }


def _row(name: str, count: int, distance: float, spread: float) -> dict[str, Any]:
    return {"on": "unpaired", "row": name, "images": count, "kid": distance, "deviation": spread}


def _images(photos: PhotoSet) -> list[np.ndarray]:
    return [np.ascontiguousarray(photos.photo(index)) for index in range(len(photos))]


def _stack(images: list[np.ndarray]) -> np.ndarray:
    """Images of any sizes, as the extractor wants them: uint8 [N, S, S, 3]."""
    return np.stack([resize_bicubic(one, (_SIDE, _SIDE)) for one in images])


def matched(image: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Gives an image uint8 [H, W, 3] another mean and deviation of each channel, both [3].

    Source: Reinhard et al. 2001, "Color transfer between images", here in RGB.
    """
    values = image.astype(np.float64)
    own = values.std(axis=(0, 1)).clip(1e-6)
    moved = (values - values.mean(axis=(0, 1))) / own * deviation + mean
    return np.rint(moved).clip(0, 255).astype(np.uint8)
