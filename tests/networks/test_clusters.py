"""Clusters: how images are described and sorted, and how networks are told of them."""

import copy

import pytest
import torch

from elegan.networks import ImageShape, build_discriminator, build_generator
from elegan.networks.clusters import described, find_centres, nearest

SHAPE = ImageShape(resolution=16, channels=1, clusters=5)


@pytest.fixture(name="generator")
def _generator():
    torch.manual_seed(0)
    return build_generator("residual", SHAPE, width=8, latent=6).eval()


def stripes(across: bool, shift: int = 0, channels: int = 1) -> torch.Tensor:
    rows = ((torch.arange(28) + shift) // 4 % 2 * 2.0 - 1).expand(28, 28)
    return (rows if across else rows.T).expand(1, channels, 28, 28)


def test_images_are_told_apart_by_directions_of_edges_not_by_their_place():
    first, moved, other = (described(stripes(*how)) for how in ((True,), (True, 1), (False,)))
    assert (first - moved).norm() < 0.7 * (first - other).norm()
    turned = described(stripes(True) * 0)
    assert turned.abs().max() < 1e-3  # a flat image has no edges


def test_colours_count_where_there_are_any_and_large_images_are_described_alike():
    red = torch.zeros(1, 3, 28, 28)
    red[:, 0] = 1
    assert (described(red) - described(red.flip(1))).norm() > 1
    small = torch.randn(1, 3, 32, 32)
    large = small.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    torch.testing.assert_close(described(large), described(small))


def test_centres_find_what_lies_together_and_no_cluster_stays_empty():
    torch.manual_seed(1)
    places = torch.randn(4, 9) * 10
    truth = torch.arange(400) % 4
    rows = places[truth] + torch.randn(400, 9)
    centres = find_centres(rows, places + 1, seed=0)
    assert torch.equal(nearest(rows, centres), truth)
    torch.testing.assert_close(centres[2], rows[truth == 2].mean(dim=0))
    lonely = torch.cat([rows[:3], torch.full((1, 9), 1e3)])  # nothing is nearest to the last
    found = nearest(rows, find_centres(rows, lonely, seed=0))
    assert set(found.tolist()) == {0, 1, 2, 3}


def test_noise_chooses_clusters_as_often_as_real_images_are_of_them(generator):
    shares = torch.tensor([0.5, 0.25, 0.15, 0.1, 0.0])
    generator.shares.copy_(shares)
    latents = torch.randn(20_000, generator.latent)
    counts = torch.bincount(generator.kinds(latents), minlength=5) / len(latents)
    torch.testing.assert_close(counts, shares, atol=0.012, rtol=0)
    extreme = torch.cat([torch.full((1, 11), 40.0), torch.full((1, 11), -40.0)])
    assert generator.kinds(extreme).tolist() == [0, 0]  # no NaN wins, nor a cluster without images


def test_the_rest_of_the_noise_does_not_depend_on_the_choice(generator):
    assert generator.latent == 6 + 5
    torch.nn.init.normal_(generator.within.to_patches.weight)
    latents = torch.randn(3, generator.latent)
    kinds = generator.kinds(latents)
    images = generator(latents)
    assert torch.equal(images, generator(latents, kinds))
    others = torch.cat([latents[:, :6], torch.randn(3, 5)], dim=1)
    assert torch.equal(images, generator(others, kinds))
    assert not torch.equal(images, generator(latents, (kinds + 1) % 5))
    shares = torch.nn.functional.one_hot(kinds, 5).float()
    torch.testing.assert_close(generator(latents, shares), images)
    blend = 0.5 * shares + 0.5 * shares.roll(1, dims=1)
    between = generator(latents, blend)
    assert not torch.allclose(between, images)
    assert torch.isfinite(between).all()
    assert generator.entry_weights().shape[1] == generator.latent


@pytest.mark.parametrize("condition", ["projection", "concat"])
def test_the_discriminator_sees_by_itself_of_which_cluster_an_image_is(condition):
    torch.manual_seed(0)
    network = build_discriminator("residual", SHAPE, width=8, latent=6, condition=condition)
    images = torch.rand(8, 1, 16, 16) * 2 - 1
    network.centres.copy_(described(images[:5]))
    assert network.kinds(images[:5]).tolist() == [0, 1, 2, 3, 4]
    told = network(images, network.kinds(images))
    assert torch.equal(network(images), told)
    assert not torch.equal(network(images, (network.kinds(images) + 1) % 5), told)
    assert network.head is network.within.head
    again = copy.deepcopy(network)
    assert torch.equal(again(images), told)
