"""Networks of characters: codes of attributes, places from heat maps, gradients everywhere."""

import itertools
from typing import Any

import pytest
import torch

from elegan.applications.characters.networks import (
    AttributeCode,
    MapDiscriminator,
    MapGenerator,
    PointNetwork,
    soft_argmax,
)
from elegan.applications.characters.planes import FlatColours
from elegan.networks import ImageShape

SHAPE = ImageShape(resolution=32, channels=15)
PARTS: dict[str, Any] = {"slots": [0, 1, 2, 3] * 3, "inside": [[7, 5], [8, 6]]}


def test_each_combination_has_a_code_of_its_own_and_is_read_back() -> None:
    code = AttributeCode([3, 1, 4])
    rows = list(itertools.product(range(3), range(1), range(4)))
    codes = [code.encode(row) for row in rows]
    assert codes == list(range(12))
    vectors = code(torch.tensor(codes))
    assert vectors.shape == (12, 8)
    for row, vector in zip(rows, vectors, strict=True):
        assert vector.nonzero().flatten().tolist() == [row[0], 3 + row[1], 4 + row[2]]


def test_a_sharp_peak_is_found_where_it_stands_and_a_blend_lies_between() -> None:
    heats = torch.full((1, 2, 5, 9), -1e4)
    heats[0, 0, 1, 8] = 0  # rim on the right
    heats[0, 1, 2, 2] = heats[0, 1, 2, 4] = 0
    found = soft_argmax(heats)[0]
    assert torch.allclose(found, torch.tensor([[1.0, 0.25], [3 / 8, 0.5]]), atol=1e-6)


def test_maps_depend_on_what_is_asked_and_every_parameter_learns() -> None:
    torch.manual_seed(0)
    generator = MapGenerator(SHAPE, **PARTS, width=8, latent=6, attributes=(3, 2))
    discriminator = MapDiscriminator(SHAPE, width=8, attributes=(3, 2))
    for network in (generator, discriminator):  # branches begin at zero
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    noise = torch.randn(2, 6).repeat(2, 1)
    codes = torch.tensor([0, 0, 5, 5])
    maps = generator(noise, codes)
    assert maps.shape == (4, 15, 32, 32)
    assert not torch.allclose(maps[:2], maps[2:])
    assert discriminator(maps, codes).shape == (4,)
    assert not torch.allclose(discriminator(maps, codes), discriminator(maps, codes.flip(0)))
    discriminator(maps, codes).sum().backward()
    for network in (generator, discriminator):
        silent = [name for name, one in network.named_parameters() if one.grad is None]
        assert silent == []
        staged = {id(one) for stage in network.stages() for one in stage.parameters()}
        own = {id(one) for one in network.parameters()}
        assert own - staged <= {id(one) for one in discriminator.head.parameters()}


def test_the_linear_model_gives_means_of_attributes_and_their_spread() -> None:
    torch.manual_seed(0)
    generator = MapGenerator(
        SHAPE, **PARTS, width=8, latent=6, attributes=(2,), components=4
    ).eval()
    codes = torch.tensor([0, 1] * 200)
    axis = torch.zeros(12, 32, 32)
    axis[3, 5:9] = 0.2
    along = torch.randn(400, 1, 1, 1)
    maps = -0.2 + 0.3 * codes.view(-1, 1, 1, 1) + along * axis
    palettes = (0.3 + 0.2 * along[..., 0]).expand(400, 5, 3)
    explained = generator.set_linear(maps, palettes, codes)
    assert explained > 0.99
    with torch.no_grad():
        mean = generator(torch.zeros(2, 6), torch.tensor([0, 1]))
        drawn = generator(torch.randn(400, 6), codes)
    assert torch.allclose(mean[0, 0], torch.tensor(-0.2), atol=0.02)
    assert torch.allclose(mean[1, 0], torch.tensor(0.1), atol=0.02)
    spread = drawn[::2, 3, 6, 0].std()
    assert abs(spread - 0.2) < 0.04
    assert drawn[::2, 0].std(dim=0).max() < 0.02
    assert (mean[:, -3:] - 0.3).abs().max() < 0.05  # of one colour, however it is laid out


