"""Scores of characters: maps, points and pictures beside those of held-out characters."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elegan.applications.characters.dataset.character_set import CharacterSet
from elegan.applications.characters.dataset.drawn import drawn_characters
from elegan.applications.characters.dataset.folder import open_characters
from elegan.applications.characters.model import CharacterModel
from elegan.applications.characters.outlines import compose, iou
from elegan.applications.characters.parts import COLOURS, INDEX, PARTS
from elegan.applications.characters.planes import (
    fault_of_maps,
    fill_outlines,
    flat,
    from_premultiplied,
    on_white,
    strokes,
    whole_parts,
)
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


def face_widths(outlines: Shares) -> Shares:
    """Outlines [N, P, 32, 2] -> the width of each face [N], in canvas units."""
    x = outlines[:, INDEX["face"], :, 0]
    return x.max(axis=1) - x.min(axis=1)


def point_errors(found: Shares, truth: Shares, widths: Shares) -> dict[str, float]:
    """Returns `nme`, the mean distance of known points as a share of the face's width, and `pck`,
    the share of them nearer than 5 % of it.

    Args:
        found, truth: [N, K, 2] in canvas units; truth is NaN where not known.
        widths: [N], of the faces.
    """
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


def seen_again(
    images: NDArray[np.uint8], visible: Shares, colours: Mapping[str, NDArray[np.uint8]]
) -> float:
    """Segments pictures anew by their colours and compares with the masks that they were made from.

    Each opaque pixel belongs to the slot (hair, skin, clothes) whose flat colour, or a shade of it,
    is nearest: colours are compared without their brightness for the better part. This needs no
    network that could favour one renderer; shading, lines and alike colours keep it below 1 for
    true pictures, whose figure is the ceiling.

    Args:
        images: [N, R, R, 4].
        visible: [N, P, R, R], what is seen of each part.
        colours: of each slot [N, 3].

    Returns:
        the mean intersection over union over pictures and slots.
    """
    found = []
    slots = list(SLOT_PARTS)
    for row, image in enumerate(images):
        parts = [[INDEX[one] for one in SLOT_PARTS[slot]] for slot in slots]
        masks = np.stack([visible[row, own].sum(axis=0) for own in parts])
        sure = masks.max(axis=0) > 0.5  # edges and features belong to no slot
        pixels = _hue_like(image[..., :3].astype(np.float64))
        centres = np.stack([_hue_like(colours[slot][row].astype(np.float64)) for slot in slots])
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
_DRAWN = "rendered"


def score(
    model: CharacterModel,
    data: str,
    *,
    n: int = 64,
    seed: int = 0,
    baselines: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Scores a model on characters whose parts it has not seen, with each stage swapped for truth.

    - `maps`: the share of drawn maps that are valid, beside that of true maps.
    - `points`: on true maps: NME and PCK@.05 of facial points, IoU of filled outlines for each
      part, beside that of the network's own, not fitted to the maps (`network`), and that of the
      true outlines' 32 points (`ceiling`).
    - `stages`: rows of where maps, points and picture come from ("truth", "model", "flat"); PSNR
      on white and IoU of what is seen where there is a true picture, the Fréchet distance to other
      true pictures, and `seen_again` with that of true pictures as its ceiling.

    Args:
        data: "rendered", or a folder of characters; its split "test".
        n: characters of each row.
        baselines: pictures that came about in other ways, uint8 [N, R, R, 3], by name: each is a
            row of `stages` with its distance.
    """
    truth = _truth(data, 2 * n, model.resolution, seed)
    count = len(truth) // 2
    others = on_white(np.asarray(truth.images[count:]))
    truth = truth.chosen(np.arange(count))
    side = model.maps.side
    step = truth.resolution // side
    cells = (count, len(PARTS), side, step, side, step)
    small = (whole_parts(truth) / np.float32(255)).reshape(cells).mean(axis=(3, 5))
    drawn, _ = model.maps.draw(range(n), seed=seed)
    found = [dict(model.find_points(one)[0].outlines) for one in small]
    rows, drawn_valid = _rows(model, truth, found, drawn)
    for name, images in (baselines or {}).items():
        rows.append({"maps": "", "points": "", "picture": name, "images": images})
        rows[-1]["count"] = len(images)
    extractor = extractor_for(None)
    reference = fit_gaussian(extractor.features(others))
    for row in rows:
        images = row.pop("images")
        row[f"FD-{extractor.name}"] = frechet_distance(
            fit_gaussian(extractor.features(_opaque(images))), reference
        )
    real_valid = np.mean([fault_of_maps(one) is None for one in small])
    return {
        "task": model.config["task"],
        "data": data,
        "characters": count,
        "drawn": n,
        "maps": {"valid": drawn_valid, "valid_of_truth": float(real_valid)},
        "points": _points(model, truth, small, found),
        "stages": rows,
    }


def _opaque(images: np.ndarray) -> np.ndarray:
    return on_white(images) if images.shape[-1] == 4 else images


def _truth(data: str, count: int, resolution: int, seed: int) -> CharacterSet:
    if data == _DRAWN:
        return drawn_characters(count, resolution, split="test", seed=seed + 1)
    found = open_characters(data, resolution, split="test")
    return found.chosen(np.arange(min(count, len(found))))


