"""What learning without pairs adds: heads that compare patches, a way back, two discriminators."""

import pytest
import torch

from elegan.networks import PatchDiscriminator, TranslationShape, build_translator
from elegan.networks.patch_discriminator import (
    ContrastiveTranslator,
    CycleTranslator,
    TwoDiscriminators,
)

SHAPE = TranslationShape(inputs=3)
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def _translator(name: str = "translator", seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build_translator(name, SHAPE, width=8, depth=3 if name == "translator" else 2)


@pytest.mark.parametrize("name", ["translator", "unet"])
def test_patches_of_both_are_unit_vectors_from_the_same_places(name: str) -> None:
    network = ContrastiveTranslator(_translator(name))  # pyright: ignore[reportArgumentType]
    patches = network.patches(IMAGES, IMAGES)
    assert len(patches) == len(network.translator.contrastive_layers)
    for queries, keys in patches:
        torch.testing.assert_close(queries, keys)  # of one image: the same places, so the same
        lengths = queries.norm(dim=-1)
        # A place whose features are all cut off by the U-Net's rectifiers has no direction yet.
        torch.testing.assert_close(lengths, lengths.round())
        assert lengths.mean() > 0.95
        assert queries.shape[1] <= network.PLACES
    assert patches[0][0].shape[1] == network.PLACES


def test_patches_of_the_input_are_constants_and_those_of_the_translation_are_not() -> None:
    network = ContrastiveTranslator(_translator())  # pyright: ignore[reportArgumentType]
    made, images = IMAGES.clone().requires_grad_(), IMAGES.flip(3).clone().requires_grad_()
    for queries, keys in network.patches(made, images):
        assert queries.requires_grad
        assert not keys.requires_grad
    places = torch.stack([queries.sum() for queries, _ in network.patches(made, images)]).sum()
    places.backward()
    assert made.grad is not None
    assert made.grad.abs().max() > 0
    assert images.grad is None


def test_places_are_drawn_anew_from_the_default_generator() -> None:
    network = ContrastiveTranslator(_translator())  # pyright: ignore[reportArgumentType]

    def first(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return network.patches(IMAGES, IMAGES)[0][0]

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_forward_is_the_way_there() -> None:
    there, back = _translator(), _translator(seed=1)
    for network in (ContrastiveTranslator(there), CycleTranslator(there, back)):  # pyright: ignore[reportArgumentType]
        assert torch.equal(network(IMAGES), there(IMAGES))
    one, two = (PatchDiscriminator(3, width=8, levels=2) for _ in range(2))
    both = TwoDiscriminators(one, two).eval()
    assert torch.equal(both(IMAGES), one(IMAGES))
    assert both.channels == 3


def test_stages_hold_every_parameter_once() -> None:
    pair = TwoDiscriminators(*(PatchDiscriminator(3, width=8, levels=2) for _ in range(2)))
    networks = (
        ContrastiveTranslator(_translator()),  # pyright: ignore[reportArgumentType]
        CycleTranslator(_translator(), _translator(seed=1)),
        pair,
    )
    for network in networks:
        held = [id(one) for stage in network.stages() for one in stage.parameters()]
        assert sorted(held) == sorted(id(one) for one in network.parameters())
