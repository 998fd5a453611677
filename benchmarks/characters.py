"""Characters: each stage against the truth, and the whole with each stage swapped for truth.

    python benchmarks/characters.py

Trains a model from nothing on the renderer's characters, then scores it on characters whose hair,
eyes, mouths and clothes are variants that it has not seen.
"""

from pathlib import Path
from typing import Any

import numpy as np
from figures import publish, table
from PIL import Image
from runs import parser, short

import elegan
from elegan.applications.characters.map_model import STAGES
from elegan.applications.characters.model import CharacterModel
from elegan.applications.characters.planes import (
    on_white,
    picture_of_outlines,
    picture_of_planes,
    picture_of_points,
)
from elegan.applications.characters.renderer import drawn_characters
from elegan.applications.characters.scoring import score
from elegan.data.pictures import grid, save_png
from elegan.metrics.neighbours import nearest, small_pixels

_NEIGHBOURS, _ROWS, _CELL = 8, 4, 192
_MANY, _ACROSS, _SMALL = 64, 8, 96


def trained(model: CharacterModel) -> str:
    """Says how long each stage was trained."""
    parts = []
    for stage in STAGES:
        facts = model.config[stage]["training"]
        minutes = facts["seconds"] / 60
        parts.append(f"{stage} {facts['images']:,} images in {minutes:.1f} minutes")
    return "; ".join(parts)


def describe(scores: dict[str, Any], model: CharacterModel, baseline: str = "") -> str:
    """Returns the tables of a page; `baseline` says how the one GAN was trained."""
    maps, points = scores["maps"], scores["points"]
    lines = [
        ["valid maps", "", f"{maps['valid']:.1%}", f"{maps['valid_of_truth']:.1%} (true maps)"],
        ["NME, share of the face's width", f"{points['nme']:.2%}", "", ""],
        ["PCK@.05", f"{points['pck']:.1%}", "", ""],
    ]
    expressions = maps["valid_of_expressions"]
    if expressions:
        worst = min(expressions, key=expressions.__getitem__)
        lines.insert(1, [f"of the worst expression, {worst}", "", f"{expressions[worst]:.1%}", ""])
    ways = ("_network", "", "_ceiling")
    lines.append(["outline IoU, main parts", *(f"{points[f'iou_main{one}']:.3f}" for one in ways)])
    lines += [
        [f"outline IoU, {name}", *(f"{points[f'iou{one}'][name]:.3f}" for one in ways)]
        for name in points["iou"]
    ]
    rows = []
    for row in scores["stages"]:
        distance = next(value for name, value in row.items() if name.startswith("FD-"))
        found = [
            short(row.get(name), form)
            for name, form in (("psnr", ".2f"), ("iou", ".3f"), ("seen_again", ".3f"))
        ]
        rows.append([row["maps"], row["points"], row["picture"], *found])
        rows[-1] += [f"{distance:.3g}", str(row["count"])]
    head = ["maps", "points", "picture", "PSNR, dB", "IoU", "seen again", "FD-random", "n"]
    return (
        f"{table(['', 'network alone', 'model', 'ceiling'], lines)}\n\n{table(head, rows)}\n\n"
        f"{scores['characters']} true characters of the test split, {model.resolution} pixels,"
        f" maps of {model.maps.side}; {scores['drawn']} maps drawn. Where maps come from the model"
        " there is no true picture. Linear: what the generator of maps began with, without what the"
        " duel added. Seen again: IoU of hair, skin and clothes found anew by colour;"
        " shading and lines lower it, so true pictures score less than flat ones. The distance is"
        f" to {scores['characters']} other true pictures. Trained from nothing: {trained(model)},"
        f" one process a stage on shared cores. {baseline}".rstrip()
    )


def one_gan(folder: Path, count: int, resolution: int, minutes: float) -> elegan.Run:
    """Trains a GAN without stages, from noise to pixels, on the same training characters."""
    pictures = folder / "pictures"
    if not pictures.exists():
        whole = folder / "unfinished"
        whole.mkdir(parents=True, exist_ok=True)
        drawn = on_white(np.asarray(drawn_characters(count, resolution).images))
        for number, image in enumerate(drawn):
            save_png(image, whole / f"{number:05d}.png")
        whole.rename(pictures)
    return elegan.train(
        str(pictures), minutes=minutes, resolution=resolution, out=folder / f"gan-{minutes:g}"
    )


