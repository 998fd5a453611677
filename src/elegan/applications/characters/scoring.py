"""Scores of characters: maps, points and pictures beside those of held-out characters."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elegan.applications.characters.character_set import CharacterSet
from elegan.applications.characters.fitting import fault_of_maps
from elegan.applications.characters.folder import open_characters
from elegan.applications.characters.model import CharacterModel
from elegan.applications.characters.outlines import compose, iou
from elegan.applications.characters.parts import COLOURS, INDEX, PARTS
from elegan.applications.characters.planes import (
    fill_outlines,
    flat,
    from_premultiplied,
    on_white,
    strokes,
)
from elegan.applications.characters.renderer import drawn_characters
from elegan.metrics.distances import fit_gaussian, frechet_distance
from elegan.metrics.extractors import extractor_for
from elegan.metrics.image_quality import psnr
from elegan.settings import TrainSettings
from elegan.training.run_folder import RunFolder

Shares = NDArray[np.floating]

CLOSE = 0.05  # of the face's width, within which a point counts as found
SLOT_PARTS: dict[str, tuple[str, ...]] = {
    "hair": ("back-hair", "front-hair"),
    "skin": ("face", "neck"),
    "clothes": ("clothes",),
}
"""The flat areas of a picture that its colours tell apart; features are too small for that."""


def point_errors(found: Shares, truth: Shares, outlines: Shares) -> dict[str, float]:
    """Returns `nme`, the mean distance of known points as a share of the face's width, and `pck`,
    the share of them nearer than 5 % of it.

    Args:
        found, truth: [N, K, 2] in canvas units; truth is NaN where not known.
        outlines: true ones [N, P, 32, 2].
    """
    x = outlines[:, INDEX["face"], :, 0]
    widths = x.max(axis=1) - x.min(axis=1)
    distance = np.sqrt(((found - truth) ** 2).sum(axis=2)) / widths[:, None]
    known = np.isfinite(distance)
    return {
        "nme": float(distance[known].mean()),
        "pck": float((distance[known] < CLOSE).mean()),
        "points": int(known.sum()),
    }


def part_ious(found: Shares, truth: Shares) -> dict[str, float]:
    """Mean intersection over union of masks [N, P, H, W] for each part that occurs in the truth."""
    return {
        name: float(np.mean([iou(found[row, part], truth[row, part]) for row in rows]))
        for part, name in enumerate(PARTS)
        if len(rows := np.flatnonzero(truth[:, part].max(axis=(1, 2)) > 0))
    }


def seen_again(images: NDArray[np.uint8], visible: Shares, palettes: NDArray[np.uint8]) -> float:
    """Segments pictures anew by their colours and compares with the masks that they were made from.

    Each opaque pixel belongs to the slot (hair, skin, clothes) whose flat colour, or a shade of it,
    is nearest: colours are compared without their brightness for the better part. This needs no
    network that could favour one renderer; shading, lines and alike colours keep it below 1 for
    true pictures, whose figure is the ceiling.

    Images [N, R, R, 4], what is seen of each part [N, P, R, R] and palettes [N, 6, 3] -> the mean
    intersection over union over pictures and slots.
    """
    found = []
    slots = [COLOURS.index(slot) for slot in SLOT_PARTS]
    parts = [[INDEX[part] for part in parts] for parts in SLOT_PARTS.values()]
    for image, seen, palette in zip(images, visible, palettes, strict=True):
        masks = np.stack([seen[own].sum(axis=0) for own in parts])
        sure = masks.max(axis=0) > 0.5  # edges and features belong to no slot
        pixels = _hue_like(image[..., :3].astype(np.float64))
        centres = _hue_like(palette[slots].astype(np.float64))
        nearest = ((pixels[:, :, None] - centres) ** 2).sum(axis=3).argmin(axis=2)
        opaque = image[..., 3] > 127
        for place in range(len(slots)):
            truth = (masks.argmax(axis=0) == place) & sure
            again = (nearest == place) & opaque & sure
            if truth.any():
                found.append(iou(again.astype(float), truth.astype(float)))
    return float(np.mean(found))


def _hue_like(colours: Shares) -> Shares:
    """RGB [..., 3] -> two differences and a quarter of the brightness."""
    red, green, blue = np.moveaxis(colours, -1, 0)
    bright = (red + green + blue) / 3
    return np.stack([red - green, blue - (red + green) / 2, 0.25 * bright], axis=-1)


MAIN_PARTS = ("back-hair", "neck", "clothes", "face", "front-hair")
Outlines = dict[str, np.ndarray]
"""Points [32, 2] by part."""


def score(
    model: CharacterModel,
    data: str,
    *,
    n: int = 64,
    seed: int = 0,
    baselines: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Scores a model on characters whose parts it has not seen, with each stage swapped for truth.

    - `maps`: the share of drawn maps that are valid, beside that of true maps and by expression.
    - `points`: on true maps: NME and PCK@.05 of facial points, IoU of filled outlines for each
      part, beside that of the network's own, not fitted to the maps (`network`), and that of the
      true outlines' 32 points (`ceiling`).
    - `stages`: rows of where maps, points and picture come from ("truth", "model", "linear",
      "drawn", "flat"); PSNR
      on white and IoU of what is seen where there is a true picture, the Fréchet distance to other
      true pictures, and `seen_again` with that of true pictures as its ceiling.

    Args:
        data: "rendered", or a folder of characters; its split "test".
        n: characters of each row.
        baselines: pictures that came about in other ways, uint8 [N, R, R, 3], by name: each is a
            row of `stages` with its distance.
    """
    if data == "rendered":
        truth = drawn_characters(2 * n, model.resolution, split="test", seed=seed + 1)
    else:
        truth = open_characters(data, model.resolution, split="test")
    count = min(2 * n, len(truth)) // 2
    others = on_white(np.asarray(truth.images[count : min(2 * n, len(truth))]))
    truth = truth.chosen(np.arange(count))
    side = model.maps.side
    step = truth.resolution // side
    cells = (count, len(PARTS), side, step, side, step)
    small = (truth.whole_parts() / np.float32(255)).reshape(cells).mean(axis=(3, 5))
    found = [dict(model.find_points(maps)[0].outlines) for maps in small]
    valid, shares = _valid(model, n, seed)
    rows = [*_true_rows(model, truth, found), *_drawn_rows(model, valid)]
    linear = replace(model, maps=model.maps.linear())
    rows += _drawn_rows(linear, _valid(linear, n, seed)[0], "linear")[:1]
    for name, images in (baselines or {}).items():
        names = {"maps": "", "points": "", "picture": name}
        rows.append({**names, "images": images, "count": len(images)})
    extractor = extractor_for(None)
    reference = fit_gaussian(extractor.features(others))
    for row in rows:
        images = row.pop("images")
        opaque = on_white(images) if images.shape[-1] == 4 else images
        own = fit_gaussian(extractor.features(opaque))
        row[f"FD-{extractor.name}"] = frechet_distance(own, reference)
    real_valid = np.mean([fault_of_maps(maps) is None for maps in small])
    return {
        "task": model.config["task"],
        "data": data,
        "characters": count,
        "drawn": n,
        "maps": {
            "valid": len(valid) / n,
            "valid_of_truth": float(real_valid),
            "valid_of_expressions": shares,
        },
        "points": _points(model, truth, small, found),
        "stages": rows,
    }


