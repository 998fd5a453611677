"""Which channels of a generator matter most, and a network of those alone."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from elegan.common.errors import EleganError
from elegan.networks.channels import Group


def narrowed(
    groups: Sequence[Group], network: nn.Module, target: nn.Module, scores: Sequence[Tensor]
) -> nn.Module:
    """Fills `target`, the same network at a smaller width, with the best channels of `network`.

    Weights that a layer scales by its number of inputs (equalised learning rate) are rescaled, so
    that what is left does what it did. Vectors of spectral norm are found anew by power iteration.

    Args:
        scores: for each group float [C], greater for channels that matter more.

    Raises:
        EleganError: a tensor does not get the target's shape, so the groups are not complete.
    """
    state, wanted = network.state_dict(), target.state_dict()
    kept: dict[str, Tensor] = {name: tensor.clone() for name, tensor in state.items()}
    for group, score in zip(groups, scores, strict=True):
        rows: Tensor | None = None
        for name, dimension in group.places:
            copies = state[name].shape[dimension] // group.width
            if rows is None:
                count = wanted[name].shape[dimension] // copies
                rows = score.topk(count).indices.sort().values
            index = torch.cat([rows + copy * group.width for copy in range(copies)])
            kept[name] = kept[name].index_select(dimension, index.to(kept[name].device))
    for name, layer in network.named_modules():
        scale = getattr(layer, "scale", None)
        if isinstance(scale, float):
            kept[f"{name}.weight"] *= scale / target.get_submodule(name).scale  # pyright: ignore[reportOperatorIssue, reportArgumentType]
    for name, tensor in wanted.items():
        if kept[name].shape != tensor.shape and _is_iterated(name):
            kept[name] = tensor
        if kept[name].shape != tensor.shape:
            raise EleganError(
                f"The tensor {name} cannot be narrowed from {tuple(kept[name].shape)} to"
                f" {tuple(tensor.shape)}: no group of channels covers it."
            )
    target.load_state_dict(kept)
    return target


@torch.no_grad()
def channel_scores(
    groups: Sequence[Group], draw: Callable[[], object], importance: str
) -> list[Tensor]:
    """Returns how much each channel of each group matters, float [C] summing to about 1.

    - "activation": mean square of the channel times the squared norm of the weights that read it,
      relative to each reader's total: the share of its output that the channel gives.
    - "weight": the squared norm of the weights that read it alone (Li et al. 2017, at the side of
      the readers).

    Queries and keys, which meet each other, are scored by the product of their squared norms.

    Args:
        draw: runs the network on typical latents.
    """
    energies: dict[int, Tensor] = {}
    hooks = [reader.register_forward_pre_hook(_measuring(energies)) for reader in _readers(groups)]
    try:
        draw()
    finally:
        for hook in hooks:
            hook.remove()
    scores = []
    for group in groups:
        if not group.readers:
            norms = [_powers(writer, reads=False) for writer in group.writers]
            scores.append(_shares(torch.stack(norms).prod(dim=0)))
            continue
        total = torch.zeros(group.width)
        for reader in group.readers:
            power = _powers(reader, reads=True)
            if importance == "activation":
                power = power * energies[id(reader)]
            total += _shares(power) / len(group.readers)
        scores.append(total)
    return scores


def _powers(layer: nn.Module, *, reads: bool) -> Tensor:
    """The squared norms of a layer's weights, by its input or output channels."""
    weight: Any = layer.weight
    first = 1 if reads != isinstance(layer, nn.ConvTranspose2d) else 0
    return weight.detach().float().transpose(0, first).flatten(1).square().sum(dim=1).cpu()


def _shares(powers: Tensor) -> Tensor:
    return powers / (powers.sum() + 1e-12)


def _readers(groups: Sequence[Group]) -> Iterator[nn.Module]:
    yield from {id(reader): reader for group in groups for reader in group.readers}.values()


def _measuring(energies: dict[int, Tensor]) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def measure(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        energies[id(layer)] = inputs[0].float().square().mean(dim=(0, 2, 3)).cpu()

    return measure


def _is_iterated(name: str) -> bool:
    """Whether a tensor is a singular vector that spectral norm keeps."""
    return ".parametrizations." in name and name.rsplit(".", 1)[-1] in ("_u", "_v")
