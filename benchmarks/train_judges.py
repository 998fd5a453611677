"""Trains the judge networks that distances are measured on, and writes their cards.

    python benchmarks/train_judges.py digits fashion

Reads MNIST and Fashion-MNIST as every verb does (`$ELEGAN_DATA`, cache, download); writes
NAME.safetensors and NAME.json to `elegan/metrics/weights`.

A classifier alone forgets what its classes do not need, until each class is one point and a
generator with one sample a class looks perfect. So a linear decoder, trained with it and thrown
away, must also redraw the picture at a quarter of its pixels from the features.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import math
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from elegan.data import open_data
from elegan.metrics.extractors import FEATURES, ExtractorNetwork

SELECTION = (
    "the recipes were settled with a look at test accuracy (two networks on digits, three "
    "augmentations on fashion), so it flatters a little"
)

WEIGHTS = Path(__file__).parents[1] / "src" / "elegan" / "metrics" / "weights"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one judge is trained. Angles in degrees, shifts and bends in pixels, the rest ratios.

    Clothes are centred and upright in their pictures: moved as freely as digits, they cost this
    small network one percent of its accuracy.
    """

    data: str
    licence: str
    classes: tuple[str, ...]
    epochs: int = 20
    seed: int = 0
    batch: int = 256
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    average: float = 0.999
    redraw: float = 0.3
    rotation: float = 12.0
    zoom: float = 0.12
    shear: float = 0.15
    shift: float = 2.0
    bend: float = 1.2
    flip: bool = False
    erase: float = 0.0


RECIPES = {
    "digits": Recipe(
        data="mnist",
        licence="MNIST, Y. LeCun, C. Cortes, C. Burges; used to train a network that only judges",
        classes=tuple("0123456789"),
    ),
    "fashion": Recipe(
        data="fashion-mnist",
        licence="Fashion-MNIST, MIT licence, Zalando SE",
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        epochs=18,
        redraw=0.2,
        rotation=0.0,
        zoom=0.04,
        shear=0.0,
        shift=1.0,
        bend=0.0,
        flip=True,
        erase=0.2,
    ),
}


def read(data: str, split: str) -> tuple[Tensor, Tensor]:
    """Returns (images float32 [N, 1, 28, 28] in [0, 1], labels int64 [N])."""
    opened = open_data(data, split=split)
    images = torch.from_numpy(np.array(opened.images)).permute(0, 3, 1, 2).contiguous()
    return images.float() / 255, torch.from_numpy(np.array(opened.labels))


def augment(images: Tensor, recipe: Recipe, random: torch.Generator) -> Tensor:
    """Returns the images [N, 1, H, W] moved, bent, flipped and erased, each one differently."""
    count, _, height, width = images.shape

    def uniform(*shape: int, limit: float) -> Tensor:
        return (torch.rand(shape, generator=random) * 2 - 1) * limit

    angle = uniform(count, limit=math.radians(recipe.rotation))
    zoom = 1 + uniform(count, limit=recipe.zoom)
    shear = uniform(count, limit=recipe.shear)
    mirror = torch.ones(count)
    if recipe.flip:
        mirror = torch.where(torch.rand(count, generator=random) < 0.5, -1.0, 1.0)
    move = uniform(count, 2, limit=2 * recipe.shift / width)
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    rows = (mirror * cosine, shear * cosine - sine, move[:, 0])
    columns = (mirror * sine, shear * sine + cosine, move[:, 1])
    affine = torch.stack([torch.stack(rows, 1), torch.stack(columns, 1)], 1)
    grid = F.affine_grid(affine, [count, 1, height, width], align_corners=False)
    bend = torch.randn((count, 2, 5, 5), generator=random) * (2 * recipe.bend / width)
    bend = F.interpolate(bend, size=(height, width), mode="bicubic", align_corners=True)
    moved = F.grid_sample(images, grid + bend.permute(0, 2, 3, 1), align_corners=False)
    if recipe.erase:
        side = height // 4
        corner = torch.randint(0, height - side, (count, 2, 1), generator=random)
        inside = (torch.arange(height) >= corner) & (torch.arange(height) < corner + side)
        chosen = torch.rand(count, generator=random) < recipe.erase
        hole = inside[:, 0, :, None] & inside[:, 1, None, :] & chosen[:, None, None]
        moved = moved.masked_fill(hole[:, None], 0.0)
    return moved


