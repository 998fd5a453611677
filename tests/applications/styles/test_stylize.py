"""Stylizing from pairs, by contrast of patches, and there and back."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import tiny_photos
import torch
from PIL import Image

from elegan.api import train_with
from elegan.applications import TASKS
from elegan.applications.styles.methods import mixed_with_past
from elegan.common.distributed import World
from elegan.common.errors import EleganError, UsageError
from elegan.common.randomness import seed_default
from elegan.losses import charbonnier
from elegan.models.drawings import DrawingModel
from elegan.models.translation import TranslationModel

UNPAIRED = ("stylize-unpaired", "stylize-cycle")


def _task(preset: str, **translate: Any) -> Any:
    return tiny_photos.task_of(tiny_photos.settings(preset, translate=translate))


def _alone(preset: str, term: str) -> tuple[Any, set[str]]:
    """Returns a task after the backward pass of one term, and the parts that got a gradient."""
    task = _task(preset, identity=2.0)
    batch = task.batches.at(0)
    seed_default(0, "test")
    task.discriminator.set_requires_grad(False)
    parts: dict[str, torch.Tensor] = {}
    keep = {"summed": lambda terms: parts.update(terms) or {"loss": torch.zeros(())}}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("elegan.applications.styles.methods.summed", keep["summed"])
        task.generator_loss(batch, task.generate(batch), 0.0)
    parts[term].backward()
    reached = {
        name.partition(".")[0]
        for name, one in task.generator.network.named_parameters()
        if one.grad is not None and one.grad.abs().max() > 0
    }
    assert all(one.grad is None for one in task.discriminator.network.parameters())
    return task, reached


# --- pairs ------------------------------------------------------------------------------------


def test_the_discriminator_of_pairs_sees_the_input_beside_the_image() -> None:
    task = _task("stylize")
    seen: list[torch.Tensor] = []
    judge = task.discriminator.network.judge

    def note(images: torch.Tensor):
        seen.append(images)
        return judge(images)

    task.discriminator.network.judge = note
    batch = task.batches.at(0)
    fakes = task.generate(batch).detach()
    task.discriminator_loss(batch, fakes, 0.0)
    (judged,) = seen
    real, fake = judged.chunk(2)
    assert torch.equal(real, torch.cat([batch.inputs, batch.images], dim=1))
    assert torch.equal(fake, torch.cat([batch.inputs, fakes], dim=1))


def test_a_short_run_learns_negatives_from_pairs() -> None:
    task = tiny_photos.train_task(
        "stylize",
        tiny_photos.pair_set(24),
        steps=40,
        optimizer={"generator_rate": 3e-3},
        translate={"depth": 1},
    )
    found = task.signals()
    assert found["psnr_baseline"] < 12
    assert found["psnr"] > found["psnr_baseline"] + 4


# --- without pairs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "term", "parts"),
    [
        ("stylize-unpaired", "contrastive", {"translator", "heads"}),
        ("stylize-unpaired", "identity", {"translator", "heads"}),
        ("stylize-unpaired", "generator_adversarial", {"translator"}),
        ("stylize-cycle", "cycle", {"translator", "back"}),
        ("stylize-cycle", "identity", {"translator", "back"}),
        ("stylize-cycle", "generator_adversarial_there", {"translator"}),
        ("stylize-cycle", "generator_adversarial_back", {"back"}),
    ],
)
def test_each_term_reaches_what_it_should(preset: str, term: str, parts: set[str]) -> None:
    assert _alone(preset, term)[1] == parts


def test_the_cycle_compares_with_where_each_began() -> None:
    task = _task("stylize-cycle", cycle=3.0, identity=0.0)
    batch = task.batches.at(0)
    network = task.generator.network
    fakes = task.generate(batch)
    as_b, as_a = network.translator(batch.inputs), network.back(batch.images)
    torch.testing.assert_close(fakes, torch.cat([as_b, as_a]))
    losses = task.generator_loss(batch, fakes, 0.0)
    returned = charbonnier(network.back(as_b), batch.inputs)
    returned = returned + charbonnier(network.translator(as_a), batch.images)
    assert losses["cycle"].item() == pytest.approx(3 * returned.item(), rel=1e-5)
    assert "identity" not in losses


def test_each_discriminator_judges_its_own_side() -> None:
    task = _task("stylize-cycle")
    batch = task.batches.at(0)
    fakes = task.generate(batch).detach()
    seen: dict[str, torch.Tensor] = {}
    for side in ("there", "back"):
        part = getattr(task.discriminator.network, side)

        def judge(images: torch.Tensor, side: str = side, judge=part.judge):
            seen[side] = images
            return judge(images)

        part.judge = judge
    losses = task.discriminator_loss(batch, fakes, 0.0)
    for side, real, fake in (
        ("there", batch.images, fakes[: len(batch.images)]),
        ("back", batch.inputs, fakes[len(batch.images) :]),
    ):
        torch.testing.assert_close(seen[side], torch.cat([real, fake]))
    losses["loss"].backward()
    for part in (task.discriminator.network.there, task.discriminator.network.back):
        assert all(one.grad.abs().max() > 0 for one in part.parameters())


@pytest.mark.parametrize("preset", UNPAIRED)
def test_what_is_delivered_is_the_way_there(preset: str, tmp_path) -> None:
    task = _task(preset)
    names = task.translator(task.ema.network).state_dict().keys()
    assert not any("heads" in name or "back" in name for name in names)
    batch = task.batches.at(0)
    made = task._made(batch.inputs)
    task.save_model(tmp_path, {})
    from elegan.applications import load_model

    network = load_model(tmp_path, device="cpu", precision="float32").network
    with torch.no_grad():
        torch.testing.assert_close(network(batch.inputs), made, rtol=0, atol=0)


@pytest.mark.parametrize("preset", UNPAIRED)
def test_measuring_changes_nothing(preset: str) -> None:
    task = _task(preset)
    loop = tiny.loop_of(task)
    assert loop.step(task.batches.at(0))
    before = {
        f"{part}.{name}": one.clone()
        for part, tensors in loop._parts().items()
        for name, one in tensors.items()
    }
    found = {**task.signals(), **task.score()}
    after = {
        f"{part}.{name}": one
        for part, tensors in loop._parts().items()
        for name, one in tensors.items()
    }
    assert tiny.differences(after, before) == []
    assert task.discriminator.network.training
    assert -1 <= found["luminance_agreement"] <= 1
    assert 0 <= found["fooling_rate"] <= 1
    assert found["of the inputs"] > 0
    assert any("whole images" in name for name in found)


def test_held_out_sources_are_never_trained_on_however_many_targets_there_are() -> None:
    chosen = tiny_photos.settings("stylize-unpaired")
    stream = tiny_photos.stream_of(chosen, tiny_photos.pair_set(11, targets=30, paired=False))
    assert stream.training_count == 10
    (held,) = stream.held_out_indices.tolist()
    drawn: list[int] = []
    draw = stream._draw

    def note(index: int, random):
        drawn.append(index)
        return draw(index, random)

    stream._draw = note
    for position in range(0, 40, 4):
        stream.at(position)
    assert set(drawn) == set(range(11)) - {held}


def test_pairs_are_asked_for_where_there_are_none(tmp_path) -> None:
    tiny_photos.write_side(tmp_path / "A", 3)
    tiny_photos.write_side(tmp_path / "B", 3, first=100)
    with pytest.raises(EleganError, match=r"[Pp]air"):
        TASKS["stylize"].open_data(tiny_photos.settings("stylize", str(tmp_path)))
    found = TASKS["stylize"].open_data(tiny_photos.settings("stylize-cycle", str(tmp_path)))
    assert not found.paired
    assert found.notes[0] == found.layout


def test_there_and_back_works_in_one_process_only() -> None:
    chosen = tiny_photos.settings("stylize-cycle")
    data = tiny_photos.pair_set(paired=False)
    stream = tiny_photos.stream_of(chosen, data, World(0, 2))
    with pytest.raises(UsageError, match="one process"):
        TASKS["stylize"].build(chosen, data, stream, tiny.cpu())


# --- the pool of past translations ------------------------------------------------------------


def _images(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).clone()


def test_a_pool_that_fills_shows_and_keeps_every_image() -> None:
    pool = torch.empty(0)
    for made in (_images(1, 2), _images(3, 4)):
        shown, pool = mixed_with_past(made, pool, 4)
        assert torch.equal(shown, made)
    assert pool[:, 0, 0, 0].tolist() == [1, 2, 3, 4]


def test_a_full_pool_gives_a_past_image_for_half_of_the_new_ones_and_keeps_these() -> None:
    seed_default(0, "test")
    pool, swaps, places = _images(*range(8)), 0, set()
    for value in range(100, 500):
        before, made = pool.clone(), _images(value)
        shown, pool = mixed_with_past(made, pool, 8)
        assert made[0, 0, 0, 0] == value  # nothing is changed in place
        assert len(pool) == 8
        changed = (pool != before).flatten(1).any(1).nonzero().flatten().tolist()
        if changed:
            (place,) = changed
            places.add(place)
            swaps += 1
            assert torch.equal(shown[0], before[place])
            assert torch.equal(pool[place], made[0])
        else:
            assert torch.equal(shown, made)
    assert places == set(range(8))
    assert 160 < swaps < 240  # half of 400, within four deviations


def test_pools_follow_finite_steps_only_and_come_back_from_a_checkpoint() -> None:
    task = _task("stylize-cycle", pool=6)
    batch = task.batches.at(0)
    fakes = task.generate(batch).detach()
    step = task.discriminator_loss(batch, fakes, 0.0)
    assert task.state_dict() == {}  # the step has not proved finite yet
    task.state.update(step.state)
    tensors = task.state_dict()
    torch.testing.assert_close(tensors["pool.there"], fakes[:4])
    torch.testing.assert_close(tensors["pool.back"], fakes[4:])
    other = _task("stylize-cycle", pool=6)
    other.load_state_dict(tensors)
    for one in (task, other):
        seed_default(0, "test")
        one.state.update(one.discriminator_loss(batch, fakes, 0.0).state)
    assert tiny.differences(task.state_dict(), other.state_dict()) == []
    other.load_state_dict({})
    assert other.state_dict() == {}


# --- line drawings ----------------------------------------------------------------------------


def test_a_run_on_drawings_gives_a_model_that_fills_areas(tmp_path: Path) -> None:
    for index in range(4):
        page = np.full((48, 48, 3), 255, np.uint8)
        page[10:38, 10:38] = 0
        page[12 : 36 - index, 12:36] = 255
        for side, picture in (("A", page), ("B", np.where(page > 0, page, 90))):
            (tmp_path / "pairs" / side).mkdir(parents=True, exist_ok=True)
            file = tmp_path / "pairs" / side / f"{index}.png"
            Image.fromarray(picture.astype(np.uint8)).save(file)
    settings = tiny_photos.settings("stylize", translate={"flat": True})
    run = train_with(
        replace(settings, data=str(tmp_path / "pairs"), out=str(tmp_path / "run"), images=4)
    )
    model = TranslationModel.load(run.path)
    assert isinstance(model, DrawingModel)
    assert model.recipe["drawings"]["side"] == 48
    made = model.apply(np.asarray(Image.open(tmp_path / "pairs" / "A" / "0.png")))
    assert len(np.unique(made[14:34, 14:34].reshape(-1, 3), axis=0)) == 1


def test_what_is_no_drawing_is_refused_before_training() -> None:
    with pytest.raises(UsageError, match=r"line drawings, but \d+ of \d+ inputs .* are none"):
        _task("stylize", flat=True)


def test_flat_areas_belong_to_pairs() -> None:
    with pytest.raises(UsageError, match=r"--method cycle does not use --translate\.flat"):
        TASKS["stylize"].check(tiny_photos.settings("stylize-cycle", translate={"flat": True}))
