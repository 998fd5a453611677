"""What every task, preset and verb computes, as a table of hashes: the same before and after.

    python benchmarks/fingerprints.py --out before.json
    python benchmarks/fingerprints.py --out after.json --compare before.json

Each case runs commands as a person types them, in float32 on one thread, for a few steps on made-up
images, and records of every file that came out a SHA-256 of its numbers (not of its bytes, which
carry times) and their mean and spread. Hashes are equal on one machine with one torch; means and
spreads on any, to rounding, and these are what `tests/test_fingerprints.py` compares.
"""

import argparse
import contextlib
import csv
import hashlib
import io
import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image, ImageSequence
from safetensors.torch import load_file

SMALL = "--precision float32 --device cpu --ticks 2 --snapshots 1"
NOISE = f"{SMALL} --shown 8 --images 32 --batch 8 --network.width 8 --network.latent 8"
PHOTOS = f"{SMALL} --images 8 --batch 2 --network.width 8 --translate.patch 32 --translate.depth 1"
LOSSES = ("minimax", "non-saturating", "least-squares", "hinge", "wasserstein")
LOSSES += ("relativistic-pair", "relativistic-average")
PAIRS = ("article", "article-printed", "dcgan", "residual", "style")
DEGRADATIONS = ("inpaint", "derain", "dehaze", "destripe", "deblur", "denoise")


def _trainings() -> Iterator[tuple[str, str]]:
    """(name, command line) of every training, on data that `make_data` writes."""
    noise = f"train digits {NOISE}"
    for preset in ("article", "article-printed", "dcgan", "robust", "style"):
        yield f"preset {preset}", f"{noise} --preset {preset}"
    yield "preset classify", f"train digits {NOISE} --preset classify --labelled 4"
    plain = f"{noise} --preset article-printed"
    for loss in LOSSES:
        clip = " --loss.clip 0.01" if loss == "wasserstein" else ""
        if loss not in ("least-squares", "hinge"):
            yield f"loss {loss}", f"{plain} --loss.adversarial {loss}{clip}"
        yield f"loss {loss} in turn", f"{plain} --no-simultaneous --loss.adversarial {loss}{clip}"
    penalties = "r1 r2 wasserstein-gp dragan lecam consistency"
    for penalty in penalties.split():
        yield f"penalty {penalty}", f"{plain} --loss.{penalty} 0.5 --loss.penalty-every 2"
    every = " ".join(f"--loss.{penalty} 0.1" for penalty in penalties.split())
    yield "every penalty", f"{noise} --preset robust {every} --loss.penalty-decay 0.2"
    yield "labels", f"{plain} --no-simultaneous --loss.smoothing 0.1 --loss.flip 0.2"
    yield "noise", f"{plain} --loss.instance-noise 0.3 --seed 5 --size 0.5"
    for pair in PAIRS:
        for how in ("projection", "concat", "classifier"):
            network = f"--network.name {pair} --network.discriminator-condition {how}"
            yield f"conditional {pair} {how}", f"{noise} --preset dcgan --conditional {network}"
    yield (
        "conditional by normalisation",
        (f"{noise} --preset robust --conditional --network.generator-condition normalisation"),
    )
    yield (
        "adaptive augmentation",
        (f"{noise} --preset robust --augment.kinds ada --augment.images 100 --augment.pseudo"),
    )
    yield (
        "augmentation by held-out",
        (f"{noise} --preset dcgan --augment.kinds photos --augment.signal held-out"),
    )
    yield "replay", f"{noise} --preset dcgan --mixing.replay 0.3 --mixing.replay-size 16"
    yield "generated", f"{noise} --preset dcgan --mixing.generated 0.3"
    yield (
        "transfer",
        (
            f"{noise} --preset dcgan --from runs/preset-dcgan --freeze D:1,G:1 --balance --epochs 1"
        ).replace(" --images 32", ""),
    )
    yield "wide", f"{noise} --preset dcgan".replace("width 8", "width 16")
    yield "resolution", f"train colour {NOISE} --preset robust --resolution 32 --fit pad"
    for scale in (2, 3, 4):
        yield f"upscale x{scale}", f"train photos {PHOTOS} --preset upscale --scale {scale}"
    yield "upscale blind", f"train photos {PHOTOS} --preset upscale --degradation blind"
    yield "restore all", f"train photos {PHOTOS} --preset restore"
    for kind in DEGRADATIONS:
        yield (
            f"restore {kind}",
            (
                f"train photos {PHOTOS} --preset restore --degradation {kind}"
                " --translate.adversarial-from 0.5 --network.name restorer"
            ),
        )
    yield "restore judged", f"train photos {PHOTOS} --preset restore --translate.gradient 0.5"
    yield "stylize pairs", f"train pairs {PHOTOS} --preset stylize".replace("depth 1", "depth 3")
    yield (
        "stylize reverse",
        (f"train pairs {PHOTOS} --preset stylize --network.name translator --translate.reverse"),
    )
    yield (
        "stylize contrastive",
        (f"train pairs {PHOTOS} --preset stylize-unpaired --translate.identity 1").replace(
            "depth 1", "depth 3"
        ),
    )
    yield "stylize cycle", f"train pairs {PHOTOS} --preset stylize-cycle"
    characters = f"{SMALL} --characters.count 24 --resolution 64"
    yield "characters", f"train rendered {characters} --preset characters --images 32"


