import io
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from image_files import huge_png
from PIL import Image, ImageCms, ImageOps

from elegan.common.errors import EleganError
from elegan.data import pictures
from elegan.data.headers import Unusable
from elegan.data.photo_files import PhotoFile, cannot_hold, page_count, read_photo, write_photo
from elegan.data.pictures import PNG_SIGNATURE, png_chunk, write_rows

ORIENTATION, MAKE, COPYRIGHT, WIDTH = 0x0112, 0x010F, 0x8298, 0xA002
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def values(channels: int = 3, depth: int = 8, size: tuple[int, int] = (13, 21)) -> np.ndarray:
    """[H, W, C], smooth with noise, so that every filter of PNG is the best of some row."""
    random = np.random.default_rng(channels + depth)
    ramp = np.linspace(0, 2**depth - 1, size[0] * size[1] * channels).reshape(*size, channels)
    ramp[::3] = random.integers(0, 2**depth, ramp[::3].shape)
    return ramp.astype(np.uint8 if depth == 8 else np.uint16)


def photo_of(pixels: np.ndarray, alpha: np.ndarray | None = None, **more) -> PhotoFile:
    return PhotoFile(path=Path("x.png"), format="PNG", pixels=pixels, alpha=alpha, **more)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_keeps_every_bit(tmp_path: Path, channels: int, depth: int):
    stored = values(channels, depth)
    colours = 1 if channels < 3 else 3
    alpha = stored[..., -1] if channels in (2, 4) else None
    path = write_photo(photo_of(stored[..., :colours], alpha), tmp_path / "new" / "a.png")
    read = read_photo(path)
    assert read.depth == depth
    np.testing.assert_array_equal(read.pixels, stored[..., :colours])
    if alpha is None:
        assert read.alpha is None
    else:
        np.testing.assert_array_equal(read.alpha, alpha)
    # The library reads the same, of 16 bits the upper eight.
    with Image.open(path) as image:
        image.load()
        if depth == 8:
            assert np.asarray(image).tobytes() == stored.tobytes()
        elif channels == 3:
            np.testing.assert_array_equal(np.asarray(image), stored >> 8)
    assert os.listdir(tmp_path / "new") == ["a.png"]


def test_rows_come_in_blocks_of_any_height(tmp_path: Path):
    stored = values(3, 16, (50, 30))
    blocks = (stored[:1], stored[1:1], stored[1:40], stored[40:])
    path = tmp_path / "a.png"
    write_rows(path, iter(blocks), width=30, height=50, channels=3, depth=16)
    np.testing.assert_array_equal(read_photo(path).pixels, stored)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (np.zeros((9, 30, 3), np.uint8), "Expected 10 rows, got 9"),
        (np.zeros((10, 31, 3), np.uint8), "got uint8"),
        (np.zeros((10, 30, 3), np.uint16), "got uint16"),
    ],
)
def test_rows_that_were_not_announced_leave_no_file(tmp_path: Path, block, message):
    with pytest.raises(ValueError, match=message):
        write_rows(tmp_path / "a.png", [block], width=30, height=10, channels=3)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def stopping():
        yield np.zeros((1, 4, 3), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(path, stopping(), width=4, height=9, channels=3)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_memory_of_a_large_png_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pictures, "BLOCK_BYTES", 1 << 15)
    block = np.zeros((32, 1000, 3), np.uint8)
    tracemalloc.start()
    rows = (block for _ in range(40))
    write_rows(tmp_path / "a.png", rows, width=1000, height=1280, channels=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20  # of 3.8 MB
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1000, 1280)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_photos_come_upright_and_stay_so(tmp_path: Path, orientation: int, suffix: str):
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE], exif[COPYRIGHT] = orientation, "Box", "Ada"
    exif.get_ifd(0x8769)[WIDTH] = 5
    stored = Image.fromarray(np.kron(values(3, 8, (3, 5)), np.ones((8, 8, 1), np.uint8)))
    stored.save(tmp_path / f"a{suffix}", exif=exif.tobytes())
    with Image.open(tmp_path / f"a{suffix}") as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    read = read_photo(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read.pixels, expected)
    path = write_photo(read, tmp_path / f"b{suffix}")
    again = read_photo(path)
    assert again.pixels.shape == expected.shape
    with Image.open(path) as image:
        image.load()
        written = image.getexif()
        width = written.get_ifd(0x8769)[WIDTH]
    assert written.get(ORIENTATION, 1) == 1
    assert (written[MAKE], written[COPYRIGHT]) == ("Box", "Ada")
    assert width == expected.shape[1]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif"])
