"""The tasks `characters-maps`, `-points` and `-render`, and `characters`, all three in turn."""

import contextlib
import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import torch

from elegan.applications.characters.map_model import STAGES, MapModel, join_stages
from elegan.applications.characters.maps import CharacterMaps
from elegan.applications.characters.model import CharacterModel
from elegan.applications.characters.points_task import (
    DRAWN,
    CharacterPoints,
    PointBatches,
    draw_examples,
)
from elegan.applications.characters.render_task import CharacterRender, RenderDraw
from elegan.applications.characters.scoring import format_characters, score, score_run
from elegan.applications.characters.training_data import CharacterData, open_character_data
from elegan.common import distributed
from elegan.common.distributed import World
from elegan.common.errors import UsageError, lookup
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

_SHARED = ("data", "limit", "seed", "size", "resolution", "device", "precision", "characters")
_SHARED += ("images", "epochs", "minutes", "ticks", "snapshots")
"""What all stages of one run are told; all else is each stage's preset's."""
_TIME = {"maps": 0.45, "points": 0.25, "render": 0.3}
"""Each stage's share of --minutes."""
_IMAGES = {"maps": 1.0, "points": 0.75, "render": 0.375}
"""What each stage sees of --images: a point is learnt sooner than a map, a picture costs more."""
_RENDERERS = ("restorer", "unet")


def stage_settings(settings: TrainSettings, out: Path) -> dict[str, TrainSettings]:
    """Returns the settings of each stage of a run of task `characters`, in order.

    Args:
        out: the run folder; each stage has a run folder within.
    """
    shared = {name: getattr(settings, name) for name in _SHARED}
    found = {}
    for stage in STAGES:
        own = preset_settings(f"characters-{stage}", settings.data)
        minutes = settings.minutes and settings.minutes * _TIME[stage]
        images = settings.images and max(1, round(settings.images * _IMAGES[stage]))
        found[stage] = dataclasses.replace(
            own, **{**shared, "minutes": minutes, "images": images, "out": str(out / stage)}
        )
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
    for one in dataclasses.fields(settings):
        name = one.name
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
    plain = dataclasses.replace(
        settings, network=dataclasses.replace(settings.network, name="residual")
    )
    check_square(plain)
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
    return Batches(
        data.as_images(),
        batch=settings.batch,
        seed=settings.seed,
        device=device,
        world=world,
        conditional=bool(data.conditions),
    )


def _stream_points(
    settings: TrainSettings, data: CharacterData, device: torch.device, world: World
) -> PointBatches:
    draw = None
    if settings.characters.generated > 0:
        model = MapModel.load(_source(settings))
        if model.side != data.side:
            raise UsageError(
                f"The first stage draws maps of {model.side} pixels, these are {data.side}. Type"
                f" --characters.maps {model.side}."
            )
        draw = partial(draw_examples, model, DRAWN, settings.seed)
    return PointBatches(
        data,
        draw,
        share=settings.characters.generated,
        batch=settings.batch,
        seed=settings.seed,
        device=device,
        world=world,
    )


def _source(settings: TrainSettings) -> Path:
    """The model whose generator draws maps: the one named, else the run `maps` beside this one."""
    if settings.characters.source is not None:
        return Path(settings.characters.source)
    beside = Path(settings.out).parent / "maps" if settings.out else None
    if beside is None or not is_run(beside):
        raise UsageError(
            "Which model draws maps for this stage? Name its run: --characters.source RUN; or do"
            " without: --characters.generated 0."
        )
    return beside


def _stream_render(
    settings: TrainSettings, data: CharacterData, device: torch.device, world: World
) -> Patches:
    draw = RenderDraw(data)
    draw.prepare()
    return stream_of(data, draw, len(data), settings, device, world)


def _none(*_: Any) -> Any:
    raise NotImplementedError("characters are trained stage by stage")


def _load(path: Path, device: str, precision: str) -> CharacterModel:
    return CharacterModel.load(path)


def _load_stage(path: Path, device: str, precision: str) -> Any:
    raise UsageError(
        f"{path} holds one stage of characters. Name the run of all three, as `elegan train"
        " DATA --task characters --out RUN` writes it."
    )


_SCORED = {"score": score, "format_scores": format_characters, "score_run": score_run}
_STAGE: dict[str, Any] = {
    "open_data": open_character_data,
    "load": _load_stage,
    "usage": "elegan character --model {whole} --stages --out made, once all stages are",
    "final_scores": 0.0,
    **_SCORED,
}

CHARACTERS: dict[str, TaskSpec] = {
    "characters": TaskSpec(
        about="characters: maps from noise, points from maps, pictures; the three in turn",
        check=_check_all,
        open_data=open_character_data,
        stream=_none,
        build=_none,
        load=_load,
        usage="elegan character --model {run} --stages --out made",
        train=train_stages,
        plan=_plan_stages,
        **_SCORED,
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
        build=CharacterPoints,
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
