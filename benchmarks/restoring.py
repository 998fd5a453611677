"""Restoring: the standard kinds of damage, real blur and real rain.

    python benchmarks/restoring.py

By default the shipped models, each damage by the one that `elegan restore` would take. Synthetic
damage is done to Set14 (RGB, 8 bits); beside the input stands what a simple filter does: the best
Gaussian of a few widths for noise, harmonic filling for holes, where figures are of the lost pixels
alone. Rows are told nothing ("auto", a mask apart) and told the family. Haze must be asked for.
Undamaged photos are a row, too: they should stay as they are. Real blur: Levin et al.'s 32 photos,
scored against the sharp ones at the best shift of a few pixels. Real rain: 20 pairs, scored; of
these some clean photos are also in bsds-train200, on which the shipped models were not trained.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from figures import publish, table
from photo_sheets import busiest, cut, sheet
from runs import crops_seen, parser

from elegan.applications.photos.scoring import damaged
from elegan.common.randomness import key
from elegan.data import PhotoSet, open_photos
from elegan.data.degradations import ASKED, FAMILIES, POINTS
from elegan.data.degradations.camera import gaussian_blur
from elegan.data.pairs import open_pairs
from elegan.metrics.image_quality import perceptual_distance, psnr, ssim
from elegan.models import TranslationModel
from elegan.models.restoring import AUTO
from elegan.models.shipping import find_shipped
from elegan.tasks.translation_scores import Trial, arms

_WIDTHS = (0.5, 0.7, 0.9, 1.1, 1.4)  # Gaussian filters against noise
_HIGHEST = 100.0  # dB, of equal images
_SHIFT = 4  # pixels: a blurred photo lies anywhere near the sharp one
WHOLE = "none: to be left alone"
Method = Callable[[Trial], np.ndarray]


class Restorers:
    """The model that each family of damage is left to.

    Attributes:
        families: that some model knows.
        models: all of them, the one that is told nothing first.
    """

    def __init__(self, folder: Path | None) -> None:
        names = [folder] if folder else [*dict.fromkeys(map(find_family, (AUTO, *FAMILIES)))]
        self.models = [TranslationModel.load(one, "restore") for one in names]
        self.families = {name for one in self.models for name in one.families}

    def of(self, family: str) -> TranslationModel:
        """Returns the model of a family, and that of "auto"."""
        return next((one for one in self.models if family in one.families), self.models[0])


def find_family(family: str) -> Path:
    """Returns the shipped model that knows a family."""
    return find_shipped("restore", family=family)


def harmonic_fill(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fills lost pixels so that each is the mean of its four neighbours (Laplace's equation)."""
    filled = _harmonic(image.astype(np.float64), mask > 0)
    return np.rint(filled).clip(0, 255).astype(np.uint8)


def _harmonic(values: np.ndarray, lost: np.ndarray, rounds: int = 80) -> np.ndarray:
    """Begins with the filled image of half the size: what is far apart would take many rounds."""
    if not lost.any() or lost.all():
        return values
    values = values.copy()
    values[lost] = _filled_at_half(values, lost)[lost]
    for _ in range(rounds):
        padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
        around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
        change = np.abs(around[lost] / 4 - values[lost]).max()
        values[lost] = around[lost] / 4
        if change < 0.05:
            break
    return values


