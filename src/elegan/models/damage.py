"""What is wrong with a photo: a small network that tells kinds of damage and how strong they are.

It looks at windows of a photo. Values are in the units of `data.degradations`, 0 where there is
none of that damage; below a kind's threshold, which undamaged photos stay under, nothing is said.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elegan.common.weights import packaged_weights

SIDE = 64  # of a window, in pixels
MAX_WINDOWS = 32  # of a photo, those with most detail: a blue sky shows no blur
CALM = 16  # more windows, those with least detail: there, noise is not taken for texture
_CLIPPED = 0.2  # share of black or white in a window that shows no noise
_SHOWN_RAIN = 2.0  # in calm windows; undamaged photos show less than 1, but for a few
_CANDIDATES = 12  # along each side of a photo
_WIDTHS = (24, 32, 48, 64, 96)


@dataclass(frozen=True)
class Damage:
    """One kind of damage that is told.

    Attributes:
        family: the task that undoes it.
        full: the value at which the network's answer is 1.
        values: of kinds of `data.degradations`, the strength from their parameters.
        words: of a value, for a person.
        least: what a person sees who names the family; 0 where another kind stands for it.
    """

    family: str
    full: float
    values: Mapping[str, Callable[[Mapping[str, float]], float]]
    words: Callable[[float], str]
    least: float


_BLURS: dict[str, Callable[[Mapping[str, float]], float]] = {
    "gaussian-blur": lambda p: p["sigma"],
    "defocus": lambda p: p["radius"] / 2,  # the deviation of an even disc
    "motion-blur": lambda p: p["length"] / 12**0.5,
}

DAMAGES = {
    "noise": Damage(
        "denoise",
        50,
        {
            "noise": lambda p: 255 * p["sigma"],
            **dict.fromkeys(_BLURS, lambda p: 255 * max(0.0, p["grain"])),
        },
        "noise {:.0f}/255".format,
        least=5,
    ),
    "jpeg": Damage(
        "denoise",
        90,
        {"jpeg": lambda p: 100 - p["quality"]},
        lambda value: f"JPEG quality {100 - value:.0f}",
        least=0,
    ),
    "blur": Damage("deblur", 4, _BLURS, "blur {:.1f} px".format, least=0.8),
    "rain": Damage(
        "derain",
        50,
        {"rain": lambda p: 255 * 10 ** (-p["decibels"] / 20)},
        lambda _: "rain",
        least=11,
    ),
    "haze": Damage("dehaze", 0.75, {"haze": lambda p: p["veil"]}, "haze {:.0%}".format, least=0.2),
    "stripes": Damage(
        "destripe", 0.7, {"stripes": lambda p: p["opacity"]}, lambda _: "a pattern", least=0.2
    ),
}
"""Every kind that is told, in the order of the network's answers."""


def strengths(done: Mapping[str, Mapping[str, Any]]) -> np.ndarray:
    """Returns what the network is to answer for `Degraded.parameters`, float32 [kinds]."""
    found = [
        max((value(done[kind]) for kind, value in item.values.items() if kind in done), default=0.0)
        / item.full
        for item in DAMAGES.values()
    ]
    return np.array(found, np.float32)


