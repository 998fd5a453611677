"""The given labels, the pool and the test split: opened apart, and kept apart."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elegan.common.errors import EleganError, UsageError
from elegan.common.files import written_whole
from elegan.common.randomness import key
from elegan.data import ImageData, has_test_split, open_data
from elegan.data.duplicates import image_hashes
from elegan.options import Augment

LEAST = 2
"""Images that each class must have, so that one can be trained on while another is judged."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """Images with their classes.

    Attributes:
        name: of the data.
        images: uint8 [N, R, R, C].
        labels: int64 [N], each an index into `classes`.
        classes: their names.
        names: of the images.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    names: tuple[str, ...] = ()

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

    def take(self, rows: np.ndarray) -> "Given":
        """Returns the chosen images."""
        names = tuple(self.names[row] for row in rows.tolist()) if self.names else ()
        return Given(
            name=self.name,
            images=self.images[rows],
            labels=self.labels[rows],
            classes=self.classes,
            names=names,
        )

    def share_of_each(self, part: float, seed: int) -> "Given":
        """Returns that part of each class, at least one image, drawn by the seed."""
        order = np.random.default_rng(key(seed, "part of the labels")).permutation(len(self))
        kept = []
        for label, count in enumerate(self.counts.tolist()):
            own = order[self.labels[order] == label]
            kept.append(own[: max(1, round(count * part))])
        return self.take(np.sort(np.concatenate(kept)))


def open_given(options: Augment) -> tuple[Given, list[str]]:
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
    labels = data.labels
    if labels is None or len(data.classes) < 2:
        raise EleganError(
            f"Augmenting needs images of at least two classes, and {options.data} has no labels."
            " Put them into one subfolder a class, or name labels in labels.csv."
        )
    notes = list(data.notes)
    rows = _first_of_each(np.asarray(data.images))
    if len(rows) < len(data):
        notes.append(f"{len(data) - len(rows)} images occur twice and are used once.")
    given = _as_given(data).take(rows)
    small = [
        name
        for name, count in zip(given.classes, given.counts.tolist(), strict=True)
        if count < LEAST
    ]
    if small:
        raise EleganError(
            f"Each class needs at least {LEAST} different images, so that one can be judged while"
            f" another is trained on. Fewer have: {', '.join(small)}. Add some, or leave them out."
        )
    return given, notes


def open_pool(options: Augment, given: Given) -> np.ndarray | None:
    """Opens the declared pool, uint8 [M, R, R, C], without the given images; None without one.

    Labels that the pool may have are not looked at.
    """
    if options.unlabelled is None:
        return None
    resolution, channels = given.images.shape[1], given.images.shape[3]
    pool = open_data(
        str(options.unlabelled), resolution=resolution, channels=channels, fit=options.fit
    )
    images = np.asarray(pool.images)
    known = set(image_hashes(given.images))
    fresh = [row for row, digest in enumerate(image_hashes(images)) if digest not in known]
    if not fresh:
        raise UsageError(
            f"--unlabelled {options.unlabelled} holds no image beside the given ones."
            " Leave it out, or name another folder."
        )
    return images[fresh]


def open_test(options: Augment, given: Given, pool: np.ndarray | None) -> Given | None:
    """Opens the test split, where the data have one: for the verdict, after all was chosen.

    Images that were given or are in the pool are left out of it, and so are other classes.
    """
    if not has_test_split(str(options.data)):
        return None
    resolution, channels = given.images.shape[1], given.images.shape[3]
    data = open_data(
        str(options.data), split="test", resolution=resolution, channels=channels, fit=options.fit
    )
    if data.labels is None:
        return None
    known = set(image_hashes(given.images)) | set(image_hashes(pool) if pool is not None else ())
    number = {name: index for index, name in enumerate(given.classes)}
    of_class = np.array([number.get(name, -1) for name in data.classes])
    labels = of_class[data.labels]
    fresh = np.array([one not in known for one in image_hashes(np.asarray(data.images))])
    rows = np.flatnonzero(fresh & (labels >= 0))
    if not len(rows):
        return None
    images = np.asarray(data.images)[rows]
    return Given(name=data.name, images=images, labels=labels[rows], classes=given.classes)


def folds(labels: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """Returns the rows of each of `count` folds; each class is spread over them evenly.

    The images of a class with fewer than `count` go to as many folds.
    """
    order = np.random.default_rng(key(seed, "folds")).permutation(len(labels))
    fold = np.empty(len(labels), np.int64)
    dealt = 0
    for label in np.unique(labels):
        own = order[labels[order] == label]
        fold[own] = (dealt + np.arange(len(own))) % count
        dealt += len(own)
    return [np.flatnonzero(fold == one) for one in range(count)]


def write_arrays(path: Path, images: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> str:
    """Writes what a generator may see as one .npz, whole or not at all; returns its path as text.

    It has no test split, so nothing that trains or scores on it can open one.
    """
    if not path.exists():
        with written_whole(path) as temporary, temporary.open("xb") as file:
            np.savez(file, images=np.concatenate(images), labels=np.concatenate(labels))
    return str(path)


def _as_given(data: ImageData) -> Given:
    assert data.labels is not None
    return Given(
        name=data.name,
        images=np.array(data.images),
        labels=data.labels.astype(np.int64),
        classes=data.classes,
        names=tuple(data.image_names()),
    )


def _first_of_each(images: np.ndarray) -> np.ndarray:
    """Returns the rows of the first of all images that are equal pixel for pixel."""
    first: dict[bytes, int] = {}
    for row, digest in enumerate(image_hashes(images)):
        first.setdefault(digest, row)
    return np.array(sorted(first.values()), np.int64)
