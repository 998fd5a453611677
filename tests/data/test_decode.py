import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elegan.data.decode import Target, decode
from elegan.data.headers import Unusable, probe
from elegan.data.pictures import write_rows

WHITE = (255, 255, 255)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def target(side: int = 16, channels: int = 3, fit: str = "crop", background=WHITE) -> Target:
    return Target(resolution=side, channels=channels, fit=fit, background=background)


def noise(mode: str = "RGB", size: tuple[int, int] = (16, 16)) -> Image.Image:
    bands = len(mode)
    shape = (size[1], size[0]) if bands == 1 else (size[1], size[0], bands)
    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(values)


def test_an_image_that_fits_is_kept_bit_for_bit():
    image = noise()
    result = decode(encode(image), target())
    np.testing.assert_array_equal(result.pixels, np.asarray(image))
    assert result.conversions == ()
    assert result.resizing == ""


def test_sixteen_bit_gray_is_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    data = encode(Image.fromarray(ramp))
    assert probe(data, WHITE).gray
    result = decode(data, target(channels=1))
    np.testing.assert_allclose(result.pixels.reshape(-1), np.arange(256), atol=1)
    assert any("16-bit" in part for part in result.conversions)


def sixteen_bit_png(
    path: Path, values: np.ndarray, key: tuple[int, ...] = (), turn: int = 1
) -> bytes:
    """A PNG of depth 16 of uint16 [H, W, 1 to 4]; `key` is the colour that is transparent."""
    height, width, channels = values.shape
    exif = Image.Exif()
    exif[0x0112] = turn
    write_rows(
        path,
        [values],
        width=width,
        height=height,
        channels=channels,
        depth=16,
        exif=exif.tobytes() if turn > 1 else None,
    )
    data = path.read_bytes()
    if key:
        body = b"tRNS" + struct.pack(f">{len(key)}H", *key)
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        place = data.index(b"IDAT") - 4
        data = data[:place] + chunk + data[place:]
    return data


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_are_rounded_and_said(tmp_path: Path, channels: int) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(channels, axis=2)
    if channels in (2, 4):
        values[..., -1] = 65535
    wanted = 1 if channels < 3 else 3
    result = decode(sixteen_bit_png(tmp_path / "a.png", values), target(256, channels=wanted))
    expected = np.rint(np.arange(65536) / 257).reshape(256, 256)
    for band in range(wanted):
        np.testing.assert_array_equal(result.pixels[..., band], expected)
    assert any("16-bit" in part for part in result.conversions)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_key_of_sixteen_bits_hides_its_colour_and_no_other(tmp_path: Path, channels: int) -> None:
    values = np.full((16, 16, channels), 0x8012, np.uint16)
    values[:8, :, 0] = 0x8013  # the same in eight bits
    data = sixteen_bit_png(tmp_path / "a.png", values, (0x8012,) * channels)
    pixels = decode(data, target(background=(10, 20, 30))).pixels
    assert np.unique(pixels[8:].reshape(-1, 3), axis=0).tolist() == [[10, 20, 30]]
    assert np.unique(pixels[:8]).tolist() == [128]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_gray_key_hides_at_every_depth(depth: int) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    rows = (b"\0" + b"\0" * (2 * depth)) * 8 + (b"\0" + b"\xff" * (2 * depth)) * 8
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, depth, 0, 0, 0, 0))
    data += chunk(b"tRNS", struct.pack(">H", 2**depth - 1))  # white is transparent
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    pixels = decode(data, target(background=(10, 20, 30))).pixels
    assert np.unique(pixels[:8]).tolist() == [0]
    assert np.unique(pixels[8:].reshape(-1, 3), axis=0).tolist() == [[10, 20, 30]]


def test_deep_colours_are_turned_upright(tmp_path: Path) -> None:
    values = np.zeros((16, 32, 3), np.uint16)
    values[0, 0] = 65535
    result = decode(sixteen_bit_png(tmp_path / "a.png", values, turn=6), target(fit="stretch"))
    assert result.size == (16, 32)
    assert result.pixels[0, 15].min() > result.pixels[0, 0].max()


def test_palette_with_alpha_is_flattened_on_the_background():
    image = Image.new("P", (16, 16), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (0, 0, 8, 16))
    data = encode(image, transparency=1)
    result = decode(data, target(background=(10, 20, 30)))
    assert result.pixels[0, 0].tolist() == [10, 20, 30]
    assert result.pixels[0, 15].tolist() == [255, 0, 0]
    assert any("transparency" in part for part in result.conversions)


