"""Restoring: the standard kinds of damage beside classical methods, real blur and real rain.

    pip install -r benchmarks/requirements-classical.txt
    python benchmarks/restoring.py
    python benchmarks/restoring.py --photos kodak24.zip --name restoring-kodak

By default the shipped models, as `elegan restore` takes them: told nothing, and with `--task`.
Beside them stands what a classical method does, mostly told more than it can know: BM3D and
non-local means the deviation of the noise, total variation the best of its weights, Wiener's filter
the kernel. `worst` is the least that a photo gained over its input. Holes and scratches are
measured on the lost pixels alone. Undamaged photos are a row, too: they should stay as they are.
What a classical method did is kept under --runs, for BM3D takes minutes a megapixel;
`--classical` measures that alone.
Real blur: Levin et al.'s 32 photos, at the best shift of a few pixels. Real rain: 20 pairs; of
these some clean photos are also in bsds-train200, on which the shipped models were not trained.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from figures import publish, table
from photo_sheets import CUT, busiest, cut, sheet
from runs import crops_seen, parser

import elegan
from elegan.applications.photos.scoring import damaged_as
from elegan.common.randomness import key
from elegan.data import PhotoSet, open_photos
from elegan.data.degradations import FAMILIES, POINTS, to_bytes
from elegan.data.degradations.camera import disc, gaussian_line
from elegan.data.pairs import open_pairs
from elegan.metrics.image_quality import perceptual_distance, psnr, ssim
from elegan.models import TranslationModel
from elegan.models.restoring import AUTO
from elegan.models.shipping import shipped_of
from elegan.tasks.translation_scores import Trial

_HIGHEST = 100.0  # dB, of equal images
_SHIFT = 4  # pixels: a blurred photo lies anywhere near the sharp one
WHOLE = "none: to be left alone"
_WEIGHTS = (0.02, 0.04, 0.06, 0.09, 0.13)  # of total variation
_BALANCES = (0.001, 0.003, 0.01, 0.03)  # of Wiener's filter
MORE: dict[str, tuple[str, dict[str, Any]]] = {
    "noise-10": ("noise", {"sigma": 10 / 255, "gray": 0, "shot": 0}),
    "noise-50": ("noise", {"sigma": 50 / 255, "gray": 0, "shot": 0}),
    "jpeg-10": ("jpeg", {"quality": 10}),
    "jpeg-40": ("jpeg", {"quality": 40}),
}
"""Damage that is drawn here beside the standard kinds."""
ALL_POINTS = dict(sorted((MORE | POINTS).items(), key=lambda item: (item[1][0], item[0])))
SHEETS = {
    "noise": ("noise-25", "jpeg-20"),
    "blur": ("defocus-3", "gaussian-blur-1.6", "motion-blur-11"),
    "weather": ("rain-light", "rain-heavy", "haze-half", "stripes"),
    "holes": ("holes-25", "scratches"),
}
"""The kinds of damage that are drawn together."""
DRAWN = (22, 7, 18, 4)  # photos of Kodak24
Method = Callable[[Trial], np.ndarray]


def restored(trial: Trial, task: str, model: Path | None) -> np.ndarray:
    """Returns what `elegan restore` makes of a photo."""
    return elegan.restore(trial.given, mask=trial.mask, task=task, model=model)


def classical(kind: str, fixed: dict[str, Any]) -> dict[str, Method]:
    """Returns the classical methods for a kind of damage."""
    if kind == "noise":
        return {
            "BM3D, told the deviation": lambda trial: _bm3d(trial, fixed["sigma"]),
            "non-local means, told it": lambda trial: _non_local_means(trial, fixed["sigma"]),
        }
    if kind == "jpeg":
        return {"best total variation": _total_variation}
    if kind in ("gaussian-blur", "defocus"):
        line = gaussian_line(fixed["sigma"]) if kind == "gaussian-blur" else None
        kernel = disc(fixed["radius"]) if line is None else np.outer(line, line)
        return {"best Wiener filter, told the kernel": lambda trial: _wiener(trial, kernel)}
    if kind in FAMILIES["inpaint"]:
        return {"biharmonic filling": _biharmonic}
    return {}


def _floats(trial: Trial) -> np.ndarray:
    return trial.given.astype(np.float64) / 255


def _bm3d(trial: Trial, sigma: float) -> np.ndarray:
    import bm3d

    made = bm3d.bm3d_rgb if trial.given.shape[2] == 3 else bm3d.bm3d
    return to_bytes(made(_floats(trial), sigma).reshape(trial.given.shape))


def _non_local_means(trial: Trial, sigma: float) -> np.ndarray:
    from skimage.restoration import denoise_nl_means

    plain = _floats(trial)
    return to_bytes(
        denoise_nl_means(plain, 5, 6, 0.6 * sigma, sigma=sigma, fast_mode=True, channel_axis=2)
    )


def _total_variation(trial: Trial) -> np.ndarray:
    from skimage.restoration import denoise_tv_chambolle

    plain = _floats(trial)
    return _best(
        trial, (denoise_tv_chambolle(plain, weight, channel_axis=2) for weight in _WEIGHTS)
    )


def _wiener(trial: Trial, kernel: np.ndarray) -> np.ndarray:
    from skimage.restoration import wiener

    wide = kernel.shape[0]  # mirrored frame, since the filter takes the photo for a torus
    plain = np.pad(_floats(trial), ((wide, wide), (wide, wide), (0, 0)), mode="symmetric")
    inner = slice(wide, -wide)
    return _best(
        trial,
        (
            np.stack(
                [wiener(plane, kernel, balance) for plane in plain.transpose(2, 0, 1)], axis=2
            )[inner, inner]
            for balance in _BALANCES
        ),
    )


def _biharmonic(trial: Trial) -> np.ndarray:
    from skimage.restoration import inpaint_biharmonic

    assert trial.mask is not None
    return to_bytes(
        inpaint_biharmonic(_floats(trial), trial.mask > 0, channel_axis=2, split_into_regions=True)
    )


def _best(trial: Trial, made: Iterable[np.ndarray]) -> np.ndarray:
    return max(map(to_bytes, made), key=lambda image: psnr(image, trial.truth))


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


def methods(point: str, model: Path | None) -> dict[str, Method]:
    """Returns the rows of a kind of damage that are elegan's, and the input's."""
    kind, _ = ALL_POINTS[point]
    rows: dict[str, Method] = {"input": lambda trial: trial.given}
    rows["elegan restore"] = lambda trial: restored(trial, AUTO, model)
    family = _family(point)
    if family != AUTO and kind not in FAMILIES["inpaint"]:
        rows[f"elegan restore --task {family}"] = lambda trial: restored(trial, family, model)
    return rows


def _family(point: str) -> str:
    """Returns what `--task` names for a kind of damage."""
    kind, _ = ALL_POINTS[point]
    return next((name for name, kinds in FAMILIES.items() if kind in kinds), AUTO)


def synthetic(
    photos: PhotoSet, model: Path | None, points: Sequence[str], kept: Path, *, alone: bool
) -> list[dict[str, Any]]:
    """Scores every standard kind of damage.

    Args:
        kept: the file of classical rows.
        alone: whether only these are measured.
    """
    plain = [photos.photo(index) for index in range(len(photos))]
    whole = [Trial(on=WHOLE, given=one, baseline=one, truth=one) for one in plain]
    own: dict[str, Method] = {"elegan restore": lambda trial: restored(trial, AUTO, model)}
    rows = [] if alone else _rows(WHOLE, whole, own)
    for point in points:
        trials = [
            damaged_as(
                photo, *ALL_POINTS[point], np.random.default_rng(key(0, point, index)), point
            )
            for index, photo in enumerate(plain)
        ]
        own = [] if alone else _rows(point, trials, methods(point, model))
        rows += [*own[:1], *_kept_rows(point, trials, kept), *own[1:]]
    return rows


def _kept_rows(point: str, trials: list[Trial], kept: Path) -> list[dict[str, Any]]:
    """Scores the classical methods, or takes what a former run found."""
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    found = []
    for name, method in classical(*ALL_POINTS[point]).items():
        rows = [row for row in known if (row["on"], row["row"]) == (point, name)]
        if not rows:
            rows = _rows(point, trials, {name: method})
            known += rows
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        found += rows
    return found


def _rows(on: str, trials: list[Trial], rows: dict[str, Method]) -> list[dict[str, Any]]:
    found, before = [], [figures_of(trial.given, trial)["psnr"] for trial in trials]
    for name, method in rows.items():
        began = time.process_time()
        made = [method(trial) for trial in trials]
        pixels = sum(trial.given.shape[0] * trial.given.shape[1] for trial in trials)
        seconds = (time.process_time() - began) / pixels * 1e6
        values = [figures_of(image, trial) for image, trial in zip(made, trials, strict=True)]
        means = {key_: float(np.mean([one[key_] for one in values])) for key_ in values[0]}
        worst = min(one["psnr"] - old for one, old in zip(values, before, strict=True))
        found.append(
            {"on": on, "row": name, "images": len(values), **means, "worst": worst, "mp": seconds}
        )
        print(found[-1], file=sys.stderr, flush=True)
    return found


def rain(data: Path, model: Path | None) -> list[dict[str, Any]]:
    """Scores the pairs of real rain."""
    pairs = open_pairs(
        str(data / "rain-irr.zip/rain-irr/input_val"),
        target=str(data / "rain-irr.zip/rain-irr/label_val"),
    )
    trials = []
    for index in range(len(pairs)):
        given, truth = pairs.sources.photo(index), pairs.targets.photo(index)
        trials.append(Trial(on="rain", given=given, baseline=given, truth=truth))
    return _rows("rain pairs (IRR)", trials, methods("rain-light", model))


def blur(data: Path, model: Path | None) -> list[dict[str, Any]]:
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
        trial = Trial(on="blur", given=blurred.photo(index), baseline=truth, truth=truth)
        for row, method in methods("motion-blur-11", model).items():
            rows.setdefault(row, []).append(_at_best_shift(method(trial), truth))
    before = [value["psnr"] for value in rows["input"]]
    return [
        {
            "on": "real blur (Levin)",
            "row": row,
            "images": len(values),
            **{key_: float(np.mean([one[key_] for one in values])) for key_ in values[0]},
            "worst": min(one["psnr"] - old for one, old in zip(values, before, strict=True)),
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


def draw(photos: PhotoSet, model: Path | None, points: Sequence[str], out: Path) -> None:
    """Writes a sheet: a row a kind of damage, the input, what was made, the truth, at 1:1."""
    rows = []
    for place, point in enumerate(points):
        photo = photos.photo(DRAWN[place % len(DRAWN)] % len(photos))
        trial = damaged_as(photo, *ALL_POINTS[point], np.random.default_rng(key(0, point)), point)
        where = busiest(trial.truth)
        made = restored(trial, AUTO if trial.mask is not None else _family(point), model)
        rows.append([cut(one, where) for one in (trial.given, made, trial.truth)])
    sheet(rows, ["damaged", "restored", "truth"], out, shown=CUT)


def draw_real_rain(data: Path, model: Path | None, out: Path) -> None:
    """Writes a sheet of real rain, of which no truth is known. To be looked at, not published."""
    photos = open_photos(str(data / "rain-irr.zip/rain-irr/real_input"))
    rows = []
    for index in (3, 40, 80, 120):
        photo = photos.photo(index)
        where = busiest(photo)
        made = elegan.restore(photo, task="derain", model=model)
        rows.append([cut(photo, where), cut(made, where)])
    sheet(rows, ["real rain", "restored"], out, shown=CUT)


def _cells(row: dict[str, Any]) -> list[str]:
    speed = f"{row['mp']:.2f}" if "mp" in row and row["row"] != "input" else ""
    worst = f"{row['worst']:+.2f}" if row["row"] != "input" else ""
    return [f"{row['psnr']:.2f}", worst, f"{row['ssim']:.4f}", f"{row['pd']:.4f}", speed]


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__)
    flags.add_argument("--model", type=Path, help="a run or model folder; by default the shipped")
    flags.add_argument("--data", type=Path, default=Path(os.environ.get("ELEGAN_DATA", ".")))
    flags.add_argument("--photos", default="sr-test-classic.zip/Set14", help="within --data")
    flags.add_argument("--points", nargs="*", choices=ALL_POINTS, default=list(ALL_POINTS))
    flags.add_argument("--name", help="of the figure; by default restoring, with real photos too")
    flags.add_argument("--classical", action="store_true", help="measure classical methods alone")
    options = flags.parse_args()
    name = options.name if options.name else "restoring"
    photos, model = open_photos(str(options.data / options.photos)), options.model
    kept = options.runs / f"classical-{Path(options.photos).stem}.json"
    rows = synthetic(photos, model, options.points, kept, alone=options.classical)
    if options.classical:
        return
    if not options.name:
        rows += rain(options.data, model)
        rows += blur(options.data, model)
    lines = [[row["on"], row["row"], str(row["images"]), *_cells(row)] for row in rows]
    head = ["damage", "row", "photos", "PSNR", "worst", "SSIM", "PD-bands", "s/MP"]
    restorers = [TranslationModel.load(path) for path in [model] if path]
    restorers += [] if model else [TranslationModel.load(path) for path in shipped_of("restore")]
    seen = "; ".join(f"{one.name} {crops_seen(one.config['training'])}" for one in restorers)
    text = (
        f"{table(head, lines)}\n\n{Path(options.photos).stem} in RGB, 8 bits, no border; PSNR of"
        " holes and scratches is of the lost pixels alone; impulse is in no training. Rows of"
        " classical methods may be of an earlier run on this machine. s/MP are seconds of one core"
        " for a megapixel. Models:"
        f" {seen}."
    )
    facts = {"rows": rows, "models": [one.config for one in restorers]}
    publish(name, text, facts, options.out)
    if not options.name:
        drawn = open_photos(str(options.data / "kodak24.zip"))
        for sheet_name, points in SHEETS.items():
            draw(drawn, model, points, options.out / f"{name}-{sheet_name}.jpg")
        draw_real_rain(options.data, model, options.runs / "restoring-rain.jpg")


if __name__ == "__main__":
    main()
