"""The uses `characters-maps`, `-points` and `-render`, and `characters`, all three in turn."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import torch

from elegan.engine.batches import Batches
from elegan.engine.distributed import World
from elegan.engine.patches import Patches
from elegan.engine.run_folder import is_run
from elegan.errors import UsageError, lookup
from elegan.losses import ADVERSARIAL
from elegan.models.character_maps import MapModel
from elegan.models.character_saving import STAGES, join_stages
from elegan.settings import TrainSettings, preset_settings
from elegan.tasks.character_data import CharacterData, open_character_data
from elegan.tasks.character_maps import CharacterMaps
from elegan.tasks.character_points import DRAWN, CharacterPoints, PointBatches, draw_examples
from elegan.tasks.character_render import CharacterRender, RenderDraw
from elegan.tasks.examples import stream_of
from elegan.tasks.square_images import check as check_square
from elegan.tasks.translate_checks import FIDELITY, check_translation, refuse_unused
from elegan.tasks.use import Use

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


def join(out: Path) -> None:
    """Writes the whole model of a run whose stages are complete."""
    join_stages({stage: out / stage / "model" for stage in STAGES}, out / "model")


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
        lookup(USES, own.task, "task").check(own)


def _check_maps(settings: TrainSettings) -> None:
    plain = dataclasses.replace(
        settings, network=dataclasses.replace(settings.network, name="residual")
    )
    check_square(plain)


def _check_points(settings: TrainSettings) -> None:
    refuse_unused(settings, used=())
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


USES: dict[str, Use] = {
    "characters": Use(
        about="characters: maps from noise, points from maps, pictures; the three in turn",
        check=_check_all,
        open_data=open_character_data,
        stream=_none,
        build=_none,
        stages=stage_settings,
        join=join,
    ),
    "characters-maps": Use(
        about="characters, first stage: noise and attributes in, maps of parts out",
        check=_check_maps,
        open_data=open_character_data,
        stream=_stream_maps,
        build=CharacterMaps,
        final_scores=0.0,
    ),
    "characters-points": Use(
        about="characters, second stage: maps in, key points and outlines out",
        check=_check_points,
        open_data=open_character_data,
        stream=_stream_points,
        build=CharacterPoints,
        final_scores=0.0,
    ),
    "characters-render": Use(
        about="characters, third stage: masks, lines and colours in, pictures out",
        check=_check_render,
        open_data=open_character_data,
        stream=_stream_render,
        build=CharacterRender,
        final_scores=0.0,
    ),
}