def _valid(
    model: CharacterModel, n: int, seed: int
) -> tuple[list[tuple[np.ndarray, dict[str, str]]], dict[str, float]]:
    """Draws maps; returns the valid ones with their attributes, and their share by expression."""
    drawn, codes = model.maps.draw(range(n), seed=seed)
    told = [model.maps.values_of(code) for code in codes]
    good = [model.fault(*pair) is None for pair in zip(drawn, told, strict=True)]
    by_expression: dict[str, list[bool]] = {}
    for attributes, is_good in zip(told, good, strict=True):
        if "expression" in attributes:
            by_expression.setdefault(attributes["expression"], []).append(is_good)
    pairs = zip(drawn, told, good, strict=True)
    shares = {name: float(np.mean(found)) for name, found in sorted(by_expression.items())}
    return [(planes, attributes) for planes, attributes, is_good in pairs if is_good], shares


def _points(
    model: CharacterModel, truth: CharacterSet, small: np.ndarray, found: list[Outlines]
) -> dict[str, Any]:
    facial, network = model.predict_points(small)
    whole = truth.whole_parts() / np.float32(255)
    ways = {
        "iou": found,
        "iou_network": [truth.outlines_of(row, own) for row, own in enumerate(network)],
        "iou_ceiling": [truth.outlines_of(row) for row in range(len(truth))],
    }
    scores: dict[str, Any] = point_errors(facial, truth.key_points, truth.outlines)
    for name, ways_outlines in ways.items():
        masks = [fill_outlines(outlines, truth.resolution) for outlines in ways_outlines]
        scores[name] = part_ious(np.stack(masks), whole)
        scores[name.replace("iou", "iou_main")] = _of_main_parts(scores[name])
    return scores


def _of_main_parts(ious: Mapping[str, float]) -> float:
    return float(np.mean([ious[name] for name in MAIN_PARTS if name in ious]))


