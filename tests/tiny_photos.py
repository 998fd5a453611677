"""Small made-up photos, and translating tasks on them that take a fraction of a second a step."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tiny
import torch
from PIL import Image

from elegan.applications import TASKS
from elegan.common.distributed import World
from elegan.data import PhotoSet
from elegan.data.pairs import PairSet
from elegan.settings import TrainSettings, preset_settings

SIDE = 48
PRESETS = ("upscale", "restore", "stylize", "stylize-unpaired", "stylize-cycle")


def waves(seed: int, height: int = SIDE, width: int = SIDE, fastest: float = 0.2) -> np.ndarray:
    """uint8 [H, W, 3]: waves of random directions, none faster than `fastest` cycles a pixel."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    planes = []
    for _ in range(3):
        speed, angle, phase = random.uniform(0, 1, (3, 5))
        turns = fastest * speed**0.5 * (x[..., None] * np.cos(6.3 * angle))
        turns = turns + fastest * speed**0.5 * (y[..., None] * np.sin(6.3 * angle))
        planes.append(np.sin(2 * np.pi * (turns + phase)).mean(-1))
    return np.rint(127.5 + 110 * np.stack(planes, axis=-1)).clip(0, 255).astype(np.uint8)


def photo_set(images: Sequence[np.ndarray], split: str = "train") -> PhotoSet:
    """The same as `open_photos` would give, without files."""
    sizes = np.array([image.shape[:2] for image in images])
    ends = np.cumsum(sizes.prod(axis=1) * 3)
    return PhotoSet(
        name="tiny",
        split=split,
        names=tuple(f"{index}.png" for index in range(len(images))),
        hash="0" * 64,
        hashes=tuple(f"{index:064d}" for index in range(len(images))),
        verdicts=(),
        notes=(),
        channels=3,
        pixels=np.concatenate([image.reshape(-1) for image in images]),
        places=np.column_stack([[0, *ends[:-1]], sizes]),
    )


def photos(count: int = 12, **sizes: Any) -> PhotoSet:
    return photo_set([waves(seed, **sizes) for seed in range(count)])


def pair_set(count: int = 12, targets: int | None = None, paired: bool = True) -> PairSet:
    """Waves, and the same as negatives."""
    sources = [waves(seed) for seed in range(count)]
    negatives = [255 - waves(seed) for seed in range(targets or count)]
    return PairSet(
        name="tiny",
        split="train",
        sources=photo_set(sources),
        targets=photo_set(negatives),
        paired=paired,
        layout="made up",
        direction="these become those",
        notes=(),
        verdicts=(),
        hash="0" * 64,
    )


def settings(preset: str, data: str = "tiny", **overrides: Any) -> TrainSettings:
    """Eight steps of four crops of 32 pixels by networks of 8 channels and few blocks."""
    network = {"width": 8, **overrides.pop("network", {})}
    depth = {"stylize": 2, "stylize-unpaired": 3, "stylize-cycle": 1}.get(preset, 1)
    translate = {"patch": 32, "depth": depth, **overrides.pop("translate", {})}
    values = {"images": 32, "batch": 4, "ticks": 2, "snapshots": 2, "precision": "float32"}
    groups = {"network": network, "translate": translate}
    return preset_settings(preset, data, {**values, "device": "cpu", **groups, **overrides})


def stream_of(chosen: TrainSettings, data: Any = None, world: World | None = None) -> Any:
    """The examples of a run on made-up photos."""
    if data is None:
        paired = chosen.translate.method == "paired"
        data = pair_set(paired=paired) if chosen.task == "stylize" else photos()
    use = TASKS[chosen.task]
    use.check(chosen)
    return use.stream(chosen, data, torch.device("cpu"), world or World())


def task_of(chosen: TrainSettings, data: Any = None) -> Any:
    stream = stream_of(chosen, data)
    return TASKS[chosen.task].build(chosen, stream.data, stream, tiny.cpu(chosen.precision))


def train_task(preset: str, data: Any = None, *, steps: int, **overrides: Any) -> Any:
    """A task that has taken so many steps, which are its whole run."""
    chosen = settings(preset, **overrides)
    chosen = dataclasses.replace(chosen, images=steps * chosen.batch)
    task = task_of(chosen, data)
    loop = tiny.loop_of(task)
    for step in range(steps):
        assert loop.step(task.batches.at(step * chosen.batch))
    return task


def write_photos(folder: Path, count: int = 12) -> str:
    """Writes an .npy file of photos and returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "photos.npy", np.stack([waves(seed) for seed in range(count)]))
    return str(folder / "photos.npy")


def write_side(folder: Path, count: int = 12, negative: bool = False, first: int = 0) -> str:
    """Writes photos as PNG files and returns their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        image = waves(seed)
        Image.fromarray(255 - image if negative else image).save(folder / f"{seed}.png")
    return str(folder)


def write_pairs(folder: Path, count: int = 12) -> str:
    """Writes A/ and B/, the negatives of A/."""
    for name, negative in (("A", False), ("B", True)):
        write_side(folder / name, count, negative)
    return str(folder)
