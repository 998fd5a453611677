import numpy as np
import torch
from tiny import image_data

from elegan.common.distributed import World
from elegan.common.pixels import to_uint8
from elegan.data.batches import Batches


def _batches(data, *, world: World | None = None, batch: int = 8, **options) -> Batches:
    options = {"seed": 3, "conditional": False, **options}
    return Batches(data, batch=batch, device=torch.device("cpu"), world=world or World(), **options)


def test_an_epoch_shows_every_training_image_once() -> None:
    data = image_data(32)  # too few for any to be held out
    seen = np.concatenate([to_uint8(_batches(data).at(p).images) for p in range(0, 32, 8)])
    assert sorted(one.tobytes() for one in seen) == sorted(one.tobytes() for one in data.images)


def test_a_batch_depends_on_seed_and_position_only() -> None:
    data = image_data(40)
    assert torch.equal(_batches(data).at(16).images, _batches(data).at(16).images)
    assert not torch.equal(_batches(data).at(16).images, _batches(data).at(24).images)
    assert not torch.equal(_batches(data).at(16).images, _batches(data, seed=4).at(16).images)


def test_processes_share_the_very_batch_that_one_would_see() -> None:
    data = image_data(40, classes=4)
    whole = _batches(data, conditional=True).at(32)
    parts = [_batches(data, world=World(rank, 2), conditional=True).at(32) for rank in (0, 1)]
    assert torch.equal(torch.cat([one.images for one in parts]), whole.images)
    assert torch.equal(torch.cat([one.labels for one in parts]), whole.labels)
    assert [one.share for one in parts] == [slice(0, 4), slice(4, 8)]


def test_labels_belong_to_their_images() -> None:
    data = image_data(40, classes=4)
    batch = _batches(data, conditional=True).at(0)
    numbers = {
        image.tobytes(): label for image, label in zip(data.images, data.labels, strict=True)
    }
    found = [numbers[image.tobytes()] for image in to_uint8(batch.images)]
    assert batch.labels.tolist() == found
    assert _batches(data).at(0).labels is None


def test_held_out_images_are_never_trained_on() -> None:
    data = image_data(1000)
    batches = _batches(data, batch=100)
    assert len(batches.held_out_indices) == 20
    both = np.concatenate([batches.held_out_indices, batches.training_indices])
    assert sorted(both) == list(range(1000))
    held = {data.images[index].tobytes() for index in batches.held_out_indices}
    for position in range(0, 2000, 100):
        assert not held & {one.tobytes() for one in to_uint8(batches.at(position).images)}
    counts = {39: 0, 50: 5, 100: 10, 499: 10, 800: 16}
    for images, held_out in counts.items():
        assert len(_batches(image_data(images)).held_out_indices) == held_out


def test_balanced_batches_draw_every_class_equally_often() -> None:
    data = image_data(120, classes=4)
    data.labels[:] = np.repeat([0, 1, 2, 3], [80, 20, 15, 5])
    batches = _batches(data, conditional=True, balance=True)
    drawn = [batches.at(position) for position in range(0, 480, 8)]
    labels = torch.cat([one.labels for one in drawn])
    assert torch.bincount(labels).tolist() == [120] * 4
    for first in range(0, 480, 4):  # every round of four has each class once
        assert sorted(labels[first : first + 4].tolist()) == [0, 1, 2, 3]
    # A class runs through all of its images before one comes again.
    rare = torch.cat([one.images[one.labels == 3] for one in drawn])
    own = int((data.labels[batches.training_indices] == 3).sum())
    assert len({image.numpy().tobytes() for image in rare[:own]}) == own
    whole = torch.cat([one.images for one in drawn])
    again = [batches.at(position).images for position in range(0, 480, 8)]
    assert torch.equal(torch.cat(again), whole)
