"""Writes an archive of icons, for a base that runs on few images begin with.

    python benchmarks/icons.py icons.zip

They are the emoji of Debian's fonts-noto-color-emoji (Noto Emoji by Google, SIL Open Font License
1.1) that are one code point, without animals: these are what `few_images` learns from such a base.
"""

import argparse
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

PACKAGE = "fonts-noto-color-emoji"
_SIZE, _SIDE = 109, 136  # the only size of the font's bitmaps, and the side of a picture
BLOCKS = (
    *((0x203C, 0x3300), (0x1F004, 0x1F005), (0x1F0CF, 0x1F0D0), (0x1F170, 0x1F19B)),
    *((0x1F201, 0x1F252), (0x1F300, 0x1F650), (0x1F680, 0x1F700), (0x1F7E0, 0x1F7F1)),
    (0x1F90C, 0x1FAFF),
)
"""First code points of emoji, and those after the last."""
ANIMALS = (
    *((0x1F400, 0x1F440), (0x1F54A, 0x1F54B), (0x1F577, 0x1F579), (0x1F638, 0x1F641)),
    *((0x1F648, 0x1F64B), (0x1F980, 0x1F9AF), (0x1FAB0, 0x1FAC0), (0x1FACE, 0x1FAD0)),
    (0x1F9F8, 0x1F9F9),
)


def icons(font: Path) -> Iterator[tuple[int, Image.Image]]:
    """Yields code points and their pictures, RGBA of 136 pixels."""
    drawn = ImageFont.truetype(font, _SIZE)
    missing = _picture(drawn, "\U000fffff")
    for first, end in BLOCKS:
        for code in range(first, end):
            picture = _picture(drawn, chr(code))
            is_animal = any(low <= code < high for low, high in ANIMALS)
            if picture.getbbox() and picture.tobytes() != missing.tobytes() and not is_animal:
                yield code, picture


def _picture(font: ImageFont.FreeTypeFont, text: str) -> Image.Image:
    picture = Image.new("RGBA", (_SIDE, _SIDE))
    draw = ImageDraw.Draw(picture)
    draw.text((_SIDE / 2, _SIDE / 2), text, font=font, embedded_color=True, anchor="mm")
    return picture


def main() -> None:
    """Writes the archive."""
    flags = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    flags.add_argument("out", type=Path)
    options = flags.parse_args()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(options.out, "w") as written:
        subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True)
        for deb in Path(folder).glob(f"{PACKAGE}_*.deb"):
            subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
        fonts = list(Path(folder).rglob("NotoColorEmoji.ttf"))
        if not fonts:
            sys.exit(f"{PACKAGE} holds no NotoColorEmoji.ttf any more.")
        count = 0
        for code, picture in icons(fonts[0]):
            file = io.BytesIO()
            picture.save(file, "PNG")
            written.writestr(f"icons/{code:x}.png", file.getvalue())
            count += 1
    print(f"{options.out}: {count} icons")


if __name__ == "__main__":
    main()
