"""Which channels of a generator stay or go together when it is pruned.

Channels that are added to each other, normalised or gated together form a group. Each generator
says in `channel_groups` which layers write a group, which read it and which follow it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from elegan.common.errors import UsageError


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Channels that stay or go together.

    Attributes:
        width: their number C.
        places: (tensor, dimension) in which they are found; a dimension of p * C entries holds them
            p times, channel c at c, C + c, 2 C + c ...
        writers: the layers whose output they are.
        readers: the layers whose input they are.
    """

    width: int
    places: list[tuple[str, int]] = field(default_factory=list)
    writers: list[nn.Module] = field(default_factory=list)
    readers: list[nn.Module] = field(default_factory=list)


class ChannelGroups:
    """Collects the groups of a network; layers are named as in its state."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.state = network.state_dict()
        self.names = {id(module): name for name, module in network.named_modules()}
        self.groups: list[Group] = []

    def add(
        self,
        width: int,
        *,
        writers: Sequence[nn.Module],
        readers: Sequence[nn.Module] = (),
        followers: Sequence[nn.Module | None] = (),
        tensors: Sequence[tuple[nn.Module, str, int]] = (),
    ) -> None:
        """Adds a group.

        Args:
            writers: layers whose output channels these are.
            readers: layers whose input channels these are.
            followers: normalisations over them.
            tensors: (module, name of a tensor of its own, dimension) besides.
        """
        group = Group(width=width, writers=list(writers), readers=list(readers))
        for layer in writers:
            transposed = isinstance(layer, nn.ConvTranspose2d)
            self._add(group, layer, "weight", 1 if transposed else 0)
            self._add(group, layer, "bias", 0)
        for layer in readers:
            self._add(group, layer, "weight", 0 if isinstance(layer, nn.ConvTranspose2d) else 1)
        for layer in followers:
            self._follow(group, layer)
        for module, name, dimension in tensors:
            self._add(group, module, name, dimension)
        self.groups.append(group)

    def _follow(self, group: Group, layer: Any) -> None:
        if isinstance(layer, nn.BatchNorm2d):
            for name in ("weight", "bias", "running_mean", "running_var"):
                self._add(group, layer, name, 0)
        elif hasattr(layer, "channel_places"):
            places, inner = layer.channel_places()
            for name, dimension in places:
                self._add(group, layer, name, dimension)
            self._follow(group, inner)

    def _add(self, group: Group, module: nn.Module, name: str, dimension: int) -> None:
        prefix = self.names[id(module)]
        prefix = f"{prefix}." if prefix else ""
        for key in (f"{prefix}{name}", f"{prefix}parametrizations.{name}.original"):
            if key in self.state:
                group.places.append((key, dimension))


def groups_of(network: Any) -> list[Group]:
    """Returns the groups of channels of a generator.

    Raises:
        UsageError: the network does not say which belong together.
    """
    groups = ChannelGroups(network)
    try:
        network.channel_groups(groups)
    except NotImplementedError:
        raise UsageError(
            f"A {type(network).__name__} cannot be pruned: it does not say which of its channels"
            " belong together."
        ) from None
    return groups.groups