def test_profiles_are_kept_where_they_fit(tmp_path: Path, name: str):
    path = write_photo(photo_of(values(3), icc=SRGB), tmp_path / name)
    assert read_photo(path).icc == SRGB
    gray = write_photo(photo_of(values(1), icc=SRGB), tmp_path / f"gray-{name}")
    assert read_photo(gray).icc is None


def test_a_profile_of_other_colours_is_left_out_and_said(tmp_path: Path):
    Image.fromarray(values(1)[..., 0]).save(tmp_path / "a.jpg", icc_profile=SRGB)
    read = read_photo(tmp_path / "a.jpg")
    assert read.icc is None
    assert read.notes == ("a colour profile that does not fit left out",)


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_sixteen_bit_tiff_of_colours_keeps_every_bit(tmp_path: Path, byte_order: str):
    stored = values(3, 16)
    path = tmp_path / "a.tif"
    path.write_bytes(deep_tiff(stored, byte_order))
    read = read_photo(path)
    np.testing.assert_array_equal(read.pixels, stored)
    assert read.format == "TIFF"


def deep_tiff(stored: np.ndarray, order: str, packed: bool = False) -> bytes:
    """A TIFF of one strip, RGB of 16 bits, which Pillow reads but does not write."""
    height, width, _ = stored.shape
    pixels = stored.astype(f"{order}u2").tobytes()
    pixels = zlib.compress(pixels) if packed else pixels
    tags = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, 3, None),
        (259, 3, 1, 8 if packed else 1),
        (262, 3, 1, 2),
        (273, 4, 1, None),
        (277, 3, 1, 3),
        (278, 3, 1, height),
        (279, 4, 1, len(pixels)),
    ]
    end = 8 + 2 + 12 * len(tags) + 4
    body = struct.pack(f"{order}H", len(tags))
    for tag, kind, count, value in tags:
        value = {258: end, 273: end + 6}.get(tag, value)
        layout = "HHIHxx" if kind == 3 and count == 1 else "HHII"
        body += struct.pack(order + layout, tag, kind, count, value)
    body += struct.pack(f"{order}I", 0) + struct.pack(f"{order}HHH", 16, 16, 16)
    start = b"II" if order == "<" else b"MM"
    return start + struct.pack(f"{order}HI", 42, 8) + body + pixels


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_compressed_sixteen_bit_tiff_keeps_every_bit(tmp_path: Path, byte_order: str):
    stored = values(3, 16)
    (tmp_path / "a.tif").write_bytes(deep_tiff(stored, byte_order, packed=True))
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif").pixels, stored)


def test_sixteen_bit_gray_tiff_in_and_out(tmp_path: Path):
    stored = values(1, 16)
    path = write_photo(photo_of(stored), tmp_path / "a.tif")
    np.testing.assert_array_equal(read_photo(path).pixels, stored)


def test_an_interlaced_or_keyed_deep_png_is_read(tmp_path: Path):
    stored = values(3, 16)
    path = write_photo(photo_of(stored), tmp_path / "a.png")
    data = path.read_bytes()
    body = struct.pack(">HHH", *stored[2, 3].tolist())
    chunk = struct.pack(">I", 6) + b"tRNS" + body + struct.pack(">I", zlib.crc32(b"tRNS" + body))
    place = data.index(b"IDAT") - 4
    path.write_bytes(data[:place] + chunk + data[place:])
    read = read_photo(path)
    np.testing.assert_array_equal(read.pixels, stored)
    assert read.alpha is not None
    assert (read.alpha[2, 3], read.alpha[0, 0], read.alpha.dtype) == (0, 65535, np.uint16)