class DamageNetwork(nn.Module):
    """Convolutions that halve the size four times, their means and deviations, a linear layer.

    The first layer keeps the full resolution, where noise and the grid of JPEG are.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for level, (inputs, outputs) in enumerate(itertools.pairwise((3, *_WIDTHS))):
            stride = 1 if level == 0 else 2
            layers += [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        self.trunk = nn.Sequential(*layers)
        self.answers = nn.Linear(2 * _WIDTHS[-1], len(DAMAGES))

    def forward(self, windows: Tensor) -> Tensor:
        """Windows [N, 3, h, w] in [-1, 1] -> answers [N, kinds], 1 at a kind's full strength."""
        maps = self.trunk(windows).flatten(2)
        return self.answers(torch.cat([maps.mean(2), maps.std(2)], dim=1))


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is wrong with one photo.

    Attributes:
        values: by the names of `DAMAGES`, those that are above their threshold.
    """

    values: Mapping[str, float]

    @property
    def families(self) -> tuple[str, ...]:
        """The tasks that undo what was found."""
        return tuple(dict.fromkeys(DAMAGES[name].family for name in self.values))

    def __str__(self) -> str:
        """As a person reads it: "noise 23/255, JPEG quality 35", or "no damage"."""
        found = [DAMAGES[name].words(value) for name, value in self.values.items()]
        return ", ".join(found) or "no damage"


def diagnose(image: np.ndarray, *, quality: int | None = None) -> Diagnosis:
    """Tells what damage a photo has.

    Args:
        image: [H, W, 1 or 3], uint8, uint16 or floats in 0..1.
        quality: of the JPEG file that the photo was read from, 1 to 100: known, not guessed.

    Raises:
        EleganError: the network is missing from this installation, or damaged.
    """
    network, card = _shipped()
    with torch.inference_mode():
        values = summary(*(network(windows).numpy() for windows in windows_of(image)))
    if quality is not None:
        values["jpeg"] = 100.0 - quality
    found = {name: value for name, value in values.items() if value >= card["thresholds"][name]}
    return Diagnosis(values=found)


def summary(busy: np.ndarray, calm: np.ndarray) -> dict[str, float]:
    """Answers [N, kinds] for the windows of one photo -> a value for each kind.

    The mean of the middle half of the busy windows: none decides alone. Noise is everywhere, and
    texture only adds to it: of the calm windows the lower quartile. Rain is everywhere, too: what
    calm windows do not show at all is texture.
    """
    kinds = list(DAMAGES)
    noise, rain = kinds.index("noise"), kinds.index("rain")
    values, calmer = _middle(busy), _middle(calm)
    values[noise] = np.quantile(calm[:, noise], 0.25)
    shown = calmer[rain] * DAMAGES["rain"].full >= _SHOWN_RAIN
    values[rain] = max(values[rain], calmer[rain]) if shown else 0.0
    return {
        name: max(0.0, float(value) * DAMAGES[name].full)
        for name, value in zip(kinds, values, strict=True)
    }


def _middle(answers: np.ndarray) -> np.ndarray:
    """The mean of the middle half."""
    ordered = np.sort(answers, axis=0)
    cut = len(ordered) // 4
    return ordered[cut : len(ordered) - cut].mean(axis=0)


def windows_of(image: np.ndarray) -> tuple[Tensor, Tensor]:
    """Returns the windows of a photo that show most and least, [N, 3, SIDE, SIDE] in [-1, 1]."""
    short = [(0, max(0, SIDE - side)) for side in image.shape[:2]]
    if any(after for _, after in short):
        image = np.pad(image, (*short, (0, 0)), mode="symmetric")
    tops, lefts = (
        np.unique(np.linspace(0, side - SIDE, min(_CANDIDATES, 1 + side // SIDE)).astype(int))
        for side in image.shape[:2]
    )
    whole = np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1.0
    windows = np.stack(
        [
            image[top : top + SIDE, left : left + SIDE].astype(np.float32) / whole
            for top in tops.tolist()
            for left in lefts.tolist()
        ]
    )
    detail = np.abs(np.diff(windows.mean(axis=3), axis=2)).mean(axis=(1, 2))
    clipped = (np.abs(windows - 0.5) > 0.49).mean(axis=(1, 2, 3)) > _CLIPPED
    calmest = np.lexsort((detail, clipped))[:CALM]
    busiest = np.argsort(-detail, kind="stable")[:MAX_WINDOWS]
    planes = torch.from_numpy(windows).permute(0, 3, 1, 2).mul(2).sub(1).expand(-1, 3, -1, -1)
    return planes[busiest], planes[calmest]


@lru_cache(maxsize=1)
def _shipped() -> tuple[DamageNetwork, dict[str, Any]]:
    weights, card = packaged_weights(
        "elegan.models",
        "damage_network/network",
        what="The network that tells damage",
        otherwise="Install elegan again, or name the damage with --task.",
    )
    network = DamageNetwork()
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False), card
