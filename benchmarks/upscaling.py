"""Upscaling: bicubic, the weights for fidelity and the adversarial ones on Set5, Set14, Kodak24.

    python benchmarks/upscaling.py
    python benchmarks/upscaling.py --lossy

By default the shipped models; --models names others (runs or model folders). Protocol: the photo's
sides are cut to multiples of the scale, it is made smaller by antialiased bicubic in 8 bits, and
figures leave out a border as wide as the scale. Also the time and the peak memory of a whole
photo on this machine. `--lossy`: small photos that JPEG or noise has damaged, as `elegan upscale`
makes them larger, at the least and the greatest strength; `worst` is the least gain over bicubic.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from figures import publish, table
from photo_sheets import CUT, busiest, cut, sheet
from runs import crops_seen, parser

import elegan
from elegan.applications.photos.scoring import score, smaller
from elegan.data import open_photos
from elegan.data.degradations import damage, from_bytes, resize_bicubic, to_bytes
from elegan.metrics.image_quality import psnr
from elegan.models import TranslationModel
from elegan.models.saving import SHIPPED
from elegan.tasks.translation_scores import arms, format_rows, translate

SETS = {
    "Set5": "sr-test-classic.zip/Set5",
    "Set14": "sr-test-classic.zip/Set14",
    "Kodak24": "kodak24.zip",
}
PUBLISHED = (
    "Published, PSNR of Y on Set5: x2 FSRCNN 37.12, VDSR 37.56, RLFN 38.07; x4 30.50, 31.35, 32.24"
)
_TIMED = (540, 960)  # input of the timed run, whose output at x2 has 2 megapixels


def measure(model: TranslationModel, data: Path) -> list[dict[str, Any]]:
    """Scores a model on every set."""
    rows = []
    for name, place in SETS.items():
        scores = score(model, str(data / place), split="train")
        print(format_rows(scores), file=sys.stderr)
        rows += [{**row, "set": name, "scale": model.scale} for row in scores["rows"]]
    return rows


LOSSY: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("jpeg", {}),
    "noise-10": ("noise", {"sigma": 10 / 255, "gray": 0, "shot": 0}),
    **{f"jpeg-{quality}": ("jpeg", {"quality": quality}) for quality in (30, 60, 75, 90)},
}


def lossy(data: Path, out: Path) -> None:
    """Publishes what the verb makes of small photos with damage."""
    photos, rows = open_photos(str(data / SETS["Set14"])), []
    for scale in (2, 4):
        for point, (kind, fixed) in LOSSY.items():
            gained: dict[str, list[tuple[float, float]]] = {}
            for index in range(len(photos)):
                draws = np.random.default_rng(index)
                trial = smaller(photos.photo(index), scale, "bicubic", draws)
                given = trial.given
                if fixed:
                    given = to_bytes(damage(from_bytes(given), kind, draws, **fixed).image)
                size, inner = trial.truth.shape[:2], trial.truth[scale:-scale, scale:-scale]
                plain = to_bytes(resize_bicubic(from_bytes(given), (size[0], size[1])))
                base = psnr(plain[scale:-scale, scale:-scale], inner)
                gained.setdefault("bicubic", []).append((base, 0.0))
                for strength in (0.0, 1.0):
                    made = elegan.upscale(given, scale=scale, strength=strength)
                    found = psnr(made[scale:-scale, scale:-scale], inner)
                    gained.setdefault(f"strength {strength:g}", []).append((found, found - base))
            for row, values in gained.items():
                mean, worst = np.mean(values, axis=0)[0], np.min(values, axis=0)[1]
                cells = [f"x{scale}", point, row, f"{mean:.2f}"]
                rows.append([*cells, "" if row == "bicubic" else f"{worst:+.2f}"])
                print(rows[-1], file=sys.stderr, flush=True)
    head = ["scale", "damage", "row", "PSNR", "worst"]
    text = f"{table(head, rows)}\n\nSet14, RGB, 8 bits, border = scale."
    publish("upscaling-lossy", text, {"rows": rows}, out)


def lattice(image: np.ndarray, scale: int) -> float:
    """Detail (mean absolute Laplacian of the gray) by place within a cell of `scale` pixels.

    Returns the largest over the least: 1 where no place is favoured, more where a grid shows.
    """
    gray = image.astype(np.float64).mean(2)
    around = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
    detail = np.abs(4 * gray[1:-1, 1:-1] - around)
    places = [detail[y::scale, x::scale].mean() for y in range(scale) for x in range(scale)]
    return float(max(places) / min(places))


def lattices(model: TranslationModel, data: Path) -> dict[str, float]:
    """Returns the mean lattice ratio on Set14 of what a model makes, bicubic and the truth."""
    photos, found = open_photos(str(data / SETS["Set14"])), {}
    for index in range(len(photos)):
        trial = smaller(photos.photo(index), model.scale, "bicubic", np.random.default_rng(0))
        made = {name: translate(arm, trial) for name, arm in arms(model).items()}
        for name, image in {"truth": trial.truth, "bicubic": trial.baseline, **made}.items():
            found.setdefault(name, []).append(lattice(image, model.scale))
    return {name: float(np.mean(values)) for name, values in found.items()}


def cost(model: Path) -> dict[str, float]:
    """Times a model in a process of its own; milliseconds for a megapixel of output, peak MiB."""
    code = f"from upscaling import run_once; run_once({str(model)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    return json.loads(done.stdout)


def run_once(model: str) -> None:
    """Applies a model to one made-up photo, twice, and prints the second's cost."""
    loaded = TranslationModel.load(model)
    image = np.random.default_rng(0).integers(0, 256, (*_TIMED, 3), dtype=np.uint8)
    loaded.apply(image)
    began = time.perf_counter()
    made = loaded.apply(image)
    seconds = time.perf_counter() - began
    megapixels = made.shape[0] * made.shape[1] / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"ms": 1000 * seconds / megapixels, "peak": peak}))


