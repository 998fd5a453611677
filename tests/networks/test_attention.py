"""The attention pair: attention against plain sums, chunks of the latent, spectral norms."""

import pytest
import torch
from torch import nn

from elegan.common.errors import UsageError
from elegan.networks import ImageShape, build_discriminator, build_generator
from elegan.networks.attention import ModulatedNorm, SelfAttention

SIZES = {"width": 8, "latent": 12}


def test_attention_begins_as_the_identity() -> None:
    layer, maps = SelfAttention(16), torch.randn(2, 16, 6, 6)
    assert torch.equal(layer(maps), maps)


@pytest.mark.parametrize("side", [6, 7])
def test_attention_gathers_by_weighted_sums(side: int) -> None:
    torch.manual_seed(0)
    layer = SelfAttention(16).eval()
    nn.init.constant_(layer.gamma, 0.7)
    maps = 3 * torch.randn(2, 16, side, side)
    pool = nn.MaxPool2d(2)
    query, key, value = layer.query(maps), pool(layer.key(maps)), pool(layer.value(maps))
    gathered = torch.zeros(2, 8, side, side)
    for image in range(2):
        for y in range(side):
            for x in range(side):
                match = torch.einsum("c,chw->hw", query[image, :, y, x], key[image])
                weights = match.flatten().softmax(0).view_as(match)
                gathered[image, :, y, x] = (value[image] * weights).sum(dim=(1, 2))
    expected = maps + 0.7 * layer.out(gathered)
    torch.testing.assert_close(layer(maps), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("resolution", "side"), [(28, 14), (33, 17), (64, 16), (256, 16)])
def test_attention_stands_on_the_map_nearest_to_16(resolution: int, side: int) -> None:
    shape = ImageShape(resolution=resolution, channels=1)
    generator = build_generator("attention", shape, **SIZES).eval()
    discriminator = build_discriminator("attention", shape, **SIZES).eval()
    seen = []
    for network in (generator, discriminator):
        network.attention.register_forward_hook(lambda *call: seen.append(call[2].shape[-1]))
    with torch.no_grad():
        discriminator(generator(torch.randn(1, 12)))
    assert seen == [side, side]


def test_each_block_reads_its_chunk_of_the_latent() -> None:
    shape = ImageShape(resolution=64, channels=1)
    network = build_generator("attention", shape, **SIZES).eval()
    outputs: list[torch.Tensor] = []
    for block in network.blocks:
        block.register_forward_hook(lambda layer, inputs, output: outputs.append(output))
    assert sum(network.chunks) == 12
    latents, start = torch.randn(1, 12), network.chunks[0]
    network(latents)
    before = list(outputs)
    for index, chunk in enumerate(network.chunks[1:]):
        outputs.clear()
        moved = latents.clone()
        moved[:, start : start + chunk] += 1
        network(moved)
        same = [torch.equal(one, other) for one, other in zip(before, outputs, strict=True)]
        assert same == [True] * index + [False] * (len(same) - index)
        start += chunk


def test_entry_weights_are_all_linear_answers_to_the_latent() -> None:
    shape = ImageShape(resolution=28, channels=1, classes=3)
    network = build_generator("attention", shape, **SIZES, condition="normalisation").eval()
    heard: list[torch.Tensor] = []
    linear = [network.dense]
    linear += [one.affine for one in network.modules() if isinstance(one, ModulatedNorm)]
    for layer in linear:
        layer.register_forward_hook(lambda layer, inputs, output: heard.append(output))
    latents, step, label = torch.randn(1, 12), torch.randn(12), torch.tensor([1])
    network(latents, label)
    before = torch.cat(heard, dim=1)
    heard.clear()
    network(latents + step, label)
    moved = (torch.cat(heard, dim=1) - before)[0]
    torch.testing.assert_close(moved, network.entry_weights() @ step, rtol=1e-4, atol=1e-5)


def test_a_latent_too_short_for_the_blocks_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 5"):
        build_generator("attention", ImageShape(resolution=64, channels=1), width=8, latent=4)


def test_discriminator_layers_have_spectral_norm_1() -> None:
    torch.manual_seed(0)
    shape = ImageShape(resolution=16, channels=3, classes=4)
    network = build_discriminator("attention", shape, **SIZES)
    images, labels = torch.randn(2, 3, 16, 16), torch.tensor([0, 3])
    for _ in range(50):  # one power iteration each
        network(images, labels)
    network.eval()
    kinds = nn.Conv2d | nn.Linear | nn.Embedding
    weights = [one.weight for one in network.modules() if isinstance(one, kinds)]
    assert len(weights) > 10
    for weight in weights:
        largest = torch.linalg.matrix_norm(weight.flatten(1), ord=2)
        assert largest.item() == pytest.approx(1, abs=0.05)
