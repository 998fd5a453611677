"""The tasks `characters-maps`, `-points` and `-render`, and `characters`, all three in turn."""

import contextlib
import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elegan.applications.characters.character_set import CharacterData
from elegan.applications.characters.folder import open_characters
from elegan.applications.characters.gan_tasks import CharacterMaps, CharacterRender, RenderDraw
from elegan.applications.characters.map_model import STAGES, MapModel, join_stages
from elegan.applications.characters.model import CharacterModel
from elegan.applications.characters.points_task import (
    DRAWN,
    PointBatches,
    PointsTask,
    draw_examples,
)
from elegan.applications.characters.renderer import drawn_characters
from elegan.applications.characters.scoring import format_characters, score, score_run
from elegan.common import distributed
from elegan.common.distributed import World
from elegan.common.errors import UsageError, lookup
from elegan.data import batch_indices
from elegan.data.batches import Batches
from elegan.data.patches import Patches
from elegan.losses import ADVERSARIAL
from elegan.settings import TrainSettings, from_json, preset_settings
from elegan.tasks.checks import FIDELITY, check_translation, refuse_classifying, refuse_unused
from elegan.tasks.crops import stream_of
from elegan.tasks.square_images import check as check_square
from elegan.training.run import check, plan, refuse_changes, run_folder, train
from elegan.training.run_folder import is_run
from elegan.training.task import Hooks, TaskSpec

RENDERED = "rendered"
"""The name of the data that the renderer draws."""
RESOLUTION = 64
_TOLD = ("hair-style", "fringe", "expression")
_SHARED = ("data", "limit", "seed", "size", "resolution", "device", "precision", "characters")
_SHARED += ("images", "epochs", "minutes", "ticks", "snapshots")
"""What all stages of one run are told; all else is each stage's preset's."""
_TIME = {"maps": 0.45, "points": 0.25, "render": 0.3}
"""Each stage's share of --minutes."""
_IMAGES = {"maps": 1.0, "points": 0.75, "render": 0.375}
"""What each stage sees of --images: a point is learnt sooner than a map, a picture costs more."""
_RENDERERS = ("restorer", "unet")


def open_character_data(settings: TrainSettings) -> CharacterData:
    """Opens or draws the characters that a stage trains on.

    Raises:
        UsageError: an attribute is unknown, or the resolutions do not fit together.
        EleganError: there is no such data, or something in it cannot be read.
    """
    chosen, resolution = settings.characters, settings.resolution or RESOLUTION
    side = chosen.maps or resolution // 2
    if resolution % side or side % 8:
        raise UsageError(
            f"--characters.maps {side} must be a multiple of 8 and divide the resolution"
            f" {resolution}. Type {resolution // 2}."
        )
    if settings.data == RENDERED:
        found = drawn_characters(chosen.count, resolution, seed=settings.seed)
    else:
        found = open_characters(settings.data, resolution)
    if settings.limit and settings.limit < len(found):
        order = batch_indices(settings.seed, 0, len(found), len(found))
        found = found.chosen(np.sort(order[: settings.limit]))
    names = [name.strip() for name in chosen.attributes.split(",") if name.strip()]
    if chosen.attributes == "auto":
        names = [name for name in _TOLD if name in found.attributes]
    for name in names:
        lookup(found.attributes, name, "attribute")
    conditions = {name: found.values(name) for name in names}
    return CharacterData(**vars(found), side=side, conditions=conditions)


def stage_settings(settings: TrainSettings, out: Path) -> dict[str, TrainSettings]:
    """Returns the settings of each stage of a run of task `characters`, in order.

    Args:
        out: the run folder; each stage has a run folder within.
    """
    found = {}
    for stage in STAGES:
        own = {name: getattr(settings, name) for name in _SHARED} | {"out": str(out / stage)}
        own["minutes"] = settings.minutes and settings.minutes * _TIME[stage]
        own["images"] = settings.images and max(1, round(settings.images * _IMAGES[stage]))
        usual = preset_settings(f"characters-{stage}", settings.data)
        found[stage] = dataclasses.replace(usual, **own)
    return found


def train_stages(settings: TrainSettings, spec: TaskSpec, hooks: Hooks) -> None:
    """Trains the stages in turn, each in a run folder within, and joins their models."""
    check(settings, spec)
    world = distributed.join()
    folder = run_folder(settings)
    with folder.lock() if world.leads else contextlib.nullcontext():
        if folder.settings.exists():
            refuse_changes(folder, from_json(folder.settings), settings)
        if world.leads:
            folder.write_json("settings.json", dataclasses.asdict(settings))
        distributed.barrier()
        whole = folder.model.exists()
        for name, stage in stage_settings(settings, folder.path).items():
            # A stage that is done goes on for --minutes only where all of them are done.
            begun = run_folder(stage).settings.exists()
            stage = dataclasses.replace(stage, minutes=None) if begun and not whole else stage
            train(stage, CHARACTERS[f"characters-{name}"], hooks)
        if world.leads:
            with folder.explained("model"):
                join_stages({name: folder.path / name / "model" for name in STAGES}, folder.model)