def draw(models: list[TranslationModel], data: Path, out: Path) -> None:
    """Writes a sheet a model: the busiest squares of some photos of Kodak24, at 1:1."""
    photos = open_photos(str(data / SETS["Kodak24"]))
    for model in models:
        rows = []
        for index in (18, 22, 7):
            trial = smaller(photos.photo(index), model.scale, "bicubic", np.random.default_rng(0))
            place = busiest(trial.truth)
            made = [translate(arm, trial) for arm in arms(model).values()]
            rows.append([cut(one, place) for one in (trial.baseline, *made, trial.truth)])
        heads = ["bicubic", *arms(model), "truth"]
        sheet(rows, heads, out / f"upscaling-x{model.scale}.jpg", shown=CUT)


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__)
    flags.add_argument("--models", type=Path, nargs="+", default=sorted(SHIPPED.glob("upscale-*")))
    flags.add_argument("--data", type=Path, default=Path(os.environ.get("ELEGAN_DATA", ".")))
    flags.add_argument("--lossy", action="store_true", help="photos with damage instead")
    options = flags.parse_args()
    if options.lossy:
        lossy(options.data, options.out)
        return
    models = [TranslationModel.load(path) for path in options.models]
    rows = [row for model in models for row in measure(model, options.data)]
    names = ("psnr_y", "ssim_y", "psnr", "ssim", "pd")
    lines = [
        [row["set"], f"x{row['scale']}", row["row"].replace("input", "bicubic"), str(row["images"])]
        + [f"{row[name]:.2f}" if "psnr" in name else f"{row[name]:.4f}" for name in names]
        for row in rows
    ]
    head = ["set", "scale", "row", "photos", "PSNR Y", "SSIM Y", "PSNR", "SSIM", "PD-bands"]
    costs = {
        f"x{model.scale}": cost(path) for model, path in zip(models, options.models, strict=True)
    }
    said = "; ".join(f"{k} {one['ms']:,.0f} ms, {one['peak']:,.0f} MiB" for k, one in costs.items())
    grids = {f"x{model.scale}": lattices(model, options.data) for model in models}
    ratios = "; ".join(
        f"{scale} " + ", ".join(f"{name} {value:.2f}" for name, value in rows_.items())
        for scale, rows_ in grids.items()
    )
    trained = "; ".join(
        f"x{model.scale} {crops_seen(model.config['training'])}" for model in models
    )
    text = (
        f"{table(head, lines)}\n\nAntialiased bicubic, 8 bits, border = scale, Y of BT.601;"
        f" PD-bands is lower where nearer to the truth. {PUBLISHED}. For a megapixel of output,"
        f" and at the peak: {said}. Detail by place within a cell of the scale, most over least, on"
        f" Set14 (1 where no grid shows): {ratios}. Models: {trained}."
    )
    facts = {
        "rows": rows,
        "costs": costs,
        "lattices": grids,
        "models": [model.config for model in models],
    }
    publish("upscaling", text, facts, options.out)
    draw(models, options.data, options.out)


if __name__ == "__main__":
    main()
