"""Scores of stylizers: beside the truth where there are pairs, of distributions where not."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from elegan.data import PhotoSet, batch_indices
from elegan.data.degradations import resize_bicubic
from elegan.data.pairs import PairSet, has_test_pairs, open_pairs
from elegan.metrics.distances import kernel_distance
from elegan.metrics.extractors import extractor_for
from elegan.models import TranslationModel
from elegan.settings import TrainSettings
from elegan.tasks.translation_scores import (
    AT_RUNS_END,
    SIDE,
    Trial,
    compared,
    facts_of,
    format_rows,
    middle,
    unseen,
)
from elegan.training.run_folder import RunFolder

_EXTRACTED = 64  # the extractor reduces larger images to this anyway
_PIECE, _LEAST, _PIECES = 96, 16, 64  # sides of squares, and how many are compared
_ENOUGH = 16  # whole images on each side
_WORSE = (
    "The model's images are farther from the target's than the inputs as they are. Train longer, or"
    " with crops as large as the images (--translate.patch)."
)
SUBSET = 50
"""Images in the random subsets that distances are averaged over, where there are twice as many."""


def score(
    model: TranslationModel,
    data: str,
    *,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    side: int | None = None,
    target: str | None = None,
) -> dict[str, Any]:
    """Translates images and compares: with their pairs, or all of them with all of the target.

    Args:
        split: by default the test split where there is one.
        limit: so many images only, chosen by `seed`.
        side: only the middle of each image, at most so many pixels a side.
        target: where the images to be like are, where `data` does not hold both.

    Raises:
        UsageError: there is no such split.
        EleganError: the data cannot be read or hold no image.
    """
    chosen = split or ("test" if has_test_pairs(data, target) else "train")
    paired = True if model.recipe["method"] == "paired" else None
    pairs = _open_pairs(model, data, target=target, split=chosen, paired=paired)
    count = len(pairs.sources)
    kept = batch_indices(seed, 0, count, count)[:limit]
    return _score_pairs(model, pairs, np.sort(kept).tolist(), side)


def score_run(folder: RunFolder, settings: TrainSettings) -> str:
    """Scores a run's model on images it was not trained on, keeps scores.json, returns the table.

    These are the test split where the data have one, else those that the run held out.
    """
    model, data, seed = TranslationModel.load(folder.path), settings.data, settings.seed
    target = settings.translate.target
    if has_test_pairs(data, target):
        scores = score(model, data, limit=AT_RUNS_END, seed=seed, side=SIDE, target=target)
    else:
        paired = settings.translate.method == "paired"  # as the run opened them
        options: Any = {"target": target, "paired": paired, "limit": settings.limit, "seed": seed}
        pairs = _open_pairs(model, data, **options)
        kept, notes = unseen(seed, len(pairs.sources))
        scores = _score_pairs(model, pairs, kept, SIDE)
        scores["notes"] += notes
    folder.write_json("scores.json", scores)
    return format_rows(scores)


def _open_pairs(model: TranslationModel, data: str, **options: Any) -> PairSet:
    return open_pairs(data, reverse=model.recipe["direction"] == "B to A", **options)


def _score_pairs(
    model: TranslationModel, pairs: PairSet, kept: Sequence[int], side: int | None
) -> dict[str, Any]:
    """Scores on some of the pairs or, where the sides are not paired, of the sources."""
    sources = pairs.sources.chosen(kept)
    if not pairs.paired:
        scores = score_unpaired(model, sources, pairs.targets, whole=side is None)
        return {**facts_of(model, pairs), **scores}
    trials = list(_pair_trials(sources, pairs.targets.chosen(kept), side))
    return {**facts_of(model, pairs), **compared(model, trials)}


def _pair_trials(sources: PhotoSet, targets: PhotoSet, side: int | None) -> Iterator[Trial]:
    for index in range(len(sources)):
        given, truth = (
            np.ascontiguousarray(middle(item.photo(index), side)) for item in (sources, targets)
        )
        yield Trial(on="pairs", given=given, baseline=given, truth=truth)


def score_unpaired(
    model: TranslationModel, sources: PhotoSet, targets: PhotoSet, *, whole: bool = True
) -> dict[str, Any]:
    """Kernel distances of images to those of the target.

    Rows are the sources as they are, the sources with their colours matched to the targets' (mean
    and deviation of each channel), what the model makes of them, and one half of the targets
    against the other: the score of real data.

    Args:
        whole: compare whole images, where there are 16 on each side; else squares cut from them.
    """
    if whole and min(len(sources), len(targets)) >= _ENOUGH:
        given, wanted = whole_images(sources), whole_images(targets)
        what = "whole images"
    else:
        side = min(_PIECE, *(_least(item) // 2 for item in (sources, targets)))
        given, wanted = pieces(sources, side), pieces(targets, side)
        what = f"squares of {side} pixels"
    truth = features_of(wanted)
    pixels = np.concatenate([item.reshape(-1, 3) for item in wanted]).astype(np.float64)
    sets = {
        "input": given,
        "colours matched": [matched(item, pixels.mean(0), pixels.std(0)) for item in given],
        "model": [model.apply(item) for item in given],
    }
    rows = [
        _row(name, len(images), *set_distance(features_of(images), truth))
        for name, images in sets.items()
    ]
    halves = truth[::2], truth[1::2]
    rows.append(_row("half of the targets", len(halves[0]), *set_distance(*halves)))
    before, after = (row["kid"] for row in (rows[0], rows[2]))
    return {
        "rows": rows,
        "notes": [_WORSE] if after > before else [],
        "protocol": f"Kernel distance (KID-{extractor_for(None).name}) of {what} to those of the"
        f" target, lower is better; its deviation over random subsets of at most {SUBSET}.",
    }


def set_distance(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Returns the kernel distance of features [N, D] and [M, D] and its deviation over subsets.

    Subsets are at most half of either side: as large as the sets, all would be the same.
    """
    return kernel_distance(
        first, second, subset_size=max(2, min(SUBSET, len(first) // 2, len(second) // 2))
    )


def _row(name: str, count: int, distance: float, spread: float) -> dict[str, Any]:
    return {"on": "unpaired", "row": name, "images": count, "kid": distance, "deviation": spread}


def whole_images(photos: PhotoSet, most: int | None = None) -> list[np.ndarray]:
    """Returns the images of a set, or so many from all over it, uint8 [H, W, 3]."""
    count = min(len(photos), most or len(photos))
    places = np.linspace(0, len(photos) - 1, count).round().astype(int)
    return [np.ascontiguousarray(photos.photo(index)) for index in places.tolist()]


def _least(photos: PhotoSet) -> int:
    return max(2 * _LEAST, min(min(photos.size(index)) for index in range(len(photos))))


def pieces(photos: PhotoSet, side: int) -> list[np.ndarray]:
    """Returns squares uint8 [side, side, 3]: at least one of each photo, 64 where there are.

    Args:
        side: at most half of the smallest photo's, so that each has four or more.
    """
    wanted = -(-_PIECES // len(photos))
    found = []
    for index in range(len(photos)):
        height, width = photos.size(index)
        places = [
            (top, left)
            for top in range(0, height - side + 1, side)
            for left in range(0, width - side + 1, side)
        ]
        step = max(1, len(places) // wanted)
        photo = photos.photo(index)
        found += [
            np.ascontiguousarray(photo[top : top + side, left : left + side])
            for top, left in places[step // 2 :: step][:wanted]
        ]
    return found


def features_of(images: list[np.ndarray]) -> np.ndarray:
    """Images uint8 [H, W, 3] of any sizes -> features [N, D]."""
    sized = [resize_bicubic(image, (_EXTRACTED, _EXTRACTED)) for image in images]
    return extractor_for(None).features(np.stack(sized))


def matched(image: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Gives an image uint8 [H, W, 3] another mean and deviation of each channel, both [3].

    Source: Reinhard et al. 2001, "Color transfer between images", here in RGB.
    """
    values = image.astype(np.float64)
    own = values.std(axis=(0, 1)).clip(1e-6)
    moved = (values - values.mean(axis=(0, 1))) / own * deviation + mean
    return np.rint(moved).clip(0, 255).astype(np.uint8)
