"""Narrowing: what no layer reads is cut out without a trace, for every registered network."""

import pytest
import torch
from tiny import cpu
from torch import nn

from elegan.common.errors import UsageError
from elegan.models import Model
from elegan.models.channels import channel_scores, narrowed
from elegan.models.distillation import distil
from elegan.networks import PAIRS, Generator, ImageShape, build_generator
from elegan.networks.channels import Group, groups_of

NAMES = ["article", "article-printed", "dcgan", "residual", "style"]


def _pair(
    name: str, classes: int = 0, condition: str = "concat", side: int = 16
) -> tuple[nn.Module, nn.Module, torch.Tensor, torch.Tensor | None]:
    """Returns a generator, one of half its width, latents and labels."""
    torch.manual_seed(0)
    shape = ImageShape(resolution=side, channels=1, classes=classes)
    wide, narrow = (
        build_generator(name, shape, width=width, latent=16, condition=condition).eval()
        for width in (16, 8)
    )
    with torch.no_grad():
        for parameter in wide.parameters():
            if parameter.ndim == 4:  # away from the zero residuals of the beginning
                parameter.add_(0.05 * torch.randn_like(parameter))
    labels = torch.arange(6) % classes if classes else None
    return wide, narrow, torch.randn(6, 16), labels


@torch.no_grad()
def _cut_off(network: nn.Module, groups: list[Group]) -> list[set[int]]:
    """Zeroes half the channels of each group wherever they are found; returns the live ones."""
    state, live = network.state_dict(), []
    for group in groups:
        order = torch.randperm(group.width)
        dead = order[group.width // 2 :]
        live.append(set(order[: group.width // 2].tolist()))
        for name, dimension in group.places:
            for start in range(0, state[name].shape[dimension], group.width):
                state[name].index_fill_(dimension, dead + start, 0.0)
    return live


def test_there_is_a_rule_for_every_registered_network() -> None:
    assert sorted(name for name in PAIRS if not name.startswith("test")) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [16, 64])
def test_channels_that_nothing_reads_are_the_ones_cut(name: str, side: int) -> None:
    wide, narrow, latents, labels = _pair(name, side=side)
    groups = groups_of(wide)
    live = _cut_off(wide, groups)
    scores = channel_scores(groups, lambda: wide(latents, labels), "activation")
    for group, score, alive in zip(groups, scores, live, strict=True):
        kept = set(score.topk(group.width // 2).indices.tolist())
        assert kept == alive
    narrowed(groups, wide, narrow, scores)
    with torch.no_grad():
        expected, found = wide(latents, labels), narrow(latents, labels)
    assert expected.std() > 1e-3
    assert torch.allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("condition", ["concat", "normalisation"])
def test_conditional_generators_are_narrowed_too(name: str, condition: str) -> None:
    wide, narrow, latents, labels = _pair(name, classes=3, condition=condition)
    groups = groups_of(wide)
    live = _cut_off(wide, groups)
    scores = channel_scores(groups, lambda: wide(latents, labels), "activation")
    narrowed(groups, wide, narrow, scores)
    assert all(len(alive) == group.width // 2 for alive, group in zip(live, groups, strict=True))
    if (name, condition) != ("residual", "normalisation"):
        # Group normalisation shares statistics with the channels that went.
        with torch.no_grad():
            assert torch.allclose(narrow(latents, labels), wide(latents, labels), atol=2e-4)


@pytest.mark.parametrize("name", NAMES)
def test_groups_do_not_overlap_and_cover_every_tensor_that_narrows(name: str) -> None:
    wide, narrow, _, _ = _pair(name)
    found = [place for group in groups_of(wide) for place in group.places]
    assert len(found) == len(set(found))
    state, target = wide.state_dict(), narrow.state_dict()
    for key, tensor in state.items():
        if key.endswith(("._u", "._v")):
            continue
        axes = zip(tensor.shape, target[key].shape, strict=True)
        differing = {(key, axis) for axis, (one, other) in enumerate(axes) if one != other}
        assert differing == {place for place in found if place[0] == key}


def test_scores_are_shares_of_what_readers_get() -> None:
    wide, _, latents, _ = _pair("dcgan")
    groups = groups_of(wide)
    scores = channel_scores(groups, lambda: wide(latents), "activation")
    inputs: list[torch.Tensor] = []
    reader = groups[-1].readers[0]
    reader.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    with torch.no_grad():
        wide(latents)
    energy = inputs[0].square().mean(dim=(0, 2, 3))
    strength = energy * reader.weight.square().sum(dim=(0, 2, 3))  # pyright: ignore[reportCallIssue]
    assert torch.allclose(scores[-1], strength / strength.sum(), atol=1e-6)
    weights = channel_scores(groups, lambda: wide(latents), "weight")
    assert not torch.allclose(weights[-1], scores[-1], atol=1e-4)


def test_a_network_without_a_rule_is_named() -> None:
    with pytest.raises(UsageError, match="cannot be pruned"):
        groups_of(Generator())


@pytest.mark.parametrize("name", ["residual", "dcgan"])
def test_the_narrow_network_learns_what_the_wide_one_draws(name: str) -> None:
    wide, narrow, latents, _ = _pair(name)
    shape = {"resolution": 16, "channels": 1, "classes": 0}
    facts = {"network": name, "shape": shape, "sizes": {"latent": 16}, "classes": []}
    teacher = Model(wide.requires_grad_(False), facts, cpu())
    groups = groups_of(wide)
    scores = channel_scores(groups, lambda: wide(latents), "activation")
    narrowed(groups, wide, narrow, scores)
    before = {key: one.clone() for key, one in wide.state_dict().items()}
    errors = []
    for steps in (0, 60):
        distil(narrow, teacher, steps=steps, batch=16, seed=1)
        with torch.no_grad():
            errors.append((narrow(latents) - wide(latents)).abs().mean().item())
        assert not narrow.training
    assert errors[1] < 0.8 * errors[0]
    assert all(torch.equal(before[key], one) for key, one in wide.state_dict().items())
