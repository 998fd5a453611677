"""Adds open photos from packages to photos-cc0.zip: people, animals, strong colours.

    python benchmarks/more_photos.py photos-cc0.zip photos-open.zip

What it adds, from Debian's lomiri-wallpapers-16.04 (CC BY 4.0 or CC0), scikit-image (CC0 or public
domain) and scikit-learn (CC BY 2.0), is written with its author and licence to SOURCES-added.csv.
Photos are made smaller, to a long side of 1280, which hides what JPEG did to them.
"""

import argparse
import csv
import importlib.util
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps

LONGEST = 1280
PACKAGE = "lomiri-wallpapers-16.04"
_BY4, _BY2, _CC0, _PUBLIC = "CC BY 4.0", "CC BY 2.0", "CC0 1.0", "public domain"
WALLPAPERS = {
    "Picture_0B_by_freespace.jpg": ('Trevor "Freespace"', _BY4),
    "Picture_1A_by_freespace.jpg": ('Trevor "Freespace"', _BY4),
    "Wine_by_Jakkub_Mede.jpg": ("Jakub Mede", _BY4),
    "aitzgorri_by_Aitzol_Berasategi.jpg": ("Aitzol Berasategi", _BY4),
    "friends_by_Aitzol_Berasategi.jpg": ("Aitzol Berasategi", _BY4),
    "life_by_Aitzol_Berasategi.jpg": ("Aitzol Berasategi", _BY4),
    "picosdeeuropa_by_Aitzol_Berasategi.jpg": ("Aitzol Berasategi", _BY4),
    "sunset_by_Aitzol_Berasategi.jpg": ("Aitzol Berasategi", _BY4),
    "seeding_by_Clements_Engelhardt.jpg": ("Clemens Engelhardt", _CC0),
    "umang_by_Abhishek_Mudgal.jpg": ("Abhishek Mudgal", _BY4),
}
"""File name -> author and licence, by the package's copyright file."""

INSTALLED = {
    "skimage": {
        "data/astronaut.png": ("NASA", _PUBLIC),
        "data/chelsea.png": ("Stefan van der Walt", _CC0),
        "data/coffee.png": ("Rachel Michetti", _CC0),
        "data/rocket.jpg": ("SpaceX", _PUBLIC),
    },
    "sklearn": {
        "datasets/images/china.jpg": ("danielbuechele", _BY2),
        "datasets/images/flower.jpg": ("vultilion", _BY2),
    },
}
"""Package -> file in it -> author and licence, by the package's own documentation."""

Source = tuple[str, Path, str, str]  # package, file, author, licence


def sources(folder: Path) -> Iterator[Source]:
    """Fetches what is not installed into `folder` and yields every photo."""
    subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True)
    for deb in folder.glob(f"{PACKAGE}_*.deb"):
        subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
    for name, about in WALLPAPERS.items():
        yield PACKAGE, folder / "usr/share/backgrounds" / name, *about
    for package, files in INSTALLED.items():
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            sys.exit(f"There is no {package}: pip install -r benchmarks/requirements-classical.txt")
        for name, about in files.items():
            yield package, Path(found.origin).parent / name, *about


def main() -> None:
    """Writes the larger archive."""
    flags = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    flags.add_argument("photos", type=Path, help="photos-cc0.zip")
    flags.add_argument("out", type=Path)
    options = flags.parse_args()
    rows = [["file", "package", "path", "author", "licence"]]
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(options.out, "w") as written:
        with zipfile.ZipFile(options.photos) as known:
            for name in known.namelist():
                written.writestr(name, known.read(name))
        for package, path, author, licence in sources(Path(folder)):
            with Image.open(path) as opened:
                photo = ImageOps.exif_transpose(opened).convert("RGB")
            photo.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS, reducing_gap=None)
            name, content = f"train/{package}-{path.stem}.png", io.BytesIO()
            photo.save(content, "PNG")
            written.writestr(name, content.getvalue())
            rows.append([name, package, path.name, author, licence])
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        written.writestr("SOURCES-added.csv", text.getvalue())
    print(f"{options.out}: {len(rows) - 1} photos added")


if __name__ == "__main__":
    main()
