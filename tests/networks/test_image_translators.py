"""Encodings for contrastive losses; statistics recorded on one image and replayed on others."""

import pytest
import torch
from torch import nn

from elegan.networks import (
    TRANSLATORS,
    EncodingTranslator,
    ProjectionHeads,
    TranslationShape,
    build_translator,
    draw_places,
)
from elegan.networks.image_translators import InstanceNormalisation

NAMES = ("translator", "unet")


@pytest.fixture(params=NAMES)
def network(request: pytest.FixtureRequest) -> EncodingTranslator:
    torch.manual_seed(0)
    built = build_translator(request.param, TranslationShape(3), width=8, depth=3)
    assert isinstance(built, EncodingTranslator)
    return built


def _images(count: int = 1, height: int = 32, width: int = 40) -> torch.Tensor:
    return torch.rand(count, 3, height, width) * 2 - 1


def test_every_kind_with_an_encoder_is_tested() -> None:
    shape = TranslationShape(3)
    encoding = {
        name
        for name in TRANSLATORS
        if isinstance(build_translator(name, shape, width=8, depth=1), EncodingTranslator)
    }
    assert encoding == set(NAMES)


def test_encodings_are_what_the_network_computes(network: EncodingTranslator) -> None:
    images, seen = _images(), []
    for part in network.encoder:
        part.register_forward_hook(lambda _, inputs, output: seen.append(output))
    layers = range(len(network.encoder) + 1)
    maps = network.encode(images, layers)
    assert torch.equal(maps[0], images)
    assert all(mine is theirs for mine, theirs in zip(maps[1:], seen, strict=True))
    seen.clear()
    network(images)
    for mine, theirs in zip(maps[1:], seen, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_encoding_stops_behind_the_deepest_layer(network: EncodingTranslator) -> None:
    ran = []
    for part in network.encoder:
        part.register_forward_hook(lambda *_: ran.append(1))
    network.encode(_images(), [0, 2])
    assert len(ran) == 2


def test_default_layers_fit_the_heads_at_any_size(network: EncodingTranslator) -> None:
    heads = ProjectionHeads(network.widths_of(), width=6)
    maps = network.encode(_images(2, 21, 30))
    vectors = heads(maps, draw_places(maps, 4))
    assert len(vectors) == len(network.contrastive_layers) >= 4
    assert all(one.shape == (2, 4, 6) for one in vectors)
    sum(one[..., 0].sum() for one in vectors).backward()
    deepest = network.encoder[max(network.contrastive_layers) - 1]
    assert all(one.grad is not None for one in deepest.parameters())


@pytest.mark.parametrize("depth", [0, 1, 2, 6, 9])
def test_contrastive_layers_of_any_depth_exist_and_differ(depth: int) -> None:
    network = build_translator("translator", TranslationShape(3), width=8, depth=depth)
    assert isinstance(network, EncodingTranslator)
    layers = network.contrastive_layers
    assert sorted(set(layers)) == list(layers)
    assert max(layers) <= len(network.encoder)
    assert len(network.encoder_widths) == len(network.encoder) + 1


def test_replayed_statistics_are_those_recorded(network: EncodingTranslator) -> None:
    images, others = _images(), _images()
    with torch.no_grad():
        live = network(images)
        with network.record_statistics():
            torch.testing.assert_close(network(images), live, rtol=1e-4, atol=1e-5)
        with network.replay_statistics():
            torch.testing.assert_close(network(images), live, rtol=1e-4, atol=1e-5)
            replayed = network(others)
        afterwards = network(others)
    assert (replayed - afterwards).abs().max() > 1e-3
    torch.testing.assert_close(network(images), live)


def test_a_tile_under_replay_is_part_of_its_image(network: EncodingTranslator) -> None:
    margin, step = network.margin, network.stride
    images = _images(1, 2 * step, 2 * margin + 8 * step)
    start = 2 * step
    with torch.no_grad():
        with network.record_statistics():
            whole = network(images)
        with network.replay_statistics():
            tile = network(images[..., start:])
        alone = network(images[..., start:])
    inside = slice(margin, None)
    torch.testing.assert_close(tile[..., inside], whole[..., start + margin :], rtol=0, atol=1e-5)
    assert (alone[..., inside] - whole[..., start + margin :]).abs().max() > 1e-4


def test_statistics_of_one_image_serve_a_batch_of_tiles(network: EncodingTranslator) -> None:
    with torch.no_grad():
        with network.record_statistics():
            network(_images())
        tiles = _images(3, 16, 16)
        with network.replay_statistics():
            together = network(tiles)
            alone = torch.cat([network(one[None]) for one in tiles])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_replay_needs_a_recording(network: EncodingTranslator) -> None:
    with (
        pytest.raises(ValueError, match="record_statistics"),
        network.replay_statistics(),
    ):
        pass


def test_recording_is_no_part_of_the_state(network: EncodingTranslator) -> None:
    before = set(network.state_dict())
    with torch.no_grad(), network.record_statistics():
        network(_images())
    assert set(network.state_dict()) == before


def test_normalisation_against_the_formula() -> None:
    layer = InstanceNormalisation(3)
    nn.init.normal_(layer.gain)
    nn.init.normal_(layer.bias)
    features = torch.randn(2, 3, 4, 5) * 3 + 1
    mean = features.mean(dim=(2, 3), keepdim=True)
    deviation = (features.var(dim=(2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    expected = (features - mean) / deviation * layer.gain.view(3, 1, 1) + layer.bias.view(3, 1, 1)
    torch.testing.assert_close(layer(features), expected, rtol=1e-4, atol=1e-5)
    lone = layer(torch.randn(2, 3, 1, 1))
    torch.testing.assert_close(lone, layer.bias.view(1, 3, 1, 1).expand(2, 3, 1, 1))