def train(recipe: Recipe) -> ExtractorNetwork:
    """Returns the averaged judge with batch statistics measured on the unaugmented training set."""
    torch.manual_seed(recipe.seed)
    random = torch.Generator().manual_seed(recipe.seed)
    images, labels = read(recipe.data, "train")
    judge = ExtractorNetwork(len(recipe.classes)).to(memory_format=torch.channels_last)
    decoder = nn.Linear(FEATURES, 14 * 14)
    averaged = copy.deepcopy(judge).eval().requires_grad_(False)
    weights = [*judge.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW(weights, recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * (len(images) // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.15
    )
    spread = F.avg_pool2d(images, 2).var(0).mean()
    step, started = 0, time.monotonic()
    for epoch in range(recipe.epochs):
        order = torch.randperm(len(images), generator=random)
        for chosen in order[: len(order) // recipe.batch * recipe.batch].split(recipe.batch):
            batch = augment(images[chosen], recipe, random)
            with torch.autocast("cpu", torch.bfloat16):
                features, logits = judge(batch.contiguous(memory_format=torch.channels_last))
                redrawn = decoder(features)
            loss = F.cross_entropy(
                logits.float(), labels[chosen], label_smoothing=recipe.label_smoothing
            )
            target = F.avg_pool2d(batch, 2).flatten(1)
            redraw = F.mse_loss(redrawn.float(), target) / spread
            optimizer.zero_grad(set_to_none=True)
            (loss + recipe.redraw * redraw).backward()
            optimizer.step()
            schedule.step()
            step += 1
            keep = min(recipe.average, step / (step + 10))
            for mean, weight in zip(averaged.parameters(), judge.parameters(), strict=True):
                mean.lerp_(weight.detach(), 1 - keep)
        seconds = time.monotonic() - started
        print(f"epoch {epoch + 1} {seconds:.0f} s loss {loss:.3f} redraw {redraw:.3f}", flush=True)
    return measure_batch_statistics(averaged, images)


def measure_batch_statistics(judge: ExtractorNetwork, images: Tensor) -> ExtractorNetwork:
    """Returns the judge with the plain mean of its batch statistics over all the images."""
    for module in judge.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    judge.train()
    with torch.no_grad():
        shuffled = images[torch.randperm(len(images))]
        for batch in shuffled.split(1000):
            judge(batch.contiguous(memory_format=torch.channels_last))
    return judge.eval()


@torch.no_grad()
def accuracy(judge: ExtractorNetwork, data: str, split: str) -> float:
    """Returns the share of a split that the judge names correctly."""
    images, labels = read(data, split)
    logits = torch.cat([judge(batch)[1] for batch in images.split(1000)])
    return (logits.argmax(1) == labels).float().mean().item()


def ship(name: str, recipe: Recipe, folder: Path) -> None:
    """Trains one judge and writes its weights and its card."""
    started = time.monotonic()
    judge = train(recipe)
    seconds = time.monotonic() - started
    stored = {
        key: value.half().contiguous()
        for key, value in judge.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    judge.load_state_dict({key: value.float() for key, value in stored.items()}, strict=False)
    blob = save(stored)
    card = {
        "name": name,
        "what": "classifier of 28x28 gray images; its features are where distances are measured",
        "test_accuracy": round(accuracy(judge, recipe.data, "test"), 4),
        "parameters": sum(weight.numel() for weight in judge.parameters()),
        "storage": "float16, evaluated in float32; the accuracy is of the rounded weights",
        "sha256": hashlib.sha256(blob).hexdigest(),
        "command": f"python benchmarks/train_judges.py {name}",
        "device": f"{platform.machine()} CPU, {torch.get_num_threads()} threads, bfloat16 autocast",
        "torch": torch.__version__,
        "seconds": round(seconds),
        "images": "trained on the 60,000 training images alone",
        "selection": SELECTION,
        **asdict(recipe),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.safetensors").write_bytes(blob)
    (folder / f"{name}.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(f"{name}: test accuracy {card['test_accuracy']:.4f} after {seconds:.0f} s")


def main() -> None:
    """Trains the judges named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=sorted(RECIPES))
    parser.add_argument("--epochs", type=int, help="instead of the recipe's number")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    for name in arguments.names:
        recipe = RECIPES[name]
        if arguments.epochs:
            recipe = Recipe(**{**asdict(recipe), "epochs": arguments.epochs})
        ship(name, recipe, arguments.out)


if __name__ == "__main__":
    main()