def test_gray_and_palettes_stay_what_they_are(tmp_path: Path):
    Image.fromarray(values(1)[..., 0]).save(tmp_path / "gray.jpg", quality=95)
    assert read_photo(tmp_path / "gray.jpg").pixels.shape == (13, 21, 1)
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.paste(1, (0, 0, 4, 8))
    palette.save(tmp_path / "palette.png", transparency=1)
    read = read_photo(tmp_path / "palette.png")
    assert read.pixels[0, 7].tolist() == [255, 0, 0]
    assert read.alpha is not None
    assert (read.alpha[0, 0], read.alpha[0, 7]) == (0, 255)
    Image.new("1", (8, 8), 1).save(tmp_path / "bits.png")
    read = read_photo(tmp_path / "bits.png")
    assert (read.pixels == 255).all()
    assert read.pixels.shape == (8, 8, 1)


def test_cmyk_becomes_rgb(tmp_path: Path):
    Image.new("CMYK", (9, 9), (0, 255, 255, 0)).save(tmp_path / "a.tif")
    read = read_photo(tmp_path / "a.tif")
    assert read.pixels[4, 4].tolist() == [255, 0, 0]
    assert read.notes == ("CMYK to RGB, without a colour profile",)
    assert read.icc is None


def test_a_profile_of_inks_decides_their_colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    profiles = []

    def converted(image: Image.Image, source: object, *rest: object, **more: object):
        profiles.append(source)
        return Image.new("RGB", image.size, (1, 2, 3))

    monkeypatch.setattr(ImageCms, "profileToProfile", converted)
    monkeypatch.setattr(ImageCms, "ImageCmsProfile", lambda file: file.read())
    inks = SRGB[:16] + b"CMYK" + SRGB[20:]
    Image.new("CMYK", (9, 9)).save(tmp_path / "a.tif", icc_profile=inks)
    read = read_photo(tmp_path / "a.tif")
    assert read.pixels[0, 0].tolist() == [1, 2, 3]
    assert profiles == [inks]
    assert read.icc is None


