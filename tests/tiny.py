"""Small made-up images, settings and runs that take a fraction of a second."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from elegan.applications.generate.task import Generate
from elegan.common import distributed
from elegan.common.precision import Precision, choose
from elegan.data import ImageData
from elegan.data.batches import Batches
from elegan.networks import PAIRS, ImageShape, NetworkPair
from elegan.settings import TrainSettings, preset_settings
from elegan.training.console import Console
from elegan.training.loop import TrainingLoop
from elegan.training.run_folder import RunFolder

EVERY_PENALTY: dict[str, Any] = {
    "r1": 1.0,
    "r2": 0.5,
    "wasserstein_gp": 0.1,
    "dragan": 0.1,
    "lecam": 0.1,
    "consistency": 1.0,
    "penalty_every": 2,
}


def pixels(count: int = 40, side: int = 16, channels: int = 1, seed: int = 0) -> np.ndarray:
    """uint8 [N, R, R, C]: bright discs at random places on noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    centres = random.uniform(0.3 * side, 0.7 * side, (count, 2, 1, 1))
    discs = np.hypot(y - centres[:, 0], x - centres[:, 1]) < 0.2 * side
    noise = random.integers(0, 60, (count, side, side, channels))
    return (noise + 180 * discs[..., None]).astype(np.uint8)


def image_data(count: int = 40, side: int = 16, channels: int = 1, classes: int = 0) -> ImageData:
    """The same as `open_data` would give, without files."""
    return ImageData(
        name="tiny",
        split="train",
        images=pixels(count, side, channels),
        labels=np.arange(count) % classes if classes else None,
        classes=tuple(f"class{index}" for index in range(classes)),
        hash="0" * 64,
        verdicts=(),
        notes=(),
        sizes={},
    )


def settings(data: str = "tiny", **overrides: Any) -> TrainSettings:
    """Eight steps of eight images on the article's networks at an eighth of their width.

    The recipe is the article's own, which is plain: nothing but the adversarial loss.
    """
    network = {"name": "article", "width": 8, "latent": 8, **overrides.pop("network", {})}
    values = {"images": 64, "batch": 8, "ticks": 4, "snapshots": 2, "precision": "float32"}
    values |= {"shown": 64}
    return preset_settings("article-printed", data, {**values, "network": network, **overrides})


def cpu(name: str = "float32") -> Precision:
    return choose("cpu", name)


def task_of(
    chosen: TrainSettings, data: ImageData | None = None, precision: Precision | None = None
) -> Generate:
    """A task on made-up data; its `batches` give the steps."""
    data = data or image_data()
    precision = precision or cpu(chosen.precision)
    batches = Batches(
        data,
        batch=chosen.batch,
        seed=chosen.seed,
        device=precision.device,
        world=distributed.world(),
        conditional=chosen.conditional,
    )
    return Generate(chosen, data, batches, precision)


def loop_of(task: Generate, folder: Path = Path(), stop: int | None = None) -> TrainingLoop:
    """The loop around a task; `step` alone writes nothing."""
    run_folder = RunFolder(folder)
    return TrainingLoop(
        task=task,
        batches=task.batches,
        folder=run_folder,
        settings=task.settings,
        precision=task.precision,
        console=Console(run_folder, quiet=True),
        stop=stop or task.settings.images or 64,
    )


def arrays(folder: Path, count: int = 40, side: int = 16, name: str = "tiny.npy") -> str:
    """Writes an .npy file of images and returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / name, pixels(count, side))
    return str(folder / name)


def newest_checkpoint(run: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a run's newest checkpoint, as 'part.name'."""
    newest = max((run / "checkpoints").glob("[0-9]*"), key=lambda path: int(path.name))
    return {
        f"{part.stem}.{name}": tensor
        for part in sorted(newest.glob("*.safetensors"))
        for name, tensor in load_file(part).items()
    }


def differences(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    """Names of the tensors that are not equal bit for bit."""
    assert one.keys() == other.keys()
    return [name for name in one if not torch.equal(one[name], other[name])]


def model_sha256(run: Path) -> str:
    return json.loads((run / "model" / "model.json").read_text())["sha256"]


class PlainGenerator(nn.Module):
    """No batch statistics and no dropout: what image i becomes depends on latent i only."""

    def __init__(self, shape: ImageShape, *, width: int, latent: int) -> None:
        super().__init__()
        self.shape, self.latent = shape, latent
        side = shape.resolution
        self.layers = nn.Sequential(
            nn.Linear(latent, width), nn.Tanh(), nn.Linear(width, shape.channels * side**2)
        )

    def forward(self, latents: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        side = self.shape.resolution
        return torch.tanh(self.layers(latents)).view(-1, self.shape.channels, side, side)


class PlainDiscriminator(nn.Module):
    def __init__(self, shape: ImageShape, *, width: int, latent: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(shape.channels, width, 3, stride=2)
        self.head = nn.LazyLinear(1)
        self(torch.zeros(1, shape.channels, shape.resolution, shape.resolution))

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        hidden = torch.tanh(self.convolution(images))
        return self.head(hidden.permute(0, 2, 3, 1).flatten(1)).squeeze(1)


def register_plain_pair() -> str:
    PAIRS["test-plain"] = NetworkPair(
        generator=PlainGenerator,
        discriminator=PlainDiscriminator,
        width=8,
        latent=8,
        source="tests",
    )
    return "test-plain"