def _uses() -> Iterator[tuple[str, str]]:
    """(name, command line) of every use, on the runs of `_trainings` and on shipped models."""
    plain, labelled = "runs/preset-robust", "runs/conditional-dcgan-projection"
    yield "generate sheet", f"generate {plain} -n 10 --seed 3 --out OUT/sheet.png"
    yield "generate arrays", f"generate {labelled} -n 9 --label 1 --out OUT/arrays.npz"
    yield "generate files", f"generate {plain} -n 4 --best 0.5 --out OUT/files"
    yield "generate style", "generate runs/preset-style -n 4 --truncation 0.5 --out OUT/a.npz"
    yield "interpolate", f"interpolate {plain} -n 3 --frames 3 --columns 2 --out OUT/walk.gif"
    yield (
        "project",
        (f"project {plain} images/photo-0.png --out OUT --steps 4 --candidates 8 --restarts 2"),
    )
    yield "directions", f"directions {plain} --out OUT/found.png -n 3 --samples 2"
    yield "directions of styles", "directions runs/preset-style --out OUT/found.png -n 3"
    yield "classify", "classify runs/preset-classify digits --out OUT/classes.csv"
    yield "evaluate", f"evaluate {plain} digits --n 64 --json"
    yield "evaluate classes", f"evaluate {labelled} digits --n 64 --json"
    yield "evaluate upscale", "evaluate runs/upscale-x2 photos --json"
    yield "evaluate restore", "evaluate runs/restore-all photos --json"
    yield "evaluate stylize", "evaluate runs/stylize-pairs pairs --json"
    yield "evaluate unpaired", "evaluate runs/stylize-cycle pairs --json"
    yield "prune", "prune runs/wide digits --out OUT --steps 4 --n 64 --sparsity 0.5"
    yield (
        "augment",
        (
            "augment digits --per-class 4 --limit 8 --images 64 --draws 2 --seeds 1 --steps 4"
            " --unlabelled digits --out OUT"
        ),
    )
    photos = "images/photo-0.png images/gray.png images/clear.png images/deep.png images/one.jpg"
    yield "upscale shipped", f"upscale {photos} --device cpu --out OUT"
    yield "upscale by 3", "upscale images/photo-0.png --device cpu --scale 3 --out OUT"
    yield "upscale by 2.5", "upscale images/photo-0.png --scale 2.5 --strength 0.4 --out OUT"
    yield "upscale tiles", "upscale images/photo-0.png --device cpu --tile 24 --out OUT"
    yield "upscale own", f"upscale {photos} --device cpu --model runs/upscale-x2 --out OUT"
    yield "restore shipped", f"restore {photos} --device cpu --out OUT"
    yield "restore scratches", "restore images/photo-0.png --mask auto --device cpu --out OUT"
    yield "restore colour", "restore images/one.jpg --mask #ff0000 --dilate 3 --out OUT"
    yield "restore mask", "restore images/photo-0.png --mask images/mask.png --feather 2 --out OUT"
    for kind in ("derain", "denoise", "deblur"):
        yield f"restore {kind}", f"restore images/photo-0.png --task {kind} --device cpu --out OUT"
    yield "stylize", f"stylize {photos} images/film.gif --model runs/stylize-cycle --out OUT"
    yield (
        "stylize colours",
        (f"stylize {photos} --model runs/stylize-pairs --preserve-colour --flatten --out OUT"),
    )
    yield "character", "character -n 2 --seed 4 --stages --svg --sprite-sheet --gif --out OUT"
    yield (
        "character asked",
        ("character -n 2 --attribute expression=happy --palette lock --transparent --out OUT"),
    )
    yield "character own", "character --model runs/characters -n 1 --out OUT"
    yield "inspect", "inspect digits --out OUT/sheet.png --json"