def test_flat_features_give_flat_planes_whatever_the_weights() -> None:
    torch.manual_seed(0)
    generator = MapGenerator(SHAPE, **PARTS, width=8, latent=6).eval()
    with torch.no_grad():
        generator.mean.zero_()
        generator.dense.weight.zero_()
        generator.dense.bias.copy_(torch.randn(generator.inner).repeat(generator.sides[0] ** 2))
        generator.to_patches.weight.normal_(std=0.1)
        planes = generator(torch.randn(1, 6))[..., 2:-3, 2:-3]  # at the rim the padding is seen
    assert planes.std(dim=1).min() > 0.1
    assert (planes.amax(dim=(2, 3)) - planes.amin(dim=(2, 3))).max() < 1e-5


def test_colours_lie_over_each_other_as_the_parts_do() -> None:
    lay = FlatColours(slots=(0, -1, 1), inside=((2, 1),))
    palette = torch.tensor([[[-0.5, 0, 0.5], [0.9, 0.8, 0.7], [-1, -1, -0.2]]])
    maps = torch.full((1, 3, 1, 5), -1.0)
    maps[0, 0, 0, 1:] = 1  # a face, an eye on its last two pixels, an iris on the last three
    maps[0, 1, 0, 3:] = 1
    maps[0, 2, 0, 2:] = 1
    maps[0, 2, 0, 4] = 0  # half
    background, face, iris = palette[0, 2], palette[0, 0], palette[0, 1]
    wanted = torch.stack([background, face, face, iris, (1 + iris) / 2], dim=1)
    assert torch.allclose(lay(maps, palette)[0, :, 0], wanted)


def test_a_feature_is_nowhere_but_on_its_part() -> None:
    torch.manual_seed(0)
    generator = MapGenerator(SHAPE, **PARTS, on=[[4, 3]], width=8, latent=6).eval()
    with torch.no_grad():
        generator.mean.zero_()
        generator.mean[: 12 * 32 * 32].view(12, 32, 32)[3, :, :10] = -1  # no face on the left
        generator.mean[: 12 * 32 * 32].view(12, 32, 32)[3, :, 20:] = 1
        planes = generator(torch.zeros(1, 6))[0]
    assert (planes[4, :, :10] == -1).all()
    assert torch.allclose(planes[4, :, 20:], torch.zeros(32, 12))
    assert torch.allclose(planes[4, :, 10:20], torch.full((32, 10), -0.5))
    assert torch.allclose(planes[5], torch.zeros(32, 32))


def test_without_attributes_no_code_is_needed() -> None:
    generator = MapGenerator(SHAPE, **PARTS, width=8, latent=6)
    assert MapDiscriminator(SHAPE, width=8)(generator(torch.randn(2, 6))).shape == (2,)


@pytest.mark.parametrize("side", [16, 32])
def test_points_lie_on_the_canvas_in_order_of_parts(side: int) -> None:
    torch.manual_seed(0)
    network = PointNetwork(3, 5, outline=8, width=16)
    maps = torch.randn(2, 3, side, side)
    points = network(maps)
    assert points.shape == (2, 5 + 3 * 8, 2)
    assert bool(((points >= 0) & (points <= 1)).all())
    points.sum().backward()
    assert [name for name, one in network.named_parameters() if one.grad is None] == []
    staged = [id(one) for stage in network.stages() for one in stage.parameters()]
    assert sorted(staged) == sorted(id(one) for one in network.parameters())
    # The head of the last part gives the last points and no others.
    with torch.no_grad():
        network.heads[-1].weight.add_(torch.randn_like(network.heads[-1].weight))
        moved = (network(maps) - points).abs().amax(dim=(0, 2)) > 1e-6
    assert moved.tolist() == [False] * 21 + [True] * 8