def _plan_stages(settings: TrainSettings, spec: TaskSpec) -> dict[str, Any]:
    """The first stage tells what can be told before anything is trained."""
    check(settings, spec)
    stages = stage_settings(settings, run_folder(settings).path)
    return plan(stages["maps"], CHARACTERS["characters-maps"])


def _check_all(settings: TrainSettings) -> None:
    usual = preset_settings(settings.preset, settings.data)
    for name in vars(settings):
        if name in (*_SHARED, "task", "preset", "out", "batch"):
            continue
        if getattr(settings, name) != getattr(usual, name):
            raise UsageError(
                f"--task characters trains three stages, so it does not use --{name}. Leave it out,"
                f" or train one stage with it: --task characters-maps, -points or -render."
            )
    if settings.characters.source is not None:
        raise UsageError("--characters.source belongs to --task characters-points.")
    for own in stage_settings(settings, Path(settings.out or "run")).values():
        CHARACTERS[own.task].check(own)


def _check_maps(settings: TrainSettings) -> None:
    network = dataclasses.replace(settings.network, name="residual")
    check_square(dataclasses.replace(settings, network=network))
    refuse_classifying(settings)


def _check_points(settings: TrainSettings) -> None:
    refuse_unused(settings, used=())
    refuse_classifying(settings)
    if settings.simultaneous or settings.conditional:
        raise UsageError("--task characters-points has one player: leave --simultaneous out.")


def _check_render(settings: TrainSettings) -> None:
    lookup(ADVERSARIAL, settings.loss.adversarial, "loss")
    if settings.network.name not in _RENDERERS:
        raise UsageError(
            f"--task characters-render needs --network.name {' or '.join(_RENDERERS)}, not"
            f" '{settings.network.name}'."
        )
    check_translation(dataclasses.replace(settings, resolution=None), FIDELITY)


def _stream_maps(
    settings: TrainSettings, data: CharacterData, device: torch.device, world: World
) -> Batches:
    where: Any = {"batch": settings.batch, "seed": settings.seed, "device": device, "world": world}
    return Batches(data.as_images(), **where, conditional=bool(data.conditions))


def _stream_points(
    settings: TrainSettings, data: CharacterData, device: torch.device, world: World
) -> PointBatches:
    draw = None
    if settings.characters.generated > 0:
        source, beside = settings.characters.source, None
        if source is None and settings.out:
            beside = Path(settings.out).parent / "maps"
        if source is None and (beside is None or not is_run(beside)):
            raise UsageError(
                "Which model draws maps for this stage? Name its run: --characters.source RUN; or"
                " do without: --characters.generated 0."
            )
        model = MapModel.load(source or str(beside))
        if model.side != data.side:
            raise UsageError(
                f"The first stage draws maps of {model.side} pixels, these are {data.side}. Type"
                f" --characters.maps {model.side}."
            )
        draw = partial(draw_examples, model, DRAWN, settings.seed)
    return PointBatches(data, draw, settings, device, world)


def _stream_render(
    settings: TrainSettings, data: CharacterData, device: torch.device, world: World
) -> Patches:
    draw = RenderDraw(data)
    draw.prepare()
    return stream_of(data, draw, len(data), settings, device, world)


def _none(*_: Any) -> Any:
    raise NotImplementedError("characters are trained stage by stage")


def _load_stage(path: Path, device: str, precision: str) -> Any:
    raise UsageError(
        f"{path} holds one stage of characters. Name the run of all three, as `elegan train"
        " DATA --task characters --out RUN` writes it."
    )


_ALL: dict[str, Any] = {"open_data": open_character_data, "score": score}
_ALL |= {"format_scores": format_characters, "score_run": score_run}
_STAGE: dict[str, Any] = {
    **_ALL,
    "load": _load_stage,
    "usage": "elegan character --model {whole} --stages --out made, once all stages are",
    "final_scores": 0.0,
}

CHARACTERS: dict[str, TaskSpec] = {
    "characters": TaskSpec(
        about="characters: maps from noise, points from maps, pictures; the three in turn",
        check=_check_all,
        stream=_none,
        build=_none,
        load=lambda path, device, precision: CharacterModel.load(path),
        usage="elegan character --model {run} --stages --out made",
        train=train_stages,
        plan=_plan_stages,
        **_ALL,
    ),
    "characters-maps": TaskSpec(
        about="characters, first stage: noise and attributes in, maps of parts out",
        check=_check_maps,
        stream=_stream_maps,
        build=CharacterMaps,
        **_STAGE,
    ),
    "characters-points": TaskSpec(
        about="characters, second stage: maps in, key points and outlines out",
        check=_check_points,
        stream=_stream_points,
        build=PointsTask,
        **_STAGE,
    ),
    "characters-render": TaskSpec(
        about="characters, third stage: masks, lines and colours in, pictures out",
        check=_check_render,
        stream=_stream_render,
        build=CharacterRender,
        **_STAGE,
    ),
}
