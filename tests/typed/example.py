# pyright: strict
"""What a person may write against elegan, which a type checker in its strictest mode accepts."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import elegan
from elegan.settings import OptimizerSettings


def learn(images: NDArray[np.uint8], out: Path) -> elegan.Run:
    def show(tick: dict[str, object]) -> None:
        print(tick["images"], tick["health"])

    return elegan.train(
        images,
        preset="robust",
        minutes=5,
        batch=16,
        optimizer=OptimizerSettings(beta2=0.9),
        out=str(out),
        on_tick=show,
    )


def draw(run: elegan.Run) -> Path | None:
    samples = elegan.generate(run, n=16, seed=1, best=0.5, out="sixteen.png")
    print(samples.text(), samples.images.shape)
    return samples.path


def enlarge(photo: NDArray[np.uint8], picture: Image.Image) -> tuple[int, int]:
    larger: NDArray[np.uint8] = elegan.upscale(photo, scale=2)
    other: Image.Image = elegan.upscale(picture, scale=3, strength=0.5)
    files = elegan.restore(["a.jpg", Path("b.jpg")], mask="auto", out="clean").files
    print(larger.shape, [file.name for file in files])
    return other.size


def judge(model: str) -> float:
    found = elegan.classify(model, "photos", split="test")
    report = elegan.evaluate(model, "mnist-5k", n=1000)
    print(found.predicted.tolist(), report.to_dict())
    return max(float(row.max()) for row in found.probabilities)


def made() -> list[str]:
    characters = elegan.character(n=2, attribute={"hair": "pink"}, stages=True, out="made")
    return [str(file) for file in characters.files]
