"""Writing characters as a folder in the documented layout."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

from elegan.data.characters.character_set import CharacterSet
from elegan.data.characters.parts import COLOURS, KEY_POINTS, PARTS
from elegan.errors import EleganError, UsageError


def write_characters(characters: CharacterSet, folder: str | Path) -> None:
    """Writes a set as a folder in the documented layout; masks hold what is mostly seen.

    Raises:
        UsageError: the folder is there and not empty.
        EleganError: it cannot be written.
    """
    folder = Path(folder)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"The folder '{folder}' is not empty. Name another.")
        for name in ("images", "masks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        labels = {"0": "background"} | {str(n): part for n, part in enumerate(PARTS, 1)}
        for index, name in enumerate(characters.names):
            Image.fromarray(characters.images[index]).save(folder / "images" / f"{name}.png")
            _indexed(characters.maps[index]).save(folder / "masks" / f"{name}.png")
        _write_tables(characters, folder)
        meta = {"mask_labels": labels, "count": len(characters), "size": characters.resolution}
        meta |= {"license": {"text": characters.licence}, "style": characters.name}
        (folder / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
    except OSError as error:
        raise EleganError(f"Could not write '{folder}': {error.strerror or error}.") from error


def _indexed(maps: np.ndarray) -> Image.Image:
    rest = 255 - maps.sum(axis=0, dtype=np.int32)
    indices = np.concatenate([rest[None], maps]).argmax(axis=0).astype(np.uint8)
    image = Image.fromarray(indices, mode="P")
    shades = np.linspace(0, 1, len(PARTS) + 1)
    colours = 127 + 127 * np.sin(2 * np.pi * (5 * shades[:, None] + (0, 0.33, 0.67)))
    image.putpalette(colours.astype(np.uint8).ravel().tolist())
    return image


def _write_tables(characters: CharacterSet, folder: Path) -> None:
    size = characters.resolution
    landmarks = {
        name: {
            "points": {
                point: [round(float(value) * size, 3) for value in place]
                for point, place in zip(KEY_POINTS, characters.key_points[index], strict=True)
                if np.isfinite(place).all()
            }
        }
        for index, name in enumerate(characters.names)
    }
    text = json.dumps({"size": size, "landmarks": landmarks})
    (folder / "landmarks.json").write_text(text, encoding="utf-8")
    with open(folder / "labels.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = {**characters.attributes, **characters.variants}
        writer.writerow(["id", *columns, *(f"color_{slot}" for slot in COLOURS)])
        for index, name in enumerate(characters.names):
            colours = [
                f"#{bytes(colour).hex()}" if known else ""
                for colour, known in zip(
                    characters.palettes[index].tolist(),
                    characters.palette_known[index].tolist(),
                    strict=True,
                )
            ]
            writer.writerow([name, *(column[index] for column in columns.values()), *colours])