def test_half_transparent_gray_stays_gray_on_white_but_not_on_a_colour():
    data = encode(Image.new("LA", (16, 16), (0, 128)))
    assert probe(data, WHITE).gray
    assert not probe(data, (255, 0, 0)).gray
    assert abs(int(decode(data, target(channels=1)).pixels[0, 0, 0]) - 127) <= 1


def test_gray_palette_counts_as_gray():
    image = noise("L").convert("P")
    assert probe(encode(image), WHITE).gray
    colour = noise("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    assert not probe(encode(colour), WHITE).gray


def test_cmyk_becomes_rgb():
    data = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    result = decode(data, target())
    red, green, blue = result.pixels[8, 8].tolist()
    assert red > 200
    assert max(green, blue) < 60
    assert "CMYK to RGB" in result.conversions


def test_exif_orientation_turns_the_picture_upright():
    image = Image.new("RGB", (64, 32), (255, 255, 255))
    image.paste((0, 0, 0), (0, 0, 32, 32))  # left half black
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise: left becomes top
    data = encode(image, "JPEG", exif=exif, quality=95)
    assert (probe(data, WHITE).width, probe(data, WHITE).height) == (32, 64)
    result = decode(data, target(fit="stretch"))
    assert result.size == (32, 64)
    assert result.pixels[2].max() < 40
    assert result.pixels[13].min() > 215


def test_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "green")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    result = decode(data, target())
    assert result.pixels[0, 0].tolist() == [255, 0, 0]
    assert "first of 3 frames" in result.conversions


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_truncated_file_is_unusable_with_that_reason(kind: str):
    data = encode(noise(size=(200, 200)), kind)
    with pytest.raises(Unusable, match="truncated"):
        decode(data[: len(data) // 2], target())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello, this is no image\n" * 9, "text"),
        ("这不是图片。".encode() * 200, "text"),
        (bytes(range(256)) * 4, "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "text"),
    ],
)
def test_what_is_no_image_says_so(data: bytes, reason: str):
    with pytest.raises(Unusable, match=reason):
        probe(data, WHITE)


def test_an_image_over_the_limit_is_refused_by_its_header(tmp_path: Path) -> None:
    body = sixteen_bit_png(tmp_path / "a.png", np.zeros((16, 16, 3), np.uint16))
    # Only the header's width and height change, under a new checksum.
    for side, reason in ((9000, "9000x9000 is over the limit of 64 million"), (30000, "over the")):
        header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
        data = body[:12] + header + struct.pack(">I", zlib.crc32(header)) + body[33:]
        with pytest.raises(Unusable, match=reason):
            probe(data, WHITE)


def test_a_very_long_image_within_the_limit_is_used():
    data = encode(Image.new("L", (30000, 40), 77))
    result = decode(data, target(channels=1))
    assert (result.pixels == 77).all()
    assert "30000x40" in result.resizing


def test_a_large_jpeg_is_read_at_reduced_scale_with_the_same_look():
    ramp = np.linspace(0, 255, 2048).astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(ramp, (2048, 2048)).copy())
    result = decode(encode(image, "JPEG", quality=95), target(channels=1))
    expected = ramp.reshape(16, 128).mean(axis=1)
    np.testing.assert_allclose(result.pixels[8, :, 0], expected, atol=4)
    assert result.size == (2048, 2048)


def test_fits_differ_as_stated():
    image = Image.new("RGB", (60, 20), (0, 0, 0))
    image.paste((255, 0, 0), (20, 0, 40, 20))
    data = encode(image)
    crop = decode(data, target(20))
    assert (crop.pixels == [255, 0, 0]).all()
    pad = decode(data, target(18, fit="pad", background=(1, 2, 3)))
    assert pad.pixels[0, 0].tolist() == [1, 2, 3]
    assert pad.pixels[9, 9, 0] > 240
    assert pad.pixels[9, 0].tolist() == [0, 0, 0]
    stretch = decode(data, target(30, fit="stretch"))
    assert stretch.pixels[0, 15, 0] > 240
    assert stretch.pixels[0, 2, 0] < 15


def test_channels_follow_the_target():
    gray = decode(encode(noise("L")), target(channels=3))
    assert (gray.pixels == gray.pixels[..., :1]).all()
    colour = Image.new("RGB", (16, 16), (0, 255, 0))
    assert decode(encode(colour), target(channels=1)).pixels[0, 0, 0] == 150


@pytest.mark.parametrize("mode", ["1", "I", "F", "LA", "RGBA", "CMYK", "P"])
def test_every_mode_that_can_be_stored_is_read(mode: str):
    image = noise("L").convert(mode)
    kind = "TIFF" if mode in ("I", "F", "CMYK") else "PNG"
    for channels in (1, 3):
        assert decode(encode(image, kind), target(channels=channels)).pixels.shape[-1] == channels
