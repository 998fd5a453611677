"""Reading characters from a folder in the documented layout."""

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image

from elegan.applications.characters.colours import HAIR, SKIN, nearest_name
from elegan.applications.characters.dataset import character_set
from elegan.applications.characters.dataset.character_set import CharacterSet
from elegan.applications.characters.dataset.drawn import hash_of
from elegan.applications.characters.dataset.layout import (
    ALIASES,
    ATTRIBUTE_NAMES,
    PAIRS,
    UNLIKE,
    Layout,
    read_layout,
)
from elegan.applications.characters.parts import COLOURS, INDEX, KEY_POINTS, PARTS
from elegan.applications.characters.tracing import POINTS, outline
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
            character_set.save(folder, characters)
    everything = character_set.load(cache.entry_path(key))
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
    chosen = characters.chosen(indices)
    return CharacterSet(**{**vars(chosen), "split": split})


def _read(layout: Layout, resolution: int) -> CharacterSet:
    names, notes = [], []
    rows: dict[str, list[np.ndarray]] = {"images": [], "maps": [], "palettes": [], "known": []}
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
            maps, odd = _maps(layout, name, mask, resolution)
            if odd:
                unlike += 1
                continue
            pixels = _resized(image, resolution)
            palette, known = _palette(layout.labels.get(name, {}), pixels, maps)
            names.append(name)
            for column, value in zip(rows, (pixels, maps, palette, known), strict=True):
                rows[column].append(value)
    if len(names) < 2:
        raise EleganError(f"'{layout.name}' has {len(names)} character that can be used.")
    if unlike:
        notes.append(f"{unlike:,} characters with {' or '.join(UNLIKE)} are left out.")
    images, maps = np.stack(rows["images"]), np.stack(rows["maps"])
    key_points = _key_points(layout, names)
    attributes, variants = _columns(layout, names, np.stack(rows["palettes"]), rows["known"])
    return CharacterSet(
        name=layout.name,
        split="all",
        names=tuple(names),
        images=images,
        maps=maps,
        known=_known(layout),
        amodal=None,
        lines=None,
        outlines=_outlines(maps),
        key_points=key_points,
        seen=_seen(key_points, maps),
        palettes=np.stack(rows["palettes"]),
        palette_known=np.stack(rows["known"]),
        attributes=attributes,
        variants=variants,
        notes=tuple(notes),
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


def _maps(layout: Layout, name: str, mask: Image.Image, resolution: int) -> tuple[np.ndarray, bool]:
    """Turns a mask of indices into maps uint8 [P, R, R]; and whether it has what we cannot draw."""
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
            return maps, True
        here = indices == index
        if part in PAIRS:
            left, right = PAIRS[part]
            middle = _middle(layout, name) * indices.shape[1]
            on_left = np.arange(indices.shape[1]) + 0.5 < middle
            maps[INDEX[left]] |= here & on_left
            maps[INDEX[right]] |= here & ~on_left
        elif target := ALIASES.get(part, part):
            maps[INDEX[target]] |= here
    if indices.shape == (resolution, resolution):
        return maps.astype(np.uint8) * 255, False
    method = _method(max(indices.shape), resolution)
    sized = [
        np.asarray(
            Image.fromarray(one.astype(np.uint8) * 255).resize((resolution, resolution), method)
        )
        for one in maps
    ]
    return np.stack(sized), False


def _middle(layout: Layout, name: str) -> float:
    """The x between the eyes, that tells left from right."""
    places = layout.landmarks[name]
    try:
        return (places["eye-left"][0] + places["eye-right"][0]) / 2
    except KeyError:
        raise EleganError(
            f"landmarks.json has no places of both eyes of '{name}', which tell the left from the"
            " right in its mask."
        ) from None


def _method(side: int, resolution: int) -> Image.Resampling:
    return Image.Resampling.BOX if side >= resolution else Image.Resampling.BILINEAR


def _resized(image: Image.Image, resolution: int) -> np.ndarray:
    if image.size == (resolution, resolution):
        return np.asarray(image)
    method, size = _method(max(image.size), resolution), (resolution, resolution)
    # Premultiplied, so that what is transparent lends no colour to its neighbours.
    return np.asarray(image.convert("RGBa").resize(size, method).convert("RGBA"))


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


def _known(layout: Layout) -> np.ndarray:
    known = np.zeros(len(PARTS), bool)
    for name in layout.mask_names.values():
        for part in PAIRS.get(name, (ALIASES.get(name, name),)):
            if part in INDEX:
                known[INDEX[part]] = True
    return known


def _outlines(maps: np.ndarray) -> np.ndarray:
    outlines = np.full((*maps.shape[:2], POINTS, 2), np.nan, np.float32)
    for index, parts in enumerate(maps):
        for part, one in enumerate(parts):
            if one.any() and (points := outline(one / 255, POINTS, spacing="even")) is not None:
                outlines[index, part] = points
    return outlines


def _key_points(layout: Layout, names: list[str]) -> np.ndarray:
    points = np.full((len(names), len(KEY_POINTS), 2), np.nan, np.float32)
    for index, name in enumerate(names):
        for place, point in enumerate(KEY_POINTS):
            if point in layout.landmarks[name]:
                points[index, place] = layout.landmarks[name][point]
    return points


def _seen(points: np.ndarray, maps: np.ndarray) -> np.ndarray:
    known = np.isfinite(points).all(axis=2)
    side = maps.shape[2]
    place = np.clip(np.nan_to_num(points) * side, 0, side - 1).astype(np.int64)
    hair = maps[np.arange(len(points))[:, None], INDEX["front-hair"], place[..., 1], place[..., 0]]
    return known & (hair < 128)


def _columns(
    layout: Layout, names: list[str], palettes: np.ndarray, known: list[np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Attributes that a person may ask for, and variants as the labels name them."""
    columns = list(next(iter(layout.labels.values()), {}))
    variants, attributes = {}, {}
    for column in columns:
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
        if attribute not in attributes and all(one[place] for one in known):
            attributes[attribute] = np.array([nearest_name(one[place], table) for one in palettes])
    return attributes, variants
