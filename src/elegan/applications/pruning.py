"""A smaller and faster generator from a trained one: cut, taught, fine-tuned, measured.

What is delivered is an ordinary model of the same registered network at a smaller width, so nothing
that loads models needs to know that it was pruned.
"""

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from elegan.applications.runs import Run, evaluate_model, train
from elegan.common.errors import EleganError, UsageError
from elegan.common.files import write_durably
from elegan.metrics.capacity import cost
from elegan.models import Model, latent_noise, save_model
from elegan.models.channels import channel_scores, narrowed
from elegan.models.distillation import distil
from elegan.networks import build_generator
from elegan.networks.channels import groups_of
from elegan.settings import PRESETS, TrainSettings, preset_settings
from elegan.tasks.sample_scores import SAMPLES
from elegan.training.run_folder import RunFolder, is_run

IMPORTANCE = ("activation", "weight")
_STEP = 8  # widths are multiples of this
_ROUNDS = 7
_SECONDS = 0.3  # that one round of drawing lasts, about
_MEASURED = 256  # latents whose activations say which channels matter
_SCORES = ("precision", "recall", "density", "coverage")


@dataclass(frozen=True, kw_only=True, eq=False)
class Pruned:
    """What pruning made of a model.

    Attributes:
        path: the folder; `path/model` is the model to use.
        rows: for "before", "pruned" and, where asked for, "fine-tuned": width, parameters, macs,
            images_per_second, and scores where data were given.
    """

    path: Path
    rows: dict[str, dict[str, Any]]

    @property
    def model(self) -> Model:
        """The pruned (and fine-tuned) model."""
        return Model.load(self.path)

    @property
    def speedup(self) -> float:
        """Images a second after, relative to before."""
        last = list(self.rows.values())[-1]
        return last["images_per_second"] / self.rows["before"]["images_per_second"]

    def to_dict(self) -> dict[str, Any]:
        return {"out": str(self.path), "speedup": self.speedup, "rows": self.rows}

    def text(self) -> str:
        """Returns the table before/after as Markdown."""
        keys = list(dict.fromkeys(key for row in self.rows.values() for key in row))
        lines = ["| | " + " | ".join(self.rows) + " |", "|---" * (len(self.rows) + 1) + "|"]
        for key in keys:
            cells = [_cell(row.get(key)) for row in self.rows.values()]
            lines.append(f"| {key.replace('_', ' ')} | " + " | ".join(cells) + " |")
        return "\n".join([*lines, "", f"{self.speedup:.2f} times the speed -> {self.path}"])


def prune(
    model: Model | Run | str | Path,
    data: str | None = None,
    *,
    out: str | Path,
    sparsity: float = 0.5,
    finetune: int | None = None,
    steps: int = 300,
    importance: str = "activation",
    n: int = SAMPLES,
    seed: int = 0,
) -> Pruned:
    """Removes whole channels of the generator, evenly in all layers, and teaches what is left.

    1. In each group of tied channels the most important stay (`channel_scores`).
    2. The narrow generator learns for some steps to draw what the wide one drew (`distil`).
    3. With `finetune`, both players then train on for so many real images.

    Args:
        model: a run, a model or its path. Fine-tuning takes over a run's settings.
        data: what scores and fine-tuning use; by default a run's own, for fine-tuning only.
        out: the folder that gets model/, pruning.md, pruning.json and, after fine-tuning, the run
            finetune/.
        sparsity: share of the channels to remove; widths stay multiples of 8.
        finetune: real images to train on for.
        steps: of distillation; 0 leaves the channels as they were cut.
        importance: activation or weight.
        n: samples that each score is taken of.
        seed: of latents and fine-tuning.

    Raises:
        UsageError: nothing would be removed, an unknown importance, no data to fine-tune on, or a
            folder that holds a finished pruning or anything else.
        EleganError: the network cannot be pruned, or a place cannot be written.
    """
    if importance not in IMPORTANCE:
        raise UsageError(f"Unknown importance '{importance}'. Known: {', '.join(IMPORTANCE)}.")
    out, origin = Path(out), _run_settings(model)
    original = _opened(model)
    width = _narrower(original.config["sizes"]["width"], sparsity)
    settings = None
    if finetune is not None:
        settings = _finetuning(original, origin, data, out, width, finetune, seed)
    if (out / "pruning.json").exists():
        raise UsageError(f"{out} holds a finished pruning. Name another folder with --out.")
    facts = {"sparsity": sparsity, "importance": importance, "steps": steps, "seed": seed}
    with RunFolder(out, "prune").lock():
        network = _cut(original, width, importance, seed)
        distil(network, original, steps=steps, seed=seed)
        _save(original, out / "model", network, width, {"pruned": facts})
        stages = {"before": original, "pruned": Model.load(out)}
        if settings is not None:
            if original.has_discriminator:
                _ = stages["pruned"].discriminator  # read now: its file is about to be replaced
            tuned = train(settings).model
            _save(tuned, out / "model", tuned.network, width, {"pruned": facts})
            stages["fine-tuned"] = Model.load(out)
        rows = _measured(stages, data, n, seed)
        found = Pruned(path=out, rows=rows)
        _write(found, {**facts, "data": data, "n": n if data else None, "finetune": finetune})
    return found


def _opened(model: Model | Run | str | Path) -> Model:
    if isinstance(model, Run):
        model = model.path
    return model if isinstance(model, Model) else Model.load(model)


def _run_settings(model: Model | Run | str | Path) -> TrainSettings | None:
    """Returns the settings of the run that a model lies in, None where it lies in none."""
    if isinstance(model, Run):
        return model.settings
    folder = model.folder if isinstance(model, Model) else Path(model)
    for place in () if folder is None else (folder, folder.parent):
        if is_run(place):
            return Run(place).settings
    return None


