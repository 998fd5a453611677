"""Characters in a folder of the documented layout: read, and written."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from elegan.applications.characters.character_set import CharacterSet, hash_of, load, save
from elegan.applications.characters.layout import (
    ALIASES,
    ATTRIBUTE_NAMES,
    PAIRS,
    UNLIKE,
    Layout,
    read_layout,
)
from elegan.applications.characters.outlines import POINTS, outline
from elegan.applications.characters.parts import (
    COLOURS,
    HAIR,
    INDEX,
    KEY_POINTS,
    PARTS,
    SKIN,
    nearest_name,
)
from elegan.common.errors import EleganError, UsageError
from elegan.data import cache, files

VERSION = 1  # a change of how folders are read raises it
HELD_OUT_EACH = 5  # of the sorted variants of hair, each fifth is for testing
_SPLIT_BY = ("hair-style", "hair")


def open_characters(data: str, resolution: int, *, split: str = "train") -> CharacterSet:
    """Opens a folder or zip of characters, reading it on first use.

    Args:
        data: a folder or a zip, or the name of one in $ELEGAN_DATA.
        resolution: pixels a side of what is returned.
        split: "train" and "test" have no hair in common, where labels.csv tells hair apart;
            "all" is everything.

    Raises:
        UsageError: there is no such data, or the split is unknown or empty.
        EleganError: something in it is missing or cannot be read; the message says which file.
    """
    if split not in ("train", "test", "all"):
        raise UsageError(f"Unknown split '{split}'. Known: train, test, all.")
    layout = read_layout(data)
    key = cache.content_key("character folder", VERSION, layout.name, layout.stamp, resolution)
    if cache.find(key) is None:
        characters = _read(layout, resolution)
        with cache.new_entry(key) as folder:
            save(folder, characters)
    everything = load(cache.entry_path(key))
    return everything if split == "all" else _of_split(everything, split)


def _of_split(characters: CharacterSet, split: str) -> CharacterSet:
    column = next((characters.variants[n] for n in _SPLIT_BY if n in characters.variants), None)
    if column is None:
        held = np.arange(len(characters)) % HELD_OUT_EACH == HELD_OUT_EACH - 1
    else:
        held = np.isin(column, np.unique(column)[HELD_OUT_EACH - 1 :: HELD_OUT_EACH])
    indices = np.flatnonzero(held == (split == "test"))
    if not len(indices):
        raise UsageError(
            f"'{characters.name}' has too few variants of hair for a split '{split}'. Use 'all'."
        )
    return replace(characters.chosen(indices), split=split)


def _read(layout: Layout, resolution: int) -> CharacterSet:
    names: list[str] = []
    rows: list[tuple[np.ndarray, ...]] = []
    unlike = 0
    with files.reader(layout.archive) as read:
        for name in layout.ids:
            image = _opened(layout, read, layout.images[name], "RGBA")
            mask = _opened(layout, read, layout.masks[name], "")
            if mask.size != image.size:
                raise EleganError(
                    f"The mask of '{name}' is {mask.width}x{mask.height} pixels, its image"
                    f" {image.width}x{image.height}. A mask must have the image's size."
                )
            maps = _maps(layout, name, mask, resolution)
            if maps is None:
                unlike += 1
                continue
            if image.size != (resolution, resolution):
                # Premultiplied, so that what is transparent lends no colour to its neighbours.
                size, method = (resolution, resolution), _method(max(image.size), resolution)
                image = image.convert("RGBa").resize(size, method).convert("RGBA")
            pixels = np.asarray(image)
            names.append(name)
            rows.append((pixels, maps, *_palette(layout.labels.get(name, {}), pixels, maps)))
    if len(names) < 2:
        raise EleganError(f"'{layout.name}' has {len(names)} character that can be used.")
    left_out = f"{unlike:,} characters with {' or '.join(UNLIKE)} are left out."
    images, maps, palettes, known = (np.stack(column) for column in zip(*rows, strict=True))
    outlines = np.full((*maps.shape[:2], POINTS, 2), np.nan, np.float32)
    for index, part in np.argwhere(maps.any(axis=(2, 3))):
        if (points := outline(maps[index, part] / 255)) is not None:
            outlines[index, part] = points
    landmarks, missing = [layout.landmarks[name] for name in names], (np.nan, np.nan)
    places = [[marks.get(point, missing) for point in KEY_POINTS] for marks in landmarks]
    key_points = np.array(places, np.float32)
    told = [PAIRS.get(name, (ALIASES.get(name, name),)) for name in layout.mask_names.values()]
    attributes, variants = _columns(layout, names, palettes, known)
    return CharacterSet(
        name=layout.name,
        split="all",
        names=tuple(names),
        images=images,
        maps=maps,
        known=np.isin(PARTS, [part for parts in told for part in parts]),
        amodal=None,
        lines=None,
        outlines=outlines,
        key_points=key_points,
        seen=_seen(key_points, maps),
        palettes=palettes,
        palette_known=known,
        attributes=attributes,
        variants=variants,
        notes=(left_out,) if unlike else (),
        licence=layout.licence,
        hash=hash_of(images, maps),
    )


def _opened(layout: Layout, read: Callable[[Any], bytes], entry: Any, mode: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(read(entry)), formats=["PNG"])
        image.load()
        if not mode and image.mode not in ("P", "L"):
            raise EleganError(
                f"The mask '{entry.name}' is {image.mode}, but must be a palette or gray PNG whose"
                " values are the indices in meta.json."
            )
        return image.convert(mode) if mode else image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise EleganError(
            f"'{entry.name}' in '{layout.name}' cannot be read: {error}. Save it as PNG."
        ) from error


def _maps(layout: Layout, name: str, mask: Image.Image, resolution: int) -> np.ndarray | None:
    """Turns a mask of indices into maps uint8 [P, R, R]; None where it has what is not drawn."""
    indices = np.asarray(mask)
    maps = np.zeros((len(PARTS), *indices.shape), bool)
    for index in np.unique(indices).tolist():
        if index not in layout.mask_names:
            raise EleganError(
                f"The mask of '{name}' has the index {index}, which meta.json does not name. Named:"
                f" {', '.join(map(str, layout.mask_names))}."
            )
        part = layout.mask_names[index]
        if part in UNLIKE:
            return None
        here = indices == index
        if part in PAIRS:
            left, right = PAIRS[part]
            places = layout.landmarks[name]
            if "eye-left" not in places or "eye-right" not in places:
                raise EleganError(
                    f"landmarks.json has no places of both eyes of '{name}', which tell the left"
                    " from the right in its mask."
                )
            middle = (places["eye-left"][0] + places["eye-right"][0]) / 2 * indices.shape[1]
            on_left = np.arange(indices.shape[1]) + 0.5 < middle
            maps[INDEX[left]] |= here & on_left
            maps[INDEX[right]] |= here & ~on_left
        elif target := ALIASES.get(part, part):
            maps[INDEX[target]] |= here
    whole = maps.astype(np.uint8) * 255
    if indices.shape == (resolution, resolution):
        return whole
    size, method = (resolution, resolution), _method(max(indices.shape), resolution)
    return np.stack([np.asarray(Image.fromarray(part).resize(size, method)) for part in whole])


def _method(side: int, resolution: int) -> Image.Resampling:
    return Image.Resampling.BOX if side >= resolution else Image.Resampling.BILINEAR


def _palette(
    labels: Mapping[str, str], pixels: np.ndarray, maps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Colours from the labels, else the median of what is surely that part."""
    palette = np.zeros((len(COLOURS), 3), np.uint8)
    known = np.zeros(len(COLOURS), bool)
    parts = {"skin": "face", "hair": "front-hair", "mouth": "mouth", "clothes": "clothes"}
    for slot, colour in enumerate(COLOURS):
        if written := labels.get(f"color_{colour}"):
            palette[slot] = tuple(bytes.fromhex(written.removeprefix("#")))
            known[slot] = True
        elif colour in parts:
            inside = maps[INDEX[parts[colour]]] > 127
            if inside.sum() >= 4:
                palette[slot] = np.median(pixels[inside, :3], axis=0)
                known[slot] = True
    return palette, known


