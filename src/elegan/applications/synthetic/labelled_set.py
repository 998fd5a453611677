"""The given labels, the pool and the test split: opened apart, and kept apart."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from elegan.common.errors import EleganError, UsageError
from elegan.common.files import written_whole
from elegan.common.randomness import key
from elegan.data import has_test_split, open_data
from elegan.data.duplicates import image_hashes
from elegan.options import Augment

LEAST = 2  # images that each class must have, so that one can be trained on while another is judged


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledSet:
    """Images with their classes."""

    name: str  # of the data
    images: np.ndarray  # uint8 [N, R, R, C]
    labels: np.ndarray  # int64 [N], each an index into `classes`
    classes: tuple[str, ...]  # their names

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def counts(self) -> np.ndarray:
        """Images of each class, int64 [K]."""
        return np.bincount(self.labels, minlength=len(self.classes))

    @property
    def hash(self) -> str:
        """SHA-256 over pixels, labels and class names."""
        whole = hashlib.sha256(repr((self.images.shape, self.classes)).encode())
        whole.update(np.ascontiguousarray(self.images).data)
        whole.update(np.ascontiguousarray(self.labels.astype(np.int64)).data)
        return whole.hexdigest()

    def take(self, rows: np.ndarray) -> "LabelledSet":
        """Returns the chosen images."""
        return replace(self, images=self.images[rows], labels=self.labels[rows])

    def share_of_each(self, part: float, seed: int) -> "LabelledSet":
        """Returns that part of each class, at least one image, drawn by the seed."""
        order = np.random.default_rng(key(seed, "part of the labels")).permutation(len(self))
        kept = []
        for label, count in enumerate(self.counts.tolist()):
            own = order[self.labels[order] == label]
            kept.append(own[: max(1, round(count * part))])
        return self.take(np.sort(np.concatenate(kept)))


def open_given(options: Augment) -> tuple[LabelledSet, list[str]]:
    """Opens the given labels, and them alone; returns them and what a person should know.

    Images that occur twice are used once, so that none is trained on and judged.

    Raises:
        EleganError: there are no labels, fewer than two classes, or a class of one image.
    """
    data = open_data(
        str(options.data),
        resolution=options.resolution,
        fit=options.fit,
        limit=options.limit,
        seed=options.seed,
    )
    if data.labels is None or len(data.classes) < 2:
        raise EleganError(
            f"Augmenting needs images of at least two classes, and {options.data} has no labels."
            " Put them into one subfolder a class, or name labels in labels.csv."
        )
    notes, images = list(data.notes), np.array(data.images)
    rows = np.sort(np.unique(image_hashes(images), return_index=True)[1])
    if len(rows) < len(data):
        notes.append(f"{len(data) - len(rows)} images occur twice and are used once.")
    labels = data.labels.astype(np.int64)
    given = LabelledSet(name=data.name, images=images, labels=labels, classes=data.classes)
    given = given.take(rows)
    counts = zip(given.classes, given.counts, strict=True)
    small = [name for name, count in counts if count < LEAST]
    if small:
        raise EleganError(
            f"Each class needs at least {LEAST} different images, so that one can be judged while"
            f" another is trained on. Fewer have: {', '.join(small)}. Add some, or leave them out."
        )
    return given, notes


def open_pool(options: Augment, given: LabelledSet) -> np.ndarray | None:
    """Opens the declared pool, uint8 [M, R, R, C], without the given images; None without one.

    Labels that the pool may have are not looked at.
    """
    if options.unlabelled is None:
        return None
    pool = _open_like(given, str(options.unlabelled), options)
    images = np.asarray(pool.images)
    fresh = _new_rows(images, given.images)
    if not len(fresh):
        raise UsageError(
            f"--unlabelled {options.unlabelled} holds no image beside the given ones."
            " Leave it out, or name another folder."
        )
    return images[fresh]


def open_test(options: Augment, given: LabelledSet, pool: np.ndarray | None) -> LabelledSet | None:
    """Opens the test split, where the data have one: for the verdict, after all was chosen.

    Images that were given or are in the pool are left out of it, and so are other classes.
    """
    if not has_test_split(str(options.data)):
        return None
    data = _open_like(given, str(options.data), options, split="test")
    if data.labels is None:
        return None
    number = {name: index for index, name in enumerate(given.classes)}
    labels = np.array([number.get(name, -1) for name in data.classes])[data.labels]
    images = np.asarray(data.images)
    rows = _new_rows(images, given.images, *([] if pool is None else [pool]))
    rows = rows[labels[rows] >= 0]
    if not len(rows):
        return None
    return LabelledSet(
        name=data.name, images=images[rows], labels=labels[rows], classes=given.classes
    )


def _open_like(given: LabelledSet, data: str, options: Augment, split: str = "train"):
    resolution, channels = given.images.shape[1], given.images.shape[3]
    return open_data(data, split=split, resolution=resolution, channels=channels, fit=options.fit)


def _new_rows(images: np.ndarray, *known: np.ndarray) -> np.ndarray:
    """Returns the rows of the images that are in none of the known sets."""
    seen = {digest for others in known for digest in image_hashes(others)}
    return np.flatnonzero([digest not in seen for digest in image_hashes(images)])


def folds(labels: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """Returns the rows of each of `count` folds; each class is spread over them evenly.

    The images of a class with fewer than `count` go to as many folds.
    """
    order = np.random.default_rng(key(seed, "folds")).permutation(len(labels))
    fold = np.empty(len(labels), np.int64)
    # Dealt class by class, in one round over the folds.
    fold[order[np.argsort(labels[order], kind="stable")]] = np.arange(len(labels)) % count
    return [np.flatnonzero(fold == number) for number in range(count)]


def write_arrays(path: Path, images: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> str:
    """Writes what a generator may see as one .npz, whole or not at all; returns its path as text.

    It has no test split, so nothing that trains or scores on it can open one.
    """
    if not path.exists():
        with written_whole(path) as temporary, temporary.open("xb") as file:
            np.savez(file, images=np.concatenate(images), labels=np.concatenate(labels))
    return str(path)
