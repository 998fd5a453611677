import errno
import json
import os
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_files import save_noise
from PIL import Image

from elegan.common.errors import EleganError, UsageError
from elegan.data import files, ingest, open_data
from elegan.data.cache import EntryWriter
from elegan.data.dataset import PhotoOptions
from elegan.data.opening import entry_of
from elegan.data.sources import resolve


def verdicts(data) -> dict[str, tuple[str, str]]:
    return {verdict.file: (verdict.action, verdict.reason) for verdict in data.verdicts}


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.name: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.iterdir()
        if path.is_file()
    }


def test_a_nasty_folder_gives_a_verdict_on_each_file_and_the_rest_is_used(nasty: Path):
    before = snapshot(nasty)
    data = open_data(str(nasty))
    said = verdicts(data)
    expected = {
        "good0.png": ("used", "40x30"),
        "日本語 ñandú 🎈.png": ("used", "crop 24x24"),
        "whole.jpg": ("used", "200x200"),
        "truncated.jpg": ("skipped", "truncated"),
        "cmyk.jpg": ("converted", "CMYK"),
        "deep.png": ("converted", "16-bit scaled"),
        "palette.png": ("converted", "transparency flattened on (255, 255, 255)"),
        "animated.gif": ("converted", "first of 2 frames"),
        "notes.txt": ("skipped", "text file"),
        "pretends.png": ("skipped", "text file"),
        "zero.png": ("skipped", "empty file"),
        "long.png": ("used", "30000x40"),
        "huge.png": ("skipped", "over the limit"),
        ".hidden.png": ("skipped", "hidden"),
        "loop": ("skipped", "loop"),
        "self": ("skipped", "link"),
        "nowhere.png": ("skipped", "nowhere"),
        "pipe.png": ("skipped", "not a regular file"),
    }
    for name, (action, part) in expected.items():
        assert said[name][0] == action, name
        assert part in said[name][1], (name, said[name][1])
    assert set(said) == {*expected, "good1.png", "good2.png"}
    used = [action for action, _ in said.values() if action != "skipped"]
    assert data.images.shape == (len(used), 64, 64, 3)
    assert snapshot(nasty) == before
    json.dumps(data.to_dict())


def test_each_image_stands_at_the_place_of_its_verdict(nasty: Path):
    data = open_data(str(nasty), resolution=32, fit="stretch")
    names = [verdict.file for verdict in data.verdicts if verdict.action != "skipped"]
    palette = data.images[names.index("palette.png")]
    assert palette[0, 0].tolist() == [255, 255, 255]
    assert palette[0, 31].tolist() == [255, 0, 0]
    assert (data.images[names.index("animated.gif")] == [255, 0, 0]).all()
    assert (data.images[names.index("long.png")] == 9).all()


def test_all_gray_stays_gray_and_mixed_becomes_colour(tmp_path: Path):
    for number in range(3):
        save_noise(tmp_path / "set" / f"{number}.png", number, channels=1)
    gray = open_data(str(tmp_path / "set"))
    assert gray.images.shape == (3, 24, 24, 1)
    save_noise(tmp_path / "set" / "colour.png", 9)
    mixed = open_data(str(tmp_path / "set"))
    assert mixed.images.shape == (4, 24, 24, 3)
    np.testing.assert_array_equal(mixed.images[0, ..., :1], gray.images[0])


def test_a_file_that_cannot_be_decoded_does_not_decide_the_shape(tmp_path: Path):
    for number in range(3):
        save_noise(tmp_path / "set" / f"{number}.png", number, channels=1)
    save_noise(tmp_path / "set" / "broken.jpg", 1, (90, 70))
    data = (tmp_path / "set" / "broken.jpg").read_bytes()
    (tmp_path / "set" / "broken.jpg").write_bytes(data[:-300])
    opened = open_data(str(tmp_path / "set"))
    assert opened.images.shape == (3, 24, 24, 1)
    assert verdicts(opened)["broken.jpg"][0] == "skipped"
    assert opened.hash == open_data(str(tmp_path / "set")).hash


def test_the_second_open_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(3):
        save_noise(tmp_path / "set" / f"{number}.png", number)
    first = open_data(str(tmp_path / "set"))
    monkeypatch.setattr(ingest, "decode", None)
    monkeypatch.setattr(ingest, "probe", None)
    second = open_data(str(tmp_path / "set"))
    assert isinstance(second.images, np.memmap)
    assert not second.images.flags.writeable
    np.testing.assert_array_equal(first.images, second.images)
    assert first.to_dict() == second.to_dict()


def test_a_changed_file_changes_the_data_and_a_touched_one_does_not(tmp_path: Path, cache: Path):
    for number in range(3):
        save_noise(tmp_path / "set" / f"{number}.png", number)
    first = open_data(str(tmp_path / "set"))
    os.utime(tmp_path / "set" / "1.png", (1, 1))
    assert open_data(str(tmp_path / "set")).hash == first.hash
    assert len(list((cache / "images").iterdir())) == 1
    save_noise(tmp_path / "set" / "1.png", 99)
    assert open_data(str(tmp_path / "set")).hash != first.hash