def _seen(points: np.ndarray, maps: np.ndarray) -> np.ndarray:
    known = np.isfinite(points).all(axis=2)
    side = maps.shape[2]
    place = np.clip(np.nan_to_num(points) * side, 0, side - 1).astype(np.int64)
    hair = maps[np.arange(len(points))[:, None], INDEX["front-hair"], place[..., 1], place[..., 0]]
    return known & (hair < 128)


def _columns(
    layout: Layout, names: list[str], palettes: np.ndarray, known: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Attributes that a person may ask for, and variants as the labels name them."""
    variants, attributes = {}, {}
    for column in next(iter(layout.labels.values()), {}):
        if not column or column == "id" or column.startswith("color_"):
            continue
        values = np.array([layout.labels[name].get(column) or "none" for name in names])
        renamed = ATTRIBUTE_NAMES.get(column, column)
        variants[renamed] = values
        # Numbered drawings of one kind are one thing to ask for: long01, long02 ... are long.
        plain = [value.rstrip("0123456789") or value for value in values.tolist()]
        kinds = np.array(["some" if value == "variant" else value for value in plain])
        if len(np.unique(kinds)) > 1:
            attributes[renamed] = kinds
    for attribute, slot, table in (("hair-colour", "hair", HAIR), ("skin", "skin", SKIN)):
        place = COLOURS.index(slot)
        if attribute not in attributes and known[:, place].all():
            nearest = [nearest_name(colour, table) for colour in palettes[:, place]]
            attributes[attribute] = np.array(nearest)
    return attributes, variants


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
        shades = np.linspace(0, 1, len(PARTS) + 1)
        colours = 127 + 127 * np.sin(2 * np.pi * (5 * shades[:, None] + (0, 0.33, 0.67)))
        labels = {"0": "background"} | {str(n): part for n, part in enumerate(PARTS, 1)}
        for index, name in enumerate(characters.names):
            Image.fromarray(characters.images[index]).save(folder / "images" / f"{name}.png")
            rest = 255 - characters.maps[index].sum(axis=0, dtype=np.int32)
            indices = np.concatenate([rest[None], characters.maps[index]]).argmax(axis=0)
            mask = Image.fromarray(indices.astype(np.uint8), mode="P")
            mask.putpalette(colours.astype(np.uint8).ravel().tolist())
            mask.save(folder / "masks" / f"{name}.png")
        _write_tables(characters, folder)
        meta = {"mask_labels": labels, "count": len(characters), "size": characters.resolution}
        meta |= {"license": {"text": characters.licence}, "style": characters.name}
        (folder / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
    except OSError as error:
        raise EleganError(f"Could not write '{folder}': {error.strerror or error}.") from error


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
            pairs = zip(characters.palettes[index], characters.palette_known[index], strict=True)
            colours = [f"#{bytes(colour).hex()}" if known else "" for colour, known in pairs]
            writer.writerow([name, *(column[index] for column in columns.values()), *colours])
