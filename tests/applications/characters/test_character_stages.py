"""Training characters: three stages in turn, each in the one loop, and one model of them."""

import dataclasses
import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file

import elegan
from elegan.applications import TASKS
from elegan.applications.characters.model import CharacterModel
from elegan.applications.characters.planes import map_planes
from elegan.applications.characters.points_task import Examples, PointBatches, split_points
from elegan.applications.characters.task import open_character_data, stage_settings
from elegan.common import distributed
from elegan.common.errors import EleganError, UsageError
from elegan.settings import TrainSettings, preset_settings

COUNT, RESOLUTION = 12, 32
CHARACTERS = {"count": COUNT, "maps": 16}


def settings(task: str, **overrides: object) -> TrainSettings:
    values = {"images": 16, "batch": 4, "ticks": 2, "snapshots": 1, "resolution": RESOLUTION}
    network = {"width": 8, **({"name": "restorer"} if task.endswith("render") else {})}
    own = {"task": task, "precision": "float32", "characters": CHARACTERS, "network": network}
    return preset_settings(task, "rendered", {**own, **values, **overrides})


def loop_of(chosen: TrainSettings, folder: Path = Path()):
    use = TASKS[chosen.task]
    data = use.open_data(chosen)
    precision = tiny.cpu()
    batches = use.stream(chosen, data, precision.device, distributed.world())
    return tiny.loop_of(use.build(chosen, data, batches, precision), folder, stop=16)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> elegan.Run:
    """The three stages, two steps each."""
    return elegan.train(
        "rendered",
        task="characters",
        characters={"count": COUNT, "maps": 16},
        resolution=RESOLUTION,
        images=8,
        ticks=1,
        snapshots=1,
        out=tmp_path_factory.mktemp("characters") / "run",
    )


@pytest.mark.slow
def test_the_stages_run_in_turn_and_give_one_model(run: elegan.Run) -> None:
    facts = json.loads((run.path / "model" / "model.json").read_text())
    assert facts["task"] == "characters"
    for stage in ("maps", "points", "render"):
        own = elegan.Run(run.path / stage)
        assert own.events[-1]["event"] == "stop"
        assert (run.path / "model" / facts[stage]["tensors"]).is_file()
        assert (
            facts[stage]["sha256"]
            == json.loads((own.path / "model" / "model.json").read_text())[stage]["sha256"]
        )
    assert type(run.model).__name__ == "CharacterModel"
    with pytest.raises(UsageError, match="one stage of characters"):
        elegan.load(run.path / "maps")