def described(run: elegan.Run) -> str:
    """Says how the one GAN was trained."""
    last = run.events[-1]
    return (
        f"One GAN: preset {run.settings.preset}, unconditional, from noise to pixels, on the same"
        f" characters on white: {last['images']:,} images in {last['seconds'] / 60:.1f} minutes."
    )


def neighbours(model: CharacterModel, count: int, seed: int, path: Path) -> None:
    """Writes made characters, each above the training character that is nearest in pixels."""
    made = model.generate(_NEIGHBOURS, seed=seed)
    images = on_white(np.stack([model.finished(one, model.resolution) for one in made]))
    training = drawn_characters(count, model.resolution)
    real = on_white(np.asarray(training.images))
    _, rows = nearest(small_pixels(images), small_pixels(real))
    save_png(grid(np.concatenate([images, real[rows]]), _NEIGHBOURS, scale=2), path)


def stages(model: CharacterModel, seed: int, path: Path) -> None:
    """Writes a row for each of four characters: maps, colours, points, curves, painted, drawn."""
    cells = []
    for one in model.generate(_ROWS, seed=seed):
        assert one.planes is not None
        both = picture_of_planes(one.planes)
        side = both.shape[0]
        outlines = one.points.outlines
        places = np.array(list(one.points.key_points.values()), np.float64).reshape(-1, 2)
        row = [_enlarged(both[:, :side]), _enlarged(both[:, side:])]
        row += [picture_of_points(outlines, places, _CELL), picture_of_outlines(outlines, _CELL)]
        cells += [*row, _enlarged(on_white(one.image)), on_white(model.finished(one, _CELL))]
    save_png(grid(np.stack(cells), 6, gap=0), path)


def many(model: CharacterModel, seed: int, path: Path) -> None:
    """Writes characters as they come, none left out."""
    made = model.generate(_MANY, seed=seed)
    images = np.stack([on_white(model.finished(one, _SMALL)) for one in made])
    sheet = grid(images, _ACROSS, gap=0)
    Image.fromarray(sheet).save(path, quality=80)


def _enlarged(image: np.ndarray) -> np.ndarray:
    times = _CELL // image.shape[0]
    return image.repeat(times, axis=0).repeat(times, axis=1)


def main() -> None:
    """Runs what the command line asks for."""
    flags = parser(__doc__)
    flags.add_argument("--images", type=int, help="of each stage; by default its preset's")
    flags.add_argument("--count", type=int, default=2000, help="characters to train on")
    flags.add_argument("--n", type=int, default=200, help="characters of each row")
    flags.add_argument(
        "--baseline-minutes", type=float, default=10.0, help="of one GAN without stages; 0: none"
    )
    flags.add_argument("--model", help="a run that is there, in place of training one")
    flags.add_argument("--sheet", type=Path, help="where to write the nearest neighbours")
    flags.add_argument("--many", type=Path, help="where to write 64 characters")
    flags.add_argument("--stages", type=Path, help="where to write the stages of four characters")
    chosen = flags.parse_args()
    run = chosen.model
    if run is None:
        given = {"images": chosen.images} if chosen.images else {}
        run = elegan.train(
            "rendered",
            task="characters",
            characters={"count": chosen.count},
            out=chosen.runs / "characters",
            **given,
        ).path
    model = CharacterModel.load(run)
    baselines, said = {}, ""
    if chosen.baseline_minutes:
        folder = chosen.runs / "characters-baseline"
        gan = one_gan(folder, chosen.count, model.resolution, chosen.baseline_minutes)
        baselines = {"one GAN": gan.model.generate(chosen.n, seed=0).images}
        said = described(gan)
    scores = score(model, "rendered", n=chosen.n, baselines=baselines)
    if chosen.stages:
        stages(model, 0, chosen.stages)
    if chosen.many:
        many(model, 0, chosen.many)
    if chosen.sheet:
        neighbours(model, chosen.count, 0, chosen.sheet)
    publish("characters", describe(scores, model, said), scores, chosen.out)


if __name__ == "__main__":
    main()
