"""A translating run's stream of examples: keyed, shared, read ahead, and blind to what is held."""

import itertools
import threading
from typing import Any

import numpy as np
import pytest
import torch

from elegan.common.distributed import World
from elegan.data.patches import Example, Patches, held_out

CPU = torch.device("cpu")


def _example(index: int, random: np.random.Generator) -> Example:
    """The index in one plane, a draw in the other."""
    inputs = np.empty((2, 3, 2), np.float32)
    inputs[..., 0], inputs[..., 1] = index, random.random()
    return Example(inputs=inputs, target=np.full((4, 6, 1), index, np.float32))


def _patches(
    *, count: int = 30, batch: int = 8, seed: int = 0, world: World | None = None, draw=_example
) -> Patches:
    world = world or World()
    return Patches(None, draw, count=count, batch=batch, seed=seed, device=CPU, world=world)


def _inputs(patches: Patches, position: int) -> torch.Tensor:
    inputs = patches.at(position).inputs
    assert inputs is not None
    return inputs


def test_a_batch_is_a_function_of_seed_and_position_alone() -> None:
    one, other = _patches(), _patches()
    in_order = [_inputs(one, position) for position in (0, 8, 16, 24)]
    for place in (3, 0, 2, 2, 1):  # what was read ahead is of no use here
        assert torch.equal(_inputs(other, 8 * place), in_order[place])
    assert not torch.equal(in_order[0], in_order[1])
    assert not torch.equal(_inputs(_patches(seed=1), 0), in_order[0])


def test_the_same_image_is_another_example_each_time() -> None:
    patches = _patches(count=5, batch=5)
    first, second = _inputs(patches, 0), _inputs(patches, 5)
    assert set(first[:, 0, 0, 0].tolist()) == set(second[:, 0, 0, 0].tolist()) == set(range(5))
    assert len(set(torch.cat([first, second])[:, 1, 0, 0].tolist())) == 10


@pytest.mark.parametrize("batch", [2, 4])
def test_batch_sizes_cut_one_and_the_same_stream(batch: int) -> None:
    whole, parts = _patches(batch=8), _patches(batch=batch)
    joined = torch.cat([_inputs(parts, position) for position in range(0, 8, batch)])
    assert torch.equal(joined, _inputs(whole, 0))


def test_shares_of_two_processes_are_the_batch_of_one() -> None:
    shares = [_patches(world=World(rank, 2)) for rank in range(2)]
    for position in (0, 8, 40):
        batches = [one.at(position) for one in shares]
        whole = _patches().at(position)
        assert torch.equal(torch.cat([one.images for one in batches]), whole.images)
        assert torch.equal(torch.cat([one.inputs for one in batches]), whole.inputs)
        assert [one.share for one in batches] == [slice(0, 4), slice(4, 8)]
        assert {one.whole for one in batches} == {8}
        assert {one.position for one in batches} == {position}


def test_the_next_batch_is_made_by_others_and_a_fault_in_it_comes_out() -> None:
    names: list[str] = []

    def draw(index: int, random: np.random.Generator) -> Example:
        names.append(threading.current_thread().name)
        if len(names) > 8:
            raise ValueError("unreadable")
        return _example(index, random)

    patches = _patches(draw=draw)
    patches.at(0)
    with pytest.raises(ValueError, match="unreadable"):
        patches.at(8)
    assert threading.current_thread().name not in names


def test_processes_make_the_examples_that_threads_make() -> None:
    """An accelerator's examples come from processes; what they are must not depend on it."""
    for world in (World(), World(1, 2)):
        patches = _patches(world=world)
        made = zip(patches._by_threads(16), patches._by_processes(16), strict=False)
        for (inputs, images), (other_inputs, other_images) in itertools.islice(made, 4):
            assert torch.equal(inputs, other_inputs)
            assert torch.equal(images, other_images)
        assert torch.equal(patches.at(16).inputs, _patches(world=world).at(16).inputs)


def test_tensors_are_planes_first_in_channels_last_memory() -> None:
    batch = _patches().at(0)
    assert batch.images.shape == (8, 1, 4, 6)
    assert batch.inputs is not None
    assert batch.inputs.shape == (8, 2, 2, 3)
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)
    assert batch.labels is None


def _seen(patches: Patches, epochs: int) -> set[Any]:
    steps = epochs * patches.training_count // 8 + 1
    batches = [patches.at(8 * step) for step in range(steps)]
    return {value for batch in batches for value in batch.images[:, 0, 0, 0].tolist()}


@pytest.mark.parametrize(("count", "held"), [(1, 0), (9, 0), (10, 1), (59, 5), (1000, 16)])
def test_a_share_is_held_out_and_the_rest_is_trained_on(count: int, held: int) -> None:
    kept, trained = held_out(3, count)
    assert len(kept) == held
    assert sorted([*kept, *trained]) == list(range(count))
    assert held_out(3, count)[0].tolist() == kept.tolist()


def test_held_out_images_are_measured_and_never_trained_on() -> None:
    patches = _patches(count=40)
    held = set(patches.held_out_indices.tolist())
    assert len(held) == 4
    assert patches.training_count == 36
    assert patches.countable is None
    assert _seen(patches, 3) == set(range(40)) - held
    measured = patches.measured(10)
    assert set(measured.images[:, 0, 0, 0].tolist()) == held
    again = _patches(count=40).measured(10)
    assert torch.equal(measured.inputs, again.inputs)
    assert len(set(measured.inputs[:, 1, 0, 0].tolist())) == 10


def test_of_few_images_none_is_held_out_and_training_images_are_measured() -> None:
    patches = _patches(count=3)
    assert len(patches.held_out_indices) == 0
    assert set(patches.measured(3).images[:, 0, 0, 0].tolist()) == {0, 1, 2}
