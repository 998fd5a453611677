"""Small images of two classes, light and dark, that a classifier tells apart at once."""

from pathlib import Path

import numpy as np
import tiny

from elegan.applications.synthetic.labelled_set import LabelledSet

CLASSES = ("dark", "light")


def images(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [2 * count, 16, 16, 1] and labels: even ones dark, odd ones light."""
    pixels = tiny.pixels(2 * count, seed=seed)
    labels = np.arange(2 * count) % 2
    return np.where((labels == 1)[:, None, None, None], 255 - pixels, pixels), labels


def given(count: int = 6, seed: int = 0) -> LabelledSet:
    pixels, labels = images(count, seed)
    return LabelledSet(name="tiny", images=pixels, labels=labels, classes=CLASSES)


def write(path: Path, count: int = 6, test: int = 0) -> str:
    """Writes an .npz with labels, and a test split if asked for; returns its path."""
    pixels, labels = images(count)
    arrays = {"images": pixels, "labels": labels}
    if test:
        arrays["test_images"], arrays["test_labels"] = images(test, seed=1)
    np.savez(path, **arrays)
    return str(path)
