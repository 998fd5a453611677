"""Verbs on trained models: draw, walk, find, classify, prune, score."""

from pathlib import Path
from typing import TYPE_CHECKING

import elegan
from elegan.common.errors import UsageError
from elegan.settings import parse_count
from elegan.verbs.answer import Answer

if TYPE_CHECKING:
    from elegan.models import Model


def generate(
    model: str,
    *,
    n: int = 64,
    seed: int = 0,
    label: str | None = None,
    truncation: float | None = None,
    latents: str | None = None,
    out: str = "samples.png",
    device: str = "auto",
) -> Answer:
    """Draw images from a model into one sheet (.png), arrays (.npz) or a folder of files.

    Args:
        model: a run folder, a model folder or a file within.
        n: how many images.
        seed: the same seed gives the same images.
        label: class to draw, by name, or by index where no name is a number (conditional models).
        truncation: below 1 gives typical, less varied images: noise is kept within so many standard
            deviations; styles, where the network has them, are drawn toward the mean one.
        latents: FILE.npz of `elegan project`, to draw its latents in place of random ones.
        out: FILE.png, FILE.npz or a folder.
        device: auto, cpu or cuda.
    """
    import time

    loaded = _generator(model, device)
    began = time.perf_counter()
    if latents is None:
        samples = loaded.generate(n, seed=seed, label=label, truncation=truncation)
    else:
        from elegan.models.latent_files import draw_file

        if label is not None or truncation is not None:
            raise UsageError("--latents takes no --label or --truncation: the file says it all.")
        samples = draw_file(loaded, Path(latents))
    n = len(samples)
    speed = n / (time.perf_counter() - began)
    path = samples.save(out)
    return Answer(
        f"{n:,} images -> {path}  ({speed:,.0f} images/s)",
        {
            "out": str(path),
            "images": n,
            "seed": seed,
            "images_per_second": round(speed, 1),
            "model_sha256": samples.model_sha256,
        },
    )


def interpolate(
    model: str,
    *,
    out: str = "interpolation.gif",
    n: int = 8,
    frames: int = 12,
    seed: int = 0,
    label: str | None = None,
    columns: int = 4,
) -> Answer:
    """Walk through a model's latent space in an animated GIF.

    Args:
        model: a run folder, a model folder or a file within.
        out: FILE.gif.
        n: points that the walk passes.
        frames: steps from one point to the next.
        seed: of the points.
        label: class to draw (conditional models).
        columns: the GIF shows columns x columns walks side by side.
    """
    from elegan.models.interpolation import save_walk

    path, count = save_walk(
        _generator(model),
        Path(out),
        points=n,
        frames=frames,
        seed=seed,
        label=label,
        columns=columns,
    )
    return Answer(f"{count} frames -> {path}", {"out": str(path), "frames": count})


def project(
    model: str,
    images: list[str],
    *,
    out: str = "projected",
    label: str | None = None,
    steps: int = 300,
    candidates: int = 512,
    restarts: int = 4,
    seed: int = 0,
    fit: str = "crop",
) -> Answer:
    """Find the latents whose images come nearest to given ones.

    Args:
        model: a run folder, a model folder or a file within.
        images: image files, folders, zips, .npz, .npy or known names.
        out: a folder for pairs.png (target, reconstruction) and latents.npz.
        label: class to draw; by default that of the nearest random image (conditional models).
        steps: of the search.
        candidates: random images that the search begins among.
        restarts: how many of the nearest of them are followed.
        seed: of those images.
        fit: crop, pad or stretch.
    """
    loaded = _generator(model)
    found = elegan.project(
        loaded,
        *images,
        fit=fit,
        label=label,
        steps=steps,
        candidates=candidates,
        restarts=restarts,
        seed=seed,
    )
    pairs, latents = found.save(Path(out), loaded)
    mean = sum(found.psnr) / len(found.psnr)
    each = list(zip(found.names, found.psnr, strict=True))
    listed = [f"  {name}  {value:.1f} dB" for name, value in each[:50]]
    return Answer(
        "\n".join([*listed, f"{len(found.psnr)} images, PSNR {mean:.1f} dB -> {pairs}, {latents}"]),
        {
            "pairs": str(pairs),
            "latents": str(latents),
            "psnr": found.psnr,
            "mean_psnr": mean,
            "names": list(found.names),
        },
    )