def _narrower(width: int, sparsity: float) -> int:
    if not 0 < sparsity < 1:
        raise UsageError(f"--sparsity is the share to remove, between 0 and 1, not {sparsity}.")
    narrow = max(_STEP, round(width * (1 - sparsity) / _STEP) * _STEP)
    if narrow >= width:
        raise UsageError(
            f"Nothing can be removed: the width {width} less {sparsity:.0%}, in steps of {_STEP},"
            f" is {narrow}. Ask for a higher --sparsity, or train wider with --size."
        )
    return narrow


def _cut(model: Model, width: int, importance: str, seed: int) -> torch.nn.Module:
    """Returns the generator at a smaller width, filled with its own most important channels."""
    name, shape = model.config["network"], model.shape
    groups = groups_of(model.network)
    count = _MEASURED if shape.resolution <= 64 else _MEASURED // 8
    latents, labels = latent_noise(count, model.latent, seed), model.labels_for(count, None)
    scores = channel_scores(groups, lambda: model.from_latents(latents, labels), importance)
    target = build_generator(name, shape, **{**model.config["sizes"], "width": width})
    target.to(model.precision.device)
    return narrowed(groups, model.network, target, scores).eval()


def _save(
    model: Model, folder: Path, network: torch.nn.Module, width: int, about: Mapping[str, Any]
) -> None:
    """Writes a model folder with this generator, and all else as `model` has it."""
    facts, part = model.config, model.config.get("discriminator")
    try:
        save_model(
            folder,
            network,
            name=facts["network"],
            shape=model.shape,
            sizes={**facts["sizes"], "width": width},
            classes=model.classes,
            task=facts["task"],
            training={**facts["training"], **about},
            discriminator=model.discriminator if part else None,
            discriminator_sizes=part["sizes"] if part else None,
            discriminator_classes=tuple(part["classes"]) if part else None,
        )
    except OSError as error:
        raise EleganError(
            f"Cannot write {folder}: {error.strerror or error}. Name another place with --out."
        ) from error


def _finetuning(
    model: Model,
    origin: TrainSettings | None,
    data: str | None,
    out: Path,
    width: int,
    images: int,
    seed: int,
) -> TrainSettings:
    """Returns the settings of the run that fine-tunes: those of its origin, begun from `out`.

    The rates fall from the start, for there is nothing to explore any more.

    Raises:
        UsageError: no data are named and the model comes from no run, or no image is asked for.
    """
    if images < 1:
        raise UsageError(f"--finetune takes a number of images above 0, not {images}.")
    data = data or (origin.data if origin else None)
    if data is None:
        raise UsageError("Fine-tuning needs data: elegan prune MODEL DATA --finetune IMAGES")
    facts, shape = model.config, model.shape
    if origin is None:
        fitting = [
            name
            for name, row in PRESETS.items()
            if row.values.get("network", {}).get("name", "residual") == facts["network"]
        ]
        origin = preset_settings(fitting[0] if fitting else "robust", data)
    part = facts.get("discriminator") or {"sizes": facts["sizes"]}
    network = replace(
        origin.network,
        name=facts["network"],
        width=part["sizes"]["width"],
        generator_width=width,
        latent=facts["sizes"]["latent"],
        clusters=shape.clusters,
    )
    return replace(
        origin,
        data=data,
        out=str(out / "finetune"),
        images=images,
        epochs=None,
        minutes=None,
        seed=seed,
        conditional=bool(shape.classes),
        resolution=shape.resolution,
        channels=shape.channels,
        network=network,
        optimizer=replace(origin.optimizer, warmup=0.02, hold=0.0, schedule="cosine"),
        transfer=replace(origin.transfer, source=str(out / "model"), freeze=""),
    )


def _measured(
    stages: Mapping[str, Model], data: str | None, n: int, seed: int
) -> dict[str, dict[str, Any]]:
    speeds = sampling_speeds(list(stages.values()))
    rows: dict[str, dict[str, Any]] = {}
    for (name, model), speed in zip(stages.items(), speeds, strict=True):
        costs = cost(model.network, model.shape)
        rows[name] = {
            "width": model.config["sizes"]["width"],
            "parameters": costs["parameters"],
            "macs": costs["macs"],
            "images_per_second": speed,
        }
        if data is not None:
            scores = evaluate_model(model, data, n=n, seed=seed)
            distance = f"FD-{scores['extractor']['name']}"
            rows[name] |= {key: scores[key] for key in (distance, *_SCORES) if key in scores}
    return rows


def sampling_speeds(models: Sequence[Model], rounds: int = _ROUNDS) -> list[float]:
    """Returns images per second of each model: the median of rounds in which all take turns.

    Taking turns lets a burst of other work on the machine fall on all alike.
    """
    model = models[0]
    model.generate(16)  # warms up
    began = time.perf_counter()
    model.generate(64)
    count = max(64, int(64 * _SECONDS / (time.perf_counter() - began)))
    taken: list[list[float]] = [[] for _ in models]
    for turn in range(rounds + 1):
        for model, own in zip(models, taken, strict=True):
            began = time.perf_counter()
            model.generate(count, seed=turn)
            own.append(time.perf_counter() - began)
    return [count / statistics.median(own[1:]) for own in taken]


def _write(found: Pruned, about: Mapping[str, Any]) -> None:
    facts = {**about, "rows": found.rows, "speedup": found.speedup}
    try:
        write_durably(found.path / "pruning.md", found.text() + "\n")
        write_durably(found.path / "pruning.json", json.dumps(facts, indent=2) + "\n")
    except OSError as error:
        raise EleganError(f"Cannot write {found.path}: {error.strerror or error}.") from error


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int) or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
