import numpy as np
import pytest

from elegan.data import batch_indices


def stream(seed: int, length: int, count: int, batch: int) -> np.ndarray:
    pieces = [batch_indices(seed, at, batch, count) for at in range(0, length, batch)]
    return np.concatenate(pieces)[:length]


def test_each_epoch_sees_every_image_once_and_in_another_order():
    order = stream(3, 40, 10, 4).reshape(4, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in order)
    assert len({tuple(epoch) for epoch in order}) == 4


def test_the_order_does_not_depend_on_the_batch_size():
    whole = batch_indices(7, 0, 100, 13)
    for batch in (1, 5, 13, 40):
        np.testing.assert_array_equal(stream(7, 100, 13, batch), whole)


def test_any_position_can_be_resumed():
    whole = batch_indices(1, 0, 64, 9)
    np.testing.assert_array_equal(batch_indices(1, 23, 41, 9), whole[23:])


def test_seeds_differ_and_may_be_negative():
    first, second = batch_indices(0, 0, 50, 50), batch_indices(1, 0, 50, 50)
    assert not np.array_equal(first, second)
    assert sorted(batch_indices(-5, 0, 50, 50)) == list(range(50))


def test_a_result_can_be_changed_without_changing_the_order():
    first = batch_indices(0, 0, 4, 8)
    kept = first.copy()
    if first.flags.writeable:
        first[:] = 0
    np.testing.assert_array_equal(batch_indices(0, 0, 4, 8), kept)
    assert first.dtype == np.int64


@pytest.mark.parametrize(("position", "batch", "count"), [(0, 1, 0), (-1, 1, 3), (0, -1, 3)])
def test_impossible_requests_are_refused(position: int, batch: int, count: int):
    with pytest.raises(ValueError, match="No order"):
        batch_indices(0, position, batch, count)