def make_data(folder: Path) -> None:
    """Writes made-up digits with classes, colour images, photos, pairs and odd files."""
    random = np.random.default_rng(0)
    (folder / "digits").mkdir(parents=True)
    for name, count, side, channels in (("digits", 60, 16, 1), ("colour", 24, 32, 3)):
        for index in range(count):
            image = _disc(random, side, channels)
            kind = folder / name / f"class{index % 3}" if name == "digits" else folder / name
            kind.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.squeeze()).save(kind / f"{index:03d}.png")
    for name in ("photos", "pairs/A", "pairs/B", "images"):
        (folder / name).mkdir(parents=True)
    for index in range(12):
        photo = _waves(index, 48, 52)
        Image.fromarray(photo).save(folder / "photos" / f"photo-{index}.png")
        Image.fromarray(photo).save(folder / "pairs" / "A" / f"{index}.png")
        Image.fromarray(255 - photo).save(folder / "pairs" / "B" / f"{index}.png")
    images, photo = folder / "images", _waves(20, 40, 56)
    Image.fromarray(photo).save(images / "photo-0.png")
    Image.fromarray(photo[..., 0]).save(images / "gray.png")
    Image.fromarray(photo[..., 0].astype(np.uint16) * 257).save(images / "deep.png")
    alpha = np.dstack([photo, np.linspace(0, 255, 56).astype(np.uint8)[None].repeat(40, 0)])
    Image.fromarray(alpha).save(images / "clear.png")
    painted = photo.copy()
    painted[10:14, 5:40] = 255, 0, 0
    Image.fromarray(painted).save(images / "one.jpg", quality=95, subsampling=0)
    mask = np.zeros((40, 56), np.uint8)
    mask[8:20, 30:44] = 255
    Image.fromarray(mask).save(images / "mask.png")
    film = [Image.fromarray(_waves(seed, 40, 56)) for seed in (30, 31)]
    film[0].save(images / "film.gif", save_all=True, append_images=film[1:], duration=80)


def _disc(random: np.random.Generator, side: int, channels: int) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    centre = random.uniform(0.3 * side, 0.7 * side, 2)
    disc = np.hypot(y - centre[0], x - centre[1]) < 0.2 * side
    noise = random.integers(0, 60, (side, side, channels))
    return (noise + 180 * disc[..., None]).astype(np.uint8)


