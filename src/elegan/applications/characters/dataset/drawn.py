"""Sets of characters that the renderer draws, kept in the cache."""

import hashlib
from collections.abc import Callable

import numpy as np

from elegan.applications.characters.dataset import character_set
from elegan.applications.characters.dataset.character_set import CharacterSet
from elegan.applications.characters.drawing.plan import ATTRIBUTES, HELD_OUT, plan_character
from elegan.applications.characters.drawing.renderer import render
from elegan.applications.characters.parts import COLOURS, KEY_POINTS, PARTS
from elegan.applications.characters.tracing import POINTS, resample
from elegan.common.errors import UsageError
from elegan.data import cache

VERSION = 1  # a change of what the renderer draws raises it
_VARIANTS = tuple(HELD_OUT)


def drawn_characters(
    count: int,
    resolution: int,
    *,
    split: str = "train",
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> CharacterSet:
    """Draws characters, or takes them from the cache.

    Args:
        count: of characters, two or more.
        resolution: pixels a side.
        split: "train" and "test" have no variant of a part in common; "all" has any.
        seed: the same gives the same characters, and more of them the same first ones.
        progress: told how many are drawn, now and then.

    Raises:
        UsageError: the count or the split is wrong.
        EleganError: the cache cannot be written.
    """
    if count < 2:
        raise UsageError(f"{count} character teaches nothing. Ask for two or more.")
    key = cache.content_key("characters", VERSION, count, resolution, split, seed)
    if cache.find(key) is None:
        characters = _draw(count, resolution, split, seed, progress)
        with cache.new_entry(key) as folder:
            character_set.save(folder, characters)
    return character_set.load(cache.entry_path(key))


def _draw(
    count: int, resolution: int, split: str, seed: int, progress: Callable[[int], None] | None
) -> CharacterSet:
    square = (resolution, resolution)
    images = np.empty((count, *square, 4), np.uint8)
    maps = np.empty((count, len(PARTS), *square), np.uint8)
    amodal = np.empty_like(maps)
    lines = np.empty((count, *square), np.uint8)
    outlines = np.full((count, len(PARTS), POINTS, 2), np.nan, np.float32)
    key_points = np.empty((count, len(KEY_POINTS), 2), np.float32)
    seen = np.empty((count, len(KEY_POINTS)), bool)
    palettes = np.empty((count, len(COLOURS), 3), np.uint8)
    attributes = []
    for index in range(count):
        one = render(plan_character(seed, index, split=split), resolution)
        images[index] = one.image
        maps[index], amodal[index] = to_bytes(one.visible), to_bytes(one.amodal)
        lines[index] = to_bytes(one.lines)
        for part, polygon in enumerate(one.outlines):
            if polygon is not None:
                outlines[index, part] = resample(polygon, POINTS, spacing="even")
        key_points[index], seen[index] = one.key_points, one.seen
        palettes[index] = one.palette
        attributes.append(one.attributes)
        if progress and index % 100 == 99:
            progress(index + 1)
    columns = {name: np.array([one[name] for one in attributes]) for name in ATTRIBUTES}
    return CharacterSet(
        name="drawn",
        split=split,
        names=tuple(f"{seed}-{index:06d}" for index in range(count)),
        images=images,
        maps=maps,
        known=np.ones(len(PARTS), bool),
        amodal=amodal,
        lines=lines,
        outlines=outlines,
        key_points=key_points,
        seen=seen,
        palettes=palettes,
        palette_known=np.ones(palettes.shape[:2], bool),
        attributes=columns,
        variants={name: columns[name] for name in _VARIANTS},
        notes=(f"Drawn by the renderer, version {VERSION}, seed {seed}.",),
        hash=hash_of(images, maps),
    )


def to_bytes(shares: np.ndarray) -> np.ndarray:
    """Turns shares in 0..1 into uint8 of 255."""
    return (shares * 255 + 0.5).astype(np.uint8)


def hash_of(images: np.ndarray, maps: np.ndarray) -> str:
    """Returns the SHA-256 (hex) of images and maps with their shapes."""
    digest = hashlib.sha256(repr((images.shape, maps.shape)).encode())
    digest.update(np.ascontiguousarray(images).data)
    digest.update(np.ascontiguousarray(maps).data)
    return digest.hexdigest()