def test_pages_are_read_one_by_one(tmp_path: Path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    for name in ("a.gif", "a.tif"):
        assert page_count(tmp_path / name) == 3
        assert read_photo(tmp_path / name, page=1).pixels[0, 0].tolist() == [0, 0, 255]
        with pytest.raises(Unusable, match="3 pages"):
            read_photo(tmp_path / name, page=3)


@pytest.mark.parametrize(
    ("name", "photo", "reason"),
    [
        ("a.jpg", photo_of(values(3), values(1)[..., 0]), "JPEG holds no transparency; .*png"),
        ("a.webp", photo_of(values(3, 16)), "WEBP holds no colour of 16 bits"),
        ("a.tif", photo_of(values(3, 16)), "TIFF holds no colour of 16 bits here; name a .png"),
        ("a.jpg", photo_of(np.zeros((1, 70000, 1), np.uint8)), "at most 65,500 pixels"),
        ("a.xyz", PhotoFile(path=Path("a"), format="GIF", pixels=values(3)), "GIF is not written"),
    ],
)
def test_what_a_format_cannot_hold_is_said(tmp_path: Path, name: str, photo, reason: str):
    with pytest.raises(EleganError, match=reason):
        write_photo(photo, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_formats_that_can_hold_it():
    assert cannot_hold("PNG", size=(9, 9), depth=16, channels=4) == ""
    assert cannot_hold("WEBP", size=(9, 9), channels=4) == ""
    assert cannot_hold("TIFF", size=(9, 9), depth=16, channels=1) == ""
    assert cannot_hold("JPEG", size=(9, 9), channels=1) == ""


@pytest.mark.parametrize("name", ["a.webp", "a.tif"])
def test_alpha_in_other_formats(tmp_path: Path, name: str):
    alpha = np.kron(np.eye(4, dtype=np.uint8) * 255, np.ones((4, 4), np.uint8))
    path = write_photo(photo_of(np.full((16, 16, 3), 77, np.uint8), alpha), tmp_path / name)
    np.testing.assert_array_equal(read_photo(path).alpha, alpha)


def test_a_jpeg_keeps_colours_at_full_resolution(tmp_path: Path):
    path = write_photo(photo_of(values(3)), tmp_path / "a.jpg")
    with Image.open(path) as image:
        assert all(one[1:3] == (1, 1) for one in image.layer)  # pyright: ignore


def test_what_cannot_be_read_says_why(tmp_path: Path):
    (tmp_path / "text.png").write_text("remember the milk", encoding="utf-8")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "huge.png").write_bytes(huge_png(30000))
    whole = io.BytesIO()
    Image.fromarray(values(3, 8, (200, 200))).save(whole, format="PNG")
    (tmp_path / "half.png").write_bytes(whole.getvalue()[:5000])
    deep = write_photo(photo_of(values(3, 16, (200, 200))), tmp_path / "deep.png")
    deep.write_bytes(deep.read_bytes()[:5000])
    for name, reason in {
        "text.png": "a text file",
        "empty.png": "empty file",
        "huge.png": "over the limit",
        "half.png": "truncated",
        "deep.png": "truncated",
        "gone.png": "unreadable: No such file",
    }.items():
        with pytest.raises(Unusable, match=reason):
            read_photo(tmp_path / name)


def test_a_full_or_forbidden_folder_is_an_error_of_the_system(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    for name in ("file/a.png", "file/a.jpg"):
        with pytest.raises(OSError):
            write_photo(photo_of(values(3)), tmp_path / name)


def test_a_float_tiff_is_read_at_sixteen_bits(tmp_path: Path):
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    read = read_photo(tmp_path / "a.tif")
    np.testing.assert_array_equal(read.pixels[..., 0], np.rint(ramp.astype(float) * 65535))
    assert read.notes == ("float 0..1 scaled to 16-bit",)


def test_an_interlaced_deep_png_keeps_every_bit(tmp_path: Path):
    stored = values(3, 16)
    rows = b""
    for left, top, right, down in (
        *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
        *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
    ):
        for row in stored[top::down, left::right].astype(">u2"):
            rows += b"\0" + row.tobytes()
    height, width, _ = stored.shape
    path = tmp_path / "a.png"
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 1))
    pixels = png_chunk(b"IDAT", zlib.compress(rows))
    path.write_bytes(PNG_SIGNATURE + header + pixels + png_chunk(b"IEND", b""))
    np.testing.assert_array_equal(read_photo(path).pixels, stored)


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_a_turned_deep_tiff_of_tiles_of_differences_keeps_every_bit(
    tmp_path: Path, byte_order: str
):
    stored = values(4, 16, (20, 35))
    padded = np.pad(stored, ((0, 12), (0, 13), (0, 0)))
    tiles = []
    for top in (0, 16):
        for left in (0, 16, 32):
            tile = padded[top : top + 16, left : left + 16]
            tile = np.diff(tile, axis=1, prepend=np.zeros_like(tile[:, :1]))
            tiles.append(zlib.compress(tile.astype(f"{byte_order}u2").tobytes()))
    ends = 8 + np.cumsum([0, *map(len, tiles)])
    tags = {256: [35], 257: [20], 258: [16] * 4, 259: [8], 262: [2], 274: [6], 277: [4]}
    tags |= {317: [2], 322: [16], 323: [16], 324: ends[:-1].tolist()}
    tags |= {325: [len(tile) for tile in tiles], 338: [2]}
    place = int(ends[-1])
    directory, beyond = struct.pack(f"{byte_order}H", len(tags)), b""
    for tag, numbers in tags.items():
        packed = struct.pack(f"{byte_order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            offset = place + 2 + 12 * len(tags) + 4 + len(beyond)
            beyond, packed = beyond + packed, struct.pack(f"{byte_order}I", offset)
        directory += struct.pack(f"{byte_order}HHI", tag, 4, len(numbers)) + packed
    start = {"<": b"II", ">": b"MM"}[byte_order] + struct.pack(f"{byte_order}HI", 42, place)
    (tmp_path / "a.tif").write_bytes(start + b"".join(tiles) + directory + bytes(4) + beyond)
    read = read_photo(tmp_path / "a.tif")
    turned = np.rot90(stored, -1)
    np.testing.assert_array_equal(read.pixels, turned[..., :3])
    assert read.alpha is not None
    np.testing.assert_array_equal(read.alpha, turned[..., 3])