def _waves(seed: int, height: int, width: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    planes = [
        np.sin(a * x + b * y + c) + np.sin(b * x - a * y)
        for a, b, c in random.uniform(0, 0.6, (3, 3))
    ]
    return np.rint(127.5 + 55 * np.stack(planes, -1)).clip(0, 255).astype(np.uint8)


def fingerprint(folder: Path, printed: str = "") -> dict[str, dict[str, Any]]:
    """Returns what stands for each file of numbers under a folder, and for what was printed."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        if "checkpoints" in name or name.startswith("."):
            continue
        if (numbers := _numbers(path)) is not None:
            found[name] = _summary(numbers)
    if printed:
        found["printed"] = _summary({"facts": np.array(_leaves(json.loads(printed)))})
    return found


def _numbers(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays in a file, by name; None where a file's kind holds none that count."""
    if path.suffix == ".safetensors":
        return {name: tensor.float().numpy() for name, tensor in load_file(path).items()}
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return {name: arrays[name] for name in arrays if arrays[name].dtype.kind in "biuf"}
    if path.suffix in (".png", ".jpg", ".gif", ".webp", ".tiff"):
        with Image.open(path) as image:
            frames = [np.array(frame.copy()) for frame in ImageSequence.Iterator(image)]
        return {f"frame{index}": frame for index, frame in enumerate(frames)}
    if path.name == "events.jsonl":
        ticks = [json.loads(line) for line in path.read_text().splitlines()]
        losses = [sorted(tick["losses"].values()) for tick in ticks if tick["event"] == "tick"]
        return {"losses": np.array([value for values in losses for value in values])}
    if path.name in ("scores.json", "report.json") or path.name.endswith(".points.json"):
        return {"facts": np.array(_leaves(json.loads(path.read_text())))}
    if path.suffix == ".csv":
        rows = list(csv.reader(path.read_text().splitlines()))
        return {"rows": np.array(_leaves([[_number(cell) for cell in row] for row in rows]))}
    return None


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _leaves(value: Any, key: str = "") -> list[float]:
    """The numbers in a JSON value, in order, without times and speeds."""
    if any(word in key for word in ("second", "speed", "time", "bytes", "elapsed", "minutes")):
        return []
    if isinstance(value, dict):
        return [leaf for name in sorted(value) for leaf in _leaves(value[name], name)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item, key)]
    return [float(value)] if isinstance(value, int | float) and value is not None else []


def _summary(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    digest, flat = hashlib.sha256(), [np.zeros(1)]
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
        flat.append(array.astype(np.float64).reshape(-1))
    numbers = np.concatenate(flat)
    numbers = numbers[np.isfinite(numbers)]
    return {
        "sha256": digest.hexdigest(),
        "count": len(numbers) - 1,
        "mean": float(f"{numbers.mean():.6g}"),
        "spread": float(f"{numbers.std():.6g}"),
    }


def run_cases(work: Path, wanted: list[str] | None = None) -> dict[str, dict[str, Any]]:
    """Runs the cases (all, or those named) in a folder; returns artefacts by 'case: file'.

    A use needs the training it names among `wanted`.
    """
    from elegan.cli import main

    torch.set_num_threads(1)
    make_data(work)
    table: dict[str, dict[str, Any]] = {}
    cases = [(name, line, True) for name, line in _trainings()]
    cases += [(name, line, False) for name, line in _uses()]
    with contextlib.chdir(work):
        for name, line, trains in cases:
            if wanted is not None and name not in wanted:
                continue
            where = Path("runs" if trains else "made") / name.replace(" ", "-")
            if trains:
                line = f"{line} --out {where}"
            words = shlex.split(line.replace("#ff0000", "'#ff0000'").replace("OUT", str(where)))
            if not trains:
                where.mkdir(parents=True, exist_ok=True)
            printed, said = io.StringIO(), io.StringIO()
            began = time.perf_counter()
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
                code = main(words)
            table[f"{name}: exit"] = {"code": code}
            seconds = time.perf_counter() - began
            print(f"{seconds:6.1f} s  {name}: exit {code}", file=sys.stderr, flush=True)
            if code:
                print(said.getvalue()[-600:], file=sys.stderr)
            facts = printed.getvalue() if "--json" in words else ""
            table |= {f"{name}: {k}": v for k, v in fingerprint(where, facts).items()}
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the table, JSON")
    parser.add_argument("--compare", type=Path, help="an earlier table; differences fail")
    parser.add_argument("--only", nargs="*", help="cases by name; by default all")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = run_cases(Path(folder), chosen.only)
    chosen.out.write_text(json.dumps(table, indent=1) + "\n")
    print(f"{len(table)} artefacts -> {chosen.out}")
    if chosen.compare is None:
        return 0
    before = json.loads(chosen.compare.read_text())
    if chosen.only:
        before = {key: value for key, value in before.items() if key.split(": ")[0] in chosen.only}
    changed = [key for key in before.keys() | table.keys() if before.get(key) != table.get(key)]
    for key in sorted(changed):
        print(f"differs: {key}\n  before {before.get(key)}\n  after  {table.get(key)}")
    print(f"{len(changed)} of {len(before)} differ")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