def _filled_at_half(values: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Cells of 2x2 hold the mean of what is known of them and are filled where nothing is."""
    height, width = lost.shape
    if max(height, width) <= 2:
        return np.broadcast_to(values[~lost].mean(axis=0), values.shape)
    sides = ((0, height % 2), (0, width % 2))
    known = np.pad(~lost, sides)[..., None].astype(np.float64)
    weighted = np.pad(values, (*sides, (0, 0))) * known
    cells = (known.shape[0] // 2, 2, known.shape[1] // 2, 2, -1)
    count = known.reshape(cells).sum(axis=(1, 3))
    means = weighted.reshape(cells).sum(axis=(1, 3)) / np.maximum(count, 1)
    half = _harmonic(means, count[..., 0] == 0)
    return half.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]


def smoothed(trial: Trial) -> np.ndarray:
    """The Gaussian filter, of a few widths, that comes nearest to the truth: a flattering one."""
    plain = trial.given.astype(np.float32) / 255
    made = [
        np.rint(gaussian_blur(plain, np.random.default_rng(0), sigma=width) * 255)
        .clip(0, 255)
        .astype(np.uint8)
        for width in _WIDTHS
    ]
    return max(made, key=lambda one: psnr(one, trial.truth))


def figures_of(made: np.ndarray, trial: Trial) -> dict[str, float]:
    """PSNR (of the lost pixels alone where there are such), SSIM and PD-bands of RGB."""
    lost = None if trial.mask is None else trial.mask > 0
    if lost is None:
        error = psnr(made, trial.truth)
    else:
        error = psnr(made[lost][None], trial.truth[lost][None])
    return {
        "psnr": min(error, _HIGHEST),
        "ssim": ssim(made, trial.truth),
        "pd": perceptual_distance(made, trial.truth),
    }


def methods(restorers: Restorers, point: str) -> dict[str, Method]:
    """Returns the rows of a kind of damage."""
    kind = POINTS[point][0]
    rows: dict[str, Method] = {"input": lambda trial: trial.given}
    if kind == "noise":
        rows["best Gaussian filter"] = smoothed
    masked = kind in FAMILIES["inpaint"]
    if masked:
        rows["harmonic filling"] = lambda trial: harmonic_fill(trial.given, _mask(trial))
    family = next((name for name in restorers.families if kind in FAMILIES[name]), None)
    if family not in ASKED and not masked:  # asked for; a mask says it by itself
        rows |= _arms(restorers, AUTO)
    if family:
        rows |= _arms(restorers, family)
    return rows


def _arms(restorers: Restorers, family: str) -> dict[str, Method]:
    told = "auto" if family == AUTO else "told"
    models = arms(restorers.of(family))
    return {f"{name}, {told}": _asked(model, family) for name, model in models.items()}


def _asked(arm: TranslationModel, family: str | None) -> Method:
    return lambda trial: arm.apply(trial.given, mask=trial.mask, task=family or AUTO)


def _mask(trial: Trial) -> np.ndarray:
    assert trial.mask is not None
    return trial.mask


def points_for(restorers: Restorers) -> list[str]:
    """Returns the standard kinds of damage; those that lose pixels if a model fills them."""
    fills = "inpaint" in restorers.families
    return [one for one, (kind, _) in POINTS.items() if fills or kind not in FAMILIES["inpaint"]]


def synthetic(restorers: Restorers, photos: PhotoSet) -> list[dict[str, Any]]:
    """Scores every standard kind of damage."""
    plain = [photos.photo(index) for index in range(len(photos))]
    whole = [Trial(on=WHOLE, given=one, baseline=one, truth=one) for one in plain]
    rows = _rows(WHOLE, whole, _arms(restorers, AUTO))
    for point in points_for(restorers):
        trials = [
            damaged(photos.photo(index), point, np.random.default_rng(key(0, point, index)))
            for index in range(len(photos))
        ]
        rows += _rows(point, trials, methods(restorers, point))
    return rows


def _rows(on: str, trials: list[Trial], rows: dict[str, Method]) -> list[dict[str, Any]]:
    found = []
    for name, method in rows.items():
        values = [figures_of(method(trial), trial) for trial in trials]
        means = {key_: float(np.mean([one[key_] for one in values])) for key_ in values[0]}
        found.append({"on": on, "row": name, "images": len(values), **means})
        print(found[-1], file=sys.stderr)
    return found


def rain(restorers: Restorers, data: Path) -> list[dict[str, Any]]:
    """Scores the pairs of real rain."""
    pairs = open_pairs(
        str(data / "rain-irr.zip/rain-irr/input_val"),
        target=str(data / "rain-irr.zip/rain-irr/label_val"),
    )
    trials = []
    for index in range(len(pairs)):
        given, truth = pairs.sources.photo(index), pairs.targets.photo(index)
        trials.append(Trial(on="rain", given=given, baseline=given, truth=truth))
    rows: dict[str, Method] = {"input": lambda trial: trial.given, **_arms(restorers, AUTO)}
    if "derain" in restorers.families:
        rows |= _arms(restorers, "derain")
    return _rows("rain pairs (IRR)", trials, rows)


def blur(restorers: Restorers, data: Path) -> list[dict[str, Any]]:
    """Scores the really blurred photos of Levin et al., each at its best shift, inside a frame."""
    blurred = open_photos(str(data / "blur-levin32.zip/blur-levin32"), channels=3)
    names = [Path(name).stem for name in blurred.names]
    sharp = {
        Path(name).stem: blurred.photo(index)
        for index, name in enumerate(blurred.names)
        if name.split("/")[-2:][0] == "gt"
    }
    rows: dict[str, list[dict[str, float]]] = {}
    for index, name in enumerate(names):
        truth = next((one for key_, one in sharp.items() if name.startswith(key_)), None)
        if truth is None or name in sharp:
            continue
        given = blurred.photo(index)
        made = {"input": given}
        for family in (AUTO, "deblur")[: 1 + ("deblur" in restorers.families)]:
            told = "auto" if family == AUTO else "told"
            for one, arm in arms(restorers.of(family)).items():
                made[f"{one}, {told}"] = arm.apply(given, task=family)
        for row, image in made.items():
            rows.setdefault(row, []).append(_at_best_shift(image, truth))
    return [
        {
            "on": "real blur (Levin)",
            "row": row,
            "images": len(values),
            **{key_: float(np.mean([one[key_] for one in values])) for key_ in values[0]},
        }
        for row, values in rows.items()
    ]


def _at_best_shift(image: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    frame = 2 * _SHIFT + 8
    inner = truth[frame:-frame, frame:-frame]
    best: tuple[float, np.ndarray] | None = None
    for down in range(-_SHIFT, _SHIFT + 1):
        for right in range(-_SHIFT, _SHIFT + 1):
            moved = np.roll(image, (down, right), axis=(0, 1))[frame:-frame, frame:-frame]
            error = psnr(moved, inner)
            if best is None or error > best[0]:
                best = error, moved
    assert best is not None
    return {
        "psnr": best[0],
        "ssim": ssim(best[1], inner),
        "pd": perceptual_distance(np.ascontiguousarray(best[1]), np.ascontiguousarray(inner)),
    }


def draw(restorers: Restorers, photos: PhotoSet, out: Path) -> None:
    """Writes a sheet: a row a kind of damage, the input, what was made when told, the truth."""
    rows = []
    for place, point in enumerate(points_for(restorers)):
        photo, kind = photos.photo((0, 2, 9, 11)[place % 4]), POINTS[point][0]
        trial = damaged(photo, point, np.random.default_rng(key(0, point)))
        where = busiest(trial.truth)
        family = next((one for one in restorers.families if kind in FAMILIES[one]), AUTO)
        made = restorers.of(family).apply(trial.given, mask=trial.mask, task=family)
        rows.append([cut(one, where) for one in (trial.given, made, trial.truth)])
    sheet(rows, ["damaged", "restored", "truth"], out / "restoring.jpg", shown=112)


def draw_real_rain(restorers: Restorers, data: Path, out: Path) -> None:
    """Writes a sheet of real rain, of which no truth is known, if a model knows rain."""
    if "derain" not in restorers.families:
        return
    model = restorers.of("derain")
    photos = open_photos(str(data / "rain-irr.zip/rain-irr/real_input"))
    rows = []
    for index in (3, 40, 80, 120):
        photo = photos.photo(index)
        where = busiest(photo, 160)
        made = model.apply(photo, task="derain")
        rows.append([cut(photo, where, 160), cut(made, where, 160)])
    sheet(rows, ["real rain", "restored"], out / "restoring-rain.jpg", shown=200)


def _cells(row: dict[str, Any]) -> list[str]:
    return [f"{row['psnr']:.2f}", f"{row['ssim']:.4f}", f"{row['pd']:.4f}"]


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__)
    flags.add_argument("--model", type=Path, help="a run or model folder; by default the shipped")
    flags.add_argument("--data", type=Path, default=Path(os.environ.get("ELEGAN_DATA", ".")))
    options = flags.parse_args()
    restorers = Restorers(options.model)
    photos = open_photos(str(options.data / "sr-test-classic.zip/Set14"))
    rows = synthetic(restorers, photos)
    rows += rain(restorers, options.data)
    rows += blur(restorers, options.data)
    lines = [[row["on"], row["row"], str(row["images"]), *_cells(row)] for row in rows]
    head = ["damage", "row", "photos", "PSNR", "SSIM", "PD-bands"]
    seen = "; ".join(
        f"{', '.join(model.families)}: {crops_seen(model.config['training'])}"
        for model in restorers.models
    )
    text = (
        f"{table(head, lines)}\n\nSet14 in RGB, 8 bits, no border; PSNR of holes and scratches is"
        " of the lost pixels alone; impulse is in no training; told: the family is named."
        f" Models: {seen}."
    )
    facts = {"rows": rows, "models": [model.config for model in restorers.models]}
    publish("restoring", text, facts, options.out)
    draw(restorers, photos, options.out)
    draw_real_rain(restorers, options.data, options.out)


if __name__ == "__main__":
    main()