def test_options_change_the_data(tmp_path: Path):
    for number in range(3):
        save_noise(tmp_path / "set" / f"{number}.png", number, (50, 30))
    hashes = {
        open_data(str(tmp_path / "set"), **options).hash
        for options in (
            {},
            {"fit": "pad"},
            {"fit": "pad", "background": (0, 0, 0)},
            {"fit": "stretch"},
            {"resolution": 17},
            {"channels": 1},
        )
    }
    assert len(hashes) == 6


def test_a_damaged_cache_is_made_again(tmp_path: Path, cache: Path):
    for number in range(3):
        save_noise(tmp_path / "set" / f"{number}.png", number)
    first = open_data(str(tmp_path / "set"))
    file = next((cache / "images").iterdir()) / "images.npy"
    with open(file, "r+b") as opened:
        opened.truncate(500)
    assert open_data(str(tmp_path / "set")).hash == first.hash


def test_a_full_disk_is_one_clear_message_and_leaves_nothing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    for number in range(3):
        save_noise(tmp_path / "set" / f"{number}.png", number)

    def full(self: EntryWriter, images: np.ndarray) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EntryWriter, "append", full)
    with pytest.raises(EleganError, match=r"disk is full.*ELEGAN_CACHE"):
        open_data(str(tmp_path / "set"))
    assert list((cache / "images").iterdir()) == []
    monkeypatch.undo()
    monkeypatch.setenv("ELEGAN_CACHE", str(tmp_path / "set" / "0.png" / "cache"))
    with pytest.raises(EleganError, match="Could not write the image cache"):
        open_data(str(tmp_path / "set"))


def test_two_processes_may_ingest_the_same_data_at_once(tmp_path: Path, cache: Path):
    for number in range(30):
        save_noise(tmp_path / "set" / f"{number:02}.png", number, (100, 100))
    code = f"from elegan.data import open_data; print(open_data({str(tmp_path / 'set')!r}).hash)"
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = {process.communicate(timeout=60)[0].strip() for process in running}
    assert said == {open_data(str(tmp_path / "set")).hash}
    assert all(process.returncode == 0 for process in running)
    assert len(os.listdir(cache / "images")) == 1


def test_class_folders_become_labels_and_a_zip_of_them_is_the_same_data(tmp_path: Path):
    root = tmp_path / "animals"
    for label, name in enumerate(("cat", "dog", "émeu")):
        for number in range(label + 2):
            save_noise(root / name / f"{number}.png", 10 * label + number)
    (root / "README.md").write_text("about", encoding="utf-8")
    (root / "empty").mkdir()
    (root / "broken").mkdir()
    (root / "broken" / "x.png").write_bytes(b"")
    folder = open_data(str(root))
    assert folder.classes == ("cat", "dog", "émeu")
    assert folder.labels is not None
    assert folder.labels.dtype == np.int64
    assert folder.labels.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert any("broken" in note for note in folder.notes)
    archive = tmp_path / "animals.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(root.rglob("*")):
            file.write(path, Path("animals") / path.relative_to(root))
    zipped = open_data(str(archive))
    assert (zipped.hash, zipped.name) == (folder.hash, "animals")
    inner = open_data(f"{archive}/animals/dog")
    assert len(inner) == 3
    assert inner.labels is None


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_images_is_an_error_that_counts_the_reasons(tmp_path: Path, count: int):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.png").write_bytes(b"")
    for number in range(count):
        save_noise(tmp_path / "set" / f"{number}.png", number)
    with pytest.raises(EleganError, match=r"usable image.*1 x empty file.*elegan inspect"):
        open_data(str(tmp_path / "set"))


@pytest.mark.parametrize(
    "options",
    [{"resolution": 15}, {"resolution": 257}, {"channels": 2}, {"fit": "zoom"}, {"limit": 0}],
)
def test_impossible_options_are_usage_errors(tmp_path: Path, options: dict):
    save_noise(tmp_path / "a.png")
    with pytest.raises(UsageError):
        open_data(str(tmp_path), **options)


