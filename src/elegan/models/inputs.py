"""What a person names as INPUT: image files, folders, arrays, known data, in a model's shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elegan.common.errors import EleganError, UsageError
from elegan.data import has_test_split
from elegan.data.dataset import Options
from elegan.data.decode import Target, decode
from elegan.data.files import IMAGE_SUFFIXES
from elegan.data.headers import Unusable
from elegan.data.opening import open_any
from elegan.networks import ImageShape


@dataclass(frozen=True, kw_only=True, eq=False)
class Input:
    """Images to be looked at.

    Attributes:
        names: one for each image.
        images: uint8 [N, R, R, C] in the model's shape.
        labels: int64 [N], each an index into `classes`; None where there are none.
        classes: names of the classes; empty without labels.
        split: "train" or "test", "" for single files.
        skipped: (file, why it cannot be used).
    """

    names: list[str]
    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    split: str
    skipped: tuple[tuple[str, str], ...]


def read_inputs(
    inputs: Sequence[str], shape: ImageShape, *, split: str | None = None, fit: str = "crop"
) -> list[Input]:
    """Reads every input; all single image files together make one entry, the first.

    Args:
        shape: the resolution and channels that all images get.
        split: of folders and known data; by default the test split where there is one.
        fit: crop, pad or stretch.

    Raises:
        UsageError: nothing is named, or an input is not there.
        EleganError: no image at all can be used.
    """
    if not inputs:
        raise UsageError("Name at least one image file, folder, .npz, .npy or known data set.")
    options = Options(resolution=shape.resolution, channels=shape.channels, fit=fit)
    files = [each for each in inputs if _is_image(Path(each))]
    read = [_read_files(files, options)] if files else []
    for item in inputs:
        if item in files:
            continue
        chosen = split or ("test" if has_test_split(item) else "train")
        data, _ = open_any(item, options, chosen)
        skipped = tuple((v.file, v.reason) for v in data.verdicts if v.action == "skipped")
        read.append(
            Input(
                names=data.image_names(),
                images=data.images,
                labels=data.labels,
                classes=data.classes,
                split=chosen,
                skipped=skipped,
            )
        )
    if not any(len(each.images) for each in read):
        reasons = [f"{name}: {why}" for each in read for name, why in each.skipped]
        raise EleganError(f"No image can be used: {'; '.join(reasons[:4]) or 'there is none'}.")
    return read


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _read_files(files: Sequence[str], options: Options) -> Input:
    assert options.resolution is not None
    assert options.channels is not None
    target = Target(
        resolution=options.resolution,
        channels=options.channels,
        fit=options.fit,
        background=options.background,
    )
    names, images, skipped = [], [], []
    for file in files:
        try:
            images.append(decode(Path(file).read_bytes(), target).pixels)
            names.append(file)
        except (Unusable, OSError) as error:
            skipped.append((file, str(error)))
    side, channels = options.resolution, options.channels
    empty = np.empty((0, side, side, channels), dtype=np.uint8)
    return Input(
        names=names,
        images=np.stack(images) if images else empty,
        labels=None,
        classes=(),
        split="",
        skipped=tuple(skipped),
    )
