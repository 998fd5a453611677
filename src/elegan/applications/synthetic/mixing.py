"""Generated images beside a person's own, for their own training code.

mixed = MixedImages(my_dataset, "made", classes=my_dataset.classes, transform=my_transform)
loader = DataLoader(mixed, batch_size=64, sampler=mixed.sampler())
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from elegan.applications.synthetic.folder import IMAGES, REPORT
from elegan.common.errors import EleganError, UsageError, did_you_mean
from elegan.common.randomness import key
from elegan.data import batch_indices
from elegan.models.samples import folder_name

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_BLOCK = 1024  # generated images are drawn for so many places at a time


class MixedSampler(Sampler[int]):
    """Places of images in real ones followed by generated ones, mixed at a stated share.

    The real images alone say which class is next: in natural order all of them once an epoch, or
    with `balance` every class equally often. Then of every 1/share places in a row one has a
    generated image of that class in place of the real one. So two shares differ in where images
    come from and in nothing else. What stands at a place is a function of the seed and the place.

    Args:
        real: class numbers int [N] of the real images, places 0..N-1.
        made: class numbers int [M] of the generated images, places N..N+M-1.
        share: of generated images, 0 to 1.
        length: images an epoch; by default as many as there are real ones.
        balance: whether every class comes equally often.

    Raises:
        UsageError: the share is none, or there is no real image, or with a share no generated one.
    """

    def __init__(
        self,
        real: Any,
        made: Any = (),
        *,
        share: float,
        length: int | None = None,
        seed: int = 0,
        balance: bool = False,
    ) -> None:
        self._real, self._made = np.asarray(real, np.int64), np.asarray(made, np.int64)
        if not 0 <= share <= 1:
            raise UsageError(f"The share of generated images is 0 to 1, not {share}.")
        if not len(self._real):
            raise UsageError("There is no real image to mix generated ones with.")
        if share and not len(self._made):
            raise UsageError(f"A share of {share} needs generated images, and there are none.")
        self.share, self.seed, self.balance = share, seed, balance
        self.length = len(self._real) if length is None else length
        self.epoch = 0
        self._classes = np.unique(self._real)
        self._real_of, self._made_of = (
            {label: np.flatnonzero(labels == label) for label in self._classes.tolist()}
            for labels in (self._real, self._made)
        )

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        """Yields the places of one epoch; the next call yields those of the next."""
        first = self.epoch * self.length
        self.epoch += 1
        for start in range(first, first + self.length, _BLOCK):
            yield from self.at(start, min(_BLOCK, first + self.length - start)).tolist()

    def at(self, position: int, count: int) -> np.ndarray:
        """Returns `count` places int64 from `position` of the endless stream on."""
        places = self._real_places(position, count)
        if not self.share:
            return places
        # A whisker more, so that a tenth ten times over is one.
        reached = np.floor(np.arange(position, position + count + 1) * self.share + 1e-9)
        uniform = self._uniform(position, count)
        for row in np.flatnonzero(np.diff(reached)):
            own = self._made_of[int(self._real[places[row]])]
            if len(own):
                places[row] = len(self._real) + own[int(uniform[row] * len(own))]
        return places

    def _real_places(self, position: int, count: int) -> np.ndarray:
        if not self.balance:
            return batch_indices(self.seed, position, count, len(self._real))
        number = len(self._classes)
        order = batch_indices(self.seed, position, count, number)
        places = np.empty(count, np.int64)
        for row, turn in enumerate(order.tolist()):
            label = int(self._classes[turn])
            own, stream = self._real_of[label], key(self.seed, "mixed class", label)
            places[row] = own[batch_indices(stream, (position + row) // number, 1, len(own))[0]]
        return places

    def _uniform(self, position: int, count: int) -> np.ndarray:
        """Returns numbers in [0, 1) that depend on the seed and the place."""
        first, last = position // _BLOCK, (position + count - 1) // _BLOCK
        blocks = [
            np.random.default_rng(key(self.seed, "generated", block)).random(_BLOCK)
            for block in range(first, last + 1)
        ]
        return np.concatenate(blocks)[position - first * _BLOCK :][:count]


class MixedImages(Dataset[tuple[Any, int]]):
    """A dataset of real images, then the generated ones of a folder.

    Args:
        real: any dataset of (image, class number) with a length.
        generated: what `elegan augment` wrote, or any folder of class subfolders.
        classes: class names in the order of the real dataset's numbers; by default its `classes`.
        transform: Pillow image -> what the real dataset gives; by default to float32 [C, H, W] in
            [0, 1].
        labels: class numbers of the real images, where the dataset has no `targets` or `labels` and
            reading all of it to learn them would take too long.

    Attributes:
        labels: class numbers of the real images, int64 [N].
        made_labels: those of the generated images, int64 [M].

    Raises:
        EleganError: the folder holds no image.
        UsageError: a class of the folder is none of the real dataset's.
    """

    def __init__(
        self,
        real: Any,
        generated: str | Path,
        *,
        classes: Sequence[str] | None = None,
        transform: Callable[[Image.Image], Any] | None = None,
        labels: Iterable[int] | None = None,
    ) -> None:
        self.real, self.transform = real, transform or to_float
        self.folder = Path(generated)
        names = list(classes if classes is not None else getattr(real, "classes", ()))
        if not names:
            raise UsageError("Name the classes in the order of the numbers: classes=[...].")
        self.labels = _labels(real, labels)
        self._files, self.made_labels = _files(self.folder, [str(name) for name in names])

    def __len__(self) -> int:
        return len(self.labels) + len(self._files)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index < len(self.labels):
            image, label = self.real[index]
            return image, int(label)
        place = index - len(self.labels)
        with Image.open(self._files[place]) as opened:
            return self.transform(opened.copy()), int(self.made_labels[place])

    def sampler(
        self,
        share: float | None = None,
        *,
        length: int | None = None,
        seed: int = 0,
        balance: bool | None = None,
    ) -> MixedSampler:
        """Returns the order for a DataLoader: real images, a share of them replaced.

        Args:
            share: by default what the report advises: its share, or 0 after "do not use".
            length: images an epoch; by default as many as there are real ones.
            seed: of the order; each epoch goes on in it.
            balance: whether every class comes equally often; by default as in the report.
        """
        if share is None or balance is None:
            advised, evenly = self._advice()
            share = advised if share is None else share
            balance = evenly if balance is None else balance
        return MixedSampler(
            self.labels, self.made_labels, share=share, length=length, seed=seed, balance=balance
        )

    def _advice(self) -> tuple[float, bool]:
        """Returns the share that the report advises, and whether it balanced the classes."""
        try:
            report = json.loads((self.folder / REPORT).read_text(encoding="utf-8"))
            verdict = report["verdict"]
            return verdict["share"] if verdict["use"] else 0.0, report["options"]["balance"]
        except (OSError, ValueError, LookupError):
            raise UsageError(
                f"{self.folder} has no report that advises a share."
                " Name both: sampler(share=0.5, balance=False)."
            ) from None


def to_float(image: Image.Image) -> Tensor:
    """Pillow image -> float32 [C, H, W] in [0, 1], C 1 for gray and 3 otherwise."""
    mode = "L" if image.mode in ("1", "L") else "RGB"
    pixels = np.array(image.convert(mode), np.float32).reshape(image.height, image.width, -1)
    return torch.from_numpy(pixels / 255).permute(2, 0, 1).contiguous()


def _labels(real: Any, labels: Iterable[int] | None) -> np.ndarray:
    for name in ("targets", "labels"):
        if labels is None:
            labels = getattr(real, name, None)
    if labels is None:
        labels = [int(real[index][1]) for index in range(len(real))]
    found = np.asarray([int(label) for label in labels], np.int64)
    if len(found) != len(real):
        raise UsageError(f"There are {len(real)} real images, but {len(found)} labels of them.")
    return found


def _files(folder: Path, names: Sequence[str]) -> tuple[list[Path], np.ndarray]:
    """Returns the generated images, sorted, and their class numbers."""
    numbers = {folder_name(name, index): index for index, name in enumerate(names)}
    root = folder / IMAGES if (folder / IMAGES).is_dir() else folder
    files, labels = [], []
    for own in sorted(root.iterdir()) if root.is_dir() else []:
        if not own.is_dir() or own.name.startswith("."):
            continue
        found = sorted(path for path in own.iterdir() if path.suffix.lower() in _SUFFIXES)
        if found and own.name not in numbers:
            raise UsageError(
                f"{own} is no class of the real images.{did_you_mean(own.name, names)}"
                f" Known: {', '.join(names)}."
            )
        files += found
        labels += [numbers[own.name] for _ in found]
    if not files:
        raise EleganError(f"{folder} holds no generated image. Make some with elegan augment.")
    return files, np.array(labels, np.int64)