def test_limit_is_a_seeded_choice_of_each_class(tmp_path: Path):
    root = tmp_path / "set"
    for name, count in (("a", 9), ("b", 2)):
        for number in range(count):
            save_noise(root / name / f"{number}.png", 10 * count + number)
    whole = open_data(str(root))
    some = open_data(str(root), limit=3)
    assert some.class_counts() == {"a": 3, "b": 2}
    assert isinstance(some.images, np.memmap)
    assert some.hash == open_data(str(root), limit=3).hash
    assert some.hash != open_data(str(root), limit=3, seed=1).hash
    known = {image.tobytes() for image in whole.images}
    assert {image.tobytes() for image in some.images} <= known
    more = {image.tobytes() for image in open_data(str(root), limit=5).images}
    assert {image.tobytes() for image in some.images} <= more
    assert open_data(str(root), limit=9).hash == whole.hash


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_of_a_large_image_is_bounded_by_the_limit(nasty: Path):
    for path in nasty.iterdir():
        if path.name != "huge.png" and not path.name.startswith("good"):
            path.unlink()
    # VmHWM, since ru_maxrss also counts the process that this one was started from.
    code = (
        "from elegan.data import open_data; "
        f"open_data({str(nasty)!r}); "
        "lines = open('/proc/self/status').read().splitlines(); "
        "(peak,) = (line.split()[1] for line in lines if line.startswith('VmHWM')); "
        "print(int(peak) // 1024)"
    )
    peak = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(peak.stdout) < 400  # MiB; decoded it would take 900


def test_names_that_are_not_text_are_shown(tmp_path: Path):
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(2):
        Image.new("L", (20, 20), number).save(os.fsencode(folder) + b"/\xff%d.png" % number)
    data = open_data(str(folder))
    assert len(data) == 2
    json.dumps(data.to_dict()).encode("utf-8")


def _failing(monkeypatch: pytest.MonkeyPatch, calls: set[int], error: Exception) -> None:
    """Lets reading 1.png fail in those of its calls, 0 when it is surveyed and 1 when decoded."""
    real, seen = files._read_file, []

    def read(entry: files.FileEntry) -> bytes:
        if entry.name == "1.png":
            seen.append(entry)
            if len(seen) - 1 in calls:
                raise error
        return real(entry)

    monkeypatch.setattr(files, "_read_file", read)


@pytest.mark.parametrize("calls", [{0}, {1}])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EIO, "Input/output error"), "unreadable: Input/output error"),
        (PermissionError(errno.EACCES, "Permission denied"), "unreadable: Permission denied"),
        (MemoryError(), "too large for the memory that is free now"),
    ],
)
def test_what_hinders_reading_once_is_said_and_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: set[int], error: Exception, said: str
) -> None:
    for number in range(3):
        save_noise(tmp_path / "set" / f"{number}.png", number)
    with monkeypatch.context() as patched:
        _failing(patched, calls, error)
        data = open_data(str(tmp_path / "set"))
    assert len(data) == 2
    assert verdicts(data)["1.png"] == ("skipped", said)
    assert any(said in note and "1.png" in note and "again" in note for note in data.notes)
    whole = open_data(str(tmp_path / "set"))
    assert len(whole) == 3
    assert whole.notes == ()
    photos = PhotoOptions()
    with monkeypatch.context() as patched:
        _failing(patched, calls, error)
        folder = entry_of(resolve(str(tmp_path / "set")), photos)
    assert folder != entry_of(resolve(str(tmp_path / "set")), photos)


def test_lack_of_memory_in_decoding_is_no_verdict_on_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        save_noise(tmp_path / "set" / f"{number}.png", number)

    def starved(image: Image.Image, *arguments) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("elegan.data.decode._convert", starved)
        with pytest.raises(EleganError, match="3 x too large for the memory that is free now"):
            open_data(str(tmp_path / "set"))
    assert len(open_data(str(tmp_path / "set"))) == 3


def test_reading_a_small_file_reserves_no_more_than_it_holds(tmp_path: Path) -> None:
    save_noise(tmp_path / "a.png")
    entry = files.FileEntry(name="a.png", location=str(tmp_path / "a.png"), stamp="")
    tracemalloc.start()
    try:
        with files.reader(None) as read:
            assert read(entry) == (tmp_path / "a.png").read_bytes()
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", ["../../precious", "..", ".", "", "a" * 63, "A" * 64, "\n", "é"])
def test_a_damaged_stamp_names_no_folder_to_be_removed(
    tmp_path: Path, cache: Path, text: str
) -> None:
    for number in range(2):
        save_noise(tmp_path / "set" / f"{number}.png", number)
    open_data(str(tmp_path / "set"))
    (cache.parent / "precious").mkdir()
    (cache.parent / "precious" / "thesis.txt").touch()
    [stamp] = (cache / "stamps").iterdir()
    stamp.write_text(text)
    assert len(open_data(str(tmp_path / "set"))) == 2
    assert (cache.parent / "precious" / "thesis.txt").exists()
    assert len(list((cache / "images").iterdir())) == 1
    assert len(stamp.read_text()) == 64


def test_other_names_of_the_same_classes_are_not_taken_from_the_cache(tmp_path: Path) -> None:
    lines = {"0.png": "cat", "1.png": "dog"}
    for number, name in enumerate(lines):
        save_noise(tmp_path / "set" / name, number)
    for dog in ("dog", "wolf"):
        rows = [f"{name},{label.replace('dog', dog)}" for name, label in lines.items()]
        (tmp_path / "set" / "labels.csv").write_text("\n".join(["file,label", *rows]))
        assert open_data(str(tmp_path / "set")).classes == ("cat", dog)