@pytest.mark.slow
def test_a_run_is_shipped_in_half_precision_with_a_card(
    run: elegan.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
    shipping = importlib.import_module("characters_shipped")
    shipping.ship(run.path, tmp_path / "characters")
    files = list((tmp_path / "characters").glob("*.safetensors"))
    assert len(files) == 3
    halved = [one for file in files for one in load_file(file).values() if one.is_floating_point()]
    assert {one.dtype for one in halved} == {torch.float16}
    model = CharacterModel.load(tmp_path / "characters")
    whole = CharacterModel.load(run.path)
    one, other = model.maps.draw([0], seed=1)[0], whole.maps.draw([0], seed=1)[0]
    assert np.abs(one - other).max() < 0.01
    monkeypatch.setattr(shipping, "_COUNT", 4)
    card = shipping.card(run.path, tmp_path / "characters", 8)
    assert "--images 8 --task characters" in card
    assert "| valid maps, as drawn |" in card
    monkeypatch.setattr(shipping, "LIMIT", 1000)
    with pytest.raises(ValueError, match="more than 1,000"):
        shipping.ship(run.path, tmp_path / "again")


@pytest.mark.slow
def test_the_same_command_goes_on_and_other_settings_are_refused(run: elegan.Run) -> None:
    before = tiny.newest_checkpoint(run.path / "maps")
    elegan.resume(run.path)
    assert tiny.differences(before, tiny.newest_checkpoint(run.path / "maps")) == []
    with pytest.raises(UsageError, match="other settings"):
        elegan.train(
            "rendered",
            task="characters",
            characters={"count": COUNT, "maps": 16},
            resolution=RESOLUTION,
            images=8,
            ticks=1,
            snapshots=1,
            seed=1,
            out=run.path,
        )


def test_stages_get_what_is_shared_and_refuse_what_is_not() -> None:
    chosen = preset_settings("characters", "rendered", {"minutes": 10.0, "seed": 3})
    stages = stage_settings(chosen, Path("run"))
    assert [one.seed for one in stages.values()] == [3, 3, 3]
    assert sum(one.minutes or 0 for one in stages.values()) == pytest.approx(10)
    counted = stage_settings(
        preset_settings("characters", "rendered", {"images": 800}), Path("run")
    )
    assert [one.images for one in counted.values()] == [800, 600, 300]
    assert stages["points"].out == str(Path("run") / "points")
    wrong = preset_settings("characters", "rendered", {"loss": {"r1": 3.0}})
    with pytest.raises(UsageError, match="does not use --loss"):
        TASKS["characters"].check(wrong)


def test_planes_hold_each_part_whole_and_the_colours_as_seen() -> None:
    data = open_character_data(settings("characters-maps"))
    planes = data.planes()
    assert planes.shape == (COUNT, 16, 16, 15)
    whole = data.amodal
    assert whole is not None
    mean = whole[2, 3].reshape(16, 2, 16, 2).mean(axis=(1, 3))
    assert np.abs(planes[2, ..., 3] - mean).max() <= 1
    # Shares that add up to a little over 1 must not wrap around.
    over = np.full((12, 2, 2), 0.7, np.float32)
    assert map_planes(over, np.full((6, 3), 255, np.uint8)).max() == 1
    assert len(set(data.codes.tolist())) > 1
    with pytest.raises(UsageError, match="Did you mean 'hair-style'"):
        open_character_data(
            settings("characters-maps", characters={**CHARACTERS, "attributes": "hair-stile"})
        )


@pytest.mark.parametrize("stage", ["maps", "points", "render"])
def test_each_stage_steps_finitely_and_restores_bit_for_bit(stage: str, tmp_path: Path) -> None:
    chosen = settings(f"characters-{stage}")
    chosen = dataclasses.replace(
        chosen, characters=dataclasses.replace(chosen.characters, generated=0.0)
    )
    loop = loop_of(chosen, tmp_path)
    loop.task.begin(lambda words: None)
    before = [one.detach().clone() for one in loop.task.generator.network.parameters()]
    still = [one.detach().clone() for one in loop.task.discriminator.network.parameters()]
    for step in range(3):
        assert loop.step(loop.batches.at(4 * step))
    after = list(loop.task.generator.network.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    rested = all(
        torch.equal(a, b)
        for a, b in zip(still, loop.task.discriminator.network.parameters(), strict=True)
    )
    assert rested == (stage != "maps")  # the renderer's joins later
    assert all(np.isfinite(one) for one in loop.task.signals().values())
    # Stopped after two steps and gone on, it is where it would have been.
    stopped = loop_of(chosen, tmp_path / "again")
    stopped.task.begin(lambda words: None)
    (tmp_path / "again").mkdir()
    for step in range(2):
        stopped.step(stopped.batches.at(4 * step))
    stopped.images = 8
    stopped._save()
    again = loop_of(chosen, tmp_path / "again")
    assert again.restore()
    again.step(again.batches.at(8))
    mine = loop.task.ema.network.state_dict()
    assert tiny.differences(mine, again.task.ema.network.state_dict()) == []


def test_points_learn_a_fixed_batch(tmp_path: Path) -> None:
    chosen = settings(
        "characters-points",
        characters={**CHARACTERS, "generated": 0.0},
        optimizer={"schedule": "constant", "warmup": 0.0},
    )
    loop = loop_of(chosen)
    batch = loop.batches.at(0)
    losses = []
    for _ in range(60):
        task = loop.task
        found = task.generator_loss(batch, task.generate(batch), 0.5)
        losses.append(found["loss"].item())
        task.generator.backward(found)
        task.generator.step(1.0)
    assert losses[-1] < 0.6 * losses[0]


def test_the_stated_share_of_maps_is_drawn_and_the_rest_is_real() -> None:
    data = open_character_data(settings("characters-points"))
    drawn = Examples(
        maps=np.full((3, 12, 16, 16), 255, np.uint8),
        points=np.full((3, 21 + 12 * 32, 2), np.nan, np.float32),
    )
    chosen = settings("characters-points", batch=40, characters={**CHARACTERS, "generated": 0.25})
    batches = PointBatches(data, lambda: drawn, chosen, torch.device("cpu"), distributed.world())
    share = np.mean([(batches.at(40 * k).known.sum(dim=1) == 0).float().mean() for k in range(6)])
    assert 0.15 < share < 0.35
    real = batches.measured(1)
    outlines, facial = split_points(real.points[0].numpy(), real.known[0].numpy() > 0)
    assert facial.shape == (21, 2)
    assert np.allclose(outlines["face"], data.outlines[0, 3], atol=1e-6) or len(outlines)


def test_a_stage_without_its_generator_says_what_to_type(tmp_path: Path) -> None:
    chosen = settings("characters-points", out=str(tmp_path / "points"))
    with pytest.raises(UsageError, match=r"--characters\.source RUN"):
        loop_of(chosen)
    odd = settings("characters-maps", characters={"count": COUNT, "maps": 12})
    with pytest.raises(EleganError, match="multiple of 8"):
        open_character_data(odd)
