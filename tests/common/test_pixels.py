import numpy as np
import torch

from elegan.common.pixels import to_tensor, to_uint8


def test_every_value_survives_the_round_trip() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    tensor = to_tensor(images, torch.device("cpu"))
    assert tensor.shape == (1, 3, 16, 16)
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert (tensor.min(), tensor.max()) == (-1, 1)
    np.testing.assert_array_equal(to_uint8(tensor), images)


def test_values_are_rounded_and_clipped() -> None:
    values = torch.tensor([-9.0, -1.0, 0.0, 0.0039, 1.0, 9.0]).view(1, 1, 1, 6)
    assert to_uint8(values).ravel().tolist() == [0, 0, 128, 128, 255, 255]
