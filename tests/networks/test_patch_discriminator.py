"""The patch discriminator and the projection heads."""

import copy

import pytest
import torch
from torch import nn

from elegan.networks import PatchDiscriminator, ProjectionHeads, draw_places


@pytest.fixture(params=[(3, 1), (3, 2), (6, 3), (1, 4)], ids=lambda one: f"{one[0]}-{one[1]}")
def discriminator(request: pytest.FixtureRequest) -> PatchDiscriminator:
    torch.manual_seed(0)
    channels, levels = request.param
    return PatchDiscriminator(channels, width=8, levels=levels)


def _images(discriminator: PatchDiscriminator, height: int = 48, width: int = 64) -> torch.Tensor:
    return torch.rand(2, discriminator.channels, height, width) * 2 - 1


def test_one_logit_a_patch(discriminator: PatchDiscriminator) -> None:
    images = _images(discriminator)
    logits, maps = discriminator.eval().judge(images)
    cell = 2 ** len(discriminator.levels)
    assert logits.shape == (2, 48 // cell, 64 // cell)
    assert torch.equal(logits, discriminator(images))
    assert [one.shape[1] for one in maps] == list(discriminator.feature_widths)
    for mine, again in zip(maps, discriminator.features(images), strict=True):
        assert torch.equal(mine, again)


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (17, 9)])
def test_any_size(discriminator: PatchDiscriminator, size: tuple[int, int]) -> None:
    logits = discriminator(_images(discriminator, *size))
    assert logits.numel() >= 2
    assert torch.isfinite(logits).all()


def test_every_parameter_learns(discriminator: PatchDiscriminator) -> None:
    discriminator(_images(discriminator)).square().mean().backward()
    for name, one in discriminator.named_parameters():
        assert one.grad is not None, name
        assert one.grad.abs().max() > 0, name


def test_a_logit_sees_its_patch_of_its_image_only(discriminator: PatchDiscriminator) -> None:
    side = {1: 12, 2: 26, 3: 54, 4: 110}[len(discriminator.levels)]
    cell = 2 ** len(discriminator.levels)
    images = _images(discriminator, cell, 3 * side - 3 * side % cell).requires_grad_()
    logits = discriminator(images)
    (gradient,) = torch.autograd.grad(logits[1, :, logits.shape[2] // 2].sum(), images)
    assert not gradient[0].any()
    columns = gradient[1].abs().amax(dim=(0, 1)).nonzero()
    assert int(columns.max() - columns.min()) + 1 == side


def test_no_layer_stretches_more_than_spectral_norm_allows(
    discriminator: PatchDiscriminator,
) -> None:
    for _ in range(30):  # the power iteration settles
        discriminator(_images(discriminator, 16, 16))
    layers = [one for one in discriminator.modules() if isinstance(one, nn.Conv2d)]
    assert len(layers) == len(discriminator.levels) + 2
    for layer in layers:
        norm = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
        assert norm.item() == pytest.approx(1, abs=0.05)


def test_state_round_trip(discriminator: PatchDiscriminator) -> None:
    discriminator(_images(discriminator))
    other = copy.deepcopy(discriminator)
    for parameter in other.parameters():
        nn.init.normal_(parameter)
    other.load_state_dict(discriminator.state_dict())
    images = _images(discriminator)
    assert torch.equal(other.eval()(images), discriminator.eval()(images))


def test_stages_hold_every_parameter_once(discriminator: PatchDiscriminator) -> None:
    held = [id(one) for stage in discriminator.stages() for one in stage.parameters()]
    assert sorted(held) == sorted({id(one) for one in discriminator.parameters()})
    first, *later = discriminator.stages()
    first.requires_grad_(False)
    discriminator(_images(discriminator)).sum().backward()
    assert all(any(one.grad is not None for one in stage.parameters()) for stage in later)


def test_heads_look_up_the_same_places_in_every_image() -> None:
    torch.manual_seed(0)
    heads = ProjectionHeads([3, 5], width=7)
    features = [torch.randn(2, 3, 4, 6), torch.randn(2, 5, 2, 3)]
    places = draw_places(features, 8)
    assert [len(one) for one in places] == [8, 6]
    assert all(len(one.unique()) == len(one) for one in places)
    vectors = heads(features, places)
    assert [one.shape for one in vectors] == [(2, 8, 7), (2, 6, 7)]
    torch.testing.assert_close(vectors[0].norm(dim=-1), torch.ones(2, 8))
    row, column = divmod(int(places[0][3]), 6)
    alone = nn.functional.normalize(heads.heads[0](features[0][1, :, row, column]), dim=-1)
    torch.testing.assert_close(vectors[0][1, 3], alone)
    sum(one[..., 0].sum() for one in vectors).backward()
    assert all(one.grad is not None and one.grad.any() for one in heads.parameters())


def test_places_are_drawn_by_the_generator_given() -> None:
    features = [torch.zeros(1, 1, 9, 9)]
    drawn = [draw_places(features, 5, torch.Generator().manual_seed(3))[0] for _ in range(2)]
    assert torch.equal(*drawn)
