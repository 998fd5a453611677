"""What INPUT may be, and where the result of each file goes."""

from pathlib import Path

import pytest
from PIL import Image

from elegan.applications.photos.sources import find_sources
from elegan.common.errors import UsageError
from elegan.data import headers


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a/x.jpg", "a/y.png", "b/x.jpg", "b/deep/z.tif", "b/notes.txt", "b/.hidden.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def _outputs(*inputs: str, out: str = "out") -> list[str]:
    return [one.output.as_posix() for one in find_sources(inputs, Path(out)).sources]


def test_files_folders_and_patterns() -> None:
    assert _outputs("a/x.jpg") == ["x.jpg"]
    assert _outputs("b") == ["deep/z.tif", "x.jpg"]
    assert _outputs("b/**/*.*") == ["deep/z.tif", "x.jpg"]
    assert _outputs("a/*.png", "a/y.png") == ["y.png"]
    assert _outputs("b/notes.txt") == ["notes.txt"]  # named by hand: the reader says what it is


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern() -> None:
    Path("a/y[1].png").write_bytes(b"")
    assert _outputs("a/y[1].png") == ["y[1].png"]


def test_files_of_one_name_keep_their_folders() -> None:
    assert _outputs("a/x.jpg", "b/x.jpg") == ["a/x.jpg", "b/x.jpg"]
    assert _outputs("a", "b") == ["a/x.jpg", "y.png", "deep/z.tif", "b/x.jpg"]
    Path("c/a").mkdir(parents=True)
    Path("c/a/X.JPG").write_bytes(b"")  # one file to a disk that does not heed case
    assert _outputs("a/x.jpg", "c/a/X.JPG") == [*_ends("a/x.jpg"), "c/a/X.JPG"]


def _ends(name: str) -> list[str]:
    return [f"{Path().resolve().name}/{name}"]


def test_files_that_differ_in_their_suffix_alone_stay_apart_in_another_format() -> None:
    Path("a/x.bmp").write_bytes(b"")
    jpeg, bmp = find_sources(["a/x.jpg", "a/x.bmp"], Path("out")).sources
    assert jpeg.output_as(".jpg") == Path("x.jpg")
    assert (jpeg.output_as(".png"), bmp.output_as(".png")) == (Path("x-jpg.png"), Path("x-bmp.png"))
    (alone,) = find_sources(["b/x.jpg"], Path("out")).sources
    assert alone.output_as(".png") == Path("x.png")


def test_a_suffix_of_the_same_format_is_left_as_it_is() -> None:
    Path("a/IMG.JPEG").write_bytes(b"")
    (one,) = find_sources(["a/IMG.JPEG"], Path("out")).sources
    assert one.output_as(".jpg") == Path("IMG.JPEG")
    assert one.output_as(".png") == Path("IMG.png")


def test_results_within_a_folder_of_photos_are_not_taken_for_photos() -> None:
    Path("b/out").mkdir()
    Path("b/out/x.jpg").write_bytes(b"")
    assert _outputs("b", out="b/out") == ["deep/z.tif", "x.jpg"]
    assert _outputs("b/**/*.jpg", out="b/out") == ["x.jpg"]


def _image(path: str, kind: str = "PNG") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30)).save(path, format=kind)


def test_files_of_a_folder_are_known_by_what_they_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "formats", lambda: ["PNG", "JPEG", "TIFF", "AVIF"])
    _image("mixed/IMG_2024")
    _image("mixed/photo.dat", "JPEG")
    _image("mixed/raw.dng", "TIFF")
    Path("mixed/a.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    Path("mixed/b.jxl").write_bytes(b"\xff\x0a")
    Path("mixed/notes.txt").write_text("no image")
    Path("mixed/clip.mov").write_bytes(b"\0\0\0\x14ftypqt  ")
    Path("mixed/Thumbs.db").write_bytes(b"")
    for named in ("mixed", "mixed/*"):
        found = find_sources([named], Path("out"))
        names = {source.path.name for source in found.sources}
        assert names - {"clip.mov"} == {"IMG_2024", "photo.dat"}
        assert {Path(item.source).name: item.reason.split()[0] for item in found.left_out} == {
            "raw.dng": "raw",
            "a.HEIC": "HEIC",
            "b.jxl": ".jxl",
        }
        # A pattern takes the video that it names.
        assert found.others == (3 if named == "mixed" else 2)
    (plain, _) = find_sources(["mixed/IMG_2024", "mixed/photo.dat"], Path("out")).sources
    assert plain.output_as(".png") == Path("IMG_2024.png")


def test_a_pattern_within_a_folder_whose_name_has_brackets() -> None:
    for name in ("trip [2024]/a.png", "trip [2024]/b[1].png", "trip [2024]/b1.png"):
        _image(name)
    assert _outputs("trip [2024]/*.png") == ["a.png", "b1.png", "b[1].png"]
    assert _outputs("trip [2024]/b[1].png") == ["b[1].png"]
    assert _outputs("trip [2024]") == ["a.png", "b1.png", "b[1].png"]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([], "Name at least one"),
        (["a/xx.jpg"], "Did you mean 'x.jpg'"),
        (["nowhere/x.jpg"], "no 'nowhere/x.jpg'"),
        (["a/*.webp"], "No image matches"),
        (["empty"], "no image in 'empty'"),
        (["a"], "both input and --out"),
    ],
)
def test_what_is_not_there_is_said(inputs: list[str], said: str) -> None:
    Path("empty").mkdir()
    with pytest.raises(UsageError, match=said):
        find_sources(inputs, Path("a"))