def _true_rows(
    model: CharacterModel, truth: CharacterSet, found: list[Outlines]
) -> list[dict[str, Any]]:
    """Rows of true pictures, and of pictures made of true outlines and of those found."""
    whole, palettes = truth.maps / np.float32(255), np.asarray(truth.palettes)
    pictures = np.asarray(truth.images)
    rows = [_row("truth", "truth", "truth", pictures, whole, palettes)]
    own = [truth.outlines_of(row) for row in range(len(truth))]
    for points, outlines in (("truth", own), ("model", found)):
        masks = [fill_outlines(parts, truth.resolution) for parts in outlines]
        seen = np.stack([compose(parts) for parts in masks])
        lines = [strokes(*pair) for pair in zip(outlines, masks, strict=True)]
        inputs = zip(seen, lines, palettes, strict=True)
        made = np.stack([model.render_masks(*planes) for planes in inputs])
        for picture, images in (("model", made), ("flat", _flat(seen, palettes))):
            pairs = zip(on_white(images), on_white(pictures), strict=True)
            scores = {"psnr": float(np.mean([psnr(*pair) for pair in pairs]))}
            scores["iou"] = _of_main_parts(part_ious(seen, whole))
            rows.append(_row("truth", points, picture, images, seen, palettes, **scores))
    return rows


def _drawn_rows(
    model: CharacterModel, valid: list[tuple[np.ndarray, dict[str, str]]], maps: str = "model"
) -> list[dict[str, Any]]:
    """Rows of characters made of valid maps that the model drew."""
    found = [model.from_planes(planes, attributes=told) for planes, told in valid]
    made = [character for character in found if character is not None]
    if len(made) < 2:
        return []
    masks = [fill_outlines(character.points.outlines, model.resolution) for character in made]
    seen = np.stack([compose(parts) for parts in masks])
    palettes = [[character.points.palette[slot] for slot in COLOURS] for character in made]
    own = np.array(palettes, np.uint8)
    pictures = {
        "model": np.stack([character.image for character in made]),
        "flat": _flat(seen, own),
    }
    if model.draws:
        sharp = np.stack([model.finished(character, model.resolution) for character in made])
        pictures = {"drawn": sharp, **pictures}
    return [_row(maps, "model", name, images, seen, own) for name, images in pictures.items()]


def _row(
    maps: str,
    points: str,
    picture: str,
    images: np.ndarray,
    seen: np.ndarray,
    palettes: np.ndarray,
    **scores: float,
) -> dict[str, Any]:
    row: dict[str, Any] = {"maps": maps, "points": points, "picture": picture, "images": images}
    row |= {"count": len(images), **scores}
    return {**row, "seen_again": seen_again(images, seen, palettes)}


def _flat(seen: np.ndarray, palettes: np.ndarray) -> np.ndarray:
    pictures = []
    for visible, palette in zip(seen, palettes, strict=True):
        colours, opacity = flat(visible, palette)
        planes = np.concatenate([colours, opacity[None]]).transpose(1, 2, 0)
        pictures.append(from_premultiplied(planes * 2 - 1))
    return np.stack(pictures)


def format_characters(scores: Mapping[str, Any]) -> str:
    """Returns `score` as text for a terminal."""
    maps, points = scores["maps"], scores["points"]
    lines = [
        f"{scores['characters']} true characters of unseen parts, {scores['drawn']} maps drawn",
        f"valid maps        {maps['valid']:.1%} (true ones {maps['valid_of_truth']:.1%})",
        f"facial points     NME {points['nme']:.2%} of the face's width, PCK@.05"
        f" {points['pck']:.1%}",
        f"outlines          IoU {points['iou_main']:.3f} of main parts (network alone"
        f" {points['iou_main_network']:.3f}, 32 true points {points['iou_main_ceiling']:.3f})",
        f"{'maps':<8}{'points':<8}{'picture':<9}{'PSNR':>7}{'IoU':>7}{'again':>7}{'FD':>9}   n",
    ]
    for row in scores["stages"]:
        distance = next(value for name, value in row.items() if name.startswith("FD-"))
        shapes = {"psnr": ".2f", "iou": ".3f", "seen_again": ".3f"}
        told = [format(row[name], shapes[name]) if name in row else "-" for name in shapes]
        lines.append(
            f"{row['maps']:<8}{row['points']:<8}{row['picture']:<9}"
            f"{''.join(f'{value:>7}' for value in told)}{distance:>9.3g}{row['count']:>4}"
        )
    return "\n".join(lines)


def score_run(folder: RunFolder, settings: TrainSettings) -> str:
    """Keeps what a stage's last snapshot measured as scores.json, and returns it as text."""
    events = folder.read_events()
    snapshots = [event for event in events if event["event"] == "snapshot" and "scores" in event]
    last: dict[str, Any] = snapshots[-1] if snapshots else {"scores": {}}
    folder.write_json("scores.json", {"images_seen": events[-1]["images"], **last["scores"]})
    return "\n".join(f"{name:<28}{value:.3f}" for name, value in last["scores"].items())
