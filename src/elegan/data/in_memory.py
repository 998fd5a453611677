"""Images that a person holds in Python, as data that a run can name, resume and report."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from elegan.common.errors import UsageError
from elegan.common.files import write_durably
from elegan.data.cache import cache_folder


def named(data: Any) -> str:
    """Returns the name of data: a path as it is; anything else is kept in the cache as an .npz.

    Args:
        data: a path or known name, an array or tensor [N, H, W], [N, H, W, C] or [N, C, H, W], or a
            data set of images or (image, label).

    Raises:
        UsageError: the images are not all of one size, or the data is something else.
    """
    if isinstance(data, str | Path):
        return str(data)
    arrays = {"images": _array(data)} if _is_array(data) else _items(data)
    content = io.BytesIO()
    np.savez(content, **arrays)  # pyright: ignore[reportArgumentType]
    # The name is that of the content, so that the same images are the same data again.
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    path = cache_folder() / "in-memory" / f"images-{digest.hexdigest()[:16]}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, content.getvalue())
    return str(path)


def _is_array(data: Any) -> bool:
    return isinstance(data, np.ndarray) or hasattr(data, "detach")


def _array(image: Any) -> np.ndarray:
    """An array, a tensor or a Pillow image as an array."""
    if hasattr(image, "detach"):
        image = image.detach().cpu().numpy()
    return np.ascontiguousarray(np.asarray(image))


def _items(data: Any) -> dict[str, np.ndarray]:
    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")) or not len(data):
        raise UsageError(
            f"Data must be a path, a name, an array of images or a data set of them, not {data!r}."
        )
    items = [data[index] for index in range(len(data))]
    pairs = isinstance(items[0], tuple | list) and len(items[0]) == 2
    images = [_array(item[0] if pairs else item) for item in items]
    if len({image.shape for image in images}) > 1:
        raise UsageError("The images of a data set in Python must all be of one size.")
    found = {"images": np.stack(images)}
    return {**found, "labels": np.array([int(item[1]) for item in items])} if pairs else found