def _points(
    model: CharacterModel,
    truth: CharacterSet,
    small: np.ndarray,
    found: list[dict[str, np.ndarray]],
) -> dict[str, Any]:
    facial, network = model.predict_points(small)
    whole = whole_parts(truth) / np.float32(255)
    rows = range(len(truth))
    ways = {
        "iou": found,
        "iou_network": [_named(network[row], truth, row) for row in rows],
        "iou_ceiling": [_named(truth.outlines[row], truth, row) for row in rows],
    }
    scores: dict[str, Any] = point_errors(facial, truth.key_points, face_widths(truth.outlines))
    for name, outlines in ways.items():
        masks = np.stack([fill_outlines(one, truth.resolution) for one in outlines])
        scores[name] = part_ious(masks, whole)
        main = [scores[name][part] for part in MAIN_PARTS if part in scores[name]]
        scores[name.replace("iou", "iou_main")] = float(np.mean(main))
    return scores


def _named(outlines: np.ndarray, truth: CharacterSet, row: int) -> dict[str, np.ndarray]:
    """The outlines [P, 32, 2] of the parts that a true character has, by name."""
    there = np.isfinite(truth.outlines[row]).all(axis=(1, 2))
    return {name: outlines[place] for place, name in enumerate(PARTS) if there[place]}


def _rows(
    model: CharacterModel,
    truth: CharacterSet,
    found: list[dict[str, np.ndarray]],
    drawn: np.ndarray,
) -> tuple[list[dict[str, Any]], float]:
    """The end-to-end table; and the share of drawn maps that are valid."""
    whole = truth.maps / np.float32(255)
    size = truth.resolution
    sources: dict[tuple[str, str], list[dict[str, np.ndarray]]] = {
        ("truth", "truth"): [_named(truth.outlines[row], truth, row) for row in range(len(truth))],
        ("truth", "model"): found,
    }
    rows = []
    palettes = np.asarray(truth.palettes)
    pictures = np.asarray(truth.images)
    rows.append(_row("truth", "truth", "truth", pictures, truth, whole, palettes, whole))
    for (maps, points), outlines in sources.items():
        masks = [fill_outlines(one, size) for one in outlines]
        seen = np.stack([compose(one) for one in masks])
        lines = np.stack([strokes(a, b) for a, b in zip(outlines, masks, strict=True)])
        made = np.stack(
            [model.render_masks(*one) for one in zip(seen, lines, palettes, strict=True)]
        )
        rows.append(_row(maps, points, "model", made, truth, seen, palettes, whole))
        rows.append(_row(maps, points, "flat", _flat(seen, palettes), truth, seen, palettes, whole))
    valid = [one for one in drawn if fault_of_maps(one[: len(PARTS)]) is None]
    characters = [made for one in valid if (made := model.from_planes(one)) is not None]
    if len(characters) > 1:
        seen = np.stack([compose(fill_outlines(one.points.outlines, size)) for one in characters])
        own = np.array([[one.points.palette[s] for s in COLOURS] for one in characters], np.uint8)
        made = np.stack([one.image for one in characters])
        rows.append(_row("model", "model", "model", made, None, seen, own, None))
        rows.append(_row("model", "model", "flat", _flat(seen, own), None, seen, own, None))
    return rows, len(valid) / len(drawn)


def _row(
    maps: str,
    points: str,
    picture: str,
    images: np.ndarray,
    truth: CharacterSet | None,
    seen: np.ndarray,
    palettes: np.ndarray,
    whole: np.ndarray | None,
) -> dict[str, Any]:
    row: dict[str, Any] = {"maps": maps, "points": points, "picture": picture, "images": images}
    row["count"] = len(images)
    if truth is not None and whole is not None and picture != "truth":
        both = zip(on_white(images), on_white(np.asarray(truth.images)), strict=True)
        row["psnr"] = float(np.mean([psnr(one, other) for one, other in both]))
        ious = part_ious(seen, whole)
        row["iou"] = float(np.mean([ious[name] for name in MAIN_PARTS if name in ious]))
    colours = {slot: palettes[:, COLOURS.index(slot)] for slot in ("hair", "skin", "clothes")}
    row["seen_again"] = seen_again(images, seen, colours)
    return row


def _flat(seen: np.ndarray, palettes: np.ndarray) -> np.ndarray:
    pictures = []
    for one, palette in zip(seen, palettes, strict=True):
        colours, opacity = flat(one, palette)
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
        lines.append(
            f"{row['maps']:<8}{row['points']:<8}{row['picture']:<9}"
            f"{_or_dash(row.get('psnr'), '.2f'):>7}{_or_dash(row.get('iou'), '.3f'):>7}"
            f"{_or_dash(row.get('seen_again'), '.3f'):>7}{distance:>9.3g}{row['count']:>4}"
        )
    return "\n".join(lines)


def _or_dash(value: float | None, shape: str) -> str:
    return "-" if value is None else format(value, shape)


def score_run(folder: RunFolder, settings: TrainSettings) -> str:
    """Keeps what a stage's last snapshot measured as scores.json, and returns it as text."""
    events = folder.read_events()
    snapshots = [event for event in events if event["event"] == "snapshot" and "scores" in event]
    last: dict[str, Any] = snapshots[-1] if snapshots else {"scores": {}}
    folder.write_json("scores.json", {"images_seen": events[-1]["images"], **last["scores"]})
    return "\n".join(f"{name:<28}{value:.3f}" for name, value in last["scores"].items())
