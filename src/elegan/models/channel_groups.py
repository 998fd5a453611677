"""Which channels of a generator belong together.

Channels that are added to each other, normalised or gated together stay or go together: they form
a group. The rules below say for each registered network which layers write a group, which read it
and which follow it; a network without a rule cannot be pruned.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from elegan.common.errors import lookup
from elegan.networks.attention import ModulatedNorm
from elegan.networks.conditioning import ClassNormalisation


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


class _Finder:
    """Collects groups; layers are named as in the network's state."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.state = network.state_dict()
        self.names = {id(module): name for name, module in network.named_modules()}
        self.groups: list[Group] = []

    def group(
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

    def _follow(self, group: Group, layer: nn.Module | None) -> None:
        if isinstance(layer, ClassNormalisation):
            self._add(group, layer, "gain.weight", 1)
            self._add(group, layer, "bias.weight", 1)
            self._follow(group, layer.layer)
        elif isinstance(layer, ModulatedNorm):
            self._add(group, layer, "affine.weight", 0)
            self._add(group, layer, "affine.bias", 0)
            self._follow(group, layer.norm)
        elif isinstance(layer, nn.BatchNorm2d):
            for name in ("weight", "bias", "running_mean", "running_var"):
                self._add(group, layer, name, 0)

    def _add(self, group: Group, module: nn.Module, name: str, dimension: int) -> None:
        prefix = self.names[id(module)]
        prefix = f"{prefix}." if prefix else ""
        for key in (f"{prefix}{name}", f"{prefix}parametrizations.{name}.original"):
            if key in self.state:
                group.places.append((key, dimension))


def groups_of(name: str, network: nn.Module) -> list[Group]:
    """Returns the groups of channels of a registered generator.

    Raises:
        UsageError: there is no rule for this network.
    """
    finder = _Finder(network)
    lookup(_RULES, name, "network that can be pruned")(finder, network)
    return finder.groups


# --- the rules, one for each registered network -------------------------------------------------


def _residual(find: _Finder, net: Any) -> None:
    blocks, transitions = list(net.blocks), list(net.transitions)
    before, after = [net.dense, *transitions], [*transitions, net.to_patches]
    for block, writer, reader in zip(blocks, before, after, strict=True):
        width = block.first.in_channels
        find.group(
            width,
            writers=[writer, block.second],
            readers=[block.first, reader],
            followers=[block.norm],
        )
        find.group(width, writers=[block.first], readers=[block.second])


def _dcgan(find: _Finder, net: Any) -> None:
    convolutions = [level["convolution"] for level in net.levels]
    norms = [net.norm, *(level["norm"] for level in net.levels)]
    writers, readers = [net.dense, *convolutions], [*convolutions, net.to_image]
    for writer, norm, reader in zip(writers, norms, readers, strict=True):
        find.group(reader.in_channels, writers=[writer], readers=[reader], followers=[norm])


def _article(find: _Finder, net: Any) -> None:
    chain = (
        (net.dense, None, net.up1),
        (net.up1, net.norm1, net.up2),
        (net.up2, net.norm2, net.up3),
    )
    for writer, norm, reader in chain:
        find.group(reader.in_channels, writers=[writer], readers=[reader], followers=[norm])


def _attention(find: _Finder, net: Any) -> None:
    attention, blocks = net.attention, list(net.blocks)
    writers: list[nn.Module] = [net.dense]
    for index in range(len(blocks) + 1):
        following = blocks[index] if index < len(blocks) else None
        readers = [net.to_patches] if following is None else [following.first, following.shortcut]
        if index == net.where + 1:
            writers.append(attention.out)
            readers += [attention.query, attention.key, attention.value]
        find.group(
            readers[0].in_channels,  # pyright: ignore[reportArgumentType]
            writers=writers,
            readers=readers,
            followers=[net.norm if following is None else following.norm1],
        )
        if following is not None:
            find.group(
                following.second.in_channels,
                writers=[following.first],
                readers=[following.second],
                followers=[following.norm2],
            )
            writers = [following.second, following.shortcut]
    find.group(attention.query.out_channels, writers=[attention.query, attention.key])
    find.group(attention.out.in_channels, writers=[attention.value], readers=[attention.out])


def _style(find: _Finder, net: Any) -> None:
    layers = [layer for level in net.levels for layer in level.layers]
    last = {id(level.layers[-1]): level.to_image for level in net.levels}
    for index in range(len(layers) + 1):
        readers = [layers[index].convolution] if index < len(layers) else []
        writers, tensors = [], [(net, "constant", 1)]
        if index:
            layer = layers[index - 1]
            writers, tensors = [layer.convolution.convolution], [(layer.convolution, "bias", 0)]
            readers += [last[id(layer)]] if id(layer) in last else []
        tensors += [(reader.affine, name, 0) for reader in readers for name in ("weight", "bias")]
        width = readers[0].convolution.weight.shape[1]
        convolutions = [reader.convolution for reader in readers]
        find.group(width, writers=writers, readers=convolutions, tensors=tensors)


def _few_shot(find: _Finder, net: Any) -> None:
    levels, excitations = list(net.levels), list(net.excitations)
    previous, norm = net.dense, net.norm
    for index in range(len(levels) + 1):
        writers: list[nn.Module] = [previous]
        following = levels[index].layers[0].convolution if index < len(levels) else net.to_image
        readers = [following]
        if index < len(excitations):
            readers.append(excitations[index].gather)
        if index >= net.reach:
            writers.append(excitations[index - net.reach].weigh)
        find.group(following.in_channels, writers=writers, readers=readers, followers=[norm])
        layers = list(levels[index].layers) if index < len(levels) else []
        for first, second in itertools.pairwise(layers):
            convolution = second.convolution
            find.group(
                convolution.in_channels,
                writers=[first.convolution],
                readers=[convolution],
                followers=[first.norm],
            )
        if layers:
            previous, norm = layers[-1].convolution, layers[-1].norm
    for excitation in excitations:
        weigh = excitation.weigh
        find.group(weigh.in_channels, writers=[excitation.gather], readers=[weigh])


_RULES: dict[str, Callable[[_Finder, Any], None]] = {
    "article": _article,
    "article-printed": _article,
    "attention": _attention,
    "dcgan": _dcgan,
    "few-shot": _few_shot,
    "residual": _residual,
    "style": _style,
}
