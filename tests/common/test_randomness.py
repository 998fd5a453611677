import itertools

import torch

from elegan.common.randomness import generator, key, normal, seed_default


def test_a_key_is_a_pure_function() -> None:
    assert key(3, "noise", 128, 1) == key(3, "noise", 128, 1)
    # A fixed value: a change of the function would silently change every resumed run.
    assert key(0, "noise") == 234199501199194742


def test_a_key_differs_by_each_of_its_parts() -> None:
    parts = itertools.product((0, 1, 12), ("noise", "step"), (0, 1, 64), (0, 1))
    keys = [key(*one) for one in parts]
    assert len(set(keys)) == len(keys)
    assert all(0 <= one < 2**63 for one in keys)
    assert key(1, "a", 23) != key(1, "a", 2, 3)


def test_a_generator_leaves_the_default_one_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    torch.rand(5, generator=generator(0, "noise"))
    normal((4,), 0, "noise")
    assert torch.equal(torch.rand(3), expected)


def test_the_default_generator_follows_its_key() -> None:
    seed_default(5, "step", 64)
    first = torch.rand(3)
    torch.rand(100)
    seed_default(5, "step", 64)
    assert torch.equal(torch.rand(3), first)
    seed_default(5, "step", 64, rank=1)
    assert not torch.equal(torch.rand(3), first)


def test_normal_numbers() -> None:
    numbers = normal((100_000,), 7, "noise", 3)
    assert torch.equal(numbers, normal((100_000,), 7, "noise", 3))
    assert abs(numbers.mean()) < 0.02
    assert abs(numbers.std() - 1) < 0.02
