"""How large two networks are: parameters, multiplications, memory, receptive field.

Capacity is what a discriminator overfits with and what a generator costs to run; the size dial
(`--size`) sets it.
"""

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from elegan.networks import ImageShape

_PROBES = 8  # images whose gradients are joined, so that no dead unit hides a pixel
_FEW = 2  # of them above 64 pixels, where units are many and time is dear
_WEIGHTS = "parametrizations"  # modules beneath this name give out weights


def capacity(generator: nn.Module, discriminator: nn.Module, shape: ImageShape) -> dict[str, Any]:
    """Returns what the networks cost for one image, as JSON values.

    - `parameters`: trained numbers.
    - `macs`: multiplications with addition in convolutions and matrix products, as executed: work
      on inserted zeros counts, elementwise work does not.
    - `activations`: numbers that the layers give out; training keeps about so many for each image
      until the backward pass, at 4 bytes in float32.
    - of the discriminator, `receptive_field`: the side in pixels of what one unit in the middle of
      its last map depends on, at most the image's side; `last_map`: that map's [channels, side].

    Copies of both networks are run, in evaluation mode.
    """
    device, latent = next(generator.parameters()).device, cast(int, generator.latent)
    random = torch.Generator().manual_seed(0)
    latents = torch.randn(1, latent, generator=random).to(device)
    probes = _PROBES if shape.resolution <= 64 else _FEW
    size = (probes, shape.channels, shape.resolution, shape.resolution)
    images = torch.randn(size, generator=random).to(device)
    labels = torch.zeros(probes, dtype=torch.int64, device=device) if shape.classes else None
    first = None if labels is None else labels[:1]
    return {
        "generator": cost_of(generator, latents, first),
        "discriminator": {
            **cost_of(discriminator, images[:1], first),
            **_receptive_field(discriminator, images, labels),
        },
    }


def translation_capacity(
    generator: nn.Module, discriminator: nn.Module, inputs: Tensor, images: Tensor
) -> dict[str, Any]:
    """Returns what a translator and a discriminator of patches cost for one image, as `capacity`.

    Args:
        inputs: [N, I, h, w], of which the first is taken.
        images: [N, C, H, W]; planes that the discriminator sees beside them count as zeros.
    """
    shown = images.new_zeros(1, cast(int, discriminator.channels), *images.shape[2:])
    return {
        "generator": cost_of(generator, inputs[:1]),
        "discriminator": cost_of(discriminator, shown),
    }


def describe_capacity(facts: dict[str, Any]) -> str:
    """Returns two lines for a person, of what `capacity` found."""
    lines = []
    for name in ("generator", "discriminator"):
        part = facts[name]
        field = part.get("receptive_field")
        lines.append(
            f"{name:<13} {part['parameters']:,} parameters, {_short(part['macs'])} multiplications"
            f" and {_short(part['activations'])} activations an image"
            + (f", sees {field} pixels across" if field else "")
        )
    return "\n".join(lines)


def cost(network: nn.Module, shape: ImageShape) -> dict[str, int]:
    """Returns parameters, macs and activations of a generator alone; see `capacity`."""
    device, latent = next(network.parameters()).device, cast(int, network.latent)
    labels = torch.zeros(1, dtype=torch.int64, device=device) if shape.classes else None
    return cost_of(network, torch.zeros(1, latent, device=device), labels)


def _still(network: nn.Module) -> nn.Module:
    """Returns a frozen copy; the counter of multiplications stumbles over trained parameters."""
    return copy.deepcopy(network).eval().requires_grad_(False)


def cost_of(network: nn.Module, *arguments: Tensor | None) -> dict[str, int]:
    """Returns parameters, macs and activations of a network on arguments for one image."""
    network = _still(network)
    elements = 0

    def count(layer: nn.Module, given: object, out: object) -> None:
        nonlocal elements
        if isinstance(out, Tensor) and all(name == _WEIGHTS for name, _ in layer.named_children()):
            elements += out.numel()

    for name, layer in network.named_modules():
        if _WEIGHTS not in name.split("."):  # what these give out are weights
            layer.register_forward_hook(count)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*arguments)
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "macs": counter.get_total_flops() // 2,
        "activations": elements,
    }


def _receptive_field(
    network: nn.Module, images: Tensor, labels: Tensor | None
) -> dict[str, int | list[int] | None]:
    """Follows gradients from the middle of the last map with places back to the image.

    The weights of a copy are drawn anew first: branches that begin, or have ended, as zero would
    hide what the layers can see.
    """
    network = _still(network)
    random = torch.Generator(images.device).manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                deviation = parameter[0].numel() ** -0.5
                parameter.normal_(std=deviation, generator=random)
            elif parameter.ndim == 0:
                parameter.fill_(1.0)
    maps: list[Tensor] = []

    def keep(layer: nn.Module, given: object, out: object) -> None:
        if isinstance(out, Tensor) and out.ndim == 4 and min(out.shape[2:]) > 1:
            maps[:] = [out]

    for layer in network.modules():
        layer.register_forward_hook(keep)
    with torch.enable_grad():
        images = images.clone().requires_grad_(True)
        network(images, labels)
    if not maps:
        return {"receptive_field": None, "last_map": None}
    _, channels, side, _ = maps[0].shape
    middle = maps[0][:, :, side // 2, side // 2].sum()
    (slope,) = torch.autograd.grad(middle, images)
    reached = slope.ne(0).any(dim=1).any(dim=0).nonzero()
    span = reached.max(dim=0).values - reached.min(dim=0).values + 1 if len(reached) else None
    return {
        "receptive_field": None if span is None else int(span.max()),
        "last_map": [channels, side],
    }


def _short(count: int) -> str:
    """123456 -> '123 k': three digits and a unit."""
    value, unit = float(count), ""
    for following in ("k", "M", "G"):
        if value < 999.5:
            break
        value, unit = value / 1000, following
    return f"{value:.3g} {unit}".strip()