def directions(
    model: str,
    *,
    out: str = "directions.png",
    n: int = 6,
    strength: float = 3.0,
    samples: int = 3,
    seed: int = 0,
    label: str | None = None,
) -> Answer:
    """Show the directions of latent space that change the image most (closed-form factorisation).

    Args:
        model: a run folder, a model folder or a file within.
        out: FILE.png, a block of rows for each direction; FILE.npz beside it holds the vectors.
        n: how many directions.
        strength: the sheet goes from -strength to +strength standard deviations.
        samples: images that each direction is shown on.
        seed: of those images.
        label: class to draw (conditional models).
    """
    from elegan.models.directions import find_directions, save_directions, save_sheet, slider_sheet

    loaded = _generator(model)
    found = find_directions(loaded, n)
    sheet = slider_sheet(loaded, found, strength=strength, samples=samples, seed=seed, label=label)
    vectors = save_directions(Path(out).with_suffix(".npz"), loaded, found)
    path = save_sheet(Path(out), sheet)
    space = "styles" if found.of_styles else "noise"
    gains = ", ".join(f"{gain:.2f}" for gain in found.gains)
    return Answer(
        f"{n} directions of the {space} (gains {gains}) -> {path}, {vectors}",
        {"out": str(path), "directions": str(vectors), "gains": found.gains, "space": space},
    )


def classify(
    model: str,
    inputs: list[str],
    *,
    split: str | None = None,
    fit: str = "crop",
    out: str | None = None,
) -> Answer:
    """Say which class each image shows, by a discriminator that was trained to tell.

    Args:
        model: a run folder, a model folder or a file within, of `train --preset classify`.
        inputs: image files, folders, zips, .npz, .npy or known names.
        split: train or test; by default the test split where there is one.
        fit: crop, pad or stretch, as in training.
        out: FILE.csv for a line an image.
    """
    found = elegan.classify(model, *inputs, split=split, fit=fit)
    text, facts = found.text(), found.facts()
    if out:
        facts["out"] = str(found.save(Path(out)))
        text += f"\n-> {out}"
    return Answer(text, facts)


def prune(
    model: str,
    data: str,
    *,
    sparsity: float = 0.5,
    finetune: str | None = None,
    out: str = "pruned",
    steps: int = 300,
    importance: str = "activation",
    n: int = 10_000,
    seed: int = 0,
) -> Answer:
    """Make a generator smaller and faster by removing channels; scores before and after.

    Args:
        model: a run folder, a model folder or a file within.
        data: what the scores, and fine-tuning, use.
        sparsity: share of the channels to remove; widths stay multiples of 8.
        finetune: train both players on for so many images (also as 50k).
        out: a folder for model/, the table pruning.md and, after fine-tuning, the run finetune/.
        steps: in which the small generator learns to draw what the large one drew.
        importance: which channels stay: activation or weight.
        n: samples that each score is taken of.
        seed: of latents and fine-tuning.
    """
    found = elegan.prune(
        model,
        data,
        sparsity=sparsity,
        finetune=None if finetune is None else parse_count(finetune),
        out=out,
        steps=steps,
        importance=importance,
        n=n,
        seed=seed,
    )
    return Answer(
        found.text(), {"out": str(found.path), "speedup": found.speedup, "rows": found.rows}
    )


def evaluate(
    model: str,
    data: str,
    *,
    n: int | None = None,
    seed: int = 0,
    extractor: str | None = None,
    limit: int | None = None,
    fit: str | None = None,
    split: str | None = None,
    target: str | None = None,
) -> Answer:
    """Score a model: its samples beside real images, or what it makes of images beside the truth.

    Args:
        model: a run folder, a model folder or a file within.
        data: what to compare with.
        n: samples to draw; 10,000 unless said.
        seed: of the samples, or of the damage to be undone.
        extractor: digits, stacked-digits, fashion or random; by default the data's own.
        limit: compare with so many real images only (per class where labelled).
        fit: crop (unless said), pad or stretch, as in training.
        split: of a model from images to images: train or test; by default test where there is one.
        target: of a stylizer: the images to be like, where DATA does not hold both.
    """
    from elegan.applications.evaluation import format_any

    optional = {"n": n, "extractor": extractor, "fit": fit, "limit": limit, "split": split}
    optional["target"] = target
    given = {name: value for name, value in optional.items() if value is not None}
    scores = elegan.evaluate(model, data, seed=seed, **given)
    return Answer(format_any(scores), scores)


def _generator(path: str, device: str = "auto") -> "Model":
    """Loads a model that draws; one that takes images is refused, with the verb to use."""
    from elegan.models import Model

    return Model.load(path, device=device)
